"""Step 4: a density that one draws is moved to N(0, 1), and how far is W1."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.drawing import EXTENT, Drawing, DrawnSpec, draw_batch, shaped
from app.charts.chart import show_chart
from app.charts.transport import transport_panels
from app.session import caches
from app.session.batch_fields import DEFAULT, drawing_query
from app.session.canvas import canvas_field
from app.session.fields import Field, Values
from app.text.language import _
from app.views.learn.step import Onward, Place, Step
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.lesson.transport import Transport

FARTHEST, TOLERANCE = EXTENT, 0.1  # a move, of all sand at one end of the canvas, and how far off is right
SeenTransport = tuple["Transport", Drawing]


def spec_of(values: Values) -> DrawnSpec:
    """What the unit is drawn by; of an empty canvas a normal density."""
    drawing = _drawn(values)
    normal = shaped("density", "normal")
    return DrawnSpec(normal if drawing.is_empty else drawing, DEFAULT.n, DEFAULT.dim, DEFAULT.seed)


def _fields() -> tuple[Field[Any], ...]:
    return (canvas_field("density", "bimodal", path="drawing", key="learn_transport_drawing"),)


def _see(values: Values) -> SeenTransport:
    from analysis.lesson.transport import see_transport  # brings torch

    return caches.shared(see_transport, caches.shared(draw_batch, spec_of(values))), _drawn(values)


def _drawn(values: Values) -> Drawing:
    return Drawing.from_address("density", values["drawing"])


def _ask(seen: SeenTransport) -> Place:
    transport, _drawing = seen
    because = _("The least move is W1 = {w1:.2f}; with all of the sand at 0 it is 0.80.").format(w1=transport.w1)
    if abs(transport.mean) >= TOLERANCE:
        because += " " + _("The mean alone has to move by {shift:.2f}.").format(shift=abs(transport.mean))
    return Place(
        text=_("The drawn sand is moved until it lies as N(0, 1). How far does a grain move on average, at the least?"),
        low=0.0,
        high=FARTHEST,
        step=0.05,
        right=transport.w1,
        tolerance=TOLERANCE,
        because=because,
    )


def _show(seen: SeenTransport, revealed: bool) -> None:
    transport, drawing = seen
    show_chart(
        partial(transport_panels, drawing.grid.positions, _density(drawing), transport, revealed=revealed),
        key="learn_transport",
        height=400,
        aspect=0.66,
        alt=_("The drawn density above, N(0, 1) below, and the distribution functions of both."),
        about=_("Nothing is drawn yet: N(0, 1) is moved to itself.") if drawing.is_empty else "",
    )


def _density(drawing: Drawing) -> NDArray[np.float64]:
    """As it is drawn, at the nodes."""
    if drawing.is_empty:
        return np.zeros(drawing.grid.nodes)
    density: NDArray[np.float64] = drawing.shares / drawing.grid.spacing
    return density


def _onward(values: Values) -> Onward:
    return Onward("bound", _("This density in every direction"), drawing_query(spec_of(values).drawing))


TRANSPORT: "Step[SeenTransport]" = Step(
    key="transport",
    title=N_("How far is this sand from N(0, 1)?"),
    invitation=N_("Draw a heap of sand, or begin with a shape."),
    explanation=N_(
        "On a line no grain overtakes another: the leftmost tenth goes to the leftmost tenth. The mean move is W1, the"
        " Wasserstein distance, and the area between both distribution functions. A mean of 0 and a variance of 1 do"
        " not make it 0; only N(0, 1) itself does."
    ),
    misconception=N_("Equal mean and variance means equal distributions."),
    minutes=5,
    fields=_fields,
    see=_see,
    ask=_ask,
    show=_show,
    onward=_onward,
)

"""A canvas on which a visitor draws a distribution, kept in the address as a field like any other.

Streamlit binds none of its own widgets to such a value, and drops it from the address of the next page: the session
keeps it, and puts it there again.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.drawing import EXTENT, SHAPE_TITLES, Drawing, Kind, Shape, empty, shaped, shapes
from app.session.fields import Field
from app.text.language import _, translated
from app.text.plain import escaped
from per_core.errors import InvalidInputError

_FRONTEND = Path(__file__).parent / "frontend"
_COMPONENT = st.components.v2.component(
    "perscope_canvas",
    css=(_FRONTEND / "canvas.css").read_text(encoding="utf-8"),
    js=(_FRONTEND / "canvas.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def canvas_field(kind: Kind, shape: Shape | None = None, **more: Any) -> "Canvas":
    """A canvas for a cloud of two units or a density of one, on which a shape is drawn at first, or nothing."""
    label = {
        "cloud": _("Cloud of two units, x and y from −4 to 4"),
        "density": _("Density of one unit, x from −4 to 4"),
    }
    begun = empty(kind) if shape is None else shaped(kind, shape)
    return Canvas(kind=kind, label=label[kind], default=begun.address, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas(Field[str]):
    """A drawing, as `Drawing.address` says it: `Drawing.from_address(kind, value)` is what was drawn.

    Attributes:
        kind: "cloud" of two units or "density" of one.
    """

    kind: Kind

    def draw(self) -> str:
        """Draw the canvas with shapes to begin with; what the address holds and is no drawing is an empty one."""
        try:
            drawing = Drawing.from_address(self.kind, _kept(self.key, self.default))
        except InvalidInputError as error:
            st.error(escaped(error))
            drawing = empty(self.kind)
        grid, levels, canvas = drawing.grid, list(drawing.levels), f"{self.key}_canvas"
        sent = st.session_state.get(canvas, {}).get("drawn")
        _COMPONENT(
            key=canvas,
            data={
                "kind": self.kind,
                "name": self.key,
                "label": self.label,
                "nodes": grid.nodes,
                "highest": grid.highest,
                "extent": EXTENT,
                "levels": levels,
                "echo": isinstance(sent, dict) and sent.get("levels") == levels,
                "shapes": {shape: translated(SHAPE_TITLES[shape]) for shape in shapes(self.kind)},
                "texts": _texts(self.kind),
            },
            on_drawn_change=lambda: _keep(self.key, received(self.kind, st.session_state[canvas]["drawn"])),
            on_shape_change=lambda: _keep(self.key, shaped(self.kind, st.session_state[canvas]["shape"])),
        )
        return drawing.address

    def offers(self, value: object) -> bool:
        """A drawing of this kind."""
        try:
            return isinstance(value, str) and Drawing.from_address(self.kind, value).kind == self.kind
        except InvalidInputError:
            return False


def leave_address(*keys: str) -> None:
    """The page does not show these drawings: the address says nothing of them, the session keeps them."""
    for key in keys:
        st.query_params.pop(key, None)


def _kept(key: str, default: str) -> str:
    """What the address holds; if that is nothing, what the session holds, which goes into the address."""
    if key in st.query_params:
        st.session_state[key] = st.query_params[key]
    elif st.session_state.get(key, default) != default:
        st.query_params[key] = st.session_state[key]
    return str(st.session_state.get(key, default))


def _keep(key: str, drawing: Drawing) -> None:
    st.session_state[key] = st.query_params[key] = drawing.address


def received(kind: Kind, drawn: Any) -> Drawing:
    """What the browser sent, which may be anything."""
    levels = drawn.get("levels") if isinstance(drawn, dict) else None
    if not isinstance(levels, list) or not all(isinstance(level, int) and 0 <= level < 256 for level in levels):
        levels = []  # which the drawing refuses
    return Drawing(kind, bytes(levels))


def _texts(kind: Kind) -> dict[str, str]:
    """What the canvas itself says; {x}, {y} and {level} are filled in there."""
    common = {"undo": _("Undo"), "clear": _("Clear"), "shapes": _("Begin with a shape"), "tools": _("Tools")}
    if kind == "density":
        return common | {
            "help": _("Draw the curve; dotted is N(0, 1). Keys: left and right move, up and down change the height."),
            "at": _("x = {x}, height {level} %"),
        }
    return common | {
        "spray": _("Spray"),
        "pen": _("Pen"),
        "erase": _("Erase"),
        "help": _(
            "Paint points; dotted are 1 and 2 standard deviations of N(0, I). Keys: arrows move, space paints, Delete"
            " erases."
        ),
        "at": _("x = {x}, y = {y}, density {level} %"),
    }

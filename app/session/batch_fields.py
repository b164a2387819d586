"""The table of the sidebar: what a batch of Figure 1 is drawn by, and where a layer of a run is.

Keys start with `data_` and are public: they are the names in the address.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from analysis.drawing import KINDS, Drawing, Kind, Shape
from analysis.fields import Range
from analysis.samples import CASES, DIMENSIONS, FILLS, SIZES, SampleSpec
from app.session.canvas import canvas_field
from app.session.fields import Field, OneOf, Slider, Whole, linked_fields
from app.session.keys import DATA_CLOUD, DATA_DENSITY, DATA_DRAWN, DATA_SOURCE
from app.text.language import _, translated
from per_core.text import N_

FIGURE1, DRAWN, RECORDING, RUN, DUMP = "Figure 1", "Drawn", "Recording", "Run", "Dump"
_SOURCES = {FIGURE1: N_("Figure 1"), DRAWN: N_("Drawn"), RECORDING: N_("Recording"), RUN: N_("Run"), DUMP: N_("Dump")}
_DRAWN = {"cloud": N_("Two units"), "density": N_("One unit")}
_FILLS = {  # name and explanation
    "independent": (N_("independent"), N_("N(0, 1) each")),
    "pairs": (N_("pairs"), N_("the structure of the first two, repeated")),
}
DRAWN_KEYS: dict[Kind, str] = {"cloud": DATA_CLOUD, "density": DATA_DENSITY}
_BEGUN: tuple[Shape, Shape] = ("ring", "bimodal")  # BN finds nothing to remove in either
DEFAULT = SampleSpec(
    seed=5,  # a typical draw: by every statistic it says of each case what the population says
    skewness=1.41,
    left_weight=0.44,
    left_mean=-0.93,
    left_sd=0.68,
    right_mean=0.73,
    right_sd=0.47,
)


def source_field() -> Field[str]:
    """Where the batch comes from."""
    return OneOf(
        path="source",
        key=DATA_SOURCE,
        label=_("Batch"),
        default=FIGURE1,
        options=list(_SOURCES),
        show=lambda source: translated(_SOURCES[source]),
        look="buttons",
    )


class SampleFields(NamedTuple):
    """The table of a sample's spec, in the groups that the sidebar draws; the sliders show a part of what is valid."""

    case: tuple[Field[Any], ...]
    size: tuple[Field[Any], ...]
    shape: tuple[Field[Any], ...]
    affine: tuple[Field[Any], ...]

    def all(self) -> Iterator[Field[Any]]:
        """Every field."""
        return (field for group in self for field in group)


def sample_fields() -> SampleFields:
    """The table of a sample's spec."""
    case = _choice(
        "case",
        _("Case of Figure 1"),
        CASES,
        look="buttons",
        hint=_("Distributions shows all four; the other pages look at this one."),
    )
    fill = _choice(
        "fill",
        _("Units beyond the first two"),
        FILLS,
        look="radio",
        show=lambda fill: translated(_FILLS[fill][0]),
        captions=[translated(_FILLS[fill][1]) for fill in FILLS],
        applies=lambda values: values["dim"] > 2,
    )
    seed = Whole(
        path="seed",
        key="data_seed",
        label=_("Seed"),
        default=DEFAULT.seed,
        range=Range(0, 999_999),
        hint=_("The page opens on a typical draw. With other seeds some statistics change sides: see which."),
    )
    return SampleFields(
        case=(case,),
        size=(
            _choice("n", _("Samples n"), SIZES, look="steps"),
            _choice("dim", _("Units d"), DIMENSIONS, look="steps"),
            fill,
            seed,
        ),
        shape=(
            _slider("rho", _("(b) correlation ρ"), -1.0, 1.0),
            _slider("skewness", _("(c) skewness of x"), 0.05, 4.0),
            _slider("left_weight", _("(d) weight of the left mode"), 0.01, 0.99),
            _slider("left_mean", _("(d) mean of the left mode"), -4.0, 0.0),
            _slider("left_sd", _("(d) width of the left mode"), 0.05, 3.0),
            _slider("right_mean", _("(d) mean of the right mode"), 0.0, 4.0),
            _slider("right_sd", _("(d) width of the right mode"), 0.05, 3.0),
        ),
        affine=(
            _slider("shift", _("Shift of every unit"), -4.0, 4.0),
            _slider("scale", _("Scale of every unit"), 0.0, 4.0),
        ),
    )


def drawn_fields() -> tuple[Field[Any], ...]:
    """What is drawn, the joint density of two units or the density of one; the canvas, and the size of a batch."""
    kind = OneOf(
        path="kind",
        key=DATA_DRAWN,
        label=_("Drawing of"),
        default=KINDS[0],
        options=KINDS,
        show=lambda kind: translated(_DRAWN[kind]),
        look="buttons",
        hint=_("All other units are independent N(0, 1)."),
    )
    canvases = (
        canvas_field(one, shape, path="drawing", key=key, applies=lambda values, one=one: values["kind"] == one)
        for (one, key), shape in zip(DRAWN_KEYS.items(), _BEGUN, strict=True)
    )
    return (kind, *canvases, *(field for field in sample_fields().size if field.path != "fill"))


def sample_query(spec: SampleSpec) -> dict[str, str | list[str]]:
    """What the address of a page says so that it opens with the batch of a spec."""
    return linked_fields(sample_fields().all(), spec.as_dict())


def drawing_query(drawing: Drawing) -> dict[str, str]:
    """What the address of a page says so that it opens with a batch of a drawing."""
    return {
        DATA_SOURCE: str(source_field().linked(DRAWN)),
        DATA_DRAWN: str(drawn_fields()[0].linked(drawing.kind)),
        DRAWN_KEYS[drawing.kind]: drawing.address,
    }


def recorded_fields(layers: Sequence[str], epochs: Sequence[float]) -> tuple[Field[str], Field[float]]:
    """A layer and an epoch of the run that ships with the dashboard."""
    return (
        OneOf(path="layer", key="data_layer", label=_("Layer"), default=middle(layers), options=layers, look="radio"),
        OneOf(path="epoch", key="data_epoch", label=_("Epoch"), default=epochs[-1], options=epochs, look="steps"),
    )


def middle(options: Sequence[str]) -> str:
    """The one that stands in the middle: neither the first layer nor the last is typical."""
    return options[len(options) // 2]


def _choice(name: str, label: str, options: Sequence[Any], **more: Any) -> OneOf[Any]:
    return OneOf(path=name, key=f"data_{name}", label=label, default=getattr(DEFAULT, name), options=options, **more)


def _slider(name: str, label: str, low: float, high: float) -> Slider:
    return Slider(path=name, key=f"data_{name}", label=label, default=getattr(DEFAULT, name), range=Range(low, high))

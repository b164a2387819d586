"""Near collapse: which regulariser leads a batch out of it."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from app.charts.chart import show_chart
from app.charts.methods import pull_near_collapse
from app.session import caches
from app.session.progress import in_chunks
from app.text.enumeration import enumerated
from app.text.language import _
from per_core import list_methods

if TYPE_CHECKING:
    from analysis.methods.collapse import CollapsePull, Way


def show_collapse() -> None:
    """The outward pull of every regulariser, as it is published, over the scale of a Gaussian batch."""
    from analysis.methods import collapse
    from analysis.methods.flow import FlowSpec

    methods = list_methods("regulariser")
    found = in_chunks(
        len(methods),
        1,
        lambda first, _count: caches.computed(collapse.pull_near_collapse, FlowSpec(methods[first - 1].key)),
        _("Pulls near collapse"),
    )
    pulls = dict(zip((method.short for method in methods), found, strict=True))
    show_chart(
        partial(pull_near_collapse, pulls),
        key="methods_collapse",
        height=380,
        alt=ways_out(pulls),
        about=ways_out(pulls),
        precise=_(
            "The batch is {n} rows of N(0, I) in {d} units, times the scale. The pull is the mean over rows of −n times"
            " the gradient along the row, divided by its largest size at any scale, so that losses of different sizes"
            " can be compared. Methods have their default parameters. At 0 itself every gradient is 0 or undefined."
        ).format(n=collapse.ROWS, d=collapse.UNITS),
    )


def ways_out(pulls: "Mapping[str, CollapsePull]") -> str:
    """Which methods lead out of a collapse, which lose their pull on the way, and which lead into it."""
    names: dict[Way, str] = {
        way: enumerated([name for name, pull in pulls.items() if pull.way == way] or [_("none")])
        for way in ("out", "fades", "in")
    }
    return _(
        "At a scale of {scale:g}, {out} still pull outward. {fading} hardly pull there, and {inward} lead inward."
    ).format(scale=next(iter(pulls.values())).scales[0], out=names["out"], fading=names["fades"], inward=names["in"])

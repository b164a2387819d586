"""Numbers as the pages write them."""

from typing import TYPE_CHECKING

from app.text.language import _

if TYPE_CHECKING:
    from analysis.distances.batch_statistics import Key
    from analysis.statistics.null_band import NullBand


def number(value: float, key: "Key | None" = None) -> str:
    """A number for a table: three decimals, whole for a count, "undefined" for NaN."""
    if value != value:
        return _("undefined")
    if key == "modes":
        return f"{value:.0f}"
    return f"{round(value, 3) + 0.0:.3f}" if abs(value) < 100 else f"{value:.4g}"  # + 0.0: no minus before a zero


def span(band: "NullBand", key: "Key | None" = None) -> str:
    """A null band as "low … high"."""
    if band.draws == 0:
        return _("undefined")
    return f"{number(band.low, key)} … {number(band.high, key)}"


def by_chance(draws: int, *, sides: int = 2) -> str:
    """How often a batch of the null distribution lies outside the range of so many others, or with sides = 1 above it.

    To be put into brackets, or at the end of a sentence.
    """
    from analysis.statistics.null_band import mean_false_alarms, most_false_alarms

    mean, most = (rate(draws, sides=sides) for rate in (mean_false_alarms, most_false_alarms))
    return _("by chance about once in {mean:.0f} times, at most once in {most}").format(
        mean=1 / mean, most=int(1 / most)
    )


def plus_minus(margin: float, over: str) -> str:
    """The margin of error under a number. `over` says of what."""
    if margin < 5e-5:
        return f"± < 0.0001 {over}"
    return f"± {margin:.4f} {over}"


def over_directions(d: int) -> str:
    """What the margin of a mean over the shared directions is, see `analysis.distances.directions.mean_over_slices`."""
    return _("(over angles)") if d == 2 else _("(95 %, over directions)")

"""What the Methods page says."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from app.text.numbers import by_chance, number, span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.distances.decomposition import DistanceParts, Part
    from analysis.distances.distinction import Cell, Key
    from analysis.methods.flow import FlowReadings, FlowStart
    from analysis.statistics.null_band import NullBand
    from app.charts.methods import SmallBatchCurve

LEADS = {
    "normaliser": "A normaliser maps it at once.",
    "regulariser": "A regulariser pulls at it, and what stands here is where its pull leads.",
}
KINDS = {
    ("normaliser", "batch"): "A normaliser: it maps the batch at once, by the batch's own statistics.",
    ("normaliser", "row"): "A normaliser: it maps every row at once, by that row's own statistics.",
    ("regulariser", "batch"): "A regulariser: a loss whose gradient pulls on every row, by what the whole batch is.",
    ("regulariser", "row"): "A regulariser: a loss whose gradient pulls on every row, by what that row is.",
}
HELP_METHODS = "From the registry of methods. Each has its settings in the row below."
HELP_LEFT = (
    "Training never has a regulariser alone: a task wants the activations to be something. Here the task wants every "
    "row to stay where it was, mean ‖h − h0‖² / 2 + λ · regulariser."
)
HELP_STRENGTH = (
    "λ in a unit that all regularisers share: at strength 1 the pull at the start has the root mean square √d, as "
    "much as the task's pull on a row that was moved by √d. λ itself stands under each flow."
)
NOTHING_CHOSEN = "Choose at least one method above: {start} are a good start."
ORDER = "location, scale, correlation, shape"
SMALL_BATCH_TITLE = "The small-batch effect"
HELP_PAIRING = (
    "Rows in pairs: row i of both is the same input, before and after a method or at two epochs. Then the two rows of "
    "each pair change places, which finds small changes. Independent rows are pooled and dealt out anew. A dump does "
    "not say: epochs with as many rows count as pairs."
)
OVERLAY_TITLE = "Two batches on one axis"
FEW_ROWS_A_UNIT = 5
ABOUT_FIELD = " Arrows: the gradient field, where a regulariser pulls single rows of the batch before."


def whitening_warning(name: str, rows: int, together: int, d: int) -> str:
    """Why whitened numbers deceive where groups of `together` of the d units are whitened by so many rows; or ""."""
    if rows >= FEW_ROWS_A_UNIT * together:
        return ""
    units = f"{d} units" if together == d else f"groups of {together} of the {d} units"
    return (
        f"{name} whitens {units} by statistics of {rows:,} rows: {rows / together:.1f} rows a unit. Below about "
        f"{FEW_ROWS_A_UNIT} most batches then look closer to N(0, I) than N(0, I) itself: uniform, bimodal and "
        "exponential units do, sparse ones and rows of very different size do not. Use more rows or smaller groups, "
        "and look at held-out rows."
    )


def about_parts(
    present: "DistanceParts",
    removed: "Mapping[str, Mapping[Part, float]]",
    fewer: "tuple[Sequence[str], int, DistanceParts] | None",
) -> str:
    """What the chart on top shows, and what it says here.

    `fewer` holds the methods that saw only the first rows of the batch, how many, and what was there in those.
    """
    draws = present.bands["floor"].draws
    left = [
        f"{name} {'removes' if (total := sum(parts.values())) >= 0 else 'adds'} {abs(total):.3f}"
        for name, parts in removed.items()
    ]
    said = (
        f"SW1 to N(0, I) is {present.sw1:.3f}, taken apart by removing {ORDER} in this order (another order gives "
        f"other parts); the sampling floor is what {draws} Gaussian batches of this size have on average. Of it "
        f"{'; '.join(left)}. Notice which bars reach the outlined one: that part is mended. A bar below 0 adds "
        "distance; grey is what N(0, I) itself shows by chance. A unit that never changes cannot be scaled: what it "
        "lacks stays in the shape."
    )
    if fewer is None:
        return said
    names, rows, there = fewer
    parts = ", ".join(f"{part} {value:.3f}" for part, value in there.values.items())
    return (
        f"{said} The bars of {' and '.join(names)} are of the first {rows:,} rows, in which SW1 is {there.sw1:.3f} "
        f"({parts}); outline and grey are of the whole batch."
    )


def alt_parts(present: "DistanceParts", removed: "Mapping[str, Mapping[Part, float]]") -> str:
    """The takeaway of the chart on top."""
    whole = ", ".join(f"{part} {value:.3f}" for part, value in present.values.items())
    each = "; ".join(
        f"{name} removes " + ", ".join(f"{part} {value:.3f}" for part, value in parts.items() if part != "floor")
        for name, parts in removed.items()
    )
    return f"SW1 to N(0, I) is {present.sw1:.3f}: {whole}. {each}."


def change(after: "Cell", before: "Cell", key: "Key") -> str:
    """A statistic after a method, with how much it changed."""
    text = number(after.value, key)
    if after.value != after.value or before.value != before.value:
        return text
    difference = after.value - before.value
    if abs(difference) < 5e-4:
        return f"{text} (0)"
    return f"{text} ({'+' if difference > 0 else '−'}{number(abs(difference), key)})"


def about_changes(band: "NullBand", fewer_rows: int | None) -> str:
    """What the table compares."""
    cut = (
        f" A regulariser's flow follows the first {fewer_rows:,} rows: its change and its ≠ are by the two columns at "
        "the right, not by the whole batch."
        if fewer_rows
        else ""
    )
    return (
        f"In brackets the change by the method. ≠ marks values outside the range of {band.draws} batches of N(0, I) of "
        f"the same size ({by_chance(band.draws)}). Of a statistic that each unit has, the unit furthest from N(0, 1) "
        "is shown, which may be another one after the method. The variance "
        f"of batch variances is in the unit of the activations to the fourth power.{cut}"
    )


def about_flow(short: str, alone: "FlowStart", task: "FlowStart", rows: int, d: int) -> str:
    """What a flow shows and how it was followed."""
    from analysis.methods.flow import FIRST_MOVE

    if alone.is_still:
        return f"No pull here: the gradient of {short} is 0 at each of the {rows:,} rows, so nothing moves."
    several = f" over {alone.draws} draws in each step" if alone.draws > 1 else ""
    drawn = (
        f" The gradient is drawn{several}, so part of what the arrows show is noise: two independent fields have a "
        f"cosine of {alone.agreement:.2f}."
        if alone.agreement < 0.9995
        else ""
    )
    slices = "64 evenly spaced angles" if d == 2 else "64 fixed random directions; only two directions are drawn"
    return (
        f"{rows:,} rows follow the gradient of {short}, alone (step size η = {alone.step:.3g} times n) and against a "
        f"task that holds each row where it was (λ = {task.weight:.3g}). Arrows show the pull on single rows, the "
        "longest tenth cut. η falls to 0 over the second half, and no step moves the rows by more than "
        f"{2 * FIRST_MOVE:.0%} of √d (root mean square).{drawn} SW1 is read on {slices}. Kurtosis is cut off where a "
        "collapse has taken it far away."
    )


def where_it_leads(name: str, readings: "FlowReadings", gaussian: "Mapping[str, NullBand]") -> str:
    """What a flow did to the batch, judged by Gaussian batches of the same size."""
    last, band = readings.sw1[-1], gaussian["sw1"]
    if last > band.high:
        verdict = "further than any of them"
    else:
        verdict = "which is as near as they are" if last in band else "nearer than any of them"
    return (
        f"**{name[0].upper()}{name[1:]}**, SW1 goes {from_to(readings.sw1)} ({band.draws} batches of N(0, I): "
        f"{span(band)}), {verdict}; the variance {from_to(readings.variance)}, the excess kurtosis "
        f"{from_to(readings.kurtosis)}."
    )


RADIAL_PULL = (
    "The pull on rows at one distance r along one direction: above 0 outward, below 0 inward. It repeats with the "
    "period of the statistic, {period:.3g}: rows beyond half of it are attracted to {period:.3g} instead of 0."
)
AIMS = {
    "kurtosis": "excess kurtosis, mean over the units,",
    "modes": "modes of the unit with most",
    "batch_variances": "variance of batch variances relative to the squared variance",
}


def from_to(values: "NDArray[np.float64]", key: "Key | None" = None) -> str:
    """A reading at the first and at the last step."""
    return f"{number(values[0], key)} → {number(values[-1], key)}"


def own_aim(short: str, judged_by: Sequence[str], readings: "FlowReadings", gaussian: "Mapping[str, NullBand]") -> str:
    """A regulariser judged by what it is for, from the start of a flow to its end."""
    said = []
    for field in judged_by:
        key: Key | None = "modes" if field == "modes" else None
        ends = from_to(getattr(readings, field), key)
        said.append(f"{AIMS[field]} {ends} (N(0, I): {span(gaussian[field], key)})")
    return (
        f"**{short} by its own aim, from the first step to the last:** {', '.join(said)}. **By SW1:** "
        f"{from_to(readings.sw1)}."
    )


def about_small_batches(curves: "Mapping[str, SmallBatchCurve]", gaussian: "NullBand", rows: int, splits: int) -> str:
    """What statistics from few rows do. `gaussian` is what N(0, I) itself has at `rows` rows."""
    said = []
    for name, curve in curves.items():
        at = list(curve.rows).index(rows)
        seen, held_out = float(np.median(curve.seen[at])), float(np.median(curve.held_out[at]))
        better = ", closer than any batch of N(0, I) there" if seen < gaussian.low else ""
        said.append(f"{name} {seen:.3f} on the rows themselves{better}, {held_out:.3f} on others")
    return (
        "Statistics come from b random rows; the same layer, then in evaluation mode, is applied to rows that were "
        "held out, and SW1 to N(0, I) is read on b rows at a time, seen or not: fewer rows are further away by chance "
        f"alone, as the grey range shows, which {gaussian.draws} batches of b rows of N(0, I) gave. Median and range "
        f"of {splits} draws. At b = {rows}, where N(0, I) has {span(gaussian)}: {'; '.join(said)}. Notice how far the "
        "two are apart where rows are few."
    )


def without_batch_effect(names: Sequence[str]) -> str:
    """Normalisers without a small-batch effect, or that none was chosen."""
    if not names:
        return "Choose a normaliser above: only normalisers take statistics from the batch."
    verb = "maps" if len(names) == 1 else "map"
    return (
        f"{' and '.join(names)} {verb} each row by its own statistics: rows that were held out are no others to them."
    )


def about_overlay(
    names: tuple[str, str], unit: str, apart: float, margin: str, dealt: "NullBand", pairs: int | None
) -> str:
    """What the overlay shows: `margin` is that of `apart` in words, `dealt` what the distance is with rows dealt anew.

    `pairs` is how many rows changed places pair by pair; None if the rows of both were pooled.
    """
    first, second = names
    start = f"Kernel densities of {unit}, of {first} and of {second}, on one axis with N(0, 1). "
    if apart == 0:
        return f"{start}They are the same batch, so SW1 between them is 0."
    p = 1 / (dealt.draws + 1)
    verdict = (
        "the two cannot be told from samples of one distribution"
        if apart <= dealt.high
        else f"the two differ (p = {p:.2g}: so far apart by chance once in {dealt.draws + 1} times)"
    )
    if pairs is None:
        over, how = "", "After their rows were pooled and dealt out anew"
    else:
        over = f" on the {pairs:,} rows that belong together"
        how = "After the two rows of each pair changed places at random"
    return (
        f"{start}The two batches are {apart:.4f} apart in SW1 (by POT, {margin}){over}. "
        f"{how}, {dealt.draws} times, it was {span(dealt)}: {verdict}."
    )


def about_move(scale: float, shift: float) -> str:
    """That the batches of the overlay are moved as the one before the methods is."""
    return f"Cases and epochs are multiplied by {scale:g} and shifted by {shift:g} as well, like the batch before."


def lead(name: str, scale: float, shift: float, kinds: set[str]) -> str:
    """What the page shows, of the kinds of methods that are chosen."""
    moved = f", multiplied by {scale:g} and shifted by {shift:g}" if (scale, shift) != (1, 0) else ""
    said = [text for kind, text in LEADS.items() if kind in kinds]
    return f"{name}{moved}. {' '.join(said)}"

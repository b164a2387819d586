"""What the dashboard says: labels and explanations, in one place, as plain sentences."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.text.numbers import by_chance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis.distances.bound import BoundReading, Decomposition, DirectionStudy, Influence, ScaleCurve
    from analysis.distances.pot_distance import GridDistance
    from analysis.statistics.null_band import NullBand

FILLS = {"independent": "N(0, 1) each", "pairs": "the two-unit structure, repeated"}
CASES = {
    "a": "two independent N(0, 1) units, the target.",
    "b": "two N(0, 1) units with correlation ρ.",
    "c": "x is a standardised Gamma variable, y is N(0, 1).",
    "d": "x is a mixture of two normals, y is N(0, 1).",
}
FLOAT32_ERROR = 1e-6


HELP_SEED = (
    "The dashboard opens on a typical draw, chosen by hand. Other seeds give other samples of the same law: see which "
    "statistics waver."
)

LEAD_BOUND = (
    "{name}. SW1 is the sliced Wasserstein-1 distance to N(0, I), exact along each slice; PER bounds it from "
    "above, but is smallest at collapse, not at N(0, I). Read the three together."
)
HELP_SW1 = (
    "Exact W1 distance to N(0, 1) along each of {slices} slices, without a reference sample; here stands their mean. "
    "The slices are fixed: every batch and every visit has the same. ± is half a 95 % interval for the mean over all "
    "directions, which one set of random slices in 20 misses. With two units the slices are evenly spaced angles, and "
    "± is the largest difference to the mean of every fourth angle. What another data set would give is the band at "
    "the right."
)
HELP_PER = (
    "Exact expectation over all directions. 0.798 at collapse, 1.128 at N(0, I). ± is half a 95 % interval over "
    "samples."
)
HELP_GAP = (
    "Mean over the slices of PER − W1 of the same slice: between 0 (a point mass) and 2/√π = 1.128 (loosest exactly at "
    "the target N(0, I))."
)
HELP_BAND = "Smallest and largest SW1 of fresh Gaussian batches of the same size, on the same directions."
ABOUT_CONVERGENCE = (
    "Estimates from the first k of 1,024 random directions, other ones than above, with 95 % intervals. Both need many "
    "random slices; only PER has a closed form, the dotted line, that needs none."
)


def verdict(reading: "BoundReading", sw1: "NullBand", per: "NullBand") -> str:
    """What the three numbers say together, judged by fresh Gaussian batches of the same size."""
    gaussian = f"{sw1.draws} Gaussian batches of this size"
    if reading.sw1 > sw1.high:
        where = f"SW1 is above what any of {gaussian} gave: the batch differs from N(0, I)."
    elif reading.sw1 < sw1.low:
        where = f"SW1 is below what any of {gaussian} gave: closer to N(0, I) than sampling from it is."
    else:
        where = f"SW1 is inside what {gaussian} gave: by SW1 the batch cannot be told from N(0, I)."
    if reading.per < per.low:
        lesson = "PER is below its range at N(0, I): smaller or more unequal norms, not a more Gaussian batch."
    elif reading.per > per.high:
        lesson = "PER is above its range at N(0, I): larger norms."
    else:
        lesson = "PER is in its range at N(0, I), which does not make the batch Gaussian."
    return f"{where} {lesson} Each of the two calls a batch of N(0, I) different {by_chance(sw1.draws)}."


def points_to(vector: NDArray[np.float64]) -> str:
    """A direction in words: the unit of its largest entry, and that entry."""
    largest = int(np.argmax(np.abs(vector)))
    return f"unit {largest + 1} ({vector[largest]:+.2f})"


def marked(value: float, band: "NullBand | None") -> str:
    """W1 along a worst direction, marked where it is above what its kind reaches on Gaussian batches."""
    return f"{value:.3f}" + (" ≠" if band is not None and value > band.high else "")


def reached(band: "NullBand | None") -> str:
    """The largest W1 a kind of direction reached on Gaussian batches."""
    return "…" if band is None else f"{band.high:.3f}"


def about_worst(study: "DirectionStudy", bands: "Mapping[str, NullBand]") -> str:
    """What the worst directions are compared with, and which kinds are worse than chance."""
    worst = study.worst_of_each_kind()
    beyond = [kind for kind, band in bands.items() if worst[kind] > band.high]
    band = next(iter(bands.values()))
    found = f"Worse than chance: {', '.join(beyond)}." if beyond else "None is worse than chance."
    return (
        "Any finite batch has worst directions. Beside each stands the largest W1 that the worst of its kind reached "
        f"in {band.draws} fresh Gaussian batches; ≠ marks what is above (for each kind "
        f"{by_chance(band.draws, sides=1)}). {found}"
    )


def about_directions(study: "DirectionStudy") -> str:
    """W1 and PER along the directions, and how far apart the worst and the mean are."""
    shared = np.array(study.kinds) == study.kinds[0]
    return (
        "The exact W1 and PER of the batch projected on one direction after the other. Notice the spread: W1 runs from "
        f"{study.w1.min():.3f} to {study.w1.max():.3f} where SW1, the mean over the slices, says "
        f"{study.w1[shared].mean():.3f}; PER runs from {study.per.min():.3f} to {study.per.max():.3f}."
    )


def about_scale(curve: "ScaleCurve") -> str:
    """Where PER and SW1 of the scaled batch have their minima."""
    per, sw1 = (float(curve.factors[int(np.argmin(y))]) for y in (curve.per, curve.sw1))
    return (
        "PER and SW1 of the batch multiplied by c; circles mark the smallest values. Notice where they are: PER's at "
        f"c = {per:.1f}, collapse, whatever the batch; SW1's at c = {sw1:.1f}."
    )


def about_pot(exact: float, sampled: "Sequence[float]", grid: "GridDistance") -> str:
    """What POT's numbers say."""
    from per_core.interval import margin_of_error

    mean, spread = float(np.mean(sampled)), float(np.std(sampled, ddof=1))
    error = margin_of_error(spread / np.sqrt(len(sampled)), len(sampled))
    offset = mean - exact
    seen = "biased" if abs(offset) > error else "no bias to be seen"
    inside = "agrees" if abs(grid.value - exact) <= grid.grid_error + FLOAT32_ERROR else "does NOT agree"
    return (
        f"POT compares with a sample of N(0, I), or with a grid of its quantiles. Notice the sampled reference: it "
        f"scatters by {spread:.4f} from seed to seed and is off by {offset:+.4f} ± {error:.4f} ({seen}); the finest "
        f"grid {inside} with the closed form within its error of {grid.grid_error:.4f}."
    )


def about_parts(parts: "Decomposition", slices: int) -> str:
    """What the decomposition says."""
    return (
        f"PER on {slices} slices, {parts.per:.4f}, is half the energy distance to N(0, I), plus half the spread of the "
        f"batch, plus 1/√π; the parts are computed independently and miss it by {max(abs(parts.residual), 1e-16):.0e}. "
        "Notice the middle part: PER pays for spread, which N(0, I) has and collapse has not."
    )


def about_influence(effect: "Influence") -> str:
    """What moving one sample did."""
    return (
        "How much the other samples' gradients changed, most changed first. Notice that "
        f"{effect.sw1_changed:,} of {effect.others:,} SW1 gradients changed, and {effect.per_changed:,} of PER's: SW1 "
        "ranks the samples among each other, PER is a mean over samples and splits over batches and machines."
    )


def about_cost(machine: str, d: int, repeats: int) -> str:
    """What the timings say."""
    return (
        f"Median time of one gradient at d = {d}, with the range of {repeats} repeats, measured on this server "
        f"({machine}). Notice that exact PER needs no slices; SW1 and Algorithm 1 use 256."
    )


NO_RUNS_YET = (
    "There is no run yet: train one on Train, or write one with the Recorder. Here is the opening sample meanwhile."
)
NO_RECORDS_YET = "This run has no record yet. Here is the opening sample meanwhile."
RECORDING = (
    "A deep network without normalisation while it learns to read handwritten digits. Test accuracy at epoch {epoch}: "
    "{accuracy:.1%}."
)
RUN_ROWS = "A record keeps {rows:,} of {n:,} rows and {units} of {d:,} units of this layer: that is the batch shown."
NO_DUMP_YET = "No dump is open: bring one on Dumps. Here is the opening sample meanwhile."
DUMP_PART = (
    "{rows:,} of {n:,} rows and {units:,} of {d:,} units, evenly spread: a batch here holds about a million values in "
    "at most 2,048 units, and no row that is not finite."
)
HELP_MEMBER = "A layer of the dump that is open on Dumps, at one epoch."

"""What the dashboard says: labels and explanations, in one place, as plain sentences."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis.batch import ActivationBatch
    from analysis.bound import BoundReading, Decomposition, DirectionStudy, Influence
    from analysis.density import JointDensity
    from analysis.distinction import Cell, Key
    from analysis.null_band import NullBand
    from analysis.pot_distance import GridDistance

FILLS = {"independent": "N(0, 1) each", "pairs": "the two-unit structure, repeated"}
CASES = {
    "a": "two independent N(0, 1) units, the target.",
    "b": "two N(0, 1) units with correlation ρ.",
    "c": "x is a standardised Gamma variable, y is N(0, 1).",
    "d": "x is a mixture of two normals, y is N(0, 1).",
}
FLOAT32_ERROR = 1e-6
TITLE: "dict[Key, str]" = {
    "mean": "Mean",
    "variance": "Variance",
    "correlation": "Correlation",
    "batch_variances": "Variance of batch variances",
    "per": "PER",
    "sw1": "SW1, exact",
    "sw1_pot": "SW1, by POT",
    "skewness": "Skewness",
    "kurtosis": "Excess kurtosis",
    "modes": "Modes",
}
SEEN_BY: "dict[Key, str]" = {
    "mean": "BN",
    "variance": "BN",
    "correlation": "DBN",
    "batch_variances": "VCL",
    "per": "PER",
    "sw1": "the distance itself",
    "sw1_pot": "independent check",
    "skewness": "none directly",
    "kurtosis": "VCL, indirectly",
    "modes": "none directly",
}
WHAT: "dict[Key, str]" = {
    "mean": "The mean of the unit furthest from 0. Batch normalisation (BN) sees each unit's mean and variance only.",
    "variance": "The variance of the unit furthest from 1. Batch normalisation (BN) sees each unit's mean and "
    "variance only. In Figure 1 it is 1 in population; under a heavy tail the sample's own variance scatters more than "
    "a Gaussian's, so (c) falls outside now and then: try another seed.",
    "correlation": "The correlation of the pair of units furthest from 0. Decorrelated batch normalisation (DBN) "
    "removes it; beyond mean, variance and correlation it sees nothing.",
    "batch_variances": "How much the variance of 5 samples varies from one such small batch to the next, of the unit "
    "furthest from 1/2. Variance constancy loss (VCL) lowers it; it grows with the kurtosis.",
    "per": "The exact expectation of the penalty over all directions. 1.128 at N(0, I), 0.798 at collapse: a lower "
    "PER is not a more Gaussian batch.",
    "sw1": "The exact sliced Wasserstein-1 distance to N(0, I), mean over 64 fixed directions. It is 0 in population "
    "for N(0, I) alone.",
    "sw1_pot": "The same distance computed by POT against a grid of Gaussian quantiles.",
    "skewness": "The skewness of the unit furthest from 0.",
    "kurtosis": "The excess kurtosis of the unit furthest from 0.",
    "modes": "The number of modes of the unit that has most, counted in a kernel density where they stand out of its "
    "sampling noise.",
}


def number(value: float, key: "Key | None" = None) -> str:
    """A number for a table: three decimals, whole for a count, "undefined" for NaN."""
    if value != value:
        return "undefined"
    if key == "modes":
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.4g}"


def span(band: "NullBand", key: "Key | None" = None) -> str:
    """A null band as "low … high"."""
    return f"{number(band.low, key)} … {number(band.high, key)}"


def explain(cells: "Mapping[Key, Cell]", key: "Key", column: str, null: str, n: int, d: int) -> str:
    """One of a batch's cells in sentences. `null` names the null law: "case (a)", "N(0, I)"."""
    cell = cells[key]
    title = TITLE[cell.key]
    if cell.value != cell.value:
        return f"**{title} of {column} is undefined**: a unit that never changes has none. {WHAT[cell.key]}"
    band = f"{cell.null.draws} fresh draws of {null} at n = {n:,}, d = {d} gave {span(cell.null, cell.key)}"
    if cell.differs:
        verdict = (
            f"{band}. {column} lies outside: by this statistic it differs from {null} "
            f"(false alarm rate {cell.null.level:.0%})."
        )
    else:
        verdict = f"{band}. {column} lies inside: at this n the statistic cannot tell it from {null}."
    if cell.key == "sw1_pot":
        gap = abs(cell.value - cells["sw1"].value)
        agree = "agree" if gap <= cell.error + FLOAT32_ERROR else "do NOT agree"
        verdict += f" It and the exact value {agree} within the error of POT's grid, ±{cell.error:.4f}."
    return f"**{title} of {column}: {number(cell.value, cell.key)}.** {verdict} {WHAT[cell.key]}"


LEAD_FIGURE1 = (
    "In all four, every unit has mean 0 and variance 1 in population. Batch normalisation treats them alike, whitening "
    "treats (a), (c) and (d) alike; the exact distance to N(0, I) tells all of them apart, given samples enough."
)
LEAD_RECORDING = (
    "One layer of a small ELU network, recorded while it learnt to read digits. The same view and the same statistics "
    "as for Figure 1, beside a Gaussian batch of the same size."
)
ALT_FIGURE1 = (
    "Four joint densities with marginals on the same axes: a round isotropic one, a tilted correlated one, one skewed "
    "to the right with a sharp left edge, and one with two hills of which the right is taller."
)
ALT_RECORDING = "Joint density with marginals of {name}, beside that of a Gaussian batch of the same size."
STATISTIC = "Statistic"
SEEN = "Seen by"
ABOUT_TABLE = (
    "Marked {mark}: outside the range that fresh draws of {null} gave, so more than sampling. Click a cell to have it "
    "explained; fewer samples n make more statistics blind."
)

LEAD_BOUND = (
    "{name}. SW1 is the exact sliced Wasserstein-1 distance to N(0, I); PER bounds it from above, but is smallest at "
    "collapse, not at N(0, I). Read the three together."
)
HELP_SW1 = (
    "Mean over the slices of the exact W1 distance to N(0, 1): no reference sample. The standard error is that over "
    "slices only; what another data set would give is the band at the right."
)
HELP_PER = (
    "Exact expectation over all directions. 0.798 at collapse, 1.128 at N(0, I). The standard error is over samples."
)
HELP_GAP = "Between 0 (a point mass) and 2/√π = 1.128 (loosest exactly at the target N(0, I))."
HELP_BAND = "Smallest and largest SW1 of fresh Gaussian batches of the same size, on the same directions."
ABOUT_POLAR = (
    "W1 and PER of the batch projected on each direction of the plane; the distance from the centre is the value. "
    "Notice that W1 bulges where the shape is wrong, while PER hardly changes."
)
ABOUT_SORTED = (
    "W1 of every direction, sorted; symbols tell units, principal, random and the maximised direction apart. "
    "Notice how far the worst directions stand above the random ones, whose mean SW1 reports: a fault in one unit of "
    "many is diluted in it."
)
ABOUT_SCALE = (
    "PER and SW1 of the batch multiplied by c; circles mark the smallest values. Notice that PER falls all the way to "
    "collapse at c = 0, while SW1 turns round near the right scale."
)
ABOUT_CONVERGENCE = (
    "Estimates from the first k of 1,024 random directions, with standard errors. Notice that SW1 needs slices, PER "
    "does not: its expectation has a closed form."
)


def plus_minus(error: float, over: str) -> str:
    """Standard error under a number."""
    return f"± {error:.4f} {over}"


def not_finite(batch: "ActivationBatch") -> str:
    """Why statistics of a batch cannot be shown."""
    return (
        f"Statistics need finite values; {batch.name} holds {batch.n_nan} NaN and {batch.n_inf} infinite ones among "
        f"{batch.n * batch.d}. Choose another layer or epoch."
    )


def verdict(reading: "BoundReading", band: "NullBand") -> str:
    """What the three numbers say together."""
    if reading.sw1 > band.high:
        where = f"SW1 is above what any of {band.draws} Gaussian batches gave: the batch is not N(0, I)."
    elif reading.sw1 < band.low:
        where = f"SW1 is below what any of {band.draws} Gaussian batches gave: closer than chance."
    else:
        where = "SW1 is inside what Gaussian batches of this size give: by SW1 it cannot be told from N(0, I)."
    if reading.per < 2 / np.sqrt(np.pi) - 2 * reading.per_error:
        lesson = "PER is below its value at N(0, I), 1.128: smaller or more unequal norms, not a more Gaussian batch."
    elif reading.per > 2 / np.sqrt(np.pi) + 2 * reading.per_error:
        lesson = "PER is above its value at N(0, I), 1.128: larger norms."
    else:
        lesson = "PER is at its value for N(0, I), 1.128, which does not make the batch Gaussian."
    return f"{where} {lesson}"


def points_to(vector: NDArray[np.float64]) -> str:
    """A direction in words: the unit of its largest entry, and that entry."""
    largest = int(np.argmax(np.abs(vector)))
    return f"unit {largest + 1} ({vector[largest]:+.2f})"


def maximised(study: "DirectionStudy", band: "NullBand") -> str:
    """The maximised direction beside the same search on Gaussian batches."""
    value = study.w1[study.names.index("maximised")]
    verdict = "above" if value > band.high else "within"
    return (
        f"The maximised direction reaches W1 = {value:.3f}. The same search on {band.draws} fresh Gaussian batches of "
        f"this size reaches {band.low:.3f} … {band.high:.3f}: any finite batch has a worst direction, and this one is "
        f"{verdict} what chance gives."
    )


def about_pot(exact: float, sampled: "Sequence[float]", grid: "GridDistance") -> str:
    """What POT's numbers say."""
    mean, spread = float(np.mean(sampled)), float(np.std(sampled, ddof=1))
    inside = "agrees" if abs(grid.value - exact) <= grid.grid_error + FLOAT32_ERROR else "does NOT agree"
    return (
        f"POT compares with a sample of N(0, I), or with a grid of its quantiles. Notice the sampled reference: "
        f"{mean:.4f} ± {spread:.4f} over seeds, biased by {mean - exact:+.4f}; the finest grid {inside} with the "
        f"closed form within its error of {grid.grid_error:.4f}."
    )


def about_parts(parts: "Decomposition") -> str:
    """What the decomposition says."""
    return (
        "PER is half the energy distance to N(0, I), plus half the spread of the batch, plus 1/√π; the three are "
        f"computed independently and miss PER by {abs(parts.residual):.0e}. Notice the middle part: PER pays for "
        "spread, which N(0, I) has and collapse has not."
    )


def about_influence(effect: "Influence") -> str:
    """What moving one sample did."""
    return (
        f"How much the other samples' gradients changed, most changed first. Notice that {effect.sw1_changed:,} of "
        f"{effect.others:,} SW1 gradients changed, each a little, because SW1 sorts the batch; of PER's, "
        f"{effect.per_changed:,}. A bound that is a mean over samples splits over a batch or over machines."
    )


def about_cost(machine: str, d: int) -> str:
    """What the timings say."""
    return (
        f"Median time of one gradient at d = {d}, with the range of 3 repeats, measured on this server ({machine}). "
        "Notice that exact PER needs no slices; SW1 and Algorithm 1 use 256."
    )


def about_joint(densities: "Mapping[str, JointDensity]") -> str:
    """What the panels are, and how many samples lie beyond their axes."""
    outside = [f"{d.n_outside:,} of {d.n:,} in {title}" for title, d in densities.items() if d.n_outside]
    beyond = f" Beyond the axes lie {', '.join(outside)}." if outside else ""
    return (
        "Kernel densities; each contour is a tenth of the panel's own maximum, the dotted curves are N(0, 1). "
        f"Notice what a mean and a variance cannot say: tilt, a hard edge, two hills.{beyond}"
    )

"""What PER bounds and what the bound hides: exact SW1, PER and the gap between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor

from analysis.batch import ActivationBatch
from analysis.distances.directions import (
    circle_directions,
    controls_of,
    mean_over_slices,
    named_directions,
    shared_directions,
    sliced_distance,
)
from analysis.statistics.null_band import Statistic
from per_core import gaussian_w1, per_gradient, per_loss, sliced_w1
from per_core.control_variates import ControlledMean, Controls, controlled_mean, plain_mean
from per_core.directions import random_directions
from per_core.interval import margin_of_error
from per_core.per import projection_loss
from per_core.radial import radial_loss

Float64Array = NDArray[np.float64]

PER_AT_COLLAPSE = math.sqrt(2 / math.pi)
PER_AT_GAUSSIAN = 2 / math.sqrt(math.pi)


@dataclass(frozen=True, slots=True)
class BoundReading:
    """PER, exact SW1 and their gap for one batch.

    Attributes:
        sw1, sw1_margin: mean over the slices, and its margin of error over directions (`sliced_distance`).
        per, per_margin: exact expectation over directions, and half the width of its 95 % interval over samples.
        gap, gap_margin: mean over the slices of PER − W1 of the same slice, between 0 and 2/√π: the price of the
            independent coupling over the best one; and its margin of error over directions.
        n, d, slices: size of the batch, and number of shared directions.
    """

    sw1: float
    sw1_margin: float
    per: float
    per_margin: float
    gap: float
    gap_margin: float
    n: int
    d: int
    slices: int


@dataclass(frozen=True, slots=True, eq=False)
class DirectionStudy:
    """W1 and PER along random and named directions.

    Attributes:
        names: k names, the slices first: "random 17" (in the plane "angle 42.4°"), "unit 3", "principal 1",
            "maximised".
        vectors: (k, d) unit rows.
        w1, per: (k,) along each of them.
    """

    names: tuple[str, ...]
    vectors: Float64Array
    w1: Float64Array
    per: Float64Array

    @property
    def kinds(self) -> tuple[str, ...]:
        """The first word of every name: random or angle, unit, principal, maximised."""
        return tuple(name.split()[0] for name in self.names)

    def worst_of_each_kind(self) -> dict[str, float]:
        """The largest W1 among the directions of each kind."""
        kinds = np.array(self.kinds)
        return {kind: float(self.w1[kinds == kind].max()) for kind in dict.fromkeys(self.kinds)}


@dataclass(frozen=True, slots=True, eq=False)
class ScaleCurve:
    """PER and SW1 of c·h: arrays (m,) over the factors c."""

    factors: Float64Array
    per: Float64Array
    sw1: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class SliceConvergence:
    """Estimates from the first k directions of one random sequence: arrays (m,) over k.

    SW1 is estimated with control variates, PER by the plain mean, Algorithm 1 of the paper. The margins are half the
    widths of 95 % intervals over those directions; NaN for k = 1.
    """

    slices: NDArray[np.int64]
    sw1: Float64Array
    sw1_margin: Float64Array
    per: Float64Array
    per_margin: Float64Array


@dataclass(frozen=True, slots=True)
class Decomposition:
    """PER = half the energy distance + half the spread + 1/√π, averaged over slices.

    The three parts and PER are computed independently of each other: their sum is a check, not a definition.
    """

    half_energy_distance: float
    half_spread: float
    constant: float
    per: float

    @property
    def residual(self) -> float:
        """PER minus the sum of the parts: rounding only."""
        return self.per - self.half_energy_distance - self.half_spread - self.constant


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """What moving one sample does to the gradients of all others.

    Attributes:
        share: (m,) from 0 to 1, share of the other samples.
        sw1, per: (m,) change of a sample's gradient, relative to the mean length of a gradient before, sorted.
        sw1_changed, per_changed: how many of the n − 1 others have a gradient that changed at all.
        others: n − 1.
    """

    share: Float64Array
    sw1: Float64Array
    per: Float64Array
    sw1_changed: int
    per_changed: int
    others: int


@dataclass(frozen=True, slots=True)
class Distances(Statistic[Literal["sw1", "per"]]):
    """SW1 on the shared directions, and PER.

    The directions are the same in every draw: the band is the spread between data sets, which the error over slices
    does not see, because all slices share the data.
    """

    def measure(self, batch: ActivationBatch) -> dict[Literal["sw1", "per"], float]:
        """SW1 and PER."""
        return {
            "sw1": sliced_distance(batch.tensor, self.slices)[0],
            "per": per_loss(batch.tensor).item(),
        }


@dataclass(frozen=True, slots=True)
class WorstDistances(Statistic[str]):
    """The largest W1 among each kind of direction: what looking for the worst finds in N(0, I) itself."""

    def measure(self, batch: ActivationBatch) -> dict[str, float]:
        """The largest W1 by kind: "unit", "principal", "maximised" and the slices'."""
        return study_directions(batch, slices=self.slices).worst_of_each_kind()

    def draws_that_fit(self, n: int, d: int) -> int:  # noqa: ARG002
        """19 at any size: each draw is a search, which takes about a second."""
        return 19


def read_bound(batch: ActivationBatch, *, slices: int) -> BoundReading:
    """Exact PER and SW1 of a finite batch (n, d) on `slices` shared directions."""
    n, d = batch.n, batch.d
    directions = shared_directions(d, slices)
    w1, along = read_directions(batch, directions.numpy())
    controls = controls_of(batch.tensor, directions) if d != 2 else None
    sw1, sw1_margin = mean_over_slices(w1, d, controls)
    gap, gap_margin = mean_over_slices(along - w1, d, controls)
    per_sample = radial_loss(torch.linalg.vector_norm(batch.tensor.double(), dim=1), d).numpy()
    per, per_margin = _mean_and_margin(per_sample)
    return BoundReading(sw1, sw1_margin, per, per_margin, gap, gap_margin, n, d, slices)


def per_along(projections: Tensor) -> Tensor:
    """PER of each slice, mean over samples of E|p − Z| = p erf(p/√2) + √(2/π) exp(−p²/2): (n, k) -> (k,)."""
    return projection_loss(projections).mean(dim=0, dtype=torch.float64)


def read_directions(batch: ActivationBatch, vectors: NDArray[np.floating]) -> tuple[Float64Array, Float64Array]:
    """W1 and PER along each direction: a batch (n, d), unit vectors (k, d) -> two arrays (k,)."""
    projections = torch.from_numpy(batch.values @ vectors.T.astype(np.float32))
    return gaussian_w1(projections).double().numpy(), per_along(projections).numpy()


def read_circle(batch: ActivationBatch, *, count: int) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Angles in degrees, evenly around the circle, and W1 and PER of a batch (n, 2) along each: arrays (count,)."""
    degrees, vectors = circle_directions(count)
    return degrees, *read_directions(batch, vectors)


def slice_names(vectors: Float64Array) -> list[str]:
    """Names of the shared directions (k, d): their angles in the plane, numbers in more dimensions."""
    if vectors.shape[1] == 2:
        return [f"angle {angle:.1f}°" for angle in np.rad2deg(np.arctan2(vectors[:, 1], vectors[:, 0]))]
    return [f"random {i + 1}" for i in range(len(vectors))]


def study_directions(batch: ActivationBatch, *, slices: int) -> DirectionStudy:
    """W1 and PER along the shared random directions, the axes, the leading principal and the maximised one."""
    shared = shared_directions(batch.d, slices).double().numpy()
    named = named_directions(batch)
    vectors = np.concatenate([shared, np.stack([direction.vector for direction in named])])
    names = [*slice_names(shared), *(direction.name for direction in named)]
    return DirectionStudy(tuple(names), vectors, *read_directions(batch, vectors))


def scale_curve(batch: ActivationBatch, *, largest: float = 4.0, points: int = 41, slices: int = 64) -> ScaleCurve:
    """PER and SW1 of c·h for c from 0 to `largest`: PER falls to its minimum √(2/π) at collapse, c = 0."""
    factors = np.linspace(0.0, largest, points)
    norms = torch.linalg.vector_norm(batch.tensor.double(), dim=1)
    per = radial_loss(norms[:, None] * torch.from_numpy(factors), batch.d).mean(dim=0).numpy()
    directions = shared_directions(batch.d, slices)
    projections = (batch.tensor @ directions.T).sort(dim=0).values
    controls = controls_of(batch.tensor, directions) if batch.d != 2 else None
    sw1 = []
    for factor in factors.tolist():
        w1 = gaussian_w1(projections * factor).double().numpy()
        sw1.append(mean_over_slices(w1, batch.d, controls and controls.scaled(factor))[0])
    return ScaleCurve(factors, per, np.array(sw1))


def slice_convergence(batch: ActivationBatch, *, most: int = 1024, seed: int = 1) -> SliceConvergence:
    """SW1 and Monte-Carlo PER from the first 1, 2, 4, … `most` directions of one random sequence."""
    directions = random_directions(most, batch.d, generator=torch.Generator().manual_seed(seed))
    sw1, per = read_directions(batch, directions.numpy())
    along, expected = controls_of(batch.tensor, directions)
    counts = 2 ** np.arange(int(math.log2(most)) + 1)
    rows = [
        (*_with_margin(controlled_mean(sw1[:k], Controls(along[:k], expected)), k), *_mean_and_margin(per[:k]))
        for k in counts.tolist()
    ]
    return SliceConvergence(counts, *np.array(rows).T)


def decompose(batch: ActivationBatch, *, slices: int = 64) -> Decomposition:
    """Split PER into half the sliced energy distance to N(0, I), half the spread of the slices, and 1/√π.

    Per slice: E|p − Z| = ED(ν_p, N(0, 1)) / 2 + mean_ij |p_i − p_j| / 2 + 1/√π (Székely and Rizzo 2013), with the
    energy distance ED = 2 ∫ (F_n − Φ)² (Cramér's form).
    """
    projections = (batch.tensor @ shared_directions(batch.d, slices).T).double()
    ordered = np.sort(projections.numpy(), axis=0)  # (n, k)
    n = len(ordered)
    weights = (2 * np.arange(1, n + 1) - n - 1)[:, None]
    spread = 2 * (weights * ordered).sum(axis=0) / n**2
    return Decomposition(
        half_energy_distance=float(gaussian_energy_distance(ordered).mean()) / 2,
        half_spread=float(spread.mean()) / 2,
        constant=1 / math.sqrt(math.pi),
        per=float(per_along(projections).mean()),
    )


def gaussian_energy_distance(ordered: Float64Array) -> Float64Array:
    """Energy distance of each column to N(0, 1), 2 ∫ (F_n(x) − Φ(x))² dx, in closed form.

    Args:
        ordered: (n, k), every column sorted upwards.

    Between two neighbouring values F_n = i/n is constant, and with G = xΦ + φ, H = xΦ² + 2φΦ − Φ(√2 x)/√π
    ∫ (c − Φ)² = c² x − 2 c G + H. Left of all values the integral is H(x_1), right of them H(−x_n).
    """
    n = len(ordered)
    cdf = ndtr(ordered)
    pdf = np.exp(-(ordered**2) / 2) / math.sqrt(2 * math.pi)
    first = ordered * cdf + pdf
    second = ordered * cdf**2 + 2 * pdf * cdf - ndtr(math.sqrt(2) * ordered) / math.sqrt(math.pi)
    level = (np.arange(1, n) / n)[:, None]
    inner = (level**2 * np.diff(ordered, axis=0) - 2 * level * np.diff(first, axis=0) + np.diff(second, axis=0)).sum(
        axis=0
    )
    last = ordered[-1]
    upper = ndtr(-last)
    right = -last * upper**2 + 2 * pdf[-1] * upper - ndtr(-math.sqrt(2) * last) / math.sqrt(math.pi)
    total: Float64Array = 2 * (second[0] + inner + right)
    return total


def move_one(batch: ActivationBatch, *, sample: int, distance: float, slices: int = 64) -> Influence:
    """Move one sample along the first unit and compare all other samples' gradients before and after.

    PER is a mean over samples, so nothing else changes. SW1 sorts: a sample that the moved one passes on some slice
    changes its rank there and with it the cell of N(0, 1) that pulls it, so its gradient changes wherever the value
    lies in one of the two cells or between them.
    """
    moved = batch.tensor.clone()
    moved[sample, 0] += distance
    others = np.arange(batch.n) != sample
    directions = shared_directions(batch.d, slices)
    changes, changed = {}, {}
    for name, gradient in (("sw1", _sw1_gradient), ("per", _per_gradient)):
        before, after = gradient(batch.tensor, directions), gradient(moved, directions)
        length = np.linalg.norm(before, axis=1).mean() or 1.0
        difference = np.linalg.norm(after - before, axis=1)[others]
        changes[name], changed[name] = difference / length, int((difference > 0).sum())
    share = np.linspace(0, 1, 101)
    return Influence(
        share,
        np.quantile(changes["sw1"], share),
        np.quantile(changes["per"], share),
        changed["sw1"],
        changed["per"],
        batch.n - 1,
    )


def _sw1_gradient(values: Tensor, directions: Tensor) -> Float64Array:
    leaf = values.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(sliced_w1(leaf, directions=directions).value, leaf)
    return gradient.double().numpy()


def _per_gradient(values: Tensor, _: Tensor) -> Float64Array:
    return (per_gradient(values) / len(values)).double().numpy()


def _mean_and_margin(values: Float64Array) -> tuple[float, float]:
    return _with_margin(plain_mean(values), len(values))


def _with_margin(mean: ControlledMean, count: int) -> tuple[float, float]:
    return mean.value, margin_of_error(mean.standard_error, count)

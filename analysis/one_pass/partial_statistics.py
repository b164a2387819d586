"""Statistics of a part of the data that merge into those of the whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.dumps.limits import in_words
from analysis.one_pass.certified_distance import CertifiedDistance, certified_distance
from analysis.one_pass.grid import Grid
from analysis.one_pass.projection import mean_rounding
from analysis.one_pass.projection_counter import ProjectionCounter
from analysis.one_pass.projection_counts import ProjectionCounts
from analysis.one_pass.unit_moments import UnitMoments
from per_core.directions import random_directions
from per_core.errors import BudgetError, InvalidInputError
from per_core.interval import margin_of_error
from per_core.radial import radial_loss
from per_core.text import N_

Part = TypeVar("Part")

DIRECTION_BYTES = 2**28
LARGEST_NORM = 1e30  # float32 products and sums of longer rows may overflow: those are measured in float64
LARGEST_OF_ALL = 1e304  # sums of ten thousand longer rows may overflow float64 too


@dataclass(frozen=True, slots=True)
class PassSpec:
    """What one pass takes of the data.

    Attributes:
        slices: random directions, at least 1.
        seed: of the directions, 0 ≤ seed < 2^63.
        grid: on which projections are counted.

    Raises:
        InvalidInputError: If one is out of range.
    """

    slices: int = 256
    seed: int = 0
    grid: Grid = field(default_factory=Grid)

    def __post_init__(self) -> None:
        ranges = {"slices": (1, 2**14), "seed": (0, 2**63 - 1)}
        for name, (least, most) in ranges.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InvalidInputError(
                    N_("{name} is a whole number from {least} to {most}; received {value!r}. Choose another one."),
                    name=name,
                    least=least,
                    most=most,
                    value=value,
                )

    def directions(self, d: int) -> Tensor:
        """The directions (slices, d), unit rows, float32: the same wherever they are drawn.

        Raises:
            BudgetError: If they take more than 256 MB.
        """
        size = self.slices * d * 4
        if size > DIRECTION_BYTES:
            raise BudgetError(
                N_(
                    "The directions of a pass may take {most}; {slices} of {d} units take {size}. Take {fits}"
                    " directions."
                ),
                most=in_words(DIRECTION_BYTES),
                slices=self.slices,
                d=d,
                size=in_words(size),
                fits=max(1, DIRECTION_BYTES // (4 * d)),
            )
        return random_directions(self.slices, d, generator=torch.Generator().manual_seed(self.seed))


@dataclass(frozen=True, slots=True, eq=False)
class PartialStatistics:
    """What is known of a part of the data, or of all of it. `merge` puts parts together.

    A row with a value that is NaN or infinite, or with a norm above 1e304, is left out of everything but the counts of
    such values. Rows with a norm above 1e30 are measured in float64.

    Attributes:
        spec: what was taken.
        n_left_out: rows left out.
        n_nan, n_inf: (d,), values of each unit that are NaN, and values of either infinity.
        n_beyond_float32: (d,), values of each unit that are finite and too large for float32, above 3.4e38.
        projections: counts and sums on the grid of the projections as float32 products give them.
        moments: of each unit, of the values as they were given; its n is the number of rows that count. Powers beyond
            float64 are NaN: the variance of a unit around 1e200.
        row_moments: of two numbers a row, its norm ‖h‖ and its exact PER ψ(‖h‖).
    """

    spec: PassSpec
    n_left_out: int
    n_nan: NDArray[np.int64]
    n_inf: NDArray[np.int64]
    n_beyond_float32: NDArray[np.int64]
    projections: ProjectionCounts
    moments: UnitMoments
    row_moments: UnitMoments

    @classmethod
    def empty(cls, d: int, spec: PassSpec) -> PartialStatistics:
        """No row yet of d units: what changes nothing when it is merged."""
        return replace(_uncounted(d, spec), projections=ProjectionCounts.empty(spec.slices, spec.grid))

    @property
    def n(self) -> int:
        """Number of rows without NaN, infinite and too large values."""
        return self.moments.n

    @property
    def d(self) -> int:
        """Number of units."""
        return len(self.n_nan)

    @property
    def norm(self) -> float:
        """Mean of the norms of the rows; NaN without rows."""
        return float(self.row_moments.mean[0]) if self.n else math.nan

    @property
    def per(self) -> float:
        """The exact PER, averaged over every direction: the mean of ψ(‖h‖); NaN without rows."""
        return float(self.row_moments.mean[1]) if self.n else math.nan

    @property
    def per_standard_error(self) -> float:
        """Standard error of `per` over rows; NaN below two rows."""
        return math.sqrt(self.row_moments.m2[1] / self.n / (self.n - 1)) if self.n > 1 else math.nan

    @property
    def per_margin(self) -> float:
        """Half the width of a 95 % interval of `per` over rows; NaN below two rows."""
        return margin_of_error(self.per_standard_error, self.n)

    def distance(self) -> CertifiedDistance:
        """The interval of sliced W1 to N(0, I) on the directions of the pass.

        It holds the exact value of the rows and the directions as they are: it is wider than what follows from counts
        and sums by all that float32 can have moved the projections, 1.1e-4 for 256 units of variance 1.

        Raises:
            InvalidInputError: If there is no row that counts.
        """
        directions = self.spec.directions(self.d)
        rounding = mean_rounding(directions, self.norm, self.moments.root_mean_squares)
        return certified_distance(self.projections, rounding=rounding)

    def merge(self, other: PartialStatistics) -> PartialStatistics:
        """Statistics of both parts together. Integers do not depend on the order; sums round by it.

        Raises:
            InvalidInputError: If the two were taken in different ways or of different units.
        """
        if self.spec != other.spec or self.d != other.d:
            raise InvalidInputError(
                N_(
                    "Partial statistics merge if they were taken in the same way of as many units; received {spec} of"
                    " {d} units and {other_spec} of {other_d}. Take both with one PassSpec."
                ),
                spec=self.spec,
                d=self.d,
                other_spec=other.spec,
                other_d=other.d,
            )
        return PartialStatistics(
            spec=self.spec,
            n_left_out=self.n_left_out + other.n_left_out,
            n_nan=self.n_nan + other.n_nan,
            n_inf=self.n_inf + other.n_inf,
            n_beyond_float32=self.n_beyond_float32 + other.n_beyond_float32,
            projections=self.projections.merge(other.projections),
            moments=self.moments.merge(other.moments),
            row_moments=self.row_moments.merge(other.row_moments),
        )


def take_statistics(rows: NDArray[Any], spec: PassSpec) -> PartialStatistics:
    """Statistics of rows (n, d) that are in memory, d ≥ 1; see `take_batches`."""
    return take_batches([rows], rows.shape[1], spec)


def take_batches(batches: Iterable[NDArray[Any]], units: int, spec: PassSpec) -> PartialStatistics:
    """Statistics of rows that come one batch after the other.

    Args:
        batches: each (n, units), real numbers. Projections are taken of them as float32, moments as they are.
        units: at least 1.
        spec: what to take.

    Raises:
        BudgetError: If the directions take more than 256 MB.
    """
    counter = ProjectionCounter(spec.directions(units), spec.grid)
    found = _uncounted(units, spec)
    for rows in batches:
        found = found.merge(_take_batch(rows, spec, counter))
    return replace(found, projections=counter.result())


def _uncounted(d: int, spec: PassSpec) -> PartialStatistics:
    """No row yet, and on no direction: projections are counted apart."""
    return PartialStatistics(
        spec=spec,
        n_left_out=0,
        n_nan=np.zeros(d, np.int64),
        n_inf=np.zeros(d, np.int64),
        n_beyond_float32=np.zeros(d, np.int64),
        projections=ProjectionCounts.empty(0, spec.grid),
        moments=UnitMoments.empty(d),
        row_moments=UnitMoments.empty(2),
    )


def _take_batch(rows: NDArray[Any], spec: PassSpec, counter: ProjectionCounter) -> PartialStatistics:
    """Statistics of rows (n, d) without their projections, which are counted on the way."""
    with np.errstate(over="ignore", under="ignore"):  # such rows are measured in float64
        narrow = torch.from_numpy(np.require(rows, np.float32, ["C", "W"]))
    given = (
        narrow if np.can_cast(rows.dtype, np.float32) else torch.from_numpy(np.require(rows, np.float64, ["C", "W"]))
    )
    norms = torch.empty(len(given), dtype=torch.float64)
    moments = UnitMoments.of(given, norms=norms)
    near = norms <= LARGEST_NORM  # false for NaN
    if bool(near.all()):
        counter.add(narrow)
        return _measured(moments, norms, spec)
    counter.add(narrow[near])
    measured = _measured(UnitMoments.of(given[near]), norms[near], spec)
    return measured.merge(_take_far(given[~near].double(), spec, counter))


def _measured(moments: UnitMoments, norms: Tensor, spec: PassSpec) -> PartialStatistics:
    """Statistics of finite rows from the moments of their d units and their norms (n,)."""
    d = len(moments.mean)
    row_moments = UnitMoments.of(torch.stack([norms, radial_loss(norms, d)], dim=1))
    return replace(_uncounted(d, spec), moments=moments, row_moments=row_moments)


def _take_far(rows: Tensor, spec: PassSpec, counter: ProjectionCounter) -> PartialStatistics:
    """As `_take_batch`, of float64 rows (n, d) that float32 products do not hold; and what is not finite in them."""
    largest = rows.abs().amax(dim=1)
    norms = largest * torch.linalg.vector_norm(rows / largest[:, None], dim=1)  # whose squares float64 holds
    counts = norms <= LARGEST_OF_ALL
    finite = rows[counts]
    counter.add(finite)
    beyond = rows.isfinite() & rows.float().isinf()
    return replace(
        _measured(UnitMoments.of(finite), norms[counts], spec),
        n_left_out=len(rows) - len(finite),
        n_nan=rows.isnan().sum(dim=0).numpy(),
        n_inf=rows.isinf().sum(dim=0).numpy(),
        n_beyond_float32=beyond.sum(dim=0).numpy(),
    )


def merge_in_order(parts: Sequence[Part], merge: Callable[[Part, Part], Part]) -> Part:
    """Neighbours two by two, then those, until one is left: the same roundings wherever the parts were taken.

    Args:
        parts: at least one; statistics, or promises of such.
        merge: puts two of them together, say `PartialStatistics.merge`.
    """
    left = list(parts)
    while len(left) > 1:
        left = [merge(left[i], left[i + 1]) if i + 1 < len(left) else left[i] for i in range(0, len(left), 2)]
    return left[0]

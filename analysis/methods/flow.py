"""Where a regulariser takes a batch that follows its gradient: every row is a particle.

With R the regulariser, a mean over n rows, the rows h_i move along

    alone            dh_i/dt = −n ∂R/∂h_i
    with a task      dh_i/dt = −(h_i − h0_i) − λ n ∂R/∂h_i,

the second being the gradient flow of  mean_i ‖h_i − h0_i‖²/2 + λ R,  in which the task wants the rows to stay where
they were. It is followed by Euler steps of one size η: the first moves the rows by 7 % of √d (root mean square), but
no step is larger than STIFFEST · d alone, or STIFFEST with a task, which stays stable where R is curved and flat where
it vanishes. A step moves the rows by 14 % of √d at most, and over the second half of the steps η falls to 0, because
gradients that are drawn, or that jump as that of a sorted sample does, never come to rest by themselves.

A regulariser is given its pull in a unit that all of them share: at strength s, λ is chosen so that λ n ∂R/∂h has the
root mean square s √d over the rows of the start. Of a gradient that is drawn this is the size of its mean, not of its
noise: with g and g' from independent draws, the mean of ⟨g, g'⟩. R is the mean of the loss over its draws where the
registry has a gradient of that, over 32 draws in each step where it is not known in closed form; any other loss draws
once in each step, as in training.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.batch import ActivationBatch, Float32Matrix
from analysis.distances.directions import sliced_distance
from analysis.statistics.modes import count_modes
from analysis.statistics.moments import batch_variance_spread, moments
from analysis.statistics.null_band import Statistic
from per_core import find_method, per_loss
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

Float64Array = NDArray[np.float64]
FIRST_MOVE = 0.07
STIFFEST = 0.5
EVERY = 3
MOST_ROWS = 1024
DRAWS = 32
VCL_SUBSET = 5
_NOTHING = 1e-12  # of a gradient: a flow that starts where there is none stays there


@dataclass(frozen=True, slots=True)
class FlowSpec:
    """What to follow.

    Args:
        method: key of a regulariser of `per_core.list_methods("regulariser")`.
        parameters: what it is built with, as pairs of name and value.
        strength: of the regulariser against the task, above 0; None for the regulariser alone.
        steps: a positive multiple of 6. The batch is kept after every third step.
        seed: of whatever the regulariser draws.

    Raises:
        InvalidInputError: If the method is no regulariser, or a number is out of range.
    """

    method: str
    parameters: tuple[tuple[str, float], ...] = ()
    strength: float | None = None
    steps: int = 120
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be followed."""
        method = find_method(self.method)
        if method.kind != "regulariser":
            raise InvalidInputError(
                N_("Only a regulariser has a gradient flow; received '{title}', a {kind}. Apply it instead."),
                title=Phrase(method.title),
                kind=method.kind,
            )
        if self.strength is not None and not 0 < self.strength < math.inf:
            raise InvalidInputError(
                N_("strength must be a number above 0, or None for no task; received {strength!r}. 1 is usual."),
                strength=self.strength,
            )
        if self.steps < 1 or self.steps % (2 * EVERY):
            raise InvalidInputError(
                N_("steps must be a positive multiple of {fewest}; received {steps!r}. 120 is usual."),
                fewest=2 * EVERY,
                steps=self.steps,
            )

    @property
    def frames(self) -> int:
        """How many batches are kept, the start included."""
        return self.steps // EVERY + 1


@dataclass(frozen=True, slots=True, eq=False)
class FlowStart:
    """Where a flow starts and how it is stepped.

    Attributes:
        rows: (n, d) the batch, at most its first 1,024 rows.
        pull: (n, d) −n ∂R/∂h at the start, the gradient field.
        weight: λ; 1 without a task, 0 where there is no pull.
        step: η, the size of the first step.
        draws: over how many draws of a random loss a gradient is averaged; 1 if nothing is drawn.
        agreement: cosine of two gradient fields at the start that were drawn independently; 1 if nothing is drawn.
    """

    rows: Float32Matrix
    pull: Float32Matrix
    weight: float
    step: float
    draws: int
    agreement: float

    @property
    def is_still(self) -> bool:
        """Whether there is no pull at all, so that nothing will move."""
        return not self.pull.any()


@dataclass(frozen=True, slots=True, eq=False)
class FlowEnd:
    """Where a flow starts and where it ends: rows (n, d) after the last step."""

    start: FlowStart
    rows: Float32Matrix


@dataclass(frozen=True, slots=True, eq=False)
class FlowPath:
    """A flow that was watched: frames (frames, n, d), the start and the batch after every third step, and readings."""

    start: FlowStart
    frames: NDArray[np.float32]
    readings: FlowReadings


@dataclass(frozen=True, slots=True, eq=False)
class FlowReadings:
    """What happens to a batch on its way: arrays (frames,).

    Attributes:
        sw1: on the shared directions.
        per: exact.
        variance, kurtosis: means over the units (kurtosis is excess).
        modes: the largest number of modes of a unit.
        batch_variances: variance of the variances of 5 rows divided by the square of the unit's variance, mean over the
            units; 1/2 for Gaussian units, less for lower kurtosis.
    """

    sw1: Float64Array
    per: Float64Array
    variance: Float64Array
    kurtosis: Float64Array
    modes: Float64Array
    batch_variances: Float64Array


def start_flow(batch: ActivationBatch, spec: FlowSpec) -> FlowStart:
    """The gradient field of a finite batch (n, d), and the size of the steps.

    Raises:
        InvalidInputError: If the regulariser refuses the batch or a parameter.
    """
    rows, values = batch.values[:MOST_ROWS], batch.tensor[:MOST_ROWS]
    n, d = rows.shape
    draws = 1 if find_method(spec.method).mean_gradient is None else DRAWS
    generator = _generator(spec, 0)
    untouched = generator.get_state()
    one = other = gradient_at(values, spec, generator, draws=draws)
    if torch.equal(generator.get_state(), untouched):
        draws = 1  # nothing is drawn: another gradient would be the same
    else:
        other = gradient_at(values, spec, _generator(spec, spec.steps + 1), draws=draws)
    pull = -(one + other) / 2
    drawn_size = _root_mean_square(pull)
    if drawn_size < _NOTHING:
        return FlowStart(rows, np.zeros_like(rows), 0.0 if spec.strength else 1.0, STIFFEST, draws, 1.0)
    common = (one * other).sum().item() / n
    size = math.sqrt(common) if common > 0 else drawn_size  # drawn fields that disagree are noise alone
    weight = 1.0 if spec.strength is None else spec.strength * math.sqrt(d) / size
    stiffest = STIFFEST * d if spec.strength is None else STIFFEST
    step = min(FIRST_MOVE * math.sqrt(d) / (weight * drawn_size), stiffest)
    agreement = common / max(_root_mean_square(one) * _root_mean_square(other), _NOTHING**2)
    return FlowStart(rows, pull.numpy(), weight, step, draws, agreement)


def follow(start: FlowStart, spec: FlowSpec) -> Iterator[Float32Matrix]:
    """The batch (n, d) after each step."""
    origin = h = torch.from_numpy(start.rows.copy())
    longest = 2 * FIRST_MOVE * math.sqrt(h.shape[1])
    for number in range(1, spec.steps + 1):
        direction = start.weight * gradient_at(h, spec, _generator(spec, number), draws=start.draws)
        if spec.strength is not None:
            direction += h - origin
        move = start.step * min(1.0, 2 * (1 - number / spec.steps)) * direction
        h = h - move * min(1.0, longest / max(_root_mean_square(move), longest))
        yield h.numpy()


def end_flow(batch: ActivationBatch, spec: FlowSpec) -> FlowEnd:
    """Follow a finite batch to the end of a flow; errors as of `start_flow`."""
    start = start_flow(batch, spec)
    return FlowEnd(start, deque(follow(start, spec), maxlen=1).pop())


def watch_flow(batch: ActivationBatch, spec: FlowSpec) -> FlowPath:
    """Follow a finite batch (n, d), n ≥ 10, and read what happens to it on the way; errors as of `start_flow`."""
    start = start_flow(batch, spec)
    frames = np.stack([start.rows, *islice(follow(start, spec), EVERY - 1, None, EVERY)])
    return FlowPath(start, frames, read_frames(frames))


def read_frames(frames: NDArray[np.float32], *, slices: int = 64) -> FlowReadings:
    """What happens to a batch on its way: frames (frames, n, d), n ≥ 10."""
    batches = [torch.from_numpy(frame.copy()) for frame in frames]
    stats = moments(frames)
    spread = batch_variance_spread(frames, subset=VCL_SUBSET, seed=0)
    with np.errstate(invalid="ignore", divide="ignore"):  # a collapsed unit has no shape
        relative = spread / stats.variance**2
    return FlowReadings(
        sw1=np.array([sliced_distance(batch, slices)[0] for batch in batches]),
        per=np.array([per_loss(batch).item() for batch in batches]),
        variance=stats.variance.mean(axis=1),
        kurtosis=stats.excess_kurtosis.mean(axis=1),
        modes=np.array([float(count_modes(frame).max()) for frame in frames]),
        batch_variances=relative.mean(axis=1),
    )


@dataclass(frozen=True, slots=True)
class FlowStatistics(Statistic[str]):
    """The readings of a single batch, by the fields of `FlowReadings`: what a flow is compared with."""

    def measure(self, batch: ActivationBatch) -> dict[str, float]:
        """The readings of the batch as if it were a flow's only frame."""
        readings = read_frames(batch.values[None], slices=self.slices)
        return {field.name: float(getattr(readings, field.name)[0]) for field in fields(readings)}


def pull_along(spec: FlowSpec, distances: Float64Array) -> Float64Array:
    """The pull on a row that stands alone at each distance from 0 in one dimension, −∂R/∂h; above 0 outward. (k,)."""
    method = find_method(spec.method)
    slices = method.in_role("slices")
    one = {} if slices is None else {slices.name: 1}  # in one dimension all directions are one
    loss = method.build(**{**dict(spec.parameters), **one})
    generator = torch.Generator().manual_seed(spec.seed)
    rows = torch.from_numpy(distances).unsqueeze(1).requires_grad_()
    total = torch.stack([loss(row.unsqueeze(0), generator=generator) for row in rows]).sum()
    (gradient,) = torch.autograd.grad(total, rows)
    return -gradient.squeeze(1).numpy()


def _generator(spec: FlowSpec, step: int) -> torch.Generator:
    """Of draws that depend on seed and step alone."""
    return torch.Generator().manual_seed(1_000_003 * spec.seed + step)


def gradient_at(h: Tensor, spec: FlowSpec, generator: torch.Generator, *, draws: int) -> Tensor:
    """n ∂R/∂h at the rows h (n, d)."""
    method, parameters = find_method(spec.method), dict(spec.parameters)
    if method.mean_gradient is not None:
        return method.mean_gradient(**parameters)(h, draws=draws, generator=generator)
    leaf = h.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(method.build(**parameters)(leaf, generator=generator), leaf)
    return gradient * len(h)


def _root_mean_square(vectors: Tensor) -> float:
    """Root of the mean squared norm of the rows."""
    return vectors.square().sum(dim=1).mean().sqrt().item()

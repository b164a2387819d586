"""Directions worth looking at: a shared random set, and the few that are likely to be the worst."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.batch import ActivationBatch
from analysis.statistics.principal import principal_axes
from per_core import gaussian_w1, sliced_w1
from per_core.control_variates import Controls, controlled_mean, controls_along, expected_controls, plain_mean
from per_core.directions import random_directions
from per_core.interval import margin_of_error

Float64Array = NDArray[np.float64]

SEED = 0  # of the shared directions
PRINCIPAL = 4
STARTS = 16
STEPS = 40
PLANE_ANGLES, ROUNDS = 90, 4  # of the search in the plane
AXES_SHOWN = 64


@dataclass(frozen=True, slots=True, eq=False)
class NamedDirection:
    """One unit vector (d,) with the name a person reads: "unit 3", "principal 1", "maximised"."""

    name: str
    vector: Float64Array


@lru_cache(maxsize=64)
def shared_directions(d: int, slices: int, seed: int = SEED) -> Tensor:
    """The same `slices` unit vectors (slices, d), float32, for everybody who asks: the slices of every mean shown.

    In the plane the half circle is divided evenly, which averages over the angle far more precisely than random
    directions do; in more dimensions the directions are random. Two batches compared on the same directions differ by
    the batches alone. Do not modify the tensor.
    """
    if d == 2:
        _, vectors = circle_directions(2 * slices, offset=0.25)
        return torch.from_numpy(vectors[:slices]).to(torch.float32)
    return random_directions(slices, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)


def mean_over_slices(per_slice: Float64Array, d: int, controls: Controls | None = None) -> tuple[float, float]:
    """Mean over the shared directions of a d-dimensional batch, and how far that over all directions may be from it.

    In the plane, where the angles are evenly spaced, it is the plain mean, and the other the largest difference between
    it and the mean of every fourth angle: of 2,100 batches of seven kinds none was further away. In more dimensions the
    mean is taken with the control variates, where they are given, and the other is half the width of a 95 % confidence
    interval over the random directions. NaN for a single direction.
    """
    k = len(per_slice)
    if d == 2 and k > 1:
        mean = plain_mean(per_slice).value
        return mean, max(abs(plain_mean(per_slice[first::4]).value - mean) for first in range(min(4, k)))
    found = plain_mean(per_slice) if controls is None else controlled_mean(per_slice, controls)
    return found.value, margin_of_error(found.standard_error, k)


def sliced_distance(values: Tensor, slices: int) -> tuple[float, float]:
    """SW1 between N(0, I) and rows (n, d), finite, on the shared directions, and its margin: see `mean_over_slices`."""
    d = values.shape[1]
    distance = sliced_w1(values, directions=shared_directions(d, slices), control_variates=d != 2)
    if d == 2:
        return mean_over_slices(distance.per_direction.double().numpy(), d)
    return distance.value.item(), distance.margin_of_error.item()


def controls_of(values: Tensor, directions: Tensor) -> Controls:
    """The control variates of rows (n, d) on directions (k, d)."""
    return Controls(controls_along(directions @ values.T).numpy(), expected_controls(values))


def circle_directions(count: int, *, offset: float = 0.0) -> tuple[Float64Array, Float64Array]:
    """Angles (count,) in degrees, evenly from `offset` steps upwards, and the unit vectors (count, 2) of the plane."""
    degrees = (np.arange(count) + offset) * np.float64(360 / count)
    radians = np.deg2rad(degrees)
    return degrees, np.stack([np.cos(radians), np.sin(radians)], axis=1)


def axis_directions(batch: ActivationBatch) -> list[NamedDirection]:
    """The coordinate axes, one a unit; of more than 64 units the 64 furthest from N(0, 1) in W1."""
    distances = gaussian_w1(batch.tensor).numpy()
    shown = sorted(np.argsort(distances)[-AXES_SHOWN:].tolist())
    rows_of_identity = np.zeros((len(shown), batch.d))
    rows_of_identity[np.arange(len(shown)), shown] = 1
    return [NamedDirection(f"unit {j + 1}", row) for j, row in zip(shown, rows_of_identity, strict=True)]


def principal_directions(batch: ActivationBatch, count: int = PRINCIPAL) -> list[NamedDirection]:
    """The leading principal directions, largest variance first."""
    axes = principal_axes(batch, count)
    return [NamedDirection(f"principal {i + 1}", axis) for i, axis in enumerate(axes)]


def maximised_direction(
    batch: ActivationBatch, starts: list[NamedDirection], *, seed: int = 0, steps: int = STEPS
) -> NamedDirection:
    """The direction of the largest W1 to N(0, 1) that a search finds (max-sliced W1).

    In the plane all angles are looked at, see `_widest_angle`. In more dimensions, of the given starts and 64 random
    directions the worst 16 climb along the gradient on the sphere, with a step that shrinks as 1 / (2 + t / 5). The
    result is a lower bound of the maximum. On N(0, I) itself it is well above 0, because n samples in d dimensions
    always have a worst direction: compare it with the same search on fresh Gaussian batches.

    Source: Deshpande et al. (2019), "Max-sliced Wasserstein distance and its use for GANs".
    """
    values = batch.tensor
    if batch.d == 2:
        return NamedDirection("maximised", _widest_angle(values))
    random = random_directions(64, batch.d, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    candidates = torch.cat([torch.from_numpy(np.stack([s.vector for s in starts])).to(torch.float32), random])
    order = gaussian_w1(values @ candidates.T).argsort(descending=True)
    thetas = candidates[order[:STARTS]].clone()
    best, best_distance = thetas[0], -np.inf
    for step in range(steps + 1):
        thetas.requires_grad_(True)
        distances = gaussian_w1(values @ thetas.T)
        top = int(distances.argmax())
        reached = distances[top].item()
        if reached > best_distance:
            best, best_distance = thetas[top].detach().clone(), reached
        if step == steps:
            break
        (slope,) = torch.autograd.grad(distances.sum(), thetas)
        with torch.no_grad():
            tangent = slope - (slope * thetas).sum(1, keepdim=True) * thetas
            length = tangent.norm(dim=1, keepdim=True).clamp_min(1e-12)
            thetas = torch.nn.functional.normalize(thetas + tangent / length / (2 + step / 5), dim=1)
    return NamedDirection("maximised", best.double().numpy())


def _widest_angle(values: Tensor) -> Float64Array:
    """The unit vector (2,) along which a batch (n, 2) is farthest from N(0, 1).

    W1 is measured every two degrees of the half circle, and around each peak four times more, each time at nine angles
    four times as close as before: in the end to 0.008 degrees.
    """
    step = math.pi / PLANE_ANGLES
    angles = step * torch.arange(PLANE_ANGLES, dtype=torch.float64)
    along = _w1_along(values, angles)
    angles = angles[(along >= along.roll(1)) & (along >= along.roll(-1))]
    offsets = torch.linspace(-1, 1, 9, dtype=torch.float64)
    for _ in range(ROUNDS):
        tried = angles[:, None] + step * offsets
        along = _w1_along(values, tried.flatten()).reshape(tried.shape)
        angles = tried.gather(1, along.argmax(dim=1, keepdim=True)).squeeze(1)
        step /= 4
    widest = float(angles[along.amax(dim=1).argmax()])
    return np.array([math.cos(widest), math.sin(widest)])


def _w1_along(values: Tensor, angles: Tensor) -> Tensor:
    """W1 of a batch (n, 2) along angles (k,) in radians."""
    return gaussian_w1(values @ torch.stack([angles.cos(), angles.sin()]).to(values.dtype))


def named_directions(batch: ActivationBatch) -> list[NamedDirection]:
    """Axes, leading principal directions and the maximised one, in this order."""
    starts = [*axis_directions(batch), *principal_directions(batch)]
    return [*starts, maximised_direction(batch, starts)]

"""Directions worth looking at: a shared random set, and the few that are likely to be the worst."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.batch import Float32Matrix
from analysis.principal import principal_axes
from per_core import gaussian_w1
from per_core.directions import random_directions

Float64Array = NDArray[np.float64]

PRINCIPAL = 4
STARTS = 16
STEPS = 40
AXES_SHOWN = 64


@dataclass(frozen=True, slots=True, eq=False)
class NamedDirection:
    """One unit vector (d,) with the name a person reads: "unit 3", "principal 1", "maximised"."""

    name: str
    vector: Float64Array


@lru_cache(maxsize=64)
def shared_directions(d: int, slices: int, seed: int = 0) -> Tensor:
    """The same `slices` random unit vectors (slices, d) for everybody who asks, float32.

    Two batches compared on the same directions differ by the batches alone. Do not modify the tensor.
    """
    return random_directions(slices, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)


def circle_directions(count: int) -> tuple[Float64Array, Float64Array]:
    """Angles (count,) in degrees, 0 <= angle < 360, and the unit vectors (count, 2) of the plane there."""
    degrees = np.linspace(0.0, 360.0, count, endpoint=False)
    radians = np.deg2rad(degrees)
    return degrees, np.stack([np.cos(radians), np.sin(radians)], axis=1)


def axis_directions(values: Float32Matrix) -> list[NamedDirection]:
    """The coordinate axes, one a unit; of more than 64 units the 64 furthest from N(0, 1) in W1."""
    d = values.shape[1]
    distances = gaussian_w1(torch.from_numpy(values.copy())).numpy()
    shown = sorted(np.argsort(distances)[-AXES_SHOWN:].tolist())
    identity = np.eye(d)
    return [NamedDirection(f"unit {j + 1}", identity[j]) for j in shown]


def principal_directions(values: Float32Matrix, count: int = PRINCIPAL) -> list[NamedDirection]:
    """The leading principal directions, largest variance first."""
    axes = principal_axes(values, count)
    return [NamedDirection(f"principal {i + 1}", axis) for i, axis in enumerate(axes)]


def maximised_direction(values: Float32Matrix, *, seed: int = 0, steps: int = STEPS) -> NamedDirection:
    """The direction of the largest W1 to N(0, 1) that gradient ascent on the sphere finds (max-sliced W1).

    Starts from the unit, the principal direction and the random directions that are worst already; every start
    climbs with a step that shrinks as 1 / (1 + t / 10). The result is a lower bound of the maximum. On N(0, I)
    itself it is well above 0, because n samples in d dimensions always have a worst direction: compare it with
    the same search on fresh Gaussian batches.

    Source: Deshpande et al. (2019), "Max-sliced Wasserstein distance and its use for GANs".
    """
    batch = torch.from_numpy(values.copy())
    d = values.shape[1]
    candidates = torch.from_numpy(
        np.stack([n.vector for n in [*axis_directions(values), *principal_directions(values)]])
    ).to(torch.float32)
    candidates = torch.cat([candidates, shared_directions(d, 64, seed)])
    order = gaussian_w1(batch @ candidates.T).argsort(descending=True)
    thetas = candidates[order[:STARTS]].clone()
    best = thetas[0]
    best_distance = -np.inf
    for step in range(steps):
        thetas.requires_grad_(True)
        distances = gaussian_w1(batch @ thetas.T)
        top = int(distances.argmax())
        reached = distances[top].item()
        if reached > best_distance:
            best, best_distance = thetas[top].detach().clone(), reached
        (slope,) = torch.autograd.grad(distances.sum(), thetas)
        with torch.no_grad():
            tangent = slope - (slope * thetas).sum(1, keepdim=True) * thetas
            length = tangent.norm(dim=1, keepdim=True).clamp_min(1e-12)
            thetas = torch.nn.functional.normalize(thetas + tangent / length / (2 + step / 5), dim=1)
    return NamedDirection("maximised", best.double().numpy())


def named_directions(values: Float32Matrix) -> list[NamedDirection]:
    """Axes, leading principal directions and the maximised one, in this order."""
    return [*axis_directions(values), *principal_directions(values), maximised_direction(values)]

"""SIGReg: how far the characteristic function of random projections is from that of N(0, 1).

On every direction, with p_i = <θ, h_i> (the test of Epps and Pulley):

    n ∫ |mean_i exp(i t p_i) − exp(−t²/2)|² exp(−t²/2) dt,   by the trapezoid rule on [−limit, limit]

averaged over directions. Its mean at N(0, I) is √(2π) − √(2π/3) = 1.06, not 0, for every n (where `limit` is 5; 1.05
where it is 3).

The rule makes the statistic periodic in every projection. With knots at t = 0 and at distances of δ the integrand
repeats at p + 2π/δ: rows far out are not seen as far. The paper's 17 knots on [−5, 5] have δ = 0.625 and a period of
10.05: a row is pushed outward from about half of that on, at p = 9 for example, and attracted to p = 10.05, where it
counts as 0, from beyond it, at p = 10.5. The variant in the authors' present code is the integral over [0, 3] with 17
knots, by symmetry 33 knots on [−3, 3] here: δ = 0.1875 and a period of 33.5. Keep the projections below half a period.

References: Balestriero and LeCun, "LeJEPA: provable and scalable self-supervised learning without the heuristics"
(2025), arXiv 2511.08544, and the code published with it for [0, 3]; Epps and Pulley, "A test for normality based on the
empirical characteristic function" (1983).
"""

from __future__ import annotations

import math
from numbers import Real

import torch
from torch import Tensor

from per_core.arguments import Array, as_directions, as_matrix, require_count, require_finite, working_dtype
from per_core.directions import random_directions
from per_core.errors import InvalidInputError
from per_core.text import N_

LIMIT = 5.0


def sigreg_period(*, knots: int = 17, limit: float = LIMIT) -> float:
    """What may be added to a projection without changing the statistic, 2π over the distance of the knots.

    An even number of knots has none at t = 0; the integrand then repeats, with the other sign, at that distance, and
    the period is twice as long.
    """
    return 2 * math.pi * (knots - 1) / (2 * limit) * (1 if knots % 2 else 2)


def sigreg_loss(
    activations: Array,
    *,
    slices: int = 256,
    knots: int = 17,
    limit: float = LIMIT,
    generator: torch.Generator | None = None,
    directions: Array | None = None,
) -> Tensor:
    """The Epps-Pulley statistic against N(0, 1), averaged over directions.

    Differentiable; memory grows as knots · n · slices where a gradient is asked for.

    Args:
        activations: (n, d), n and d at least 1, finite; any floating dtype. The check waits for a GPU.
        slices: number of random directions, at least 1; 256 by default.
        knots: points of the trapezoid rule on [−limit, limit], at least 2; 17 in the paper, 33 in the present code.
        limit: end of the integral, above 0; 5 in the paper, 3 in the present code.
        generator: source of the random directions; torch's global one if None.
        directions: (k, d) unit rows to use instead; `slices` and `generator` are then ignored.

    Returns:
        Scalar, at least 0; float64 for float64 and float32 for every shorter dtype.

    Raises:
        InvalidInputError: wrong rank, an empty batch, NaN or infinite values, slices below 1, knots below 2, a limit
            that is not above 0, directions of the wrong size or not of unit norm.

    Example:
        >>> sigreg_loss(torch.zeros(1, 3))  # collapse: √(2π) (1 + 1/√3 − √2)
        tensor(0.4089)
        >>> sigreg_loss(torch.zeros(8, 3))  # it is a test statistic, and grows with n
        tensor(3.2714)
    """
    h = as_matrix(activations, "activations", "(n, d)")
    if require_count(knots, "knots") < 2:
        raise InvalidInputError(
            N_("knots must be at least 2, both ends; received {knots}. The paper uses 17."), knots=knots
        )
    if not isinstance(limit, Real) or not 0 < limit < math.inf:
        raise InvalidInputError(
            N_("limit must be a finite number above 0; received {limit!r}. The paper uses 5."), limit=limit
        )
    require_finite(h, "activations")
    with torch.autocast(h.device.type, enabled=False):
        rows = h.to(working_dtype(h))
        if directions is None:
            theta = random_directions(slices, h.shape[1], generator=generator, device=h.device, dtype=rows.dtype)
        else:
            theta = as_directions(directions, rows)
        projections = rows @ theta.T  # (n, k)
        step = 2 * limit / (knots - 1)
        total = projections.new_zeros(len(theta))
        for knot in range(knots // 2):  # the integrand is even, and 0 at t = 0
            t = limit - knot * step
            gaussian = math.exp(-t * t / 2)
            real = (t * projections).cos().mean(dim=0) - gaussian
            imaginary = (t * projections).sin().mean(dim=0)
            weight = gaussian * step * (1 if knot == 0 else 2)  # the outermost two count half
            total = total + weight * (real.square() + imaginary.square())
        return len(h) * total.mean()

"""The mean of a distance over all directions, from its values on random ones and from what is known of the batch.

The mean over k random directions θ is off by σ/√k. Most of that comes from how large the batch h of n rows happens to
be along them, while how large it is over all directions is known. With p_i = <θ, h_i>, the mean row μ, S = hᵀh/n and
c_d = E|θ_1| = Γ(d/2) / (√π Γ((d+1)/2)), these are the controls and their means over the unit sphere of R^d:

    mean size            mean_i |p_i|           c_d mean_i ‖h_i‖
    size of the mean     |<θ, μ>|               c_d ‖μ‖
    square of the mean   <θ, μ>²                ‖μ‖² / d
    mean square          s = mean_i p_i²        tr S / d = mean_i ‖h_i‖² / d
    its square           s² = (θᵀSθ)²           ((tr S)² + 2 ‖S‖²) / (d (d + 2))

Least squares of the k distances W_j on 1 and x_j, the controls less their means, leave the intercept, the distance
where all controls are what they are on average. With X the x_j less their average x̄, G = XᵀX, β = G⁻¹ XᵀW the
coefficients, u = G⁻¹ x̄ and e the residuals,

    value = Σ_j a_j W_j,   a = 1/k − X u,         ∂value/∂x_j = −a_j β − e_j u.

The standard error is that of MacKinnon and White (1985), HC3, which allows for residuals of unequal size, and for
directions that none of the k is like: one that lies 2σ away moves the mean by 2σ/k,

    standard error² = Σ_j (a_j e_j / (1 − ℓ_j))² + (2σ/k)²,   ℓ_j the leverage of direction j.

Where it is not below σ/√k, or where the value is outside the range of the W_j, the plain mean is taken.

Controls that few of the directions decide make intervals that cover too rarely. So the square of the mean square
takes part only where many axes share the batch, effective rank (tr S)² / ‖S‖² of 10 or more, and where S or hhᵀ/n, of
the same norm, has at most 64 rows: a larger one costs as much as the projections. The square of <θ, μ>², on average
3 ‖μ‖⁴ / (d (d + 2)), takes none: with both, 64 directions and a shifted batch of 256 units, 67 % were covered.
Directions in orthonormal blocks were tried as well, and the controls leave them nothing to gain.

References: Glasserman, "Monte Carlo methods in financial engineering" (2003), section 4.1, for control variates;
Nguyen and Ho, "Sliced Wasserstein estimation with control variates", arXiv 2305.00402, and Leluc et al.,
"Sliced-Wasserstein estimation with spherical harmonics as control variates", arXiv 2402.01493, for slices.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from per_core.per import row_norms

Floats = NDArray[np.float64]

CONTROLS = 5
FEWEST_SLICES = 32  # of fewer the coefficients cost about what they bring, and the residuals say too little
FEWEST_AXES = 10  # effective rank from which the square of the mean square is used
LARGEST_GRAM = 64  # rows of S or of its counterpart: a larger one costs as much as the projections
NEW = 0.03  # of a control, relative, that those before it must leave unexplained: less is a matter of few directions
UNSEEN = 2  # deviations: how far a direction may lie that none of the k is like
ROUNDING = 1e-5  # relative: a control that varies by less along the directions does so by rounding


class Controls(NamedTuple):
    """The controls of a batch: (k, 5) along each direction, and (5,) their means over all directions.

    A mean that is NaN is not known, and its control is not used.
    """

    along: Floats
    expected: Floats

    def scaled(self, factor: float) -> Controls:
        """The controls of the batch times a factor of at least 0."""
        by = factor ** np.array([1, 1, 2, 2, 4])
        return Controls(self.along * by, self.expected * by)


class ControlledMean(NamedTuple):
    """A mean over all directions, estimated from k of them.

    Attributes:
        value: of the estimate.
        standard_error: of the value over directions; NaN for one direction.
        weights: (k,), ∂value/∂W_j; they sum to 1.
        along_slopes: (k, 5), ∂value/∂ the controls along each direction.
        expected_slopes: (5,), ∂value/∂ their means.
    """

    value: float
    standard_error: float
    weights: Floats
    along_slopes: Floats
    expected_slopes: Floats

    @property
    def is_controlled(self) -> bool:
        """Whether it is more than the plain mean."""
        return bool(self.expected_slopes.any())


def controls_along(projections: Tensor) -> Tensor:
    """The controls on each direction: projections (k, n), a direction a row, to (k, 5) in float64."""
    n = projections.shape[1]
    size = torch.linalg.vector_norm(projections, ord=1, dim=1).double() / n
    mean = projections.mean(dim=1).double()
    square = torch.linalg.vector_norm(projections, dim=1).double().square() / n
    return torch.stack([size, mean.abs(), mean.square(), square, square.square()], dim=1)


def add_slopes_along(total: Tensor, projections: Tensor, slopes: Tensor) -> None:
    """Add to `total` (k, n) the derivative by the projections (k, n) of controls with these slopes, (k, 5)."""
    n = projections.shape[1]
    size, size_of_mean, square_of_mean, square, square_of_square = (slopes / n).to(total).T.unsqueeze(2)  # (k, 1) each
    mean = projections.mean(dim=1, keepdim=True)
    mean_square = torch.linalg.vector_norm(projections, dim=1, keepdim=True).square() / n
    total.add_(mean.sign() * size_of_mean + 2 * mean * square_of_mean)
    total.addcmul_(projections, 2 * square + 4 * mean_square * square_of_square)
    total.addcmul_(projections.sign(), size)


def expected_controls(rows: Tensor) -> Floats:
    """The means of the controls of rows (n, d) over the sphere, (5,); the last NaN where it is not used."""
    n, d = rows.shape
    norms, mean = row_norms(rows), float(row_norms(rows.mean(dim=0)))
    size, trace = mean_size(d), float(norms.square().mean())
    square = math.nan
    if min(n, d) <= LARGEST_GRAM:
        frobenius = float(torch.linalg.matrix_norm(_gram(rows)))
        if trace >= math.sqrt(FEWEST_AXES) * frobenius:
            square = (trace**2 + 2 * frobenius**2) / (d * (d + 2))
    return np.array([size * float(norms.mean()), size * mean, mean**2 / d, trace / d, square])


def add_expected_slopes(total: Tensor, rows: Tensor, slopes: Floats) -> None:
    """Add to `total` (n, d) the derivative by the rows (n, d) of `expected_controls` with these slopes, (5,)."""
    n, d = rows.shape
    norms, mean = row_norms(rows), rows.mean(dim=0)
    size, size_of_mean, square_of_mean, square, square_of_square = (slopes / n).tolist()
    square_of_square /= d * (d + 2)
    # at 0 a norm has a corner: the slope there is 0
    per_size, per_mean = (mean_size(d) / each.masked_fill(each == 0, math.inf) for each in (norms, row_norms(mean)))
    trace = norms.square().mean()
    total.addcmul_(rows, (size * per_size + 2 * square / d + 4 * square_of_square * trace).to(rows).unsqueeze(1))
    total.add_(mean * (size_of_mean * per_mean + 2 * square_of_mean / d).to(rows))
    if square_of_square:
        gram = _gram(rows)
        total.add_(rows @ gram if d <= n else gram @ rows, alpha=8 * square_of_square)


def _gram(rows: Tensor) -> Tensor:
    """S = hᵀh/n or hhᵀ/n, the smaller of the two: their norms are the same, and hS = (hhᵀ/n) h."""
    n, d = rows.shape
    return (rows.T @ rows if d <= n else rows @ rows.T) / n


def mean_size(d: int) -> float:
    """c_d = E|θ_1| = Γ(d/2) / (√π Γ((d+1)/2)), the mean of |<θ, h>| / ‖h‖ over all directions."""
    return math.exp(math.lgamma(d / 2) - math.lgamma((d + 1) / 2)) / math.sqrt(math.pi)


def plain_mean(values: Floats) -> ControlledMean:
    """The mean of values (k,), its standard error their deviation / √k."""
    k = len(values)
    scale = float(np.abs(values).max()) or 1.0  # squares of large values leave float64
    error = scale * float((values / scale).std(ddof=1)) / math.sqrt(k) if k > 1 else math.nan
    mean = scale * float((values / scale).mean())
    return ControlledMean(mean, error, np.full(k, 1 / k), np.zeros((k, CONTROLS)), np.zeros(CONTROLS))


def controlled_mean(values: Floats, controls: Controls) -> ControlledMean:
    """The mean of a function over all directions, see the module.

    Args:
        values: (k,), at least 0, on independent uniform directions.
        controls: of the batch on the same directions.
    """
    plain, k = plain_mean(values), len(values)
    if k < FEWEST_SLICES or not plain.standard_error > 0:
        return plain
    used, basis = _independent(controls)
    if not used:
        return plain
    scale = float(values.max())
    distances = values / scale
    x = controls.along[:, used] - controls.expected[used]
    triangle = basis.T @ x  # (r, r): x less its average is basis · triangle
    offset = np.linalg.solve(triangle.T, x.mean(axis=0))
    coefficients = basis.T @ distances
    weights = 1 / k - basis @ offset
    residuals = distances - distances.mean() - basis @ coefficients
    leverage = (1 / k + (basis**2).sum(axis=1)).clip(max=1 - 1e-6)
    own = weights * residuals / (1 - leverage)
    error = scale * math.hypot(math.sqrt(float(own @ own)), UNSEEN * plain.standard_error / scale / math.sqrt(k))
    value = scale * float(weights @ distances)
    if not error < plain.standard_error or not values.min() <= value <= values.max():
        return plain
    slopes, tilt = np.zeros(CONTROLS), np.zeros(CONTROLS)
    slopes[used] = scale * np.linalg.solve(triangle, coefficients)
    tilt[used] = scale * np.linalg.solve(triangle, offset)
    along_slopes = -np.outer(weights, slopes) - np.outer(residuals, tilt)
    return ControlledMean(value, error, weights, along_slopes, slopes)


def _independent(controls: Controls) -> tuple[list[int], Floats]:
    """Which controls say something that those before them do not, and an orthonormal basis (k, r) of them, centred."""
    used: list[int] = []
    basis: list[Floats] = []
    for number, (column, expected) in enumerate(zip(controls.along.T, controls.expected, strict=True)):
        if not (np.isfinite(column).all() and math.isfinite(expected) and expected > 0):
            continue
        centred = column / expected - (column / expected).mean()
        length = np.linalg.norm(centred)
        for _ in range(2):  # twice is enough (Parlett)
            for axis in basis:
                centred = centred - axis * (axis @ centred)
        left = np.linalg.norm(centred)
        if left > ROUNDING * math.sqrt(len(column)) and left > NEW * length:
            used.append(number)
            basis.append(centred / left)
    return used, np.stack(basis, axis=1) if used else np.empty((len(controls.along), 0))

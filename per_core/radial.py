"""PER averaged over every direction: a function of the norm of a row alone.

For a row h of R^d with norm r and θ uniform on the unit sphere, p = <θ, h> has a distribution that depends on r
only, and the expectation of PER over θ has a closed form (x = r²/2, w = r²/d, 1F1 is Kummer's function):

    ψ(r)     = E_θ E|p − Z| = √(2/π) 1F1(−1/2; d/2; −x) = √(2/π) (A + w B)
    ψ'(r)/r  = √(2/π)/d B
    A = 1F1(1/2; d/2; −x),   B = 1F1(1/2; d/2 + 1; −x)

A and B are positive, so that their sum does not cancel; the usual routines for 1F1(−1/2; ...) overflow at typical
norms. Divided by the power of 1 + w that each function follows, ψ, its slope and its curvature are smooth in
v = 1/(1 + w) on [0, 1]: one Chebyshev series for each, fitted once for every d, serves every norm. In the angle β with
cot β = r/√d, v is sin²β and the Chebyshev polynomial T_k(2v − 1) is (−1)ᵏ cos 2kβ: a series is a sum of waves.

References: Joo, Kang and Kim, "Regularizing activations in neural networks via distribution matching with the
Wasserstein metric", ICLR 2020, for E|p − Z|; Abramowitz and Stegun (1964), 13.2.1, for the integral of Kummer's
function; Trefethen, "Approximation theory and approximation practice" (2013), for Chebyshev series.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, partial
from itertools import zip_longest
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray
from torch import Tensor

from per_core.arguments import require_count
from per_core.derivatives import shared_draw

DEGREE = 100  # enough for d = 1, the slowest series: 5e-14 in the slope; larger d keep far fewer terms
SERIES_TOLERANCE = {torch.float64: 1e-14, torch.float32: 1e-8}  # relative to the first coefficient
QUADRATURE_NODES = 400
FEW_WAVES = {"cpu": 2**12, "cuda": 2**22}  # norms times terms up to which operations cost more than arithmetic
MOST_POWERS = 16  # of more, d below 5 in float32 and 64 in float64, too many digits cancel
POWERS = {"loss": -1, "slope": 1, "curvature": 3}  # of √v, which a series is multiplied by
SQRT_2_OVER_PI = math.sqrt(2 / math.pi)

Series = tuple[float, ...]
Curve = Literal["loss", "slope", "curvature"]


@dataclass(frozen=True, slots=True)
class RadialSeries:
    """Chebyshev coefficients in t = 2v − 1 of ψ/√(1+w), (ψ'/r)·√(1+w) and d(ψ'/r)/d(r²)·(1+w)^(3/2)."""

    loss: Series
    slope: Series
    curvature: Series


class Waves(NamedTuple):
    """A curve as a sum of waves in the angle β, on a device.

    Attributes:
        most: norms up to which it is faster than the recurrence of Clenshaw.
        root_d: √d, (1,); β = atan2(√d, r).
        orders: (terms,), 2k + 1 of the slope, which is made of sines, and 2k of the others, of cosines.
        amplitudes: (terms, 1).
    """

    most: int
    root_d: Tensor
    orders: Tensor
    amplitudes: Tensor


_WAVES: dict[tuple[Curve, int, torch.dtype, torch.device], Waves] = {}


def radial_loss(norms: Tensor, d: int, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """The exact PER of rows with the given norms, ψ(r) = √(2/π) 1F1(−1/2; d/2; −r²/2).

    Args:
        norms: float64, any shape, values in [0, ∞).
        d: number of units of the rows, at least 1.
        dtype: of the result, float64 or float32; the latter needs fewer terms.

    Returns:
        ψ of every norm, the shape of `norms`; relative error below 1e-12 in float64 for d up to 10⁵.

    Raises:
        InvalidInputError: d below 1.

    Example:
        >>> radial_loss(torch.zeros(1, dtype=torch.float64), 8)  # collapse: E|Z| = √(2/π)
        tensor([0.7979], dtype=torch.float64)
    """
    return _evaluate("loss", norms, d, dtype).to(dtype)


def radial_slope(norms: Tensor, d: int, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """ψ'(r)/r, the factor that turns a row into its PER gradient; finite and positive at r = 0.

    Arguments, shape and errors as in `radial_loss`; relative error below 1e-12 in float64.
    """
    return _evaluate("slope", norms, d, dtype).to(dtype)


def radial_slopes(norms: Tensor, ds: tuple[int, ...], *, dtype: torch.dtype = torch.float64) -> Tensor:
    """`radial_slope` of several batches at once, in fewer operations, and fewer kinds of them, where all are wide.

    ψ'(r)/r is √q times a polynomial in q = 1/(d + r²), found in float64 by Horner's scheme.

    Args:
        norms: of the rows of each batch, (..., batches).
        ds: units of the rows of each batch.
        dtype: as in `radial_slope`.

    Returns:
        (..., batches).
    """
    polynomials = _slope_polynomials(ds, dtype, norms.device)
    if polynomials is None:
        slopes = [radial_slope(own, d, dtype=dtype) for own, d in zip(norms.unbind(-1), ds, strict=True)]
        return torch.stack(slopes, dim=-1)
    units, sums, *powers = polynomials
    root = torch.addcmul(units, norms, norms).rsqrt_()
    q = root * root
    for coefficients in powers:
        sums = torch.addcmul(coefficients, sums, q)
    return (sums * root).to(dtype)


@cache
def _slope_polynomials(ds: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> list[Tensor] | None:
    """d, then the coefficients of every power of q, the highest first, (batches,) each; None if powers would cancel."""
    series = [radial_series(d, dtype).slope for d in ds]
    if max(map(len, series)) > MOST_POWERS:
        return None
    columns = []
    for d, own in zip(ds, series, strict=True):
        in_v = Chebyshev(own, domain=[0, 1]).convert(kind=Polynomial, domain=[-1, 1]).coef.tolist()  # v = d q
        columns.append([coefficient * d ** (power + 0.5) for power, coefficient in enumerate(in_v)])
    powers = list(zip_longest(*columns, fillvalue=0.0))
    with torch.inference_mode(False):  # whose tensors cannot be used outside it
        return [torch.tensor(row, dtype=torch.float64, device=device) for row in (ds, *reversed(powers))]


def radial_curvature(norms: Tensor, d: int, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """d(ψ'(r)/r)/d(r²), negative, which the derivative of the gradient needs.

    Arguments, shape and errors as in `radial_loss`; relative error below 1e-10 in float64.
    """
    return _evaluate("curvature", norms, d, dtype).to(dtype)


def _evaluate(curve: Curve, norms: Tensor, d: int, dtype: torch.dtype) -> Tensor:
    """A curve at every norm, in float64, as exact as `dtype` can tell.

    Of few norms all terms are found at once, as waves; of many one after the other, which takes less arithmetic and
    memory. So it is where a compiler fuses operations, and for tensors of other kinds, fake ones say, which do not mix
    with tensors that are kept.
    """
    if type(norms) is Tensor and not torch.compiler.is_compiling():
        key = curve, d, dtype, norms.device
        waves = _WAVES.get(key) or _keep_waves(*key)
        if norms.numel() <= waves.most:
            return _sum_waves(curve, waves, norms)
    root = torch.hypot(norms.double() * d**-0.5, norms.new_ones(())).reciprocal()  # √v, and never squares a large norm
    series = getattr(radial_series(d, dtype), curve)
    return _clenshaw(series, root.square() * 4.0 - 2.0) * root ** POWERS[curve]


def _sum_waves(curve: Curve, waves: Waves, norms: Tensor) -> Tensor:
    """One sine or cosine of a matrix and one product."""
    angles = torch.atan2(waves.root_d, norms.reshape(-1, 1))  # (m, 1), in [0, π/2]
    phases = angles * waves.orders  # (m, terms)
    if curve == "slope":
        sums = phases.sin_() @ waves.amplitudes
    else:
        sums = phases.cos_() @ waves.amplitudes * angles.sin_() ** POWERS[curve]
    return sums.view_as(norms)


def _clenshaw(series: Series, double_t: Tensor) -> Tensor:
    """The Chebyshev series at t, given 2t (Clenshaw 1955)."""
    newer: Tensor | float = series[-1]
    older: Tensor | float = 0.0
    for coefficient in series[-2:0:-1]:
        newer, older = double_t * newer - (older - coefficient), newer
    return double_t * newer * 0.5 - (older - series[0])


def _keep_waves(curve: Curve, d: int, dtype: torch.dtype, device: torch.device) -> Waves:
    key = curve, d, dtype, device
    shared_draw(partial(_make_waves, *key))  # what is made within torch.func.grad is of no use outside it
    return _WAVES[key]


def _make_waves(curve: Curve, d: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """T_k(2v − 1) = (−1)ᵏ cos 2kβ; times sin β it is half the difference of the sines of (2k + 1)β and (2k − 1)β."""
    series = np.array(getattr(radial_series(d, dtype), curve))
    orders = 2 * np.arange(len(series))
    amplitudes = series * (-1.0) ** np.arange(len(series))
    if curve == "slope":
        orders += 1
        amplitudes[0] *= 2
        amplitudes = (amplitudes - np.append(amplitudes[1:], 0)) / 2
    with torch.inference_mode(False):  # whose tensors cannot be used outside it
        tensors = (
            torch.tensor(part, dtype=torch.float64, device=device) for part in ([d**0.5], orders, amplitudes[:, None])
        )
        waves = Waves(FEW_WAVES.get(device.type, 0) // len(series), *tensors)
    _WAVES[curve, d, dtype, device] = waves
    return waves.amplitudes


def radial_series(d: int, dtype: torch.dtype) -> RadialSeries:
    """The three series of dimension d, as long as `dtype` can tell; torch.compile takes them as constants."""
    return _fit_series(d, dtype)


# All that torch.compiler.assume_constant_result does, which loads the whole compiler first.
radial_series._dynamo_marked_constant = True  # type: ignore[attr-defined]


@cache
def _fit_series(d: int, dtype: torch.dtype) -> RadialSeries:
    """Fitted at the Chebyshev nodes of the first kind."""
    require_count(d, "d")
    order = np.arange(DEGREE + 1)
    angles = np.pi * (order + 0.5) / (DEGREE + 1)
    v = (1 + np.cos(angles)) / 2
    w = (1 - v) / v
    x = w * d / 2
    b = _kummer(x, d, sine_power=0)
    a = _kummer(x, d - 2, sine_power=0) if d > 1 else np.exp(-x)
    c = _kummer(x, d, sine_power=2)
    to_series = np.cos(np.outer(order, angles)) * np.where(order == 0, 1, 2)[:, None] / (DEGREE + 1)

    def fit(values: NDArray[np.float64]) -> Series:
        coefficients = SQRT_2_OVER_PI * (to_series @ values)
        matters = np.abs(coefficients) > SERIES_TOLERANCE[dtype] * np.abs(coefficients[0])
        kept = max(2, np.flatnonzero(matters)[-1] + 1)
        return tuple(coefficients[:kept].tolist())

    return RadialSeries(
        loss=fit((a + w * b) * np.sqrt(v)),
        slope=fit(b / np.sqrt(v) / d),
        curvature=fit(-c / v**1.5 / (2 * d * (d + 2))),
    )


def _kummer(x: NDArray[np.float64], cosine_power: int, *, sine_power: int) -> NDArray[np.float64]:
    """1F1(a; b; −x) with a = (sine_power + 1)/2 and b = a + (cosine_power + 1)/2.

    ∫₀^{π/2} exp(−x sin²α) sinⁱα cosʲα dα divided by the same at x = 0: the Gamma functions in front of it cancel.
    """
    nodes, weights = _quadrature()

    def integral(x: NDArray[np.float64]) -> NDArray[np.float64]:
        end = np.minimum(np.pi / 2, 12 / np.sqrt(2 * x + cosine_power + 1))  # the rest is below e^-70
        sine_squared = np.sin(end[:, None] * (nodes + 1) / 2) ** 2
        log_integrand = cosine_power / 2 * np.log1p(-sine_squared) - x[:, None] * sine_squared
        integrand = np.exp(log_integrand) * sine_squared ** (sine_power / 2)
        return np.asarray(end / 2 * (integrand @ weights))

    return integral(x) / integral(np.zeros(1))


@cache
def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE_NODES)
    return nodes, weights

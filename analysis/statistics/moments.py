"""Moments of a batch: what the statistics that normalisers look at say about each unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from per_core.errors import InvalidInputError
from per_core.text import N_

Float64Array = NDArray[np.float64]

SAFE_EXPONENT = 200  # fourth powers of 2^±200 are far within float64


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """The first four moments of each unit.

    Attributes:
        mean: array (..., d), in the unit of the activations.
        variance: array (..., d), mean((x − mean)²) ≥ 0: biased (ddof = 0), as batch normalisation computes it.
        skewness: array (..., d), mean((x − mean)³) / variance^(3/2); 0 for a symmetric unit.
        excess_kurtosis: array (..., d), mean((x − mean)⁴) / variance² − 3 ≥ −2; 0 for a Gaussian unit.

    A unit that never changes has variance exactly 0 and NaN for skewness and excess kurtosis.
    """

    mean: Float64Array
    variance: Float64Array
    skewness: Float64Array
    excess_kurtosis: Float64Array


def moments(values: ArrayLike) -> Moments:
    """Return mean, variance, skewness and excess kurtosis of each unit.

    Computed in float64 about the mean, so float32 values around 1e4 of variance 1 come out right; and units of huge or
    tiny values over a power of two, so that powers of 1e300 stay numbers. A variance beyond float64 is infinite.

    Args:
        values: array (..., n, d), n samples of d units; leading dimensions are separate batches.

    Raises:
        InvalidInputError: If the values are not finite numbers of shape (..., n, d) with n, d ≥ 1.
    """
    finite, exponent = _scaled(finite_values(values))
    mean, centred = _centred(finite)
    squared = centred * centred
    variance = squared.mean(axis=-2)
    n = finite.shape[-2]
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN of a constant unit
        skewness = np.einsum("...nd,...nd->...d", squared, centred) / n / variance**1.5
        excess_kurtosis = np.einsum("...nd,...nd->...d", squared, squared) / n / variance**2 - 3
    with np.errstate(over="ignore", under="ignore"):  # said to be infinite, or 0
        return Moments(np.ldexp(mean, exponent), np.ldexp(variance, 2 * exponent), skewness, excess_kurtosis)


def correlation(values: ArrayLike) -> Float64Array:
    """Return the Pearson correlation of every pair of units, an array (..., d, d) of values in [−1, 1].

    Row and column of a unit that never changes are NaN.

    Args:
        values: array (..., n, d), n samples of d units; leading dimensions are separate batches.

    Raises:
        InvalidInputError: If the values are not finite numbers of shape (..., n, d) with n, d ≥ 1.
    """
    _, centred = _centred(finite_values(values))
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN of a constant unit
        unit_length = centred / np.linalg.norm(centred, axis=-2, keepdims=True)
    cosines: Float64Array = unit_length.swapaxes(-1, -2) @ unit_length
    return cosines.clip(-1, 1)


def batch_variances(values: ArrayLike, *, subset: int = 5, seed: int) -> Float64Array:
    """Return the unbiased variances of small batches, per unit.

    The rows are shuffled and cut into ⌊n/m⌋ disjoint subsets of m = `subset` rows.

    Args:
        values: array (..., n, d), n ≥ 2·subset samples of d units; leading dimensions are separate batches.
        subset: rows in a subset, at least 2. VCL takes 5.
        seed: decides which rows come together.

    Returns:
        array (..., ⌊n/m⌋, d), ≥ 0, in the unit of the activations squared.

    Raises:
        InvalidInputError: If the values are not finite numbers of shape (..., n, d), or n or `subset` is too small.
    """
    finite = finite_values(values)
    n, d = finite.shape[-2:]
    if subset < 2 or n < 2 * subset:
        raise InvalidInputError(
            N_(
                "The variance of batch variances needs at least two subsets of at least two rows; received {n} rows"
                " and subset={subset}. Give more rows or another subset size."
            ),
            n=n,
            subset=subset,
        )
    subsets = n // subset
    rows = np.random.default_rng(seed).permutation(n)[: subsets * subset]
    grouped = finite[..., rows, :].reshape(*finite.shape[:-2], subsets, subset, d)
    variances: Float64Array = grouped.var(axis=-2, ddof=1)
    return variances


def batch_variance_spread(values: ArrayLike, *, subset: int = 5, seed: int) -> Float64Array:
    """Return the variance of small batches' variances, per unit: what variance constancy loss (VCL) lowers.

    The unbiased variance of `batch_variances`. For independent rows its expectation is

        Var(s²) = σ⁴ (2/(m − 1) + κ/m),    σ² the unit's variance, κ its excess kurtosis,

    so at fixed variance it is smaller the lower the kurtosis is.

    Args:
        values, subset, seed: as of `batch_variances`.

    Returns:
        array (..., d), ≥ 0, in the unit of the activations to the fourth power.

    Raises:
        InvalidInputError: As `batch_variances`.
        Source: Littwin and Wolf (2018), "Regularizing by the variance of the activations' sample-variances".
    """
    spread: Float64Array = batch_variances(values, subset=subset, seed=seed).var(axis=-2, ddof=1)
    return spread


def finite_values(values: ArrayLike) -> Float64Array:
    """Return the values as float64, an array (..., n, d), after checking that all of them are finite.

    Raises:
        InvalidInputError: If the values are not real numbers of shape (..., n, d) with n, d ≥ 1, or some are NaN or
            infinite.
    """
    received = np.asarray(values)
    if received.dtype.kind not in "fiub" or received.ndim < 2 or 0 in received.shape:
        raise InvalidInputError(
            N_(
                "Statistics need real numbers of shape (n, d) with at least one sample and one unit; received dtype"
                " {dtype}, shape {shape}. Reshape to one row a sample."
            ),
            dtype=received.dtype,
            shape=received.shape,
        )
    if not np.isfinite(received).all():
        raise InvalidInputError(
            N_(
                "Statistics need finite values; received {nans} NaN and {infinities} infinite among {size} values."
                " Leave out the rows or units that hold them."
            ),
            nans=np.isnan(received).sum(),
            infinities=np.isinf(received).sum(),
            size=received.size,
        )
    return received.astype(np.float64)


def _scaled(values: Float64Array) -> tuple[Float64Array, NDArray[np.int32]]:
    """The values over powers of two, and their exponents (..., d): 0 unless fourth powers would leave float64."""
    exponent = np.frexp(np.abs(values).max(axis=-2))[1]
    exponent[np.abs(exponent) < SAFE_EXPONENT] = 0
    return np.ldexp(values, -exponent[..., None, :]) if exponent.any() else values, exponent


def _centred(values: Float64Array) -> tuple[Float64Array, Float64Array]:
    # Measured from its first value, a constant unit deviates by exactly 0; from its rounded mean it does not.
    first = values[..., :1, :]
    deviations = values - first
    offset = deviations.mean(axis=-2, keepdims=True)
    return (first + offset).squeeze(-2), deviations - offset

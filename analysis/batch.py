"""The activation batch: the one thing that everything here looks at."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from per_core.errors import InvalidInputError
from per_core.recording.epoch import as_epoch
from per_core.text import N_, Phrase

if TYPE_CHECKING:
    from torch import Tensor

Float32Matrix = NDArray[np.float32]
Float64Matrix = NDArray[np.float64]
Float = TypeVar("Float", np.float32, np.float64)

STEPS_OF_A_RANGE = 1000  # a unit whose range holds fewer float32 roundings is kept as float64 too
SMALLEST_ROUNDING = 2.0**-150  # of float32, of the smallest values


@dataclass(frozen=True, eq=False)
class ActivationBatch:
    """n activation vectors of d units, wherever they came from.

    The values are cast to float32, made C-contiguous, copied and made read-only on construction, so a batch
    can be shared between threads and caches. NaN and infinities are kept and counted, never dropped.

    Args:
        values: array (n, d), n >= 1, d >= 1 One row a sample, one column a unit; any real numeric type. A finite value
            beyond float32's range (3.4e38) becomes infinite and is counted apart.
        name: what a person calls this batch.
        layer, epoch: where in the network and when in training it was taken, if known.
        source: where it came from: "figure 1", "run", a file's name.

    Attributes:
        fingerprint: 32 hexadecimal digits, a hash of shape and content: equal for equal values.
        n_nan, n_inf: how many of the n·d values were given as NaN, and how many as infinite.
        n_beyond_float32: how many were finite and are too large for float32: infinite in `values`, but not by the
            network.
        n_coarse: units whose values float32 moves by more than a thousandth of their range, 1e9 + N(0, 1) for example.
        exact: the values as float64, read-only, where float32 loses what statistics need: if one of the two counts
            before is not 0. Otherwise None.

    Raises:
        InvalidInputError: If `values` is not a numeric matrix with at least one row and one column.

    Example:
        >>> batch = ActivationBatch([[0.0, 1.0], [np.nan, 2.0]], "by hand")
        >>> batch.n, batch.d, batch.n_nan
        (2, 2, 1)
    """

    values: Float32Matrix
    name: str
    layer: str | None = None
    epoch: float | None = None
    source: str = ""
    fingerprint: str = field(init=False)
    n_nan: int = field(init=False)
    n_inf: int = field(init=False)
    n_beyond_float32: int = field(init=False)
    n_coarse: int = field(init=False)
    exact: Float64Matrix | None = field(init=False, repr=False)
    _memory: Float32Matrix = field(init=False, repr=False)

    def __init__(
        self,
        values: ArrayLike,
        name: str,
        *,
        layer: str | None = None,
        epoch: float | None = None,
        source: str = "",
    ) -> None:
        """Validate, cast, freeze and fingerprint the values."""
        received = _received(values)
        memory = _copied(received, np.float32)
        frozen = _frozen(memory)
        n_nan, n_inf = int(np.isnan(frozen).sum()), int(np.isinf(frozen).sum())
        n_beyond = n_inf - int(np.isinf(received).sum()) if n_inf else 0
        n_coarse = 0 if np.can_cast(received.dtype, np.float32) else _count_coarse(received, frozen)
        exact = _frozen(_copied(received, np.float64)) if n_beyond or n_coarse else None
        put = object.__setattr__
        put(self, "_memory", memory)
        put(self, "values", frozen)
        put(self, "name", name)
        put(self, "layer", layer)
        put(self, "epoch", None if epoch is None else as_epoch(epoch))
        put(self, "source", source)
        digest = hashlib.blake2b(repr(frozen.shape).encode(), digest_size=16)
        for array in (frozen, exact):
            if array is not None:
                digest.update(array.data)
        put(self, "fingerprint", digest.hexdigest())
        put(self, "n_nan", n_nan)
        put(self, "n_inf", n_inf - n_beyond)
        put(self, "n_beyond_float32", n_beyond)
        put(self, "n_coarse", n_coarse)
        put(self, "exact", exact)

    @property
    def n(self) -> int:
        """Number of samples (rows)."""
        return int(self.values.shape[0])

    @property
    def d(self) -> int:
        """Number of units (columns)."""
        return int(self.values.shape[1])

    @property
    def tensor(self) -> Tensor:
        """The values as a tensor (n, d), float32, on the same memory: only to be read, which PyTorch cannot enforce."""
        import torch  # not needed to hold a batch or to draw its density

        return torch.from_numpy(self._memory)

    @property
    def is_finite(self) -> bool:
        """Whether all `values` are finite: none is NaN, infinite or beyond float32."""
        return self.n_nan + self.n_inf + self.n_beyond_float32 == 0

    @property
    def precise(self) -> Float32Matrix | Float64Matrix:
        """The values for statistics: `exact` where there is such, otherwise `values`."""
        return self.values if self.exact is None else self.exact

    @property
    def not_finite(self) -> Phrase:
        """What is not finite in `values`, for a person, see `count_not_finite`."""
        return count_not_finite(self.n_nan, self.n_inf, self.n_beyond_float32)


def moved(batch: ActivationBatch, shift: float, scale: float) -> ActivationBatch:
    """The batch shift + scale · h."""
    return ActivationBatch(
        shift + scale * batch.values, batch.name, layer=batch.layer, epoch=batch.epoch, source=batch.source
    )


def first_rows(batch: ActivationBatch, rows: int) -> ActivationBatch:
    """The first rows of a batch; the batch itself if it has no more."""
    return batch if batch.n <= rows else ActivationBatch(batch.values[:rows], batch.name, source=batch.source)


def count_not_finite(n_nan: int, n_inf: int, n_beyond_float32: int) -> Phrase:
    """Such values in words: "2 NaN, 1 infinite"; those beyond float32 are named where there are any."""
    found = Phrase(N_("{n_nan:,} NaN, {n_inf:,} infinite"), n_nan=n_nan, n_inf=n_inf)
    if not n_beyond_float32:
        return found
    return Phrase(N_("{found}, {n:,} finite beyond float32 (3.4e38)"), found=found, n=n_beyond_float32)


def _received(values: ArrayLike) -> NDArray[Any]:
    received = np.asarray(values)
    if received.dtype.kind not in "fiub":
        raise InvalidInputError(
            N_(
                "Activations must be real numbers; received dtype {dtype}. Convert them to a floating-point array"
                " first."
            ),
            dtype=received.dtype,
        )
    if received.ndim != 2 or 0 in received.shape:
        raise InvalidInputError(
            N_(
                "Activations must be a matrix (n, d) with at least one sample and one unit; received shape {shape}."
                " Reshape to one row a sample."
            ),
            shape=received.shape,
        )
    return received


def _copied(received: NDArray[Any], dtype: type[Float]) -> NDArray[Float]:
    with np.errstate(over="ignore", under="ignore"):  # counted by whoever asks
        return np.array(received, dtype=dtype, order="C", copy=True)


def _frozen(memory: NDArray[Float]) -> NDArray[Float]:
    """A read-only view; PyTorch takes writable memory only."""
    view = memory.view()
    view.flags.writeable = False
    return view


def _count_coarse(received: NDArray[Any], frozen: Float32Matrix) -> int:
    """How many units float32 moves by more than a thousandth of their range, see `ActivationBatch.n_coarse`."""
    low, high = _extremes(received)
    rounding = np.maximum(np.maximum(np.abs(low), np.abs(high)) * 2.0**-24, SMALLEST_ROUNDING)
    units = np.flatnonzero((low < high) & (high / STEPS_OF_A_RANGE - low / STEPS_OF_A_RANGE < rounding))
    return sum(bool((received[:, unit] != frozen[:, unit]).any()) for unit in units)


def _extremes(received: NDArray[Any]) -> tuple[Float64Matrix, Float64Matrix]:
    """The smallest and the largest value of every unit, (d,) each, over the rows that are finite."""
    low, high = received.min(axis=0), received.max(axis=0)
    if received.dtype.kind == "f" and not (np.isfinite(low).all() and np.isfinite(high).all()):
        finite = received[np.isfinite(received).all(axis=1)]
        if not len(finite):
            return np.zeros(received.shape[1]), np.zeros(received.shape[1])
        low, high = finite.min(axis=0), finite.max(axis=0)
    return _copied(low, np.float64), _copied(high, np.float64)

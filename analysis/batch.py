"""The activation batch: the one thing that everything here looks at."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from per_core.errors import InvalidInputError

Float32Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ActivationBatch:
    """n activation vectors of d units, wherever they came from.

    The values are cast to float32, made C-contiguous, copied and made read-only on construction, so a batch
    can be shared between threads and caches. NaN and infinities are kept and counted, never dropped.

    Parameters
    ----------
    values : array (n, d), n >= 1, d >= 1
        One row a sample, one column a unit; any real numeric type. A value beyond float32's range becomes
        infinite and is counted as such.
    name : what a person calls this batch.
    layer, epoch : where in the network and when in training it was taken, if known.
    source : where it came from: "figure 1", "recording", a file's name.

    Attributes
    ----------
    fingerprint : 32 hexadecimal digits, a hash of shape and content: equal for equal values.
    n_nan, n_inf : how many of the n·d values are NaN, and how many are infinite.

    Raises
    ------
    InvalidInputError
        If `values` is not a numeric matrix with at least one row and one column.
    """

    values: Float32Matrix
    name: str
    layer: str | None = None
    epoch: int | None = None
    source: str = ""
    fingerprint: str = field(init=False)
    n_nan: int = field(init=False)
    n_inf: int = field(init=False)

    def __init__(
        self,
        values: ArrayLike,
        name: str,
        *,
        layer: str | None = None,
        epoch: int | None = None,
        source: str = "",
    ) -> None:
        """Validate, cast, freeze and fingerprint the values."""
        frozen = _frozen_float32(values)
        put = object.__setattr__
        put(self, "values", frozen)
        put(self, "name", name)
        put(self, "layer", layer)
        put(self, "epoch", epoch)
        put(self, "source", source)
        digest = hashlib.blake2b(repr(frozen.shape).encode(), digest_size=16)
        digest.update(frozen.data)
        put(self, "fingerprint", digest.hexdigest())
        put(self, "n_nan", int(np.isnan(frozen).sum()))
        put(self, "n_inf", int(np.isinf(frozen).sum()))

    @property
    def n(self) -> int:
        """Number of samples (rows)."""
        return int(self.values.shape[0])

    @property
    def d(self) -> int:
        """Number of units (columns)."""
        return int(self.values.shape[1])

    @property
    def is_finite(self) -> bool:
        """Whether no value is NaN or infinite."""
        return self.n_nan + self.n_inf == 0


def _frozen_float32(values: ArrayLike) -> Float32Matrix:
    received = np.asarray(values)
    if received.dtype.kind not in "fiub":
        raise InvalidInputError(
            f"Activations must be real numbers; received dtype {received.dtype}. "
            "Convert them to a floating-point array first."
        )
    if received.ndim != 2 or 0 in received.shape:
        raise InvalidInputError(
            "Activations must be a matrix (n, d) with at least one sample and one unit; "
            f"received shape {received.shape}. Reshape to one row a sample."
        )
    with np.errstate(over="ignore"):
        frozen = np.array(received, dtype=np.float32, order="C", copy=True)
    frozen.flags.writeable = False
    return frozen

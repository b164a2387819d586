"""Principal directions of a batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def principal_axes(values: NDArray[np.float32], count: int | None = None) -> NDArray[np.float64]:
    """The leading principal directions (count, d) of a batch (n, d): unit rows, largest variance first.

    Eigenvectors of the covariance; the sign is fixed so that the entry of largest magnitude is positive. With
    equal variances the directions are one arbitrary choice among many.

    Parameters
    ----------
    values : (n, d), finite. count : at most d; all d if not given.
    """
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    rows = vectors[:, ::-1][:, :count].T
    largest = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    axes: NDArray[np.float64] = rows * np.sign(largest)[:, None]
    return axes

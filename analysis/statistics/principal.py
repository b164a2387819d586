"""Principal directions of a batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.batch import ActivationBatch


def principal_axes(batch: ActivationBatch, count: int | None = None) -> NDArray[np.float64]:
    """The leading principal directions (count, d) of a batch (n, d): unit rows, largest variance first.

    Eigenvectors of the covariance; the sign is fixed so that the entry of largest magnitude is positive. With
    equal variances the directions are one arbitrary choice among many.

    Args:
        batch: finite.
        count: at most d, and n where the batch has fewer rows than units; all d if not given.
    """
    values = batch.values
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    if count is not None and len(values) < values.shape[1]:  # without the (d, d) covariance, which may not fit
        rows = np.linalg.svd(centred, full_matrices=False)[2][:count]
    else:
        rows = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count].T
    largest = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    axes: NDArray[np.float64] = rows * np.sign(largest)[:, None]
    return axes

"""What a normaliser makes of a batch, and of rows it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.batch import ActivationBatch
from analysis.distances.directions import shared_directions
from per_core import find_method, gaussian_w1
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

Float64Array = NDArray[np.float64]
SLICES = 64
HELD_OUT_ROWS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class SmallBatch:
    """A normaliser whose statistics come from few rows.

    Attributes:
        rows: b, how many rows gave the statistics.
        seen: (splits,) SW1 to N(0, I) of those rows after the transform, in training mode.
        held_out: (splits,) SW1 of other rows of the same batch after the same transform, in evaluation mode. They are
            taken b at a time, because fewer rows are further from N(0, I) by chance; this is the mean over those
            chunks.
        chunks: how many those are.
    """

    rows: int
    seen: Float64Array
    held_out: Float64Array
    chunks: int


def normalise(batch: ActivationBatch, key: str, parameters: Mapping[str, float]) -> ActivationBatch:
    """The batch after a normaliser in training mode, its affine map at the identity.

    Args:
        batch: finite.
        key, parameters: a normaliser of `per_core.list_methods("normaliser")` and what it is built with.

    Raises:
        InvalidInputError: If the method is no normaliser, or refuses the batch or a parameter.
    """
    layer = _build(key, batch.d, parameters)
    with torch.no_grad():
        values = layer(batch.tensor)
    return ActivationBatch(values.numpy(), f"{batch.name}, after {find_method(key).title}", source=batch.source)


def normalise_held_out(
    batch: ActivationBatch, key: str, parameters: Mapping[str, float], *, rows: int, splits: int, seed: int = 0
) -> SmallBatch:
    """Take the statistics from `rows` random rows and apply the transform to others that were held out.

    One training step with momentum 1 puts the statistics of the rows into the layer; evaluation mode then uses them.
    The held-out rows are of the other half of the batch, new ones in every split: chunks of `rows` rows, together about
    1,024.

    Args:
        batch: finite.
        rows: 2 .. n/2.
        splits: how often to draw rows afresh, at least 1.

    Raises:
        InvalidInputError: If `rows` is out of range, or as `normalise`.
        Source: Huang et al. (2018), section 4, for whitening with too few rows.
    """
    n, d = batch.n, batch.d
    if not 2 <= rows <= n // 2:
        raise InvalidInputError(
            N_(
                "Statistics need 2 to {fits} rows of a batch of {n}, so that as many can be held out; received"
                " {rows}. Choose fewer rows."
            ),
            fits=n // 2,
            n=n,
            rows=rows,
        )
    chunks = max(1, min(n // 2, HELD_OUT_ROWS) // rows)
    directions = shared_directions(d, SLICES).float()
    momentum = find_method(key).in_role("momentum")
    whole = {} if momentum is None else {momentum.name: 1.0}
    distances = []
    for split in range(splits):
        order = np.random.default_rng([seed, split]).permutation(n)
        seen = batch.tensor[order[:rows]]
        unseen = batch.tensor[order[n - chunks * rows :]]
        layer = _build(key, d, {**parameters, **whole})
        with torch.no_grad():
            outputs = layer(seen), layer.eval()(unseen)
        distances.append([_mean_distance(output, rows, directions) for output in outputs])
    table = np.array(distances)
    return SmallBatch(rows, table[:, 0], table[:, 1], chunks)


def _mean_distance(values: Tensor, rows: int, directions: Tensor) -> float:
    """SW1 to N(0, I) of `rows` rows of (m, d) at a time, the mean over these chunks."""
    projections = (values @ directions.T).view(-1, rows, len(directions))
    return gaussian_w1(projections.movedim(0, 1).flatten(1)).mean().item()


def _build(key: str, d: int, parameters: Mapping[str, float]) -> nn.Module:
    method = find_method(key)
    if method.kind != "normaliser":
        raise InvalidInputError(
            N_("Only a normaliser maps a batch at once; received '{title}', a {kind}. Follow its gradient."),
            title=Phrase(method.title),
            kind=method.kind,
        )
    layer: nn.Module = method.build(d, **parameters)
    return layer

"""The parts of a batch's distance to N(0, I), and what each method removes of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from analysis.batch import ActivationBatch
from app.charts.chart import show_chart
from app.charts.methods import removed_parts
from app.session import caches
from app.session.progress import CHUNK, in_chunks
from app.text import method_words
from app.text.language import _

if TYPE_CHECKING:
    from analysis.distances.decomposition import DistanceParts, Part

Mapped = Mapping[str, tuple[ActivationBatch, ActivationBatch]]


def decompose_batch(batch: ActivationBatch) -> "DistanceParts":
    """The parts of a batch's distance to N(0, I)."""
    from analysis.distances.decomposition import decompose
    from analysis.statistics.null_band import draws_that_fit

    chunks = in_chunks(
        draws_that_fit(batch.n, batch.d),
        CHUNK,
        lambda first, count: caches.gaussian_stages_chunk(batch.n, batch.d, first, count),
        _("Decomposing the distance of N(0, I)"),
    )
    return decompose(caches.stage_distances(batch), np.concatenate(chunks))


def show_removed(batch: ActivationBatch, mapped: Mapped, *, key: str) -> None:
    """How much of each part of the distance each method removes. `mapped` holds batches before and after, by method."""
    present = decompose_batch(batch)
    removed: dict[str, Mapping[Part, float]] = {}
    fewer = None
    for name, (before, after) in mapped.items():
        left, there = decompose_batch(after), present if before is batch else decompose_batch(before)
        removed[name] = {part: value - left.values[part] for part, value in there.values.items()}
        if before.n < batch.n:
            fewer = [*(fewer[0] if fewer else []), name], before.n, there
    show_chart(
        removed_parts(present, removed),
        key=key,
        height=360,
        alt=method_words.alt_parts(present, removed),
        about=method_words.about_parts(present, removed, fewer),
    )

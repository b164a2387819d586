"""The parts of a batch's distance to N(0, I), and what each method removes of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.batch import ActivationBatch
from app.charts.chart import show_chart
from app.charts.methods import removed_parts
from app.session import caches
from app.session.null_bands import null_draws
from app.text import method_words

if TYPE_CHECKING:
    from analysis.distances.decomposition import DistanceParts, Part

Mapped = Mapping[str, tuple[ActivationBatch, ActivationBatch]]


def decompose_batch(batch: ActivationBatch) -> "DistanceParts":
    """The parts of a batch's distance to N(0, I)."""
    from analysis.distances.decomposition import StageDistances, decompose_distance

    return caches.result(decompose_distance, batch, null_draws(StageDistances(), batch.n, batch.d))


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

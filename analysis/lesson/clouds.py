"""Step 1: what batch normalisation sees of four clouds with mean 0 and variance 1."""

from __future__ import annotations

from dataclasses import dataclass, replace

from analysis.batch import ActivationBatch
from analysis.distances.batch_statistics import BatchStatistics, Key
from analysis.samples import CASES, Case, SampleSpec, draw

SEEN_BY_BN: tuple[Key, ...] = ("mean", "variance")


@dataclass(frozen=True, slots=True, eq=False)
class FourClouds:
    """The four cases of Figure 1 with the same settings.

    Attributes:
        spec: what they are drawn by; its case is the first.
        batches: by case.
        statistics: of each, by case: of the unit furthest from N(0, I).
    """

    spec: SampleSpec
    batches: dict[Case, ActivationBatch]
    statistics: dict[Case, dict[Key, float]]


def see_clouds(spec: SampleSpec) -> FourClouds:
    """Draw the four cases and measure them."""
    batches = {case: draw(replace(spec, case=case)) for case in CASES}
    return FourClouds(spec, batches, {case: BatchStatistics().measure(batch) for case, batch in batches.items()})

"""Step 1: what batch normalisation sees of four clouds with mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from analysis.batch import ActivationBatch
from analysis.distances.batch_statistics import Key
from analysis.samples import CASES, Case, SampleSpec, draw
from analysis.statistics.moments import moments
from analysis.statistics.null_band import NullBand


@dataclass(frozen=True, slots=True, eq=False)
class SeenCloud:
    """A cloud as batch normalisation sees it.

    Attributes:
        batch: (n, 2).
        means, variances: of its two units.
        changed: whether a mean or a variance lies outside the sampling range of N(0, I), so that batch normalisation
            moves or scales the cloud by more than chance.
    """

    batch: ActivationBatch
    means: tuple[float, float]
    variances: tuple[float, float]
    changed: bool


@dataclass(frozen=True, slots=True, eq=False)
class FourClouds:
    """The four cases of Figure 1 with the same settings.

    Attributes:
        spec: what they are drawn by; its case is the first.
        clouds: by case.
        variances: the sampling range of the variances.
    """

    spec: SampleSpec
    clouds: dict[Case, SeenCloud]
    variances: NullBand

    @property
    def changed(self) -> int:
        """How many of them batch normalisation changes."""
        return sum(cloud.changed for cloud in self.clouds.values())


def see_clouds(spec: SampleSpec, bands: Mapping[Key, NullBand]) -> FourClouds:
    """Draw the four cases with two units, and compare mean and variance of each with N(0, I).

    Args:
        spec: of any case, with dim = 2.
        bands: sampling ranges of `BatchStatistics` at this size.
    """
    return FourClouds(spec, {case: _see(draw(replace(spec, case=case)), bands) for case in CASES}, bands["variance"])


def _see(batch: ActivationBatch, bands: Mapping[Key, NullBand]) -> SeenCloud:
    found = moments(batch.values)
    (mean_x, mean_y), (variance_x, variance_y) = found.mean.tolist(), found.variance.tolist()
    means, variances = (mean_x, mean_y), (variance_x, variance_y)
    usual = all(mean in bands["mean"] for mean in means) and all(one in bands["variance"] for one in variances)
    return SeenCloud(batch, means, variances, not usual)

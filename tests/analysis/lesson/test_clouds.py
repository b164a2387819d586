"""Step 1 of the lesson: what batch normalisation sees of four clouds."""

import numpy as np
import pytest
import torch
from scipy import stats

from analysis.distances.batch_statistics import BatchStatistics
from analysis.distances.shipped_bands import shipped_bands
from analysis.lesson.clouds import FourClouds, see_clouds
from analysis.samples import CASES, SampleSpec

N = 2048


def seen(rho: float = 0.7, scale: float = 1.0, shift: float = 0.0) -> FourClouds:
    bands = shipped_bands(BatchStatistics(), N, 2)
    assert bands is not None
    return see_clouds(SampleSpec(n=N, seed=5, rho=rho, scale=scale, shift=shift), bands)


@pytest.mark.parametrize("rho", np.linspace(-0.95, 0.95, 39))
def test_no_correlation_is_seen_at_mean_0_and_variance_1(rho: float) -> None:
    assert seen(rho).changed == 0


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.25, 1.5])
@pytest.mark.parametrize("rho", [-0.95, 0.0, 0.7])
def test_a_scale_is_seen_in_all_four(rho: float, scale: float) -> None:
    assert seen(rho, scale).changed == 4


def test_a_shift_is_seen_in_all_four() -> None:
    assert seen(shift=0.5).changed == 4


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5])
def test_what_is_changed_is_what_batch_normalisation_moves_by_more_than_chance(scale: float) -> None:
    """By the layer of torch itself, and by the laws of mean and variance of Gaussian samples."""
    for cloud in seen(0.5, scale).clouds.values():
        x = cloud.batch.tensor
        moved = (torch.nn.BatchNorm1d(2, affine=False)(x) - x).square().mean().sqrt().item()
        assert (moved > 0.15) == cloud.changed
        chance = stats.chi2(N - 1).ppf([1e-4, 1 - 1e-4]) / N
        gaussian = all(chance[0] < variance < chance[1] for variance in cloud.variances)
        assert gaussian != cloud.changed
        np.testing.assert_allclose(cloud.means, cloud.batch.values.mean(axis=0, dtype=np.float64), atol=1e-9)
        np.testing.assert_allclose(cloud.variances, cloud.batch.values.var(axis=0, dtype=np.float64), rtol=1e-6)


def test_the_clouds_are_those_of_figure_1() -> None:
    assert [cloud.batch.name[:3] for cloud in seen().clouds.values()] == [f"({case})" for case in CASES]

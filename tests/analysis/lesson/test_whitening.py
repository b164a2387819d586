"""Step 2 of the lesson: what whitening leaves of a cloud."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from analysis.batch import ActivationBatch
from analysis.distances.batch_statistics import BatchStatistics
from analysis.distances.shipped_bands import shipped_bands
from analysis.lesson.whitening import Whitening, see_whitening
from analysis.samples import SampleSpec, draw
from per_core import sliced_w1

N = 4096


def seen(batch: ActivationBatch) -> Whitening:
    bands = shipped_bands(BatchStatistics(), N, 2)
    assert bands is not None
    return see_whitening(batch, bands["sw1"])


def cloud(x: np.ndarray, y: np.ndarray) -> ActivationBatch:
    return ActivationBatch(np.stack([x, y], axis=1), "cloud")


@pytest.mark.parametrize("rho", np.linspace(-0.95, 0.95, 39))
def test_a_tilted_gaussian_becomes_independent_and_gaussian(rho: float) -> None:
    found = seen(draw(SampleSpec(case="b", n=N, seed=5, rho=rho)))
    assert (found.independent, found.normal) == (True, True)


@pytest.mark.parametrize("case", ["c", "d"])
def test_independent_units_keep_their_shape(case: str) -> None:
    found = seen(draw(SampleSpec.from_dict({"case": case, "n": N, "seed": 5})))
    assert (found.independent, found.normal) == (True, False)


def test_uncorrelated_units_stay_dependent() -> None:
    rng = np.random.default_rng(0)
    angle, x, radius = rng.uniform(0, 2 * np.pi, N), rng.standard_normal(N), rng.normal(1.4, 0.2, N)
    ring = cloud(radius * np.cos(angle), radius * np.sin(angle))
    parabola = cloud(x, (x**2 - 1) / np.sqrt(2) + 0.3 * rng.standard_normal(N))
    signs = cloud(
        x, x * rng.choice([-1, 1], N)
    )  # both Gaussian, correlation 0, and one given by the other but its sign
    for one in (ring, parabola, signs):
        assert abs(seen(one).correlations[0]) < 0.1
        assert not seen(one).independent
        assert not seen(one).normal


def test_the_numbers_are_those_of_scipy() -> None:
    batch = draw(SampleSpec(case="c", n=N, seed=5))
    found = seen(batch)
    after = found.after.values.astype(np.float64)
    np.testing.assert_allclose(np.cov(after.T, bias=True), np.eye(2), atol=1e-3)
    assert found.correlations[0] == pytest.approx(stats.pearsonr(*batch.values.T).statistic, abs=1e-6)
    assert found.correlations[1] == pytest.approx(0, abs=1e-4)
    assert found.distance == pytest.approx(sliced_w1(after, slices=2000).value.item(), abs=2e-3)
    low, high = found.edges
    x, y = after.T
    parts = [y[x < low], y[(x >= low) & (x < high)], y[x >= high]]
    assert [len(part) for part in parts[:2]] == [N // 3, N // 3]
    apart = max(stats.wasserstein_distance(one, other) for one, other in combinations(parts, 2))
    assert found.apart == pytest.approx(apart, abs=2e-3)


def test_shuffled_values_are_as_far_apart_as_those_of_independent_units() -> None:
    found = seen(draw(SampleSpec(case="a", n=N, seed=5)))
    rng = np.random.default_rng(1)
    fresh = [seen(cloud(*rng.standard_normal((2, N)))).apart for _ in range(20)]
    assert np.mean([one in found.shuffled for one in fresh]) >= 0.9

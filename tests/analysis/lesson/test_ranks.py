"""Step 6 of the lesson: the partners that W1 gives samples, and what one that moves changes for the others."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, stats

from analysis.lesson.ranks import SAMPLE, MovedSample, expected_distances, see_moved
from analysis.samples import SampleSpec, draw

N = 32
SETTINGS = st.tuples(st.integers(0, 40), st.integers(-20, 20).map(lambda tenths: tenths / 10))


def moved(seed: int, distance: float) -> MovedSample:
    return see_moved(SampleSpec(n=N, seed=seed), distance)


@given(SETTINGS)
def test_others_that_the_sample_passes_get_another_partner(settings: tuple[int, float]) -> None:
    seed, distance = settings
    values = draw(SampleSpec(n=N, seed=seed)).values[:, 0].astype(float)
    low, high = sorted((values[SAMPLE], values[SAMPLE] + distance))
    passed = [low < value < high for row, value in enumerate(values) if row != SAMPLE]
    found = moved(seed, distance)
    assert found.others_changed == sum(passed)
    assert np.delete(found.changed, SAMPLE).tolist() == passed


@given(SETTINGS)
def test_partners_are_the_middles_of_equally_likely_parts(settings: tuple[int, float]) -> None:
    found = moved(*settings)
    for values, partners in ((found.before, found.partners_before), (found.after, found.partners_after)):
        np.testing.assert_allclose(stats.norm.cdf(partners), (stats.rankdata(values) - 0.5) / N, atol=1e-12)


def sw1_gradients(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2), ∂W1/∂x_(i) = 2 clip(Φ(x_(i)), (i−1)/n, i/n) − (2i−1)/n, the mean over evenly spaced angles."""
    total = np.zeros_like(values)
    for angle in np.pi * np.arange(64) / 64:
        theta = np.array([np.cos(angle), np.sin(angle)])
        projected = values @ theta
        rank = stats.rankdata(projected)
        pull = 2 * np.clip(stats.norm.cdf(projected), (rank - 1) / N, rank / N) - (2 * rank - 1) / N
        total += pull[:, None] * theta / 64
    return total


@pytest.mark.parametrize("distance", [-2.0, -0.7, 0.0, 0.4, 1.0, 2.0])
def test_gradients_of_sw1_change_for_many_others_and_of_per_for_none(distance: float) -> None:
    before = draw(SampleSpec(n=N, seed=5)).values.astype(float)
    after = before.copy()
    after[SAMPLE, 0] += distance
    change = np.abs(sw1_gradients(after) - sw1_gradients(before)).max(axis=1)
    effect = moved(5, distance).influence
    assert (effect.others, effect.per_changed) == (N - 1, 0)
    assert effect.sw1_changed == pytest.approx((np.delete(change, SAMPLE) > 1e-6).sum(), abs=1)


@pytest.mark.parametrize("distance", [-2.0, 0.0, 1.0])
def test_distances_are_integrals_against_the_normal_density(distance: float) -> None:
    found = moved(5, distance)

    def mean_distance(x: float) -> float:
        return sum(
            integrate.quad(lambda z: abs(x - z) * stats.norm.pdf(z), *limits)[0]
            for limits in ((-math.inf, x), (x, math.inf))
        )

    expected = [mean_distance(x) for x in found.after]
    np.testing.assert_allclose(found.distances, expected, rtol=1e-7)
    np.testing.assert_allclose(expected_distances(found.after), expected, rtol=1e-7)
    assert found.per == pytest.approx(np.mean(expected), rel=1e-7)


@given(SETTINGS)
def test_per_is_above_w1_and_by_no_more_than_at_the_target(settings: tuple[int, float]) -> None:
    found = moved(*settings)
    grid = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    w1 = stats.wasserstein_distance(found.after, grid)
    assert found.w1 == pytest.approx(w1, abs=1e-4)
    assert found.w1 <= found.per <= found.w1 + 2 / math.sqrt(math.pi)

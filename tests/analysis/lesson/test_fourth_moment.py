"""Step 3 of the lesson: the variances of small batches and the fourth moment."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.distances.batch_statistics import BatchStatistics
from analysis.distances.shipped_bands import shipped_bands
from analysis.lesson.fourth_moment import FourthMoment, see_fourth_moment
from analysis.samples import SampleSpec, draw
from analysis.statistics.moments import batch_variances

N = 4096
WIDTH = 0.4


def seen(distance: float, share: float, seed: int = 5) -> FourthMoment:
    bands = shipped_bands(BatchStatistics(), N, 2)
    assert bands is not None
    half = distance / 2
    modes = {"left_mean": -half, "right_mean": half, "left_sd": WIDTH, "right_sd": WIDTH, "left_weight": share}
    return see_fourth_moment(draw(SampleSpec(case="d", n=N, seed=seed, **modes)), bands["batch_variances"])


def excess_kurtosis(distance: float, share: float) -> float:
    """Of the mixture in population: two points of these weights, and an independent normal variable of this width.

    Cumulants of independent variables add: those of two points a distance D apart are D² pq and D⁴ pq (1 − 6 pq).
    """
    pq = share * (1 - share)
    return distance**4 * pq * (1 - 6 * pq) / (distance**2 * pq + WIDTH**2) ** 2


@pytest.mark.parametrize("share", np.linspace(0.05, 0.95, 19))
@pytest.mark.parametrize("distance", np.arange(0, 4.25, 0.25))
def test_the_verdict_is_that_of_the_kurtosis_in_population(distance: float, share: float) -> None:
    """Batches of five have variances of variance 1/2 + κ/5; 0.15 of it is chance at this size."""
    kurtosis, found = excess_kurtosis(distance, share), seen(distance, share)
    if abs(kurtosis) < 0.2:
        assert found.verdict == "same"
    elif abs(kurtosis) / 5 > 0.16:
        assert found.verdict == ("less" if kurtosis < 0 else "more")
    assert found.spread == pytest.approx(0.5 + kurtosis / 5, rel=0.15, abs=0.11)
    assert found.kurtosis == pytest.approx(kurtosis, rel=0.15, abs=0.15)


@given(st.floats(0, 4), st.floats(0.05, 0.95))
def test_two_equal_modes_have_the_least_kurtosis(distance: float, share: float) -> None:
    assert excess_kurtosis(distance, 0.5) <= excess_kurtosis(distance, share) + 1e-12
    assert excess_kurtosis(distance, share) >= -2


def test_the_numbers_are_those_of_scipy() -> None:
    found = seen(1.5, 0.3)
    assert found.kurtosis == pytest.approx(stats.kurtosis(found.values.astype(np.float64)), rel=1e-6)
    assert found.spread == pytest.approx(np.var(found.variances, ddof=1))
    assert len(found.variances) == N // 5
    assert found.variances.mean() == pytest.approx(1, abs=0.05)
    assert found.modes == 2
    assert seen(0, 0.5).modes == 1


def test_small_batches_share_no_row() -> None:
    """Each row stands in one batch: in one of five zeros and of a value alone, its variance is v²/5."""
    values = np.zeros((20, 2))
    values[3, 0] = 5.0
    variances = batch_variances(values, subset=5, seed=1)
    assert variances.shape == (4, 2)
    np.testing.assert_allclose(np.sort(variances[:, 0]), [0, 0, 0, 5])
    np.testing.assert_array_equal(variances[:, 1], 0)

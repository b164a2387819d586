"""The null band: an exact Monte-Carlo test, and the numbers theory gives for Gaussian data."""

import math

import numpy as np
import pytest

from analysis.null_band import (
    NullBand,
    band_of,
    draws_that_fit,
    gaussian_maximised_draws,
    gaussian_sw1_draws,
)


def test_the_band_spans_the_draws_and_states_its_level() -> None:
    band = band_of(np.array([3.0, 1.0, 2.0]))
    assert (band.low, band.median, band.high, band.draws) == (1, 2, 3, 3)
    assert band.level == 0.5
    assert 1.0 in band
    assert 3.01 not in band


def test_undefined_draws_are_left_out_and_an_empty_band_holds_nothing() -> None:
    assert band_of(np.array([math.nan, 2.0])) == NullBand(2, 2, 2, 1)
    assert 0.0 not in band_of(np.array([math.nan]))


def test_the_level_is_that_of_a_rank_test() -> None:
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((4000, 20))
    outside = np.mean([row[0] not in band_of(row[1:]) for row in draws])
    level = band_of(draws[0, 1:]).level
    assert level == pytest.approx(0.1)
    assert outside == pytest.approx(level, abs=5 * math.sqrt(level * (1 - level) / 4000))


@pytest.mark.parametrize("n", [32, 1024])
def test_gaussian_batches_give_the_known_sampling_floor(n: int) -> None:
    """sqrt(n) times the mean W1 of n Gaussian values is 1.26 at n = 32 and 1.28 at n = 1024."""
    draws = gaussian_sw1_draws(n, 16, 32, 1, 120)
    expected = {32: 1.26, 1024: 1.28}[n]
    error = draws.std(ddof=1) / math.sqrt(len(draws)) * math.sqrt(n)
    assert draws.mean() * math.sqrt(n) == pytest.approx(expected, abs=4 * error + 0.01)


def test_the_published_spread_between_data_sets() -> None:
    """n = 1024, d = 64: 0.0401 with a standard deviation of 0.0022 over data sets."""
    draws = gaussian_sw1_draws(1024, 64, 64, 1, 60)
    assert draws.mean() == pytest.approx(0.0401, abs=0.0012)
    assert draws.std(ddof=1) == pytest.approx(0.0022, abs=0.0008)


def test_chunks_are_the_same_draws_whatever_their_size() -> None:
    whole = gaussian_sw1_draws(64, 4, 8, 1, 6)
    parts = np.concatenate([gaussian_sw1_draws(64, 4, 8, 1, 2), gaussian_sw1_draws(64, 4, 8, 3, 4)])
    np.testing.assert_array_equal(whole, parts)


def test_a_search_over_directions_finds_more_than_the_mean_even_on_gaussian_data() -> None:
    searched = gaussian_maximised_draws(256, 8, 1, 4)
    assert searched.min() > gaussian_sw1_draws(256, 8, 64, 1, 4).max()


def test_larger_batches_get_fewer_draws() -> None:
    counts = [draws_that_fit(n, 2) for n in (32, 4096, 16384, 10**6)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 199
    assert min(counts) >= 39

"""The null band: an exact Monte-Carlo test, and the numbers theory gives for Gaussian data."""

import math

import numpy as np
import pytest

from analysis.bound import study_directions
from analysis.null_band import (
    NullBand,
    band_of,
    draws_that_fit,
    gaussian_draws,
    gaussian_worst_draws,
)
from analysis.samples import figure1


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
    draws = gaussian_draws(n, 16, 32, 1, 120)["sw1"]
    expected = {32: 1.26, 1024: 1.28}[n]
    error = draws.std(ddof=1) / math.sqrt(len(draws)) * math.sqrt(n)
    assert draws.mean() * math.sqrt(n) == pytest.approx(expected, abs=4 * error + 0.01)


def test_the_published_spread_between_data_sets() -> None:
    """n = 1024, d = 64: 0.0401 with a standard deviation of 0.0022 over data sets."""
    draws = gaussian_draws(1024, 64, 64, 1, 60)["sw1"]
    assert draws.mean() == pytest.approx(0.0401, abs=0.0012)
    assert draws.std(ddof=1) == pytest.approx(0.0022, abs=0.0008)


def test_chunks_are_the_same_draws_whatever_their_size() -> None:
    whole, first, rest = (gaussian_draws(64, 4, 8, *span) for span in ((1, 6), (1, 2), (3, 4)))
    for key, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([first[key], rest[key]]))


def test_per_of_gaussian_batches_scatters_about_its_population_value() -> None:
    per = gaussian_draws(512, 8, 8, 1, 60)["per"]
    assert per.mean() == pytest.approx(2 / math.sqrt(math.pi), abs=4 * per.std(ddof=1) / math.sqrt(60))


def test_looking_for_the_worst_finds_more_than_the_mean_even_on_gaussian_data() -> None:
    worst = gaussian_worst_draws(256, 8, 64, 1, 4)
    assert set(worst) == {"random", "unit", "principal", "maximised"}
    mean = gaussian_draws(256, 8, 64, 1, 4)["sw1"]
    assert worst["maximised"].min() > mean.max()
    for kind in ("random", "unit", "principal"):
        assert (worst[kind] <= worst["maximised"] + 1e-6).all()


def test_bimodal_units_stand_out_of_the_units_null_though_not_of_the_mean() -> None:
    """A fault of single units is diluted in SW1 and found by looking at the units themselves."""
    batch = figure1("d", 2048, dim=64, fill="pairs").values
    study = study_directions(batch, slices=64)
    assert study.worst_of_each_kind()["unit"] > 2 * gaussian_worst_draws(2048, 64, 64, 1, 5)["unit"].max()


def test_larger_batches_get_fewer_draws() -> None:
    counts = [draws_that_fit(n, 2) for n in (32, 4096, 16384, 10**6)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 199
    assert min(counts) >= 39

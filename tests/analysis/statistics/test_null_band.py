"""The null band: an exact Monte-Carlo test, and the numbers theory gives for Gaussian data."""

import math

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from analysis.batch import ActivationBatch
from analysis.distances.bound import Distances, WorstDistances, study_directions
from analysis.samples import figure1
from analysis.statistics.null_band import (
    NullBand,
    band_of,
    bands_of,
    expected_gaussian_w1,
    mean_false_alarms,
    most_false_alarms,
    null_band,
    null_draws,
)
from per_core import gaussian_w1


def test_the_band_spans_the_draws_and_states_its_level() -> None:
    band = band_of(np.array([3.0, 1.0, 2.0]))
    assert (band.low, band.median, band.high, band.draws, band.mean) == (1, 2, 3, 3, 2)
    assert band_of(np.array([0.0, 1.0, 8.0])).mean == 3
    assert band.less(0.5) == NullBand(0.5, 1.5, 2.5, 3, 1.5)
    assert mean_false_alarms(band.draws) == 0.5
    assert 1.0 in band
    assert 3.01 not in band


def test_a_value_lies_on_one_side_of_the_band_its_ends_within_and_is_counted_in_its_largest() -> None:
    band = band_of(np.array([1.0, 2.0, 4.0]))
    assert [band.side(value) for value in (0.9, 1.0, 4.0, 4.1)] == ["below", "within", "within", "above"]
    assert band.side(math.nan) == "within"
    assert band.times(6.0) == 1.5
    assert band_of(np.zeros(3)).times(6.0) == math.inf


def test_undefined_draws_are_left_out_and_an_empty_band_holds_nothing() -> None:
    assert band_of(np.array([math.nan, 2.0])) == NullBand(2, 2, 2, 1, 2)
    assert 0.0 not in band_of(np.array([math.nan]))


def test_the_level_is_that_of_a_rank_test() -> None:
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((4000, 20))
    outside = np.mean([row[0] not in band_of(row[1:]) for row in draws])
    level = mean_false_alarms(band_of(draws[0, 1:]).draws)
    assert level == pytest.approx(0.1)
    assert outside == pytest.approx(level, abs=5 * math.sqrt(level * (1 - level) / 4000))


@pytest.mark.parametrize(("draws", "sides"), [(19, 1), (19, 2), (199, 2), (999, 2)])
def test_all_but_one_range_in_a_thousand_have_a_rate_below_the_level(draws: int, sides: int) -> None:
    """20,000 ranges of uniform draws, whose rate is known exactly: what lies outside [0, 1] cut to the range."""
    rng = np.random.default_rng(1)
    # the smallest and the largest of m uniform draws: the largest is U^(1/m), below it the smallest of m − 1
    high = rng.random(20_000) ** (1 / draws)
    low = high * (1 - rng.random(20_000) ** (1 / (draws - 1)))
    rates = 1 - high + (low if sides == 2 else 0)
    assert rates.mean() == pytest.approx(mean_false_alarms(draws, sides=sides), rel=0.03)
    assert (rates > most_false_alarms(draws, sides=sides)).mean() == pytest.approx(0.001, abs=0.0008)


def test_the_stated_levels() -> None:
    levels = {m: NullBand(0, 0, 0, m).level for m in (0, 1, 39, 199, 999)}
    assert levels == pytest.approx({0: 1, 1: 1, 39: 0.2133, 199: 0.0455, 999: 0.0092}, abs=5e-5)


@pytest.mark.parametrize("n", [1, 2, 32, 1000])
def test_the_mean_distance_of_gaussian_batches_in_closed_form(n: int) -> None:
    rng = np.random.default_rng(2)
    drawn = gaussian_w1(torch.from_numpy(rng.standard_normal((n, 4000)))).numpy()
    error = drawn.std(ddof=1) / math.sqrt(4000)
    assert expected_gaussian_w1(n) == pytest.approx(drawn.mean(), abs=4 * error)


def test_the_mean_distance_of_one_row_and_of_many() -> None:
    """E|Z − Z'| = 2/√π; and ∫ √(2 Φ (1 − Φ) / π) dx / √n in the limit."""
    x = np.linspace(-9, 9, 40_001)
    limit = np.trapezoid(np.sqrt(2 * ndtr(x) * ndtr(-x) / math.pi), x)
    assert expected_gaussian_w1(1) == pytest.approx(2 / math.sqrt(math.pi), rel=1e-9)
    assert expected_gaussian_w1(10**6) * 1000 == pytest.approx(limit, rel=1e-4)


@pytest.mark.parametrize("n", [32, 1024])
def test_gaussian_batches_give_the_known_sampling_floor(n: int) -> None:
    """sqrt(n) times the mean W1 of n Gaussian values is 1.26 at n = 32 and 1.28 at n = 1024."""
    draws = null_draws(Distances(32), n, 16, 1, 120)["sw1"]
    expected = {32: 1.26, 1024: 1.28}[n]
    error = draws.std(ddof=1) / math.sqrt(len(draws)) * math.sqrt(n)
    assert draws.mean() * math.sqrt(n) == pytest.approx(expected, abs=4 * error + 0.01)


def test_the_published_spread_between_data_sets() -> None:
    """n = 1024, d = 64: 0.0401 with a standard deviation of 0.0022 over data sets."""
    draws = null_draws(Distances(64), 1024, 64, 1, 60)["sw1"]
    assert draws.mean() == pytest.approx(0.0401, abs=0.0012)
    assert draws.std(ddof=1) == pytest.approx(0.0022, abs=0.0008)


def test_chunks_are_the_same_draws_whatever_their_size() -> None:
    whole, first, rest = (null_draws(Distances(8), 64, 4, *span) for span in ((1, 6), (1, 2), (3, 4)))
    for key, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([first[key], rest[key]]))


def test_per_of_gaussian_batches_scatters_about_its_population_value() -> None:
    per = null_draws(Distances(8), 512, 8, 1, 60)["per"]
    assert per.mean() == pytest.approx(2 / math.sqrt(math.pi), abs=4 * per.std(ddof=1) / math.sqrt(60))


def test_looking_for_the_worst_finds_more_than_the_mean_even_on_gaussian_data() -> None:
    worst = null_draws(WorstDistances(64), 256, 8, 1, 4)
    assert set(worst) == {"random", "unit", "principal", "maximised"}
    mean = null_draws(Distances(64), 256, 8, 1, 4)["sw1"]
    assert worst["maximised"].min() > mean.max()
    for kind in ("random", "unit", "principal"):
        assert (worst[kind] <= worst["maximised"] + 1e-6).all()


def test_bimodal_units_stand_out_of_the_units_null_though_not_of_the_mean() -> None:
    """A fault of single units is diluted in SW1 and found by looking at the units themselves."""
    batch = figure1("d", 2048, dim=64, fill="pairs")
    study = study_directions(batch, slices=64)
    assert study.worst_of_each_kind()["unit"] > 2 * null_draws(WorstDistances(64), 2048, 64, 1, 5)["unit"].max()


def test_larger_batches_get_fewer_draws() -> None:
    counts = [Distances().draws_that_fit(n, 2) for n in (32, 4096, 16384, 10**6)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 199
    assert min(counts) >= 39


def test_a_band_is_that_of_the_draws() -> None:
    band = null_band(Distances(8), 64, 2, draws=20)
    assert band == bands_of(null_draws(Distances(8), 64, 2, 1, 20))
    assert band["per"].draws == 20
    assert null_band(WorstDistances(4), 16, 2)["unit"].draws == WorstDistances(4).draws_that_fit(16, 2)


def test_a_statistic_is_a_key() -> None:
    """Equal statistics share a band; the same numbers of another statistic do not."""
    assert {Distances(8): 1}[Distances(8)] == 1
    assert Distances(8) != Distances(16)
    assert Distances(8) != WorstDistances(8)


def test_what_is_measured_is_the_stated_batch() -> None:
    """Number k of N(0, I), drawn here by its definition."""
    values = np.random.default_rng([0xBAD, 7]).standard_normal((50, 3), dtype=np.float32)
    expected = Distances(8).measure(ActivationBatch(values, "by hand"))
    assert {name: draws.tolist() for name, draws in null_draws(Distances(8), 50, 3, 7, 1).items()} == {
        name: [value] for name, value in expected.items()
    }

"""Outliers against plain numpy, at the thresholds, and at sizes where nothing is defined."""

import math

import numpy as np
import pytest

from analysis.statistics.outliers import find_outliers
from tests.analysis.survey.activation_cases import gaussian


def found_in(values):
    return find_outliers(np.abs(np.float64(values)), np.arange(len(values)))


def test_ratios_are_those_of_numpy() -> None:
    values = np.float64(gaussian(400, 40)) * np.linspace(0.5, 2, 40)
    found = found_in(values)
    norms, units = np.linalg.norm(values, axis=1), np.abs(values).max(axis=0)
    assert found.row_ratio == pytest.approx(norms.max() / np.median(norms))
    assert found.unit_ratio == pytest.approx(units.max() / np.median(units))
    assert found.typical == np.median(np.abs(values))
    assert found.largest == np.abs(values).max()
    assert (found.massive, found.rows, found.units) == (0, (), ())


@pytest.mark.parametrize(("scale", "value", "massive"), [(0.01, 101, 1), (0.01, 99, 0), (1, 700, 1), (1, 600, 0)])
def test_massive_is_above_100_and_above_1000_medians(scale, value, massive) -> None:
    values = scale * np.float64(gaussian(500, 40))
    values[7, 3] = -value
    found = found_in(values)
    assert found.massive == massive
    assert found.units == ((3,) if massive else ())
    assert found.rows == (7,)  # its norm alone is more than ten medians


@pytest.mark.parametrize(("rows", "is_outlier"), [(25, False), (31, True)])
def test_a_channel_is_an_outlier_if_it_is_large_in_6_percent_of_the_rows(rows, is_outlier) -> None:
    values = np.float64(gaussian(500, 40)) / 4
    values[:rows, 3] = 30
    assert found_in(values).units == ((3,) if is_outlier else ())


def test_the_median_over_many_values_is_that_of_all_within_three_percent() -> None:
    values = np.float64(gaussian(2000, 512))
    assert found_in(values).typical == pytest.approx(np.median(np.abs(values)), rel=0.03)


def test_huge_values_and_zeros_and_a_single_value() -> None:
    values = np.float64(gaussian(100, 10)) * 1e300
    found = found_in(values)
    assert found.row_ratio == pytest.approx(found_in(values / 1e300).row_ratio)
    assert math.isnan(found_in(np.zeros((4, 3))).row_ratio)
    single = found_in([[1e6]])
    assert (single.row_ratio, single.unit_ratio, single.massive) == (1, 1, 0)


def test_the_largest_rows_and_units_are_known_by_number() -> None:
    values = np.float64(gaussian(400, 40))
    values[123] *= 4
    values[:, 11] *= 300
    values[:, 5] *= -100
    values[123, 11] = 5000
    found = find_outliers(np.abs(values), 1000 + 2 * np.arange(400))
    units, norms = np.abs(values).max(axis=0), np.linalg.norm(values, axis=1)
    assert [peak.number for peak in found.top_units] == list(np.argsort(-units)[:8])
    assert [peak.number for peak in found.top_units][:2] == [11, 5]
    assert [peak.size for peak in found.top_units] == pytest.approx(sorted(units, reverse=True)[:8])
    assert found.top_units[0].ratio == found.unit_ratio
    assert [peak.number for peak in found.top_rows] == [1000 + 2 * row for row in np.argsort(-norms)[:8]]
    assert found.top_rows[0].number == 1246
    assert found.top_rows[2].ratio == pytest.approx(np.sort(norms)[-3] / np.median(norms))


def test_the_largest_of_few_of_zeros_and_of_huge_ones() -> None:
    found = found_in([[0, 2, 0], [0, 0, 1], [0, 0, 1]])
    assert [(peak.number, peak.size) for peak in found.top_units] == [(1, 2), (2, 1)]
    assert [peak.number for peak in found.top_rows] == [0, 1, 2]  # of equal ones the first
    assert found_in(np.zeros((4, 3))).top_units == ()
    assert found_in([[3e300, 4e300]]).top_rows[0].size == pytest.approx(5e300)

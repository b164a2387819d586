"""Sparklines: the points lie where the values say."""

import math
import re

import pytest

from per_core.sparkline import Sparkline

WIDTH, HEIGHT, MARGIN = Sparkline.width, Sparkline.height, Sparkline.margin


def points(line: Sparkline) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([-\d.]+),([-\d.]+)", line.path)]


def test_epochs_go_right_and_values_up_to_scale() -> None:
    line = Sparkline([0, 1, 4], [2.0, 10.0, 6.0])
    (x0, y0), (x1, y1), (x2, y2) = points(line)
    assert (x0, x2) == (MARGIN, WIDTH - MARGIN)
    assert x1 == pytest.approx(x0 + (x2 - x0) / 4, abs=0.05)
    assert (y0, y1) == (HEIGHT - MARGIN, MARGIN)
    assert y2 == pytest.approx((y0 + y1) / 2, abs=0.05)
    assert line.end == pytest.approx((x2, y2), abs=0.05)


def test_there_is_a_gap_where_a_value_is_not_finite() -> None:
    line = Sparkline([0, 1, 2, 3], [1.0, math.nan, 2.0, math.inf])
    assert line.path.count("M") == 2
    assert len(points(line)) == 2
    assert line.end == pytest.approx(points(line)[-1], abs=0.05)
    nothing = Sparkline([0, 1], [math.nan, -math.inf])
    assert (nothing.path, nothing.end, nothing.finite) == ("", None, [])


def test_one_value_and_equal_ones_lie_in_the_middle() -> None:
    assert {y for _, y in points(Sparkline([0, 1], [3.0, 3.0]))} == {HEIGHT / 2}
    assert points(Sparkline([7], [3.0])) == [(WIDTH - MARGIN, HEIGHT / 2)]


def test_of_very_many_epochs_no_peak_is_lost() -> None:
    values = [0.0] * 10_000
    values[5_001], values[7_003] = 1.0, -1.0
    line = Sparkline(range(10_000), values)
    heights = [y for _, y in points(line)]
    assert len(heights) <= 4 * WIDTH
    assert (min(heights), max(heights)) == (MARGIN, HEIGHT - MARGIN)
    assert [x for x, _ in points(line)] == sorted(x for x, _ in points(line))


def test_the_largest_numbers_are_drawn_too() -> None:
    assert {y for _, y in points(Sparkline([0, 1], [1.7e308, -1.7e308]))} == {MARGIN, HEIGHT - MARGIN}

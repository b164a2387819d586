"""Sparklines: heights in the order of the values, nothing hidden where many share a sign, NaN told apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.commands.sparkline import BLOCKS, LOST, SIGNS, sparkline

VALUES = st.lists(st.floats(0, 1e30), min_size=1, max_size=90).map(np.array)


@given(VALUES, st.integers(1, 40))
def test_signs_rise_with_the_values_and_both_alphabets_say_the_same(values, width) -> None:
    drawn = sparkline(values, width)
    assert len(drawn) == min(width, len(values))
    heights = [BLOCKS.index(sign) for sign in drawn]
    assert [SIGNS.index(sign) for sign in sparkline(values, width, is_ascii=True)] == heights
    groups = [group.max() for group in np.array_split(values, len(drawn))]
    assert all(heights[i] <= heights[j] for i in range(len(drawn)) for j in range(len(drawn)) if groups[i] <= groups[j])
    assert max(heights) == (7 if values.max() > 0 else 0)


def test_heights_are_eighths_of_the_top() -> None:
    assert sparkline(np.arange(9) / 8, 9) == BLOCKS[0] + BLOCKS
    assert sparkline(np.array([0.25, 0.5]), 5, top=1.0) == BLOCKS[1] + BLOCKS[3]
    assert sparkline(np.array([2.0]), 5, top=1.0) == BLOCKS[7]
    assert sparkline(np.zeros(0), 5) == ""


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_what_is_not_finite_is_seen_wherever_it_is(lost) -> None:
    values = np.ones(50)
    values[17] = lost
    assert sparkline(values, 50).index(LOST) == 17
    assert sparkline(values, 5).count(LOST) == 1
    assert sparkline(np.array([lost]), 5) == LOST

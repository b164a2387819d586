"""The figure of a sweep: every seed a point, means as they are, an axis that has a place for what it draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.charts.sweep import ScoreLine, ScorePanel, is_drawn, score_along

PER = ScoreLine({1e-4: {0: 0.5, 1: 0.7}, 1e-2: {0: 0.9, 1: 0.8}, 1e-1: {}}, chosen=1e-2)
PANEL = ScorePanel({"PER": PER}, {"Vanilla": {0: 0.4, 1: 0.6}, "BN": {0: 0.5, 1: 0.9}, "lost": {}}, "Vanilla")


def traces(figure, name: str):
    return [trace for trace in figure.data if trace.name == name]


def test_seeds_are_points_means_a_line_and_the_chosen_value_a_star() -> None:
    figure = score_along({"validation": PANEL, "test": PANEL}, "λ", ".1%")
    points, means, star = (traces(figure, name)[0] for name in ("PER, seeds", "PER", "PER, chosen"))
    assert list(zip(points.x, points.y, points.text, strict=True)) == [
        (1e-4, 0.5, "seed 0"), (1e-4, 0.7, "seed 1"), (1e-2, 0.9, "seed 0"), (1e-2, 0.8, "seed 1"),
    ]  # fmt: skip
    assert list(means.x) == [1e-4, 1e-2]
    assert list(means.y) == pytest.approx([0.6, 0.85])
    assert (list(star.x), list(star.y)) == ([1e-2], pytest.approx([0.85]))
    assert {(trace.xaxis, trace.meta) for trace in figure.data} == {("x", "validation"), ("x2", "test")}  # of the CSV


def test_what_the_others_are_compared_with_has_a_band_and_methods_across_a_level() -> None:
    figure = score_along({"test": PANEL}, "λ", ".1%")
    (band,) = (trace for trace in figure.data if trace.fill == "toself")
    assert band.name == "Vanilla, range of 2 seeds"
    assert (min(band.y), max(band.y)) == (0.4, 0.6)
    levels = {name: traces(figure, name)[0].y[0] for name in ("Vanilla", "BN")}
    assert levels == pytest.approx({"Vanilla": 0.5, "BN": 0.7})
    assert traces(figure, "lost") == [], "a method of which every network has diverged"


@pytest.mark.parametrize(
    ("values", "kind"), [([1e-5, 1e-3], "log"), ([0.5, 0.9], "linear"), ([0.0, 0.5, 0.9], "linear"), ([3.0], "linear")]
)
def test_the_axis_is_logarithmic_where_values_are_far_apart(values: list[float], kind: str) -> None:
    line = ScoreLine({value: {0: 0.5} for value in values})
    figure = score_along({"test": ScorePanel({"PER": line}, {}, "")}, "λ", ".1%")
    assert figure.layout.xaxis.type == kind
    assert list(figure.layout.xaxis.tickvals) == values
    ends = np.array(figure.layout.xaxis.range)
    low, high = np.power(10, ends) if kind == "log" else ends
    assert low < min(values)
    assert high > max(values)


@given(st.lists(st.just(0.0) | st.floats(1e-12, 1e9), min_size=1, max_size=6, unique=True))
def test_zero_has_no_place_on_a_logarithmic_axis_alone(values: list[float]) -> None:
    drawn = [value for value in values if is_drawn(value, values)]
    assert set(values) - set(drawn) <= {0.0}
    line = ScoreLine({value: {0: 0.5} for value in sorted(drawn)})
    figure = score_along({"test": ScorePanel({"PER": line}, {}, "")}, "λ", ".1%")
    assert np.isfinite(figure.layout.xaxis.range).all()
    assert figure.layout.xaxis.type == "linear" or 0.0 not in drawn

"""Figures of dumps: what is grey on the map, how large it gets, and lines across layers and widths."""

import math

import numpy as np
import pytest
from plotly.io import to_json

from analysis.survey.cell import Unread
from analysis.survey.layer_reading import LayerReading
from analysis.survey.quantity import QUANTITIES
from app.charts.across_layers import MOST_TICKS, massive_sizes, precision_errors, sizes_over_width
from app.charts.chart import MAX_STATIC_BYTES, style
from app.charts.dumps import FEW_LAYERS, GREY, map_height, overview_map, round_ratios
from app.text.plain import tick_labels
from app.views.dumps.dump_map import MOST_CELLS, MOST_LAYERS

SW1, VARIANCE = QUANTITIES["sw1_in_bands"], QUANTITIES["variance"]


def reading(ratio: float, d: int = 8) -> LayerReading:
    return LayerReading(n=100, finite_rows=100, total=5000, d=d, n_nan=0, n_inf=0, sw1_in_bands=ratio, variance=ratio)


def columns(count: int) -> dict[str, str]:
    return {str(epoch): str(epoch) for epoch in range(count)}


def drawn(cells, shown=SW1, ordinary=None):
    layers = [f"layer_{i}" for i in range(len(cells))]
    fields = [[(cell, 7) for cell in row] for row in cells]
    return overview_map(fields, tick_labels(layers), columns(len(cells[0])), shown, ordinary or {}).data[0]


def test_what_each_width_calls_ordinary_is_grey() -> None:
    field = drawn([[reading(1.3), reading(1.3, d=64)], [reading(4), None]], ordinary={8: 1.4, 64: 1.1})
    assert (field.z == np.float32(field.zmin)).tolist() == [[True, False], [False, False]]
    assert np.isnan(field.z[1, 1])
    assert field.colorbar.ticktext[:2] == ("N(0, I)", "1.1")
    share = (1.1 - field.zmin) / (field.zmax - field.zmin)
    assert share == pytest.approx(GREY)
    assert field.customdata[0, 0].tolist() == [1.3, 5000, 7, 1.4]


def test_a_map_of_nothing_but_gaussian_layers_is_grey_throughout() -> None:
    field = drawn([[reading(0.9), reading(1.0)]], ordinary={8: 1.4})
    assert (field.z == np.float32(field.zmin)).all()
    assert field.zmax > field.zmin


def test_other_quantities_have_no_grey() -> None:
    field = drawn([[reading(1.0), reading(900.0)]], VARIANCE)
    assert field.colorscale[0][1] == "var(--st-chart-sequential-colors[0], 1)"
    assert field.customdata[0].tolist() == [[1, 5000, 7], [900, 5000, 7]]


def test_colours_change_by_ratio_where_they_span_much() -> None:
    field = drawn([[reading(2), reading(2000)]], ordinary={8: 1.25})
    assert field.z[0, 1] - field.z[0, 0] == pytest.approx(3, rel=1e-5)
    assert field.colorbar.ticktext[-1] == "2,000"


def test_members_that_cannot_be_read_have_a_sign_and_do_not_widen_the_map() -> None:
    figure = overview_map([[(Unread("unread", "why"), 1)]], {"a": "a"}, {"0": "0"}, SW1, {})
    assert (figure.data[1].x, figure.data[1].y) == (("0",), ("a",))
    assert (figure.layout.xaxis.range, figure.layout.yaxis.range) == ((-0.5, 0.5), (0.5, -0.5))


def test_the_largest_map_is_small_enough() -> None:
    epochs = MOST_CELLS // MOST_LAYERS
    names = [f"model.language_model.decoder.layers.{i}.{'x' * 100}" for i in range(MOST_LAYERS)]
    cells = [[(reading(1 + i * j / 7), 1) for j in range(epochs)] for i in range(MOST_LAYERS)]
    figure = overview_map(cells, tick_labels(names), columns(epochs), SW1, {8: 1.4})
    assert len(to_json(style(figure, 400), validate=False)) < MAX_STATIC_BYTES


def test_groups_lie_side_by_side_with_a_gap_and_a_name() -> None:
    names = {"train, 0": "0", "train, 1": "1", "val, 1": "1"}
    figure = overview_map([[(reading(2), 1)] * 3], {"a": "a"}, names, SW1, {}, {"train": 2, "val": 1})
    assert [(note.text, note.x) for note in figure.layout.annotations] == [("<b>train</b>", 0.5), ("<b>val</b>", 2)]
    assert [shape.x0 for shape in figure.layout.shapes] == [1.5]
    assert figure.layout.xaxis.ticktext == ("0", "1", "1")


def test_a_map_grows_with_its_layers() -> None:
    heights = [map_height(layers) for layers in range(1, MOST_LAYERS + 1)]
    assert heights == sorted(heights)
    assert heights[MOST_LAYERS - 1] < 1600
    assert heights[FEW_LAYERS - 1] - heights[FEW_LAYERS - 2] == 22


@pytest.mark.parametrize(("low", "high"), [(0.1, 2), (1.3, 1.4), (1e-9, 1e9), (20, 20_000)])
def test_round_ratios_lie_inside_and_are_few(low: float, high: float) -> None:
    steps = round_ratios(low, high)
    assert all(low <= step <= high for step in steps)
    assert len(steps) <= 15
    assert all(f"{step:e}"[0] in "125" for step in steps)


def test_massive_units_are_lines_through_layers_as_wide() -> None:
    layers = tick_labels(["a", "b", "c"])
    figure = massive_sizes(layers, [[3, 9, 4], [2, 8, 3], [1, 7, math.nan]], {"Unit 5": {"a": 3, "c": 4}}, "size")
    assert [trace.name for trace in figure.data] == ["rank 1", "rank 2", "rank 3", "Unit 5"]
    assert figure.data[3].x == ("a", "c")
    assert figure.data[3].mode == "lines+markers"
    low, high = (10**end for end in figure.layout.yaxis.range)
    assert low < 1 < 20 < high  # small differences do not look large


def test_axes_hold_all_that_is_drawn() -> None:
    figure = massive_sizes({"a": "a"}, [[900], [math.nan], [math.nan]], {}, "size")
    assert 10 ** figure.layout.yaxis.range[1] > 900
    figure = sizes_over_width({"a": ([8, 16], [1.0, 1.01], "flat")}, {"flat": "flat"})
    low, high = (10**end for end in figure.layout.yaxis.range)
    assert low < 0.5 < 2 < high


def test_names_below_are_not_more_than_fit() -> None:
    layers = tick_labels([f"layer_{i}" for i in range(130)])
    figure = precision_errors(layers, {"float16": [0.1] * 130}, {"float16": [0.0] * 130})
    assert len(figure.layout.xaxis.tickvals) <= MOST_TICKS
    assert [trace.meta for trace in figure.data] == ["relative error", "share gone"]


def test_lines_over_the_width_are_named_where_they_are_not_flat() -> None:
    lines = {
        "a": ([8, 16], [1.0, 1.0], "flat"),
        "b": ([8, 16], [1.0, 2.0], "grows"),
        "c": ([8, 16], [0.0, 1.0], "grows"),
    }
    figure = sizes_over_width(lines, {"flat": "flat", "grows": "grows"})
    assert [trace.meta for trace in figure.data] == ["a", "b", "c"]
    notes = {note.text: (10**note.x, 10**note.y) for note in figure.layout.annotations}
    assert notes == {"b": pytest.approx((16, 2)), "c": pytest.approx((16, 1))}
    assert [trace.showlegend for trace in figure.data] == [True, True, False]
    assert math.isnan(figure.data[2].y[0])
    many = {f"layer_{i}": ([8, 16], [1.0, 2.0], "grows") for i in range(40)}
    assert sizes_over_width(many, {"grows": "grows"}).layout.annotations == ()

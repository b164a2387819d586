"""Figures of a training: every run at its own epochs, nothing cut off by another, nothing changed, and small enough."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.survey.history import ConditioningHistory, LayerHistory, UnitHistory
from app.charts.chart import MAX_ANIMATED_BYTES, MAX_STATIC_BYTES
from app.charts.epochs import VIEWS, DensitySeries, density_map, looks, one_epoch, ridgeline
from app.charts.training import conditioning, distances, figure2, progress

CENTRES = np.linspace(-2, 2, 4)


def series(epochs, value: float = 1.0) -> DensitySeries:
    return DensitySeries(list(epochs), value + np.outer(np.arange(len(list(epochs))), np.ones(4)))


def unit(epochs, variance=1.0) -> UnitHistory:
    x = np.asarray(epochs, dtype=float)
    return UnitHistory(x, x * 0 - 1, x * 0, x * 0 + 1, x * 0, x * 0 + variance)


def layer(epochs, sw1=0.5) -> LayerHistory:
    x = np.asarray(epochs, dtype=float)
    return LayerHistory(x, x * 0 + sw1, x * 0, x * 0 + 1, x * 0, x * 0 + 1, x * 0, x * 0 + 1, 10, 2, 8, True)


def moments(epochs, condition, distance=0.5) -> ConditioningHistory:
    x = np.asarray(epochs, dtype=float)
    return ConditioningHistory(x, x * 0 + distance, x * 0 + condition, 100, 8)


def test_an_infinite_condition_number_is_drawn_above_all_others_and_called_so() -> None:
    bands = {"N(0, I)": {"distance": (0.2, 0.4), "condition": (2.0, 5.0)}}
    figure = conditioning({"PER": [moments(range(3), [700, np.inf, 40])], "BN": [moments([0], 12)]}, bands, 3)
    curve = next(trace for trace in figure.data if (trace.name, trace.meta) == ("PER", "condition"))
    assert curve.y.tolist() == [700, 10_000, 40]
    assert list(curve.text) == ["", "∞", ""]
    ticks = dict(zip(figure.layout.yaxis2.tickvals, figure.layout.yaxis2.ticktext, strict=True))
    assert ticks[10_000] == "∞"
    assert ticks[30] == "30"
    assert "∞" not in figure.layout.yaxis.ticktext


def test_seeds_without_full_rank_widen_the_range_to_infinity_and_a_missing_value_stays_missing() -> None:
    seeds = [moments([0, 1], [3, np.inf]), moments([0, 1], [5, 8]), moments([0, 1], [np.nan, 9])]
    figure = conditioning({"PER": seeds}, {}, 1)
    band, curve = (trace for trace in figure.data if trace.meta == "condition")
    assert curve.y.tolist() == [4, 9]
    assert band.y.tolist() == [5, 100, 8, 3]


def test_fewer_rows_than_units_leave_n01_at_infinity_too() -> None:
    bands = {"N(0, I)": {"distance": (0.9, 1.1), "condition": (np.inf, np.inf)}}
    figure = conditioning({"PER": [moments([0, 1], np.inf)]}, bands, 1)
    drawn = {trace.name: trace.y.tolist() if trace.name == "PER" else list(trace.y) for trace in figure.data[1::2]}
    assert figure.layout.yaxis2.ticktext == ("∞",)
    assert {tuple(set(y)) for y in drawn.values()} == {(10.0,)}


def test_a_heat_map_shows_each_run_at_its_own_epochs() -> None:
    figure = density_map({"A": series(range(6)), "B": series(range(0, 13, 2))}, CENTRES, "unit")
    assert [list(panel.x) for panel in figure.data] == [[0, 1, 2, 3, 4, 5], [0, 2, 4, 6, 8, 10, 12]]
    assert [panel.z.shape for panel in figure.data] == [(4, 6), (4, 7)]


def test_one_epoch_shows_the_runs_that_have_it_and_goes_to_the_longest() -> None:
    figure = one_epoch({"A": series([0, 1, 2]), "B": series([0, 2, 4, 6], 10)}, CENTRES, "unit")
    assert [frame.name for frame in figure.frames] == [f"epoch {epoch}" for epoch in (0, 1, 2, 4, 6)]
    drawn = {frame.name: [None if not len(one.y) else one.y[0] for one in frame.data] for frame in figure.frames}
    assert drawn["epoch 1"] == [2, None]
    assert drawn["epoch 2"] == [3, 11]
    assert drawn["epoch 6"] == [None, 13]
    assert [len(trace.y) for trace in figure.data[:2]] == [0, 4]  # without a frame the last epoch is shown


def test_a_ridgeline_puts_equal_epochs_on_equal_levels() -> None:
    figure = ridgeline({"A": series([0, 1]), "B": series([0, 2, 4])}, CENTRES, "unit")
    levels = {(trace.meta, trace.name): float(trace.y.min()) for trace in figure.data}
    assert list(figure.layout.yaxis.ticktext) == ["0", "1", "2", "4"]
    assert levels == {
        ("A", "epoch 0"): 0, ("A", "epoch 1"): 1, ("B", "epoch 0"): 0, ("B", "epoch 2"): 2, ("B", "epoch 4"): 3,
    }  # fmt: skip


def test_a_variance_beyond_the_clip_keeps_its_value_and_the_axis_ends() -> None:
    histories = {"layer 1": {"Vanilla": unit([0, 1], np.array([1, 300.0])), "PER": unit([0, 1])}}
    figure = figure2(histories, 1)
    variances = [trace for trace in figure.data if trace.xaxis == "x4"]
    assert [list(trace.y) for trace in variances] == [[1, 300], [1, 1]]
    assert figure.layout.yaxis4.range == (0, 5)
    assert figure2(histories, 1, clip=None).layout.yaxis4.range is None


def test_the_panels_of_a_row_share_an_axis_unless_each_wants_its_own() -> None:
    wide = UnitHistory(*(np.array(v) for v in ([0.0], [-900.0], [0.0], [900.0], [0.0], [1.0])))
    histories = {"layer 1": {"Vanilla": wide, "PER": unit([0])}}
    shared, own = figure2(histories, 1), figure2(histories, 1, own_scales=True)
    assert shared.layout.yaxis.range == shared.layout.yaxis2.range
    assert shared.layout.yaxis.range[1] > 900
    assert own.layout.yaxis.range is None
    assert own.layout.yaxis2.range is None


def test_the_first_record_is_seen_before_there_is_a_line() -> None:
    start = UnitHistory(*(np.array([value]) for value in (0.0, -1.0, 0.2, 1.0, 0.1, 2.0)))
    nearly = replace(start, mean=start.mean + 1e-7)
    figure = figure2({"layer 1": {"PER": start, "BN": nearly}}, 9)
    lines = [trace for trace in figure.data if "0.25" not in trace.name]
    assert {trace.mode for trace in lines} == {"markers"}
    assert all(trace.line.width > 0 for trace in figure.data if "0.25" in trace.name)
    assert figure.layout.yaxis3.range == pytest.approx((-0.4, 0.6), abs=1e-6)
    alone = progress({"accuracy": {"PER": [(np.array([0.0]), np.array([0.1]))]}}, 9)
    assert alone.layout.yaxis.rangemode == "tozero"


def test_perplexities_are_drawn_over_a_logarithmic_axis_and_seconds_beside_them_are_not() -> None:
    falling = {"PER": [(np.array([0.0, 1.0]), np.array([2000.0, 66.0]))]}
    figure = progress({"test perplexity": falling, "seconds": falling}, 1, ["test perplexity"])
    assert (figure.layout.yaxis.type, figure.layout.yaxis2.type) == ("log", None)
    assert figure.layout.yaxis.ticktext[:5] == ("10", "30", "100", "300", "1000")
    far = {"PER": [(np.array([0.0, 1.0]), np.array([2e7, 5e5]))]}
    labels = progress({"test perplexity": far}, 1, ["test perplexity"]).layout.yaxis.ticktext
    assert "3 · 10<sup>6</sup>" in labels
    assert len(set(labels)) == len(labels), "every mark has a label of its own"
    hardly = {"PER": [(np.array([0.0, 1.0]), np.array([300.0, 290.0]))]}
    assert progress({"test perplexity": hardly}, 1, ["test perplexity"]).layout.yaxis.type is None


def test_a_collapsed_run_does_not_flatten_the_others_at_one_epoch() -> None:
    runs = {"A": DensitySeries([0], np.array([[0.1, 0.4, 0.3, 0.1]])), "B": DensitySeries([0], np.full((1, 4), 40.0))}
    axis = one_epoch(runs, CENTRES, "unit").layout.yaxis
    assert axis.range == (0, 2)
    assert axis.title.text == "density, up to 40"
    assert one_epoch({"A": runs["A"]}, CENTRES, "unit").layout.yaxis.range == (0, 0.46)


def test_a_network_without_a_layer_leaves_its_panel_empty_and_one_of_nan_breaks_nothing() -> None:
    lost = UnitHistory(*(np.array([0.0, 1.0]) if i == 0 else np.array([1.0, np.nan]) for i in range(6)))
    histories = {"layer 1": {"PER": unit([0, 1]), "BN": lost}, "layer 2": {"BN": lost}}
    figure = figure2(histories, 1)
    assert {trace.xaxis for trace in figure.data if trace.meta == "layer 2"} == {"x6", "x7", "x8"}


def test_several_seeds_are_drawn_as_median_and_range() -> None:
    figure = distances({"PER": [layer([0, 1], 0.1), layer([0, 1], 0.2), layer([0, 1, 2], 0.9)]}, {}, 2)
    line = next(trace for trace in figure.data if trace.name == "PER" and trace.meta == "sw1")
    band = next(trace for trace in figure.data if trace.name == "PER, range of 3 seeds" and trace.meta == "sw1")
    assert list(line.y) == pytest.approx([0.2, 0.2, 0.9])
    assert (min(band.y), max(band.y)) == pytest.approx((0.1, 0.9))
    assert line.error_y.array is None


def test_a_band_of_the_gaussian_is_drawn_for_every_size() -> None:
    bands = {"N(0, I), 10 × 2": {"sw1": (0.1, 0.2)}, "N(0, I), 99 × 7": {"sw1": (0.01, 0.02)}}
    figure = distances({"PER": [layer([0, 1])]}, bands, 1)
    assert [list(trace.y) for trace in figure.data if trace.name in bands] == [
        [0.1, 0.1, 0.2, 0.2], [0.01, 0.01, 0.02, 0.02],
    ]  # fmt: skip


def test_a_method_keeps_its_colour_whatever_run_it_is_of() -> None:
    look = looks(["PER", "PER (An older run)", "BN", "BN (An older run)", "DBN"])
    assert look["PER"].colour == look["PER (An older run)"].colour == looks(["PER"])["PER"].colour
    assert look["BN"].colour == look["BN (An older run)"].colour
    assert look["DBN"].colour not in {look["PER"].colour, look["BN"].colour}
    assert len({(one.colour, one.dash, one.symbol) for one in look.values()}) == 5


def test_long_trainings_of_many_networks_stay_small() -> None:
    names = [f"A network with a long name, number {i}" for i in range(6)]
    histories = {f"layer {i}": {name: unit(range(10_000)) for name in names} for i in range(5)}
    scalars = {f"scalar {i}": {name: [(np.arange(1e4), np.ones(10_000))] * 3 for name in names} for i in range(5)}
    charts = [
        figure2(histories, 10_000),
        distances({name: [layer(range(10_000))] * 3 for name in names}, {}, 10_000),
        progress(scalars, 10_000),
    ]
    assert max(len(chart.to_json()) for chart in charts) < MAX_STATIC_BYTES
    figure = charts[0]
    assert figure.data[1].x[-1] == 9999
    assert max(len(text.text) for text in figure.layout.annotations) < 45


@pytest.mark.parametrize("view", VIEWS)
def test_distributions_of_as_many_bins_as_the_page_draws_stay_small(view: str) -> None:
    from app.sections.layer_over_epochs import BINS
    from app.views.train.run_view import DRAWN_BINS

    epochs = range(DRAWN_BINS // BINS // 6)
    runs = {
        f"Run {i}": DensitySeries(list(epochs), np.random.default_rng(i).random((len(epochs), BINS))) for i in range(6)
    }
    figure = VIEWS[view](runs, np.linspace(-3, 3, BINS), "unit")
    assert len(figure.to_json()) < (MAX_ANIMATED_BYTES if figure.frames else MAX_STATIC_BYTES)

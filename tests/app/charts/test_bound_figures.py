import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.distances import bound as studies
from analysis.distances.bound import slice_convergence
from analysis.distances.cost import Timing
from analysis.distances.pot_distance import GridDistance
from analysis.samples import figure1
from app.charts import bound as figures
from app.charts.bound import convergence
from app.charts.chart import _encode


def every_figure() -> dict[str, dict[str, Any]]:
    """By name, on small batches of two and of four units."""
    plane, batch = figure1("d", 100), figure1("d", 100, dim=4)
    timings = [Timing("PER, exact", n, 0.002, 0.001, 0.004) for n in (16, 64)]
    return {
        "polar": figures.polar_directions(*studies.read_circle(plane, count=36)),
        "sorted": figures.sorted_directions(studies.study_directions(batch, slices=8)),
        "scale": figures.scale(studies.scale_curve(plane, slices=8), 8),
        "convergence": figures.convergence(slice_convergence(plane), 1.1),
        "pot": figures.pot_check(0.2, [0.21, 0.22], [GridDistance(0.2, 0.01, 64)], 8),
        "parts": figures.decomposition(studies.decompose(plane, slices=8)),
        "influence": figures.influence(studies.move_one(plane, sample=3, distance=1.0, slices=8)),
        "cost": figures.cost(timings),
    }


def test_the_gap_is_drawn_where_the_batch_is_as_it_is() -> None:
    curve = studies.scale_curve(figure1("c", 300), slices=8)
    reading = studies.read_bound(figure1("c", 300), slices=8)
    gap = next(trace for trace in figures.scale(curve, 8)["data"] if trace["name"] == "gap of this batch")
    assert gap["x"] == [1.0, 1.0]
    assert gap["y"] == pytest.approx([reading.sw1, reading.per], abs=1e-6)


def test_plotly_accepts_every_figure_and_sends_it_alike() -> None:
    """Graph objects refuse what is no setting of theirs."""
    for name, figure in every_figure().items():
        checked = go.Figure(figure)
        assert len(checked.data) == len(figure["data"]) > 0
        assert json.loads(_encode(figure, name, 300)) == json.loads(_encode(checked, name, 300)), name


@pytest.mark.parametrize("values", [np.random.default_rng(0).normal(size=(200, 32)) ** 3, np.zeros((50, 3))])
def test_estimates_are_in_view_and_the_interval_of_two_directions_flattens_nothing(values: NDArray[np.float64]) -> None:
    curve = slice_convergence(ActivationBatch(values, "batch"))
    layout = go.Figure(convergence(curve, exact_per=curve.per[-1])).layout
    later = curve.slices >= 8
    for axis, estimates, margins in (
        (layout.yaxis, curve.per, curve.per_margin),
        (layout.yaxis2, curve.sw1, curve.sw1_margin),
    ):
        low, high = axis.range
        assert low < (estimates - margins)[later].min()
        assert high > (estimates + margins)[later].max()
        assert low < estimates[1:].min()
        assert high > estimates[1:].max()
        assert high - low < 4 * (np.ptp(estimates) + margins[later].max()) + 1e-3

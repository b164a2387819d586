"""The figures of the Methods page: settings that plotly knows, and ranges that a collapse leaves readable."""

import json
import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from analysis.distances.decomposition import PartDistances, decompose_distance
from analysis.methods.collapse import CollapsePull
from analysis.samples import figure1
from analysis.statistics.density import joint_density, unit_density
from analysis.statistics.null_band import NullBand, null_band
from app.charts.chart import _encode
from app.charts.flow import ALONE, WITH_TASK, Trajectory, flow_panels, radial_pull
from app.charts.methods import SmallBatchCurve, overlaid, pull_near_collapse, removed_parts, small_batches


def flow_figure(kurtosis: list[float], pull: np.ndarray) -> dict[str, Any]:
    cloud = figure1("a", 50).values
    grid, along_x = unit_density(cloud[:, 0])
    trajectories = {
        name: Trajectory(
            np.stack([cloud] * 3), grid, np.stack([along_x] * 3), {"kurtosis": np.array(values), "modes": np.ones(3)}
        )
        for name, values in ((ALONE, kurtosis), (WITH_TASK, [0.0, -0.2, -0.5]))
    }
    gaussian = {"kurtosis": NullBand(-0.1, 0.0, 0.1, 99)}
    return flow_panels(cloud, pull, trajectories, gaussian, range(0, 9, 3), limits=(-4, 4), units=("x", "y"))


def every_figure() -> dict[str, dict[str, Any]]:
    """By name, on small batches."""
    batch = figure1("d", 60, shift=0.5)
    bands = null_band(PartDistances(), 60, 2, draws=5)
    present = decompose_distance(batch, bands)
    curve = SmallBatchCurve([4, 8], np.full((2, 3), 0.5), np.full((2, 3), 0.7))
    density = joint_density(*batch.values.T)
    return {
        "parts": removed_parts(present, {"BN": present.values, "PER": present.values}),
        "small": small_batches({"BN": curve}, [bands["floor"], bands["floor"]], 8),
        "overlay": overlaid({"first": density, "second": density}, "x"),
        "flow": flow_figure([0.0, 1.0, 2.0], np.ones((50, 2), np.float32)),
        "radial": radial_pull(np.linspace(0, 1, 5), np.ones(5)),
    }


def test_plotly_accepts_every_figure_and_sends_it_alike() -> None:
    """Graph objects refuse what is no setting of theirs."""
    for name, figure in every_figure().items():
        checked = go.Figure(figure)
        assert len(checked.data) == len(figure["data"]) > 0
        ours, plotlys = (json.loads(_encode(one, name, 300)) for one in (figure, checked))
        for trace in (trace for frame in plotlys.get("frames", []) for trace in frame["data"]):
            assert trace.pop("type").startswith("scatter")  # which plotly adds where a frame says x and y alone
        assert ours == plotlys, name


def test_no_two_regularisers_look_alike_near_collapse() -> None:
    scales = np.array([0.1, 1.0])
    outward = {"out": [1.0, 1.0], "fades": [1e-9, 1.0], "in": [-1.0, -1.0]}
    pulls = {f"{way} {i}": CollapsePull(scales, np.array(values)) for i in range(5) for way, values in outward.items()}
    lines = [(one["line"]["color"], one["line"]["dash"]) for one in pull_near_collapse(pulls)["data"]]
    assert len(set(lines)) == len(lines) == 15
    assert len({color for color, _ in lines}) == 3


def test_a_reading_that_is_not_defined_is_sent() -> None:
    """As what is left of a collapse has no kurtosis; JSON has no word for it, bytes of an array do."""
    figure = flow_figure([0.0, 1.0, math.nan], np.ones((50, 2), np.float32))
    assert math.isnan(figure["frames"][-1]["data"][4]["y"][0])
    assert b"NaN" not in _encode(figure, "flow", 300)


@pytest.mark.parametrize("far", [80.0, 998.0, float("nan")])
def test_what_is_left_of_a_collapse_does_not_flatten_the_other_flow(far: float) -> None:
    low, high = flow_figure([0.0, 1.0, far], np.ones((50, 2), np.float32))["layout"]["yaxis11"]["range"]
    assert low < -0.5
    assert 1 < high < 4
    near = flow_figure([0.0, 0.3, 0.4], np.ones((50, 2), np.float32))["layout"]["yaxis11"]["range"]
    assert 0.4 < near[1] < 0.6


def test_a_row_that_nothing_pulls_on_has_no_arrow() -> None:
    pull = np.zeros((50, 2), np.float32)
    pull[:10] = 3.0
    sizes = np.asarray(flow_figure([0, 0, 0], pull)["data"][0]["marker"]["size"]).reshape(-1, 3)
    assert sizes[:10, 1] == pytest.approx(np.full(10, 8.0))
    assert (sizes[10:, 1] == 0).all()

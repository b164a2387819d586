"""Gradient flows against closed forms, and where each regulariser is known to lead."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.batch import ActivationBatch
from analysis.distances.bound import PER_AT_COLLAPSE, Distances
from analysis.methods import flow
from analysis.methods.flow import (
    FlowSpec,
    FlowStart,
    FlowStatistics,
    end_flow,
    follow,
    read_frames,
    start_flow,
    watch_flow,
)
from analysis.samples import figure1
from analysis.statistics.moments import moments
from analysis.statistics.null_band import null_band, null_draws
from per_core import find_method, list_methods, per_gradient
from per_core.errors import InvalidInputError
from per_core.method import MeanGradient, Method

pytestmark = pytest.mark.long

REGULARISERS = [method.key for method in list_methods("regulariser")]


def run(batch: ActivationBatch, spec: FlowSpec) -> tuple[FlowStart, np.ndarray]:
    start = start_flow(batch, spec)
    return start, np.stack([start.rows, *follow(start, spec)])[:: flow.EVERY]


@pytest.mark.parametrize("strength", [None, 1.0])
@pytest.mark.parametrize("key", REGULARISERS)
def test_every_regulariser_of_the_registry_can_be_followed(key: str, strength: float | None) -> None:
    spec = FlowSpec(key, strength=strength, steps=12)
    start, frames = run(figure1("d", 64, dim=3, shift=1.0), spec)
    assert frames.shape == (spec.frames, 64, 3) == (5, 64, 3)
    assert np.isfinite(frames).all()
    assert not np.array_equal(frames[0], frames[-1])
    largest = 2 * flow.FIRST_MOVE * math.sqrt(3) * flow.EVERY
    moves = np.sqrt((np.diff(frames, axis=0) ** 2).sum(axis=2).mean(axis=1))
    assert (moves <= largest * 1.001).all()
    assert start.step > 0


def test_l2_alone_shrinks_every_row_by_the_product_of_the_steps() -> None:
    """The gradient of mean h² is 2 h for a row, times n: h ← (1 − 2 η_t) h."""
    spec = FlowSpec("l2", steps=60)
    start, frames = run(figure1("c", 100, shift=0.5), spec)
    sizes = start.step * np.minimum(1, 2 * (1 - np.arange(1, 61) / 60))
    expected = np.prod(1 - 2 * sizes) * start.rows
    assert frames[-1] == pytest.approx(expected, abs=1e-5)


def test_l2_with_a_task_rests_where_both_pulls_are_equal() -> None:
    """h − h0 + 2 λ h = 0 at h = h0 / (1 + 2 λ)."""
    start, frames = run(figure1("a", 200), FlowSpec("l2", strength=1.0, steps=240))
    assert frames[-1] == pytest.approx(start.rows / (1 + 2 * start.weight), abs=0.01)


def test_the_strength_is_the_pull_at_the_start_in_units_of_the_root_of_d() -> None:
    batch = figure1("c", 500, dim=8)
    for strength in (0.5, 2.0):
        start = start_flow(batch, FlowSpec("per", strength=strength))
        pull = start.weight * start.pull
        assert math.sqrt((pull**2).sum(axis=1).mean()) == pytest.approx(strength * math.sqrt(8), rel=1e-5)


def test_the_field_of_per_is_its_closed_gradient() -> None:
    start = start_flow(figure1("d", 300, dim=4), FlowSpec("per"))
    expected = -per_gradient(torch.from_numpy(start.rows.copy())).numpy()
    assert start.pull == pytest.approx(expected, abs=1e-6)


def vcl_pairs(h: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """n times the gradient of the VCL of `count` draws of two disjoint subsets of five rows, all in one formula."""
    rows = np.random.default_rng(seed).integers(0, len(h), (count, 10))
    distinct = np.array([len(set(ten)) == 10 for ten in rows.tolist()])
    leaf = h.double().requires_grad_()
    v = leaf[torch.from_numpy(rows[distinct])].view(-1, 2, 5, h.shape[1]).var(dim=2)
    loss = (1 - v[:, 0] / (v[:, 1] + 1)).square().mean()
    (gradient,) = torch.autograd.grad(loss, leaf)
    return gradient * len(h)


@pytest.mark.parametrize("case", ["b", "d"])
def test_the_field_of_vcl_is_that_of_its_mean_and_has_the_size_that_the_strength_says(case: str) -> None:
    """Single draws look at ten rows: averages of 100 are noise, of cosine 0.2 to the gradient of the mean."""
    batch = figure1(case, 1000, shift=1.0, scale=1.5)
    start = start_flow(batch, FlowSpec("vcl", strength=1.0))
    one, other = (vcl_pairs(batch.tensor, 150_000, seed) for seed in (1, 2))
    field = torch.from_numpy(start.pull).double()
    assert torch.nn.functional.cosine_similarity(-(one + other).ravel(), field.ravel(), dim=0) > 0.95
    size = ((one * other).sum() / len(one)).sqrt().item()
    assert start.weight * size == pytest.approx(math.sqrt(2), rel=0.1)
    assert 0.8 < start.agreement < 0.99


def test_what_is_not_drawn_agrees_with_itself() -> None:
    batch = figure1("c", 300, dim=4)
    assert start_flow(batch, FlowSpec("per")).agreement == pytest.approx(1, abs=1e-6)
    few = start_flow(batch, FlowSpec("per_sampled", (("slices", 2),), strength=1.0))
    many = start_flow(batch, FlowSpec("per_sampled", (("slices", 1024),), strength=1.0))
    assert few.agreement < 0.9 < many.agreement < 1
    exact = start_flow(batch, FlowSpec("per", strength=1.0))
    assert many.weight == pytest.approx(exact.weight, rel=0.02)


def test_where_nothing_is_drawn_one_gradient_says_all(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(key: str) -> Method:
        method = find_method(key)

        def mean_gradient(**parameters: float) -> MeanGradient:
            asked.append(key)
            assert method.mean_gradient is not None
            return method.mean_gradient(**parameters)

        return replace(method, mean_gradient=mean_gradient)

    monkeypatch.setattr(flow, "find_method", counted)
    starts = {key: start_flow(figure1("c", 300, dim=4), FlowSpec(key)) for key in ("per", "l1", "l2", "vcl")}
    assert asked == ["per", "l1", "l2", "vcl", "vcl"]
    assert {key: start.draws for key, start in starts.items()} == {"per": 1, "l1": 1, "l2": 1, "vcl": flow.DRAWS}
    assert starts["vcl"].agreement < 0.999


def test_pers_flow_collapses() -> None:
    _, frames = run(figure1("d", 300, shift=1.0, scale=1.5), FlowSpec("per", steps=240))
    readings = read_frames(frames[::10])
    assert (np.diff(readings.per) < 1e-6).all()
    assert readings.per[-1] == pytest.approx(PER_AT_COLLAPSE, abs=0.002)
    assert readings.variance[-1] < 0.001
    assert readings.sw1[-1] > 0.75


@pytest.mark.parametrize("key", ["sw1", "energy", "sigreg"])
@pytest.mark.parametrize("case", ["b", "c", "d"])
def test_distances_lead_to_the_gaussian(key: str, case: str) -> None:
    _, frames = run(figure1(case, 400, shift=0.5), FlowSpec(key, steps=240))
    null = null_band(Distances(), 400, 2, draws=40)["sw1"]
    readings = read_frames(frames[[0, -1]])
    assert readings.sw1[0] > 2 * null.high
    assert readings.sw1[1] < null.median
    assert readings.variance[1] == pytest.approx(1, abs=0.12)


def test_sw1_brings_back_far_rows_which_a_difference_of_means_leaves_where_they_are() -> None:
    """The pull of the energy distance on one row among n far ones vanishes as its rank's share does; SW1's does not."""
    batch = figure1("a", 400, scale=1.5)
    ends = {key: read_frames(run(batch, FlowSpec(key))[1][-1:]) for key in ("sw1", "energy")}
    assert abs(ends["sw1"].kurtosis[0]) < 0.2 < ends["energy"].kurtosis[0]


def test_vcl_lowers_kurtosis_and_separates_modes_and_sw1_does_not_praise_it() -> None:
    start, frames = run(figure1("a", 1000), FlowSpec("vcl"))
    assert start.draws == flow.DRAWS
    readings = read_frames(frames[[0, -1]])
    assert readings.kurtosis[1] < -1.2 < readings.kurtosis[0]
    assert readings.modes.tolist() == [1, 2]
    assert readings.batch_variances[1] < 0.5 * readings.batch_variances[0]
    assert readings.sw1[1] > 3 * readings.sw1[0]


@pytest.mark.parametrize("key", ["per_sampled", "vcl"])
def test_a_flow_is_the_same_whether_it_is_watched_or_not(key: str) -> None:
    spec = FlowSpec(key, strength=1.0, steps=24, seed=3)
    batch = figure1("c", 80)
    start, frames = run(batch, spec)
    end, path = end_flow(batch, spec), watch_flow(batch, spec)
    assert np.array_equal(path.frames, frames)
    assert np.array_equal(end.rows, frames[-1])
    assert np.array_equal(end.start.pull, start.pull)
    assert path.readings.sw1 == pytest.approx(read_frames(frames).sw1)
    assert not np.array_equal(end_flow(batch, FlowSpec(key, strength=1.0, steps=24, seed=4)).rows, end.rows)


def test_where_there_is_no_gradient_nothing_moves() -> None:
    for key in ("l2", "l1", "per", "vcl", "sigreg"):
        for strength in (None, 1.0):
            start, frames = run(ActivationBatch(np.zeros((20, 2)), "zeros"), FlowSpec(key, strength=strength, steps=6))
            assert np.array_equal(frames, np.zeros((3, 20, 2)))
            assert start.is_still
            assert start.weight == (1 if strength is None else 0)
            assert start.draws <= flow.DRAWS
    moving = start_flow(figure1("a", 20), FlowSpec("l2"))
    assert not moving.is_still


def test_only_the_first_rows_of_a_large_batch_are_followed() -> None:
    batch = figure1("a", 3000)
    start = start_flow(batch, FlowSpec("l2"))
    assert np.array_equal(start.rows, batch.values[: flow.MOST_ROWS])


def test_readings_agree_with_the_statistics_of_each_frame() -> None:
    _, frames = run(figure1("c", 400, dim=3), FlowSpec("per", strength=1.0, steps=6))
    readings = read_frames(frames)
    for i, frame in enumerate(frames):
        stats = moments(frame)
        assert readings.variance[i] == pytest.approx(stats.variance.mean())
        assert readings.kurtosis[i] == pytest.approx(stats.excess_kurtosis.mean())
    gaussian = read_frames(figure1("a", 20_000).values[None])
    assert gaussian.batch_variances[0] == pytest.approx(0.5, abs=0.03)  # 2 / (5 - 1)


def test_the_yardstick_of_a_mean_over_units_is_that_mean_on_gaussian_batches() -> None:
    """Excess kurtosis of a Gaussian sample: standard error √(24/n) of a unit, √(24/(n d)) of the mean over d units."""
    drawn = null_draws(FlowStatistics(), 500, 16, 1, 60)
    assert drawn["kurtosis"].std() == pytest.approx(math.sqrt(24 / (500 * 16)), rel=0.25)
    assert np.abs(drawn["kurtosis"]).max() < 0.25
    assert drawn["batch_variances"].mean() == pytest.approx(0.5, abs=0.03)  # 2 / (5 - 1)
    assert drawn["sw1"] == pytest.approx(null_draws(Distances(), 500, 16, 1, 60)["sw1"], abs=1e-6)
    assert drawn["variance"] == pytest.approx(np.ones(60), abs=0.06)


def test_specs_out_of_range_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"a normaliser\. Apply it instead"):
        FlowSpec("bn")
    with pytest.raises(InvalidInputError, match="multiple of 6; received 10"):
        FlowSpec("per", steps=10)
    with pytest.raises(InvalidInputError, match="above 0"):
        FlowSpec("per", strength=0.0)
    with pytest.raises(InvalidInputError, match="at least 10 rows"):
        start_flow(ActivationBatch(np.zeros((6, 2)), "zeros"), FlowSpec("vcl"))

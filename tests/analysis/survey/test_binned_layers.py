"""An event file of known values: every bound holds the truth, and what bins do not tell is told by nothing."""

import math

import numpy as np
import pytest
import torch
from tensorboardX import SummaryWriter

from analysis.dumps import inspect, load
from analysis.dumps.summary import Summary
from analysis.one_pass import run_pass
from analysis.survey.binned_reading import BinnedReading
from analysis.survey.layer_reading import LayerReading
from analysis.survey.overview import overview
from analysis.survey.quantity import POOLED_QUANTITIES, QUANTITIES
from analysis.survey.report import write_report
from analysis.survey.warnings import find_binned_warnings, list_warnings
from per_core.errors import InvalidInputError
from per_core.wasserstein import gaussian_w1

RANDOM = np.random.default_rng(5)
STEPS = (0, 10, 20)
VALUES = {
    **{("plain", step): RANDOM.normal(step / 20, 1, 3000) for step in STEPS},
    **{("relu", step): np.maximum(RANDOM.normal(0, 1 + step, 3000), 0) for step in STEPS},
    **{("constant", step): np.full(100, 0.5) for step in STEPS},
}


def write_events(folder, values=VALUES, weights=("plain.weight",)):
    """The event file of a writer, with scalars and the histograms of weights beside those of layers."""
    with SummaryWriter(str(folder)) as writer:
        for (tag, step), own in values.items():
            writer.add_histogram(tag, own, step)
        for tag in weights:
            writer.add_histogram(tag, RANDOM.normal(size=50), 0)
        writer.add_scalar("loss", 1.0, 0)
    return folder


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    return inspect(write_events(tmp_path_factory.mktemp("events")))


def holds(bounds, value):
    slack = 1e-9 * max(1.0, abs(value))
    return bounds.lower - slack <= value <= bounds.upper + slack


def test_histograms_are_members_with_the_layer_and_the_step_of_the_file(dump):
    assert {(one.layer, one.epoch): (one.rows, one.units) for one in dump.readable} == {
        cell: (len(values), 1) for cell, values in VALUES.items()
    }
    assert all(one.is_binned and one.verdict == "ok" and not one.reason for one in dump.readable)
    assert dump.loadable == dump.refused == ()
    assert {one.name.split("/", 1)[1]: one.kind for one in dump.left_out} == {
        "plain.weight/0": "weights",
        "loss": "text",
    }
    assert "3 layers × 3 epochs; 9 are binned: histograms" in Summary.of(dump).sentence()


@pytest.mark.parametrize(
    "tag", ["fc.weight", "fc/bias", "fc.weight.grad", "dense/kernel_0", "dense/kernel_0/histogram"]
)
def test_weights_and_their_gradients_are_left_out(tmp_path, tag):
    (left_out, _) = inspect(write_events(tmp_path, {("fc", 0): np.ones(5)}, (tag,))).left_out
    assert left_out.kind == "weights"


@pytest.mark.parametrize("tag", ["blocks.1", "layer_2", "weights_of_experts/out", "hist"])
def test_names_with_a_number_or_a_word_in_them_are_layers(tmp_path, tag):
    assert [one.layer for one in inspect(write_events(tmp_path, {(tag, 0): np.ones(5)}, ())).readable] == [tag]


def test_bounds_hold_the_truth_at_every_epoch(dump):
    cells = overview(dump).cells
    assert set(cells) == set(VALUES)
    for cell, values in VALUES.items():
        reading = cells[cell]
        assert reading.n == len(values)
        assert holds(reading.w1, gaussian_w1(torch.from_numpy(values).reshape(-1, 1)).item())
        assert holds(reading.pooled_mean, values.mean())
        assert holds(reading.pooled_variance, values.var())
        assert holds(reading.root_mean_square, math.sqrt((values**2).mean()))
        assert reading.w1.width < 0.15 * max(1, values.std())


def test_there_are_bins_and_no_values_to_load(dump):
    member = next(one for one in dump.readable if (one.layer, one.epoch) == ("plain", 10))
    bins = dump.load_bins(member.name)
    assert bins[:, 2].sum() == 3000
    assert BinnedReading.of(bins) == overview(dump).cells["plain", 10]
    for refused in (
        lambda: dump.load(member.name),
        lambda: load(dump.path, member.name),
        lambda: run_pass(dump, members=[member.name]),
    ):
        with pytest.raises(InvalidInputError, match=r"has bins, and the values are gone.*Recorder.*load_bins"):
            refused()
    with pytest.raises(InvalidInputError, match=r"has none.*values are gone"):
        run_pass(dump)


def test_values_have_no_bins(tmp_path):
    np.save(tmp_path / "layer_1.npy", np.ones((5, 3), np.float32))
    with pytest.raises(InvalidInputError, match="Read it by load"):
        inspect(tmp_path).load_bins("layer_1.npy")


def test_an_overview_of_bins_compares_by_what_bins_tell(dump):
    found = overview(dump)
    assert (found.has_rows, found.has_bins) == (False, True)
    assert dict(found.quantities) == POOLED_QUANTITIES
    assert found.worst("w1")[0] == "relu"
    assert np.isfinite(found.table("w1")).all()
    assert np.isnan(found.table("per")).all()
    row = next(one for one in found.as_rows() if (one["layer"], one["epoch"]) == ("plain", 0))
    assert row["binned_values"] == 3000
    assert row["w1_lower"] <= row["w1_upper"]
    assert row["per"] is row["n"] is None
    progress = []
    again = overview(dump, earlier=found, on_progress=lambda *told: progress.append(told))
    assert progress == [(0, 0)]
    assert again.cells == found.cells
    assert set(again.histograms) == {"plain", "relu", "constant"}


def test_rows_and_bins_of_one_dump_stand_side_by_side(tmp_path):
    write_events(tmp_path, {("layer_1", 3): VALUES["plain", 0]}, ())
    np.save(tmp_path / "layer_2_epoch_3.npy", RANDOM.normal(size=(64, 4)))
    dump = inspect(tmp_path)
    found = overview(dump)
    assert {type(cell) for cell in found.cells.values()} == {LayerReading, BinnedReading}
    assert set(found.quantities) == set(QUANTITIES) | set(POOLED_QUANTITIES)
    assert np.isfinite(found.table("sw1_in_bands")).sum() == np.isfinite(found.table("w1")).sum() == 1
    assert [one.name for one in dump.loadable] == ["layer_2_epoch_3.npy"]
    assert dump.load().d == 4  # the only member with values
    assert run_pass(dump).skipped[0].is_binned


def test_runs_in_folders_are_told_apart_and_files_of_one_run_are_not(tmp_path):
    for run in ("first", "second"):
        write_events(tmp_path / run, {("fc", 0): np.ones(5)}, ())
    (first,) = (tmp_path / "first").iterdir()
    write_events(tmp_path / "more", {("fc", 1): np.ones(5)}, ())
    (later,) = (tmp_path / "more").iterdir()
    later.rename(first.with_name(first.name.replace("tfevents.", "tfevents.9")))
    (tmp_path / "more").rmdir()
    assert [(one.method, one.epoch) for one in inspect(tmp_path).readable] == [
        ("first", 0), ("first", 1), ("second", 0),
    ]  # fmt: skip


def test_warnings_are_certain_or_not_said():
    def reading(values, width=0.01):
        low, high = values.min() - width, values.max() + width
        count, edges = np.histogram(values, np.linspace(low, high, max(2, round((high - low) / width))))
        return BinnedReading.of(np.stack([edges[:-1], edges[1:], count], axis=1))

    usual = RANDOM.normal(size=500)
    assert find_binned_warnings(reading(usual)) == ()
    (huge,) = find_binned_warnings(reading(2000 * usual, 50))
    assert (huge.kind, huge.severity) == ("exploding", "severe")
    assert huge.figures["at_least"] <= math.sqrt(((2000 * usual) ** 2).mean())
    assert "at least" in huge.sentence
    (small,) = find_binned_warnings(reading(1e-3 * usual, 1e-4))
    assert (small.kind, small.severity) == ("collapsed", "mild")
    assert small.figures["at_most"] >= math.sqrt(((1e-3 * usual) ** 2).mean())
    assert find_binned_warnings(BinnedReading.of([[-1, 1, 500]])) == ()  # may be all 0, or not
    assert find_binned_warnings(BinnedReading.of([[-np.inf, 0, 5], [0, np.inf, 5]])) == ()
    (grown,) = find_binned_warnings(reading(20 * usual), [reading(usual)])
    assert grown.figures["factor"] <= 400
    assert "grown at least" in grown.sentence
    assert find_binned_warnings(reading(20 * usual, 15), [reading(usual, 3)]) == ()  # the bounds allow a factor below


def test_the_report_says_binned_and_gives_bounds(dump, tmp_path):
    found = write_report(dump, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    reading = found.cells["plain", 20]
    assert f"{reading.w1.lower:.3g} … {reading.w1.upper:.3g}" in page
    assert "binned: 3,000 values in" in page
    assert "not the sliced distance of rows" in page
    assert "Effective rank" not in page.split("Distributions")[0]
    assert page.count("<svg") == 3


def test_the_growth_of_a_layer_is_listed_for_its_epoch(tmp_path):
    values = {("fc", 0): RANDOM.normal(size=3000), ("fc", 5): 50 * RANDOM.normal(size=3000)}
    (one,) = list_warnings(overview(inspect(write_events(tmp_path, values, ()))))
    assert (one.layer, one.epochs, one.warning.kind) == ("fc", (5,), "exploding")


def test_the_table_of_an_overview_without_bins_is_as_it_was(tmp_path):
    np.save(tmp_path / "layer_1.npy", RANDOM.normal(size=(64, 4)))
    (row,) = overview(inspect(tmp_path)).as_rows()
    assert not [name for name in row if "binned" in name or "pooled" in name]

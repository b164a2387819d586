"""The runs that ship are what their specs give: a network that learns, one that dies, and a comparison of methods."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.dumps import inspect
from analysis.runs.library import open_comparison
from analysis.runs.spec import TrainingSpec
from analysis.survey.history import layer_history, unit_history
from analysis.survey.overview import overview
from analysis.survey.warnings import list_warnings
from analysis.training.shipped_run import COMPARISON, DYING, HEALTHY, record
from per_core.recording.run_directory import open_run
from tests import processes

pytestmark = pytest.mark.long

ASSETS = Path(__file__).parents[3] / "assets" / "runs"
NETWORKS = (HEALTHY, DYING)
BY_NAME = pytest.mark.parametrize("run", NETWORKS, ids=lambda run: run.name)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of the two networks, made anew by the command of `make recording`."""
    out = tmp_path_factory.mktemp("made")
    names = [run.name for run in NETWORKS]
    processes.run([sys.executable, "-m", "analysis.training.shipped_run", str(out), *names], check=True)
    return out


@pytest.fixture(scope="module")
def compared():
    """The comparison that ships."""
    return open_comparison(ASSETS / COMPARISON.name)


@pytest.fixture(scope="module")
def found():
    """What the Dumps page finds in the example."""
    return overview(inspect(ASSETS / DYING.name))


def values_of(run, layer, epoch):
    index = next(record.index for record in run.records if record.epoch == epoch)
    return run.arrays(index, [layer])[layer].rows


def accuracy(run):
    return {record.epoch: record.scalars["test_accuracy"] for record in run.records}


@BY_NAME
def test_it_has_every_unit_of_its_layers_and_states_its_settings(run):
    shipped = open_run(ASSETS / run.name)
    assert shipped.title == run.spec.title
    assert tuple(shipped.layers) == run.layers
    assert tuple(record.epoch for record in shipped.records) == run.epochs
    assert shipped.description["learning_rate"] == run.spec.learning_rate
    assert shipped.description["seed"] == run.spec.seed
    for layer in run.layers:
        for epoch in run.epochs:
            values = values_of(shipped, layer, epoch)
            assert values.shape == (run.images, run.kept.units)
            assert np.isfinite(values).all()
            assert values.min() >= (-1 if run is HEALTHY else 0)  # ELU, ReLU


@pytest.mark.parametrize(("run", "most_bytes"), [(HEALTHY, 2_000_000), (DYING, 500_000), (COMPARISON, 1_700_000)])
def test_it_is_small(run, most_bytes):
    assert sum(file.stat().st_size for file in (ASSETS / run.name).rglob("*") if file.is_file()) <= most_bytes


def test_the_healthy_one_shows_what_training_does():
    shipped = open_run(ASSETS / HEALTHY.name)
    assert accuracy(shipped)[0] < 0.3
    assert accuracy(shipped)[100] >= 0.95
    before, after = shipped.records[0].layers["layer 9"], shipped.records[-1].layers["layer 9"]
    assert after.variance > 4 * before.variance
    assert after.mean > 2 * before.mean


def test_the_dying_one_learns_before_it_dies():
    reached = accuracy(open_run(ASSETS / DYING.name))
    assert reached[0] < 0.2
    assert reached[2] > 0.75
    assert max(reached[epoch] for epoch in (4, 5, 6)) < 0.15  # ten classes: it guesses


def test_the_warnings_name_the_layers_that_die_and_explode_and_since_when(found):
    severe = {(one.layer, one.warning.kind): one for one in list_warnings(found) if one.warning.severity == "severe"}
    dead = {layer: one.epochs for (layer, kind), one in severe.items() if kind == "dead"}
    assert dead["layer 5"] == (3, 4, 5, 6)
    assert severe["layer 5", "dead"].warning.figures["share"] == 1
    exploding = {one.layer: one.epochs for one in list_warnings(found) if one.warning.kind == "exploding"}
    assert exploding["layer 4"] == (4, 5, 6)
    assert min(epoch for one in list_warnings(found) for epoch in one.epochs) == 2
    assert list_warnings(found)[0].layer == "layer 5"
    # independently of the rules: what numpy sees in the values as they are stored
    run = open_run(ASSETS / DYING.name)
    assert not values_of(run, "layer 5", 4).any()
    assert values_of(run, "layer 5", 2).any(axis=0).mean() > 0.8
    assert np.sqrt((values_of(run, "layer 4", 6).astype(float) ** 2).mean()) > 100


@BY_NAME
def test_the_command_makes_the_shipped_run(run, made):
    mine, its = open_run(made / run.name), open_run(ASSETS / run.name)
    assert (mine.title, mine.layout, mine.allowance) == (its.title, its.layout, its.allowance)
    assert {**mine.description, "torch": ""} == {**its.description, "torch": ""}
    assert mine.layers == its.layers
    for epoch in run.epochs:
        assert accuracy(mine)[epoch] == pytest.approx(accuracy(its)[epoch], abs=0.004)
        for layer in run.layers:
            found, expected = values_of(mine, layer, epoch), values_of(its, layer, epoch)
            tolerance = 1e-6 if epoch == 0 else 0.05
            np.testing.assert_allclose(found, expected, rtol=0 if run is HEALTHY else tolerance, atol=tolerance)


def test_the_comparison_is_finished_and_has_every_epoch_of_three_methods_and_three_seeds(compared):
    assert (compared.status.state, compared.problems, compared.diverged) == ("finished", {}, {})
    assert (compared.methods, compared.seeds) == (("per", "vanilla", "bn"), (0, 1, 2))
    assert TrainingSpec.from_dict(compared.spec) == COMPARISON.spec
    for run in compared.runs.values():
        assert tuple(record.epoch for record in run.records) == COMPARISON.epochs
        assert tuple(run.layers) == COMPARISON.layers
        assert accuracy(run)[0] < 0.25
        assert accuracy(run)[20] > 0.95


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_comparison_shows_what_figure_2_does(compared, seed):
    """Without a method the variance of a late layer grows; PER holds it down, and the unit moves least with BN."""
    late = {method: layer_history(compared.runs[method, seed], "layer 9").variance for method in compared.methods}
    assert late["vanilla"][-1] > 3.5 * max(late["vanilla"][0], late["per"][-1])
    assert late["per"][-1] < 0.7 * late["per"].max()
    assert late["bn"][-1] < 1
    moves = {method: unit_history(compared.runs[method, seed], "layer 9").movement for method in compared.methods}
    assert moves["bn"] < moves["per"] < moves["vanilla"]


def test_another_seed_can_rank_the_methods_otherwise(compared):
    best = [max(compared.methods, key=lambda m: accuracy(compared.runs[m, seed])[20]) for seed in compared.seeds]
    assert best == ["bn", "bn", "per"]


def test_the_comparison_begins_like_one_that_is_trained_now(compared, tmp_path):
    """Of one seed and three epochs, which is enough to tell another network, order or method."""
    short = replace(COMPARISON.spec, seeds=1, epochs=3)
    record(replace(COMPARISON, spec=short, epochs=(0, 1, 3)), tmp_path / "made")
    mine = open_comparison(tmp_path / "made")
    assert list(mine.runs) == [("per", 0), ("vanilla", 0), ("bn", 0)]
    for key, run in mine.runs.items():
        its = compared.runs[key]
        assert {**run.description, "torch": ""} == {**its.description, "torch": ""}
        for epoch in (0, 1, 3):
            assert accuracy(run)[epoch] == pytest.approx(accuracy(its)[epoch], abs=0.004)
            for layer in COMPARISON.layers:
                np.testing.assert_allclose(values_of(run, layer, epoch), values_of(its, layer, epoch), atol=2e-3)

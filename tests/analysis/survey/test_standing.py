"""How layers stand: the same warnings as of the overview, worst first, and every record read once."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.dumps import inspect
from analysis.survey.overview import overview
from analysis.survey.standing import Follower
from analysis.survey.warnings import list_warnings
from per_core import Recorder
from per_core.recording.run_directory import Run

ASSETS = Path(__file__).parents[3] / "assets" / "runs"
DYING, HEALTHY, COMPARISON = "digits_dying", "digits_elu", "digits_figure2"
PROBE = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))


class Scaled(torch.nn.Module):
    """A layer that a test makes grow."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 1.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale


@pytest.fixture
def arrays_read(monkeypatch) -> Counter[int]:
    """How often the arrays of each record were read."""
    count: Counter[int] = Counter()
    read = Run.arrays

    def counted(run, index, layers=None):
        count[index] += 1
        return read(run, index, layers)

    monkeypatch.setattr(Run, "arrays", counted)
    return count


@pytest.mark.parametrize("name", [DYING, HEALTHY])
def test_warnings_are_those_of_the_overview_at_the_last_epoch(name: str) -> None:
    seen = overview(inspect(ASSETS / name))
    last = seen.epochs[-1]
    expected = {
        (one.layer, one.warning.kind, one.warning.severity, one.warning.sentence.partition(" It begins ")[0])
        for one in list_warnings(seen)
        if one.epochs[-1] == last
    }
    standing = Follower(ASSETS / name).look()
    found = {
        (layer.layer, warning.kind, warning.severity, warning.sentence.partition(" Trained transformers ")[0])
        for layer in standing.layers
        for warning in layer.warnings
    }
    assert found == expected
    assert {layer.layer for layer in standing.layers} == set(seen.layers)


def test_layers_come_worst_first() -> None:
    standing = Follower(ASSETS / DYING).look()
    severe = [any(warning.severity == "severe" for warning in layer.warnings) for layer in standing.layers]
    assert severe == sorted(severe, reverse=True)
    dead = [layer.history.dead[-1] for layer, _ in standing.by_kind["dead"]]
    assert dead == sorted(dead, reverse=True)
    assert dead[0] == 1.0
    kinds = list(standing.by_kind.values())
    assert [found[0][1].severity for found in kinds] == sorted((f[0][1].severity for f in kinds), key="mild".__eq__)


def test_layers_without_warnings_come_by_their_distance() -> None:
    standing = Follower(ASSETS / COMPARISON).look()
    assert len(standing.layers) == 27
    assert standing.warnings == ()
    distances = [layer.sw1_in_bands for layer in standing.layers]
    assert distances == sorted(distances, reverse=True)
    assert standing.layers[0].key[0] == "vanilla"


def test_every_record_is_read_once_and_growth_is_judged_from_the_first(tmp_path: Path, arrays_read) -> None:
    layer = Scaled()
    with Recorder(torch.nn.Sequential(layer), tmp_path / "run") as recorder:
        recorder.record(0, inputs=PROBE)
        recorder.record(1, inputs=PROBE)
        follower = Follower(tmp_path / "run")
        first = follower.look()
        assert first.warnings == ()
        assert first.is_live
        assert arrays_read == {0: 1, 1: 1}
        assert follower.look() is first
        layer.scale = 30.0
        recorder.record(2, inputs=PROBE)
        grown = follower.look()
        assert [warning.kind for warning in grown.warnings] == ["exploding"]
        assert "The variance has grown 900-fold" in grown.warnings[0].sentence
        assert arrays_read == {0: 1, 1: 1, 2: 1}
        np.testing.assert_allclose(
            grown.layers[0].history.variance[2] / grown.layers[0].history.variance[0], 900, rtol=1e-4
        )
    ended = follower.look()
    assert not ended.is_live
    assert (ended.epoch, ended.seconds_left) == (2, None)


def test_what_is_left_is_told_by_the_pace_of_the_last_records() -> None:
    standing = Follower(ASSETS / COMPARISON).look()
    assert (standing.epoch, standing.status.epochs, standing.seconds_left) == (20, 20, 0.0)


def test_a_layer_that_was_constant_first_has_grown_since_it_changed(tmp_path: Path) -> None:
    layer = Scaled()
    with Recorder(torch.nn.Sequential(layer), tmp_path / "run") as recorder:
        for epoch, scale in enumerate((0.0, 1.0, 20.0)):
            layer.scale = scale
            recorder.record(epoch, inputs=PROBE)
    (warning,) = Follower(tmp_path / "run").look().warnings
    assert (warning.kind, round(warning.figures["variance"] / warning.figures["first_variance"])) == ("exploding", 400)


def test_damaged_arrays_leave_what_the_summaries_say(tmp_path: Path) -> None:
    run = shutil.copytree(ASSETS / DYING, tmp_path / "run")
    sorted((run / "arrays").iterdir())[-1].write_bytes(b"no")
    standing = Follower(run).look()
    assert len(standing.layers) == 5
    assert [(name, warning.kind) for name, warning in standing.of_runs.items()] == [("run", "unread")]


def test_a_damaged_run_of_a_comparison_is_told_beside_the_others(tmp_path: Path) -> None:
    comparison = shutil.copytree(ASSETS / COMPARISON, tmp_path / "c")
    (comparison / "runs" / "bn-s1" / "run.json").write_text("{")
    standing = Follower(comparison).look()
    assert len(standing.layers) == 24
    assert standing.of_runs["bn-s1"].kind == "unread"

"""A run may grow while its training lives, or its last record is of the last day."""

import os
import time
from pathlib import Path

import pytest
import torch

from analysis.runs.folder import ComparisonFolder
from analysis.runs.growth import may_grow
from analysis.runs.status import change_status
from analysis.training.shipped_run import COMPARISON, DYING, HEALTHY
from per_core import Recorder, open_run

ASSETS = Path(__file__).parents[3] / "assets" / "runs"
HOUR, DAY = 3600.0, 86_400.0


def write_run(folder: Path) -> Path:
    """A run that nobody has closed."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 3))
    Recorder(model, folder).record(0, inputs=torch.zeros(4, 2))
    return folder


def test_a_script_is_waited_for_a_day_from_its_last_record(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    last = open_run(run).records[-1].time
    assert may_grow(run, last + 2)
    assert may_grow(run, last + 20 * HOUR)
    assert not may_grow(run, last - 300 * DAY)  # the clock of another machine
    assert not may_grow(run, last + 2 * DAY)


def test_files_that_are_newer_than_what_is_in_them_do_not_count(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    later = open_run(run).records[-1].time + 30 * DAY
    os.utime(run / "records.jsonl", (later, later))  # a copy of an old run
    assert not may_grow(run, later + HOUR)


def test_a_run_that_was_closed_is_waited_for_only_when_somebody_goes_on(tmp_path: Path) -> None:
    model, probe = torch.nn.Sequential(torch.nn.Linear(2, 3)), torch.zeros(4, 2)
    with Recorder(model, tmp_path / "run") as recorder:
        recorder.record(0, inputs=probe)
        assert may_grow(tmp_path / "run", time.time())
    assert not may_grow(tmp_path / "run", time.time())
    recorder = Recorder(model, tmp_path / "run", resume=True)
    assert may_grow(tmp_path / "run", time.time())
    recorder.close()
    assert not may_grow(tmp_path / "run", time.time())
    recorder.record(1, inputs=probe)
    assert may_grow(tmp_path / "run", time.time())


@pytest.mark.parametrize("name", [HEALTHY.name, DYING.name, f"{COMPARISON.name}/runs/per-s0"])
def test_what_ships_is_finished_whatever_the_clock_says(name: str) -> None:
    last = open_run(ASSETS / name).records[-1].time
    assert [may_grow(ASSETS / name, last + after) for after in (0, HOUR, 300 * DAY, -300 * DAY)] == 4 * [False]


@pytest.mark.parametrize(("state", "grows"), [("running", True), ("finished", False), ("stopped", False)])
def test_a_run_of_a_comparison_grows_as_long_as_its_training_lives(tmp_path: Path, state, grows) -> None:
    run = write_run(tmp_path / "mine" / "runs" / "per-s0")
    assert ComparisonFolder(tmp_path / "mine").path.is_dir()
    change_status(tmp_path / "mine", state, None, epochs=3)
    assert may_grow(run, time.time()) is grows


def test_a_run_in_the_current_folder_belongs_to_its_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "comparison" / "runs" / "mine")
    monkeypatch.chdir(run)
    change_status(tmp_path / "comparison", "finished", None, epochs=1)
    assert not may_grow(Path(), open_run(".").records[-1].time + 2)


def test_what_is_no_run_does_not_grow(tmp_path: Path) -> None:
    assert not may_grow(tmp_path, time.time())

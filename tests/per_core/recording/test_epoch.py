"""An epoch is one number everywhere, and a run has one record of it."""

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from per_core import InvalidInputError, Recorder, open_run
from per_core.recording.epoch import as_epoch, parse_epoch
from tests.per_core.recording.recorded import draw, network


@pytest.mark.parametrize(
    ("value", "epoch"),
    [
        (3, 3),
        (3.0, 3),
        (-0.0, 0),
        (0.1 + 0.2, 0.3),
        (1_234_567, 1_234_567),
        (Fraction(1, 4), 0.25),
        (np.int64(3), 3),
        (np.float32(0.1), 0.1),
        (np.array([2]), 2),
        (torch.tensor(3), 3),
        (torch.tensor([0.25], requires_grad=True), 0.25),
        (torch.tensor(5, dtype=torch.uint8), 5),
    ],
)
def test_numbers_of_every_library(value: object, epoch: float) -> None:
    found = as_epoch(value)
    assert found == epoch
    assert type(found) is type(epoch)


@pytest.mark.parametrize(
    "value",
    [
        *(True, np.True_, torch.tensor(True), -1, -0.5, math.nan, math.inf, 10**15, 10**400, "3", None, 1j, [3]),
        *(torch.tensor([1, 2]), torch.tensor([]), torch.tensor(math.nan), np.array([1, 2])),
    ],
)
def test_what_is_no_epoch_is_refused(value: object) -> None:
    with pytest.raises(
        InvalidInputError, match=r"must be one finite number from 0 to below 10\^15; received .* Pass 0"
    ):
        as_epoch(value)


@given(st.integers(0, 10**15 - 1) | st.floats(0, 1e9))
def test_an_epoch_survives_text_json_and_itself(value: float) -> None:
    epoch = as_epoch(value)
    assert abs(epoch - value) <= 5e-7 * (1 + 1e-9) + abs(value) * 2**-52
    for again in (as_epoch(epoch), parse_epoch(str(epoch)), as_epoch(json.loads(json.dumps(epoch)))):
        assert again == epoch
        assert type(again) is type(epoch)


@pytest.mark.parametrize("text", ["", "three", "-1", "nan", "1e15"])
def test_text_that_is_no_epoch(text: str) -> None:
    with pytest.raises(InvalidInputError, match="An epoch is written as a number"):
        parse_epoch(text)


def test_a_run_has_fractional_epochs_as_they_were_given(tmp_path: Path) -> None:
    model, probe = network(), draw(10, 4)
    given_epochs = (0, np.float32(0.1), torch.tensor(0.25), 1 / 3, np.int64(1), 1_234_567.5)
    with Recorder(model, tmp_path / "run") as recorder:
        for epoch in given_epochs:
            recorder.record(epoch, inputs=probe)
    assert [record.epoch for record in open_run(tmp_path / "run").records] == [0, 0.1, 0.25, 0.333333, 1, 1234567.5]
    with Recorder(model, tmp_path / "run", resume=True, last_epoch=np.float32(0.25)) as recorder:
        recorder.record(0.5, inputs=probe)
    assert [record.epoch for record in open_run(tmp_path / "run").records] == [0, 0.1, 0.25, 0.5]


def test_an_epoch_recorded_twice_is_refused(tmp_path: Path) -> None:
    model = network()
    with Recorder(model, tmp_path / "run") as recorder:
        recorder.record(0.5, inputs=draw(10, 4))
        message = (
            r"one record of an epoch; received epoch 0\.5 again \(epochs are kept to six decimals\)\. Record it once, "
            r'.*on_repeated_epoch="replace"'
        )
        with pytest.raises(InvalidInputError, match=message):
            recorder.record(torch.tensor(0.5), inputs=draw(20, 4))
        recorder.record(1, inputs=draw(10, 4))
    run = open_run(tmp_path / "run")
    assert [record.epoch for record in run.records] == [0.5, 1]
    assert run.repeated == ()


def test_an_epoch_recorded_twice_may_replace(tmp_path: Path) -> None:
    model = network()
    with Recorder(model, tmp_path / "run", on_repeated_epoch="replace") as recorder:
        recorder.record(0, inputs=draw(10, 4), loss=3.0)
        recorder.record(1, inputs=draw(10, 4), loss=2.0)
        before = open_run(tmp_path / "run")
        recorder.record(1, inputs=draw(20, 4), loss=1.0)
        recorder.record(2, inputs=draw(10, 4))
    for run in (open_run(tmp_path / "run"), before.refresh()):
        assert [(record.index, record.epoch) for record in run.records] == [(0, 0), (2, 1), (3, 2)]
        assert run.repeated == (1,)
        assert run.records[1].scalars == {"loss": 1.0}
        assert len(run.arrays(2)["0"].rows) == 20
        with pytest.raises(InvalidInputError, match=r"3 records, of index 0, 2, 3; received 1"):
            run.arrays(1)
    with Recorder(model, tmp_path / "run", resume=True, last_epoch=1) as recorder:
        recorder.record(2, inputs=draw(30, 4))
    run = open_run(tmp_path / "run")
    assert [(record.index, record.epoch) for record in run.records] == [(0, 0), (2, 1), (3, 2)]
    assert len(run.arrays(3)["0"].rows) == 30


def older_run(folder: Path, epochs: tuple[float, ...]) -> Path:
    """A run of schema 1 as it was written when epochs were floats and could be recorded twice or go back."""
    with Recorder(network(), folder) as recorder:
        for epoch in range(len(epochs)):
            recorder.record(epoch, inputs=draw(10 + epoch, 4))
    lines = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    for line, epoch in zip(lines, epochs, strict=True):
        line["epoch"] = epoch
    (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "missing.json").unlink()
    return folder


def test_of_an_older_run_the_last_record_of_an_epoch_counts(tmp_path: Path) -> None:
    run = open_run(older_run(tmp_path / "run", (0.0, 1.0, 1.0, 0.30000000000000004, 2.0)))
    assert [(record.epoch, record.index) for record in run.records] == [(0, 0), (0.3, 3), (1, 2), (2, 4)]
    assert run.repeated == (1,)
    assert len(run.arrays(2)["0"].rows) == 12


def test_a_line_whose_epoch_is_none_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"line 2 is damaged: .*epoch must be one finite number"):
        open_run(older_run(tmp_path / "run", (0, -1)))

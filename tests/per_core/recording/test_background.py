"""Records that are digested and written while the training goes on: the same ones, in their order, or an error."""

import threading
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from per_core import Recorder, StorageError, open_run
from per_core.recording import recorder as recorder_module
from per_core.recording.background import Background
from per_core.recording.layer_record import LayerArrays
from tests.per_core.recording.recorded import draw, network


def record_three(folder: Path, background: Background | None = None) -> None:
    """Three epochs of a model that changes as soon as a record has been asked for."""
    model = network()
    with Recorder(model, folder, tracked=2, background=background) as recorder:
        for epoch in range(3):
            recorder.record(epoch, inputs=draw(40, 4), loss=1 / (epoch + 1))
            for parameter in model.parameters():
                parameter.data.mul_(2.0)


@pytest.mark.parametrize("copied", [recorder_module.COPIED, 1000])
def test_a_record_is_the_same_wherever_it_is_made(tmp_path, monkeypatch, copied):
    """An in-place ReLU overwrites one layer, training overwrites weights; layers beyond `COPIED` are not copied."""
    record_three(tmp_path / "at once")
    monkeypatch.setattr(recorder_module, "COPIED", copied)
    with Background() as background:
        record_three(tmp_path / "later", background)
    runs = [open_run(tmp_path / name) for name in ("at once", "later")]
    assert [record.epoch for record in runs[1].records] == [0, 1, 2]
    for one, other in zip(runs[0].records, runs[1].records, strict=True):
        assert replace(other, time=one.time, seconds=one.seconds, cost=one.cost) == one
        arrays = [run.arrays(one.index) for run in runs]
        for name in arrays[0]:
            for field in fields(LayerArrays):
                values = [getattr(part[name], field.name) for part in arrays]
                np.testing.assert_array_equal(values[1], values[0])


def test_record_does_not_wait_for_the_disk_and_close_does(tmp_path):
    free = threading.Event()
    with Background() as background:
        background.submit(lambda: assert_set(free))
        with Recorder(network(), tmp_path / "run", background=background) as recorder:
            recorder.record(0, inputs=draw(9, 4))
            assert not open_run(tmp_path / "run").records
            free.set()
        assert len(open_run(tmp_path / "run").records) == 1


def assert_set(event: threading.Event) -> None:
    assert event.wait(60)


def test_a_record_that_cannot_be_written_is_an_error_of_the_next_one_and_of_the_block(tmp_path):
    arrays = tmp_path / "run" / "arrays" / "000000.safetensors.tmp"
    done: list[str] = []

    def record() -> None:
        with Background() as background:
            recorder = Recorder(network(), tmp_path / "run", on_write_error="raise", background=background)
            arrays.symlink_to("/dev/full")
            recorder.record(0, inputs=draw(9, 4))
            checkpoint = background.submit(lambda: done.append("checkpoint"))
            for next_one in (lambda: recorder.record(1, inputs=draw(9, 4)), checkpoint.result):
                with pytest.raises(StorageError, match="No space left on device"):
                    next_one()

    with pytest.raises(StorageError, match="No space left on device"):
        record()
    assert done == []
    assert not open_run(tmp_path / "run").records


def test_with_a_warning_the_records_after_it_are_written(tmp_path):
    def record() -> None:
        with Background() as background, Recorder(network(), tmp_path / "run", background=background) as recorder:
            (tmp_path / "run" / "arrays" / "000000.safetensors.tmp").symlink_to("/dev/full")
            recorder.record(0, inputs=draw(9, 4))
            recorder.record(1, inputs=draw(9, 4))

    with pytest.warns(RuntimeWarning, match="epoch 0 is missing in the run"):
        record()
    run = open_run(tmp_path / "run")
    assert [record.epoch for record in run.records] == [1]
    assert run.missing == (0, 0)


def test_an_error_of_the_background_comes_before_that_of_the_block():
    def fail(task: Callable[[], object]) -> None:
        with Background() as background:
            background.submit(task)
            raise KeyError

    with pytest.raises(KeyError):
        fail(lambda: None)
    with pytest.raises(ZeroDivisionError):
        fail(lambda: 1 // 0)

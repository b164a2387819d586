"""Event files of a run: TensorBoard's own reader and that of the dumps find what was recorded."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from analysis.dumps import inspect
from per_core import InvalidInputError, StorageError, open_run
from per_core.recording.layer_record import Allowance, LayerDigest
from per_core.recording.run_directory import Run, RunWriter
from per_core.recording.tensorboard_log import QUANTITIES
from tests.per_core.recording.recorded import draw

pytestmark = pytest.mark.long

DIGEST = LayerDigest(Allowance(slices=16, units=4, tracked=1))


def recorded(path: Path, epochs: tuple[float, ...] = (0, 1, 3)) -> Run:
    writer = RunWriter(path, allowance=DIGEST.allowance)
    for epoch in epochs:
        broken = draw(30, 4, seed=9)
        broken[0] = math.nan
        found = {"0.conv": draw(50, 3, seed=int(4 * epoch)), "a/b": 1e25 * broken, "lost": draw(4, 2) * math.nan}
        layers = {name: DIGEST(h) for name, h in found.items()}
        writer.append(epoch, layers, scalars={"loss": 1 / (1 + epoch)})
    return open_run(path)


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    return found.Reload()


def test_tensorboard_reads_numbers_and_histograms(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run")
    assert run.to_tensorboard(tmp_path / "logs/tb") == tmp_path / "logs/tb"
    found = read(tmp_path / "logs/tb")
    assert [(one.step, one.value) for one in found.Scalars("loss")] == [(0, 1.0), (1, 0.5), (3, 0.25)]
    assert set(found.Tags()["scalars"]) == {"loss"} | {f"{q}/{layer}" for q in QUANTITIES for layer in run.layers}
    assert set(found.Tags()["histograms"]) == {"0.conv", "a/b"}  # of the third there is no finite value
    for record in run.records:
        for layer, kept in run.arrays(record.index, ["0.conv", "a/b"]).items():
            values = kept.rows[np.isfinite(kept.rows)].astype(float)
            (event,) = (one for one in found.Histograms(layer) if one.step == record.epoch)
            told = event.histogram_value
            assert (event.wall_time, told.num) == (record.time, len(values))
            assert (told.min, told.max) == (values.min(), values.max())
            assert told.sum == pytest.approx(values.sum())
            assert sum(told.bucket) == len(values)
            limits = np.array(told.bucket_limit)
            for limit, below in zip(limits, np.cumsum(told.bucket), strict=True):
                assert (values < limit).sum() <= below <= (values <= limit * (1 + 1e-9 * np.sign(limit))).sum()


def test_the_dumps_read_it_back_as_layers_over_epochs(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run")
    inspection = inspect(run.to_tensorboard(tmp_path / "tb"))
    found = {(one.layer, one.epoch): one for one in inspection.readable}
    assert set(found) == {(layer, epoch) for layer in ("0.conv", "a/b") for epoch in (0, 1, 3)}
    for record in run.records:
        values = np.sort(run.arrays(record.index)["0.conv"].rows.ravel().astype(float))
        bins = inspection.load_bins(found["0.conv", record.epoch].name)
        bins = bins[bins[:, 2] > 0]
        assert bins[:, 2].sum() == len(values)
        assert (bins[0, 0], bins[-1, 1]) == (values[0], values[-1])
        below = np.cumsum(bins[:, 2])
        assert ((values[:, None] < bins[:, 1]).sum(axis=0) <= below).all()
        assert ((values[:, None] < bins[:, 0]).sum(axis=0) <= below - bins[:, 2]).all()


def test_epochs_that_are_no_whole_numbers_are_steps_by_position(tmp_path: Path) -> None:
    found = read(recorded(tmp_path / "run", (0, 0.25, 2)).to_tensorboard(tmp_path / "tb"))
    assert [(one.step, one.value) for one in found.Scalars("epoch")] == [(0, 0), (1, 0.25), (2, 2)]
    assert [one.step for one in found.Histograms("0.conv")] == [0, 1, 2]


def test_values_that_are_all_the_same_are_one_bin_however_large(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", allowance=DIGEST.allowance)
    writer.append(0, {"fc": DIGEST(torch.full((5, 2), -3e38))})
    (event,) = read(open_run(tmp_path / "run").to_tensorboard(tmp_path / "tb")).Histograms("fc")
    told = event.histogram_value
    assert (told.num, sum(told.bucket)) == (10, 10)
    assert told.bucket_limit[-1] == pytest.approx(-3e38)


def test_an_empty_folder_stays_the_one_that_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = recorded(tmp_path / "run", (0,))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run.to_tensorboard(".") == Path(".")
    assert [one.name.startswith("events.") for one in Path.cwd().iterdir()] == [True]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["here", "run"]


def test_nothing_is_written_over_and_nothing_left_behind(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", (0, 1))
    (tmp_path / "empty").mkdir()
    run.to_tensorboard(tmp_path / "empty")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InvalidInputError, match=r"a new or an empty folder; .*empty is not. Name another one"):
        run.to_tensorboard(tmp_path / "empty")
    with pytest.raises(InvalidInputError, match=r"lies in that of .*run. Name a place elsewhere"):
        run.to_tensorboard(tmp_path / "run/tb")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        run.to_tensorboard(tmp_path / "file/tb")
    (tmp_path / "file").unlink()
    (tmp_path / "run/arrays/000001.safetensors").rename(tmp_path / "elsewhere")
    with pytest.raises(InvalidInputError, match="arrays of record 1 must be in"):
        run.to_tensorboard(tmp_path / "tb")
    (tmp_path / "elsewhere").rename(tmp_path / "run/arrays/000001.safetensors")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_without_records_is_refused(tmp_path: Path) -> None:
    RunWriter(tmp_path / "run", allowance=DIGEST.allowance)
    with pytest.raises(InvalidInputError, match=r"has none yet. Wait for the first, and call refresh"):
        open_run(tmp_path / "run").to_tensorboard(tmp_path / "tb")
    assert not (tmp_path / "tb").exists()

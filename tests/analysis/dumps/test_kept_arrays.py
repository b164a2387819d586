"""An array that holds several layers is read once for all of them, and never kept for long or beyond a bound."""

import os
import shutil

import h5py
import numpy as np
import pytest

from analysis.dumps import ReadingLimits, inspect, rows
from analysis.dumps.kept_arrays import KEPT_ARRAYS, KeptArrays
from analysis.dumps.plan.plan import ArrayRule, Axes, ReadingPlan
from tests.waiting import wait_for

VALUES = np.random.default_rng(3).normal(size=(20, 6, 5)).astype(np.float32)
LONG_AGO = 1e9
TICK, AGE = "analysis.dumps.files.file_stamp.TICK", 2**62  # nanoseconds, longer than any file is there


def plan(name: str, axes: Axes = ("sample", "layer", "unit")) -> ReadingPlan:
    return ReadingPlan((ArrayRule(name, axes),))


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    monkeypatch.setattr(TICK, -AGE)  # whatever has just been written counts as settled
    KEPT_ARRAYS.clear()
    yield
    KEPT_ARRAYS.clear()


@pytest.fixture
def asked(monkeypatch):
    """Rows that were read of the dump: begin and end of each."""
    found, read = [], rows.read_pieces

    def read_pieces(path, pieces, limits):
        found.extend((start, stop) for _, start, stop in pieces)
        return read(path, pieces, limits)

    monkeypatch.setattr(rows, "read_pieces", read_pieces)
    return found


def save(path):
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=VALUES, compression="gzip")
    else:
        np.savez_compressed(path, x=VALUES)
    os.utime(path, (LONG_AGO, LONG_AGO))  # whatever is written later bears another time
    return path


@pytest.mark.parametrize("name", ["a.h5", "a.npz"])
def test_layers_within_an_array_are_read_at_once_and_each_is_what_numpy_says(tmp_path, asked, name):
    inspection = inspect(save(tmp_path / name), plan=plan(f"{name}/x"))
    assert len(inspection.loadable) == 6
    for layer, member in enumerate(inspection.loadable):
        np.testing.assert_array_equal(inspection.load(member.name).values, VALUES[:, layer])
    assert asked == [(0, 20)]
    for layer, member in enumerate(inspection.loadable):
        for block in (range(2, 5), range(11, 17)):
            np.testing.assert_array_equal(
                inspection.load(member.name, rows=block).values, VALUES[block.start : block.stop, layer]
            )
    assert asked == [(0, 20), (2, 5), (11, 17)]


def test_parts_in_several_files_are_joined_and_each_is_read_once(tmp_path, asked):
    for number, values in enumerate(np.split(VALUES, 4)):
        np.save(tmp_path / f"part_{number}.npy", values)
    inspection = inspect(tmp_path, plan=plan("part_{part}.npy"))
    for layer, member in enumerate(inspection.loadable):
        np.testing.assert_array_equal(inspection.load(member.name).values, VALUES[:, layer])
    assert asked == [(0, 5)] * 4


def test_layers_that_come_first_and_arrays_of_one_layer_are_not_kept(tmp_path, asked):
    path = save(tmp_path / "a.npz")
    for axes in (("layer", "sample", "unit"), ("sample", "position", "unit")):
        inspection = inspect(path, plan=plan("a.npz/x", axes))
        for member in inspection.loadable:
            inspection.load(member.name)
    assert len(asked) == 20 + 1
    assert KEPT_ARRAYS.size == 0


def test_what_has_changed_or_may_be_changing_is_read_anew(tmp_path, asked, monkeypatch):
    path = save(tmp_path / "a.npz")
    inspection = inspect(path, plan=plan("a.npz/x"))
    first, second = inspection.loadable[:2]
    inspection.load(first.name)
    np.savez_compressed(path, x=VALUES[::-1])
    monkeypatch.setattr(TICK, AGE)  # a change within the tick of the clock would not show
    for _ in range(2):
        np.testing.assert_array_equal(inspection.load(second.name).values, VALUES[::-1, 1])
    monkeypatch.setattr(TICK, -AGE)
    for _ in range(2):
        np.testing.assert_array_equal(inspection.load(second.name).values, VALUES[::-1, 1])
    assert len(asked) == 4


@pytest.mark.parametrize("is_in_place", [False, True])
def test_another_file_of_the_same_size_and_time_is_read_anew(tmp_path, is_in_place):
    """As cp -p, rsync -t and tar leave it."""
    for name, values in (("a.npz", VALUES), ("b.npz", VALUES[::-1])):
        np.savez(tmp_path / name, x=values)
        os.utime(tmp_path / name, (LONG_AGO, LONG_AGO))
    path, other = tmp_path / "a.npz", tmp_path / "b.npz"
    inspection = inspect(path, plan=plan("a.npz/x"))
    first, second = inspection.loadable[:2]
    np.testing.assert_array_equal(inspection.load(first.name).values, VALUES[:, 0])
    before = path.stat()
    if is_in_place:
        wait_for(lambda: shutil.copy2(other, path).stat().st_ctime_ns != before.st_ctime_ns)
    else:
        other.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    np.testing.assert_array_equal(inspection.load(second.name).values, VALUES[::-1, 1])


def test_whoever_changes_a_batch_changes_no_other(tmp_path):
    path = save(tmp_path / "a.npz")
    inspection = inspect(path, plan=plan("a.npz/x"))
    for part in inspection.loadable[0].cut(0, 20):
        (values,) = rows.read_parts(path, [part], inspection.limits, KEPT_ARRAYS)
        values[:] = 7
    assert KEPT_ARRAYS.size == VALUES.nbytes
    np.testing.assert_array_equal(inspection.load(inspection.loadable[0].name).values, VALUES[:, 0])


def test_no_more_is_kept_than_one_batch_may_have(tmp_path):
    path = save(tmp_path / "a.npz")
    limits = ReadingLimits(batch_bytes=VALUES.nbytes - 1)
    inspection = inspect(path, plan=plan("a.npz/x"), limits=limits)
    inspection.load(inspection.loadable[0].name, rows=range(12))
    assert KEPT_ARRAYS.size == VALUES[:12].nbytes
    inspection.load(inspection.loadable[0].name, rows=range(8, 20))
    assert KEPT_ARRAYS.size == VALUES[:12].nbytes  # in place of the other
    inspection.load(inspection.loadable[0].name)
    assert KEPT_ARRAYS.size == 0


def test_what_nobody_uses_is_dropped(tmp_path):
    kept, key = KeptArrays(seconds=0.01), (tmp_path, ("x",), 0, 20, (1, 1, 1, 1))
    kept.put(key, VALUES, 2**20)
    wait_for(lambda: kept.size == 0)
    assert kept.get(key) is None

"""The version of a member changes with the files that hold it, and with no others."""

import json
import os
import shutil

import numpy as np
import pytest
import zarr

from analysis.dumps import inspect
from analysis.dumps.files.file_stamp import stamp
from analysis.dumps.inspection import GONE
from analysis.dumps.plan.plan import ArrayRule, ReadingPlan
from per_core.recording.layer_record import Allowance
from per_core.recording.run_directory import RunWriter
from tests.analysis.dumps.dump_files import FIRST, LAYERS, run_directory

ROWS = np.arange(12.0).reshape(4, 3)


def later(path, seconds=10):
    """As if the file had been written so much later: two writes may fall into one tick of the clock."""
    then = path.stat().st_mtime_ns + seconds * 10**9
    os.utime(path, ns=(then, then))


def versions(path):
    inspection = inspect(path)
    return {member.name: inspection.version(member) for member in inspection.members}


def test_a_file_of_a_folder(tmp_path):
    for number in (1, 2):
        np.save(tmp_path / f"layer_{number}.npy", FIRST)
    before = versions(tmp_path)
    assert before["layer_1.npy"][1] == (tmp_path / "layer_1.npy").stat().st_size
    later(tmp_path / "layer_2.npy")
    after = versions(tmp_path)
    assert [name for name in before if before[name] != after[name]] == ["layer_2.npy"]


def test_a_member_of_many_files_is_as_late_as_the_latest_and_as_large_as_all(tmp_path):
    for number in range(30):
        np.save(tmp_path / f"sample_{number}.npy", ROWS)
    np.savez(tmp_path / "more.npz", first=ROWS, second=ROWS)
    plan = ReadingPlan(
        (ArrayRule("sample_{sample}.npy", ("sample", "unit")), ArrayRule("more.npz/{layer}", ("sample", "unit")))
    )
    inspection = inspect(tmp_path, plan=plan)
    (one,) = (member for member in inspection.members if len(member.parts) == 30)
    packed = [member for member in inspection.members if member is not one]
    later(tmp_path / "sample_17.npy")
    stats = [(tmp_path / f"sample_{number}.npy").stat() for number in range(30)]
    assert inspection.version(one) == (
        sum(file.st_ino for file in stats),
        sum(file.st_size for file in stats),
        stats[17].st_mtime_ns,
        max(file.st_ctime_ns for file in stats),
    )
    assert {inspection.version(member) for member in packed} == {stamp(tmp_path / "more.npz")}
    assert inspection.versions(inspection.members) == [inspection.version(member) for member in inspection.members]
    (tmp_path / "sample_3.npy").unlink()
    assert inspection.version(one) == GONE
    assert GONE not in map(inspection.version, packed)


@pytest.mark.parametrize("inner", ["", "store.zarr"])
def test_a_zarr_store(tmp_path, inner):
    folder = tmp_path / inner
    root = zarr.open_group(folder, mode="w", zarr_format=3)
    for name, values in LAYERS.items():
        root.create_array(name, data=values)
    before = versions(tmp_path)
    assert len(before) == len(LAYERS)
    assert GONE not in before.values()
    later(folder / next(iter(LAYERS)) / "zarr.json")
    assert versions(tmp_path) != before
    inspection = inspect(tmp_path)
    shutil.rmtree(folder)
    assert {inspection.version(member) for member in inspection.members} == {GONE}


def test_another_file_of_the_same_size_and_time_is_another_version(tmp_path):
    for number in (1, 2):
        np.save(tmp_path / f"layer_{number}.npy", number * FIRST)
    shutil.copystat(tmp_path / "layer_1.npy", tmp_path / "layer_2.npy")
    before = versions(tmp_path)
    shutil.copy2(tmp_path / "layer_2.npy", tmp_path / "copy")
    (tmp_path / "copy").replace(tmp_path / "layer_1.npy")
    after = versions(tmp_path)
    assert before["layer_1.npy"][1:3] == after["layer_1.npy"][1:3]
    assert [name for name in before if before[name] != after[name]] == ["layer_1.npy"]


def test_what_is_beside_raw_numbers_tells_what_they_are(tmp_path):
    values = np.arange(24, dtype="float32")
    values.tofile(tmp_path / "acts.bin")
    beside = tmp_path / "metadata.json"
    beside.write_text(json.dumps({"shape": [6, 4], "dtype": "float32"}))
    before = versions(tmp_path)
    assert before["acts.bin"][1] == values.nbytes + beside.stat().st_size
    later(beside)
    assert versions(tmp_path) != before


@pytest.mark.parametrize("inner", ["", "run"])
def test_records_of_a_run_do_not_change(tmp_path, inner):
    folder = tmp_path / inner
    run_directory(folder)
    before = versions(tmp_path)
    later(folder / "records.jsonl")
    assert versions(tmp_path) == before
    assert set(before.values()) == {stamp(folder / "run.json")}
    later(folder / "run.json")
    assert versions(tmp_path) != before


def test_runs_are_known_with_records_and_without(tmp_path):
    run_directory(tmp_path / "first")
    RunWriter(tmp_path / "second", allowance=Allowance(slices=2, units=3, tracked=1), title="Without a record")
    np.save(tmp_path / "layer_1.npy", FIRST)
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY")
    assert inspect(tmp_path).runs == (tmp_path / "first", tmp_path / "second")
    assert inspect(tmp_path / "second").runs == (tmp_path / "second",)

"""Inspecting again what has not changed reads nothing, and what has changed is never told as it was."""

import io
import os
import time
import zipfile

import numpy as np
import pytest

from analysis.dumps import ReadingLimits, contents, inspect
from analysis.dumps.files.byte_range import FileRange
from tests.analysis.dumps.dump_files import FIRST, LAYERS, WRITERS, run_directory, write


@pytest.fixture
def looked_at(tmp_path, monkeypatch):
    """Names of the files and runs that were looked into."""
    names = []
    kind, run = contents.file_kind, contents.run_format.list_entries

    def file_kind(name, data):
        if isinstance(data, FileRange) and data.is_whole and data.path.is_relative_to(tmp_path):  # not what is unpacked
            names.append(name)
        return kind(name, data)

    monkeypatch.setattr(contents, "file_kind", file_kind)
    monkeypatch.setattr(contents.run_format, "list_entries", lambda path: names.append(path.name) or run(path))
    return names


def settle():
    """Wait until the clock of the file system has ticked, as long as a person needs for a click."""
    time.sleep(0.1)


def test_a_dump_is_looked_into_once_as_long_as_it_is_as_it_was(tmp_path, looked_at):
    for name in WRITERS:
        write(tmp_path, name)
    run_directory(tmp_path / "run")
    (tmp_path / "bad.npy").write_bytes(b"cut")
    settle()
    first = inspect(tmp_path)
    assert set(looked_at) == {*WRITERS, "run", "bad.npy"}  # some twice: for their kind, then by another process
    looked_at.clear()
    again = inspect(tmp_path)
    assert looked_at == ["layer.npy"]  # whose header is read as fast as it is looked up
    looked_at.clear()
    assert again.members == first.members
    assert again.refused
    inspect(tmp_path / "layer.csv")  # by another way
    assert looked_at == []
    assert inspect(tmp_path / "layers.npz", limits=ReadingLimits(members=1)).refused  # within other limits
    assert looked_at == ["layers.npz"]


def test_a_dump_that_grows_costs_its_growth(tmp_path, looked_at):
    np.savez(tmp_path / "epoch_1.npz", **LAYERS)
    run_directory(tmp_path / "run")
    settle()
    inspect(tmp_path)
    looked_at.clear()
    np.savez(tmp_path / "epoch_2.npz", **LAYERS)
    assert len(inspect(tmp_path).members) == 8
    assert looked_at == ["epoch_2.npz"]
    records = tmp_path / "run" / "records.jsonl"
    lines = records.read_text().splitlines(keepends=True)
    records.write_text("".join(lines[:-1]))
    assert len(inspect(tmp_path).members) == 6


def test_a_change_shows_at_once_even_one_that_hides(tmp_path):
    path = tmp_path / "layer.npy"
    for rows in (2, 3, 4, 2, 3):  # one after the other, faster than the clock, all of the same size
        path.write_bytes(npy_of(rows))
        assert inspect(path).members[0].shape == (rows, 12 // rows)
    settle()
    inspect(path)
    before = path.stat()
    path.write_bytes(npy_of(4))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert inspect(path).members[0].shape == (4, 3)


def npy_of(rows):
    buffer = io.BytesIO()
    np.save(buffer, FIRST.ravel()[:12].reshape(rows, -1))
    return buffer.getvalue()


def test_a_large_file_is_read_once_even_if_it_has_just_arrived(tmp_path, looked_at):
    (tmp_path / "layer.csv").write_text("1.5,2.5\n" * 200_000)
    for _ in range(2):
        assert inspect(tmp_path / "layer.csv").members[0].shape == (200_000, 2)
    assert looked_at == ["layer.csv"]


def test_what_was_refused_for_want_of_room_is_looked_at_again(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(write(tmp_path, "layers.h5"), "layers.h5")
    settle()
    with monkeypatch.context() as full:
        full.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 0}))
        assert "0 bytes are free" in inspect(tmp_path / "a.zip").members[0].reason
    assert not inspect(tmp_path / "a.zip").refused


def test_what_is_kept_is_bounded(tmp_path, monkeypatch, looked_at):
    monkeypatch.setattr("analysis.dumps.files.listings.MOST_CHARACTERS", 1000)
    for number in range(5):
        np.savez(tmp_path / f"layer_{number}.npz", FIRST)
    settle()
    inspect(tmp_path)
    looked_at.clear()
    inspect(tmp_path / "layer_4.npz")
    inspect(tmp_path / "layer_0.npz")
    assert looked_at == ["layer_0.npz"]

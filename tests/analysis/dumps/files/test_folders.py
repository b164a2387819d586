"""Folders of many files: in natural order, within a bound, headers read once and no link followed."""

import os

import numpy as np
import pytest
import torch

from analysis.dumps import ReadingLimits, contents, inspect
from analysis.dumps.files.byte_range import FileRange
from analysis.dumps.natural_order import by_numbers
from analysis.dumps.reader.pool import READER
from per_core.errors import InvalidInputError
from tests.analysis.dumps.dump_files import FIRST


def test_numbers_in_names_count_as_such():
    names = [
        "step-100",
        "step-20",
        "step-20b",
        "step",
        "a10",
        "a9",
        "a09",
        "10",
        "9",
        "a",
        "B",
        "x1.y2",
        "x1.y10",
        "x01",
    ]
    assert sorted(names, key=by_numbers) == [
        "B", "a", "a9", "a09", "a10", "step", "step-20", "step-20b", "step-100", "x01", "x1.y2", "x1.y10", "9", "10",
    ]  # fmt: skip


def test_many_equal_headers_are_one_entry_each_with_its_own_place(tmp_path):
    for number in range(40):
        np.save(tmp_path / f"layer_{number}.npy", FIRST)
    np.save(tmp_path / "layer_40.npy", FIRST.astype(np.float64))
    cut = tmp_path / "layer_41.npy"
    cut.write_bytes((tmp_path / "layer_0.npy").read_bytes()[:-1])  # the same header, of which the bytes are not there
    found = contents.list_dump(tmp_path, ReadingLimits()).found
    assert [location for location, _ in found] == [(f"layer_{number}.npy",) for number in range(42)]
    assert len({id(entry) for _, entry in found[:40]}) == 1
    assert [entry.dtype for _, entry in found[39:]] == ["float32", "float64", "float32"]
    assert [bool(entry.refusal) for _, entry in found[39:]] == [False, False, True]


def test_the_files_of_a_folder_are_bounded(tmp_path):
    for number in range(5):
        (tmp_path / f"step-{number % 2}").mkdir(exist_ok=True)
        np.save(tmp_path / f"step-{number % 2}" / f"{number}.npy", FIRST)
    assert len(contents.list_dump(tmp_path, ReadingLimits(files=7)).found) == 5
    ((_, entry),) = contents.list_dump(tmp_path, ReadingLimits(files=1)).found
    assert "A folder may hold 1 files" in entry.refusal
    np.savez(tmp_path / "many.npz", *[FIRST] * 9)
    *_, (location, entry) = contents.list_dump(tmp_path, ReadingLimits(files=8)).found
    assert location == ("the rest",)
    assert "A dump may have 8 members" in entry.refusal


def test_a_link_is_not_opened_and_a_pipe_is_not_waited_for(tmp_path):
    np.save(tmp_path / "a.npy", FIRST)
    (tmp_path / "link.npy").symlink_to(tmp_path / "a.npy")
    os.mkfifo(tmp_path / "pipe.npy")
    for name, reason in (("link.npy", "Links are not followed"), ("pipe.npy", "made of plain files; this is none")):
        with pytest.raises(InvalidInputError, match=reason):
            FileRange.opened(tmp_path / name)
    assert {member.name: member.verdict for member in inspect(tmp_path).members} == {
        "a.npy": "ok",
        "link.npy": "refused",
        "pipe.npy": "refused",
    }


@pytest.mark.long
def test_files_that_a_library_lists_are_listed_by_one_request(tmp_path, monkeypatch):
    for number in range(6):
        torch.save({"x": torch.zeros(3, number + 1)}, tmp_path / f"layer_{number}.pt")
        os.utime(tmp_path / f"layer_{number}.pt", (1e9, 1e9))
    (tmp_path / "layer_6.pt").write_bytes((tmp_path / "layer_0.pt").read_bytes()[:300])
    requests, ask = [], READER.list_files
    monkeypatch.setattr(READER, "list_files", lambda *request: requests.append(len(request[1])) or ask(*request))
    monkeypatch.setattr(
        "analysis.dumps.files.file_stamp.TICK", -(2**62)
    )  # whatever has just been written counts as settled
    found = contents.list_dump(tmp_path, ReadingLimits()).found
    assert requests == [7]
    assert [entry.shape for _, entry in found[:6]] == [(3, number + 1) for number in range(6)]
    assert found[6][0] == ("layer_6.pt",)
    assert found[6][1].refusal
    assert contents.list_dump(tmp_path, ReadingLimits()).found == found
    assert requests == [7]

"""Rows of many parts are read together: the same as numpy joins them, and an error names the part that it is about."""

import h5py
import numpy as np
import pytest

from analysis.dumps import ReadingLimits, inspect, rows
from analysis.dumps.plan.plan import ArrayRule, ReadingPlan
from per_core.errors import InvalidInputError

RANDOM = np.random.default_rng(8)
SAMPLES = ReadingPlan((ArrayRule("s_{sample}.npy", ("sample", "unit")), ArrayRule("a.h5/{layer}/{part}", ("unit",))))


def test_many_files_and_many_keys_are_joined_in_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "VALUES_AT_ONCE", 40)
    files = [RANDOM.normal(size=(1 + number % 7, 5)).astype("f4") for number in range(25)]
    for number, values in enumerate(files):
        np.save(tmp_path / f"s_{number}.npy", values)
    keys = RANDOM.normal(size=(60, 3)).astype("f4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number, values in enumerate(keys):
            file[f"fc/{number}"] = values
    inspection = inspect(tmp_path, plan=SAMPLES)
    samples, vectors = sorted(inspection.members, key=lambda member: len(member.parts))
    whole = np.concatenate(files)
    np.testing.assert_array_equal(inspection.load(samples.name).values, whole)
    np.testing.assert_array_equal(inspection.load(samples.name, rows=range(11, 40)).values, whole[11:40])
    np.testing.assert_array_equal(inspection.load(vectors.name).values, keys)
    np.testing.assert_array_equal(inspection.load(vectors.name, rows=range(17, 18)).values, keys[17:18])


@pytest.mark.parametrize("wrong", ["gone", "shape"])
def test_the_part_that_is_not_as_it_was_is_named(tmp_path, wrong):
    for number in range(9):
        np.save(tmp_path / f"s_{number}.npy", np.ones((2, 5), "f4"))
    inspection = inspect(tmp_path, plan=SAMPLES)
    if wrong == "gone":
        (tmp_path / "s_4.npy").unlink()
    else:
        np.save(tmp_path / "s_4.npy", np.ones((2, 6), "f4"))
    with pytest.raises(InvalidInputError, match=r"^s_4\.npy.*(must be readable|must be as it was when inspected)"):
        inspection.load()


def test_what_is_read_together_is_bounded(tmp_path, monkeypatch):
    for number in range(9):
        np.save(tmp_path / f"s_{number}.npy", np.ones((2 if number != 4 else 90, 5), "f4"))
    asked = []
    read = rows.read_pieces
    monkeypatch.setattr(
        rows, "read_pieces", lambda path, pieces, limits: asked.append(pieces) or read(path, pieces, limits)
    )
    monkeypatch.setattr(rows, "VALUES_AT_ONCE", 20)
    (member,) = inspect(tmp_path, plan=SAMPLES).members
    found = list(rows.read_parts(tmp_path, member.cut(0, member.items), ReadingLimits()))
    assert [len(pieces) for pieces in asked] == [2, 2, 1, 2, 2]
    assert sum(map(len, found)) == 106

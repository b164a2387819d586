"""MATLAB files of versions 5 and 7.3: the values of scipy and h5py, texts as texts, and lies refused."""

import struct
import zlib

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import eye_array

from analysis.dumps import ReadingLimits, inspect
from analysis.dumps.formats import matlab_format
from analysis.dumps.limits import DEFAULT_LIMITS
from per_core.errors import InvalidInputError
from tests.analysis.dumps.dump_files import FIRST, LAYERS, only


def entries(path):
    return {entry.key: entry for entry in matlab_format.list_entries(path, DEFAULT_LIMITS)}


def rows(path, key, start, stop):
    return matlab_format.read_rows(path, key, start, stop, DEFAULT_LIMITS)


@pytest.mark.parametrize("do_compression", [True, False])
def test_numbers_of_every_type_are_those_of_scipy(tmp_path, do_compression):
    types = ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?"]
    saved = {f"x_{name.replace('?', 'b')}": (FIRST * 9).astype(name) for name in types}
    saved |= {"images": np.arange(120.0).reshape(5, 4, 3, 2), "turned": np.asfortranarray(FIRST)}
    savemat(tmp_path / "all.mat", saved, do_compression=do_compression)
    found = entries(tmp_path / "all.mat")
    assert list(found) == list(saved)
    for name, values in saved.items():
        assert (found[name].shape, found[name].dtype, found[name].refusal) == (values.shape, values.dtype.name, "")
        read = rows(tmp_path / "all.mat", name, 1, 4)
        assert read.dtype == values.dtype
        np.testing.assert_array_equal(read, values[1:4])


@pytest.mark.parametrize("do_compression", [True, False])
def test_texts_vectors_and_what_holds_no_numbers(tmp_path, do_compression):
    saved = {
        "activations": FIRST, "labels": np.arange(6), "title": "a network", "names": np.array(["ab", "cd"]),
        "options": {"lr": 0.1}, "cells": np.array([FIRST, "x"], dtype=object), "sparse": eye_array(3).tocsc(),
        "waves": FIRST + 1j,
    }  # fmt: skip
    savemat(tmp_path / "x.mat", saved, do_compression=do_compression)
    found = entries(tmp_path / "x.mat")
    assert {name: (entry.dtype, entry.shape) for name, entry in found.items() if not entry.refusal} == {
        "activations": ("float32", (6, 4)), "labels": ("int64", (1, 6)), "title": ("text", (1,)),
        "names": ("text", (2,)), "waves": ("complex", (6, 4)),
    }  # fmt: skip
    assert "this one is a struct" in found["options"].refusal
    assert "this one is a cell" in found["cells"].refusal
    assert "full(x)" in found["sparse"].refusal
    assert "Activations are real numbers; these are complex" in inspect(tmp_path / "x.mat").member("waves").reason
    with pytest.raises(InvalidInputError, match="must be an array 'title'"):
        rows(tmp_path / "x.mat", "title", 0, 1)
    np.testing.assert_array_equal(inspect(tmp_path / "x.mat").load("activations").values, FIRST)


def write_73(path, **options):
    """Arrays, a text, a struct and nested cells, laid out as MATLAB lays them out."""
    with h5py.File(path, "w", userblock_size=512) as file:

        def put(where, name, values, kind):
            dataset = where.create_dataset(name, data=values, **(options if np.ndim(values) == 2 else {}))
            dataset.attrs["MATLAB_class"] = np.bytes_(kind)
            return dataset

        put(file, "activations", FIRST.T, "single")
        put(file, "mask", (FIRST > 0).T.astype(np.uint8), "logical").attrs["MATLAB_int_decode"] = 1
        put(file, "title", np.frombuffer(b"net", np.uint8).astype(np.uint16)[:, None], "char")
        put(file, "nothing", np.zeros(2, np.uint64), "double").attrs["MATLAB_empty"] = 1
        put(file, "table", np.zeros((6, 1), np.uint32), "table").attrs["MATLAB_object_decode"] = 3
        group = file.create_group("acts")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        put(group, "conv1", np.arange(120.0).reshape(2, 3, 4, 5), "double")
        store = file.create_group("#refs#")
        parts = [put(store, name, FIRST.T + number, "single").ref for number, name in enumerate("ab")]
        inner = put(store, "c", np.array([[parts[1]]], dtype=h5py.ref_dtype), "cell")
        put(file, "batches", np.array([[parts[0]], [inner.ref]], dtype=h5py.ref_dtype), "cell")
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}])
def test_version_7_3_as_matlab_shows_it(tmp_path, options):
    """(n, d) in MATLAB is (d, n) in HDF5."""
    inspection = inspect(write_73(tmp_path / "new.mat", **options))
    assert {array.shown: (array.entry.dtype, array.entry.shape) for array in inspection.arrays} == {
        "activations": ("float32", (6, 4)), "batches/0": ("float32", (6, 4)), "batches/1/0": ("float32", (6, 4)),
        "mask": ("bool", (6, 4)), "nothing": ("uint64", None), "table": ("table", None),
        "title": ("text", (1,)), "acts/conv1": ("float64", (5, 4, 3, 2)),
    }  # fmt: skip
    assert "axes HDF5 stores in reverse" in inspection.member("activations").note
    assert "table2array" in inspection.member("table").reason
    assert "this one is empty" in inspection.member("nothing").reason
    np.testing.assert_array_equal(inspection.load("activations").values, FIRST)
    np.testing.assert_array_equal(inspection.load("activations", rows=range(2, 4)).values, FIRST[2:4])
    np.testing.assert_array_equal(inspection.load("batches/0").values, FIRST)
    np.testing.assert_array_equal(inspection.load("batches/1/0").values, FIRST + 1)
    images = np.arange(120.0).reshape(2, 3, 4, 5).transpose(3, 2, 1, 0)
    positions = inspect(tmp_path / "new.mat", answers={"axes/conv#": "sample,unit,unit,unit"})
    np.testing.assert_array_equal(positions.load("acts/conv1").values, images.reshape(5, -1))


def test_cells_that_hold_themselves_or_nothing(tmp_path):
    with h5py.File(tmp_path / "loop.mat", "w") as file:
        cell = file.create_dataset("cell", (3,), h5py.ref_dtype)
        cell[0], cell[1] = cell.ref, file.ref
        file["good"] = FIRST
    inspection = inspect(tmp_path / "loop.mat")
    assert [(member.name, member.verdict) for member in inspection.members] == [("good", "ok"), ("cell/2", "refused")]


def element(kind, content):
    return struct.pack("<II", kind, len(content)) + content


def padded(content):
    return content + bytes(-len(content) % 8)


def variable(shape=(2, 2), kind=6, values=bytes(32), name=b"x"):
    """A variable of class `kind`, 6 for doubles, as the format describes it."""
    dimensions = struct.pack(f"<{len(shape)}i", *shape)
    return element(
        14,
        element(6, struct.pack("<II", kind, 0))
        + padded(struct.pack("<II", 5, len(dimensions)) + dimensions)
        + padded(element(1, name))
        + element(9, values),
    )


def matlab_file(path, *variables):
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    path.write_bytes(header + b"".join(variables))
    return path


def test_the_bytes_of_these_tests_are_those_of_a_matlab_file(tmp_path):
    path = matlab_file(tmp_path / "x.mat", variable(values=np.arange(4.0).tobytes()))
    np.testing.assert_array_equal(loadmat(path)["x"], [[0, 2], [1, 3]])
    np.testing.assert_array_equal(inspect(path).load().values, [[0, 2], [1, 3]])


def test_sizes_that_lie(tmp_path):
    huge = inspect(matlab_file(tmp_path / "huge.mat", variable((10**6, 10**6)), variable(name=b"good")))
    assert "(1000000, 1000000) of float64 is 8 TB, stored are" in huge.member("x").reason
    assert huge.load("good").n == 2
    longer = matlab_file(tmp_path / "longer.mat", variable((3, 3)))
    with pytest.raises(InvalidInputError):
        inspect(longer).load()
    assert "A shape must fit this machine" in only(inspect(matlab_file(tmp_path / "n.mat", variable((-2, 2)))))
    whole = variable()
    cut = only(inspect(matlab_file(tmp_path / "cut.mat", whole[:-8])))
    assert f"takes {len(whole)} bytes, {len(whole) - 8} bytes are left. The file is cut short" in cut
    assert "must hold a variable" in only(inspect(matlab_file(tmp_path / "empty.mat")))


def test_a_bomb_is_refused_by_what_it_declares(tmp_path):
    """A thousand times smaller than what it unpacks to, which deflate can do, yet more than is read whole."""
    packed = zlib.compress(variable((1000, 10_000), values=bytes(8 * 10**7)), 9)
    bomb = matlab_file(tmp_path / "bomb.mat", element(15, packed), variable(name=b"good"))
    inspection = inspect(bomb, limits=ReadingLimits(process_bytes=3 * 10**8))
    assert "read whole, up to 75 MB; this one has 80 MB" in inspection.member("x").reason
    assert inspection.load("good").n == 2
    assert inspect(bomb).load("x", rows=range(3)).d == 10_000
    hidden = zlib.compress(variable((2, 2), values=bytes(8 * 10**7)), 9)  # more values than it declares
    with pytest.raises(InvalidInputError):
        inspect(matlab_file(tmp_path / "hidden.mat", element(15, hidden))).load()


def test_structs_within_structs_are_not_followed(tmp_path):
    content = variable()
    for _ in range(20_000):
        content = element(14, element(6, struct.pack("<II", 1, 0)) + struct.pack("<IIii", 5, 8, 1, 1) + element(1, b"")
                          + content)  # fmt: skip
        if len(content) > 2**20:
            break
    deep = matlab_file(tmp_path / "deep.mat", content, variable(name=b"good"))
    inspection = inspect(deep)
    assert [member.name for member in inspection.readable] == ["good"]


def test_names_that_are_there_twice_are_there_once(tmp_path):
    path = matlab_file(tmp_path / "x.mat", variable(values=np.arange(4.0).tobytes()), variable())
    np.testing.assert_array_equal(inspect(path).load().values, [[0, 2], [1, 3]])


def test_every_layer_at_every_epoch(tmp_path):
    for epoch in (1, 2, 10):
        savemat(tmp_path / f"act_epoch_{epoch}.mat", LAYERS | {"labels": np.arange(6)})
    inspection = inspect(tmp_path)
    assert [member.epoch for member in inspection.readable if member.name.endswith("/features.6")] == [1, 2, 10]

"""Raw numbers with a shape in a file beside them, and the line that gives one, run as it stands."""

import gzip
import json
import pickle
import re
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.dumps import ReadingLimits, inspect
from analysis.dumps.contents import list_dump
from analysis.dumps.pieces import read_rows
from per_core.errors import PerError
from tests.analysis.dumps.dump_files import FIRST, LAYERS, TENSORS, npy_bytes, only
from tests.analysis.dumps.test_fuzz import mutate

LIMITS = ReadingLimits()
RANDOM = np.random.default_rng(5)


def tell(folder, content, name="metadata.json"):
    (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int32"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_every_type_and_order(tmp_path, dtype, order, byte_order):
    values = (RANDOM.normal(size=(7, 3, 4)) * 50).astype(dtype)
    stored = values.astype(np.dtype(dtype).newbyteorder(byte_order))
    (tmp_path / "acts.dat").write_bytes(b"head" + stored.tobytes(order))
    tell(tmp_path, {"shape": [7, 3, 4], "dtype": dtype, "order": order, "byte_order": byte_order, "offset": 4})
    ((location, entry),) = list_dump(tmp_path, LIMITS).found
    assert (entry.shape, entry.dtype, entry.refusal) == ((7, 3, 4), dtype, "")
    np.testing.assert_array_equal(read_rows(tmp_path, location, 2, 6, LIMITS), values[2:6])
    assert read_rows(tmp_path, location, 0, 7, LIMITS).dtype.isnative


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_bfloat16_which_numpy_has_not(tmp_path, byte_order):
    values = torch.randn(5, 4, dtype=torch.bfloat16)
    words = values.view(torch.int16).numpy().astype(f"{byte_order}i2")
    words.tofile(tmp_path / "layer.bf16")
    tell(tmp_path, {"shape": [-1, 4], "byte_order": byte_order})
    np.testing.assert_array_equal(inspect(tmp_path).load().values, values.float().numpy())


@pytest.mark.parametrize(
    "metadata",
    [
        {"shape": [-1, 4], "dtype": "float32"},
        {"shape": [6, 4], "dtype": "torch.float32", "model": "a net"},
        {"acts.bin": {"shape": [6, 4], "dtype": "<f4"}},
        {"acts": {"shape": [6, 4]}, "dtype": "np.float32"},
        {"shapes": {"acts": [6, 4], "other": [1]}, "dtype": "float32"},
        {"files": {"acts.bin": {"shape": [6, -1]}}, "dtype": "float32"},
        {"arrays": [{"name": "other", "shape": [1]}, {"file": "acts.bin", "shape": [6, 4], "dtype": "float32"}]},
        [{"path": "acts.bin", "shape": [6, 4], "dtype": "float32"}],
    ],
)
def test_ways_in_which_people_write_the_shape(tmp_path, metadata):
    FIRST.tofile(tmp_path / "acts.bin")
    tell(tmp_path, metadata)
    for path in (tmp_path, tmp_path / "acts.bin"):
        np.testing.assert_array_equal(inspect(path).load().values, FIRST)


def test_the_documentation_shows_metadata_that_is_understood(tmp_path):
    page = (Path(__file__).parents[4] / "assets" / "docs" / "dumps.md").read_text(encoding="utf-8")
    for_all, for_one = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
    values = RANDOM.normal(size=(1000, 768))
    (tmp_path / "metadata.json").write_text(for_all)
    values.astype("<f4").tofile(tmp_path / "layer_3.bin")
    np.testing.assert_array_equal(inspect(tmp_path).load().values, values.astype("f4"))
    (tmp_path / "metadata.json").write_text(for_one)
    (tmp_path / "layer_3.bin").write_bytes(bytes(128) + values.astype(">f2").tobytes("F"))
    np.testing.assert_array_equal(inspect(tmp_path).load().values, values.astype("f2").astype("f4"))


def test_a_map_of_numpy_and_files_of_different_shapes(tmp_path):
    for name, values in LAYERS.items():
        on_disk = np.memmap(tmp_path / f"{name}.mmap", "float32", "w+", shape=values.shape)
        on_disk[:] = values
        on_disk.flush()
        tell(tmp_path, {"shape": list(values.shape), "dtype": "float32"}, f"{name}.mmap.json")
    inspection = inspect(tmp_path)
    for name, values in LAYERS.items():
        np.testing.assert_array_equal(inspection.load(f"{name}.mmap").values, values)


@pytest.mark.parametrize("name", ["layer.f32", "my layer.bin", "acts.raw"])
@pytest.mark.parametrize("before", [None, {"model": "a net"}, {"shape": [3, 5], "dtype": "float32"}])
def test_the_line_of_the_refusal_gives_the_shape(tmp_path, name, before):
    """As it stands; only the number of units is a guess."""
    values = RANDOM.normal(size=(12, 64)).astype(np.float32)
    values.tofile(tmp_path / name)
    if before is not None:
        tell(tmp_path, before)
    (member,) = inspect(tmp_path).members
    assert member.verdict == "refused"
    ((_, entry),) = list_dump(tmp_path, LIMITS).found
    line = entry.refusal.splitlines()[-1]
    assert line.startswith("echo ")
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True)
    found = inspect(tmp_path).load().values
    np.testing.assert_array_equal(found.ravel(), values.ravel())
    assert found.shape == (1, 768)
    if before is not None:
        assert json.loads((tmp_path / "metadata.json").read_text()) == before


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"shape": [6, 5], "dtype": "float32"}, "does not fit the 24 values"),
        ({"shape": [-1, 5], "dtype": "float32"}, "does not fit the 24 values"),
        ({"shape": [-1, -1], "dtype": "float32"}, "the shape is [-1, -1]"),
        ({"shape": [2**40, 2**40], "dtype": "float32"}, "the shape is"),
        ({"shape": [], "dtype": "float32"}, "the shape is []"),
        ({"shape": "6,4", "dtype": "float32"}, "the shape is '6,4'"),
        ({"shape": [6.0, 4], "dtype": "float32"}, "the shape is"),
        ({"shape": [-1, 0], "dtype": "float32"}, "does not fit"),
        ({"shape": [6, 4]}, "no dtype is given"),
        ({"shape": [6, 4], "dtype": "O"}, "the dtype is 'O'"),
        ({"shape": [6, 4], "dtype": "object"}, "known are"),
        ({"shape": [6, 4], "dtype": "(2,)f4"}, "the dtype is"),
        ({"shape": [6, 4], "dtype": "complex64"}, "known are"),
        ({"shape": [6, 4], "dtype": 3}, "the dtype is 3"),
        ({"shape": [6, 4], "dtype": "float32", "order": "Z"}, "the order is 'Z'"),
        ({"shape": [6, 4], "dtype": "float32", "byte_order": ["big"]}, "the byte order is"),
        ({"shape": [6, 4], "dtype": "float32", "offset": -4}, "the offset is -4"),
        ({"shape": [6, 4], "dtype": "float32", "offset": 2}, "does not fit the 23.5 values"),
        ({"shape": [6, 4], "dtype": "float32", "offset": 2**70}, "the offset is"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path, metadata, reason):
    FIRST.tofile(tmp_path / "acts.bin")
    tell(tmp_path, metadata)
    assert reason in only(inspect(tmp_path))


def test_metadata_that_is_none(tmp_path):
    FIRST.tofile(tmp_path / "acts.bin")
    path = tmp_path / "metadata.json"
    for content, reason in (
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b" " * 2**21, "has more than"),
        (b"3", "no file beside it tells"),
        (b'{"acts.bin": 3}', "no file beside it tells"),
    ):
        path.write_bytes(content)
        assert reason in only(inspect(tmp_path))
    path.unlink()
    (tmp_path / "in").mkdir()
    tell(tmp_path / "in", {"shape": [6, 4], "dtype": "float32"})
    path.symlink_to(tmp_path / "in" / "metadata.json")
    assert "no file beside it tells" in only(inspect(tmp_path))


def test_what_is_not_raw_in_spite_of_its_name(tmp_path):
    torch.save(TENSORS, tmp_path / "pytorch_model.bin")
    (tmp_path / "array.dat").write_bytes(npy_bytes(FIRST))
    (tmp_path / "table.dat").write_text("1.5,2\n3,4\n")
    (tmp_path / "page.bin").write_bytes(b"\x7fELF" + bytes(100))
    (tmp_path / "object.bin").write_bytes(pickle.dumps({"a": 1}))
    inspection = inspect(tmp_path)
    assert len(inspection.readable) == 4
    assert "a pickle, which can run code" in inspection.refused[0].reason
    np.testing.assert_array_equal(inspection.load("table.dat").values, [[1.5, 2], [3, 4]])
    assert "Raw numbers need a shape" in inspection.refused[1].reason


@pytest.mark.parametrize(
    "begin", [b"\x80\x04", b"BZh", b"<", b"\xff\xfe", b"\x1f\x8b", b"\xff\xff\xff\xff", b"PK\x03\x04"]
)
def test_numbers_that_begin_as_other_files_do(tmp_path, begin):
    content = bytearray(FIRST.tobytes())
    content[: len(begin)] = begin
    (tmp_path / "acts.bin").write_bytes(content)
    tell(tmp_path, {"shape": [6, 4], "dtype": "float32"})
    ((location, entry),) = list_dump(tmp_path, LIMITS).found
    assert entry.shape == (6, 4)
    np.testing.assert_array_equal(read_rows(tmp_path, location, 1, 6, LIMITS), FIRST[1:])


def test_raw_numbers_in_archives_say_what_to_do(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("acts.f32", FIRST.tobytes())
        archive.writestr("metadata.json", '{"shape": [6, 4]}')
    (tmp_path / "acts.f32.gz").write_bytes(gzip.compress(FIRST.tobytes()))
    assert "Unpack the archive" in only(inspect(tmp_path / "x.zip"))
    assert "gunzip FILE" in only(inspect(tmp_path / "acts.f32.gz"))


def test_arrays_in_fortran_order_are_read_whole_within_the_budget(tmp_path):
    (tmp_path / "acts.f32").write_bytes(FIRST.tobytes("F"))
    tell(tmp_path, {"shape": [6, 4], "fortran_order": True})
    np.testing.assert_array_equal(inspect(tmp_path).load().values, FIRST)
    with pytest.raises(PerError, match=r"numpy\.ascontiguousarray"):
        read_rows(tmp_path, ("acts.f32",), 0, 1, ReadingLimits(batch_bytes=40))


def test_a_shape_that_changes_is_noticed(tmp_path):
    FIRST.tofile(tmp_path / "acts.f32")
    for shape in ([6, 4], [4, 6], [3, -1]):
        tell(tmp_path, {"shape": shape})
        ((_, entry),) = list_dump(tmp_path, LIMITS).found
        assert entry.shape == (shape[0], 24 // shape[0])


def test_changed_metadata_and_numbers_are_refused_or_read(tmp_path):
    random = np.random.default_rng(13)
    metadata = {"acts.bin": {"shape": [6, 4], "dtype": "<f4", "order": "F", "byte_order": "little", "offset": 0}}
    good = json.dumps(metadata).encode()
    FIRST.tofile(tmp_path / "acts.bin")
    refused = 0
    for _ in range(400):
        (tmp_path / "metadata.json").write_bytes(mutate(good, random))
        ((location, entry),) = list_dump(tmp_path, LIMITS).found
        refused += bool(entry.refusal)
        if not entry.refusal:
            assert read_rows(tmp_path, location, 0, entry.shape[0], LIMITS).shape == entry.shape
    assert refused > 100

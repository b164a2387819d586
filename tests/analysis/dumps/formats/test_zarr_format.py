"""Zarr stores of both versions as the library writes them; and those that ask for more than bytes, or lead out."""

import importlib.util
import json
import pickle
import re
import shutil
import zipfile

import numcodecs
import numpy as np
import pytest
import torch
import zarr
from zarr.storage import ZipStore

from analysis.dumps import ReadingLimits, inspect
from analysis.dumps.contents import list_dump
from analysis.dumps.pieces import read_rows
from per_core.errors import PerError
from tests.analysis.dumps.dump_files import FIRST, LAYERS, npy_bytes, only
from tests.analysis.dumps.test_fuzz import mutate

LIMITS = ReadingLimits()
VALUES = np.random.default_rng(4).normal(size=(50, 3, 4)).astype(np.float32)
VERSIONS = pytest.mark.parametrize("version", [2, 3])


def group(path, version, arrays=LAYERS, **settings):
    """A group with an array in a group for every name."""
    root = zarr.open_group(path, mode="w", zarr_format=version)
    for name, values in arrays.items():
        root.create_array(f"{name}/activations", data=values, chunks=(4, *values.shape[1:]), **settings)
    return root


def metadata(path, version):
    return path / (".zarray" if version == 2 else "zarr.json")


def change(path, **fields):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | fields))


def array(path, version, values=FIRST, **settings):
    zarr.create_array(path, data=values, chunks=(4, *values.shape[1:]), zarr_format=version, **settings)
    return path


@VERSIONS
def test_arrays_of_a_group_are_entries(tmp_path, version):
    group(tmp_path / "run.zarr", version)
    expected = {f"{name}/activations": values for name, values in LAYERS.items()}
    for path, prefix in ((tmp_path / "run.zarr", ()), (tmp_path, ("run.zarr",))):
        found = list_dump(path, LIMITS).found
        assert [location for location, _ in found] == [(*prefix, key) for key in expected]
        for (location, entry), values in zip(found, expected.values(), strict=True):
            assert (entry.shape, entry.dtype, entry.refusal, entry.note) == (values.shape, "float32", "", "")
            np.testing.assert_array_equal(read_rows(path, location, 1, 6, LIMITS), values[1:6])
    assert not inspect(tmp_path).ignored


@VERSIONS
def test_a_store_of_one_array_and_a_store_among_files(tmp_path, version):
    array(tmp_path / "layer.zarr", version)
    (tmp_path / "other.npy").write_bytes(npy_bytes(FIRST))
    np.testing.assert_array_equal(inspect(tmp_path / "layer.zarr").load().values, FIRST)
    assert [location for location, _ in list_dump(tmp_path, LIMITS).found] == [("layer.zarr",), ("other.npy",)]
    np.testing.assert_array_equal(read_rows(tmp_path, ("layer.zarr",), 0, 6, LIMITS), FIRST)


@VERSIONS
@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", "|i1", ">i4", "|b1"])
def test_types_and_byte_orders(tmp_path, version, dtype):
    values = (VALUES * 10).astype(dtype)
    array(tmp_path / "a.zarr", version, values)
    ((location, entry),) = list_dump(tmp_path / "a.zarr", LIMITS).found
    assert entry.dtype == np.dtype(dtype).name
    rows = read_rows(tmp_path / "a.zarr", location, 7, 23, LIMITS)
    assert rows.dtype.isnative
    np.testing.assert_array_equal(rows, values[7:23])


@VERSIONS
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2fnuz])
def test_types_that_numpy_has_not_are_read_as_float32(tmp_path, version, dtype):
    """As tensorstore writes them: the same bytes as of whole numbers, under another name."""
    values = torch.from_numpy(VALUES).to(dtype)
    values[40:] = float("nan")
    bits = values.view(torch.int16 if dtype.itemsize == 2 else torch.uint8).numpy()
    path = array(tmp_path / "a.zarr", version, bits.view(f"uint{8 * dtype.itemsize}"))
    shutil.rmtree(path / "c" / "2", ignore_errors=True)  # rows 8 to 11 are as the fill value says
    (path / "2.0.0").unlink(missing_ok=True)
    named = {"dtype" if version == 2 else "data_type": str(dtype).removeprefix("torch.")}
    change(metadata(path, version), **named, fill_value=-1.5)
    ((location, entry),) = list_dump(path, LIMITS).found
    assert (entry.dtype, entry.shape, entry.refusal) == (str(dtype).removeprefix("torch."), VALUES.shape, "")
    assert entry.note == "1 of 13 chunks are not stored: their values are -1.5"
    expected = values.float().numpy()
    expected[8:12] = -1.5
    shutil.make_archive(str(path), "zip", path)
    for store in (path, tmp_path / "a.zarr.zip"):
        rows = read_rows(store, location, 7, 43, LIMITS)
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(rows, expected[7:43])


@pytest.mark.parametrize(("fill", "value"), [("NaN", np.nan), ("-Infinity", -np.inf), ("0xbfc0", -1.5), (0, 0)])
def test_fill_values_of_bfloat16(tmp_path, fill, value):
    path = array(tmp_path / "a.zarr", 3, np.ones((8, 2), np.uint16))
    shutil.rmtree(path / "c" / "1")
    change(metadata(path, 3), data_type="bfloat16", fill_value=fill)
    np.testing.assert_array_equal(read_rows(path, (), 4, 8, LIMITS), np.full((4, 2), value, np.float32))


def test_shards_and_codecs(tmp_path):
    for number, settings in enumerate(
        (
            {"shards": (8, 3, 4)},
            {"compressors": zarr.codecs.GzipCodec()},
            {"compressors": zarr.codecs.BloscCodec()},
            {"compressors": None},
            {"compressors": [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()]},
            {"filters": zarr.codecs.TransposeCodec(order=(2, 1, 0))},
        )
    ):
        path = array(tmp_path / f"{number}.zarr", 3, VALUES, **settings)
        np.testing.assert_array_equal(read_rows(path, (), 3, 41, LIMITS), VALUES[3:41])
    for number, codec in enumerate((numcodecs.Zlib(), numcodecs.LZ4(), numcodecs.BZ2(), numcodecs.Blosc("zstd"))):
        path = array(tmp_path / f"v2-{number}.zarr", 2, VALUES, compressors=codec, filters=[numcodecs.Shuffle(4)])
        np.testing.assert_array_equal(read_rows(path, (), 3, 41, LIMITS), VALUES[3:41])


@VERSIONS
@pytest.mark.parametrize("inner", ["", "run.zarr/"])
def test_a_store_in_a_zip(tmp_path, version, inner):
    """As ZipStore writes it, and as somebody packs the folder of one."""
    path = tmp_path / "run.zarr.zip"
    if inner:
        group(tmp_path / "run.zarr", version)
        shutil.make_archive(str(tmp_path / "run.zarr"), "zip", tmp_path, "run.zarr")
        shutil.rmtree(tmp_path / "run.zarr")
    else:
        with ZipStore(path, mode="w") as store:
            group(store, version)
    found = [location for location, _ in list_dump(tmp_path, LIMITS).found]
    assert found == [("run.zarr.zip", f"{inner}{name}/activations") for name in LAYERS]
    for location, values in zip(found, LAYERS.values(), strict=True):
        np.testing.assert_array_equal(read_rows(tmp_path, location, 0, 6, LIMITS), values)


@VERSIONS
def test_chunks_that_are_not_stored_are_said(tmp_path, version):
    """Zarr leaves out chunks of nothing but zeros: those of a dead layer."""
    values = FIRST.copy()
    values[4:] = 0
    path = array(tmp_path / "a.zarr", version, values)
    ((_, entry),) = list_dump(path, LIMITS).found
    assert re.fullmatch(r"1 of 2 chunks are not stored: their values are 0(\.0)?", entry.note)
    np.testing.assert_array_equal(read_rows(path, (), 0, 6, LIMITS), values)
    array(tmp_path / "none.zarr", version, np.zeros_like(FIRST))
    assert "no chunk is stored" in only(inspect(tmp_path / "none.zarr"))


def test_without_the_library_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    group(tmp_path / "run.zarr", 3)
    with ZipStore(tmp_path / "run.zarr.zip", mode="w") as store:
        group(store, 3)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "zarr" else find(name))
    for path in tmp_path.iterdir():
        assert 'python -m pip install "zarr>=3.1,<4"' in only(inspect(path))


def test_a_store_that_changes_is_looked_at_anew(tmp_path):
    path = tmp_path / "run.zarr"
    root = group(path, 3)
    assert len(list_dump(path, LIMITS).found) == 2
    root.create_array("late", data=FIRST)
    assert len(list_dump(path, LIMITS).found) == 3


def boom(tmp_path):
    class Boom:
        def __reduce__(self):
            return open, (str(tmp_path / "owned"), "w")

    return pickle.dumps(Boom())


@pytest.mark.parametrize("dtype", ["|O", "<f4"])
@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_codecs_that_run_code_are_never_asked(tmp_path, dtype, place):
    path = array(tmp_path / "a.zarr", 2)
    codec = {"id": "pickle", "protocol": 5}
    change(path / ".zarray", dtype=dtype, fill_value=None, **{place: [codec] if place == "filters" else codec})
    (path / "0.0").write_bytes(boom(tmp_path))
    (path / "1.0").write_bytes(boom(tmp_path))
    assert only(inspect(path))
    with pytest.raises(PerError):
        read_rows(path, (), 0, 1, LIMITS)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "codecs",
    [
        [{"name": "numcodecs.pickle", "configuration": {}}],
        [{"name": "sharding_indexed", "configuration": {"codecs": [{"name": "evil"}], "index_codecs": []}}],
        [{"name": "sharding_indexed", "configuration": {"codecs": [{"name": "bytes"}]}}],
        [{"name": "sharding_indexed"}],
        [{"name": 5}],
        [5],
        {"name": "bytes"},
        "bytes",
        None,
    ],
)
def test_codecs_that_are_unknown_are_refused(tmp_path, codecs):
    path = array(tmp_path / "a.zarr", 3)
    change(path / "zarr.json", codecs=codecs)
    assert "A Zarr array says what it is; this one cannot be read" in only(inspect(path))


@VERSIONS
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"shape": [10**9, 4]}, "no chunk"),
        ({"shape": [2**62, 2**62]}, "its shape is"),
        ({"shape": [-6, 4]}, "its shape is"),
        ({"shape": "6"}, "its shape is"),
        ({"shape": [6, 4, 1]}, "its shape is"),
        ({"chunks": [2**30, 4]}, "A chunk is read whole"),
        ({"chunks": [0, 4]}, "in chunks of"),
        ({"chunks": None}, "in chunks of"),
    ],
)
def test_sizes_that_lie(tmp_path, version, fields, reason):
    path = array(tmp_path / "a.zarr", version)
    if "chunks" in fields and version == 3:
        fields = {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": fields["chunks"]}}}
    if reason == "no chunk":
        reason = "What is not stored may come to 1 MB"
    change(metadata(path, version), **fields)
    assert reason in only(inspect(path, limits=ReadingLimits(unpacked_bytes=10**6)))


@VERSIONS
def test_links_are_not_followed(tmp_path, version):
    outside = array(tmp_path / "outside.zarr", version)
    path = tmp_path / "in" / "a.zarr"
    group(path, version)
    first = path / "features.6" / "activations"
    shutil.rmtree(first)
    first.symlink_to(outside)
    assert [entry.key for _, entry in list_dump(path, LIMITS).found] == ["features.8/activations"]
    second = path / "features.8" / "activations"
    chunk = next(file for file in second.rglob("*") if file.is_file() and not file.name.startswith((".z", "zarr")))
    chunk.rename(tmp_path / "chunk")
    chunk.symlink_to(tmp_path / "chunk")
    assert "some of these are links" in only(inspect(path))
    metadata(second, version).rename(tmp_path / "metadata")
    metadata(second, version).symlink_to(tmp_path / "metadata")
    assert "what it says of an array is a link" in only(inspect(path))


@VERSIONS
def test_damaged_chunks_and_what_is_said(tmp_path, version):
    path = array(tmp_path / "a.zarr", version)
    for file in path.rglob("*"):
        if file.is_file() and not file.name.startswith((".z", "zarr")):
            file.write_bytes(b"damaged")
    with pytest.raises(PerError, match="Zarr must be able to read the array"):
        inspect(path).load()
    for content in (b"{", b"[]", b"[" * 10**5, b" " * 2**21, b"\xff", b"{}"):
        metadata(path, version).write_bytes(content)
        assert "this one cannot be read" in only(inspect(path))


def test_stores_without_arrays_and_with_too_much(tmp_path):
    zarr.open_group(tmp_path / "empty.zarr", mode="w")
    assert "this one holds none" in only(inspect(tmp_path / "empty.zarr"))
    group(tmp_path / "many.zarr", 3, {str(n): FIRST for n in range(30)})
    assert "20 folders" in only(inspect(tmp_path / "many.zarr", limits=ReadingLimits(members=20)))


def test_texts_and_structured_arrays_are_only_named(tmp_path):
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.create_array("text", data=np.array(["a", "bc"]))
    root.create_array("pairs", data=np.zeros(3, [("x", "f4"), ("y", "i4")]))
    root.create_array("values", data=FIRST)
    assert [(entry.key, entry.dtype) for _, entry in list_dump(tmp_path / "a.zarr", LIMITS).found] == [
        ("pairs", "structured"), ("text", "text"), ("values", "float32"),
    ]  # fmt: skip


def test_an_archive_that_lies_is_refused(tmp_path):
    with ZipStore(tmp_path / "a.zarr.zip", mode="w") as store:
        group(store, 3)
    with zipfile.ZipFile(tmp_path / "a.zarr.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith("c/0/0"))
    content = bytearray((tmp_path / "a.zarr.zip").read_bytes())
    central = content.rfind(name.encode()) - 46
    content[central + 20 : central + 28] = (10**9).to_bytes(4, "little") * 2
    (tmp_path / "a.zarr.zip").write_bytes(content)
    inspection = inspect(tmp_path / "a.zarr.zip")
    assert [member.verdict for member in inspection.members] == ["refused", "ok"]


@VERSIONS
def test_changed_stores_are_refused_or_read_as_the_library_does(tmp_path, version):
    random = np.random.default_rng(version)
    path = array(tmp_path / "a.zarr", version)
    files = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    refused = 0
    for number in range(120):
        changed = metadata(path, version) if number % 2 else list(files)[random.integers(len(files))]
        changed.write_bytes(mutate(files[changed], random))
        for location, entry in list_dump(path, LIMITS).found:
            if entry.refusal or entry.dtype not in ("float16", "float32", "float64", "int32", "uint32"):
                refused += 1
                continue
            try:
                rows = read_rows(path, location, 0, min(entry.shape[0], 50), LIMITS) if entry.shape else None
            except PerError:
                refused += 1
                continue
            if rows is not None:
                expected = zarr.open_array(path, mode="r", zarr_format=version)[: len(rows)]
                np.testing.assert_array_equal(rows, expected)
        changed.write_bytes(files[changed])
    assert refused > 20
    np.testing.assert_array_equal(inspect(path).load().values, FIRST)

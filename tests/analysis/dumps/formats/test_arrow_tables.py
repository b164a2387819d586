"""Tables of Arrow, in its own files and streams and in Parquet: every column is what it is, and none is an alarm."""

import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.feather import write_feather

from analysis.dumps.formats import arrow_format, parquet_format
from analysis.dumps.limits import DEFAULT_LIMITS, ReadingLimits
from analysis.dumps.reader.pool import READER
from per_core.errors import BudgetError, InvalidInputError
from tests.analysis.dumps.dump_files import FIRST

HIDDEN = np.arange(48.0, dtype=np.float32).reshape(6, 2, 4)
TABLE = pa.table(
    {
        "hidden": pa.array(
            [[list(map(float, row)) for row in one] for one in HIDDEN], pa.list_(pa.list_(pa.float32()))
        ),
        "fixed": pa.FixedSizeListArray.from_arrays(HIDDEN.ravel(), 8),
        "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(HIDDEN),
        "ids": pa.array([[1, 2, 3]] * 6, pa.large_list(pa.int32())),
        "label": pa.array(range(6), pa.int16()),
        "is_real": [True, False] * 3,
        "x": np.arange(6.0),
        "y": pa.array([1.0, None, 2.0, 3.0, 4.0, 5.0], pa.float32()),
        "text": list("abcdef"),
        "category": pa.array(list("aabbaa")).dictionary_encode(),
        "ragged": [[1.0], [1.0, 2.0], [], [1.0], [2.0], [3.0]],
        "gap": [[1.0, 2.0], None, [1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]],
        "when": pa.array(range(6), pa.timestamp("ms")),
    }
)


def write_parquet(path):
    pq.write_table(TABLE, path, row_group_size=4)
    return parquet_format


def write_file(path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=4)
    return arrow_format


def write_stream(path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=4)
    return arrow_format


def write_packed(path):
    write_feather(TABLE, path, compression="lz4", chunksize=4)
    return arrow_format


@pytest.mark.parametrize("write", [write_parquet, write_file, write_stream, write_packed])
def test_every_column_is_what_it_is(tmp_path, write):
    path = tmp_path / "table"
    module = write(path)
    entries = {entry.key: entry for entry in module.list_entries(path, DEFAULT_LIMITS)}
    assert {key: (entry.shape, entry.dtype) for key, entry in entries.items() if not entry.refusal} == {
        "": ((6, 2), "float64"), "hidden": ((6, 2, 4), "float32"), "fixed": ((6, 8), "float32"),
        "tensor": ((6, 2, 4), "float32"), "ids": ((6, 3), "int32"), "label": ((6,), "int16"),
        "is_real": ((6,), "bool"), "text": ((6,), "text"), "category": ((6,), "text"),
        "when": ((6,), "timestamp[ms]"),
    }  # fmt: skip
    for key in ("ragged", "gap"):
        assert "equally long" in entries[key].refusal
    assert entries[""].columns == ("x", "y")
    assert sum(entry.stored for entry in entries.values()) <= path.stat().st_size
    expected = {
        "hidden": HIDDEN, "fixed": HIDDEN.reshape(6, 8), "tensor": HIDDEN, "ids": [[1, 2, 3]] * 6,
        "label": np.arange(6), "is_real": [True, False] * 3,
        "": [[0, 1], [1, np.nan], [2, 2], [3, 3], [4, 4], [5, 5]],
    }  # fmt: skip
    for key, values in expected.items():
        for start, stop in ((0, 6), (3, 5)):
            rows = module.read_rows(path, key, start, stop, DEFAULT_LIMITS)
            np.testing.assert_array_equal(rows, np.array(values)[start:stop])
            assert rows.dtype == entries[key].dtype
    with pytest.raises(InvalidInputError, match="readable column 'text'"):
        module.read_rows(path, "text", 0, 6, DEFAULT_LIMITS)


def test_nested_lists_of_parquet_whose_lengths_differ_are_told_by_reading(tmp_path):
    pq.write_table(pa.table({"uneven": [[1.0, 2.0], [1.0], [1.0, 2.0, 3.0]]}), tmp_path / "t.parquet")
    with pytest.raises(InvalidInputError, match="one is shorter, longer or missing"):
        parquet_format.read_rows(tmp_path / "t.parquet", "uneven", 0, 3, DEFAULT_LIMITS)


def test_whole_numbers_of_which_one_is_missing(tmp_path):
    pq.write_table(pa.table({"label": [1, None, 3]}), tmp_path / "t.parquet")
    with pytest.raises(InvalidInputError, match="cannot be missing; of 'label', 1 are"):
        parquet_format.read_rows(tmp_path / "t.parquet", "label", 0, 3, DEFAULT_LIMITS)


def test_a_file_larger_than_the_memory_of_the_process_is_read_in_parts(tmp_path):
    values = np.zeros((40, 2**20), np.float32)
    values[7] = np.arange(2**20)
    table = pa.table({"x": pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])})
    with pa.OSFile(str(tmp_path / "large.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=8)
    limits = ReadingLimits(process_bytes=10**8)
    (entry,) = READER.list_entries("arrow_format", tmp_path / "large.arrow", limits)
    assert entry.shape == (40, 2**20)
    rows = READER.read_rows("arrow_format", tmp_path / "large.arrow", "x", 7, 9, limits)
    np.testing.assert_array_equal(rows, values[7:9])
    with pytest.raises(BudgetError, match=r"Reading large\.arrow may take 100 MB of memory"):
        READER.read_rows("arrow_format", tmp_path / "large.arrow", "x", 0, 40, limits)


def test_a_compressed_buffer_that_unpacks_to_more_than_the_memory(tmp_path):
    table = pa.table({"x": pa.FixedSizeListArray.from_arrays(np.zeros(2**26, np.float32), 2**16)})
    write_feather(table, tmp_path / "bomb.feather", compression="zstd", chunksize=2**20)
    assert (tmp_path / "bomb.feather").stat().st_size < 10**5
    with pytest.raises(BudgetError, match="may take 100 MB of memory"):
        READER.list_entries("arrow_format", tmp_path / "bomb.feather", ReadingLimits(process_bytes=10**8))


@pytest.mark.parametrize("size", [2**40, -2, 10**4])
def test_a_compressed_buffer_that_lies_about_its_size(tmp_path, size):
    values = np.arange(2000, dtype=np.float32)
    path = tmp_path / "lie.feather"
    write_feather(pa.table({"x": pa.FixedSizeListArray.from_arrays(values, 4)}), path, compression="lz4")
    content = path.read_bytes()
    true_size = struct.pack("<q", values.nbytes)
    assert content.count(true_size) == 1
    path.write_bytes(content.replace(true_size, struct.pack("<q", size)))
    with pytest.raises((BudgetError, InvalidInputError)):
        READER.list_entries("arrow_format", path, DEFAULT_LIMITS)


def test_offsets_that_lead_out_of_a_buffer_are_found_before_they_are_followed(tmp_path):
    """Pyarrow takes the offsets of lists as they are: whoever follows them reads elsewhere."""
    offsets = pa.py_buffer(np.array([0, 4, 2**30, 12, 16], np.int32))
    values = pa.array(FIRST.ravel()[:16])
    lists = pa.Array.from_buffers(pa.list_(pa.float32()), 4, [None, offsets], children=[values])
    batch = pa.record_batch([lists], ["x"])
    with pa.OSFile(str(tmp_path / "lie.arrow"), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    with pytest.raises(InvalidInputError, match="Arrow must be able to read the file; it cannot"):
        arrow_format.list_entries(tmp_path / "lie.arrow", DEFAULT_LIMITS)


def test_dictionaries_that_multiply_lists_are_not_followed(tmp_path):
    """A million rows that are one list of a million values: 4 TB in 5 MB."""
    long = pa.array([[0.0] * 10**6], pa.list_(pa.float32()))
    array = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10**6, np.int8)), long)
    batch = pa.record_batch([array], ["x"])
    with pa.OSFile(str(tmp_path / "bomb.arrow"), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    (entry,) = READER.list_entries("arrow_format", tmp_path / "bomb.arrow", DEFAULT_LIMITS)
    assert (entry.shape, entry.dtype[:10]) == ((10**6,), "dictionary")


@pytest.mark.parametrize("cut", [7, 40, 300, -20, -1])
@pytest.mark.parametrize("write", [write_file, write_stream, write_packed])
def test_files_cut_short(tmp_path, write, cut):
    write(tmp_path / "cut.arrow")
    (tmp_path / "cut.arrow").write_bytes((tmp_path / "cut.arrow").read_bytes()[:cut])
    try:
        entries = arrow_format.list_entries(tmp_path / "cut.arrow", DEFAULT_LIMITS)
    except InvalidInputError as error:
        assert "Arrow must be able to read the file" in str(error) or "must hold rows" in str(error)  # noqa: PT017
    else:
        assert write is write_stream
        assert cut in (-1, -20)  # the mark of a stream's end is not needed
        assert {entry.shape[0] for entry in entries if entry.shape} <= {4, 6}


def test_lists_in_lists_to_the_end_of_the_stack(tmp_path):
    kind, value = pa.float32(), 1.0
    for _ in range(40):
        kind, value = pa.list_(kind), [value]
    table = pa.table({"deep": pa.array([value] * 3, kind)})
    with pa.OSFile(str(tmp_path / "deep.arrow"), "wb") as sink, pa.ipc.new_stream(sink, kind_schema(kind)) as writer:
        writer.write_table(table)
    (entry,) = READER.list_entries("arrow_format", tmp_path / "deep.arrow", DEFAULT_LIMITS)
    assert entry.dtype.startswith("list<item: list<")


def kind_schema(kind):
    return pa.schema([("deep", kind)])


def test_a_table_without_rows_or_with_a_name_twice(tmp_path):
    for name, table in {"none": TABLE.slice(0, 0), "twice": pa.table([[1.0], [2.0]], ["a", "a"])}.items():
        with pa.OSFile(str(tmp_path / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        with pytest.raises(InvalidInputError, match="this one holds 0" if name == "none" else "there twice"):
            arrow_format.list_entries(tmp_path / name, DEFAULT_LIMITS)

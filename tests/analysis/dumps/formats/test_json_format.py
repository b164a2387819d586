"""Numbers in JSON: a sample a line, or lists at any depth of a document; metadata is text."""

import json

import numpy as np
import pandas as pd
import pytest

from analysis.dumps.contents import list_dump
from analysis.dumps.formats import json_format
from analysis.dumps.limits import DEFAULT_LIMITS, ReadingLimits
from analysis.dumps.reader.pool import READER
from per_core.errors import BudgetError, InvalidInputError

VALUES = np.random.default_rng(4).normal(size=(20, 6))


def found(path):
    """Shape and type of every array, and the values of those that are read."""
    entries = json_format.list_entries(path, DEFAULT_LIMITS)
    arrays = {
        entry.key: json_format.read_rows(path, entry.key, 0, entry.shape[0], DEFAULT_LIMITS)
        for entry in entries
        if entry.shape and entry.dtype != "text" and not entry.refusal
    }
    for entry in entries:
        if entry.key in arrays:
            assert (arrays[entry.key].shape, arrays[entry.key].dtype) == (entry.shape, entry.dtype)
    return {entry.key: entry for entry in entries}, arrays


def test_a_list_a_line(tmp_path):
    (tmp_path / "t.jsonl").write_text("".join(f"{json.dumps(row.tolist())}\n\n" for row in VALUES))
    _, arrays = found(tmp_path / "t.jsonl")
    np.testing.assert_array_equal(arrays[""], VALUES)


def test_an_object_a_line(tmp_path):
    lines = [
        {
            "id": f"C{row}",
            "n": row,
            "score": row / 2,
            "vector": values.tolist(),
            "layers": {"fc1": [row, 1.5]},
            "ok": True,
        }
        for row, values in enumerate(VALUES)
    ]
    del lines[3]["score"]
    (tmp_path / "t.ndjson").write_text("\n".join(map(json.dumps, lines)))
    entries, arrays = found(tmp_path / "t.ndjson")
    assert {key: (entry.shape, entry.dtype) for key, entry in entries.items()} == {
        "": ((20, 1), "float64"), "id": ((20,), "text"), "n": ((20,), "int64"), "vector": ((20, 6), "float64"),
        "layers/fc1": ((20, 2), "float64"), "ok": ((20,), "bool"),
    }  # fmt: skip
    assert entries[""].columns == ("score",)
    np.testing.assert_array_equal(arrays["vector"], VALUES)
    expected = np.arange(20) / 2
    expected[3] = np.nan
    np.testing.assert_array_equal(arrays[""][:, 0], expected)


def test_lists_at_any_depth_of_a_document(tmp_path):
    document = {
        "layers": {"fc1": VALUES.tolist(), "fc2": VALUES[:, :3].tolist()},
        "names": ["a", "b"],
        "rate": 0.1,
        "batches": [VALUES.tolist(), VALUES[:7].tolist()],
        "uneven": [[1.0], [1.0, 2.0]],
        "gap": [[1.0, None], [float("nan"), 4.0]],
    }
    (tmp_path / "t.json").write_text(json.dumps(document))
    entries, arrays = found(tmp_path / "t.json")
    expected = {
        "layers/fc1": VALUES, "layers/fc2": VALUES[:, :3], "batches/0": VALUES, "batches/1": VALUES[:7],
        "gap": [[1, np.nan], [np.nan, 4]],
    }  # fmt: skip
    assert set(arrays) == set(expected)
    for key, values in expected.items():
        np.testing.assert_array_equal(arrays[key], values)
    assert entries["names"].dtype == "text"
    assert "equally long" in entries["uneven"].refusal


def test_documents_of_pandas(tmp_path):
    frame = pd.DataFrame(VALUES, columns=list("abcdef"))
    frame.to_json(tmp_path / "records.json", orient="records", double_precision=15)
    entries, arrays = found(tmp_path / "records.json")
    assert entries[""].columns == tuple("abcdef")
    np.testing.assert_allclose(arrays[""], VALUES, rtol=1e-12)
    frame.to_json(tmp_path / "split.json", orient="split", double_precision=15)
    np.testing.assert_allclose(found(tmp_path / "split.json")[1]["data"], VALUES, rtol=1e-12)


@pytest.mark.parametrize("text", ["{}", '{"_data_files": []}', '{"lr": 0.1, "names": ["a"]}', '"x"', "3", "[]", "null"])
def test_metadata_is_text(tmp_path, text):
    (tmp_path / "state.json").write_text(text)
    ((_, entry),) = list_dump(tmp_path / "state.json", DEFAULT_LIMITS).found
    assert (entry.key, entry.dtype, entry.refusal) == ("", "text", "")


REFUSED = {
    "[" * 200_000: "few lists within another",
    "[1,2]\n[3,\n": "line 2 is not",
    "[1.5,1e400]": "beyond it",
    '{"a": "\xff"}': "not: 'utf-8'",
    "[1,2]garbage": "line 1 is not",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_json_is_refused(tmp_path, text):
    (tmp_path / "t.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidInputError) as refused:
        json_format.list_entries(tmp_path / "t.json", DEFAULT_LIMITS)
    assert REFUSED[text] in str(refused.value)


def test_a_line_that_differs_from_the_others(tmp_path):
    (tmp_path / "t.jsonl").write_text("[1.5,2]\n[3]\n")
    (entry,) = json_format.list_entries(tmp_path / "t.jsonl", DEFAULT_LIMITS)
    assert "equally long" in entry.refusal


def test_more_objects_than_the_memory_of_the_process(tmp_path):
    (tmp_path / "t.json").write_text("[" + '{"a":[]},' * 10**6 + '{"a":[]}]')
    with pytest.raises(BudgetError, match=r"Reading t\.json may take 50 MB of memory"):
        READER.list_entries("json_format", tmp_path / "t.json", ReadingLimits(process_bytes=50_000_000))
    ((_, entry),) = list_dump(tmp_path / "t.json", ReadingLimits(csv_bytes=1000)).found
    assert "Text is read whole, up to 1 kB" in entry.refusal

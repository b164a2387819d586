"""Columns of text tables that are no units: lists written as text, whole numbers, words; and matrices of numpy."""

import numpy as np
import pandas as pd
import pytest

from analysis.dumps.contents import list_dump
from analysis.dumps.formats import csv_format
from analysis.dumps.limits import DEFAULT_LIMITS
from analysis.dumps.pieces import read_rows
from per_core.errors import InvalidInputError

VALUES = np.random.default_rng(3).normal(size=(20, 6))


def entries_of(path):
    return {entry.key: entry for entry in csv_format.list_entries(path, DEFAULT_LIMITS)}


def rows(path, key=""):
    return csv_format.read_rows(path, key, 0, 20, DEFAULT_LIMITS)


def table(**columns):
    words = {"product": [f"B{row}" for row in range(20)], "score": np.arange(20) % 5 + 1}
    return pd.DataFrame(words | {"summary": ["nice, really"] * 20} | columns)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_an_embedding_as_the_text_of_a_list(tmp_path, separator):
    lists = [str(list(map(float, row))) for row in VALUES]
    table(embedding=lists).to_csv(tmp_path / "t.csv", sep=separator)
    entries = entries_of(tmp_path / "t.csv")
    assert {key: (entry.shape, entry.dtype) for key, entry in entries.items()} == {
        "column 1": ((20,), "int64"), "product": ((20,), "text"), "score": ((20,), "int64"),
        "summary": ((20,), "text"), "embedding": ((20, 6), "float64"),
    }  # fmt: skip
    np.testing.assert_array_equal(rows(tmp_path / "t.csv", "embedding"), VALUES)
    np.testing.assert_array_equal(rows(tmp_path / "t.csv", "score"), np.arange(20) % 5 + 1)
    np.testing.assert_array_equal(rows(tmp_path / "t.csv", "column 1"), np.arange(20))
    with pytest.raises(InvalidInputError, match="an array 'product'"):
        rows(tmp_path / "t.csv", "product")


def test_lists_that_are_not_quoted(tmp_path):
    lines = [f"{row};{list(map(float, values))}\n" for row, values in enumerate(VALUES)]
    (tmp_path / "t.csv").write_text("id;vector\n" + "".join(lines))
    np.testing.assert_array_equal(rows(tmp_path / "t.csv", "vector"), VALUES)


def test_lists_of_lists_and_arrays_as_numpy_writes_them(tmp_path):
    nested = VALUES.reshape(20, 2, 3).copy()
    nested[0, 0, 0] = np.nan
    written = table(nested=[str(one.tolist()) for one in nested], array=list(VALUES), gap=["[1, 2]"] * 19 + [""])
    written.to_csv(tmp_path / "t.csv", index=False)
    np.testing.assert_array_equal(rows(tmp_path / "t.csv", "nested"), nested)
    np.testing.assert_allclose(rows(tmp_path / "t.csv", "array"), VALUES, rtol=1e-6)  # numpy writes eight digits
    assert "one is missing" in entries_of(tmp_path / "t.csv")["gap"].refusal


def test_lists_that_numpy_has_cut_or_that_differ_in_length(tmp_path):
    uneven = [str([1.0] * (1 + row % 2)) for row in range(20)]
    table(cut=[np.arange(2000.0)] * 20, uneven=uneven, token=["[CLS]"] * 20).to_csv(tmp_path / "t.csv", index=False)
    entries = entries_of(tmp_path / "t.csv")
    assert "numpy left numbers out of this one: '...'" in entries["cut"].refusal
    assert "equally long" in entries["uneven"].refusal
    assert entries["token"].dtype == "text"


def test_whole_numbers_with_names_are_not_units(tmp_path):
    frame = pd.DataFrame(VALUES, columns=[f"unit {unit}" for unit in range(6)])
    frame.insert(0, "label", np.arange(20) % 3)
    frame.insert(4, "dead", 0)  # as a unit would be that never fires
    frame.to_csv(tmp_path / "t.csv", index=False)
    entries = entries_of(tmp_path / "t.csv")
    assert entries["label"].dtype == "int64"
    assert entries[""].columns == ("unit 0", "unit 1", "unit 2", "dead", "unit 3", "unit 4", "unit 5")
    np.testing.assert_array_equal(rows(tmp_path / "t.csv"), np.insert(VALUES, 3, 0, axis=1))


def test_a_table_of_whole_numbers_says_so(tmp_path):
    values = np.arange(40).reshape(20, 2) * 7
    pd.DataFrame(values, columns=["a", "b"]).to_csv(tmp_path / "t.csv", index=False)
    assert entries_of(tmp_path / "t.csv")[""].dtype == "int16"  # which takes them all
    np.testing.assert_array_equal(rows(tmp_path / "t.csv"), values)
    pd.DataFrame(values * 1000, columns=["a", "b"]).to_csv(tmp_path / "t.csv", index=False)
    assert entries_of(tmp_path / "t.csv")[""].dtype == "int64"
    np.testing.assert_array_equal(rows(tmp_path / "t.csv"), values * 1000)


def test_a_table_of_words_is_text(tmp_path):
    pd.DataFrame({"caption": ["a dog, a cat"] * 3, "file": ["0.jpg", "1.jpg", "2.jpg"]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    assert [(key, entry.shape, entry.dtype) for key, entry in entries_of(tmp_path / "t.csv").items()] == [
        ("caption", (3,), "text"), ("file", (3,), "text"),
    ]  # fmt: skip


MATRICES = {
    "features.txt": {},
    "features.tsv": {"delimiter": "\t"},
    "features.dat": {"header": "layer 3\nof a network", "fmt": "%12.6f"},
    "commas.txt": {"delimiter": ","},
    "named.tsv": {"delimiter": "\t", "header": "\t".join("abcdef"), "comments": ""},
}


@pytest.mark.parametrize("name", MATRICES)
def test_matrices_of_numpy(tmp_path, name):
    np.savetxt(tmp_path / name, VALUES, **MATRICES[name])
    ((location, entry),) = list_dump(tmp_path / name, DEFAULT_LIMITS).found
    assert (location, entry.shape, entry.dtype) == ((), (20, 6), "float64")
    np.testing.assert_allclose(read_rows(tmp_path / name, (), 3, 9, DEFAULT_LIMITS), VALUES[3:9], atol=1e-6)


PROSE = {
    "README.txt": "Activations of 3 layers, 2019.\n\nSee the paper.\n",
    "log.txt": "epoch 1 loss 0.53 accuracy 0.8\nepoch 2 loss 0.41 accuracy 0.9\n",
    "words.dat": "cat\ndog\n",
    "large.txt": "a caption of a picture\n" * 5_000_000,
}


@pytest.mark.parametrize("name", PROSE)
def test_prose_is_text_and_no_alarm(tmp_path, name):
    (tmp_path / name).write_text(PROSE[name])
    ((_, entry),) = list_dump(tmp_path / name, DEFAULT_LIMITS).found
    assert (entry.dtype, entry.refusal) == ("text", "")


def test_a_matrix_of_which_a_line_was_cut_is_no_prose(tmp_path):
    np.savetxt(tmp_path / "cut.txt", VALUES)
    (tmp_path / "cut.txt").write_bytes((tmp_path / "cut.txt").read_bytes()[:-60])
    ((_, entry),) = list_dump(tmp_path / "cut.txt", DEFAULT_LIMITS).found
    assert "line 20 has" in entry.refusal

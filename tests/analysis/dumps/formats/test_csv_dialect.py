"""Text tables of any dialect: read as they were written, or refused; and inspect says what was taken for what."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from analysis.__main__ import main
from analysis.dumps import inspect
from analysis.dumps.formats import csv_format
from analysis.dumps.limits import DEFAULT_LIMITS
from per_core.errors import InvalidInputError

SEPARATORS = [",", ";", "\t", "|", " "]
FLOATS = st.one_of(
    st.floats(-100, 100).map(lambda value: round(value, 3)),
    st.sampled_from([0.0, 1.0, 2.0, -1.5, 1e-300, 1e300, 123456.789, np.nan, np.inf, -np.inf]),
    st.floats(allow_nan=True, allow_infinity=True),
)
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=5)
MATRICES = st.one_of(
    hnp.arrays(np.float64, SHAPES, elements=FLOATS),
    hnp.arrays(np.int64, SHAPES, elements=st.integers(-3, 12)),
    hnp.arrays(np.int64, SHAPES, elements=st.integers(-(10**7), 10**7)),
)


def read(path: Path) -> tuple[np.ndarray, str]:
    """The units of a table and what is said of it, in this process."""
    entry, *others = csv_format.list_entries(path, DEFAULT_LIMITS)
    assert entry.key == ""
    assert all(other.dtype in ("text", "int64") and len(other.shape) == 1 for other in others)
    assert entry.shape is not None
    return csv_format.read_rows(path, "", 0, entry.shape[0], DEFAULT_LIMITS), entry.note


def assert_equal_or_refused(path: Path, values: np.ndarray) -> None:
    """A table of words is none of numbers: ' 0\\n0 nan\\n' may be a line '0 nan' under a name."""
    try:
        if all(entry.dtype == "text" for entry in csv_format.list_entries(path, DEFAULT_LIMITS)):
            return
        found, _ = read(path)
    except InvalidInputError:
        return
    np.testing.assert_array_equal(found, values)


@st.composite
def written_by_pandas(draw: st.DrawFn) -> tuple[np.ndarray, str]:
    values = draw(MATRICES)
    names = draw(st.sampled_from([None, [f"unit {j}" for j in range(values.shape[1])]]))
    missing = draw(st.sampled_from(["nan", "NA", ""]))
    text = pd.DataFrame(values, columns=names).to_csv(
        sep=draw(st.sampled_from(SEPARATORS)),
        decimal=draw(st.sampled_from([".", ","])),
        header=draw(st.booleans()),
        index=draw(st.booleans()),
        na_rep=missing,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    )
    expected = values if missing else values[:, ~np.isnan(values).all(axis=0)]  # without columns that are empty
    return expected, draw(st.sampled_from(["", "\ufeff"])) + text


@st.composite
def written_by_csv(draw: st.DrawFn) -> tuple[np.ndarray, str]:
    values = draw(MATRICES)
    decimal, form = draw(st.sampled_from([".", ","])), draw(st.sampled_from(["{!r}", "{:.3f}", "{:.18e}", "{:10.4f}"]))
    rows = [[form.format(float(value)) for value in row] for row in values]
    if values.dtype.kind == "i" and draw(st.booleans()):
        rows = [[str(value) for value in row] for row in values]
    if draw(st.booleans()):
        rows.insert(0, [f"h{j}" for j in range(values.shape[1])])
    buffer = io.StringIO()
    separator, quoting = draw(st.sampled_from(SEPARATORS)), draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    csv.writer(buffer, delimiter=separator, quoting=quoting).writerows(
        [[cell.replace(".", decimal) for cell in row] for row in rows]
    )
    read_back = [[float(cell) for cell in row] for row in rows if not row[0].startswith("h")]
    return np.array(read_back), buffer.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(written_by_pandas())
def test_what_pandas_writes_comes_back_equal_or_is_refused(tmp_path, written):
    values, text = written
    (tmp_path / "t.csv").write_text(text, newline="")
    if values.size:
        assert_equal_or_refused(tmp_path / "t.csv", values)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(written_by_csv())
def test_what_csv_writes_comes_back_equal_or_is_refused(tmp_path, written):
    values, text = written
    (tmp_path / "t.csv").write_text(text, newline="")
    assert_equal_or_refused(tmp_path / "t.csv", values)


TAKEN = {
    "1,5;5\n2,5;3\n3,5;4\n": (
        [[1.5, 5], [2.5, 3], [3.5, 4]],
        "separated by semicolons, with a decimal comma; no names",
    ),
    "value\n1,5\n2,5\n": ([[1.5], [2.5]], "one column, with a decimal comma; line 1 names"),
    "a,b\n1,5\n2,5\n": ([[1, 5], [2, 5]], "separated by commas, with a decimal point; line 1 names"),
    "1,5 2,5\n1,2 3,7\n": ([[1.5, 2.5], [1.2, 3.7]], "separated by spaces, with a decimal comma"),
    '"1,5","2,5"\n"1,7","3,5"\n': ([[1.5, 2.5], [1.7, 3.5]], "separated by commas, with a decimal comma"),
    "0,1,2\n0.5,0.1,0.2\n": ([[0.5, 0.1, 0.2]], "line 1 names"),
    ",0,1\n0,5,7\n1,6,8\n": ([[5, 7], [6, 8]], "left out: column 1 (numbers the rows)"),
    "0,0.5,0.1\n1,0.5,0.3\n": ([[0.5, 0.1], [0.5, 0.3]], "left out: column 1 (numbers the rows)"),
    "label,0,1\n3,0.5,0.2\n": ([[3, 0.5, 0.2]], "line 1 names"),
    "cat,1.5\ndog,2.5\n": ([[1.5], [2.5]], "no names of columns; left out: column 1 ('cat' in line 1)"),
    "a,b,c\n1.5,2,\n2.5,oops,\n": ([[1.5], [2.5]], "left out: b ('oops' in line 3), c (empty)"),
    "sep=;\n1;2\n3;4\n": ([[1, 2], [3, 4]], "separated by semicolons"),
    "# a b\n1 2\n\n3 4\n": ([[1, 2], [3, 4]], "separated by spaces"),
    " 1.0  3.0\n14.0 25.0\n": ([[1, 3], [14, 25]], "separated by spaces"),
    "1 2 \n13 4 \n": ([[1, 2], [13, 4]], "separated by spaces"),
    "\ufeffa;b\r\n1,5;2\r\n3;4\r\n": (
        [[1.5, 2], [3, 4]],
        "separated by semicolons, with a decimal comma; line 1 names",
    ),
    "\u22121.5\t2\n3\t\u22124e-3\n": ([[-1.5, 2], [3, -0.004]], "separated by tabs"),
    "NaN,1.0,n/a\n-inf,,2.5\n": ([[np.nan, 1, np.nan], [-np.inf, np.nan, 2.5]], "separated by commas"),
    "İnf,1.5\ndog,2.5\n": ([[1.5], [2.5]], "left out: column 1 ('İnf' in line 1)"),
    "9007199254740993,1.5\n1,2.5\n": ([[2.0**53, 1.5], [1, 2.5]], "whole numbers beyond 2^53 are rounded"),
}


@pytest.mark.parametrize("text", TAKEN)
def test_what_was_taken_is_said(tmp_path, text):
    values, said = TAKEN[text]
    (tmp_path / "t.csv").write_text(text, newline="")
    found, note = read(tmp_path / "t.csv")
    np.testing.assert_array_equal(found, values)
    assert said in note


REFUSED = {
    "1,5\n2,5\n": "2 x 2 if separated by commas, with a decimal point, and 2 x 1 if one column, with a decimal comma",
    "0,5\n1,7\n": "may be the index of pandas or a unit",
    "1,805\n79,225\n": "must be readable in one way",
    "1,5\n2\n": "1,5 may be two numbers or one with a decimal comma",
    "1,5;x\n2,5;y\n": "must be readable in one way",
    "0,1,2\n3,4,5\n": "as pandas names columns",
    "2019,2020\n0.5,0.7\n": "whole numbers as no other line",
    "0,5,7\n1,6,2\n": "may be the index of pandas or a unit",
    "1,234.5;2.0\n2,345.5;2.0\n": "neither a number nor a word",
    "1,234;5,678\n2,345;1,111\n": "1,234 may be 1234 or 1.234",
    "1'234.5;2\n1;3\n": "neither a number nor a word",
    "1.5;2,5\n1.5;2,5\n": "neither a number nor a word",
    "1.0  3.0\n4.0 5.0 \n": "spaces that neither separate nor align",
    "1,2,3\n4,5\n6,7,8\n": "line 2 has 2 cells, line 1 has 3 cells",
    "1.5,2\n1e400,2\n": "'1e400', which is beyond float64",
    "a,b\nmV,s\n1,2\n3,4\n": "'mV' in line 2. Write numbers alone, below one line of names",
    "a,b\n": "holds 0, under names of columns",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_can_be_read_in_two_ways_or_none_is_refused(tmp_path, text):
    (tmp_path / "t.csv").write_text(text, newline="")
    with pytest.raises(InvalidInputError) as refused:
        read(tmp_path / "t.csv")
    assert REFUSED[text] in str(refused.value)


def test_all_lines_decide_and_not_only_the_first_ones(tmp_path):
    """Two columns or a decimal comma: one line of 300,000 tells."""
    (tmp_path / "t.csv").write_text("1,5\n" * 300_000 + "1,0.5\n")
    found, note = read(tmp_path / "t.csv")
    assert (found.shape, found[-1].tolist(), note[:19]) == ((300_001, 2), [1, 0.5], "separated by commas")
    (tmp_path / "t.csv").write_text("1,5;2\n" * 300_000 + "1,5;2.5\n")
    with pytest.raises(InvalidInputError, match="line 300001 holds"):
        read(tmp_path / "t.csv")


def test_inspect_shows_the_dialect(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("id;a;b;name\n0;1,5;2;x\n1;2,5;3;y\n")
    assert main(["inspect", str(tmp_path / "t.csv")]) == 0
    told = capsys.readouterr().out
    assert "separated by semicolons, with a decimal comma; line 1 names the columns; left out:" in told
    assert "id (numbers the rows), name ('x' in line 2)" in told
    np.testing.assert_array_equal(inspect(tmp_path / "t.csv").load().values, [[1.5, 2], [2.5, 3]])

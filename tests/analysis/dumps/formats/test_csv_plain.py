"""Plain lines are cut into the cells that the csv reader finds in them; anything else is left to it."""

import csv
import io
from contextlib import closing
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from analysis.dumps.formats import csv_format
from analysis.dumps.formats.csv_dialect import Dialect, DialectError
from analysis.dumps.formats.csv_plain import BLOCK, PlainLines, plain_cells
from analysis.dumps.formats.csv_scan import Scan
from analysis.dumps.limits import DEFAULT_LIMITS
from per_core.errors import InvalidInputError

SIGNS = st.sampled_from([*"0 1-.5e\n\n,,;\t|#\"'\r\x1f\x0b", "\r\n", "\u2212", "nan", "\n "])
TEXTS = st.lists(SIGNS, max_size=30).map("".join)
LINES = BLOCK // 4 + 10  # of four bytes, a block and some more
SEPARATORS = [",", ";", "\t", "|", " ", "\x1f"]


def cells_of_csv(text: str, separator: str) -> list[list[str]]:
    return [cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if cells]


@settings(deadline=None)
@given(TEXTS, st.sampled_from(SEPARATORS), st.integers(1, 4))
@example("1,2\r\n3,4", ",", 2)
@example("1 2\n3 4\n", " ", 2)
def test_what_is_taken_is_what_the_csv_reader_finds(text, separator, width):
    found = plain_cells(text.encode(), separator.encode(), width)
    if found is not None:
        lines = cells_of_csv(text, separator)
        assert set(map(len, lines)) == {width}
        assert found.to_pylist() == list(chain(*lines))


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "1,2\r\n3,4\r\n", "a b,2\n,4", "1, 2\n,\n"])
def test_ordinary_lines_are_plain(text):
    assert plain_cells(text.encode(), b",", 2).to_pylist() == list(chain(*cells_of_csv(text, ",")))


@pytest.mark.parametrize("text", ['"1",2\n', "1,2\n#3,4\n", "1,2\n\n3,4\n", "1,2,3\n4\n", "1\r2,3\n", "\u22121,2\n"])
def test_quotes_comments_blanks_and_uneven_lines_are_not(text):
    assert plain_cells(text.encode(), b",", 2) is None


def test_a_cell_longer_than_the_csv_reader_takes_is_not():
    cell = b"1" * (csv.field_size_limit() + 1)
    assert plain_cells(b"2," + cell + b"\n", b",", 2) is None
    assert plain_cells(b"2," + cell[1:] + b"\n", b",", 2) is not None


def read_by(path: Path, dialect: Dialect) -> object:
    """What a dialect reads, in two steps as the format does, or why it cannot."""
    with closing(Scan(path, dialect)) as scan:
        try:
            scan.take(2)
            scan.take()
        except (DialectError, InvalidInputError) as error:
            return str(error)
    cells = scan.cells
    numbers = np.concatenate([block.astype(np.float64) for block in cells.blocks], axis=None) if cells.blocks else []
    lists = {column: [values.tolist() for values in found] for column, found in cells.lists.items()}
    return [
        scan.first, scan.lines, np.asarray(numbers).tolist(), cells.words, lists, cells.is_filled.tolist(),
        cells.bare.tolist(), cells.has_digits.tolist(), cells.is_rounded, cells.may_be_thousands,
    ]  # fmt: skip


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.sampled_from(SEPARATORS), st.sampled_from(".,"))
@example(" 1 2\n3 4\n5 6\n", " ", ".")
@example("1 2\n3 4\n5  6\n", " ", ".")
@example("1,2\n3,4\n5,6\n7,8\n\n9,10\n", ",", ".")
@example("sep=;\n1;2\n3;4\n", ";", ".")
def test_a_table_is_read_alike_with_plain_lines_and_without(tmp_path, text, separator, decimal):
    path, dialect = tmp_path / "t.csv", Dialect(separator, decimal)
    path.write_text(text, newline="")
    found = read_by(path, dialect)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(PlainLines, "take", lambda *_: None)
        expected = read_by(path, dialect)
    np.testing.assert_equal(found, expected)


@pytest.mark.parametrize("name", ["", '"a","b"\n', "# two columns\na,b\n", "\ufeffa,b\r\n"])
@pytest.mark.parametrize("last", ["", '"7",8\n', "\n7,8", "# end\n7,8\n"])
def test_plain_lines_between_others(tmp_path, name, last):
    """A table of several blocks, of which the first or the last lines are not plain."""
    values = np.random.default_rng(0).integers(-9, 10, (BLOCK // 6, 2)) + 0.5
    text = name + "".join(f"{one},{two}\n" for one, two in values.tolist()) + last
    (tmp_path / "t.csv").write_text(text, newline="")
    (entry,) = csv_format.list_entries(tmp_path / "t.csv", DEFAULT_LIMITS)
    expected = np.vstack([values, [[7, 8]]]) if last else values
    assert (entry.shape, entry.columns) == (expected.shape, ("a", "b") if name else ())
    np.testing.assert_array_equal(
        csv_format.read_rows(tmp_path / "t.csv", "", 0, len(expected), DEFAULT_LIMITS), expected
    )


def test_a_fault_far_behind_the_first_lines_is_named_with_its_line(tmp_path):
    (tmp_path / "t.csv").write_text("1,2\n" * LINES + "1,2,3\n")
    with pytest.raises(InvalidInputError, match=f"line {LINES + 1} has 3 cells, line 1 has 2 cells"):
        csv_format.list_entries(tmp_path / "t.csv", DEFAULT_LIMITS)
    (tmp_path / "t.csv").write_text("1,2\n" * LINES + "1e400,2\n")
    with pytest.raises(InvalidInputError, match=f"line {LINES + 1} holds '1e400', which is beyond float64"):
        csv_format.list_entries(tmp_path / "t.csv", DEFAULT_LIMITS)


@pytest.mark.parametrize("few", [True, False])
def test_cells_are_read_alike_whether_many_are_alike_or_none(tmp_path, few):
    """100,000 lines of which each number stands once, or ten numbers many times; with names and gaps in between."""
    rng = np.random.default_rng(1)
    values = rng.integers(0, 10, (100_000, 3)) / 8 if few else rng.normal(size=(100_000, 3))
    values[rng.random(values.shape) < 0.01] = np.nan
    words = ["cat" if few else f"cat {row}" for row in range(len(values))]
    lines = [
        f"{word},{one!r},{two!r},{three!r}\n" for word, (one, two, three) in zip(words, values.tolist(), strict=True)
    ]
    (tmp_path / "t.csv").write_text("name,a,b,c\n" + "".join(lines))
    entry, name = csv_format.list_entries(tmp_path / "t.csv", DEFAULT_LIMITS)
    assert (entry.columns, name.key, name.dtype, name.shape) == (("a", "b", "c"), "name", "text", (100_000,))
    np.testing.assert_array_equal(csv_format.read_rows(tmp_path / "t.csv", "", 0, 100_000, DEFAULT_LIMITS), values)

"""What a text table holds as one dialect reads it: which columns are numbers, and what names lines and columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analysis.dumps.formats.csv_cells import BARE, CellValues, beyond_float64, is_rounded, read_cells
from analysis.dumps.formats.csv_dialect import NO_SEPARATOR, Dialect, DialectError
from analysis.dumps.formats.csv_numbers import Numbers, shortened
from analysis.dumps.formats.csv_scan import Scan
from analysis.dumps.formats.text_columns import Found
from analysis.dumps.formats.written_list import numbers_of, stacked
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase, together

SHOWN_COLUMNS = 5
UNDECIDED = N_(
    "Values, names and separators must be told from each other; here {what}. Write words as names into the first line,"
    " and no numbers of the rows: DataFrame(array, columns=[...]).to_csv(path, index=False)."
)
FEW = 8  # rows
SIGNS = re.compile(r"[,;|\t]")  # that separate cells, and do not stand in a name alone
ONE_WITH_COMMAS = Dialect(NO_SEPARATOR, ",")  # or two columns, of which a line has lost one
INDEX_NAMES = {"", "index", "idx", "id", "unnamed: 0", "row", "rownames"}


@dataclass(frozen=True, slots=True)
class Table:
    """A text as one dialect reads it.

    Attributes:
        values: (n, d), of the columns whose numbers are units.
        has_words: whether a column holds words.
        note: what was taken for what.
        refusal: why it is no table although nothing contradicts the dialect, and what to do; or empty.
        names: of these columns; empty if they have none.
        others: of the other columns: whole numbers, lists of numbers or why they cannot be read, or how many
            words.
    """

    values: NDArray[Any]
    has_words: bool
    note: str = ""
    refusal: str = ""
    names: tuple[str, ...] = ()
    others: Mapping[str, Found] = field(default_factory=dict)

    @property
    def has_lists(self) -> bool:
        """Whether a cell holds a list of numbers."""
        return any(
            isinstance(values, str) or (isinstance(values, np.ndarray) and values.ndim > 1)
            for values in self.others.values()
        )

    @property
    def rank(self) -> tuple[bool, bool, bool, int]:
        """Lower for the more likely of several readings: it has lists, no words, numbers beside them, or more words."""
        has_numbers = self.values.shape[1] > 0 or self.has_lists
        words = 0 if has_numbers else len(self.others)
        return not self.has_lists, self.has_words, self.has_words and (bool(self.refusal) or not has_numbers), -words

    def is_as(self, other: Table) -> bool:
        """Whether another reading finds the same numbers."""
        if self.refusal or other.refusal or len(self.others) != len(other.others):
            return False
        pairs = [(self.values, other.values), *zip(self.others.values(), other.others.values(), strict=True)]
        return all(_are_equal(one, same) for one, same in pairs)


def table_of(scan: Scan) -> Table:
    """The columns that hold numbers, and what the others and the first line were taken for."""
    if not scan.first:
        raise InvalidInputError(N_("A table must hold rows; this file is empty. Write one line a sample."))
    cells, first = scan.cells, scan.first
    top = read_cells(pa.array(first, pa.string()), scan.dialect.decimal)
    values = Numbers(scan.width, cells.blocks)
    words = dict(cells.words)
    lists = {column: list(found) for column, found in cells.lists.items() if column not in words}
    try:
        is_header = _is_header(scan, top, values, lists)
        if not is_header:
            _take_first(scan, top, words, lists)
            numbers = [column not in words and column not in lists for column in range(scan.width)]
            for column in np.flatnonzero(top.is_beyond & numbers):
                raise beyond_float64(first[column], scan.line_of(0))
            of_first = shortened(np.where(numbers, top.numbers, np.nan))
            values = Numbers(scan.width, [of_first[None], *cells.blocks])
            if scan.dialect == ONE_WITH_COMMAS and not lists:
                raise _UndecidedError(N_("1,5 may be two numbers or one with a decimal comma"))
        if cells.may_be_thousands:
            raise _UndecidedError(N_("1,234 may be 1234 or 1.234, and so may every number in it"))
        numeric = [
            c
            for c in range(scan.width)
            if c not in words and c not in lists and (cells.is_filled[c] or not (is_header or first[c] == ""))
        ]
        if not len(values) or not (numeric or lists or _are_all_words(scan)):
            return _refused(values, words, _nothing(scan, values, cells.words or words))
        names_all_words = not numeric and not lists and len(set(first)) == scan.width and len(values) > 1
        names = _names(first if is_header or names_all_words else [""] * scan.width)
        left_out = [
            _reason(scan, names[c], words.get(c)) for c in range(scan.width) if c not in numeric and c not in lists
        ]
        whole: list[int] = []
        if numeric and _is_index(scan, values, numeric, name=first[0].lower() if is_header else None):
            whole = numeric[:1]
            left_out.insert(0, Phrase(N_("{name} (numbers the rows)"), name=names[0]))
    except _UndecidedError as error:
        return _refused(values, words, Phrase(UNDECIDED, what=error))
    whole += _labels(scan, values, [c for c in numeric if c not in whole], has_lists=bool(lists), is_header=is_header)
    units = [column for column in numeric if column not in whole]
    others: dict[int, Found] = dict.fromkeys(words, len(values) - names_all_words)
    others |= {column: values.column(column).astype(np.int64) for column in whole}
    others |= {column: stacked(found, len(values)) for column, found in lists.items()}
    return Table(
        values.matrix(units, values.whole_type if _are_whole(scan, units, with_first=not is_header) else np.float64),
        bool(words),
        _note(scan, left_out, is_header=is_header or names_all_words),
        names=tuple(names[column] for column in units) if is_header else (),
        others={names[column]: others[column] for column in sorted(others)},
    )


def _take_first(
    scan: Scan,
    top: CellValues,
    words: dict[int, tuple[int, str]],
    lists: dict[int, list[NDArray[Any]]],
) -> None:
    """Add what the first line holds, if it is one of values, to words and lists."""
    for column in np.flatnonzero(top.is_word | top.is_odd).tolist():
        found = numbers_of(scan.first[column])
        if found is None or column in words or (scan.cells.rows and column not in lists):
            lists.pop(column, None)
            if not top.is_odd[column]:
                words[column] = 0, scan.first[column]
        else:
            lists.setdefault(column, []).insert(0, found)


def _labels(scan: Scan, values: Numbers, columns: Sequence[int], *, has_lists: bool, is_header: bool) -> list[int]:
    """Columns of whole numbers that have names, beside units with decimals or lists; one of zeros may be a unit.

    Of few numbers all may be whole by chance, and Excel writes 5 for 5.0.
    """
    if not is_header:
        return []
    whole = [c for c in columns if scan.cells.bare[c] == len(values) and not BARE.fullmatch(scan.first[c])]
    if has_lists:
        return whole
    return [c for c in whole if np.any(values.column(c))] if len(whole) < len(columns) and len(values) >= FEW else []


def _are_whole(scan: Scan, units: Sequence[int], *, with_first: bool) -> bool:
    """Whether all values are written as integers, and none is beyond what is exact."""
    return bool(
        units
        and all(_all_bare(scan, column, with_first=with_first) for column in units)
        and not _any_rounded(scan, with_first=with_first)
    )


def _names(first: Sequence[str]) -> list[str]:
    """Names of columns, each of its own."""
    names: list[str] = []
    for column, cell in enumerate(first):
        is_free = cell and cell not in first[:column]
        names.append(cell if is_free else f"column {column + 1}")
    return names


def _are_all_words(scan: Scan) -> bool:
    """Whether no cell but those of the first line has a number: it is a table of text."""
    return bool(scan.cells.words) and not scan.cells.has_digits.any()


def _are_equal(one: Found, same: Found) -> bool:
    if isinstance(one, np.ndarray) and isinstance(same, np.ndarray):
        return np.array_equal(one, same, equal_nan=True)
    return type(one) is type(same)


def _note(scan: Scan, left_out: Sequence[str], *, is_header: bool) -> str:
    """What was taken for what."""
    some = together(*left_out[:SHOWN_COLUMNS], by=", ")
    rounded = _any_rounded(scan, with_first=not is_header)
    more = Phrase(N_(" and {more} more"), more=len(left_out) - SHOWN_COLUMNS) if len(left_out) > SHOWN_COLUMNS else ""
    return together(
        scan.dialect.phrase,
        Phrase(N_("line {line} names the columns"), line=scan.line_of(0))
        if is_header
        else Phrase(N_("no names of columns")),
        Phrase(N_("left out: {some}{more}"), some=some, more=more) if left_out else "",
        Phrase(N_("whole numbers beyond 2^53 are rounded")) if rounded else "",
    )


def _any_rounded(scan: Scan, *, with_first: bool) -> bool:
    return scan.cells.is_rounded or (with_first and any(is_rounded(cell) for cell in scan.first))


def _refused(values: Numbers, words: Mapping[int, tuple[int, str]], reason: str) -> Table:
    return Table(values.matrix(range(values.width)), bool(words), refusal=reason)


def _reason(scan: Scan, name: str, word: tuple[int, str] | None) -> str:
    """A column that is left out, and why."""
    if word is None:
        return Phrase(N_("{name} (empty)"), name=name[:40])
    return Phrase(N_("{name} ({word!r} in line {line})"), name=name[:40], word=word[1][:20], line=scan.line_of(word[0]))


def _nothing(scan: Scan, values: Numbers, words: Mapping[int, tuple[int, str]]) -> str:
    if not len(values):
        return Phrase(N_("A table must hold rows; this one holds 0, under names of columns. Write one line a sample."))
    record, word = next(iter(words.values()), (0, ""))
    return Phrase(
        N_(
            "A table must have a column of numbers; in this one all hold words or nothing, {word!r} in line"
            " {line}. Write numbers alone, below one line of names."
        ),
        word=word[:40],
        line=scan.line_of(record),
    )


def _is_header(scan: Scan, top: CellValues, rest: Numbers, lists: Mapping[int, Sequence[NDArray[Any]]]) -> bool:
    """Whether the first line names the columns.

    Args:
        top: its cells.
        rest: the numbers in the other lines.
        lists: the columns of lists in these.

    Raises:
        DialectError: If a cell of it is neither a name nor a number.
        _UndecidedError: If it may be both.
    """
    first = scan.first
    if lists:
        return all(numbers_of(first[column]) is None for column in lists)
    columns = [c for c in range(scan.width) if c not in scan.cells.words and (scan.cells.is_filled[c] or not len(rest))]
    columns = [c for c in columns if numbers_of(first[c]) is None]
    for column in columns:
        is_split = scan.dialect.separator == NO_SEPARATOR and top.is_word[column] and SIGNS.search(first[column])
        if top.is_odd[column] or is_split:
            raise DialectError(
                N_("line {line} holds {cell!r}, neither a number nor a word"),
                line=scan.line_of(0),
                cell=first[column][:40],
            )
    numbers = [first[column] for column in columns if top.is_number[column]]
    if any(top.is_word[column] for column in columns):
        if not numbers or numbers in (_counting(0, len(numbers)), _counting(1, len(numbers))):
            return True
        raise _UndecidedError(
            N_("line {line} holds both, {cell!r} and {number}"),
            line=scan.line_of(0),
            cell=first[columns[0]][:40],
            number=numbers[0],
        )
    if not numbers or not all(BARE.fullmatch(number) for number in numbers):
        return False
    is_counting = numbers == _counting(0, len(numbers))
    if not len(rest):
        if is_counting:
            raise _UndecidedError(
                N_("{numbers} in line {line} may be the names that pandas gives"),
                numbers=", ".join(numbers[:3]),
                line=scan.line_of(0),
            )
        return False
    under_nothing = columns[0] == 0 and not first[0]
    if under_nothing and _counts(rest.column(0), 0) and _all_bare(scan, 0):
        return True  # the index of pandas
    others = columns[1:] if under_nothing or (len(columns) > 1 and _counts(rest.column(columns[0]), 0)) else columns
    is_whole = _any_bare(scan, others)
    if is_counting and not is_whole:
        return True  # the names that pandas gives, over numbers with decimals
    if is_counting or not is_whole:
        raise _UndecidedError(
            N_("line {line} holds {numbers}, as pandas names columns")
            if is_counting
            else N_("line {line} holds {numbers}, whole numbers as no other line"),
            line=scan.line_of(0),
            numbers=", ".join(numbers[:3]),
        )
    return False


def _is_index(scan: Scan, values: Numbers, numeric: Sequence[int], *, name: str | None) -> bool:
    """Whether the first column numbers the rows; `_UndecidedError` if that cannot be told.

    Args:
        values: all rows.
        numeric: the columns that hold numbers.
        name: of the column, in small letters; None if columns have no names.
    """
    if numeric[0] != 0 or len(numeric) < 2:
        return False
    if name == "":
        return True
    start = next((start for start in (0, 1) if _counts(values.column(0), start)), None)
    if start is None or not _all_bare(scan, 0, with_first=name is None):
        return False
    if name in INDEX_NAMES:
        return True
    if not _any_bare(scan, numeric[1:], with_first=name is None):
        return start == 0 or len(values) > 2
    if start == 0 and name is None:
        raise _UndecidedError(N_("the first column counts 0, 1, 2 and may be the index of pandas or a unit"))
    return False


class _UndecidedError(InvalidInputError):
    """Whether lines and columns hold values or names cannot be told; the message is why."""


def _counts(values: NDArray[np.float64], start: int) -> bool:
    return bool(np.array_equal(values, np.arange(start, start + len(values))))


def _counting(start: int, count: int) -> list[str]:
    return [str(number) for number in range(start, start + count)]


def _any_bare(scan: Scan, columns: Sequence[int], *, with_first: bool = False) -> bool:
    """Whether a number in these columns is written without decimals, in the first line or behind it."""
    in_first = with_first and any(BARE.fullmatch(scan.first[column]) for column in columns)
    return in_first or bool(scan.cells.bare[list(columns)].any())


def _all_bare(scan: Scan, column: int, *, with_first: bool = False) -> bool:
    """Whether all cells of a column are numbers written without decimals."""
    in_first = not with_first or BARE.fullmatch(scan.first[column]) is not None
    return in_first and int(scan.cells.bare[column]) == scan.cells.rows

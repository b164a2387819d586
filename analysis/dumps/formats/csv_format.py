"""Text tables, only ever in the reading process: one row a sample, one column a unit or a list of them.

They have no header worth the name, so that they are read whole; the last one is kept, for whoever asks for its rows
next.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from analysis.dumps.entry import Entry
from analysis.dumps.formats.csv_dialect import Dialect, DialectError, candidates
from analysis.dumps.formats.csv_scan import Scan
from analysis.dumps.formats.csv_table import Table, table_of
from analysis.dumps.formats.text_columns import TextColumns, columns_of, gathered
from analysis.dumps.limits import ReadingLimits
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

SAMPLE = 1000  # lines by which most dialects are ruled out
RULE = Phrase(
    N_(
        "The lines of a table are separated alike and have as many cells, and its numbers have one decimal mark"
        " and no thousands separators"
    )
)
REMEDY = Phrase(N_('Write it again, for example with numpy.savetxt(path, array, delimiter=",").'))


def list_entries(path: Path, limits: ReadingLimits) -> list[Entry]:
    """The matrix of all columns of single numbers, and each column of lists, of whole numbers or of words.

    A missing value is NaN.

    Raises:
        InvalidInputError: If it is no text, or no dialect or more than one reads it without contradiction.
        BudgetError: If it is too large to be read whole.
    """
    return list(columns_of(path, limits, _gathered).entries)


def read_rows(path: Path, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of an array."""
    return columns_of(path, limits, _gathered).rows(key, start, stop)


def _gathered(path: Path) -> TextColumns:
    table = _parsed(path)
    matrix = table.values if table.values.shape[1] else None
    return gathered(matrix, table.names, table.others, path.stat().st_size, table.note)


def _parsed(path: Path) -> Table:
    """The table as the one dialect reads it that nothing in the text contradicts."""
    tables: list[tuple[Dialect, Table]] = []
    against: list[tuple[tuple[float, float], str]] = []  # what spoke for a dialect, and what contradicted it
    for dialect in candidates(path):
        with closing(Scan(path, dialect)) as scan:
            try:
                scan.take(SAMPLE)
                scan.take()
                tables.append((dialect, table_of(scan)))
            except DialectError as error:
                against.append(
                    (
                        scan.support,
                        Phrase(N_("{dialect}, {contradiction}"), dialect=dialect.phrase, contradiction=error),
                    )
                )
    if not tables:
        raise InvalidInputError(
            N_("{rule}; {reason}. {remedy}"), rule=RULE, reason=max(against, key=lambda one: one[0])[1], remedy=REMEDY
        )
    return _the_one(tables)


def _the_one(tables: Sequence[tuple[Dialect, Table]]) -> Table:
    """What all readings agree in; those without words count more than others, those by spaces less."""
    rank = [(*table.rank, table.has_words and dialect.separator == " ") for dialect, table in tables]
    best = [one for one, its in zip(tables, rank, strict=True) if its == min(rank)]
    first, table = best[0]
    for other, same in best[1:] if not all(one.refusal for _, one in best) else ():
        if not table.is_as(same):
            raise InvalidInputError(
                N_(
                    "A table must be readable in one way; this one is {table} if {first}, and {same} if {other}."
                    " Write one number with a decimal point, 1.0, or names of the columns into the first line."
                ),
                table=_shape(table),
                first=first.phrase,
                same=_shape(same),
                other=other.phrase,
            )
    if table.refusal:
        raise InvalidInputError(table.refusal)
    return table


def _shape(table: Table) -> str:
    return " x ".join(map(str, table.values.shape))

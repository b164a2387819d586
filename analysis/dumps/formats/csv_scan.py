"""One reading of a text table: its lines as one dialect cuts them, up to where it contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from analysis.dumps.formats.csv_cells import Cells, read_cells
from analysis.dumps.formats.csv_dialect import NO_SEPARATOR, Dialect, DialectError, Record
from per_core.errors import InvalidInputError

CELLS_AT_ONCE = 2**19
MOST_COLUMNS = 100_000


class Scan:
    """What a dialect reads in a text, up to where it contradicts itself."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self.path, self.dialect = path, dialect
        self.lines = 0
        self._records = dialect.records(path)
        self.first: Record = []
        self.cells = Cells(0, dialect.decimal, self.line_of)

    @property
    def support(self) -> tuple[float, float]:
        """Lines that were of this dialect, and the share of numbers in the first; little where nothing separates."""
        if not self.first or self.dialect.separator == NO_SEPARATOR:
            return min(self.lines, 0.5), 0
        return self.lines, float(read_cells(self.first, self.dialect.decimal).is_number.mean())

    @property
    def width(self) -> int:
        """Number of cells in every line; 0 before the first is read."""
        return len(self.first)

    def line_of(self, record: int) -> int:
        """Number of the line of a record; both are counted from the first, which is record 0."""
        return self.dialect.line_of(self.path, record)

    def take(self, most: int | None = None) -> None:
        """Take so many lines more, or all; a `DialectError` if they cannot be of this dialect."""
        if not self.first and not self._take_first():
            return
        for record, block in self._blocks(islice(self._records, most)):
            self.cells.add(list(chain.from_iterable(block)), record)
        self.cells.require_consistent()

    def _take_first(self) -> bool:
        self.first = [cell.strip() for cell in next(self._records, [])]
        if not self.first:
            return False
        if self.width < 2 and self.dialect.separator != NO_SEPARATOR:
            raise DialectError(f"line {self.line_of(0)} has one cell")
        if self.width > MOST_COLUMNS:
            raise InvalidInputError(
                f"A table may have {MOST_COLUMNS} columns; this one has {self.width}. Save it as .npy: one line a"
                " sample."
            )
        self.cells, self.lines = Cells(self.width, self.dialect.decimal, self.line_of), 1
        self.cells.look_for_thousands(self.first)
        return True

    def _blocks(self, records: Iterator[Record]) -> Iterator[tuple[int, list[Record]]]:
        """Lines after the first, some at once, each time with the record that they begin with."""
        while block := list(islice(records, max(1, CELLS_AT_ONCE // self.width))):
            if set(map(len, block)) != {self.width}:
                place = next(place for place, cells in enumerate(block) if len(cells) != self.width)
                raise DialectError(
                    f"line {self.line_of(self.lines + place)} has {_cells(len(block[place]))}, line {self.line_of(0)}"
                    f" has {_cells(self.width)}"
                )
            yield self.lines, block
            self.lines += len(block)


def _cells(count: int) -> str:
    return f"{count} cell{'s' * (count != 1)}"

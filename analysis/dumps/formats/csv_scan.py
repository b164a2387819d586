"""One reading of a text table: its lines as one dialect cuts them, up to where it contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
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
        self.first: Record | None = None
        self.cells = Cells(0, dialect.decimal)

    @property
    def support(self) -> tuple[float, float]:
        """Lines that were of this dialect, and the share of numbers in the first; little where nothing separates."""
        if self.first is None or self.dialect.separator == NO_SEPARATOR:
            return min(self.lines, 0.5), 0
        kinds = read_cells(self.first[1], self.dialect.decimal).kinds
        return self.lines, float((kinds == "number").mean())

    @property
    def width(self) -> int:
        """Number of cells in every line; 0 before the first is read."""
        return 0 if self.first is None else len(self.first[1])

    def take(self, most: int | None = None) -> None:
        """Take so many lines more, or all; a `DialectError` if they cannot be of this dialect."""
        if self.first is None and not self._take_first():
            return
        for block in self._blocks(islice(self._records, most)):
            self.cells.add(block)
        self.cells.require_consistent()

    def _take_first(self) -> bool:
        self.first = next(self._records, None)
        if self.first is None:
            return False
        if self.width < 2 and self.dialect.separator != NO_SEPARATOR:
            raise DialectError(f"line {self.first[0]} has one cell")
        if self.width > MOST_COLUMNS:
            raise InvalidInputError(
                f"A table may have {MOST_COLUMNS} columns; this one has {self.width}. Save it as .npy: one line a"
                " sample."
            )
        self.cells, self.lines = Cells(self.width, self.dialect.decimal), 1
        self.cells.look_for_thousands(self.first[1])
        return True

    def _blocks(self, records: Iterator[Record]) -> Iterator[list[Record]]:
        """Lines after the first, some at once."""
        assert self.first is not None
        width = self.width
        block: list[Record] = []
        for number, cells in records:
            if len(cells) != width:
                raise DialectError(f"line {number} has {_cells(len(cells))}, line {self.first[0]} has {_cells(width)}")
            self.lines += 1
            block.append((number, cells))
            if len(block) * width >= CELLS_AT_ONCE:
                yield block
                block = []
        if block:
            yield block


def _cells(count: int) -> str:
    return f"{count} cell{'s' * (count != 1)}"

"""One reading of a text table: its lines as one dialect cuts them, up to where it contradicts itself."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Generator, Iterator
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa

from analysis.dumps.formats.csv_cells import Cells, read_cells
from analysis.dumps.formats.csv_dialect import NO_SEPARATOR, Dialect, DialectError, Record
from analysis.dumps.formats.csv_plain import PlainLines
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

CELLS_AT_ONCE = 2**19
MOST_COLUMNS = 100_000


class Scan:
    """What a dialect reads in a text, up to where it contradicts itself."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self.path, self.dialect = path, dialect
        self.lines = 0
        self.first: Record = []
        self._plain: PlainLines | None = None  # that follow the first line
        self._records: Generator[Record, None, None] | None = None  # what follows them
        self.cells = Cells(0, dialect.decimal, self.line_of)

    @property
    def support(self) -> tuple[float, float]:
        """Lines that were of this dialect, and the share of numbers in the first; little where nothing separates."""
        if not self.first or self.dialect.separator == NO_SEPARATOR:
            return min(self.lines, 0.5), 0
        return self.lines, float(read_cells(pa.array(self.first, pa.string()), self.dialect.decimal).is_number.mean())

    @property
    def width(self) -> int:
        """Number of cells in every line; 0 before the first is read."""
        return len(self.first)

    def line_of(self, record: int) -> int:
        """Number of the line of a record; both are counted from the first, which is record 0."""
        return self.dialect.line_of(self.path, record)

    def close(self) -> None:
        """Let go of the file; nothing can be taken any more."""
        if self._records is not None:
            self._records.close()

    def take(self, most: int = sys.maxsize) -> None:
        """Take so many lines more, or all; a `DialectError` if they cannot be of this dialect."""
        if not self.first and not self._take_first():
            return
        end = self.lines + most
        for cells in chain(self._plain_blocks(end), self._other_blocks(end)):
            self.cells.add(cells, self.lines)
            self.lines += len(cells) // self.width
        self.cells.require_consistent()

    def _take_first(self) -> bool:
        self.first = [cell.strip() for cell in next(self.dialect.records(self.path), [])]
        if not self.first:
            return False
        if self.width < 2 and self.dialect.separator != NO_SEPARATOR:
            raise DialectError(N_("line {first_line} has one cell"), first_line=self.line_of(0))
        if self.width > MOST_COLUMNS:
            raise InvalidInputError(
                N_(
                    "A table may have {most_columns} columns; this one has {width}. Save it as .npy: one line a sample."
                ),
                most_columns=MOST_COLUMNS,
                width=self.width,
            )
        self.cells, self.lines = Cells(self.width, self.dialect.decimal, self.line_of), 1
        self.cells.look_for_thousands(pa.array(self.first, pa.string()))
        self._plain = PlainLines(self.path, self.line_of(0), self.dialect.separator, self.width)
        return True

    def _plain_blocks(self, end: int) -> Iterator[pa.StringArray]:
        """Cells of the next lines, some lines at once, up to a line or the first that is not plain."""
        while self._plain is not None and self.lines < end:
            cells = self._plain.take(end - self.lines)
            if cells is not None:
                yield cells
                continue
            if not self._plain.is_at_end:
                self._records = self.dialect.records(self.path)
                deque(islice(self._records, self.lines), maxlen=0)
            self._plain = None

    def _other_blocks(self, end: int) -> Iterator[pa.StringArray]:
        """Cells of the lines behind them."""
        at_once = max(1, CELLS_AT_ONCE // self.width)
        while block := list(islice(self._records or (), min(at_once, end - self.lines))):
            if set(map(len, block)) != {self.width}:
                place = next(place for place, cells in enumerate(block) if len(cells) != self.width)
                raise DialectError(
                    N_("line {line} has {received}, line {first_line} has {cells}"),
                    line=self.line_of(self.lines + place),
                    received=_cells(len(block[place])),
                    first_line=self.line_of(0),
                    cells=_cells(self.width),
                )
            yield pa.array(list(chain.from_iterable(block)), pa.string())


def _cells(count: int) -> Phrase:
    return Phrase(N_("1 cell")) if count == 1 else Phrase(N_("{count} cells"), count=count)

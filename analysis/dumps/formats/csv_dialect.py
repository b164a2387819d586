"""The dialect of a text table: what separates its cells and marks decimals. It is decided by all lines, or refused.

A dialect contradicts a text if lines would have different numbers of cells, or if a cell would be neither a number nor
a word: "5;5", "1,234.5". Those that are left are compared by what they read, see `analysis.dumps.formats.csv_format`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

NO_SEPARATOR = "\x1f"  # a sign that no text has: one cell a line
SEPARATORS = {
    ",": N_("commas"),
    ";": N_("semicolons"),
    "\t": N_("tabs"),
    "|": N_("vertical bars"),
    " ": N_("spaces"),
    NO_SEPARATOR: "",
}
MARKS = {".": N_("a decimal point"), ",": N_("a decimal comma")}
COMMENT = "#"
CELL = re.compile("[^ ]+")
EXCEL = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # the first line by which Excel is told the separator

Record = list[str]
"""The cells of a line."""


class DialectError(InvalidInputError):
    """A text is not of a dialect; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text is cut into cells, and cells are read as numbers.

    Attributes:
        separator: one of `SEPARATORS`. Several spaces count as one if they align the columns.
        decimal: the mark before the decimals.
    """

    separator: str
    decimal: Literal[".", ","]

    @property
    def phrase(self) -> Phrase:
        """For a person: "separated by commas, with a decimal point"."""
        mark = Phrase(MARKS[self.decimal])
        if self.separator == NO_SEPARATOR:
            return Phrase(N_("one column, with {mark}"), mark=mark)
        return Phrase(
            N_("separated by {separator}, with {mark}"), separator=Phrase(SEPARATORS[self.separator]), mark=mark
        )

    def records(self, path: Path) -> Generator[Record, None, None]:
        """The lines of a file that hold cells, cut; comments and Excel's first one left out.

        Raises:
            DialectError: If quotes are where none can be, or spaces neither separate nor align.
            InvalidInputError: If it is no text in UTF-8.
        """
        return self._records(path, _Lines())

    def line_of(self, path: Path, record: int) -> int:
        """Number of the line, from 1, on which a record ends that is counted from 0."""
        lines = _Lines()
        next(islice(self._records(path, lines), record, None))
        return lines.number

    def _records(self, path: Path, lines: _Lines) -> Generator[Record, None, None]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            held = lines.of(file)
            reader = csv.reader(
                _aligned(held, lines) if self.separator == " " else held, delimiter=self.separator, strict=True
            )
            try:
                yield from filter(_has_cells, reader)
            except csv.Error as error:
                raise DialectError(
                    N_("line {number} cannot be cut into cells: {error!s:.100}"), number=lines.number, error=error
                ) from error
            except UnicodeDecodeError as error:
                raise InvalidInputError(
                    N_("A table is text in UTF-8; this file is not: {error!s:.100}. Write it again as CSV."),
                    error=error,
                ) from error


def candidates(path: Path) -> list[Dialect]:
    """All dialects that a text could be of; those of one separator if its first line names it, as Excel writes it."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        found = EXCEL.fullmatch(file.readline(16))
    separators = [found[1]] if found and found[1] in SEPARATORS else list(SEPARATORS)
    return [Dialect(separator, decimal) for separator in separators for decimal in (".", ",")]


def _has_cells(cells: Record) -> bool:
    """Whether there is more on a line than blanks; "" in quotes is a cell."""
    return len(cells) > 1 or (bool(cells) and (not cells[0] or bool(cells[0].strip())))


class _Lines:
    """The lines of a file that hold cells, and the number of the last one."""

    def __init__(self) -> None:
        self.number = 0

    def of(self, file: Iterable[str]) -> Iterator[str]:
        for line in file:
            self.number += 1
            is_for_excel = self.number == 1 and EXCEL.fullmatch(line)
            if not is_for_excel and not line.startswith(COMMENT):
                yield line


def _aligned(held: Iterator[str], lines: _Lines) -> Iterator[str]:
    """Lines with one space between cells.

    Spaces elsewhere are taken only if all lines have the same ones around them, or their cells end at the same places:
    otherwise a cell may be missing.
    """
    is_padded = False
    around: set[tuple[bool, bool]] = set()
    ends: set[tuple[int, ...]] = set()
    for line in held:
        text = line.rstrip("\r\n")
        bare = text.strip(" ")
        if bare:
            is_padded = is_padded or "  " in bare
            around.add((text.startswith(" "), text.endswith(" ")))
            if len(ends) < 2:
                ends.add(tuple(found.end() for found in CELL.finditer(text)))
            if (is_padded or len(around) > 1) and len(ends) > 1:
                raise DialectError(
                    N_("line {number} has spaces that neither separate nor align its cells"), number=lines.number
                )
        yield re.sub(" +", " ", bare) + "\n"

"""Members: the cells of the table of layers over epochs, each made of one array of the dump or of several."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Literal

from analysis.dumps.entry import HISTOGRAM
from analysis.dumps.plan.axes import items_of, matrix_shape
from analysis.dumps.plan.plan import Axes, Kind
from per_core.recording.rows import Rows
from per_core.text import N_, Phrase

Location = tuple[str, ...]
Verdict = Literal["ok", "refused"]
ONLY_BINS = Phrase(
    N_(
        "A batch is rows of values; a histogram has bins, and the values are gone. Record the layer with"
        " per_core.Recorder or save its activations; `load_bins` reads the bins."
    )
)


@dataclass(frozen=True, slots=True)
class Part:
    """An array that a member is made of, or one layer of an array with an axis of layers.

    Attributes:
        location: the way to it, see `analysis.dumps.tree`.
        shape: as stored.
        axes: the role of each axis.
        layer: its index on the axis of layers; None if there is none.
    """

    location: Location
    shape: tuple[int, ...]
    axes: Axes
    layer: int | None = None

    @property
    def items(self) -> int:
        """How many pieces it can be read in."""
        return items_of(self.shape, self.axes)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return matrix_shape(self.shape, self.axes)[0]


@dataclass(frozen=True)
class Member:
    """One layer at one epoch: a line of the table.

    Attributes:
        name: the way to its array: folders, file, file in the archive and key, joined by "/"; "*" stands for the parts
            that are joined. Unique in the dump, and as all text of a member fit to be shown, see
            `analysis.plain_text`; the parts have the names as they are.
        shape: of its array as stored, or of the rows and units of several; None if unknown.
        dtype: of its values, as its file calls it.
        declared: bytes that shape and type come to; None if unknown.
        stored: bytes that it takes in the file, compressed or not; of what is in an archive its share of the compressed
            bytes; None if unknown.
        layer, epoch, split: by the plan, or stated by the file; None or empty if unknown.
        method, seed: by the plan; empty if there is none.
        verdict: "ok", or "refused": it cannot be read. A histogram is "ok", though it has no values to load.
        reason: if refused, why and what to do.
        note: what else is worth knowing.
        rows, units: n and d of the matrix that it is loaded as; None if it is refused. Of a histogram the number of
            values that its bins count, and 1: they are those of all rows and units together.
        row: what one of its rows is, if the file states it.
        unused: rows that its files say are not in use.
        parts: what is joined, in this order.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str
    declared: int | None
    stored: int | None
    layer: str | None
    epoch: float | None
    split: str
    method: str
    seed: str
    verdict: Verdict
    reason: str
    note: str
    rows: int | None
    units: int | None
    row: Rows | None
    unused: int
    parts: tuple[Part, ...]

    @property
    def is_binned(self) -> bool:
        """Whether it is a histogram, of which there are bins and no values."""
        return self.verdict == "ok" and self.dtype == HISTOGRAM

    @property
    def obstacle(self) -> str:
        """Why its values cannot be loaded and what to do, or nothing."""
        return ONLY_BINS if self.is_binned else self.reason

    @property
    def group(self) -> str:
        """Method, seed and split in one name: "per/seed 0/train"; empty if it has none of them."""
        return "/".join(filter(None, (self.method, self.seed and f"seed {self.seed}", self.split)))

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """How many items the parts up to each one have together."""
        return tuple(accumulate(part.items for part in self.parts))

    @cached_property
    def row_ends(self) -> tuple[int, ...]:
        """How many rows the parts up to each one have together."""
        return tuple(accumulate(part.rows for part in self.parts))

    @property
    def items(self) -> int:
        """How many pieces it can be read in: samples, mostly."""
        return self.ends[-1] if self.parts else 0

    def cut(self, start: int, stop: int) -> list[tuple[Part, int, int]]:
        """Parts that hold the items `start` to `stop` − 1, and which of their own these are."""
        found = []
        number = bisect_right(self.ends, start)
        while number < len(self.parts) and start < stop:
            begin = self.ends[number - 1] if number else 0
            end = min(stop, self.ends[number])
            found.append((self.parts[number], start - begin, end - begin))
            start, number = end, number + 1
        return found

    def first_row(self, item: int) -> int:
        """Which row an item begins with; the number of rows for the item behind the last."""
        if item >= self.items:
            return self.rows or 0
        number = bisect_right(self.ends, item)
        part = self.parts[number]
        before = self.ends[number - 1] if number else 0
        return (self.row_ends[number - 1] if number else 0) + (item - before) * (part.rows // part.items)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An array that is no activation.

    Attributes:
        name: as that of a member.
        kind: what it is.
        reason: why it is left out.
        location: the way to it.
    """

    name: str
    kind: Kind
    reason: str
    location: Location

"""What the rows of a recorded layer are: samples, locations or time steps. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RowKind = Literal["samples", "locations", "time steps"]


@dataclass(frozen=True, slots=True)
class Rows:
    """What one row of a layer is.

    Attributes:
        kind: "samples", everything of a sample is one row; "locations" of a sample, of an image say; "time steps" of a
            sequence.
        each: rows of one sample or sequence; of the longest one where lengths differ.
        alike: whether all samples have as many.
        step: the one time step that all rows are of, from 0, or from the sequence's end if negative; None for all.
    """

    kind: RowKind
    each: int = 1
    alike: bool = True
    step: int | None = None

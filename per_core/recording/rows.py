"""What the rows of a recorded layer are: samples, locations or time steps. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

RowKind = Literal["samples", "locations", "time steps"]


class Rows(NamedTuple):
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

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Rows:
        """What `_asdict` made plain.

        Raises:
            ValueError: they are none.
        """
        rows = cls(*(values[name] for name in cls._fields))
        is_step = rows.step is None or type(rows.step) is int
        if rows.kind not in get_args(RowKind) or not (type(rows.each) is int and type(rows.alike) is bool and is_step):
            raise ValueError(f"its rows are {values!r:.80}")
        return rows

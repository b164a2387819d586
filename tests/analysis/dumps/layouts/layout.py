"""What a careful person finds in a dump: the table of its cells, what is no activation, what has to be asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Cell:
    """One cell of the table layer x epoch x split.

    Attributes:
        layer: its name, alternatives joined by " or "; a number stands for any name whose only number it is; empty for
            any name.
        values: (rows, units), all parts joined in their order.
        epoch: or step; None if there is none.
        split: None for any: what tells it apart is in `where`.
        where: phrases, each in its name, layer or split.
    """

    layer: str
    values: Values
    epoch: float | None = None
    split: str | None = ""
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """The whole of it.

    Attributes:
        cells: in no order.
        left_out: word of a name -> its kind, alternatives joined by " or "; "nothing" if it need not be listed.
        questions: words, one of which each question has; there are at most as many questions, and at least one if there
            are words. None if it does not matter.
    """

    cells: tuple[Cell, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[str, ...] | None = ()


Builder = Callable[[Path, np.random.Generator], Layout]


def joined(parts: list[Values]) -> Values:
    """Parts below each other, whatever axes lie between rows and units."""
    return np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts]).astype(np.float32)


def normal(rng: np.random.Generator, *shape: int) -> Values:
    """Numbers that no two arrays share."""
    return rng.standard_normal(shape, dtype=np.float32)

"""Layouts: how an array of any number of axes becomes rows and units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from per_core.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Layout:
    """How an array of three or more axes is meant; the first axis is the samples. Matrices need none.

    Attributes:
        kind: "sample", everything of one sample is one row: (n, rest); "position", every position is a row of channels:
            (n·positions, channels).
        channel_axis: of kind "position", which axis holds the channels: 1 in images (n, channels, height, width), -1 in
            sequences (n, length, channels).

    Raises:
        InvalidInputError: If the kind is another one, or the channel axis is no whole number or the axis of the
            samples.
    """

    kind: Literal["sample", "position"]
    channel_axis: int = -1

    def __post_init__(self) -> None:
        if self.kind not in ("sample", "position"):
            raise InvalidInputError(f'A layout is "sample" or "position"; received {self.kind!r}. Choose one of these.')
        if isinstance(self.channel_axis, bool) or not isinstance(self.channel_axis, int) or self.channel_axis == 0:
            raise InvalidInputError(
                "The channel axis is a whole number other than 0, the axis of the samples; received"
                f" {self.channel_axis!r}. Pass 1 for (n, channels, height, width), -1 for (n, length, channels)."
            )

    def matrix_shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Rows and units (n, d) of an array of this shape, which has two axes or more, or one: n rows of 1 unit.

        Raises:
            InvalidInputError: If the shape has no such channel axis.
        """
        if len(shape) < 3:
            return shape[0], math.prod(shape[1:])
        if self.kind == "sample":
            return shape[0], math.prod(shape[1:])
        d = shape[self._axis(shape)]
        return math.prod(shape) // d if d else 0, d

    def to_matrix(self, values: NDArray[Any]) -> NDArray[Any]:
        """The array as (n, d), see `matrix_shape`; of kind "position" the positions of a sample follow each other."""
        if values.ndim > 2 and self.kind == "position":
            values = np.moveaxis(values, self._axis(values.shape), -1)
            return values.reshape(-1, values.shape[-1])
        return values.reshape(len(values), -1)

    def _axis(self, shape: tuple[int, ...]) -> int:
        axis = self.channel_axis + len(shape) if self.channel_axis < 0 else self.channel_axis
        if not 0 < axis < len(shape):
            raise InvalidInputError(
                f"The channel axis of shape {shape} is one of 1 to {len(shape) - 1}, or counted from the end; received"
                f" {self.channel_axis}. Choose among those."
            )
        return axis

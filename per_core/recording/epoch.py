"""An epoch: how far a training has come, one number everywhere. A step is one too."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from per_core.errors import InvalidInputError
from per_core.text import N_

DECIMALS = 6  # so that 0.1 + 0.2 is 0.3, and the 0.1 of a float32 is 0.1
TOO_LARGE = 10**15  # below, every whole number is a float too


def as_epoch(value: object, name: str = "epoch") -> float:
    """The epoch as one number: an int where it is whole, else a float, rounded to six decimals.

    Args:
        value: a number of Python, NumPy or torch, or an array or tensor of one element; from 0 to below 10^15.
        name: what the message calls it.

    Raises:
        InvalidInputError: it is no such number.

    Example:
        >>> as_epoch(2.0), as_epoch(0.25), as_epoch(0.1 + 0.2)
        (2, 0.25, 0.3)
    """
    number: Any = value
    if math.prod(getattr(value, "shape", (0,))) == 1:  # of one element, whatever the library
        number = number.item()
    is_number = isinstance(number, Real) and not isinstance(number, bool)
    if not is_number or not 0 <= number < TOO_LARGE:
        raise InvalidInputError(
            N_(
                "{name} must be one finite number from 0 to below 10^15; received {value!r:.80}. Pass 0 before"
                " training, 1 after the first epoch, 0.5 halfway through it."
            ),
            name=name,
            value=value,
        )
    rounded = round(float(number), DECIMALS)
    return int(rounded) if rounded.is_integer() else rounded


def parse_epoch(text: str) -> float:
    """The epoch that `str` wrote.

    Raises:
        InvalidInputError: it is no epoch.
    """
    try:
        return as_epoch(float(text))
    except ValueError as error:
        raise InvalidInputError(
            N_('An epoch is written as a number, "3" or "0.25"; received {text!r:.80}.'), text=text
        ) from error

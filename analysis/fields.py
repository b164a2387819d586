"""What the fields of a record may hold: said once, beside the type, checked when the record is made, read by forms."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from analysis.plain_text import plain
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, both included unless `above` leaves `low` out; no end if `high` is infinite."""

    low: float
    high: float
    above: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number is inside."""
        return self.low <= value <= self.high and not (self.above and value == self.low)

    @property
    def phrase(self) -> Phrase:
        """From where to where, in words."""
        number = "d" if isinstance(self.low, int) and isinstance(self.high, int) else "g"
        low, high = f"{self.low:{number}}", f"{self.high:{number}}"
        if self.high == math.inf:
            return Phrase(N_("above {low} up") if self.above else N_("from {low} up"), low=low)
        return Phrase(N_("above {low} to {high}") if self.above else N_("from {low} to {high}"), low=low, high=high)


def check_fields(record: object, prefix: str = "") -> None:
    """Refuse a record of which a field holds what its type does not say.

    Checked are whole numbers and numbers with a `Range`, choices (`Literal`), truth values and texts; fields of other
    types are left to the record.

    Args:
        record: a dataclass instance.
        prefix: what stands before a field's name in a message.

    Raises:
        InvalidInputError: If a value is outside its range or not of its type.

    Example:
        A record of `steps: Annotated[int, Range(1, 1000)]` and `gait: Literal["walk", "trot"]` that calls this in its
        `__post_init__` refuses 0 steps: "steps must be a whole number from 1 to 1000; received 0."
    """
    for name, hint in _hints(type(record)).items():
        value = getattr(record, name)
        if get_origin(hint) is Annotated:
            kind, limits = get_args(hint)
            (check_whole if kind is int else check_number)(prefix + name, value, limits)
        elif get_origin(hint) is Literal:
            choices = get_args(hint)
            require(value in choices, prefix + name, one_of(choices), value)
        elif hint is bool:
            require(isinstance(value, bool), prefix + name, Phrase(N_("true or false")), value)
        elif hint is str:
            check_text(prefix + name, value)


def range_of(record: type[Any], name: str) -> Range:
    """Between which numbers a field of a record lies."""
    limits: Range = get_args(_hints(record)[name])[1]
    return limits


def choices_of(record: type[Any], name: str) -> tuple[str, ...]:
    """What a field of a record can be."""
    return get_args(_hints(record)[name])


def check_whole(name: str, value: object, limits: Range) -> None:
    """Refuse what is not a whole number in a range."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    require(whole and limits.holds(value), name, Phrase(N_("a whole number {limits}"), limits=limits.phrase), value)  # type: ignore[arg-type]


def check_number(name: str, value: object, limits: Range) -> None:
    """Refuse what is not a finite number in a range."""
    largest = sys.float_info.max
    number = isinstance(value, int | float) and not isinstance(value, bool) and -largest <= value <= largest
    require(number and limits.holds(value), name, Phrase(N_("a number {limits}"), limits=limits.phrase), value)  # type: ignore[arg-type]


def check_text(name: str, value: object) -> None:
    """Refuse what is not a text that can be printed."""
    require(isinstance(value, str) and value.isprintable(), name, Phrase(N_("a text of printable characters")), value)


def one_of(choices: Iterable[str]) -> Phrase:
    """The rule that a value is one of these."""
    return Phrase(N_("one of {choices}"), choices=", ".join(choices))


def require(holds: object, name: str, rule: Phrase, received: object) -> None:
    """Refuse a value with a message of what was expected, what came and what to do."""
    if not holds:
        raise InvalidInputError(
            N_("{name} must be {rule}; received {received}. Choose a value of that kind."),
            name=name,
            rule=rule,
            received=shown(received),
        )


def shown(value: object) -> str:
    """A value for a message, however large."""
    try:
        return plain(repr(value))
    except (ValueError, RecursionError):  # of more digits than Python prints, or too deep
        return Phrase(N_("a {kind} too large to print"), kind=type(value).__name__)


def _hints(record: type[Any]) -> dict[str, Any]:
    return _read_hints(record)  # type: ignore[arg-type]  # mypy takes no class for hashable


@cache
def _read_hints(record: type[Any]) -> dict[str, Any]:
    return get_type_hints(record, include_extras=True)

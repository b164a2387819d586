"""Fields of a record: what their types say is what they may hold, and the refusal says it in words."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from analysis.fields import Range, check_fields, choices_of, range_of
from per_core.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Walk:
    """One field of every kind, and one that is left to the record."""

    steps: Annotated[int, Range(1, 1000)] = 10
    length: Annotated[float, Range(0, 2.5, above=True)] = 0.5
    weight: Annotated[float, Range(0, math.inf)] = 70.0
    gait: Literal["walk", "trot"] = "walk"
    uphill: bool = False
    title: str = ""
    stops: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self, "walk.")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 0}, "walk.steps must be a whole number from 1 to 1000; received 0"),
        ({"steps": 2.0}, "walk.steps must be a whole number from 1 to 1000; received 2.0"),
        ({"steps": True}, "walk.steps must be a whole number"),
        ({"length": 0}, "walk.length must be a number above 0 to 2.5; received 0"),
        ({"length": math.nan}, "walk.length must be a number"),
        ({"length": "1"}, "walk.length must be a number above 0 to 2.5; received '1'"),
        ({"weight": -1}, "walk.weight must be a number from 0 up; received -1"),
        ({"weight": math.inf}, "walk.weight must be a number from 0 up; received inf"),
        ({"gait": "gallop"}, "walk.gait must be one of walk, trot; received 'gallop'"),
        ({"uphill": 1}, "walk.uphill must be true or false; received 1"),
        ({"title": "a\nb"}, "walk.title must be a text of printable characters"),
    ],
)
def test_what_a_type_does_not_say_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Walk(**values)


def test_what_a_type_says_is_taken_and_other_fields_are_left_alone() -> None:
    assert Walk(1, 2.5, 1e308, "trot", True, "Up the hill", (1, 2)).steps == 1  # type: ignore[arg-type]


def test_a_form_reads_the_same_ranges_and_choices() -> None:
    assert range_of(Walk, "steps") == Range(1, 1000)
    assert choices_of(Walk, "gait") == ("walk", "trot")


def test_a_range_holds_its_ends_unless_it_is_above_the_low_one() -> None:
    assert [Range(0, 2).holds(value) for value in (-1e-9, 0, 1, 2, 2.001)] == [False, True, True, True, False]
    assert [Range(0, 2, above=True).holds(value) for value in (0, 5e-324, 2)] == [False, True, True]
    assert Range(0, math.inf).holds(1e308)
    assert not Range(0, 1).holds(math.nan)

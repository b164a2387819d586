"""What each rule of a plan does with the arrays of a dump: how many it is about, an example, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.dumps.cells import DumpArray, Place, place_of
from analysis.dumps.plan.axes import matrix_shape
from analysis.dumps.plan.name_reader import NameReader
from analysis.dumps.plan.plan import ReadingPlan

Problem = Literal["", "unused", "alike", "epoch"]


@dataclass(frozen=True, slots=True)
class RuleUse:
    """What a rule does.

    Attributes:
        arrays: that it decides about.
        example: the first of them; None if there is none.
        lengths: shortest and longest length of each axis; none if their numbers of axes differ.
        problem: "unused" if it decides about none, "alike" if nothing tells two arrays apart, so that each is a layer
            of its own, "epoch" if what stands for the epoch is no number; else empty.
        names: arrays of which the problem is shown.
    """

    arrays: int = 0
    example: DumpArray | None = None
    lengths: tuple[tuple[int, int], ...] = ()
    problem: Problem = "unused"
    names: tuple[str, ...] = ()


def rule_uses(arrays: Sequence[DumpArray], plan: ReadingPlan) -> tuple[RuleUse, ...]:
    """What every rule of a plan does, in their order. No value is read."""
    reader = NameReader(plan)
    numbers = {id(rule): number for number, rule in reversed(list(enumerate(plan.rules)))}
    found: list[list[DumpArray]] = [[] for _ in plan.rules]
    problems: dict[int, tuple[Problem, tuple[str, ...]]] = {}
    taken: dict[tuple[Place, tuple[object, ...]], str] = {}
    for array in arrays:
        if array.entry.refusal or array.entry.layer is not None:
            continue
        reading = reader.read(array.name, len(array.entry.shape or ()))
        if reading is None:
            continue
        rule, form, values = reading
        number = numbers[id(rule)]
        found[number].append(array)
        if rule.left_out:
            continue
        place, key = place_of(reading, matrix_shape(array.entry.shape or (), rule.axes)[1])
        if place.epoch is None and "epoch" in form.roles:
            problems.setdefault(number, ("epoch", (values[form.roles.index("epoch")],)))
        other = taken.setdefault((place if key else place._replace(units=0), key), array.shown)
        if other != array.shown:
            problems.setdefault(number, ("alike", (other, array.shown)))
    return tuple(_use(some, problems.get(number)) for number, some in enumerate(found))


def _use(arrays: Sequence[DumpArray], problem: tuple[Problem, tuple[str, ...]] | None) -> RuleUse:
    if not arrays:
        return RuleUse()
    shapes = [array.entry.shape or () for array in arrays]
    lengths = zip(*shapes, strict=True) if len(set(map(len, shapes))) == 1 else ()
    return RuleUse(len(arrays), arrays[0], tuple((min(own), max(own)) for own in lengths), *(problem or ("", ())))

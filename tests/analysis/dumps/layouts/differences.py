"""How an inspection differs from what a careful person finds, in words."""

import re
from collections.abc import Iterable

import numpy as np

from analysis.dumps import Inspection, Member
from tests.analysis.dumps.layouts.layout import Cell, Layout


def differences(found: Inspection, expected: Layout) -> list[str]:
    """One line for each; empty if there is none."""
    return [*_of_cells(found, expected), *_of_what_is_left_out(found, expected), *_of_questions(found, expected)]


def _of_cells(found: Inspection, expected: Layout) -> Iterable[str]:
    free = list(found.members)
    for cell in expected.cells:
        fitting = [member for member in free if _fits(member, cell)]
        if not fitting:
            yield f"no member is {_cell(cell)}"
            continue
        free.remove(fitting[0])
        yield from _of_values(found, fitting[0], cell)
    yield from (
        f"no cell is {member.name!r}, layer {member.layer!r}, epoch {member.epoch}, split {member.split!r},"
        f" {member.rows} x {member.units}"
        for member in free
    )


def _of_values(found: Inspection, member: Member, cell: Cell) -> Iterable[str]:
    if (member.rows, member.units) != cell.values.shape:
        yield f"{_cell(cell)}, but {member.name!r} has {member.rows} x {member.units}"
        return
    values = found.load(member.name).values
    if not np.array_equal(values, cell.values):
        is_order = np.array_equal(np.sort(values, axis=0), np.sort(cell.values, axis=0))
        yield f"{member.name!r} has other {'rows first' if is_order else 'values'} than {_cell(cell)}"


def _of_what_is_left_out(found: Inspection, expected: Layout) -> Iterable[str]:
    for word, kinds in expected.left_out.items():
        allowed = kinds.split(" or ")
        if "nothing" not in allowed and not any(word in one.name and one.kind in allowed for one in found.left_out):
            yield f"{word!r} is not left out as {kinds}"
    for one in found.left_out:
        if not any(word in one.name and one.kind in kinds.split(" or ") for word, kinds in expected.left_out.items()):
            yield f"{one.name!r} is left out as {one.kind!r}: {one.reason}"
        if not one.reason:
            yield f"{one.name!r} is left out without a reason"


def _of_questions(found: Inspection, expected: Layout) -> Iterable[str]:
    words = expected.questions
    if words is None:
        return
    if not words or not found.questions:
        yield from (f"asked without need: {question.id}, {question.reason}" for question in found.questions)
        if words:
            yield f"nothing is asked about {words}"
        return
    if len(found.questions) > len(words):
        yield f"{len(found.questions)} questions about {len(words)} kinds of arrays"
    for question in found.questions:
        if not any(word in question.id + question.example for word in words):
            yield f"asked about none of {words}: {question.id}"


def _fits(member: Member, cell: Cell) -> bool:
    words = _words(f"{member.name} {member.layer} {member.split}")
    return (
        (not cell.layer or any(_is_called(member.layer or "", name) for name in cell.layer.split(" or ")))
        and member.epoch == cell.epoch
        and cell.split in (None, member.split)
        and all(f" {' '.join(_words(phrase))} " in f" {' '.join(words)} " for phrase in cell.where)
    )


def _is_called(found: str, name: str) -> bool:
    """Whether it is that name, or has that number and no other."""
    return _words(found) == _words(name) or (
        name.isdigit() and [int(number) for number in re.findall(r"\d+", found)] == [int(name)]
    )


def _words(text: str) -> list[str]:
    """Words and numbers; how they are separated, and zeros in front, do not matter."""
    return [str(int(word)) if word.isdigit() else word for word in re.findall(r"\d+|[^\W\d_]+", text.lower())]


def _cell(cell: Cell) -> str:
    rows, units = cell.values.shape
    where = f" of {', '.join(cell.where)}" if cell.where else ""
    split = f", split {cell.split!r}" if cell.split else ""
    return f"layer {cell.layer!r}{where}, epoch {cell.epoch}{split}, {rows} x {units}"

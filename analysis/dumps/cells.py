"""Cells: the arrays of a dump, read by a plan, become members, each one layer at one epoch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from analysis.dumps.axes import layers_of, matrix_shape
from analysis.dumps.entry import ITEM_BYTES, Entry
from analysis.dumps.limits import ReadingLimits, in_words
from analysis.dumps.member import LeftOut, Location, Member, Part
from analysis.dumps.name_form import JOINED, NameForm
from analysis.dumps.natural_order import by_numbers
from analysis.dumps.plan import ArrayRule, Axes, ReadingPlan
from analysis.dumps.proposal.kinds import REASONS
from analysis.plain_text import message, plain, plain_names
from per_core.recording.epoch import parse_epoch

FLOAT_BYTES = 4
TWICE = "Names are unique within a dump; this one was there before. Rename one of them."
UNKNOWN = "no rule of the plan fits its name and its number of axes"
WHOLE_NUMBERS = "whole numbers: labels, indices or coordinates rather than activations"


@dataclass(frozen=True, slots=True)
class DumpArray:
    """An array of a dump.

    Attributes:
        location: the way to it, see `analysis.dumps.tree`.
        entry: what its file says of it.
        shown: the name by which it is shown.
        name: the name that a plan reads: the way to it, its file included.
        inner: how many parts of it, from its end, are keys within a file.
        is_one_file: whether the dump is one file, whose name is not shown.
    """

    location: Location
    entry: Entry
    shown: str
    name: str
    inner: int
    is_one_file: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A cell of the table.

    Attributes:
        layer, epoch, split, method, seed: what the name tells; None or empty where it does not.
        units: of the arrays: those of different widths are never one.
        apart: the name of an array that nothing tells apart from another one.
    """

    layer: str | None
    epoch: float | None
    split: str
    method: str
    seed: str
    units: int = 0
    apart: str = ""


Found = tuple[tuple[object, ...], DumpArray, ArrayRule]
"""By what an array is ordered within its cell, the array, and the rule that it is read by."""

Cells = dict[Place, list[Found]]
NUMBER = re.compile(r"[0-9]{1,15}|[0-9]{1,14}[._][0-9]{1,6}")


def read_by_plan(
    arrays: Sequence[DumpArray], plan: ReadingPlan, limits: ReadingLimits
) -> tuple[tuple[Member, ...], tuple[LeftOut, ...]]:
    """Members and what is left out, in the order of the dump. No value is read."""
    rules = [(NameForm.of(rule.name), rule) for rule in plan.rules]
    cells: Cells = {}
    members: list[tuple[int, Member]] = []
    left_out: list[LeftOut] = []
    order: dict[Place, int] = {}
    seen: set[str] = set()
    runs = _run_names(arrays)
    for number, array in enumerate(arrays):
        entry = array.entry
        if array.shown in seen or entry.refusal:
            members.append((number, _refused(array, entry.refusal or TWICE)))
            continue
        seen.add(array.shown)
        if entry.layer is not None:
            members.append((number, _stated(array, runs, limits)))
            continue
        fitting = fitting_rule(array, rules)
        if fitting is None:
            left_out.append(LeftOut(array.shown, "other", UNKNOWN, array.location))
            continue
        rule, form, values = fitting
        kind = rule.left_out
        if kind:
            left_out.append(LeftOut(array.shown, kind, REASONS[kind], array.location))
            continue
        reason = _refusal(entry, rule.axes, limits)
        if reason:
            members.append((number, _refused(array, reason)))
            continue
        place, key = place_of(form, values, matrix_shape(entry.shape or (), rule.axes)[1])
        cells.setdefault(place, []).append((key, array, rule))
        order.setdefault(place, number)
    for place, found in _told_apart(cells):
        number = order.get(place, order.get(replace(place, apart=""), 0))
        members += [(number, member) for member in _members(place, found)]
    members.sort(key=lambda one: one[0])
    return _named_apart([member for _, member in members]), tuple(left_out)


def fitting_rule(
    array: DumpArray, rules: Sequence[tuple[NameForm, ArrayRule]]
) -> tuple[ArrayRule, NameForm, tuple[str, ...]] | None:
    """The first rule that fits an array, and what it reads from its name."""
    axes = len(array.entry.shape or ())
    for form, rule in rules:
        if rule.fits(axes):
            values = form.read(array.name)
            if values is not None:
                return rule, form, values
    return None


def place_of(form: NameForm, values: tuple[str, ...], units: int) -> tuple[Place, tuple[object, ...]]:
    """The cell that a name tells, and by what its parts are ordered."""
    told: dict[str, list[str]] = {}
    for role, value in zip(form.roles, values, strict=True):
        told.setdefault(role, []).append(value)
    epoch = told.get("epoch")
    place = Place(
        layer="/".join(told["layer"]) if "layer" in told else None,
        epoch=parse_epoch(epoch[0].replace("_", ".")) if epoch and NUMBER.fullmatch(epoch[0]) else None,
        split="/".join(told.get("split", ())),
        method="/".join(told.get("method", ())),
        seed="/".join(told.get("seed", ())),
        units=units,
    )
    parts = tuple(tuple(by_numbers(value)) for role in JOINED for value in told.get(role, ()))
    return place, parts


def _told_apart(cells: Cells) -> list[tuple[Place, list[Found]]]:
    """Every cell with its arrays in order; arrays that no part or sample tells apart are cells of their own."""
    widths = Counter((place.layer, place.epoch, place.split, place.method, place.seed) for place in cells)
    found = []
    for place, arrays in cells.items():
        count = Counter(key for key, *_ in arrays)
        joined = [one for one in arrays if count[one[0]] == 1]
        if widths[place.layer, place.epoch, place.split, place.method, place.seed] > 1:
            found += [(replace(place, apart=one[1].shown), [one]) for one in joined if not one[0]]
            joined = [one for one in joined if one[0]]
        if joined:
            found.append((place, sorted(joined, key=_order)))
        found += [(replace(place, apart=one[1].shown), [one]) for one in arrays if count[one[0]] > 1]
    return found


def _order(one: Found) -> Any:
    return one[0]


def _members(place: Place, found: Sequence[Found]) -> list[Member]:
    """The members of one cell: one, or one for each index on an axis of layers."""
    _, first, rule = found[0]
    layers = {layers_of(array.entry.shape or (), one.axes) for _, array, one in found}
    count = min((number for number in layers if number is not None), default=None)
    name = first.shown if len(found) == 1 else _whole(first, rule)
    layer = place.layer if not place.apart else place.apart
    members = []
    for index in [None] if count is None else range(count):
        parts = tuple(Part(array.location, array.entry.shape or (), one.axes, index) for _, array, one in found)
        own = layer if index is None else f"{layer}/{index}" if layer else str(index)
        title = name if index is None else f"{name}[{index}]"
        members.append(_member(title, own, place, [array for _, array, _ in found], parts, count or 1))
    return members


def _whole(first: DumpArray, rule: ArrayRule) -> str:
    """What the whole is called whose parts are joined."""
    whole = NameForm.of(rule.name).joined(first.name)
    return plain(whole.partition("/")[2] if first.is_one_file and "/" in whole else whole)


def _member(
    name: str, layer: str | None, place: Place, arrays: Sequence[DumpArray], parts: tuple[Part, ...], layers: int
) -> Member:
    first = arrays[0].entry
    rows = sum(part.rows for part in parts)
    units = matrix_shape(parts[0].shape, parts[0].axes)[1]
    stored = [array.entry.stored for array in arrays]
    unused = sum(array.entry.unused for array in arrays)
    return Member(
        name=name,
        shape=first.shape if len(parts) == 1 else (rows, units),
        dtype=plain(first.dtype),
        declared=sum(array.entry.declared or 0 for array in arrays) // layers,
        stored=None if None in stored else sum(size or 0 for size in stored) // layers,
        layer=None if layer is None else plain(layer),
        epoch=place.epoch,
        split=plain(place.split),
        method=plain(place.method),
        seed=plain(place.seed),
        verdict="ok",
        reason="",
        note="; ".join(filter(None, (_joined_note(arrays, rows), message(first.note), _kind_note(first)))),
        rows=rows,
        units=units,
        unused=unused,
        parts=parts,
    )


def _joined_note(arrays: Sequence[DumpArray], rows: int) -> str:
    if len(arrays) == 1:
        return ""
    return f"{len(arrays)} arrays joined to {rows} rows, {plain(arrays[0].shown)} to {plain(arrays[-1].shown)}"


def _kind_note(entry: Entry) -> str:
    """Whole numbers larger than quantised activations, which have 8 bits, are named so."""
    return WHOLE_NUMBERS if entry.dtype.removeprefix("u") in ("int16", "int32", "int64") else ""


def _stated(array: DumpArray, runs: dict[str, str], limits: ReadingLimits) -> Member:
    """A layer of a run, which says itself what it is."""
    entry = array.entry
    axes: Axes = ("sample", "unit")
    reason = _refusal(entry, axes, limits)
    if reason:
        return _refused(array, reason)
    run = runs[array.location[0]] if len(runs) > 1 else ""
    place = Place(entry.layer, entry.epoch, "", run, "")
    return _member(array.shown, entry.layer, place, [array], (Part(array.location, entry.shape or (), axes),), 1)


def _run_names(arrays: Sequence[DumpArray]) -> dict[str, str]:
    """Of each run in a folder its last folder, or the whole way to it where several end in the same."""
    places = {array.location[0] for array in arrays if array.entry.layer is not None and len(array.location) > 1}
    count = Counter(PurePosixPath(place).name for place in places)
    return {place: name if count[name := PurePosixPath(place).name] == 1 else place for place in places}


def _refused(array: DumpArray, reason: str) -> Member:
    entry = array.entry
    return Member(
        name=array.shown,
        shape=entry.shape,
        dtype=plain(entry.dtype),
        declared=entry.declared,
        stored=entry.stored,
        layer=None,
        epoch=None,
        split="",
        method="",
        seed="",
        verdict="refused",
        reason=message(reason),
        note=message(entry.note),
        rows=None,
        units=None,
        unused=entry.unused,
        parts=(),
    )


def _refusal(entry: Entry, axes: Axes, limits: ReadingLimits) -> str:
    """Why an entry that its format does not object to is no batch, or nothing."""
    if entry.dtype.startswith("complex"):
        return (
            f"Activations are real numbers; these are {entry.dtype}. Save their absolute values, or both parts apart."
        )
    if entry.dtype not in ITEM_BYTES:
        return (
            f"Activations are real numbers; these are {entry.dtype or 'unknown'}. Save them as floating-point numbers."
        )
    shape = entry.shape
    if not shape:
        return "Activations have rows and units; this is a single number. Save the array that it was computed from."
    if 0 in shape:
        return f"A batch has at least one row and one unit; this one has shape {shape}. Record some samples."
    rows, units = matrix_shape(shape, axes)
    item = rows // Part((), shape, axes).items * units * FLOAT_BYTES
    if item > limits.batch_bytes:
        return (
            f"One sample may take {in_words(limits.batch_bytes)}; here it takes {in_words(item)}. Save fewer units a"
            " row."
        )
    return ""


def _named_apart(members: Sequence[Member]) -> tuple[Member, ...]:
    """Names that are unique and fit to be shown."""
    shown = plain_names(member.name for member in members)
    seen: Counter[str] = Counter()
    found = []
    for member in members:
        name = shown[member.name]
        seen[name] += 1
        found.append(replace(member, name=name if seen[name] == 1 else f"{name} ({seen[name]})"))
    return tuple(found)

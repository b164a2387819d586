"""Cells: the arrays of a dump, read by a plan, become members, each one layer at one epoch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from pathlib import PurePosixPath
from typing import NamedTuple

from analysis.dumps.entry import HISTOGRAM, ITEM_BYTES, Entry
from analysis.dumps.limits import ReadingLimits, in_words
from analysis.dumps.member import LeftOut, Location, Member, Part
from analysis.dumps.natural_order import by_numbers
from analysis.dumps.plan.axes import items_of, layers_of, matrix_shape
from analysis.dumps.plan.name_form import JOINED, NameForm, NameRole
from analysis.dumps.plan.name_reader import NameReader, NameReading
from analysis.dumps.plan.plan import ArrayRule, Axes, ReadingPlan
from analysis.dumps.proposal.kinds import REASONS
from analysis.dumps.proposal.words import WEIGHT_FOLDERS, WEIGHTS
from analysis.plain_text import message, plain, plain_names
from per_core.recording.epoch import parse_epoch
from per_core.text import N_, Phrase, together

FLOAT_BYTES = 4
TWICE = Phrase(N_("Names are unique within a dump; this one was there before. Rename one of them."))
UNKNOWN = N_("no rule of the plan fits its name and its number of axes")
WHOLE_NUMBERS = Phrase(N_("whole numbers: labels, indices or coordinates rather than activations"))


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


class Place(NamedTuple):
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


Found = tuple[tuple[str, ...], DumpArray, ArrayRule]
"""By what an array is ordered within its cell, the array, and the rule that it is read by."""

Cells = dict[Place, tuple[int, list[Found]]]
"""Of every cell the number of its first array in the dump, and its arrays."""

BEHIND_WEIGHTS = re.compile(r"(?:[./_](?:grads?|gradients?|histogram|hist|\d+))+$")  # what writers add to their names
TELLING = -2  # what a name tells of a place is all but its last two
NUMBER = re.compile(r"[0-9]{1,15}|[0-9]{1,14}[._][0-9]{1,6}")


def read_by_plan(
    arrays: Sequence[DumpArray], plan: ReadingPlan, limits: ReadingLimits
) -> tuple[tuple[Member, ...], tuple[LeftOut, ...]]:
    """Members and what is left out, in the order of the dump. No value is read."""
    reader = NameReader(plan)
    cells: Cells = {}
    members: list[tuple[int, Member]] = []
    left_out: list[LeftOut] = []
    seen: set[str] = set()
    runs = _run_names(arrays)
    for number, array in enumerate(arrays):
        entry = array.entry
        if array.shown in seen or entry.refusal:
            members.append((number, _refused(array, entry.refusal or TWICE)))
            continue
        seen.add(array.shown)
        if entry.layer is not None:
            if entry.dtype == HISTOGRAM and _is_of_weights(entry.layer):
                left_out.append(LeftOut(array.shown, "weights", REASONS["weights"], array.location))
            else:
                members.append((number, _stated(array, runs, limits)))
            continue
        shape = entry.shape or ()
        reading = reader.read(array.name, len(shape))
        if reading is None:
            left_out.append(LeftOut(array.shown, "other", UNKNOWN, array.location))
            continue
        rule = reading.rule
        if rule.left_out:
            left_out.append(LeftOut(array.shown, rule.left_out, REASONS[rule.left_out], array.location))
            continue
        reason = _refusal(entry.dtype, entry.shape, rule.axes, limits.batch_bytes)
        if reason:
            members.append((number, _refused(array, reason)))
            continue
        place, key = place_of(reading, matrix_shape(shape, rule.axes)[1])
        cell = cells.get(place)
        if cell is None:
            cells[place] = number, [(key, array, rule)]
        else:
            cell[1].append((key, array, rule))
    for number, place, found in _told_apart(cells):
        members += zip(repeat(number), _members(place, found))
    members.sort(key=itemgetter(0))
    return _named_apart([member for _, member in members]), tuple(left_out)


def place_of(reading: NameReading, units: int) -> tuple[Place, tuple[str, ...]]:
    """The cell that a name tells, and by what its parts are ordered."""
    layer, epoch, split, method, seed, *joined = (
        [reading.values[number] for number in numbers] for numbers in _fields_of(reading.form.roles)
    )
    place = Place(
        "/".join(layer) if layer else None,
        _epoch(epoch[0]) if epoch else None,
        "/".join(split),
        "/".join(method),
        "/".join(seed),
        units,
    )
    return place, tuple([by_numbers(value) for values in joined for value in values])


@lru_cache(maxsize=4096)
def _fields_of(roles: tuple[NameRole, ...]) -> tuple[tuple[int, ...], ...]:
    """Which fields have the roles that tell a place, and those along which arrays are joined."""
    return tuple(
        tuple(number for number, one in enumerate(roles) if one == role)
        for role in ("layer", "epoch", "split", "method", "seed", *JOINED)
    )


@lru_cache(maxsize=4096)
def _epoch(text: str) -> float | None:
    return parse_epoch(text.replace("_", ".")) if NUMBER.fullmatch(text) else None


def _told_apart(cells: Cells) -> Iterator[tuple[int, Place, list[Found]]]:
    """Every cell with its arrays in order; arrays that no part or sample tells apart are cells of their own."""
    widths = Counter([place[:TELLING] for place in cells])
    for place, (number, arrays) in cells.items():
        has_one_width = widths[place[:TELLING]] == 1
        if len(arrays) == 1 and (arrays[0][0] or has_one_width):
            yield number, place, arrays
            continue
        count = Counter([key for key, *_ in arrays])
        unlike = [one for one in arrays if count[one[0]] == 1]
        joined = [one for one in unlike if one[0] or has_one_width]
        for one in [one for one in unlike if not (one[0] or has_one_width)]:
            yield number, place._replace(apart=one[1].shown), [one]
        if joined:
            yield number, place, sorted(joined, key=itemgetter(0))
        for one in [one for one in arrays if count[one[0]] > 1]:
            yield number, place._replace(apart=one[1].shown), [one]


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
    units = matrix_shape(parts[0].shape, parts[0].axes)[1]
    rows = sum([part.rows for part in parts])
    stored = [array.entry.stored for array in arrays]
    return Member(
        name=name,
        shape=first.shape if len(parts) == 1 else (rows, units),
        dtype=plain(first.dtype),
        declared=sum([array.entry.declared or 0 for array in arrays]) // layers,
        stored=None if None in stored else sum([size or 0 for size in stored]) // layers,
        layer=None if layer is None else plain(layer),
        epoch=place.epoch,
        split=plain(place.split),
        method=plain(place.method),
        seed=plain(place.seed),
        verdict="ok",
        reason="",
        note=together(_joined_note(arrays, rows), _own_note(first.note, first.dtype)),
        rows=rows,
        units=units,
        row=first.row,
        unused=sum([array.entry.unused for array in arrays]),
        parts=parts,
    )


def _joined_note(arrays: Sequence[DumpArray], rows: int) -> str:
    if len(arrays) == 1:
        return ""
    return Phrase(
        N_("{count} arrays joined to {rows} rows, {first} to {last}"),
        count=len(arrays),
        rows=rows,
        first=plain(arrays[0].shown),
        last=plain(arrays[-1].shown),
    )


@lru_cache(maxsize=4096)
def _own_note(note: str, dtype: str) -> str:
    """What is said of an array; whole numbers larger than quantised activations, which have 8 bits, are named so."""
    is_whole = dtype.removeprefix("u") in ("int16", "int32", "int64")
    return together(message(note), WHOLE_NUMBERS if is_whole else "")


def _stated(array: DumpArray, runs: dict[str, str], limits: ReadingLimits) -> Member:
    """A layer of a run or of an event file, which says itself what it is."""
    entry = array.entry
    axes: Axes = ("sample", "unit")
    is_histogram = entry.dtype == HISTOGRAM
    reason = "" if is_histogram else _refusal(entry.dtype, entry.shape, axes, limits.batch_bytes)
    if reason:
        return _refused(array, reason)
    run = runs[_run_of(array)] if len(runs) > 1 else ""
    place = Place(entry.layer, entry.epoch, "", run, "")
    part = Part(array.location, entry.shape or (), axes)
    member = _member(array.shown, entry.layer, place, [array], (part,), 1)
    return replace(member, declared=None, rows=entry.counted, units=1) if is_histogram else member


def _is_of_weights(tag: str) -> bool:
    """Whether a histogram is one of the parameters of a model, or of their gradients."""
    return bool(WEIGHTS.search(BEHIND_WEIGHTS.sub("", tag)) or WEIGHT_FOLDERS.search(tag))


def _run_of(array: DumpArray) -> str:
    """The folder of a run: itself, or that in which an event file is."""
    place = array.location[0]
    return str(PurePosixPath(place).parent) if array.entry.dtype == HISTOGRAM else place


def _run_names(arrays: Sequence[DumpArray]) -> dict[str, str]:
    """Of each run in a folder its last folder, or the whole way to it where several end in the same."""
    places = {_run_of(array) for array in arrays if array.entry.layer is not None and len(array.location) > 1}
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
        row=None,
        unused=entry.unused,
        parts=(),
    )


@lru_cache(maxsize=4096)
def _refusal(dtype: str, shape: tuple[int, ...] | None, axes: Axes, batch_bytes: int) -> str:
    """Why an array that its format does not object to is no batch, or nothing."""
    if dtype.startswith("complex"):
        return Phrase(
            N_("Activations are real numbers; these are {dtype}. Save their absolute values, or both parts apart."),
            dtype=dtype,
        )
    if dtype not in ITEM_BYTES:
        return Phrase(
            N_("Activations are real numbers; these are {dtype}. Save them as floating-point numbers."),
            dtype=dtype or "unknown",
        )
    if not shape:
        return Phrase(
            N_("Activations have rows and units; this is a single number. Save the array that it was computed from.")
        )
    if 0 in shape:
        return Phrase(
            N_("A batch has at least one row and one unit; this one has shape {shape}. Record some samples."),
            shape=shape,
        )
    rows, units = matrix_shape(shape, axes)
    item = rows // items_of(shape, axes) * units * FLOAT_BYTES
    if item > batch_bytes:
        return Phrase(
            N_("One sample may take {most}; here it takes {size}. Save fewer units a row."),
            most=in_words(batch_bytes),
            size=in_words(item),
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
        if seen[name] > 1:
            name = f"{name} ({seen[name]})"
        found.append(member if name == member.name else replace(member, name=name))
    return tuple(found)

"""Wholes: parts of names whose texts, numbers included, are one thing: samples that have names, and methods."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from analysis.dumps.plan.name_form import JOINED, NameRole
from analysis.dumps.proposal.family import PLACE, SPLIT, Family, NumberRole, Slot, SlotKey
from analysis.dumps.proposal.grouping import Whole
from analysis.dumps.proposal.number_words import NumberRoles
from analysis.dumps.proposal.words import role_of_word
from per_core.text import N_

FEWEST_SAMPLES = 5
FEWEST_VECTORS = 3
MOST_POSITIONS = 1000
"""Rows of the longest sample that has a name: data sets that have names are larger."""

BARE = re.compile(r"[\d.]+")
TAIL = re.compile(r"([_.-])([A-Za-z]+)$")
MOST_STREAMS = 8

Found = dict[int, dict[int, Whole]]
"""By the number of the family and the part of the name."""


def find_wholes(families: Sequence[Family], roles: NumberRoles, answers: Mapping[SlotKey, NameRole]) -> Found:
    """Parts that are one thing as a whole, in families of which some numbers are told by words."""
    found: Found = {}
    free = [_free_parts(family, roles, answers) for family in families]
    for numbers, part in sorted(_alike(families, free), key=lambda one: -len(one[0])):
        if any(number in found for number in numbers):
            continue  # names have one text that is the sample: of two the one of which there are more
        for number, whole in _samples([families[number] for number in numbers], numbers, part, roles):
            found.setdefault(number, {})[part] = whole
    for part in range(max((len(family.parts) for family in families), default=0) - 1):
        candidates = [
            number for number, parts in enumerate(free) if part in parts and part not in found.get(number, {})
        ]
        for numbers in _above(families, candidates, part):
            tails = [_tail(families[number], part, found.get(number, {})) for number in numbers]
            if (told := _method([families[number] for number in numbers], tails, part, roles)) is not None:
                for number in numbers:
                    found.setdefault(number, {})[part] = Whole(told)
    for number, parts in enumerate(free):
        for part in parts - set(found.get(number, {})):
            if _change_together(families[number], part):
                found.setdefault(number, {})[part] = Whole(NumberRole("layer"))
    return found


def _free_parts(family: Family, roles: NumberRoles, answers: Mapping[SlotKey, NameRole]) -> set[int]:
    """Parts in which nothing is told yet: no split, and no number with a role, but one of a layer that is the same."""
    taken = {
        slot.part
        for slot in family.slots
        if slot.is_text
        or slot.key in answers
        or slot.key in roles.decimals
        or (slot.key in roles.found and not (slot.is_constant and roles.of(slot) == "layer"))
    }
    return {part for part, text in enumerate(family.signature) if part not in taken and SPLIT not in text}


def _alike(families: Sequence[Family], free: Sequence[set[int]]) -> Iterator[tuple[list[int], int]]:
    """Families whose names differ in one part alone."""
    groups: dict[tuple[int, tuple[str, ...], tuple[str, ...], int, str], list[int]] = {}
    for number, family in enumerate(families):
        way = family.signature
        for part in free[number]:
            key = part, tuple(way[:part]), tuple(way[part + 1 :]), family.axes, family.type
            groups.setdefault(key, []).append(number)
    for (part, *_), numbers in groups.items():
        yield numbers, part


def _samples(
    families: Sequence[Family], numbers: Sequence[int], part: int, roles: NumberRoles
) -> Iterator[tuple[int, Whole]]:
    """Whether the texts of a part are names of samples; or of samples and of what is stored of each."""
    slots = [slot for family in families for slot in family.slots if not slot.is_constant]
    if any(slot.is_text or roles.of(slot) in JOINED for slot in slots):
        return
    if len(families) == 1 and not _change_together(families[0], part):
        return
    texts = [family.parts[part] for family in families]
    if any(role_of_word(word) == "layer" for text in texts for word in re.findall(r"[a-z]+", text.lower())):
        return
    if len(families) > 1 and (told := _streams(families, texts)):
        yield from ((number, Whole(NumberRole("sample"), tail)) for number, tail in zip(numbers, told, strict=True))
    elif _are_samples(families, part):
        yield from ((number, Whole(NumberRole("sample"))) for number in numbers)


def _change_together(family: Family, part: int) -> bool:
    """Whether several numbers of a part change, but not each with each other one: a date, the name of a recording."""
    slots = _changing(family, part)
    count = math.prod(len(slot.different) for slot in slots)
    is_grid = count == len(set(zip(*(slot.values for slot in slots), strict=True)))
    return len(slots) > 1 and not is_grid and not slots[-1].is_decimal


def _changing(family: Family, part: int) -> list[Slot]:
    return [slot for slot in family.slots if slot.part == part and not slot.is_constant]


def _are_samples(families: Sequence[Family], part: int) -> bool:
    """Whether arrays are samples: vectors of one length, or arrays of as many units and different numbers of rows."""
    shapes = [shape for family in families for shape in family.shapes]
    names = len(families) if len(families) > 1 else len(families[0].texts(part))
    if families[0].axes == 1:
        return names >= FEWEST_VECTORS and len(set(shapes)) == 1 and shapes[0][0] > 1
    rows = {shape[:-1] for shape in shapes}
    is_one_width = len({shape[-1] for shape in shapes}) == 1
    is_many = names >= FEWEST_SAMPLES and len(rows) > min(names, len(shapes)) // 2
    return is_one_width and is_many and families[0].axes < 4 and max(max(lengths) for lengths in rows) < MOST_POSITIONS


def _streams(families: Sequence[Family], texts: Sequence[str]) -> list[str] | None:
    """The ends of names, if each name has all of them, and rows differ from name to name but not within a name."""
    ends = [TAIL.search(text) for text in texts]
    if not all(ends) or any(PLACE in text for text in texts):
        return None
    tails = [end[0] for end in ends if end is not None]
    by_name: dict[str, dict[str, list[tuple[int, ...]]]] = {}
    for family, text, tail in zip(families, texts, tails, strict=True):
        by_name.setdefault(text.removesuffix(tail), {})[tail] = family.shapes
    if len(by_name) < FEWEST_SAMPLES or not 2 <= len(set(tails)) <= MOST_STREAMS:
        return None
    has_all = all(set(own) == set(tails) for own in by_name.values())
    is_same = all(len({shapes[0][:-1] for shapes in own.values()}) == 1 for own in by_name.values())
    rows = {next(iter(own.values()))[0][:-1] for own in by_name.values()}
    return tails if has_all and is_same and len(rows) > len(by_name) // 2 and families[0].axes > 1 else None


def _above(families: Sequence[Family], candidates: Sequence[int], part: int) -> list[list[int]]:
    """Families that have the same folders above a part."""
    found: dict[tuple[str, ...], list[int]] = {}
    for number in candidates:
        way = families[number].signature
        if part < len(way) - 1:
            found.setdefault(tuple(way[:part]), []).append(number)
    return list(found.values())


def _tail(family: Family, part: int, wholes: Mapping[int, Whole]) -> tuple[object, ...]:
    """What is behind a part of a name, and of how many axes: the same for all names of samples."""
    inner = range(part + 1, len(family.parts))
    return (*(wholes[number].tail if number in wholes else family.signature[number] for number in inner), family.axes)


def _method(
    families: Sequence[Family], tails: Sequence[tuple[object, ...]], part: int, roles: NumberRoles
) -> NumberRole | None:
    """What a folder is if each of those beside it holds the same layers: a training, a model, a data set."""
    inside: dict[str, set[tuple[object, ...]]] = {}
    for family, tail in zip(families, tails, strict=True):
        for text in family.texts(part):
            inside.setdefault(text, set()).add(tail)
    same = next(iter(inside.values()))
    if len(inside) < 2 or any(own != same for own in inside.values()) or not _share_names(families, part):
        return None
    words = [set(re.findall(r"[a-z]+", text.lower())) for text in inside]
    if any(BARE.fullmatch(text) for text in inside) or all(map(_speaks_of_layers, words)):
        return None
    changing = {slot.key: (family, slot) for family in families for slot in _changing(family, part)}
    if any(_counts_samples(*place) for place in changing.values()):
        return None
    if part == families[0].file and len(changing) == 1:
        return None
    if len(same) == 1 and not any(_has_more_below(family, part, roles) for family in families):
        return None
    texts = {family.parts[part] for family in families}
    if len(texts) == len(changing) == 1 and all(slot.counts for _, slot in changing.values()):
        reason = N_("each of them holds the same arrays")
        return NumberRole("method", reason, ("part", "epoch", "seed"))
    return NumberRole("method")


def _share_names(families: Sequence[Family], part: int) -> bool:
    """Whether the texts of a part have names behind them in common: each of them one with the first."""
    behind: dict[str, set[str]] = {}
    for family in families:
        for member in family.members:
            way = family.arrays[member].name.split("/", part + 1)
            behind.setdefault(way[part], set()).add(way[part + 1])
    first = next(iter(behind.values()))
    return not any(first.isdisjoint(own) for own in behind.values())


def _speaks_of_layers(words: set[str]) -> bool:
    return any(role_of_word(word) == "layer" for word in words)


def _counts_samples(family: Family, slot: Slot) -> bool:
    """Whether a number of folders follows one another, and arrays have other rows along it."""
    rows = {shape[0] for shape in family.shapes}
    return family.axes > 1 and len(rows) > 1 and (slot.counts or slot.is_padded)


def _has_more_below(family: Family, part: int, roles: NumberRoles) -> bool:
    return any(slot.part > part and not slot.is_constant and roles.of(slot) == "layer" for slot in family.slots)

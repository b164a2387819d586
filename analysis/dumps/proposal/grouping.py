"""Grouping: the families of a set, and the fewer that are left where texts are one thing as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.dumps.proposal.family import (
    TEXT,
    Family,
    Named,
    NumberRole,
    Type,
    skeleton_of,
    type_of,
    without_suffix,
)
from analysis.dumps.proposal.words import BATCH_WORDS, LABELS, MORE_SPLITS, SPLITS, role_of_word

MOST_FAMILIES = 500
"""Of as many parts, axes and of one type. A network has fewer kinds of layers: more are names of other things."""

WORDED = re.compile(r"([A-Za-z]+)[^A-Za-z\x00]*\x00")
TOKEN = re.compile(r"[A-Za-z]+")

Key = tuple[str, int, Type, int]
"""Skeleton, number of axes, type, and how many parts of the name are keys."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A part of a name that is one thing: what it is, and the text behind it in the part."""

    told: NumberRole
    tail: str = ""


def families_of(arrays: Sequence[Named]) -> list[Family]:
    """The families of a set, in the order in which they come.

    Where there are very many, texts at the place that has most of them are taken for names of things: 100,000 images
    called by what is on them are one family.
    """
    found: dict[Key, list[int]] = {}
    for number, array in enumerate(arrays):
        entry = array.entry
        key = skeleton_of(array.name), len(entry.shape or ()), type_of(entry), array.inner
        found.setdefault(key, []).append(number)
    if len(found) > MOST_FAMILIES:
        found = _generalised(found)
    return [Family(skeleton, axes, kind, members, arrays) for (skeleton, axes, kind, _), members in found.items()]


def _generalised(found: Mapping[Key, list[int]]) -> dict[Key, list[int]]:
    """Fewer families: of those alike not more than `MOST_FAMILIES`, if texts without words can be left open."""
    alike: dict[object, list[Key]] = {}
    for key in found:
        skeleton, axes, kind, inner = key
        last = skeleton.rpartition("/")[2].lower()
        says_labels = LABELS.search(last) is not None
        alike.setdefault((skeleton.count("/"), axes, kind, inner, says_labels), []).append(key)
    general: dict[Key, Key] = {}
    for keys in alike.values():
        general.update(_of_alike(keys) if len(keys) > MOST_FAMILIES else zip(keys, keys, strict=True))
    fewer: dict[Key, list[int]] = {}
    for key, members in found.items():
        fewer.setdefault(general[key], []).extend(members)
    for members in fewer.values():
        members.sort()
    return fewer


def _of_alike(keys: Sequence[Key]) -> dict[Key, Key]:
    """For each key the one with texts left open, place by place, until there are few."""
    _, axes, kind, inner = keys[0]
    ways = [key[0].split("/") for key in keys]
    files = len(ways[0]) - inner
    told: set[int] = set()
    while len({tuple(way) for way in ways}) > MOST_FAMILIES:
        texts = [{way[part] for way in ways} if part not in told else set() for part in range(len(ways[0]))]
        part = max(range(len(texts)), key=lambda part: len(texts[part]))
        if len(texts[part]) < 2:
            break
        told.add(part)
        if not _is_telling(texts[part]):
            for way in ways:
                way[part] = opened(way[part], is_file=part < files)
    return {key: ("/".join(way), axes, kind, inner) for key, way in zip(keys, ways, strict=True)}


def _is_telling(texts: Iterable[str]) -> bool:
    """Whether most texts have a number with a word, or a split, of which the rest cannot be said to be one thing."""
    said = [
        any(role_of_word(word.lower()) or word.lower() in BATCH_WORDS for word in WORDED.findall(text))
        or any(word.lower() in SPLITS | MORE_SPLITS for word in TOKEN.findall(text))
        for text in texts
    ]
    return 2 * sum(said) > len(said)


def opened(part: str, *, is_file: bool, tail: str = "") -> str:
    """A part of a skeleton with its text left open, all but its tail and the suffix of a file."""
    suffix = part[len(without_suffix(part)) :] if is_file else ""
    return f"{TEXT}{tail}{suffix}"


def with_wholes(families: Sequence[Family], wholes: Mapping[int, Mapping[int, Whole]]) -> list[Family]:
    """The families with some parts left open, by the number of the family; those that become alike are one."""
    found: dict[tuple[str, int, Type, int], Family] = {}
    for number, family in enumerate(families):
        way = family.skeleton.split("/")
        own = wholes.get(number, {})
        for part, whole in own.items():
            way[part] = opened(way[part], is_file=part <= family.file, tail=whole.tail)
        key = "/".join(way), family.axes, family.type, family.inner
        known = found.get(key)
        if known is None:
            split = family.split if family.split is None or family.split[0] not in own else None
            told = family.wholes | {part: whole.told for part, whole in own.items()}
            found[key] = Family(*key[:3], list(family.members), family.arrays, split, told)
        else:
            known.members = sorted(known.members + family.members)
    return list(found.values())

"""Sample groups: arrays of one sample each, in groups that are numbered, which are one array of all samples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.dumps.entry import Entry
from analysis.dumps.natural_order import by_numbers

WORDS = (
    "samples?|examples?|instances?|images?|img|items?|prompts?|stimul(?:us|i)|trials?|observations?|obs|sentences?|idx"
)
SAMPLE = re.compile(rf"((?:{WORDS})[\s_.-]*)\d+", re.IGNORECASE)
NUMBER = re.compile(r"()\d+")
PLACE = "*"  # of the number, in the name of the whole
FEWEST = 2


@dataclass(frozen=True, slots=True)
class SampleGroup:
    """Arrays that are one.

    Attributes:
        entry: the whole, samples first; under a key with "*" in the place of the number.
        keys: of its parts, in their order: one sample each.
    """

    entry: Entry
    keys: tuple[str, ...]


def join_samples(entries: Sequence[Entry]) -> list[SampleGroup]:
    """The entries of a file, those that are one sample each joined; others are the only one of their group.

    Groups are those whose names differ by a number alone and whose arrays have the same shape and type. If the name
    says samples, they are joined along a new first axis. If it is a number and nothing else, it may be a sample or a
    layer: vectors (d,) are joined to (samples, d, 1), which can be read as rows of d units, or of one, so that whoever
    looks at it is asked; larger arrays are left alone.
    """
    alike: dict[tuple[str, bool], list[Entry]] = {}
    for entry in entries:
        alike.setdefault(_template(entry.key), []).append(entry)
    groups = []
    for (key, is_said), parts in alike.items():
        if _are_one(key, parts, is_said=is_said):
            groups.append(_joined(key, sorted(parts, key=lambda part: by_numbers(part.key)), is_said=is_said))
        else:
            groups += [SampleGroup(part, (part.key,)) for part in parts]
    return groups


def _template(key: str) -> tuple[str, bool]:
    """The key with its first number of a sample left open, and whether a word says that it is one."""
    parts = key.split("/")
    for pattern in (SAMPLE, NUMBER):
        for place, part in enumerate(parts):
            if found := pattern.fullmatch(part):
                return "/".join([*parts[:place], found[1] + PLACE, *parts[place + 1 :]]), pattern is SAMPLE
    return key, False


def _are_one(key: str, parts: Sequence[Entry], *, is_said: bool) -> bool:
    first = parts[0]
    return (
        PLACE in key
        and len(parts) >= FEWEST
        and first.shape is not None
        and (is_said or len(first.shape) == 1)
        and all((part.shape, part.dtype, part.refusal) == (first.shape, first.dtype, "") for part in parts)
        and len({part.key for part in parts}) == len(parts)
    )


def _joined(key: str, parts: Sequence[Entry], *, is_said: bool) -> SampleGroup:
    shape = parts[0].shape
    assert shape is not None
    whole = replace(
        parts[0],
        key=key,
        shape=(len(parts), *shape, *(() if is_said else (1,))),
        stored=sum(part.stored or 0 for part in parts),
        note=f"{len(parts)} arrays of one sample each, {parts[0].key} to {parts[-1].key}",
    )
    return SampleGroup(whole, tuple(part.key for part in parts))

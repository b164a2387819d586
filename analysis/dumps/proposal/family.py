"""Families: names that differ in their numbers alone, and what the arrays of a family say of each number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from analysis.dumps.entry import Entry
from analysis.dumps.file_kind import is_of_interest

DIGITS = re.compile(r"(?!(?<=\.h)5(?:/|$))(?!(?<=\.hdf)5(?:/|$))[0-9]+")  # but those of .h5 and .hdf5
PLACE = "#"  # of a number in a skeleton
WORD = re.compile(r"([A-Za-z]*)[^A-Za-z/#]*$")

SPLIT = "{split}"  # in the place of a split, in signatures

SlotKey = tuple[str, int]
Place = tuple[int, int, int]
"""Part, begin and end of a text in the skeleton of a family."""


@dataclass(frozen=True, slots=True)
class Named:
    """An array under the name that a plan reads: the way to it from the dump, its file included.

    Attributes:
        name: folders, files and keys, joined by "/".
        entry: what its file says of it.
        inner: how many parts of the name, from its end, are keys within a file.
    """

    name: str
    entry: Entry
    inner: int = 0


@dataclass(eq=False)
class Slot:
    """A number in the names of a family.

    Attributes:
        position: among the slots of the family.
        part: the part of the name that it is in.
        before: the skeleton of that part up to it; `after`, from it on.
        values: of the members, as they are written.
        key: the same for families that share the part and what is above it.
    """

    position: int
    part: int
    before: str
    after: str
    values: tuple[str, ...]
    key: SlotKey

    @cached_property
    def different(self) -> frozenset[str]:
        """The values that there are."""
        return frozenset(self.values)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The values as numbers, ascending."""
        return tuple(sorted({int(value) for value in self.different}))

    @property
    def is_constant(self) -> bool:
        """Whether there is one value alone."""
        return len(self.different) == 1

    @property
    def counts(self) -> bool:
        """Whether the numbers follow one another from 0 or 1 on."""
        numbers = self.numbers
        return len(numbers) > 1 and numbers[0] in (0, 1) and numbers[-1] - numbers[0] == len(numbers) - 1

    @property
    def word(self) -> str:
        """The word before the number in its part, in small letters; empty if there is none."""
        text = re.sub(r"[^A-Za-z#]+$", "", self.before)
        found = WORD.search(text)
        return found[1].lower() if found and not text.endswith(PLACE) else ""

    @property
    def is_alone(self) -> bool:
        """Whether its part is the number and nothing else."""
        return not self.before and not self.after


@dataclass(eq=False)
class Family:
    """Arrays whose names have one skeleton, and which have as many axes.

    Attributes:
        skeleton: the name, with "#" for every number.
        axes: how many axes they have.
        members: numbers of the arrays in the whole set.
        arrays: of the whole set.
        split: where the word of a split stands, once that is known.
    """

    skeleton: str
    axes: int
    members: list[int]
    arrays: Sequence[Named] = field(repr=False)
    split: Place | None = None

    @cached_property
    def parts(self) -> list[str]:
        """The parts of the skeleton, suffixes of files cut off."""
        way = self.skeleton.split("/")
        files = len(way) - self.inner
        return [without_suffix(part) if number < files else part for number, part in enumerate(way)]

    @property
    def signature(self) -> list[str]:
        """The parts, with a split left open."""
        parts = list(self.parts)
        if self.split is not None:
            part, begin, end = self.split
            parts[part] = f"{parts[part][:begin]}{SPLIT}{parts[part][end:]}"
        return parts

    @property
    def inner(self) -> int:
        """How many parts of the name are within a file."""
        return self.arrays[self.members[0]].inner

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of the members, in their order."""
        return [self.arrays[member].entry.shape or () for member in self.members]

    @property
    def example(self) -> Named:
        """The first member."""
        return self.arrays[self.members[0]]

    @cached_property
    def slots(self) -> list[Slot]:
        """The numbers of the names, in their order."""
        columns = zip(*(DIGITS.findall(self.arrays[member].name) for member in self.members), strict=True)
        places = [
            (number, part.split(PLACE), place)
            for number, part in enumerate(self.parts)
            for place in range(part.count(PLACE))
        ]
        way = self.signature
        return [
            Slot(
                position=position,
                part=number,
                before=PLACE.join(pieces[: place + 1]),
                after=PLACE.join(pieces[place + 1 :]),
                values=values,
                key=("/".join(way[: number + 1]), place),
            )
            for position, ((number, pieces, place), values) in enumerate(zip(places, columns, strict=True))
        ]

    def groups(self, slot: Slot) -> list[list[int]]:
        """Positions of members that differ in this slot alone."""
        others = [other.values for other in self.slots if other is not slot and not other.is_constant]
        found: dict[tuple[str, ...], list[int]] = {}
        for position, key in enumerate(zip(*others, strict=True) if others else [()] * len(self.members)):
            found.setdefault(key, []).append(position)
        return list(found.values())


def families_of(arrays: Sequence[Named]) -> list[Family]:
    """The families of a set, in the order in which they come."""
    found: dict[tuple[str, int], Family] = {}
    for number, array in enumerate(arrays):
        key = DIGITS.sub(PLACE, array.name), len(array.entry.shape or ())
        family = found.get(key)
        if family is None:
            found[key] = family = Family(*key, [], arrays)
        family.members.append(number)
    return list(found.values())


def without_suffix(part: str) -> str:
    """A part of a name without the suffix of a file that is read."""
    suffix = PurePosixPath(part).suffix
    return part.removesuffix(suffix) if suffix and is_of_interest(f"x{suffix}") else part

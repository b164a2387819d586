"""Families: names that differ in their numbers alone, and what the arrays of a family say of each number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

from analysis.dumps.entry import TEXT as TEXT_TYPE
from analysis.dumps.entry import Entry
from analysis.dumps.file_kind import is_of_interest
from analysis.dumps.plan.name_form import NameRole

DIGITS = re.compile(r"(?!(?<=\.h)5(?:/|$))(?!(?<=\.hdf)5(?:/|$))[0-9]+")  # but those of .h5 and .hdf5
PLACE, TEXT, SPLIT = "\x00", "\x01", "\x02"
"""What stands in a skeleton for a number, for a text that is one thing as a whole, and in a signature for a split."""

SHOWN = {ord(PLACE): "#", ord(TEXT): "*", ord(SPLIT): "{split}"}
UNPRINTED = str.maketrans(dict.fromkeys((PLACE, TEXT, SPLIT), "\ufffd"))
WORD = re.compile(r"([A-Za-z]*)[^A-Za-z\x00]*$")
INTEGERS = frozenset({"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"})

SlotKey = tuple[str, int]
Place = tuple[int, int, int]
"""Part, begin and end of a text in the skeleton of a family."""

Type = Literal["float", "integer", "text", "table"]


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


@dataclass(frozen=True, slots=True)
class NumberRole:
    """What a number in names is, or a text that is one thing as a whole.

    Attributes:
        role: None if it is a part of the text around it.
        reason: why; empty where the word before it says so.
        others: what else it could be; none if it is sure.
    """

    role: NameRole | None
    reason: str = ""
    others: tuple[NameRole, ...] = ()

    @property
    def is_sure(self) -> bool:
        """Whether nobody has to be asked."""
        return not self.others


LITERAL = NumberRole(None)


@dataclass(eq=False)
class Slot:
    """A number in the names of a family, or a text that is one thing as a whole.

    Attributes:
        position: among the slots of the family.
        part: the part of the name that it is in.
        before: the skeleton of that part up to it; `after`, from it on, with a split left open.
        values: of the members, as they are written.
        key: the same for families that share the part and what is above it.
        is_text: whether it is a text.
    """

    position: int
    part: int
    before: str
    after: str
    values: tuple[str, ...]
    key: SlotKey
    is_text: bool = False

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
        if self.is_text:
            return False
        numbers = self.numbers
        return len(numbers) > 1 and numbers[0] in (0, 1) and numbers[-1] - numbers[0] == len(numbers) - 1

    @property
    def is_padded(self) -> bool:
        """Whether zeros stand before numbers."""
        return any(value.startswith("0") and len(value) > 1 for value in self.different)

    @cached_property
    def word(self) -> str:
        """The word before the number in its part, in small letters; empty if there is none."""
        found = WORD.search(self.before)
        return found[1].lower() if found else ""

    @property
    def is_alone(self) -> bool:
        """Whether its part is the number and nothing else."""
        return not self.before and not self.after

    @property
    def is_decimal(self) -> bool:
        """Whether it is a piece of a number like 0.1 or 1e-4."""
        return bool(re.search(r"\x00(?:\.|e-?)$", self.before) or re.match(r"(?:\.|e-?)\x00", self.after))

    @property
    def is_last(self) -> bool:
        """Whether no text but a split and a suffix stands behind it in its part."""
        return not re.search(r"[A-Za-z\x00]", re.sub(r"\.[A-Za-z]+$", "", self.after))


@dataclass(eq=False)
class Family:
    """Arrays whose names have one skeleton, and which have as many axes and are of one type.

    Attributes:
        skeleton: the name, with `PLACE` for every number and `TEXT` for what is one thing as a whole.
        axes: how many axes they have.
        type: of their values.
        members: numbers of the arrays in the whole set.
        arrays: of the whole set.
        split: where the word of a split stands, once that is known.
        wholes: what texts are that stand for one thing, by their part, where that is known.
    """

    skeleton: str
    axes: int
    type: Type
    members: list[int]
    arrays: Sequence[Named] = field(repr=False)
    split: Place | None = None
    wholes: dict[int, NumberRole] = field(default_factory=dict)

    @cached_property
    def parts(self) -> list[str]:
        """The parts of the skeleton, suffixes of files cut off."""
        return parts_of(self.skeleton, self.inner)

    @cached_property
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

    @property
    def file(self) -> int:
        """Which part is the name of the file that the arrays are in."""
        return len(self.parts) - 1 - self.inner

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
        """The numbers and whole texts of the names, in their order."""
        names = [self.arrays[member].name for member in self.members]
        columns = list(zip(*map(self._values, names), strict=True))
        found: list[Slot] = []
        way = self.signature
        for number, (part, open_part) in enumerate(zip(self.parts, way, strict=True)):
            for place, sign in enumerate(re.finditer(r"[\x00\x01]", part)):
                after = re.split(r"[\x00\x01]", open_part, maxsplit=place + 1)[-1]
                found.append(
                    Slot(
                        position=len(found),
                        part=number,
                        before=part[: sign.start()],
                        after=after,
                        values=columns[len(found)],
                        key=("/".join(way[: number + 1]), place),
                        is_text=sign[0] == TEXT,
                    )
                )
        return found

    def _values(self, name: str) -> list[str]:
        """The numbers and texts of one name."""
        if TEXT not in self.skeleton:
            return DIGITS.findall(name)
        values: list[str] = []
        for shape, part in zip(self.skeleton.split("/"), name.split("/"), strict=True):
            if shape.startswith(TEXT):
                values.append(part[: len(part) + 1 - len(shape)])
            else:
                values += DIGITS.findall(part)
        return values

    def texts(self, part: int) -> set[str]:
        """What stands in a part of the names, without the suffix of a file."""
        if not any(slot.part == part and not slot.is_constant for slot in self.slots):
            way = self.example.name.split("/")
            return {without_suffix(way[part]) if part <= self.file else way[part]}
        found = {self.arrays[member].name.split("/", part + 1)[part] for member in self.members}
        return {without_suffix(text) for text in found} if part <= self.file else found

    def groups(self, slot: Slot) -> list[list[int]]:
        """Positions of members that differ in this slot alone, and in numbers that change with it one to one."""
        others = [
            other.values
            for other in self.slots
            if other is not slot and not other.is_constant and not twins(slot, other)
        ]
        found: dict[tuple[str, ...], list[int]] = {}
        for position, key in enumerate(zip(*others, strict=True) if others else [()] * len(self.members)):
            found.setdefault(key, []).append(position)
        return list(found.values())


def twins(one: Slot, other: Slot) -> bool:
    """Whether two numbers change together, one to one."""
    count = len(one.different)
    return count == len(other.different) and count == len(set(zip(one.values, other.values, strict=True)))


def skeleton_of(name: str) -> str:
    """A name with a sign in the place of every number."""
    return DIGITS.sub(PLACE, name if name.isprintable() else name.translate(UNPRINTED))


def parts_of(skeleton: str, inner: int) -> list[str]:
    """The parts of a skeleton, suffixes of files cut off."""
    way = skeleton.split("/")
    files = len(way) - inner
    return [without_suffix(part) if number < files else part for number, part in enumerate(way)]


def without_suffix(part: str) -> str:
    """A part of a name without the suffix of a file that is read."""
    stem, dot, suffix = part.rpartition(".")
    return stem if stem and dot and is_suffix(suffix) else part


@lru_cache(maxsize=1024)
def is_suffix(suffix: str) -> bool:
    """Whether files of a suffix are read."""
    return is_of_interest(f"x.{suffix}")


def type_of(entry: Entry) -> Type:
    """Of which type the values of an array are."""
    if entry.dtype == TEXT_TYPE:
        return "text"
    if entry.columns:
        return "table"
    return "integer" if entry.dtype in INTEGERS else "float"


def shown(skeleton: str) -> str:
    """A skeleton as it is shown and written: "#" for a number, "*" for any text."""
    return skeleton.translate(SHOWN)

"""Roles of the numbers in names: the word before a number says what it counts, or else the arrays do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from analysis.dumps.name_form import NameRole
from analysis.dumps.proposal.epoch_numbers import are_decimals
from analysis.dumps.proposal.family import Family, Slot, SlotKey
from analysis.dumps.proposal.words import EPOCH_WORDS, NUMBER_WORDS, STEP_WORDS, WEAK_LAYER_WORDS

BATCH_WORDS = ("batch", "batches")
JOINED: tuple[NameRole, ...] = ("part", "sample")
MANY = 8
LISTS = re.compile(r"(?:^|[^a-z])(?:hidden_?states|layers|blocks|features|representations|activations|acts|outputs)$")


@dataclass(frozen=True, slots=True)
class NumberRole:
    """What a number in names is.

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


@dataclass(slots=True)
class NumberRoles:
    """The roles of all numbers of a set.

    Attributes:
        found: by the keys of their slots.
        decimals: numbers that are the decimals of the number before them.
    """

    found: dict[SlotKey, NumberRole] = field(default_factory=dict)
    decimals: set[SlotKey] = field(default_factory=set)

    def of(self, slot: Slot) -> NameRole | None:
        """The role of a number; None if it is a part of the text."""
        return self.found[slot.key].role if slot.key in self.found else None


LITERAL = NumberRole(None)


def number_roles(families: Sequence[Family], answers: Mapping[SlotKey, NameRole]) -> NumberRoles:
    """The roles of all numbers in the names of families, those that somebody has answered as answered."""
    roles = NumberRoles()
    shared: dict[SlotKey, list[tuple[Family, Slot]]] = {}
    for family in families:
        for slot in family.slots:
            shared.setdefault(slot.key, []).append((family, slot))
    roles.decimals = _decimals(families)
    words = _EpochWords.of(families)
    for key, places in shared.items():
        if key in answers:
            roles.found[key] = NumberRole(answers[key])
        elif key not in roles.decimals and (said := _by_words(places, words)) is not None:
            roles.found[key] = said
    for key, places in shared.items():  # what stands behind a number of a range, or of a layer
        if key not in roles.found and key not in roles.decimals and (said := _by_neighbour(places[0], roles)):
            roles.found[key] = said
    undecided = [key for key in shared if key not in roles.found and key not in roles.decimals]
    for key in sorted(undecided, key=lambda key: -shared[key][0][1].part):  # from within to without
        roles.found[key] = _by_arrays(shared[key], roles)
    _leave_one_moment(families, roles)
    return roles


@dataclass(frozen=True, slots=True)
class _EpochWords:
    """Which words for epochs a set has: "e" counts where there is no other, and no "d" beside it (a U-Net)."""

    takes_e: bool

    @classmethod
    def of(cls, families: Sequence[Family]) -> _EpochWords:
        words = {slot.word for family in families for slot in family.slots}
        longer = (EPOCH_WORDS | STEP_WORDS) - {"e"}
        return cls(not words & longer and "d" not in words)


def _decimals(families: Sequence[Family]) -> set[SlotKey]:
    """Numbers that are the decimals of an epoch."""
    pairs: dict[str, set[tuple[str, str]]] = {".": set(), "_": set()}
    places: dict[str, set[SlotKey]] = {".": set(), "_": set()}
    of_steps = False
    for family in families:
        slots = family.slots
        for first, second in pairwise(slots):
            mark = second.before.removeprefix(f"{first.before}#")
            word = first.word
            if (
                second.part != first.part
                or mark not in pairs
                or word not in EPOCH_WORDS | STEP_WORDS
                or re.match(r"[._-]?#|[A-Za-z]", second.after)
            ):
                continue
            pairs[mark].update(zip(first.values, second.values, strict=True))
            places[mark].add(second.key)
            of_steps |= mark == "_" and word in STEP_WORDS
    return {
        key
        for mark, found in pairs.items()
        if found and are_decimals(found, mark, of_steps=of_steps)
        for key in places[mark]
    }


def _by_words(places: Sequence[tuple[Family, Slot]], words: _EpochWords) -> NumberRole | None:
    """What the word before a number says; None if it says nothing."""
    family, slot = places[0]
    word = slot.word
    if word == "e" and not (words.takes_e and re.search(r"(?:^|[^A-Za-z])e$", slot.before) and _ends(slot)):
        return None
    if not word and slot.is_alone and slot.part > 0:
        parent = re.search(r"([a-z]+)$", family.parts[slot.part - 1].lower())
        word = parent[1] if parent and parent[1] in ("layers", "blocks", "layer", "epoch", "epochs", "step") else ""
    role = next((role for role, known in NUMBER_WORDS.items() if word in known), None)
    if role is None or (role == "sample" and slot.is_constant and family.axes > 1):
        return None
    return NumberRole(role)


def _ends(slot: Slot) -> bool:
    """Whether the number, with decimals if there are any, is the end of its part."""
    return re.fullmatch(r"(?:[._]#)?", slot.after) is not None


def _by_neighbour(place: tuple[Family, Slot], roles: NumberRoles) -> NumberRole | None:
    """What a number is that follows another one in the same part: the end of a range, or of the name of a layer."""
    family, slot = place
    if slot.position == 0:
        return None
    first = family.slots[slot.position - 1]
    mark = slot.before.removeprefix(f"{first.before}#")
    before = roles.of(first)
    if slot.part != first.part:
        return None
    if before == "epoch" and mark == "-":
        return NumberRole("ignored")
    if before == "part" and mark in ("-", "_"):
        return NumberRole("part")
    return NumberRole("layer") if before == "layer" and mark == "." else None


def _by_arrays(places: Sequence[tuple[Family, Slot]], roles: NumberRoles) -> NumberRole:
    """What a number is by what the arrays do along it: the surest that any of the families says."""
    found = [_of_family(family, slot, roles) for family, slot in places]
    told = [one for one in found if one.role is not None]
    if not told:
        return LITERAL
    samples = next((one for one in told if one.role == "sample" and one.is_sure), None)
    if samples is not None and all(one.role in JOINED or not one.is_sure for one in told):
        return samples
    return min(told, key=lambda one: not one.is_sure)


def _of_family(family: Family, slot: Slot, roles: NumberRoles) -> NumberRole:
    if slot.is_constant:
        return LITERAL
    groups = [group for group in family.groups(slot) if len(group) > 1]
    if not groups:
        return NumberRole("ignored", "it changes with another number")
    changing = _changing_axes(family, groups)
    if changing == {1} and (family.axes == 3 or (family.axes > 3 and family.shapes[0][0] == 1)):
        return NumberRole("sample", "the arrays have as many units, and different numbers of positions along it")
    if changing - {0} or (changing and family.axes == 1):
        return NumberRole("layer", "the arrays have different units along it")
    if family.axes == 1:
        return _of_vectors(family, slot, roles)
    if changing:
        return NumberRole("part", "the arrays have different numbers of rows along it")
    if _counts_rows(family, slot, groups):
        return NumberRole("part", "it counts rows: each begins where the one before it ends")
    if slot.part >= len(family.parts) - family.inner:
        return _within_a_file(family, slot)
    return _of_files(family, slot, roles)


def _changing_axes(family: Family, groups: Sequence[Sequence[int]]) -> set[int]:
    """Axes that differ in length among arrays that differ in this number alone."""
    different = [{family.shapes[member] for member in group} for group in groups]
    return {
        axis
        for shapes in different
        if len(shapes) > 1
        for axis in range(family.axes)
        if len({shape[axis] for shape in shapes}) > 1
    }


def _counts_rows(family: Family, slot: Slot, groups: Sequence[Sequence[int]]) -> bool:
    rows = family.shapes[0][0]
    return rows > 1 and all(
        [int(slot.values[member]) for member in group]
        == list(range(int(slot.values[group[0]]), int(slot.values[group[0]]) + rows * len(group), rows))
        for group in (sorted(group, key=lambda member: int(slot.values[member])) for group in groups)
    )


def _of_vectors(family: Family, slot: Slot, roles: NumberRoles) -> NumberRole:
    """Of arrays of one axis: many alike are samples; a number that repeats within each of them is a layer."""
    outer = [other for other in family.slots if other.position < slot.position and not other.is_constant]
    undecided = [other for other in outer if roles.of(other) in (None, *JOINED)]
    if undecided and len(family.members) == len(slot.different) * len(
        set(zip(*(o.values for o in outer), strict=True))
    ):
        return NumberRole("layer", "the same numbers are there in every one of the others")
    if len(slot.different) >= 3:
        return NumberRole("sample", "vectors alike, one for each number")
    return NumberRole("sample", "vectors alike, one for each number", ("layer", "epoch"))


def _within_a_file(family: Family, slot: Slot) -> NumberRole:
    """Of a number in a key: an index of a list, a group of HDF5, or a number behind a word."""
    is_last = slot.part == len(family.parts) - 1
    if not slot.is_alone:
        return NumberRole("layer", "it numbers arrays within a file", () if is_last else ("epoch", "part"))
    if not is_last:
        others: tuple[NameRole, ...] = ("part", "layer") if slot.counts else ()
        return NumberRole("epoch", "it numbers groups that hold the same arrays", others)
    parent = family.parts[slot.part - 1] if slot.part > len(family.parts) - family.inner else ""
    if parent and not LISTS.search(parent.lower()):
        return NumberRole("part", f"it counts arrays alike in a list of {parent}", ("layer", "epoch"))
    is_list = bool(parent) or family.axes > 2
    return NumberRole("layer", "it counts arrays of one shape within a file", () if is_list else ("part",))


def _of_files(family: Family, slot: Slot, roles: NumberRoles) -> NumberRole:
    """Of a number in the name of a file or folder whose arrays are all of one shape."""
    is_padded = any(value.startswith("0") and len(value) > 1 for value in slot.different)
    inner = [other for other in family.slots if other.part > slot.part]
    has_layers = any(roles.of(other) == "layer" for other in inner)
    if slot.word in BATCH_WORDS:
        return NumberRole("part" if slot.counts else "epoch", "batches that follow one another are parts", ())
    if slot.is_alone and has_layers and family.axes > 2:
        return NumberRole("part", "files of a number alone hold the same arrays", ("epoch", "sample"))
    if not slot.counts:
        return NumberRole("epoch", "the numbers are not one after another, and all arrays are alike", ("part", "layer"))
    if slot.word in WEAK_LAYER_WORDS and not is_padded and not slot.before.endswith("_"):
        return NumberRole("layer", f"it numbers {slot.word}", ("part",))
    if is_padded or len(slot.different) >= MANY:
        return NumberRole(
            "part", "it counts files alike", () if is_padded and not slot.is_alone else ("epoch", "layer")
        )
    if slot.is_alone and has_layers:
        return NumberRole("epoch", "it numbers files that hold the same arrays", ("part", "layer"))
    return NumberRole("part", "it counts files alike", ("epoch", "layer"))


def _leave_one_moment(families: Sequence[Family], roles: NumberRoles) -> None:
    """Of an epoch and a step in one name the epoch counts, unless it is the same where the step changes."""
    for family in families:
        moments = [slot for slot in family.slots if roles.of(slot) == "epoch"]
        if len(moments) < 2:
            continue
        finest = max(moments, key=lambda slot: (len(slot.different), slot.word in EPOCH_WORDS, slot.position))
        for slot in moments:
            if slot is not finest:
                roles.found[slot.key] = NumberRole("ignored", "another number says the moment more finely")

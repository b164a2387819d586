"""Roles of the numbers in names that the words beside them tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from analysis.dumps.plan.name_form import NameRole
from analysis.dumps.proposal.epoch_numbers import are_decimals
from analysis.dumps.proposal.family import PLACE, Family, NumberRole, Slot, SlotKey
from analysis.dumps.proposal.words import (
    BATCH_WORDS,
    EPOCH_WORDS,
    NOISE,
    PARENTS,
    SAMPLE_WORDS,
    SEED_WORDS,
    STEP_WORDS,
    role_of_word,
)

BARE_DECIMAL = f"{PLACE}.{PLACE}"


@dataclass(slots=True)
class NumberRoles:
    """The roles of the numbers of a set.

    Attributes:
        found: by the keys of their slots.
        decimals: numbers that are the decimals of the number before them.
    """

    found: dict[SlotKey, NumberRole] = field(default_factory=dict)
    decimals: set[SlotKey] = field(default_factory=set)

    def of(self, slot: Slot) -> NameRole | None:
        """The role of a number; None if it is a part of the text."""
        return self.found[slot.key].role if slot.key in self.found else None

    def says(self, slot: Slot) -> bool:
        """Whether anything is known of a number."""
        return slot.key in self.found or slot.key in self.decimals


def roles_by_words(families: Sequence[Family], answers: Mapping[SlotKey, NameRole]) -> NumberRoles:
    """What somebody has answered, and what words say of numbers."""
    roles = NumberRoles(decimals=_decimals(families))
    shared: dict[SlotKey, list[tuple[Family, Slot]]] = {}
    for family in families:
        for slot in family.slots:
            if not slot.is_text:
                shared.setdefault(slot.key, []).append((family, slot))
    takes_e = _takes_e(families)
    for key, places in shared.items():
        if key in answers:
            roles.found[key] = NumberRole(answers[key])
        elif key not in roles.decimals and (role := _by_word(places, takes_e=takes_e)) is not None:
            roles.found[key] = NumberRole(role)
    for key, places in shared.items():
        if not roles.says(places[0][1]) and (role := _by_neighbour(*places[0], roles)) is not None:
            roles.found[key] = NumberRole(role)
    return roles


def _takes_e(families: Sequence[Family]) -> bool:
    """Whether "e" counts epochs: where there is no other word for them, and no "d" beside it (a U-Net)."""
    words = {slot.word for family in families for slot in family.slots}
    return not words & (EPOCH_WORDS | STEP_WORDS) - {"e"} and "d" not in words


def _decimals(families: Sequence[Family]) -> set[SlotKey]:
    """Numbers that are the decimals of an epoch."""
    pairs: dict[str, set[tuple[str, str]]] = {".": set(), "_": set()}
    places: dict[str, set[SlotKey]] = {".": set(), "_": set()}
    of_steps = False
    for family, first, second in _pairs(families):
        mark = second.before.removeprefix(f"{first.before}{PLACE}")
        of_epochs = first.word in EPOCH_WORDS | STEP_WORDS or family.parts[first.part] == BARE_DECIMAL
        if mark not in pairs or not of_epochs or re.match(r"[._-]?\x00|[A-Za-z]", second.after):
            continue
        pairs[mark].update(zip(first.values, second.values, strict=True))
        places[mark].add(second.key)
        of_steps |= mark == "_" and first.word in STEP_WORDS
    return {
        key
        for mark, found in pairs.items()
        if found and are_decimals(found, mark, of_steps=of_steps)
        for key in places[mark]
    }


def _pairs(families: Sequence[Family]) -> Iterator[tuple[Family, Slot, Slot]]:
    """Numbers that follow one another in a part."""
    for family in families:
        for first, second in pairwise(family.slots):
            if first.part == second.part:
                yield family, first, second


def _by_word(places: Sequence[tuple[Family, Slot]], *, takes_e: bool) -> NameRole | None:
    """What the word before a number says; None if it says nothing."""
    family, slot = places[0]
    word = slot.word
    if word == "e" and not (takes_e and _is_e(slot)):
        return None
    if re.match(r"-of-\x00", slot.after):
        return "part"
    if slot.after == ".ckpt":
        return "epoch"
    if word in BATCH_WORDS:
        counts = slot.is_constant or slot.numbers[0] in (0, 1) or _changes_rows(places)
        return "part" if counts else "epoch"
    if not word and slot.is_alone and slot.part > 0:
        parent = re.search(r"[a-z]+$", family.parts[slot.part - 1].lower())
        word = parent[0] if parent and slot.part - 1 != family.file and parent[0] in PARENTS else ""
    role = role_of_word(word)
    if role == "sample" and slot.is_constant and family.axes > 1:
        return None
    if role == "seed" and word not in ("seed", "seeds") and all(one.is_constant for _, one in places):
        return None
    return _index_of_module(slot) if role is None else role


def _is_e(slot: Slot) -> bool:
    """Whether "e" is a word of its own: at the end of the part, or before a number that changes."""
    return re.search(r"(?:^|[^A-Za-z])e$", slot.before) is not None and (
        re.fullmatch(r"(?:[._]\x00)?", slot.after) is not None or not slot.is_constant
    )


def _changes_rows(places: Sequence[tuple[Family, Slot]]) -> bool:
    return any(family.axes > 1 and len({shape[0] for shape in family.shapes}) > 1 for family, _ in places)


def _index_of_module(slot: Slot) -> NameRole | None:
    """A number behind a word and a point is the place of a module in another: "features.3", "h.0.mlp"."""
    is_index = re.search(r"[A-Za-z]\.$", slot.before) and slot.word not in NOISE | SAMPLE_WORDS | SEED_WORDS
    return "layer" if is_index and not slot.is_padded else None


def _by_neighbour(family: Family, slot: Slot, roles: NumberRoles) -> NameRole | None:
    """What a number is that follows another one in the same part: the end of a range, or of the name of a layer."""
    if slot.position == 0:
        return None
    first = family.slots[slot.position - 1]
    if slot.part != first.part:
        return None
    mark, before = slot.before.removeprefix(f"{first.before}{PLACE}"), roles.of(first)
    if before == "epoch" and mark == "-":
        return "ignored"
    if before == "part" and mark in ("-", "_"):
        return "part"
    return "layer" if before == "layer" and mark == "." else None

"""Roles of the numbers in names that no word tells: by what the arrays do along them.

Where two readings are as likely as one another, the one that joins nothing is proposed, and asked about: what is
joined wrongly lies, what is kept apart is only longer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.dumps.plan.name_form import JOINED, NameRole
from analysis.dumps.proposal.family import LITERAL, Family, NumberRole, Slot, twins
from analysis.dumps.proposal.number_words import NumberRoles
from analysis.dumps.proposal.words import WEAK_LAYER_WORDS
from per_core.text import N_

MANY = 8
WIDE = 4  # digits, zeros in front included, of what counts files of one kind
FEWEST_ALIKE = 3
FEWEST_APART = 5
MOST_LAYERS = 200
LISTS = re.compile(r"(?:^|[^a-z])(?:hidden_?states|layers|blocks|features|representations|activations|acts|outputs)$")


def role_of_arrays(family: Family, slot: Slot, roles: NumberRoles) -> NumberRole:
    """What a number or a text is that no word tells, from the arrays of one family."""
    if slot.is_constant or slot.is_decimal:
        return LITERAL
    if any(
        twins(other, slot) for other in family.slots if other is not slot and roles.of(other) not in (None, "layer")
    ):
        return NumberRole("ignored", N_("it changes with another number"))
    groups = [group for group in family.groups(slot) if len(group) > 1]
    if not groups:
        return NumberRole("ignored", N_("it changes with another number"))
    told = _of_lengths(family, slot, groups)
    if told is not None:
        return told
    if slot.is_text:
        return _of_texts(family)
    if family.axes == 1:
        return _of_vectors(family, slot, roles)
    if _counts_rows(family, slot, groups):
        return NumberRole("part", N_("it counts rows: each begins where the one before it ends"))
    if slot.part > family.file:
        return _within_a_file(family, slot, roles)
    return _of_files(family, slot, roles)


def _of_lengths(family: Family, slot: Slot, groups: Sequence[Sequence[int]]) -> NumberRole | None:
    """What arrays of different shapes along a number say; None if they are of one shape."""
    changing = _changing_axes(family, groups)
    if not changing:
        return None
    if changing == {1} and (family.axes == 3 or (family.axes > 3 and family.shapes[0][0] == 1)):
        return NumberRole("sample", N_("the arrays have as many units, and different numbers of positions along it"))
    if family.axes == 1 or changing - ({0, 1} if family.axes == 3 else {0}):
        return NumberRole("layer", N_("the arrays have different units along it"))
    if not slot.is_text and all(
        shape[0] == int(value) for shape, value in zip(family.shapes, slot.values, strict=True)
    ):
        return NumberRole(None, N_("it is the number of rows"))
    if (
        re.search(r"[A-Za-z]$", slot.before)
        and len(slot.different) < FEWEST_APART
        and not (slot.counts or slot.is_padded)
    ):
        return NumberRole("layer", N_("a few numbers that are part of a name"), ("part", "sample"))
    return NumberRole("sample" if slot.is_text else "part", N_("the arrays have different numbers of rows along it"))


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


def _of_texts(family: Family) -> NumberRole:
    """Of texts that are one thing as a whole: vectors are samples, other arrays layers of that name."""
    if family.axes == 1:
        return NumberRole("sample", N_("vectors alike, one for each name"))
    return NumberRole("layer", N_("names of arrays"))


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
    is_grid = len(family.members) == len(slot.different) * len(set(zip(*(o.values for o in outer), strict=True)))
    if undecided and is_grid:
        return NumberRole("layer", N_("the same numbers are there in every one of the others"))
    is_index = slot.is_alone and slot.part == len(family.parts) - 1 > family.file
    is_short = not slot.is_padded and len(slot.different) <= MOST_LAYERS
    if slot.word in WEAK_LAYER_WORDS or (is_index and is_short):
        return NumberRole("layer", N_("it numbers vectors, one for each layer"), ("sample",))
    others: tuple[NameRole, ...] = () if len(slot.different) >= FEWEST_ALIKE else ("layer", "epoch")
    return NumberRole("sample", N_("vectors alike, one for each number"), others)


def _within_a_file(family: Family, slot: Slot, roles: NumberRoles) -> NumberRole:
    """Of a number in a key: an index of a list, a group of HDF5, or a number behind a word."""
    is_last = slot.part == len(family.parts) - 1
    has_epoch = _has(family, "epoch", roles, but=slot)
    if not slot.is_alone:
        return NumberRole("layer", N_("it numbers arrays within a file"), () if is_last else ("epoch", "part"))
    if not is_last and not has_epoch:
        others: tuple[NameRole, ...] = ("part", "layer") if slot.counts else ()
        return NumberRole("epoch", N_("it numbers groups that hold the same arrays"), others)
    parent = family.parts[slot.part - 1]
    if slot.part - 1 == family.file or LISTS.search(parent.lower()):
        is_list = bool(LISTS.search(parent.lower())) or family.axes > 2
        return NumberRole("layer", N_("it counts arrays of one shape within a file"), () if is_list else ("part",))
    if has_epoch:
        return NumberRole("part", N_("it counts arrays alike in a list"), ("layer",))
    is_epoch_alone = not slot.counts
    return NumberRole("epoch", N_("it numbers arrays that are alike"), () if is_epoch_alone else ("part", "layer"))


def _of_files(family: Family, slot: Slot, roles: NumberRoles) -> NumberRole:
    """Of a number in the name of a file or folder whose arrays are all of one shape."""
    if slot.is_alone:
        return _of_bare_files(family, slot, roles)
    is_separate = not re.search(r"[A-Za-z]$", slot.before)
    has_epoch = _has(family, "epoch", roles, but=slot)
    if not slot.counts and not slot.is_padded:
        if not slot.is_last or not is_separate:
            return NumberRole(None, N_("it is a part of a name"))
        if has_epoch:
            return NumberRole("layer", N_("the moment is told by another number"), ("part", "sample"))
        others: tuple[NameRole, ...] = () if len(slot.different) >= FEWEST_ALIKE else ("part", "layer")
        return NumberRole("epoch", N_("the numbers are not one after another, and all arrays are alike"), others)
    if slot.word in WEAK_LAYER_WORDS:
        return NumberRole("layer", N_("the word before it names what is counted in a network"), ("part", "epoch"))
    if slot.part == family.file and ((slot.is_padded and slot.word) or _is_piece(family, slot)):
        return NumberRole("part", N_("it counts files alike"))
    return NumberRole("layer", N_("it counts files alike"), ("part", "epoch"))


def _is_piece(family: Family, slot: Slot) -> bool:
    """Whether many files hold one array each that is called as they are: pieces of it."""
    return family.inner == 1 and len(slot.different) >= MANY and family.parts[-1].lower() == slot.word


def _of_bare_files(family: Family, slot: Slot, roles: NumberRoles) -> NumberRole:
    """Of files and folders whose name is a number."""
    inside = [other for other in family.slots if other.part > slot.part and not other.is_constant]
    if slot.is_padded and max(map(len, slot.different)) >= WIDE:
        return NumberRole("part", N_("it counts files alike"))
    if family.axes > 2 and any(other.is_alone and roles.of(other) == "layer" for other in inside):
        return NumberRole("part", N_("files of a number alone hold the same list of layers"), ("epoch", "sample"))
    if _has(family, "epoch", roles, but=slot):
        return NumberRole("layer", N_("the moment is told by another number"), ("part", "sample"))
    if slot.counts and slot.part == len(family.parts) - 1 and slot.part == 0:
        return NumberRole("layer", N_("it counts files alike"), ("part", "epoch"))
    others: tuple[NameRole, ...] = ("part", "layer") if slot.counts or len(slot.different) < FEWEST_ALIKE else ()
    return NumberRole("epoch", N_("it numbers files that hold the same arrays"), others)


def _has(family: Family, role: NameRole, roles: NumberRoles, *, but: Slot) -> bool:
    return any(roles.of(other) == role for other in family.slots if other is not but)

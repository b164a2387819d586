"""Roles of the numbers in names: the words beside them say what they count, or else the arrays do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.dumps.plan.name_form import JOINED, NameRole
from analysis.dumps.proposal.family import LITERAL, Family, NumberRole, Slot, SlotKey
from analysis.dumps.proposal.number_arrays import role_of_arrays
from analysis.dumps.proposal.number_words import BARE_DECIMAL, NumberRoles, roles_by_words
from analysis.dumps.proposal.words import EPOCH_WORDS
from per_core.text import N_

Places = Sequence[tuple[Family, Slot]]


def number_roles(families: Sequence[Family], answers: Mapping[SlotKey, NameRole]) -> NumberRoles:
    """The roles of all numbers and whole texts in the names of families; what somebody has answered holds."""
    roles = roles_by_words(families, answers)
    shared: dict[SlotKey, list[tuple[Family, Slot]]] = {}
    for family in families:
        for slot in family.slots:
            shared.setdefault(slot.key, []).append((family, slot))
    for key, ((family, slot), *_) in shared.items():
        if slot.is_text and key in answers:
            roles.found[key] = NumberRole(answers[key])
        elif slot.is_text and slot.part in family.wholes:
            roles.found[key] = family.wholes[slot.part]
        elif key not in roles.found and _is_bare_decimal(family, slot, roles):
            roles.found[key] = NumberRole("epoch", N_("a number with decimals is a moment of a training"), ("method",))
    undecided = [key for key in shared if key not in roles.found and key not in roles.decimals]
    for key in sorted(undecided, key=lambda key: -shared[key][0][1].part):  # from within to without
        roles.found[key] = _by_arrays(shared[key], roles)
    _leave_one_moment(families, roles)
    return roles


def _is_bare_decimal(family: Family, slot: Slot, roles: NumberRoles) -> bool:
    """Whether a number has decimals behind it, and nothing else stands in its part."""
    following = family.slots[slot.position + 1 : slot.position + 2]
    return family.parts[slot.part] == BARE_DECIMAL and any(other.key in roles.decimals for other in following)


def _by_arrays(places: Places, roles: NumberRoles) -> NumberRole:
    """What a number is by what the arrays do along it: the surest that any of the families says."""
    found = [role_of_arrays(family, slot, roles) for family, slot in places]
    told = [one for one in found if one.role is not None]
    if not told:
        return next((one for one in found if one.others), LITERAL)
    samples = next((one for one in told if one.role == "sample" and one.is_sure), None)
    if samples is not None and all(one.role in JOINED or not one.is_sure for one in told):
        return samples
    return min(told, key=lambda one: not one.is_sure)


def _leave_one_moment(families: Sequence[Family], roles: NumberRoles) -> None:
    """Of an epoch and a step in one name the epoch counts, unless it is the same where the step changes."""
    for family in families:
        moments = [slot for slot in family.slots if roles.of(slot) == "epoch"]
        if len(moments) < 2:
            continue
        finest = max(moments, key=lambda slot: (len(slot.different), slot.word in EPOCH_WORDS, slot.position))
        for slot in moments:
            if slot is finest:
                continue
            if len(set(zip(finest.values, slot.values, strict=True))) > len(finest.different):
                reason = N_("another number starts again with each of these")
                roles.found[slot.key] = NumberRole("method", reason, ("epoch", "seed"))
            else:
                roles.found[slot.key] = NumberRole("ignored", N_("another number says the moment more finely"))

"""Rules of a proposed plan: as few as say the same, in an order in which none takes the arrays of another."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.dumps.plan.name_form import NameForm, literal
from analysis.dumps.plan.plan import MOST_RULES, ArrayRule, Axes, Kind
from analysis.dumps.proposal.family import Family

FREE = re.compile(r"\{[a-z]+\}")
FIELD = re.compile(r"\{[a-z]+:?|\}")
SIGN = re.compile(r"([\x00\x01])")
MOST_LISTED = 50
MOST_DEPTH = 16
"""Fields that a form may have."""

LeftOut = tuple[Family, Kind]


def left_out_rules(left_out: Sequence[LeftOut], active: Sequence[Family]) -> tuple[list[ArrayRule], list[ArrayRule]]:
    """Rules for what is left out: those that come before the rules of activations, and those that come behind.

    A form that also fits names of activations comes behind, where it gets what has other axes; where the axes are the
    same, the arrays are listed one by one.
    """
    first: list[ArrayRule] = []
    last: list[ArrayRule] = []
    forms = _fewer([(_form(family), family, kind) for family, kind in left_out], active)
    for form, family, kind in forms:
        taken = [one for one in active if _fits(form, one)]
        if not taken:
            first.append(ArrayRule(form, left_out=kind))
        elif any(one.axes == family.axes for one in taken) and len(family.members) <= MOST_LISTED:
            names = (family.arrays[member].name for member in family.members)
            first += [ArrayRule(literal(name), left_out=kind) for name in names]
        else:
            last.append(ArrayRule(form, left_out=kind))
    return list(dict.fromkeys(first)), list(dict.fromkeys(last))


def _form(family: Family) -> str:
    """The form of names that are not read any further: what is the same in all of them stands in it."""
    slots = iter(family.slots)
    written = []
    for piece in SIGN.split(family.skeleton):
        slot = next(slots) if SIGN.fullmatch(piece) else None
        written.append(literal(piece) if slot is None else literal(slot.values[0]) if slot.is_constant else "*")
    return "".join(written)


def _fits(form: str, family: Family) -> bool:
    return NameForm.of(form).read(family.example.name) is not None


def _fewer(rules: Sequence[tuple[str, Family, Kind]], active: Sequence[Family]) -> list[tuple[str, Family, Kind]]:
    """Forms that differ in one part alone are one, with any text there, if that fits nothing of another kind."""
    alike: dict[tuple[Kind, int, tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for number, (form, _, kind) in enumerate(rules):
        way = form.split("/")
        for part in range(len(way)):
            alike.setdefault((kind, part, tuple(way[:part]), tuple(way[part + 1 :])), []).append(number)
    found = dict(enumerate(rules))
    for (kind, part, *_), numbers in sorted(alike.items(), key=lambda one: -len(one[1])):
        here = [number for number in numbers if number in found and found[number] is rules[number]]
        if len(here) < 2:
            continue
        way = rules[here[0]][0].split("/")
        way[part] = f"*{_common_end([rules[number][0].split('/')[part] for number in here])}"
        form = "/".join(way)
        if any(_fits(form, family) for family in active) or any(
            _fits(form, family) for _, family, other in rules if other != kind
        ):
            continue
        for number in here[1:]:
            del found[number]
        found[here[0]] = form, rules[here[0]][1], rules[here[0]][2]
    return list(found.values())


def _common_end(texts: Sequence[str]) -> str:
    """The suffix that parts of a form have in common, as it is written."""
    ends = {text[text.rfind(".") :] if "." in text else "" for text in texts}
    return ends.pop() if len(ends) == 1 else ""


def merged(rules: Sequence[ArrayRule]) -> list[ArrayRule]:
    """Fewer rules: those that differ only in which texts of a whole part are the layer are one, for any text.

    Those that leave less open come first.
    """
    alike: dict[tuple[str, Axes], list[ArrayRule]] = {}
    others = []
    for rule in dict.fromkeys(rules):
        if rule.left_out:
            others.append(rule)
        else:
            alike.setdefault((_any_layer(rule.name), rule.axes), []).append(rule)
    ranks: dict[tuple[str, int], int] = {}
    for form, axes in alike:
        ranks[form, len(axes)] = ranks.get((form, len(axes)), 0) + 1
    found = []
    for (form, axes), same in alike.items():
        is_general = len(same) > 1 and ranks[form, len(axes)] == 1
        found += [ArrayRule(form, axes)] if is_general else same
    return [*others, *sorted(found, key=_openness)]


def _openness(rule: ArrayRule) -> tuple[int, int]:
    """How much of a name a rule leaves open: fields for any text, and then how little text there is."""
    return len(FREE.findall(rule.name)), -len(FIELD.sub("", rule.name))


def _any_layer(form: str) -> str:
    """The form with a layer that is a whole part left open."""
    return re.sub(r"(^|(?<=/))\{layer:[^{}]*\}(?=$|/|\.[a-z0-9]+(?:$|/))", "{layer}", form)


def within_limit(rules: Sequence[ArrayRule]) -> tuple[ArrayRule, ...]:
    """As many rules as a plan may have.

    Where there are more, the last are one for each depth, with whole names as layers: nothing is joined or lost.
    """
    if len(rules) <= MOST_RULES:
        return tuple(rules)
    kept = rules[: MOST_RULES // 2]
    rest = dict.fromkeys(
        ArrayRule("/".join(["{layer}"] * min(rule.name.count("/") + 1, MOST_DEPTH)), rule.axes)
        for rule in rules[len(kept) :]
        if rule.axes
    )
    return (*kept, *rest)

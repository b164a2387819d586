"""The proposal: a reading plan for a set of arrays, and what is uncertain about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.dumps.name_form import NAME_ROLES, NameRole, literal
from analysis.dumps.plan import MOST_RULES, ArrayRule, Axes, Kind, ReadingPlan, axes_in_words, parse_axes
from analysis.dumps.proposal.axis_roles import AxisProposal, Neighbours, propose_axes
from analysis.dumps.proposal.family import PLACE, Family, Named, SlotKey, families_of
from analysis.dumps.proposal.kinds import REASONS, Surroundings, is_attention, kind_of, last_words
from analysis.dumps.proposal.number_roles import NumberRoles, number_roles
from analysis.dumps.proposal.text_roles import find_splits, name_forms, text_roles
from per_core.errors import InvalidInputError

LEFT_OUT = "left out"
MANY_SAMPLES = 8  # vectors alike, about which nobody is asked
Answers = Mapping[str, str]
"""Question or role -> what somebody has said."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is uncertain, with the likeliest answer chosen.

    Attributes:
        id: by which it is answered: "axes/hook_q", "names/st-#".
        about: "axes" of arrays, or a number in "names".
        example: a name of an array that it is about.
        shape: of that array.
        arrays: how many it is about.
        chosen: the answer that holds: "sample,position,unit", or a role.
        options: all answers that make sense, the proposed one first.
        reason: why that is proposed.
    """

    id: str
    about: str
    example: str
    shape: tuple[int, ...]
    arrays: int
    chosen: str
    options: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan, and the questions that are open about it."""

    plan: ReadingPlan
    questions: tuple[Question, ...] = ()


def propose_plan(arrays: Sequence[Named], answers: Answers | None = None) -> Proposal:
    """The plan that fits the names, shapes and types of all arrays together.

    Args:
        arrays: under their whole names.
        answers: what somebody has said: the id of a question -> one of its options; or a role of names -> the text
            before a number, with "#" for it: {"layer": "block_#"}.

    Raises:
        InvalidInputError: If an answer is to no question, or none of its options.
    """
    given = dict(answers or {})
    families = families_of(arrays)
    around = Surroundings.of(arrays)
    kinds = [kind_of(family, around) for family in families]
    active = [family for family, kind in zip(families, kinds, strict=True) if kind in (None, "attention")]
    splits = find_splits(active)
    for number, place in splits.items():
        active[number].split = place
    roles = number_roles(active, _answered_roles(active, given))
    forms = name_forms(active, roles, text_roles(active, splits, roles))
    left_out = [
        ArrayRule(_left_out_form(family), left_out=kind)
        for family, kind in zip(families, kinds, strict=True)
        if kind not in (None, "attention")
    ]
    described, questions = _describe(active, forms, around=Neighbours.of(active), answers=given)
    questions = [*_name_questions(active, roles, given), *questions]
    _require_answers(given, questions)
    rules = [*_unique(left_out), *_merged(described)]
    return Proposal(ReadingPlan(tuple(rules[:MOST_RULES])), tuple(questions))


def _left_out_form(family: Family) -> str:
    values = iter(family.slots)
    pieces = re.split(f"({PLACE})", family.skeleton)
    written = []
    for piece in pieces:
        slot = next(values, None) if piece == PLACE else None
        written.append(
            literal(piece) if piece != PLACE else "*" if slot is None or not slot.is_constant else slot.values[0]
        )
    return "".join(written)


def _describe(
    families: Sequence[Family], forms: Sequence[str], *, around: Neighbours, answers: Answers
) -> tuple[list[ArrayRule], list[Question]]:
    """A rule for every family, and one question for each kind of array that could be something else."""
    proposals = [_axes_of(family, form, around) for family, form in zip(families, forms, strict=True)]
    kinds: dict[tuple[Axes, Kind | None, str], list[int]] = {}
    for number, (family, proposal) in enumerate(zip(families, proposals, strict=True)):
        left: Kind | None = "attention" if is_attention(family) else None
        kinds.setdefault((proposal.axes, left, proposal.reason), []).append(number)
    rules: dict[int, ArrayRule] = {}
    questions: list[Question] = []
    for (axes, left, reason), numbers in kinds.items():
        first = families[numbers[0]]
        question = Question(
            id=_unique_id(f"axes/{_label(first)}", questions),
            about="axes",
            example=first.example.name,
            shape=first.shapes[0],
            arrays=sum(len(families[number].members) for number in numbers),
            chosen=LEFT_OUT if left else axes_in_words(axes),
            options=tuple(
                dict.fromkeys(
                    [
                        *([LEFT_OUT] if left else []),
                        axes_in_words(axes),
                        *map(axes_in_words, proposals[numbers[0]].others),
                        LEFT_OUT,
                    ]
                )
            ),
            reason=REASONS["attention"] if left else reason,
        )
        if proposals[numbers[0]].others or left:
            questions.append(question)
        said = answers.get(question.id)
        if said is not None and questions and questions[-1].id == question.id:
            questions[-1] = _answered(question, said)
            is_out = said == LEFT_OUT
            chosen: Axes = axes if is_out else parse_axes(said)
            kind: Kind | None = ("attention" if left else "other") if is_out else None
        else:
            chosen, kind = axes, left
        for number in numbers:
            form = forms[number]
            rules[number] = (
                ArrayRule(form, left_out=kind) if kind else ArrayRule(form, _fitted(chosen, families[number]))
            )
    return [rules[number] for number in range(len(families))], questions


def _fitted(axes: Axes, family: Family) -> Axes:
    if len(axes) != family.axes:
        raise InvalidInputError(
            f"{family.example.name:.200} has {family.axes} axes, {family.shapes[0]}; received {axes_in_words(axes)}."
            " Give a role to each."
        )
    return axes


def _axes_of(family: Family, form: str, around: Neighbours) -> AxisProposal:
    are_samples = "{sample}" in form
    proposal = propose_axes(family, around, are_samples=are_samples)
    is_plain = are_samples and family.axes == 1 and len(family.members) >= MANY_SAMPLES
    return AxisProposal(proposal.axes, proposal.reason) if is_plain else proposal


def _answered(question: Question, said: str) -> Question:
    if said != LEFT_OUT:
        parse_axes(said)
    options = question.options if said in question.options else (*question.options, said)
    return Question(
        question.id, question.about, question.example, question.shape, question.arrays, said, options, question.reason
    )


def _label(family: Family) -> str:
    """What a kind of array is called: the end of its name without numbers."""
    words = last_words(family.example.name, family.inner)
    last = family.parts[-1] if words else ""
    return last if last.strip(f"{PLACE}._-") else "/".join(family.parts[-2:])


def _unique_id(wanted: str, questions: Sequence[Question]) -> str:
    taken = {question.id for question in questions}
    number, found = 2, wanted
    while found in taken:
        found, number = f"{wanted} ({number})", number + 1
    return found


def _name_questions(families: Sequence[Family], roles: NumberRoles, answers: Answers) -> list[Question]:
    """One question for each number that could count something else."""
    places: dict[SlotKey, list[Family]] = {}
    for family in families:
        for slot in family.slots:
            told = roles.found.get(slot.key)
            if told is not None and (not told.is_sure or _slot_id(slot.key) in answers):
                places.setdefault(slot.key, []).append(family)
    questions = []
    for key, found in places.items():
        told = roles.found[key]
        role = told.role or "ignored"
        questions.append(
            Question(
                id=_slot_id(key),
                about="names",
                example=found[0].example.name,
                shape=found[0].shapes[0],
                arrays=sum(len(family.members) for family in found),
                chosen=role,
                options=tuple(dict.fromkeys([role, *(told.others or _other_roles(role))])),
                reason=told.reason,
            )
        )
    return questions


def _other_roles(role: NameRole) -> tuple[NameRole, ...]:
    return tuple(one for one in ("layer", "epoch", "part", "sample", "seed", "ignored") if one != role)


def _slot_id(key: SlotKey) -> str:
    way, place = key
    return f"names/{way}" + (f"@{place + 1}" if way.rpartition("/")[2].count(PLACE) > 1 else "")


def _answered_roles(families: Sequence[Family], answers: Answers) -> dict[SlotKey, NameRole]:
    """Numbers to which somebody has given a role: by the id of a question, or by the text before them."""
    found: dict[SlotKey, NameRole] = {}
    for family in families:
        for slot in family.slots:
            role = answers.get(_slot_id(slot.key))
            if role is not None:
                found[slot.key] = _role(role)
            for role, text in answers.items():
                if role in NAME_ROLES and f"{slot.before}{PLACE}".endswith(text):
                    found[slot.key] = _role(role)
    return found


def _role(text: str) -> NameRole:
    for role in NAME_ROLES:
        if role == text:
            return role
    raise InvalidInputError(f"The role of a number in names is one of {', '.join(NAME_ROLES)}; received {text!r:.80}.")


def _require_answers(answers: Answers, questions: Sequence[Question]) -> None:
    """Check that every answer is to a question, or gives a role."""
    known = {question.id for question in questions}
    for key, value in answers.items():
        if key in known:
            continue
        if key in NAME_ROLES:
            if PLACE not in value:
                raise InvalidInputError(
                    f'A role is given to a number by the text before it, with "#" for the number: {key}=block_#;'
                    f" received {key}={value!r:.80}."
                )
            continue
        asked = ", ".join(sorted(known)) or "none"
        raise InvalidInputError(
            f"An answer is to a question of this dump ({asked:.500}) or a role of names"
            f" ({', '.join(NAME_ROLES)}); received {key!r:.120}. See `inspect --json`."
        )


def _unique(rules: Sequence[ArrayRule]) -> list[ArrayRule]:
    return list(dict.fromkeys(rules))


def _merged(rules: Sequence[ArrayRule]) -> list[ArrayRule]:
    """Fewer rules: those that differ only in which texts of one whole part are the layer are one, for any text."""
    alike: dict[tuple[str, Axes], list[ArrayRule]] = {}
    for rule in _unique(rules):
        if not rule.left_out:
            alike.setdefault((_any_layer(rule.name), rule.axes), []).append(rule)
    ranks: dict[tuple[str, int], int] = {}
    for form, axes in alike:
        ranks[form, len(axes)] = ranks.get((form, len(axes)), 0) + 1
    single = [rule for rule in _unique(rules) if rule.left_out]
    general = []
    for (form, axes), same in alike.items():
        if len(same) > 1 and ranks[form, len(axes)] == 1:
            general.append(ArrayRule(form, axes))
        else:
            single += same
    return [*single, *general]


def _any_layer(form: str) -> str:
    """The form with a layer that is a whole part left open."""
    return re.sub(r"(^|(?<=/))\{layer:[^{}]*\}(?=$|/|\.[a-z0-9]+(?:$|/))", "{layer}", form)

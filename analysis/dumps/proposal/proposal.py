"""The proposal: a reading plan for a set of arrays, and what is uncertain about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.dumps.plan.name_form import NAME_ROLES, NameRole
from analysis.dumps.plan.plan import ArrayRule, Axes, Kind, ReadingPlan, axes_in_words, parse_axes
from analysis.dumps.proposal.axis_roles import AxisProposal, Neighbours, propose_axes
from analysis.dumps.proposal.family import PLACE, Family, Named, Slot, SlotKey, shown, skeleton_of
from analysis.dumps.proposal.grouping import families_of, with_wholes
from analysis.dumps.proposal.kinds import REASONS, Surroundings, is_attention, kind_of, last_words
from analysis.dumps.proposal.number_roles import number_roles
from analysis.dumps.proposal.number_words import NumberRoles, roles_by_words
from analysis.dumps.proposal.rules import left_out_rules, merged, within_limit
from analysis.dumps.proposal.text_roles import find_splits, name_forms
from analysis.dumps.proposal.wholes import find_wholes
from per_core.errors import InvalidInputError
from per_core.text import N_

LEFT_OUT = "left out"
SAID = N_("this is what was answered")
MANY_SAMPLES = 5  # vectors alike, about which nobody is asked
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
    told = list(zip(families, kinds, strict=True))
    active = _with_wholes([family for family, kind in told if kind in (None, "attention")], given)
    roles = number_roles(active, _answered_roles(active, given))
    forms = name_forms(active, roles)
    described, questions = _describe(active, forms, around=Neighbours.of(active), answers=given)
    questions = [*_name_questions(active, roles, given), *questions]
    _require_answers(given, questions)
    left_out = [(family, kind) for family, kind in told if kind not in (None, "attention")]
    first, last = left_out_rules(left_out, active)
    return Proposal(ReadingPlan(within_limit([*first, *merged(described), *last])), tuple(questions))


def _with_wholes(families: list[Family], answers: Answers) -> list[Family]:
    """Families with splits found, and parts left open that are one thing as a whole."""
    for number, place in find_splits(families).items():
        families[number].split = place
    answered = _answered_roles(families, answers)
    return with_wholes(families, find_wholes(families, roles_by_words(families, answered), answered))


def _describe(
    families: Sequence[Family], forms: Sequence[str], *, around: Neighbours, answers: Answers
) -> tuple[list[ArrayRule], list[Question]]:
    """A rule for every family, and one question for each kind of array that could be something else."""
    count = Counter(form for family, form in zip(families, forms, strict=True) for _ in family.members)
    proposals = [_axes_of(family, form, around, count[form]) for family, form in zip(families, forms, strict=True)]
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
            N_("{name:.200} has {count} axes, {shape}; received {axes}. Give a role to each."),
            name=family.example.name,
            count=family.axes,
            shape=family.shapes[0],
            axes=axes_in_words(axes),
        )
    return axes


def _axes_of(family: Family, form: str, around: Neighbours, arrays: int) -> AxisProposal:
    """What the axes of a family are; nobody is asked about many vectors alike."""
    proposal = propose_axes(family, around, are_samples="{sample}" in form)
    is_plain = "{sample}" in form and family.axes == 1 and arrays >= MANY_SAMPLES
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
    last = shown(family.parts[-1]) if words else ""
    return last if last.strip("#*._-") else shown("/".join(family.parts[-2:]))


def _unique_id(wanted: str, questions: Sequence[Question]) -> str:
    taken = {question.id for question in questions}
    number, found = 2, wanted
    while found in taken:
        found, number = f"{wanted} ({number})", number + 1
    return found


def _name_questions(families: Sequence[Family], roles: NumberRoles, answers: Answers) -> list[Question]:
    """One question for each number that could count something else."""
    places: dict[str, list[tuple[Family, Slot]]] = {}
    for family in families:
        for slot in family.slots:
            told = roles.found.get(slot.key)
            if told is not None and (not told.is_sure or _slot_id(slot) in answers):
                places.setdefault(_slot_id(slot), []).append((family, slot))
    questions = []
    for name, found in places.items():
        if all(is_attention(one) for one, _ in found) and name not in answers:
            continue  # left out, whatever it counts
        (family, slot), told = found[0], roles.found[found[0][1].key]
        role = told.role or "layer"
        questions.append(
            Question(
                id=name,
                about="names",
                example=family.example.name,
                shape=family.shapes[0],
                arrays=sum(len(one.members) for one, _ in found),
                chosen=role,
                options=tuple(dict.fromkeys([role, *(told.others or _other_roles(role))])),
                reason=told.reason or SAID,
            )
        )
    return questions


def _other_roles(role: NameRole) -> tuple[NameRole, ...]:
    return tuple(one for one in ("layer", "epoch", "part", "sample", "seed", "ignored") if one != role)


def _slot_id(slot: Slot) -> str:
    """By which a question about a number is answered; of a text, what the first one would be asked by as a number."""
    way, place = slot.key
    if slot.is_text:
        way = "/".join([*way.split("/")[:-1], skeleton_of(min(slot.different))])
    return f"names/{shown(way)}" + (f"@{place + 1}" if way.rpartition("/")[2].count(PLACE) > 1 else "")


def _answered_roles(families: Sequence[Family], answers: Answers) -> dict[SlotKey, NameRole]:
    """Numbers to which somebody has given a role: by the id of a question, or by the text before them."""
    found: dict[SlotKey, NameRole] = {}
    for family in families:
        for slot in family.slots:
            role = answers.get(_slot_id(slot))
            if role is not None:
                found[slot.key] = _role(role)
            for role, text in answers.items():
                if role in NAME_ROLES and f"{shown(slot.before)}#".endswith(text):
                    found[slot.key] = _role(role)
    return found


def _role(text: str) -> NameRole:
    for role in NAME_ROLES:
        if role == text:
            return role
    raise InvalidInputError(
        N_("The role of a number in names is one of {roles}; received {text!r:.80}."),
        roles=", ".join(NAME_ROLES),
        text=text,
    )


def _require_answers(answers: Answers, questions: Sequence[Question]) -> None:
    """Check that every answer is to a question, or gives a role."""
    known = {question.id for question in questions}
    for key, value in answers.items():
        if key in known:
            continue
        if key in NAME_ROLES:
            if "#" not in value:
                raise InvalidInputError(
                    N_(
                        'A role is given to a number by the text before it, with "#" for the number: {key}=block_#;'
                        " received {key}={value!r:.80}."
                    ),
                    key=key,
                    value=value,
                )
            continue
        asked = ", ".join(sorted(known)) or "none"
        raise InvalidInputError(
            N_(
                "An answer is to a question of this dump ({asked:.500}) or a role of names ({roles}); received"
                " {key!r:.120}. See `inspect --json`."
            ),
            asked=asked,
            roles=", ".join(NAME_ROLES),
            key=key,
        )

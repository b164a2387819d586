"""How a dump is read: said in words and in a table, asked about where it is uncertain, and changed by hand."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.command_line import command
from analysis.dumps import ArrayRule, Inspection, ReadingPlan
from analysis.dumps.files.source import within
from analysis.dumps.plan.name_tokens import Token, TokenRole, form_of, tokens_of, with_role
from analysis.dumps.plan.plan import AXIS_ROLES, PLAN_FILE, Axes, AxisRole
from analysis.dumps.plan.plan_file import keep_plan, plan_file
from analysis.dumps.rule_use import RuleUse
from analysis.dumps.summary import KIND_TITLES
from analysis.plain_text import LONGEST_MESSAGE, file_stem, plain
from app.sections.export import offer_table
from app.sections.on_request import when_open
from app.session import caches, services
from app.session.dump_plan import PlanSteps, Reading, Said, read_dump, write_address
from app.session.keys import DUMP_EDIT
from app.session.press import acting_button
from app.text.language import _, ngettext, translated
from app.text.plain import escaped
from app.views.dumps.plan_preview import cells_table, show_left_out, show_preview, show_sentence
from app.views.dumps.plan_questions import ask_questions
from app.views.dumps.plan_words import (
    AXIS_TITLES,
    COLOURS,
    ROLE_TITLES,
    SHORT_TITLES,
    length_in_words,
    lengths_in_words,
)
from per_core.errors import InvalidInputError, PerError

MOST_RULES = 12  # that are shown at once
AXES_IN_A_ROW = 5
MOST_BEFORE = 4  # characters, escaped, of signs that go with the word behind them
KEEPING = -1  # in the place of a rule, of what is wrong with keeping the plan
USUAL_AXES: dict[int, Axes] = {
    1: ("sample",),
    2: ("sample", "unit"),
    3: ("sample", "position", "unit"),
    4: ("sample", "channel", "height", "width"),
}
"""By the number of axes."""
Change = Callable[[Callable[[ArrayRule], ArrayRule]], None]
"""Replaces a rule by what is made of it as it is now."""


def settle(dump: Inspection, slot: str, below: DeltaGenerator | None = None) -> Inspection:
    """A dump whose arrays are listed, read as the visitor says: all of it is shown before anything is computed.

    Args:
        dump: whose arrays are listed.
        slot: of the dump.
        below: where the table and the editor of a plan stand that asks nothing; None for here.
    """
    has_place = dump.allowed is not None
    steps = PlanSteps(slot, dump)
    reading = read_dump(dump, steps, has_place=has_place)
    for problem in reading.problems:
        st.error(escaped(problem))
    inspection = reading.inspection
    show_sentence(inspection)
    if has_place and not write_address(slot, reading):
        st.info(_("This plan is too long for the address: a link opens the dump without it. Save it as a file below."))
    if reading.is_kept:
        _say_kept(steps, inspection, slot)
    elif reading.said.plan is not None:
        st.caption(_("The plan is changed by hand."))
    with below if below is not None and not inspection.questions else st.container():
        show_preview(inspection)
        ask_questions(inspection.questions, steps, slot)
        show_left_out(inspection)
        when_open(_("How it is read"), _show_editor, reading, steps, slot, key=f"{slot}_editor")
    return inspection


def _show_editor(reading: Reading, steps: PlanSteps, slot: str) -> None:
    _edit(reading, steps, slot)
    _take_away(reading, steps, slot)


def _say_kept(steps: PlanSteps, inspection: Inspection, slot: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        file = plan_file(inspection.path).name
        st.markdown(_("Read by the plan in {file}.").format(file=escaped(file)), width="content")
        st.button(_("Propose anew"), key=f"{slot}_anew", on_click=steps.say, args=(Said(anew=True),))


def _edit(reading: Reading, steps: PlanSteps, slot: str) -> None:
    """A box for every rule: the name of an array word by word, and its axes."""
    inspection = reading.inspection
    rules = list(enumerate(zip(inspection.plan.rules, caches.uses_of_rules(inspection), strict=True)))
    rules.sort(key=lambda one: bool(one[1][0].left_out))
    if not rules:
        st.caption(_("A run says itself what its layers and epochs are: there is nothing to change."))
        return
    st.caption(_("Click a word or a number of a name to give it a role. The coloured marks say which roles they have."))
    shown = rules
    if len(rules) > MOST_RULES:
        text = st.text_input(_("Rules with this in the name"), key=f"{slot}_rules").lower()
        fitting = [one for one in rules if text in one[1][0].name.lower() or text in _example(one[1][1]).lower()]
        shown = fitting[:MOST_RULES]
        st.caption(_("{shown:,} of {n:,} rules are shown.").format(shown=len(shown), n=len(rules)))
    for number, (rule, use) in shown:
        with st.container(border=True):
            _show_rule(number, rule, use, inspection.plan, steps, slot)


def _example(use: RuleUse) -> str:
    return "" if use.example is None else use.example.name


def _show_rule(number: int, rule: ArrayRule, use: RuleUse, plan: ReadingPlan, steps: PlanSteps, slot: str) -> None:
    change = _changes(number, plan, steps, slot)
    head, switch = st.columns([5, 1], vertical_alignment="center")
    arrays = ngettext("{n:,} array", "{n:,} arrays", use.arrays).format(n=use.arrays)
    said = [f"**{arrays}**", lengths_in_words(use.lengths)]
    if rule.left_out:
        said.append(_("left out: {kind}").format(kind=translated(KIND_TITLES[rule.left_out])))
    head.markdown(", ".join(filter(None, said)))
    key = f"{slot}_taken_{number}"
    st.session_state[key] = not rule.left_out
    if use.example is not None:
        usual = _usual_axes(use)

        def turned(rule: ArrayRule) -> ArrayRule:
            return ArrayRule(rule.name, left_out="other") if rule.axes else ArrayRule(rule.name, usual)

        switch.toggle(_("Activations"), key=key, on_change=change, args=(turned,), disabled=not use.lengths)
    tokens = None if use.example is None or rule.left_out else tokens_of(rule.name, use.example.name)
    if tokens is None:
        st.code(rule.name, language=None)
    else:
        _show_tokens(number, tokens, change, slot)
    if rule.axes:
        _show_axes(number, rule, use, change, slot)
    _say_problem(number, use, slot)


def _usual_axes(use: RuleUse) -> Axes:
    """Of arrays that are taken in, until somebody says otherwise."""
    units: list[AxisRole] = ["unit"] * (len(use.lengths) - 1)
    return USUAL_AXES.get(len(use.lengths), ("sample", *units))


def _changes(number: int, plan: ReadingPlan, steps: PlanSteps, slot: str) -> Change:
    """What replaces a rule by the one that is made of it, or remembers why that cannot be.

    A change may come before the one before it is drawn: each is made to what the visitor said last.
    """

    def change(make: Callable[[ArrayRule], ArrayRule]) -> None:
        newest = plan if steps.last.plan is None else steps.last.plan
        try:
            steps.edit(newest.with_rule(number, make(newest.rules[number])))
        except InvalidInputError as error:
            st.session_state[DUMP_EDIT] = slot, number, error.phrase

    return change


def _show_tokens(number: int, tokens: Sequence[Token], change: Change, slot: str) -> None:
    """The name of an example: every word a menu of roles, with the signs before it; behind every field its role."""
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", key=f"{slot}_name_{number}"):
        signs = before = ""
        for index, token in enumerate(tokens):
            if not token.is_word:
                before += escaped(token.text)
            else:
                if tokens[index - 1].role != token.role or len(before) > MOST_BEFORE:
                    signs, before = signs + before, ""
                if signs:
                    st.markdown(signs, width="content")
                _show_word(f"{slot}_word_{number}_{index}", index, before, tokens, change)
                signs = before = ""
            if token.role and (index + 1 == len(tokens) or tokens[index + 1].role != token.role):
                signs += before + f":{COLOURS[token.role]}-badge[{translated(SHORT_TITLES[token.role])}]"
                before = ""
        if signs + before:
            st.markdown(signs + before, width="content")


def _show_word(key: str, index: int, before: str, tokens: Sequence[Token], change: Change) -> None:
    token = tokens[index]

    def give(rule: ArrayRule, role: TokenRole) -> ArrayRule:
        newest = tokens_of(rule.name, "".join(one.text for one in tokens))
        known = tokens if newest is None or len(newest) != len(tokens) else newest
        return replace(rule, name=form_of(with_role(known, index, role)))

    def taken() -> None:
        role = st.session_state[key]
        change(lambda rule: give(rule, role))

    text = before + escaped(token.text)
    st.menu_button(
        f":{COLOURS[token.role]}[**{text}**]" if token.role else text,
        list(ROLE_TITLES),
        format_func=lambda role: translated(ROLE_TITLES[role]),
        key=key,
        type="secondary" if token.role else "tertiary",
        on_click=taken,
        wrap=False,
    )


def _show_axes(number: int, rule: ArrayRule, use: RuleUse, change: Change, slot: str) -> None:
    for start in range(0, len(rule.axes), AXES_IN_A_ROW):
        places = st.columns(AXES_IN_A_ROW)
        for axis, place in enumerate(places[: len(rule.axes) - start], start):
            _show_axis(place, f"{slot}_axis_{number}_{axis}", axis, rule, use, change)


def _show_axis(
    place: "st.delta_generator.DeltaGenerator",
    key: str,
    axis: int,
    rule: ArrayRule,
    use: RuleUse,
    change: Change,
) -> None:
    def taken() -> None:
        role = st.session_state[key]
        change(lambda rule: replace(rule, axes=(*rule.axes[:axis], role, *rule.axes[axis + 1 :])))

    st.session_state[key] = rule.axes[axis]
    length = length_in_words(use.lengths[axis]) if use.lengths else "?"
    place.selectbox(
        _("Axis {number}, {length} long").format(number=axis + 1, length=length),
        AXIS_ROLES,
        format_func=lambda role: translated(AXIS_TITLES[role]),
        key=key,
        on_change=taken,
    )


def _say_problem(number: int, use: RuleUse, slot: str) -> None:
    """What is wrong with a rule, or with the last change of it, which was not made."""
    _say_refused(number, slot)
    names = [escaped(name) for name in use.names]
    if use.problem == "unused":
        st.warning(_("No array has a name of this form, or a rule before it takes them all."))
    elif use.problem == "alike":
        st.warning(
            _(
                "Nothing tells {first} and {second} apart, so each array is a layer of its own. Say which word or"
                " number is the layer, the epoch or the part."
            ).format(first=names[0], second=names[1])
        )
    elif use.problem == "epoch":
        st.warning(_("An epoch is a number; {text} is none. Give the epoch to the number alone.").format(text=names[0]))


def _say_refused(number: int, slot: str) -> None:
    """Why the last change of a rule was not made."""
    refused = st.session_state.get(DUMP_EDIT)
    if refused is not None and refused[:2] == (slot, number):
        st.error(escaped(refused[2]))
        del st.session_state[DUMP_EDIT]


def _take_away(reading: Reading, steps: PlanSteps, slot: str) -> None:
    """Steps back, the plan as a file, and the command that reads by it."""
    inspection = reading.inspection
    why_not, proposal = _why_not_kept(inspection), Said(anew=reading.kept is not None)
    undo, back, keep = st.columns(3)
    undo.button(
        _("Undo"),
        key=f"{slot}_undo",
        on_click=steps.undo,
        disabled=not steps.can_undo,
        help=_("Takes back the last answer or change."),
        width="stretch",
    )
    back.button(
        _("Back to the proposal"),
        key=f"{slot}_back",
        on_click=steps.say,
        args=(proposal,),
        disabled=steps.last == proposal,
        width="stretch",
    )
    acting_button(
        _("Keep this plan beside the dump"),
        _keep,
        inspection,
        steps,
        slot,
        place=keep,
        key=f"{slot}_keep",
        disabled=bool(why_not),
        help=_("Written as {file}; the dump is read by it from then on.").format(file=PLAN_FILE),
        width="stretch",
    )
    _say_refused(KEEPING, slot)
    if why_not:
        st.caption(why_not)
    file = f"{file_stem(inspection.path.stem)}.toml"
    places = st.columns(3)
    places[0].download_button(
        _("Plan as TOML"),
        inspection.plan.to_toml(),
        file,
        "application/toml",
        on_click="ignore",
        key=f"{slot}_toml",
        width="stretch",
    )
    offer_table(cells_table(inspection), _("Layers"), places[1:], key=f"{slot}_cells")
    path = inspection.title if inspection.allowed is None else plain(inspection.path, LONGEST_MESSAGE)
    st.code(command("inspect", path, "--plan", file), language="bash", wrap_lines=True)


def _keep(inspection: Inspection, steps: PlanSteps, slot: str) -> None:
    try:
        keep_plan(inspection.path, inspection.plan)
        steps.forget()
    except PerError as error:
        st.session_state[DUMP_EDIT] = slot, KEEPING, error.phrase


def _why_not_kept(inspection: Inspection) -> str:
    """Why no plan can be kept beside a dump; empty if one can."""
    if inspection.allowed is None:
        return _("Uploaded files have no place on the server where a plan could be kept: download it as TOML.")
    if inspection.path == services.EXAMPLE_DUMP:
        return _("The example stays as it was shipped: download the plan as TOML.")
    file = plan_file(inspection.path)
    try:
        within(file.parent, services.dump_folders())
    except PerError:
        return _("The folder of this dump is none that the operator allows: download the plan as TOML.")
    if not os.access(file.parent, os.W_OK):
        return _("The server may not write into this folder: download the plan as TOML.")
    return ""

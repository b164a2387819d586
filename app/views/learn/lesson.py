"""How a step is gone through: play and predict, then the answer, the explanation, and the way on."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from app.sections.on_request import on_request
from app.sections.presenting import is_presenting, show_switch
from app.session.address import kept_in_address
from app.session.classroom import Classroom
from app.session.controls import one_of
from app.session.fields import Values, draw_fields, held_values, link_fields
from app.session.keys import LESSON_STEP, LESSON_TURN, STEP
from app.session.press import acting_button
from app.text.caption import show_caption
from app.text.language import _, language, translated
from app.text.plain import escaped
from app.views.learn.class_section import ask_class, enter_class, show_class, tell_class, wait_for_teacher
from app.views.learn.predictions import Prediction, keep_in_address, predict, predictions, take_back
from app.views.learn.sheet import write_sheet
from app.views.learn.step import Answer, Question, Step

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_TURN = st.components.v2.component(
    "perscope_turn",
    js=Path(__file__).parent.joinpath("frontend", "turn.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def show_lesson(steps: Sequence[Step[Any]]) -> None:
    """The step that the address names, `?step=4`, and the way to the others."""
    turns = st.container(horizontal=True, vertical_alignment="bottom", key="learn_turns")
    with turns:
        number = _choose_step(len(steps))
    step = steps[number - 1]
    room = enter_class([one.key for one in steps], step.key)
    with turns:
        _show_turns(number, len(steps))
    st.title(f"{number}. {translated(step.title)}", anchor=False)
    _show_step(step, room)
    if room is not None or not is_presenting():
        show_class(room, [one.key for one in steps])
    if not is_presenting():
        on_request(_("Sheets to print"), _show_sheets, steps, key="learn_sheets")
    keep_in_address()


def _choose_step(count: int) -> int:
    """Buttons of all steps; who comes back from another page sees the one that was left."""
    numbers = [str(number) for number in range(1, count + 1)]
    if STEP not in st.session_state and STEP not in st.query_params and LESSON_STEP in st.session_state:
        st.session_state[STEP] = st.session_state[LESSON_STEP]
        st.query_params[STEP] = st.session_state[LESSON_STEP]
    chosen = one_of(_("Step"), numbers, numbers[0], key=STEP)
    st.session_state[LESSON_STEP] = chosen
    return int(chosen)


def _show_step(step: Step[Any], room: Classroom | None) -> None:
    """One step: the picture beside what is asked, or what was answered; in a class perhaps not before all have."""
    found = predictions().get(step.key)
    teaches = room is not None and bool(room.teacher)
    is_open = room is None or room.is_shown(step.key)
    may_tell = is_open and (teaches or found is not None)
    picture, played, asked, told = _lay_out(step, told_apart=is_presenting() and may_tell)
    with played:
        st.markdown(translated(step.invitation))
        values = _play(step, found)
    seen = step.see(values)
    question = step.ask(seen)
    if found is not None and not question.accepts(found.answer):
        found = None
    is_seen = is_open and (teaches or found is not None)
    with asked:
        if found is None and not teaches:
            _ask(step, question, values, room)
        else:
            st.markdown(f"**{escaped(question.text)}**")
        if room is not None and teaches:
            ask_class(room, step.key, question)
        elif room is not None and found is not None and not is_seen:
            wait_for_teacher(room, step.key, question.in_words(found.answer))
        if is_seen:
            _reveal(step, question, values, None if teaches else found)
    if is_seen:
        with told:
            _explain(step, question, values, can_repeat=not teaches)
    with picture:
        step.show(seen, is_seen)


def _lay_out(step: Step[Any], *, told_apart: bool) -> "tuple[DeltaGenerator, ...]":
    """Where the picture, the controls, the question and the explanation of a step are.

    The explanation follows the answer to the question. On a projector it stands apart, so that nothing scrolls.
    """
    end = "_told" if told_apart else ""
    if step.wide:
        picture = st.container(key=f"learn_wide{end}")
        if told_apart:
            played, asked, told = st.columns([3, 4, 5], gap="small")
            return picture, played, asked, told.container(key="learn_told")
        played, asked = st.columns([2, 3], gap="large")
        return picture, played, asked, asked
    left, right = st.columns([3, 2], gap="large")
    picture, played, asked = left.container(key=f"learn_picture{end}"), right.container(), right.container()
    return picture, played, asked, left.container(key="learn_told") if told_apart else asked


def _play(step: Step[Any], found: Prediction | None) -> dict[str, Any]:
    """The controls, which open with the settings of the prediction there is."""
    fields = step.fields()
    if found is not None:
        said = {field.path: found.settings[field.path] for field in fields if field.path in found.settings}
        usable = {field.path: said[field.path] for field in fields if field.offers(said.get(field.path))}
        held = held_values(fields, usable)
        if not any(key in st.session_state or key in st.query_params for key in held):
            link_fields(fields, usable)
            st.session_state.update(held)
    return draw_fields(fields)


def _ask(step: Step[Any], question: Question, values: Values, room: Classroom | None) -> None:
    """The question with its button."""
    answer = question.draw(f"learn_{step.key}_answer")
    acting_button(
        _("Check"),
        _answer,
        step.key,
        question,
        answer,
        dict(values),
        room,
        type="primary",
        disabled=answer is None,
        key="learn_check",
    )


def _answer(
    step: str, question: Question, answer: Answer | None, settings: dict[str, Any], room: Classroom | None
) -> None:
    if answer is None:
        return
    predict(step, Prediction(answer, settings))
    if room is not None:
        tell_class(room, step, Prediction(answer, settings), correct=question.is_right(answer))


def _reveal(step: Step[Any], question: Question, values: Values, found: Prediction | None) -> None:
    """What the numbers say, beside what was predicted."""
    settings = {} if found is None else found.settings
    said = {field.path: settings.get(field.path, field.default) for field in step.fields()}
    if found is None or any(values[path] != said[path] for path in values):
        st.info(_("The answer at these settings: {right}.").format(right=question.right_in_words))
    elif question.is_right(found.answer):
        st.success(_("Right: {answer}.").format(answer=question.in_words(found.answer)))
    else:
        st.warning(
            _("You predicted: {answer}. The numbers say: {right}.").format(
                answer=question.in_words(found.answer), right=question.right_in_words
            )
        )


def _explain(step: Step[Any], question: Question, values: Values, *, can_repeat: bool) -> None:
    """The numbers, what they teach, and the same batch in full."""
    st.markdown(question.because)
    st.markdown(translated(step.explanation))
    onward = step.onward(values)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            f"views/{onward.page}/{onward.page}.py",
            label=onward.label,
            icon=":material/open_in_new:",
            query_params={**onward.query, **kept_in_address()},
        )
        if can_repeat:
            st.button(_("Predict again"), on_click=take_back, args=(step.key,), key="learn_again", type="tertiary")


def _show_sheets(steps: Sequence[Step[Any]]) -> None:
    """The lesson on paper, for both sides of the room."""
    show_caption(_("Open a sheet in a browser and print it, or save it as PDF from there."))
    with st.container(horizontal=True):
        for for_teacher, label in ((False, _("For students")), (True, _("For the teacher"))):
            st.download_button(
                label,
                write_sheet(steps, for_teacher=for_teacher),
                f"lesson_{'teacher' if for_teacher else 'student'}_{language()}.html",
                "text/html",
                on_click="ignore",
                key=f"learn_sheet_{'teacher' if for_teacher else 'student'}",
            )


def _show_turns(number: int, count: int) -> None:
    """Back and next, by button and by key, always in the same place: above what a step fills."""
    st.button(_("Back"), on_click=_turn, args=(-1, count), disabled=number == 1, key="learn_back")
    st.button(_("Next"), on_click=_turn, args=(1, count), disabled=number == count, key="learn_next")
    if not is_presenting():
        done = min(len(predictions()), count)
        st.caption(_("{done} of {count} steps answered").format(done=done, count=count), width="content")
    show_switch()
    _TURN(
        key=LESSON_TURN,
        data={"present": is_presenting()},
        height=1,
        on_by_change=lambda: _turn(int(st.session_state[LESSON_TURN]["by"]), count),
    )


def _turn(by: int, count: int) -> None:
    """Go on or back from the last turn, which may not be drawn yet; not before the first step or after the last."""
    number = int(st.session_state[LESSON_STEP]) + by
    st.session_state[STEP] = st.session_state[LESSON_STEP] = str(min(max(number, 1), count))

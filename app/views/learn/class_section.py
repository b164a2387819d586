"""A class in the lesson: its teacher opens, follows and closes it; students join, answer and wait for the answer."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from urllib.parse import urlencode, urlsplit

import segno
import streamlit as st

from app.charts.chart import show_chart
from app.charts.class_answers import number_bars, option_bars
from app.hosts import LOOPBACK
from app.sections import followed
from app.sections.on_request import on_request
from app.sections.presenting import is_presenting
from app.session import classroom, permissions
from app.session.class_store import Answer, NoClassError, Reveal, Tally, tally_table
from app.session.classroom import CLASS, Classroom
from app.session.keys import CLASS_ERROR, CLASS_SEAT
from app.text.language import ADDRESS as LANGUAGE_IN_ADDRESS
from app.text.language import _, language, ngettext, translated
from app.text.plain import escaped
from app.views.learn.predictions import Prediction, begin_with, take_back
from app.views.learn.step import Options, Place, Question
from per_core.errors import PerError
from per_core.text import N_

TEACHER_SECONDS, STUDENT_SECONDS = 1.0, 2.0  # between two looks
WAITING, ANSWERS = "learn_waiting", "learn_class_answers"  # parts that follow the class
_ROOM_FOR_BARS = "<style>.perscope-chart { --perscope-height: 40vh; }</style>"  # below the picture, on a projector
QR_PIXELS, BORDER = 260, 4
ROW_PIXELS, LINE_PIXELS = 54, 240  # of an option, of a line of numbers
REVEALS: dict[Reveal, str] = {
    "teacher": N_("The teacher shows the answers"),
    "student": N_("Each student sees them at once"),
}


def enter_class(steps: Sequence[str], step: str) -> Classroom | None:
    """The class that this visitor is in, with what is to be said of it above the lesson; None for who is alone."""
    if CLASS_ERROR in st.session_state:
        st.error(st.session_state.pop(CLASS_ERROR))
    try:
        room = classroom.enter()
    except NoClassError:
        _show_no_class()
        return None
    except PerError as error:
        st.error(escaped(error))
        return None
    if room is None:
        return None
    if room.teacher:
        if is_presenting():
            st.html(_ROOM_FOR_BARS)
        _act(room.teach, step)
    else:
        _take_seat(room)
        _show_student(room, steps, step)
    return room


def _show_no_class() -> None:
    left, right = st.columns([5, 1], vertical_alignment="center")
    left.warning(
        _(
            "There is no class {code}: the code is mistyped, or the class was closed. Ask the teacher for the code, or"
            " go on alone: everything works without a class."
        ).format(code=escaped(classroom.keep_place()[CLASS]))
    )
    right.button(_("Go on alone"), on_click=classroom.leave, key="learn_alone", width="stretch")


def _take_seat(room: Classroom) -> None:
    """Begin with what was answered at this seat, once a session; a new seat has answered nothing."""
    seat = room.code, room.seat
    if st.session_state.get(CLASS_SEAT) != seat:
        st.session_state[CLASS_SEAT] = seat
        said = {step: Prediction(answer.value, answer.settings) for step, answer in room.answers().items()}
        begin_with(said, only=room.is_new)


def _show_student(room: Classroom, steps: Sequence[str], step: str) -> None:
    said = _("Class **{code}**. Answers are kept without a name.").format(code=room.code)
    if room.state.step in steps and room.state.step != step:
        said += " " + _("The teacher is at step {number}.").format(number=steps.index(room.state.step) + 1)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(said, width="content")
        st.button(_("Leave"), on_click=classroom.leave, key="learn_leave", type="tertiary")


def tell_class(room: Classroom, step: str, said: Prediction, *, correct: bool) -> None:
    """Keep a prediction with the class."""
    _act(room.answer, step, Answer(said.answer, correct, said.settings))


def ask_class(room: Classroom, step: str, question: Question) -> None:
    """What the class answers, as it comes, for its teacher, with the button that shows the answer to all."""
    followed.follow(ANSWERS, lambda: _count(room, step), lambda: _show_answers(room, step, question))


def _count(room: Classroom, step: str) -> followed.Glance:
    try:
        tally = room.tally()
    except PerError as error:
        return followed.Glance(str(error), TEACHER_SECONDS)
    return followed.Glance(repr((tally.joined, sorted(tally.answers.get(step, {}).items(), key=str))), TEACHER_SECONDS)


def _show_answers(room: Classroom, step: str, question: Question) -> None:
    """How many have answered, and a bar for each answer."""
    try:
        tally = room.tally()
    except PerError as error:
        st.error(escaped(error))
        return
    shown = room.is_shown(step)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(_answered(tally, step, shown=shown), width="content")
        if not shown and st.button(
            _("Show the answer"),
            type="primary",
            key="learn_reveal",
            help=_("Shows it on this page and to all students who have answered."),
        ):
            _act(room.reveal, step)
            st.rerun()
    _show_bars(tally.answers.get(step, {}), question, shown=shown)


def _answered(tally: Tally, step: str, *, shown: bool) -> str:
    """How many have answered, and once the answer is shown, how many were right."""
    answered = tally.answered(step)
    if not tally.joined:
        return _("Nobody has joined yet.")
    if shown and answered:
        return ngettext(
            "{right} of {count} answer was right at the settings on its screen.",
            "{right} of {count} answers were right at the settings on their screens.",
            answered,
        ).format(right=tally.correct.get(step, 0), count=answered)
    return _("**{answered} of {joined}** answered.").format(answered=answered, joined=tally.joined)


def _show_bars(answers: Mapping[str | float, int], question: Question, *, shown: bool) -> None:
    """The answers to a question; which is right, once it is shown."""
    match question:
        case Options(options=options, right=right):
            counts = [answers.get(key, 0) for key in options]
            said = dict(zip(options.values(), counts, strict=True))
            place = list(options).index(right) if shown else None
            draw, height = partial(option_bars, list(options.values()), counts, place), ROW_PIXELS * len(counts)
        case Place(low=low, high=high, right=number):
            placed = dict(sorted((float(value), n) for value, n in answers.items() if question.accepts(value)))
            said = {question.in_words(value): count for value, count in placed.items()}
            draw = partial(number_bars, list(placed), list(placed.values()), low, high, number if shown else None)
            height = LINE_PIXELS
        case _:
            return
    told = ", ".join(f"{text}: {count}" for text, count in said.items() if count) or _("no answer yet")
    show_chart(
        draw, key="learn_class_bars", alt=_("Answers of the class: {answers}").format(answers=told), height=height
    )


def wait_for_teacher(room: Classroom, step: str, answer: str) -> None:
    """What a student has predicted, until the teacher shows the answer."""
    followed.follow(WAITING, lambda: _look(room, step), lambda: _show_waiting(room, step, answer))


def _look(room: Classroom, step: str) -> followed.Glance:
    try:
        return followed.Glance(str(room.now().is_shown(step)), STUDENT_SECONDS)
    except PerError as error:
        return followed.Glance(str(error), STUDENT_SECONDS)


def _show_waiting(room: Classroom, step: str, answer: str) -> None:
    try:
        is_over = room.now().is_shown(step)
    except PerError:  # the page says why
        is_over = True
    if is_over:
        st.rerun()
    st.info(_("You predicted: {answer}. The teacher shows the answer when all have predicted.").format(answer=answer))
    if st.button(_("Change my answer"), key="learn_change", type="tertiary"):
        take_back(step)
        st.rerun()


def show_class(room: Classroom | None, steps: Sequence[str]) -> None:
    """Below the lesson: the teacher's class, or how to join or open one."""
    if room is None:
        on_request(_("A class"), _show_ways_in, key="learn_class")
    elif room.teacher:
        _show_teacher(room, steps)


def _show_ways_in() -> None:
    """Join a class, or open one."""
    left, right = st.columns(2, gap="large")
    with left:
        code = st.text_input(_("Code of the class"), key="learn_class_code", max_chars=20, placeholder="BCDF")
        if st.button(_("Join"), key="learn_join") and code.strip():
            _join(code)
    with right:
        if permissions.is_limited():
            _ask_key()
            return
        reveal = st.radio(
            _("Who shows the answers"), list(REVEALS), format_func=_reveal_title, key="learn_class_reveal"
        )
        if st.button(_("Open a class"), key="learn_open", type="primary"):
            _act(classroom.open_class, reveal)
            st.rerun()
        st.caption(
            _(
                "Students join by a code and give no name. Their answers are deleted a day after the last use of the"
                " class."
            )
        )


def _join(code: str) -> None:
    try:
        classroom.join(code)
    except NoClassError:
        st.warning(_("There is no class {code}. Check the code with the teacher.").format(code=escaped(code)))
        return
    st.rerun()


def _ask_key() -> None:
    key = st.text_input(_("Teacher's key"), type="password", key="learn_class_key", max_chars=100)
    st.caption(permissions.rule("open_class"))
    if st.button(_("Enter"), key="learn_key") and key:
        if permissions.give_key(key):
            st.rerun()
        st.warning(_("This is not the teacher's key. Enter the one that the server was started with."))


def _show_teacher(room: Classroom, steps: Sequence[str]) -> None:
    """How students join the class, how its answers are shown and taken away, and how it ends."""
    st.header(_("Your class"), anchor=False)
    left, right = st.columns([2, 3], gap="large")
    with left:
        _show_way_in(room)
    with right:
        _show_settings(room, steps)


def _show_way_in(room: Classroom) -> None:
    """Code, picture and link by which students join."""
    st.metric(_("Code"), room.code)
    here = st.context.url
    if here is None:
        return
    link = link_to_class(here, room.code)
    st.image(qr_code(link), width=QR_PIXELS, alt=_("QR code of the link to the class"))
    st.code(link, language=None, wrap_lines=True)
    host = urlsplit(link).hostname or ""
    if host in (name.strip("[]") for name in LOOPBACK):
        st.warning(
            _(
                "Only this machine can open {host}. For students, start the server with --address 0.0.0.0 and open this"
                " page by the machine's name or address."
            ).format(host=escaped(host))
        )


def link_to_class(here: str, code: str) -> str:
    """The address of this page for a student of the class, in the teacher's language."""
    query = {CLASS: code, LANGUAGE_IN_ADDRESS: language()}
    return f"{here}?{urlencode(query)}"


def qr_code(link: str) -> str:
    """A link as a QR code, dark on light in every theme, as cameras expect it: SVG."""
    picture = io.BytesIO()
    segno.make(link, error="m").save(picture, "svg", border=BORDER, light="#fff", xmldecl=False, omitsize=True)
    return picture.getvalue().decode()


def _show_settings(room: Classroom, steps: Sequence[str]) -> None:
    """Who shows the answers, the counts to take away, and the end of the class."""
    key = f"learn_class_reveal_{room.code}"
    st.radio(
        _("Who shows the answers"),
        list(REVEALS),
        list(REVEALS).index(room.state.reveal),
        format_func=_reveal_title,
        horizontal=True,
        key=key,
        on_change=_change_reveal,
        args=(room, key),
    )
    with st.container(horizontal=True):
        st.download_button(
            _("Counts as CSV"),
            lambda: _csv(room.tally(), steps),
            f"class_{room.code}.csv",
            "text/csv",
            on_click="ignore",
            key="learn_counts",
        )
        with st.popover(_("Close the class")):
            st.markdown(_("All answers are deleted, and nobody can join any more."))
            st.button(_("Close and delete"), on_click=_act, args=(room.close,), key="learn_close", type="primary")


def _change_reveal(room: Classroom, key: str) -> None:
    chosen: Reveal = st.session_state[key]
    _act(room.choose_reveal, chosen)


def _csv(tally: Tally, steps: Sequence[str]) -> str:
    """Without pandas, which takes longer to load than the lesson."""
    text = io.StringIO()
    table = csv.DictWriter(text, ["step", "answer", "count", "answered", "right"], lineterminator="\n")
    table.writeheader()
    table.writerows(tally_table(tally, steps))
    return text.getvalue()


def _reveal_title(reveal: Reveal) -> str:
    return translated(REVEALS[reveal])


def _act(do: Callable[..., object], *arguments: object) -> None:
    """Do something with the class; what is refused is said at the head of the lesson."""
    try:
        do(*arguments)
    except PerError as error:
        st.session_state[CLASS_ERROR] = escaped(error)

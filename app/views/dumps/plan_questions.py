"""Questions about the plan that is proposed: one each, the likeliest answer chosen, the reason beside it."""

import streamlit as st

from analysis.dumps import Question
from analysis.dumps.plan.plan import parse_axes
from analysis.dumps.proposal.proposal import LEFT_OUT
from app.session.dump_plan import PlanSteps
from app.text.language import _, ngettext, translated
from app.text.plain import escaped
from app.views.dumps.plan_words import ROLE_TITLES, axes_answer, lengths_in_words

MANY = 4  # more of them scroll
SCROLL_PIXELS = 380


def ask_questions(questions: tuple[Question, ...], steps: PlanSteps, slot: str) -> None:
    """All that is uncertain about a plan; the page goes on with the answers that are chosen."""
    if not questions:
        return
    with st.container(height="content" if len(questions) <= MANY else SCROLL_PIXELS, border=False):
        for question in questions:
            _ask(question, steps, slot)


def _ask(question: Question, steps: PlanSteps, slot: str) -> None:
    key = f"{slot}_ask_{question.id}"
    options = list(dict.fromkeys([*question.options, question.chosen]))
    st.session_state[key] = question.chosen
    choice, reason = st.columns([3, 2], vertical_alignment="bottom", gap="medium")
    choice.selectbox(
        _asked(question),
        options,
        format_func=lambda answer: _answer(question, answer),
        key=key,
        on_change=_take,
        args=(steps, question.id, key),
    )
    reason.caption(_("Proposed because {reason}.").format(reason=escaped(translated(question.reason))))


def _take(steps: PlanSteps, question: str, key: str) -> None:
    steps.answer(question, st.session_state[key])


def _asked(question: Question) -> str:
    others = question.arrays - 1
    about = escaped(question.example)
    if others:
        about = ngettext("{name} and {n:,} other", "{name} and {n:,} others", others).format(name=about, n=others)
    if question.about == "axes":
        shape = lengths_in_words([(length, length) for length in question.shape])
        return _("**What are the axes?** {about}, {shape}").format(about=about, shape=shape)
    return _("**What does {number} count?** {about}").format(number=escaped(_number(question)), about=about)


def _number(question: Question) -> str:
    """The part of the name that a question is about, "#" for its numbers."""
    return question.id.partition("/")[2].partition("@")[0].rpartition("/")[2]


def _answer(question: Question, answer: str) -> str:
    if answer == LEFT_OUT:
        return _("left out: these are no activations")
    if question.about == "axes":
        return axes_answer(question.shape, parse_axes(answer))
    titles: dict[str, str] = {role: title for role, title in ROLE_TITLES.items() if role}
    return translated(titles[answer]) if answer in titles else answer

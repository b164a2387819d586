"""How a dump is read: what was found, in words, and the questions that are open about it."""

import streamlit as st

from analysis.dumps import Inspection, Question
from analysis.dumps.summary import Summary
from app.session.keys import DUMP_SAID
from app.text.language import _, visitor_texts
from app.text.plain import escaped
from per_core.errors import PerError


def settle(inspection: Inspection, slot: str) -> Inspection:
    """The dump as it is read once every question is answered as the visitor answers it."""
    said = st.session_state.setdefault(DUMP_SAID, {})
    answers = dict(said.get(inspection.path, {}))
    place = st.container()
    for question in inspection.questions:
        answers[question.id] = _ask(question, answers.get(question.id, question.chosen), slot)
    said[inspection.path] = {
        question.id: answers[question.id]
        for question in inspection.questions
        if answers[question.id] != question.chosen
    }
    try:
        inspection = inspection.answer(said[inspection.path]) if said[inspection.path] else inspection
    except PerError as error:
        st.error(escaped(error))
    place.markdown(escaped(Summary.of(inspection).sentence(visitor_texts())))
    return inspection


def _ask(question: Question, answer: str, slot: str) -> str:
    """One question about the plan, with the likeliest answer chosen."""
    options = list(dict.fromkeys([*question.options, answer]))
    return st.selectbox(
        _("{name}, {shape}: what is each axis?").format(name=escaped(question.example), shape=question.shape)
        if question.about == "axes"
        else _("{name}: what is the number?").format(name=escaped(question.example)),
        options,
        index=options.index(answer),
        key=f"{slot}_{question.id}",
        help=escaped(question.reason),
    )

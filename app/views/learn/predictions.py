"""What a visitor has predicted: kept in the session and in the address, so that a reload or a link loses nothing."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.session.keys import LESSON_SAID
from app.views.learn.step import MOST_LETTERS, Answer

ADDRESS = "said"
_MOST_SETTINGS, _LONGEST_SETTING = 4, 256  # of one prediction, and letters of one: a drawn density has 200
_MOST_TEXT = 2000  # letters of all, four kilobytes in an address


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer, and the settings for which it was given.

    Attributes:
        answer: the key of an option, or a number.
        settings: values of the step's fields, by path.
    """

    answer: Answer
    settings: Mapping[str, Any]


def predictions() -> dict[str, Prediction]:
    """Those of this visitor by the key of their step; a new session takes them from the address."""
    if LESSON_SAID not in st.session_state:
        st.session_state[LESSON_SAID] = read(st.query_params.get(ADDRESS, ""))
    found: dict[str, Prediction] = st.session_state[LESSON_SAID]
    return found


def predict(step: str, prediction: Prediction) -> None:
    """Keep a prediction."""
    predictions()[step] = prediction


def begin_with(found: Mapping[str, Prediction], *, only: bool) -> None:
    """Take predictions from elsewhere, in place of those of the same steps, or `only` these."""
    st.session_state[LESSON_SAID] = dict(found) if only else {**predictions(), **found}


def take_back(step: str) -> None:
    """Forget what was predicted at a step, to predict again."""
    predictions().pop(step, None)


def keep_in_address() -> None:
    """Say in the address what was predicted so far."""
    text = written(predictions())
    if text:
        st.query_params[ADDRESS] = text
    elif ADDRESS in st.query_params:
        del st.query_params[ADDRESS]


def written(found: Mapping[str, Prediction]) -> str:
    """Predictions as a line of JSON: {"clouds": ["none", {"case": "c"}]}; nothing for none."""
    if not found:
        return ""
    plain = {step: [one.answer, dict(one.settings)] for step, one in found.items()}
    return json.dumps(plain, separators=(",", ":"))


def read(text: str) -> dict[str, Prediction]:
    """The predictions that a line says; what is no prediction is left out, because an address can hold anything."""
    if len(text) > _MOST_TEXT:
        return {}
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(plain, dict):
        return {}
    return {step: Prediction(*value) for step, value in plain.items() if _is_prediction(value)}


def _is_prediction(value: object) -> bool:
    match value:
        case [answer, dict(settings)]:
            short = len(settings) <= _MOST_SETTINGS
            return (
                short
                and _is_scalar(answer, MOST_LETTERS)
                and all(_is_scalar(one, _LONGEST_SETTING) for one in settings.values())
            )
    return False


def _is_scalar(value: object, longest: int) -> bool:
    match value:
        case str():
            return len(value) <= longest
        case float():
            return math.isfinite(value)
        case int():
            return abs(value) < 2**53
    return False

"""What visitors may do: everything, or in class mode what thirty students at once may.

Class mode is on where the server was started with `python -m app --class` or PERSCOPE_CLASS=1. Who has the teacher's
key may do everything then too. What is refused is refused where it would be done, and says the rule.
"""

import hmac
import os
import secrets
from functools import lru_cache
from typing import Literal

import streamlit as st

from app.session.keys import KEY_GIVEN
from app.text.language import translated
from per_core.errors import InvalidInputError, PerError
from per_core.text import N_

CLASS_VARIABLE, KEY_VARIABLE = "PERSCOPE_CLASS", "PERSCOPE_TEACHER_KEY"
SHORTEST_KEY = 8
UPLOAD_MB, WAITING = 20, 1  # of one visitor in class mode
_SIGNS, _PARTS, _PART = "BCDFGHJKMNPRSTVXYZ23456789", 3, 4

Act = Literal["open_class", "name_path", "change_runs", "stop_run", "train_anything", "upload_much"]
_RULES: dict[Act, str] = {
    "open_class": N_(
        "On this server a class is opened with the teacher's key. Enter the one that was printed when it started."
    ),
    "name_path": N_(
        "In a class visitors name no paths on the server. Drop the file on Dumps, or open the example there."
    ),
    "change_runs": N_("In a class only the teacher deletes, restores and renames runs. Ask the teacher."),
    "stop_run": N_("In a class visitors stop and resume only what they have started. Ask the teacher."),
    "train_anything": N_("In a class visitors train the presets as they are. Choose one of them, or ask the teacher."),
    "upload_much": N_("In a class the files of a visitor have 20 MB together. Bring a part of the rows."),
}


class NotAllowedError(PerError):
    """A visitor may not do this in class mode."""


def class_mode() -> bool:
    """Whether the server was started for a class."""
    return os.environ.get(CLASS_VARIABLE, "").strip() not in ("", "0")


def is_limited() -> bool:
    """Whether this visitor may do only what thirty at once may: in class mode, without the teacher's key."""
    return class_mode() and not st.session_state.get(KEY_GIVEN)


def require(act: Act) -> None:
    """Refuse this to a visitor who is limited.

    Raises:
        NotAllowedError: With the rule.
    """
    if is_limited():
        raise NotAllowedError(_RULES[act])


def rule(act: Act) -> str:
    """What visitors in class mode may not do, and what to do, in the visitor's language."""
    return translated(_RULES[act])


def give_key(key: str) -> bool:
    """Take a key that a visitor gives; whether it is the right one."""
    right = hmac.compare_digest(key.strip().encode(errors="replace"), teacher_key().encode())
    if right:
        st.session_state[KEY_GIVEN] = True
    return right


@lru_cache(maxsize=1)
def teacher_key() -> str:
    """The key that PERSCOPE_TEACHER_KEY holds, or a new one for as long as the server runs.

    Raises:
        InvalidInputError: If that is too short.
    """
    chosen = os.environ.get(KEY_VARIABLE, "").strip()
    if not chosen:
        return "-".join("".join(secrets.choice(_SIGNS) for _ in range(_PART)) for _ in range(_PARTS))
    if len(chosen) < SHORTEST_KEY:
        raise InvalidInputError(
            N_(
                "{key_variable} must have at least {shortest_key} signs; it has {count}. Set a longer one, or unset"
                " it for a random one."
            ),
            key_variable=KEY_VARIABLE,
            shortest_key=SHORTEST_KEY,
            count=len(chosen),
        )
    return chosen

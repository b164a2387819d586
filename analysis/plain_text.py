"""What is made of `per_core.plain_text`: messages, different names, names of files, and numbers as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable

from per_core.plain_text import LONGEST_NAME, plain
from per_core.text import Phrase

__all__ = ["LONGEST_MESSAGE", "LONGEST_NAME", "file_stem", "message", "plain", "plain_names", "written"]

LONGEST_MESSAGE = 2000


def written(value: float) -> str:
    """A number as short as it is read again as the same: "0.0003", "1e-05"."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def message(text: object) -> str:
    """`plain` of a sentence or two: line ends become spaces, and more signs are kept than of a name.

    A phrase stays one: what somebody has called something is among its values.
    """
    if isinstance(text, Phrase) and text.values:
        return Phrase.of(text.template, {name: message(value) for name, value in text.values.items()})
    return plain(" ".join(str(text).split()), LONGEST_MESSAGE)


def plain_names(names: Iterable[str], longest: int = LONGEST_NAME) -> dict[str, str]:
    """Every name -> what it is shown as, all different: of two that would look alike the second gets a number."""
    shown: dict[str, str] = {}
    taken = set()
    for name in dict.fromkeys(names):
        text, number = plain(name, longest), 1
        while text in taken:
            number += 1
            text = f"{plain(name, longest)} ({number})"
        taken.add(text)
        shown[name] = text
    return shown


def file_stem(text: object, longest: int = 60) -> str:
    """The text as the name of a file, without suffix, that every system takes and no header is broken by."""
    stem = re.sub(r"[^A-Za-z0-9._+]+", "-", plain(text, longest)).strip("-._")
    return stem or "unnamed"

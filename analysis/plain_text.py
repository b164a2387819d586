"""Strangers' text, made fit to be shown: titles, names of files, layers and keys, and messages that contain them.

Whatever a file, a link or a visitor calls something goes through here before anybody sees it. Places that read
Markdown or tags escape the result once more, see `app.text.plain`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from per_core.text import Phrase

LONGEST_NAME, LONGEST_MESSAGE = 200, 2000
# Printable by their class, and seen by nobody: fillers, joiners and variation selectors.
_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)
_BYTES = range(0xDC80, 0xDD00)  # how Python holds the bytes of a file's name that are not UTF-8


def plain(text: object, longest: int = LONGEST_NAME) -> str:
    r"""The text in one line that can be encoded, of signs that can be seen and steer nothing.

    Controls, line ends, changes of direction, signs without width, lone surrogates and bytes that are no UTF-8 are
    spelt out as Python does: \n, \x1b, \u202e, \xe9. What is too long loses its middle.

    Args:
        text: of which `str` is taken.
        longest: characters of the result, ≥ 1.
    """
    text = str(text)
    if text.isascii() and text.isprintable() and len(text) <= longest:  # so are nearly all, and it takes no time
        return text
    spelt = "".join(map(_spelt, _shortened(text, longest)))
    return _shortened(spelt, longest)


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


def _spelt(sign: str) -> str:
    if sign.isprintable() and sign not in _UNSEEN:
        return sign
    if ord(sign) in _BYTES:
        return f"\\x{ord(sign) - 0xDC00:02x}"
    return sign.encode("unicode_escape", "surrogatepass").decode("ascii")


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    front = longest // 2
    return f"{text[:front]}…{text[len(text) - (longest - front - 1) :]}"

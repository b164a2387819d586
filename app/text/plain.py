"""Strangers' text in places that read it: as what it is, never as Markdown, formulas, links or tags."""

import html
import re
from collections.abc import Sequence

from analysis.plain_text import LONGEST_MESSAGE, LONGEST_NAME, message, plain
from app.text.language import said

LONGEST_TICK = 36  # characters at an axis: a quarter of a narrow window

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:^&=@])")
# What is made a link, an arrow or an icon after escapes are undone: a sign without width goes into it.
_COMPOSED = re.compile(r"(https?(?=://)|www(?=\.)|[-.\w+](?=@)|[-<>~](?=[-=>])|:(?=material|streamlit))", re.IGNORECASE)
_JOINER = "\u2060"
_NOT_PLAIN = re.compile(r"[^\w ./,()+=%#-]|w(?=ww\.)|^[-+=#]|(?<![^\W_])_|_(?![^\W_])")


def escaped(text: object, longest: int = LONGEST_MESSAGE) -> str:
    """The text for a place that reads Markdown; it is shown there sign by sign, errors in the visitor's language."""
    return _MARKDOWN.sub(r"\\\1", _COMPOSED.sub(rf"\1{_JOINER}", plain(message(said(text)), longest)))


def label(text: object, longest: int = LONGEST_NAME) -> str:
    """The text for a chart, whose labels know some tags and whose hover texts fill in %{...}."""
    return html.escape(plain(text, longest), quote=False).replace("%{", "%&#123;")


def tick_labels(names: Sequence[str], longest: int = LONGEST_TICK) -> dict[str, str]:
    """`label` of every name -> what stands at an axis.

    Where a name is too long, all lose the beginning that they share, up to a sign that divides names; what is still too
    long loses its middle.
    """
    shared = 0
    if len(names) > 1 and max(map(len, names)) > longest:
        first, last = min(names), max(names)  # what these share, all share
        alike = next((at for at, signs in enumerate(zip(first, last, strict=False)) if len(set(signs)) > 1), len(first))
        shared = max(map(first[:alike].rfind, "./")) + 1
    return {label(name): label(f"…{name[shared:]}" if shared else name, longest) for name in names}


def harmless(text: object) -> str:
    """The text for any place: signs that mean something to Markdown or to a chart are dots."""
    return _NOT_PLAIN.sub("·", plain(text))

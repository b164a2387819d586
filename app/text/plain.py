"""Strangers' text in places that read it: as what it is, never as Markdown, formulas, links or tags."""

import html
import re

from analysis.plain_text import LONGEST_MESSAGE, message, plain

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:^&=@])")
# What is made a link, an arrow or an icon after escapes are undone: a sign without width goes into it.
_COMPOSED = re.compile(r"(https?(?=://)|www(?=\.)|[-.\w+](?=@)|[-<>~](?=[-=>])|:(?=material|streamlit))", re.IGNORECASE)
_JOINER = "\u2060"
_NOT_PLAIN = re.compile(r"[^\w ./,()+=%#-]|w(?=ww\.)|^[-+=#]|(?<![^\W_])_|_(?![^\W_])")


def escaped(text: object, longest: int = LONGEST_MESSAGE) -> str:
    """The text for a place that reads Markdown; it is shown there sign by sign."""
    return _MARKDOWN.sub(r"\\\1", _COMPOSED.sub(rf"\1{_JOINER}", plain(message(text), longest)))


def label(text: object) -> str:
    """The text for a chart, whose labels know some tags and whose hover texts fill in %{...}."""
    return html.escape(plain(text), quote=False).replace("%{", "%&#123;")


def harmless(text: object) -> str:
    """The text for any place: signs that mean something to Markdown or to a chart are dots."""
    return _NOT_PLAIN.sub("·", plain(text))

"""Names that come from files, shown as what they are: text, never Markdown, formulas, links or tags."""

import html
import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:^&])")
_NOT_PLAIN = re.compile(r"[^\w ./,()+=@%#-]")


def escaped(text: str) -> str:
    """The text for a place that reads Markdown; it is shown there sign by sign."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def label(text: str) -> str:
    """The text for a chart, whose labels know some tags."""
    return html.escape(text, quote=False)


def harmless(text: str) -> str:
    """The text for any place: signs that mean something to Markdown or to a chart are dots."""
    return _NOT_PLAIN.sub("·", text)

"""Texts that a person reads: marked where they stand, and kept with their values until it is known in which language.

`N_("English text")` marks a text for the catalogues. `Phrase(N_("{n} rows"), n=3)` is the English text "3 rows", and
says the same in another language once somebody translates "{n} rows".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any, Self

Translate = Callable[[str], str]


def N_(text: str) -> str:  # noqa: N802  the name that gettext's tools look for
    """The text as it is; whoever shows it translates it."""
    return text


class Phrase(str):
    """An English text that keeps the template and the values that it was made of.

    Values are formatted as an f-string does, once and for all: a template {size:,} has "1,234" in every language. One
    that is a phrase, or an error that says one, is translated with what is around it. What is made of a phrase by
    slicing, joining or formatting is an ordinary text.

    Attributes:
        template: the text with placeholders by name; literal braces are doubled. Without values it is the text itself,
            braces included.
        values: the text of every placeholder.
    """

    template: str
    values: Mapping[str, str]

    def __new__(cls, template: str, /, **values: object) -> Self:
        """A phrase of a template marked by `N_` and the values of its placeholders.

        Raises:
            KeyError: If a placeholder has no value.
        """
        placeholders = Formatter().parse(template) if values else ()
        return cls.of(
            template,
            {name: _text(values[name], form or "", kind) for _, name, form, kind in placeholders if name is not None},
        )

    @classmethod
    def of(cls, template: str, values: Mapping[str, str]) -> Self:
        """A phrase of what another one has kept."""
        phrase = super().__new__(cls, _filled(template, values, str))
        phrase.template, phrase.values = template, values
        return phrase

    def sentence(self, translate: Translate) -> str:
        """The phrase as `translate` has its template and those of the phrases among its values."""
        return _filled(translate(self.template), self.values, translate) if self.template else ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with its values."""
        return type(self).of, (self.template, self.values)


def together(*texts: str, by: str = "; ") -> str:
    """The texts that are not empty, one after the other; phrases among them stay what they are."""
    values = {f"text_{number}": text for number, text in enumerate(filter(None, texts))}
    return Phrase.of(by.join(f"{{{name}}}" for name in values), values)


def phrase_of(text: object) -> Phrase | None:
    """The phrase that something is, or that an error says; None if it is neither."""
    said = text.args[0] if isinstance(text, Exception) and text.args else text
    return said if isinstance(said, Phrase) else None


def say(text: object, translate: Translate) -> str:
    """A phrase or an error as `translate` has it; any other text as it is."""
    phrase = phrase_of(text)
    return str(text) if phrase is None else phrase.sentence(translate)


def as_json(text: Any) -> Any:
    """For JSON, a phrase with its template and values; anything else as it is. `from_json` is the inverse for texts."""
    if not isinstance(text, Phrase):
        return text
    return {"template": text.template, "values": {name: as_json(value) for name, value in text.values.items()}}


def from_json(found: Any) -> str:
    """The text that `as_json` gave.

    Raises:
        KeyError, TypeError, ValueError: If it is no such text.
    """
    if isinstance(found, str):
        return found
    return Phrase.of(str(found["template"]), {name: from_json(one) for name, one in dict(found["values"]).items()})


def _text(value: object, form: str, conversion: str | None) -> str:
    """A value as a placeholder has it: {value!r:.80} has the form ".80" and the conversion "r"."""
    phrase = phrase_of(value)
    if phrase is not None and conversion != "r":
        return phrase
    return format(repr(value) if conversion == "r" else str(value) if conversion == "s" else value, form)


def _filled(template: str, values: Mapping[str, str], translate: Translate) -> str:
    """A template with its values in place; without any it is the text itself."""
    if not values:
        return template
    placeholders = Formatter().parse(template)
    return "".join(before + ("" if name is None else say(values[name], translate)) for before, name, *_ in placeholders)

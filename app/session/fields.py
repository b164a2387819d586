"""What a person can set: one record a field, read by what draws it, fills it in, links to it and sums it up.

A form is a table of these records. `draw_fields` draws a table and gives the values by path, `held_values` and
`link_fields` put values into the widgets and into the address.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import streamlit as st
from streamlit.errors import StreamlitAPIException

from analysis.fields import Range
from analysis.plain_text import plain, written
from app.session.controls import in_words, one_of, whole_number
from per_core.errors import InvalidInputError
from per_core.method import Parameter
from per_core.text import N_

T = TypeVar("T")
Values = Mapping[str, Any]  # of fields, by path
Look = Literal["list", "buttons", "steps", "radio"]


def _always(_: Values) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(ABC, Generic[T]):
    """One value that a person sets.

    Attributes:
        path: of the value in JSON; "data.samples" is one inside of a part.
        key: of its widget, and of its parameter in the address: public.
        label: what stands at the widget.
        default: what the widget opens with; the address leaves it out.
        hint: what a click on the question mark says.
        applies: whether it is on the page, given the values of the fields before it.
        brief: what a summary says of it, read from the spec that it is part of; None says nothing.
    """

    path: str
    key: str
    label: str
    default: T
    hint: str | None = None
    applies: Callable[[Values], bool] = _always
    brief: Callable[[Any], str] | None = None

    @abstractmethod
    def draw(self) -> T:
        """Draw the widget, bound to the address, and return what it says."""

    def offers(self, value: object) -> bool:
        """Whether a visitor could have set this value: what comes from an address can be anything."""
        return isinstance(value, type(self.default))

    def held(self, value: T) -> Any:
        """What the widget holds in the session when it says a value."""
        return value

    def said(self, value: T) -> T:
        """What the widget says once it is filled with a value, where it cannot say every one."""
        return value

    def linked(self, value: T) -> str | list[str]:
        """How a value stands in the address."""
        return str(self.held(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Field[T]):
    """A line of text that says a value: `read` takes it from the text and `write` puts it there."""

    read: Callable[[str], T]
    write: Callable[[T], str]
    placeholder: str | None = None
    longest: int | None = None

    def draw(self) -> T:
        """Draw a line of text."""
        text = st.text_input(
            self.label,
            self.write(self.default),
            self.longest,
            key=self.key,
            bind="query-params",
            help=self.hint,
            placeholder=self.placeholder,
        )
        return self.read(text)

    def held(self, value: T) -> str:
        """The text."""
        return self.write(value)[: self.longest]

    def said(self, value: T) -> T:
        """What its text reads as."""
        return self.read(self.held(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Field[int]):
    """A whole number."""

    range: Range

    def draw(self) -> int:
        """Draw a number input."""
        low, high = int(self.range.low), int(self.range.high)
        return whole_number(self.label, low, high, self.default, key=self.key, hint=self.hint)

    def offers(self, value: object) -> bool:
        """A whole number in the range."""
        return isinstance(value, int) and not isinstance(value, bool) and self.range.holds(value)

    def held(self, value: int) -> float:
        """The same as a floating-point number."""
        return float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Field[float]):
    """A number."""

    range: Range
    step: float
    form: str | None = None

    def draw(self) -> float:
        """Draw a number input."""
        high = None if self.range.high == float("inf") else float(self.range.high)
        value = st.number_input(
            self.label,
            float(self.range.low),
            high,
            float(self.default),
            float(self.step),
            self.form,
            key=self.key,
            bind="query-params",
            help=self.hint,
        )
        return float(value)

    def offers(self, value: object) -> bool:
        """A number in the range."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.range.holds(value)

    def held(self, value: float) -> float:
        """The number."""
        return float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Several(Field[tuple[float, ...]]):
    """One number or several, in a line of text; an empty one says the default."""

    range: Range
    whole: bool = False

    def draw(self) -> tuple[float, ...]:
        """Draw a line of text.

        Raises:
            InvalidInputError: If it holds something else.
        """
        text = st.text_input(
            self.label,
            self.held(self.default),
            key=self.key,
            bind="query-params",
            help=self.hint,
            placeholder=self.held(self.default),
        )
        return tuple(dict.fromkeys(map(self._number, text.split()))) or self.default

    def offers(self, value: object) -> bool:
        """Numbers in the range, at least one."""
        return isinstance(value, tuple) and bool(value) and all(map(self._holds, value))

    def held(self, value: tuple[float, ...]) -> str:
        """The numbers, a space between them."""
        return " ".join(map(written, value))

    def _number(self, text: str) -> float:
        try:
            value = float(text.rstrip(",;"))
        except ValueError:
            value = math.nan
        if not self._holds(value):
            raise InvalidInputError(
                N_(
                    "{name} must be one or several whole numbers {limits}, with spaces between them; received"
                    " {received}. Write them as 16 or 1024."
                )
                if self.whole
                else N_(
                    "{name} must be one or several numbers {limits}, with spaces between them; received {received}."
                    " Write them as 0.001 or 1e-3."
                ),
                name=self.label,
                limits=self.range.phrase,
                received=plain(text),
            )
        return int(value) if self.whole else value

    def _holds(self, value: float) -> bool:
        return math.isfinite(value) and self.range.holds(value) and (not self.whole or float(value).is_integer())


@dataclass(frozen=True, slots=True, kw_only=True)
class Slider(Field[float]):
    """A number that is drawn along a line; `form` says how it is written, as "%d°"."""

    range: Range
    step: float = 0.01
    form: str | None = None

    def draw(self) -> float:
        """Draw a slider."""
        low, high = float(self.range.low), float(self.range.high)
        value = st.slider(
            self.label, low, high, self.default, self.step, self.form, key=self.key, bind="query-params", help=self.hint
        )
        return float(value)

    def offers(self, value: object) -> bool:
        """A number in the range."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.range.holds(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag(Field[bool]):
    """Yes or no."""

    def draw(self) -> bool:
        """Draw a checkbox."""
        return st.checkbox(self.label, self.default, key=self.key, bind="query-params", help=self.hint)

    def linked(self, value: bool) -> str:
        """As JSON says it."""
        return str(value).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf(Field[T]):
    """One of some options.

    Attributes:
        options: what it can be.
        show: an option in words, which stand in the address, as does their language.
        look: "list" opens on a click, "buttons" stand side by side, "steps" along a line, "radio" one below another.
        captions: what stands below the options of a "radio".
    """

    options: Sequence[T]
    show: Callable[[T], str] = str
    look: Look = "list"
    captions: Sequence[str] | None = None

    def draw(self) -> T:
        """Draw the options."""
        common: dict[str, Any] = {"key": self.key, "bind": "query-params", "help": self.hint}
        common["format_func"] = in_words(self.options, self.show)
        place = list(self.options).index(self.default)
        chosen: T
        match self.look:
            case "list":
                chosen = st.selectbox(self.label, self.options, place, **common)
            case "radio":
                chosen = st.radio(self.label, self.options, place, captions=self.captions, **common)
            case "steps":
                chosen = st.select_slider(self.label, self.options, self.default, **common)
            case "buttons":
                chosen = one_of(self.label, self.options, self.default, key=self.key, show=self.show, hint=self.hint)
        return chosen

    def offers(self, value: object) -> bool:
        """One of the options."""
        return value in self.options

    def linked(self, value: T) -> str:
        """The option in words."""
        return self.show(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeOf(Field[tuple[str, ...]]):
    """Some of the options, or others that a person types; `read` makes a value of what is typed."""

    options: Sequence[str]
    show: Callable[[str], str] = str
    read: Callable[[str], str] = str

    def draw(self) -> tuple[str, ...]:
        """Draw the options."""
        chosen = st.multiselect(
            self.label,
            self.options,
            list(self.default),
            format_func=self.show,
            key=self.key,
            bind="query-params",
            help=self.hint,
            accept_new_options=True,
        )
        return tuple(dict.fromkeys(map(self.read, chosen)))

    def held(self, value: tuple[str, ...]) -> list[str]:
        """The same as a list."""
        return list(value)

    def linked(self, value: tuple[str, ...]) -> list[str]:
        """Each in words."""
        return [self.show(one) for one in value]


def parameter_field(
    parameter: Parameter, *, path: str, key: str, label: str, step: float, limits: Range | None = None, **more: Any
) -> Whole | Number:
    """The field of a number that a method can be built with, between what the registry has on offer or `limits`."""
    offered = Range(parameter.low, parameter.high) if limits is None else limits
    if parameter.integer:
        return Whole(path=path, key=key, label=label, default=int(parameter.default), range=offered, **more)
    return Number(
        path=path, key=key, label=label, default=parameter.default, range=offered, step=step, form="%.3g", **more
    )


def draw_fields(fields: Iterable[Field[Any]], before: Values | None = None) -> dict[str, Any]:
    """Draw those fields that apply, and return what they say.

    Args:
        fields: a table.
        before: values of fields that were drawn earlier, on which it may depend whether others apply.
    """
    values: dict[str, Any] = {}
    for field in fields:
        if field.applies({**(before or {}), **values}):
            values[field.path] = field.draw()
    return values


def held_values(fields: Iterable[Field[Any]], values: Values) -> dict[str, Any]:
    """What the widgets of a table hold when they say these values, by key; a field without one says its default."""
    return {field.key: field.held(values.get(field.path, field.default)) for field in fields}


def linked_fields(fields: Iterable[Field[Any]], values: Values) -> dict[str, str | list[str]]:
    """What an address says of the values: those that are not the defaults, by key."""
    said = ((field, values.get(field.path, field.default)) for field in fields)
    return {field.key: field.linked(value) for field, value in said if value != field.default}


def link_fields(fields: Iterable[Field[Any]], values: Values) -> None:
    """Put the values into the address.

    Streamlit puts a widget's new value there by itself, but not that of a widget that appears only now.
    """
    for key, said in linked_fields(fields, values).items():
        with suppress(StreamlitAPIException):  # the widget is on the page, and sees to it itself
            st.query_params[key] = said

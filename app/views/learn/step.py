"""One step of the lesson: something to play with, a question on it, and what the answer is computed from."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import streamlit as st

from app.session.fields import Field, Values
from app.text.language import _

Seen = TypeVar("Seen")
Answer = str | float
MOST_LETTERS = 24  # of the key of an option, in the address and in a class


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(ABC):
    """What a student is asked to predict, for the settings that are on the screen.

    Attributes:
        text: the question, in the visitor's language.
        because: the answer with the numbers that it comes from, one or two sentences.
    """

    text: str
    because: str

    @abstractmethod
    def draw(self, key: str) -> Answer | None:
        """Draw what a prediction is made with, and return it; None before there is one."""

    @abstractmethod
    def accepts(self, answer: object) -> bool:
        """Whether this is an answer at all: addresses hold anything."""

    @abstractmethod
    def is_right(self, answer: Answer) -> bool:
        """Whether the numbers agree with a prediction."""

    @abstractmethod
    def in_words(self, answer: Answer) -> str:
        """A prediction as its text says it."""

    @property
    @abstractmethod
    def right_in_words(self) -> str:
        """The right answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Question):
    """Three or four answers of which one is right.

    Attributes:
        options: their texts by key: a short word, public, as it stands in the address and in a class.
        right: the key of the right one, computed.
    """

    options: Mapping[str, str]
    right: str

    def draw(self, key: str) -> Answer | None:
        """Draw the answers one below another."""
        chosen: str | None = st.radio(
            self.text, list(self.options), None, key=key, format_func=self.options.__getitem__
        )
        return chosen

    def accepts(self, answer: object) -> bool:
        """One of the keys."""
        return isinstance(answer, str) and answer in self.options

    def is_right(self, answer: Answer) -> bool:
        """The right one."""
        return answer == self.right

    def in_words(self, answer: Answer) -> str:
        """The text of the option."""
        return self.options[str(answer)]

    @property
    def right_in_words(self) -> str:
        """The text of the right option."""
        return self.options[self.right]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Question):
    """A number to place on a line.

    Attributes:
        low, high, step: of the line.
        right: the number, computed.
        tolerance: how far from it a prediction may be and still counts as right.
        form: how a number is written, "{:.2f}".
    """

    low: float
    high: float
    step: float
    right: float
    tolerance: float
    form: str = "{:.2f}"

    def draw(self, key: str) -> Answer | None:
        """Draw a slider that opens in the middle."""
        middle = self.low + round((self.high - self.low) / 2 / self.step) * self.step
        return float(st.slider(self.text, self.low, self.high, middle, self.step, key=key))

    def accepts(self, answer: object) -> bool:
        """A number on the line."""
        return isinstance(answer, int | float) and not isinstance(answer, bool) and self.low <= answer <= self.high

    def is_right(self, answer: Answer) -> bool:
        """Not further from it than the tolerance."""
        return abs(float(answer) - self.right) <= self.tolerance

    def in_words(self, answer: Answer) -> str:
        """The number."""
        return self.form.format(float(answer))

    @property
    def right_in_words(self) -> str:
        """The number, and how far a prediction may be from it."""
        return _("{right} (within {tolerance} counts as right)").format(
            right=self.form.format(self.right), tolerance=self.form.format(self.tolerance)
        )


@dataclass(frozen=True, slots=True)
class Onward:
    """The full page that shows more of the same.

    Attributes:
        page: its name, "bound".
        label: of the link, in the visitor's language.
        query: what its address says, so that it opens with the same batch.
    """

    page: str
    label: str
    query: Mapping[str, str | list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[Seen]):
    """A step: the functions that draw it, and its texts as tables hold them, marked by `N_`.

    Attributes:
        key: a short word, public: predictions are kept under it.
        title: at most eight words.
        invitation: one sentence that says what to try; the control itself needs no instructions.
        explanation: at most 60 words, read after the reveal.
        misconception: what this step is to clear up, as a student would say it; for the teacher's sheet.
        minutes: how long it takes in a class, with the play.
        fields: its one or two controls; keys start with `learn_<key>_`.
        see: everything that picture and question need, for the values of the fields; computed by `analysis.lesson` and
            kept by `caches`, so that thirty students with the same settings cost one.
        ask: the question on it; the right answer comes from the numbers.
        show: draws the one picture; before the reveal without what would give the answer away.
        onward: where the same batch is seen in full.
        wide: whether the picture takes the whole width, above the question, instead of standing beside it.
    """

    key: str
    title: str
    invitation: str
    explanation: str
    misconception: str
    minutes: int
    fields: Callable[[], tuple[Field[Any], ...]]
    see: Callable[[Values], Seen]
    ask: Callable[[Seen], Question]
    show: Callable[[Seen, bool], None]
    onward: Callable[[Values], Onward]
    wide: bool = False

"""Reading names by the rules of a plan: a hundred thousand names of few outlines are matched a few times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from analysis.dumps.plan.name_form import NameForm
from analysis.dumps.plan.plan import ArrayRule, ReadingPlan

ZEROS = str.maketrans("123456789", "000000000")
MOST_OUTLINES = 4_096  # that are remembered: names that are all different have as many


class NameReading(NamedTuple):
    """The rule that fits an array, its form, and what stands in the fields of the name."""

    rule: ArrayRule
    form: NameForm
    values: tuple[str, ...]


class _Rule(NamedTuple):
    """A rule, its form, and the form with zeros for digits, which fits the outlines of all names that the form fits."""

    rule: ArrayRule
    form: NameForm
    outline: NameForm


class _Known(NamedTuple):
    """What is known of all names of an outline.

    Attributes:
        uncertain: rules with digits of their own, which may fit some of them and come before `fitting`.
        fitting: the first rule without digits that fits, and so fits all of them; None if there is none.
        spans: of its fields, the same in all of them.
    """

    uncertain: tuple[_Rule, ...]
    fitting: _Rule | None
    spans: tuple[tuple[int, int], ...]


class NameReader:
    """Finds of every array the first rule of a plan that fits it.

    The outline of a name has a zero for every digit. A form that has no digits itself takes all digits alike: it fits
    all names of an outline or none, and its fields lie at the same places in all of them. So names that differ in
    digits alone are matched once. A form with digits is tried on every name whose outline it would fit.
    """

    def __init__(self, plan: ReadingPlan) -> None:
        self._rules = [
            _Rule(rule, NameForm.of(rule.name), NameForm.of(rule.name.translate(ZEROS))) for rule in plan.rules
        ]
        self._known: dict[tuple[str, int], _Known] = {}

    def read(self, name: str, axes: int) -> NameReading | None:
        """The first rule that fits an array of this name and so many axes; None if there is none."""
        outline = name.translate(ZEROS), axes
        known = self._known.get(outline)
        if known is None:
            if len(self._known) == MOST_OUTLINES:
                self._known.clear()
            known = self._known[outline] = self._look(*outline)
        for rule, form, _ in known.uncertain:
            values = form.read(name)
            if values is not None:
                return NameReading(rule, form, values)
        if known.fitting is None:
            return None
        rule, form, _ = known.fitting
        return NameReading(rule, form, tuple([name[begin:end] for begin, end in known.spans]))

    def _look(self, outline: str, axes: int) -> _Known:
        uncertain: list[_Rule] = []
        for one, spans in self._fitting(outline, axes):
            if not any(map(str.isdecimal, one.form.text)):
                return _Known(tuple(uncertain), one, spans)
            uncertain.append(one)
        return _Known(tuple(uncertain), None, ())

    def _fitting(self, outline: str, axes: int) -> Iterator[tuple[_Rule, tuple[tuple[int, int], ...]]]:
        for one in self._rules:
            spans = one.outline.spans(outline) if one.rule.fits(axes) else None
            if spans is not None:
                yield one, spans

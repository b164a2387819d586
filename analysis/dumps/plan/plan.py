"""The reading plan: how a set of named arrays becomes layers over epochs. One small record, proposed, shown, edited.

A plan is a list of rules. A rule says of all arrays whose names have a form what the parts of the name are, and what
each axis is; or that they are no activations. The first rule that fits an array decides.

>>> plan = ReadingPlan((ArrayRule("acts/{layer:layer_*}_{part}.pt", ("sample", "unit")),))
>>> print(plan.to_toml())
[[arrays]]
name = "acts/{layer:layer_*}_{part}.pt"
axes = ["sample", "unit"]
<BLANKLINE>
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from analysis.dumps.plan.name_form import LONGEST_FORM, NameForm
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

AxisRole = Literal["sample", "position", "unit", "layer", "head", "channel", "height", "width", "ignored"]
AXIS_ROLES: tuple[AxisRole, ...] = get_args(AxisRole)
Axes = tuple[AxisRole, ...]

Kind = Literal[
    "labels", "integers", "coordinates", "token ids", "text", "log", "table", "weights", "attention", "scalar", "other"
]
"""What an array can be that is no activation; "other" is what somebody has left out by hand."""

KINDS: tuple[Kind, ...] = get_args(Kind)

ROW_AXES: frozenset[AxisRole] = frozenset({"sample", "position", "height", "width"})
UNIT_AXES: frozenset[AxisRole] = frozenset({"unit", "channel", "head"})
MOST_RULES = 2_000
PLAN_FILE = "perscope.toml"


@dataclass(frozen=True, slots=True)
class ArrayRule:
    """What arrays of one form of name are.

    Attributes:
        name: the form of their names, see `NameForm`: "layer_{layer}_{part}.pt".
        axes: the role of each axis; the rule is about arrays of so many axes. Rows are made of samples, positions,
            heights and widths, units of units, channels and heads, both in their order; a layer axis is split, each
            index a layer of its own; of an ignored axis the first index is taken. () if they are left out.
        left_out: what they are instead of activations; empty if they are activations.

    Raises:
        InvalidInputError: If the form is none, an axis or a kind is unknown, or neither or both are given.
    """

    name: str
    axes: Axes = ()
    left_out: Kind | Literal[""] = ""

    def __post_init__(self) -> None:
        NameForm.of(self.name)
        for axis in self.axes:
            if axis not in AXIS_ROLES:
                raise InvalidInputError(
                    N_("An axis is one of {roles}; received {axis!r:.80}."), roles=", ".join(AXIS_ROLES), axis=axis
                )
        if self.axes.count("layer") > 1:
            raise InvalidInputError(N_("One axis at most is the layer's; received {axes}."), axes=", ".join(self.axes))
        if self.left_out and self.left_out not in KINDS:
            raise InvalidInputError(
                N_("What is left out is one of {kinds}; received {left_out!r:.80}."),
                kinds=", ".join(KINDS),
                left_out=self.left_out,
            )
        if bool(self.axes) == bool(self.left_out):
            raise InvalidInputError(
                N_(
                    "A rule says what the axes are, or that arrays are left out; the one for {name!r:.120} says {what}."
                    " Give it axes or left_out."
                ),
                name=self.name,
                what=Phrase(N_("both") if self.axes else N_("neither")),
            )

    def fits(self, axes: int) -> bool:
        """Whether the rule is about arrays of so many axes."""
        return bool(self.left_out) or len(self.axes) == axes


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """How a set of named arrays becomes layers over epochs.

    Attributes:
        rules: the first that fits a name and its number of axes decides; an array that none fits is left out.

    Raises:
        InvalidInputError: If there are more than 2,000.
    """

    rules: tuple[ArrayRule, ...] = ()

    def __post_init__(self) -> None:
        if len(self.rules) > MOST_RULES:
            raise InvalidInputError(
                N_("A plan has at most {most_rules} rules; this one has {count}."),
                most_rules=MOST_RULES,
                count=len(self.rules),
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and texts."""
        return {"arrays": [_rule_as_dict(rule) for rule in self.rules]}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> ReadingPlan:
        """The plan of `to_dict`; an `InvalidInputError` if it is none."""
        rules = given.get("arrays") if isinstance(given, Mapping) else None
        if not isinstance(rules, list) or set(given) - {"arrays"}:
            raise InvalidInputError(
                N_(
                    'A plan is a list "arrays" of rules and nothing else; received {given!r}. See `inspect --plan-out`.'
                ),
                given=sorted(given) if isinstance(given, Mapping) else type(given).__name__,
            )
        return cls(tuple(_rule_of(rule) for rule in rules))

    def to_json(self) -> str:
        """The plan as JSON in one line."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ReadingPlan:
        """The plan of `to_json`; an `InvalidInputError` if it is none."""
        try:
            return cls.from_dict(json.loads(text))
        except (ValueError, RecursionError) as error:
            if isinstance(error, InvalidInputError):
                raise
            raise InvalidInputError(N_("A plan must be JSON; this one is not: {error!s:.200}."), error=error) from error

    def to_toml(self) -> str:
        """The plan as TOML, as it is kept beside a dump."""
        return "\n".join(
            "[[arrays]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in _rule_as_dict(rule).items())
            for rule in self.rules
        )

    @classmethod
    def from_toml(cls, text: str) -> ReadingPlan:
        """The plan of `to_toml`; an `InvalidInputError` if it is none."""
        try:
            return cls.from_dict(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise InvalidInputError(N_("A plan must be TOML; this one is not: {error!s:.200}."), error=error) from error

    def with_rule(self, number: int, rule: ArrayRule) -> ReadingPlan:
        """The plan with one rule replaced."""
        return ReadingPlan((*self.rules[:number], rule, *self.rules[number + 1 :]))


def _rule_as_dict(rule: ArrayRule) -> dict[str, Any]:
    return {"name": rule.name} | ({"left_out": rule.left_out} if rule.left_out else {"axes": list(rule.axes)})


def _rule_of(given: Any) -> ArrayRule:
    if not isinstance(given, Mapping) or set(given) - {"name", "axes", "left_out"}:
        raise InvalidInputError(
            N_("A rule of a plan has name, and axes or left_out; received {keys}. Correct the plan."), keys=_keys(given)
        )
    name, axes, left_out = given.get("name"), given.get("axes", []), given.get("left_out", "")
    if not isinstance(name, str) or len(name) > LONGEST_FORM or not isinstance(left_out, str):
        raise InvalidInputError(
            N_("Name and left_out of a rule are texts; received {name!r:.80} and {left_out!r:.80}."),
            name=name,
            left_out=left_out,
        )
    if not isinstance(axes, list) or not all(isinstance(axis, str) for axis in axes):
        raise InvalidInputError(
            N_("The axes of a rule are a list of {roles}; received {axes!r:.80}."),
            roles=", ".join(AXIS_ROLES),
            axes=axes,
        )
    return ArrayRule(name, tuple(axes), left_out)  # type: ignore[arg-type]  # the record checks them


def _keys(given: Any) -> str:
    return ", ".join(map(repr, sorted(map(str, given))))[:200] if isinstance(given, Mapping) else type(given).__name__


def _toml(value: str | Iterable[str]) -> str:
    """A text or a list of texts; JSON's strings are TOML's, but for the one sign that TOML wants escaped as well."""
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def parse_axes(text: str) -> Axes:
    """Axes from "sample,position,unit"; an `InvalidInputError` if they are none."""
    return _rule_of({"name": "*", "axes": [part.strip() for part in text.split(",")]}).axes


def axes_in_words(axes: Sequence[AxisRole]) -> str:
    """Axes as they are written: "sample,position,unit"."""
    return ",".join(axes)

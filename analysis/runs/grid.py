"""Grids of a spec as JSON says them: a number of a method may be a list of values, and each is a method of its own."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from analysis.fields import Range, check_number, require, shown
from analysis.plain_text import plain, written
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

OPTIMISER = ("learning_rate", "momentum", "weight_decay")  # numbers of SGD that a method may have for itself
MOST_METHODS = 50
_SAID = re.compile(r"-(?=[a-z][a-z0-9_.]*=)")  # before a number, in the name of a method of a grid

Values = tuple[float, ...]


def shared_values(spec: Mapping[str, Any]) -> dict[str, Values]:
    """The numbers of SGD that a spec says a list of: every method is to have each of them.

    Raises:
        InvalidInputError: If a list is empty, or holds something else than numbers.
    """
    return {name: _values(name, spec[name]) for name in OPTIMISER if isinstance(spec.get(name), list | tuple)}


def expanded(methods: Sequence[Any], shared: Mapping[str, Values]) -> list[Any]:
    """Methods as JSON says them, none of which has more than one value of a number.

    Args:
        methods: a combination, or an object of the fields of `MethodSpec`, where each of the settings may be a list.
        shared: numbers of SGD of every method that does not set them itself.

    Returns:
        The methods of every grid in the order of its values, those of the last number one after the other, with names
        that say them: "per-weight=0.0003". What is no method is left as it is, to be refused.

    Raises:
        InvalidInputError: If a list is empty or holds something else than numbers, or more than 50 methods come of it.
    """
    grids = {place: grid for place, method in enumerate(methods) if (grid := _several(method, shared))}
    sizes = {place: math.prod(map(len, grid.values())) for place, grid in grids.items()}
    total = len(methods) - len(grids) + sum(sizes.values())
    if grids and total > MOST_METHODS:
        largest = max(sizes, key=sizes.__getitem__)
        counts = " times ".join(f"{len(values)} of {plain(name)}" for name, values in grids[largest].items())
        raise InvalidInputError(
            N_(
                "methods must be at most {most_methods}; the values make {total}, of which the largest grid has"
                " {size} ({counts}). Give fewer values."
            ),
            most_methods=MOST_METHODS,
            total=total,
            size=sizes[largest],
            counts=counts,
        )
    return [
        one
        for place, method in enumerate(methods)
        for one in (_members(_object(method), grids[place]) if place in grids else [method])
    ]


def read_name(label: str) -> tuple[str, dict[str, str]]:
    """What the name of a method says: what it is called without its numbers, and those: "per", {"weight": "0.0003"}."""
    stem, *numbers = _SAID.split(label)
    return stem, {name: value for name, _, value in (number.partition("=") for number in numbers)}


def _several(method: Any, shared: Mapping[str, Values]) -> dict[str, Values]:
    """The numbers of a method that have a list of values; its own first."""
    plain_method = _object(method)
    settings = plain_method.get("settings", {}) if isinstance(plain_method, Mapping) else None
    if not isinstance(settings, Mapping):
        return {}
    own = {str(name): _values(name, value) for name, value in settings.items() if isinstance(value, list | tuple)}
    return own | {name: values for name, values in shared.items() if name not in settings}


def _members(method: Mapping[str, Any], grid: Mapping[str, Values]) -> list[dict[str, Any]]:
    varied = [name for name, values in grid.items() if len(values) > 1]
    stem = method.get("name") or method.get("combination", "")
    members = []
    for chosen in product(*grid.values()):
        values = dict(zip(grid, chosen, strict=True))
        said = "".join(f"-{_short(name, varied)}={_in_name(values[name])}" for name in varied)
        name = f"{stem}{said}" if said else method.get("name", "")
        members.append({**method, "settings": {**method.get("settings", {}), **values}, "name": name})
    return members


def _object(method: Any) -> Any:
    return {"combination": method} if isinstance(method, str) else method


def _values(name: object, values: Sequence[Any]) -> Values:
    require(values, str(name), Phrase(N_("a number, or a list of one or more")), values)
    for value in values:
        check_number(plain(str(name)), value, Range(0, math.inf))
    if twice := [shown(value) for value, times in Counter(values).items() if times > 1]:
        raise InvalidInputError(
            N_("{name} must have different values; it has {twice} twice. Leave one out."),
            name=plain(str(name)),
            twice=", ".join(twice),
        )
    return tuple(values)


def _short(name: str, varied: Sequence[str]) -> str:
    """Its name without the method's, where that tells it from the others."""
    own = name.rpartition(".")[2]
    return own if [other.rpartition(".")[2] for other in varied].count(own) == 1 else name


def _in_name(value: float) -> str:
    return written(value).replace("+", "")  # which joins methods

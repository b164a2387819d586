"""What the fields of the training form hold when the form says a spec, and the spec that they say.

What the form has no field for, a momentum or two PERs with different λ, is in one field as JSON, so that whatever can
be trained can be asked for here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from analysis.runs.grid import OPTIMISER
from analysis.runs.spec import (
    VANILLA,
    MethodSpec,
    TrainingSpec,
)
from app.session.fields import Values
from app.views.train.training_fields import rates_of, reducing_methods, settings_of, training_fields
from per_core.errors import PerError
from per_core.methods import find_method

_PARTS = ("data", "model")  # of a spec, with fields of their own


def spec_of(values: Values) -> TrainingSpec:
    """The spec that values of the fields say; what is said as JSON wins, and several values of a number are a grid.

    Raises:
        InvalidInputError: If it is none.
    """
    more: Mapping[str, Any] = values.get("more", {})
    plain_spec: dict[str, Any] = {part: {} for part in _PARTS}
    for name in values.keys() & _spec_names():
        part, _, own = name.rpartition(".")
        (plain_spec[part] if part else plain_spec)[own] = values[name]
    if "learning_rate" in values:
        plain_spec["learning_rate"] = _one_or_list(values["learning_rate"])
    if "methods" in values:
        plain_spec["methods"] = [_method(one, values) for one in values["methods"]]
    parts = {part: plain_spec[part] | more[part] for part in _PARTS if isinstance(more.get(part), dict)}
    return TrainingSpec.from_dict(plain_spec | dict(more) | parts)


def _spec_names() -> set[str]:
    """Names of fields that say one value of a spec."""
    fields = training_fields()
    own = (fields.data, fields.model, fields.size, fields.training, fields.optimiser)
    return {field.path for group in own for field in group} | {"layers"}


def _method(combination: str, values: Values) -> dict[str, Any]:
    """A method with those of its settings that are not the registry's; the reduction is said of those that have one."""
    keys = combination.split("+")
    defaults = {
        f"{key}.{parameter.name}": parameter.default
        for key in keys
        if key != VANILLA
        for parameter in settings_of(find_method(key))
    }
    settings = {
        name: _one_or_list(values[name])
        for name, default in defaults.items()
        if values.get(name, (default,)) != (default,)
    }
    reduction = values["reduction"] if reducing_methods().keys() & set(keys) else "mean"
    return {"combination": combination, "settings": settings, "reduction": reduction}


def _one_or_list(values: tuple[float, ...]) -> float | list[float]:
    """Values of a number as a spec's JSON says them."""
    return values[0] if len(values) == 1 else list(values)


def values_of(spec: TrainingSpec) -> dict[str, Any]:
    """What the fields hold when the form says a spec: those that apply, by path."""
    asked = _without_defaults(spec).as_dict()
    more: dict[str, Any] = {}
    try:
        said = spec_of(_held(spec, more))
    except PerError:  # every value of every method together makes more than a comparison may have
        more = {"methods": asked["methods"]}
        said = spec_of(_held(spec, more))
    return _held(spec, more | _difference(asked, _without_defaults(said).as_dict()))


def _held(spec: TrainingSpec, more: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields hold, of numbers all values that methods have, beside what is said as JSON."""
    asked: dict[str, Any] = {**spec.as_dict(), "layers": spec.layers, "more": more}
    for part in _PARTS:
        asked |= {f"{part}.{name}": value for name, value in asked.pop(part).items()}
    asked["methods"] = tuple(dict.fromkeys(method.combination for method in spec.methods))
    asked["learning_rate"] = (spec.learning_rate,) if "methods" in more else rates_of(spec)
    for method in spec.methods:
        for name, value in _numbers(method).items():
            asked[name] = tuple(dict.fromkeys((*asked.get(name, ()), value)))
        if reducing_methods().keys() & set(method.keys):
            asked["reduction"] = method.reduction
    values: dict[str, Any] = {}
    for field in training_fields().all():
        if field.applies(values):
            values[field.path] = field.said(asked.get(field.path, field.default))
    return values


def _numbers(method: MethodSpec) -> dict[str, float]:
    """Every number that a method is built with, "per.weight" -> λ."""
    return {f"{one.key}.{name}": value for one in method.methods for name, value in method.parameters(one).items()}


def _difference(asked: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for and not said, of the whole and of its parts."""
    differs = [name for name, value in asked.items() if value != said[name]]
    more = {name: asked[name] for name in differs if name not in _PARTS}
    return more | {part: _difference(asked[part], said[part]) for part in _PARTS if part in differs}


def _without_defaults(spec: TrainingSpec) -> TrainingSpec:
    """The same spec, its methods without settings that are the registry's or those of all."""
    known = [
        _numbers(replace(method, settings={})) | {name: getattr(spec, name) for name in OPTIMISER}
        for method in spec.methods
    ]
    return replace(
        spec,
        methods=tuple(
            replace(method, settings={name: value for name, value in method.settings.items() if value != own[name]})
            for method, own in zip(spec.methods, known, strict=True)
        ),
    )

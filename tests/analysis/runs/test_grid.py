"""Grids: lists of values in a spec's JSON become methods whose settings and names say one value each."""

import contextlib
import json
import math
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.runs.grid import MOST_METHODS, OPTIMISER
from analysis.runs.spec import MethodSpec, TrainingSpec, read_spec
from per_core.errors import InvalidInputError, PerError

WEIGHTS = st.lists(st.floats(0, 1e9), min_size=2, max_size=5, unique=True)


def methods_of(*methods: Any, **spec: Any) -> tuple[MethodSpec, ...]:
    return TrainingSpec.from_dict({"methods": list(methods), **spec}).methods


def test_a_list_of_values_in_a_file_is_a_method_of_each(tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text(
        '{"methods": ["vanilla", {"combination": "per", "settings": {"per.weight": [3e-4, 1e-5]}, "reduction": "sum"}]}'
    )
    assert read_spec(file).methods == (
        MethodSpec(),
        MethodSpec("per", {"per.weight": 3e-4}, "sum", name="per-weight=0.0003"),
        MethodSpec("per", {"per.weight": 1e-5}, "sum", name="per-weight=1e-05"),
    )


def test_several_numbers_make_their_product_the_last_one_fastest() -> None:
    grid = {"bn.momentum": [0.1, 0.2], "per.weight": [1, 2.5], "bn.eps": 0.01}
    found = methods_of({"combination": "bn+per", "settings": grid, "name": "both"})
    assert [(one.label, one.settings["bn.momentum"], one.settings["per.weight"]) for one in found] == [
        (f"both-momentum={m:g}-weight={w:g}", m, w) for m, w in product([0.1, 0.2], [1, 2.5])
    ]
    assert {one.settings["bn.eps"] for one in found} == {0.01}


def test_numbers_of_the_same_name_are_told_apart_by_their_method() -> None:
    found = methods_of({"combination": "bn+per", "settings": {"bn.momentum": [0.1, 0.2], "momentum": [0, 0.9]}})
    assert found[0].label == "bn+per-bn.momentum=0.1-momentum=0"
    assert len({one.label for one in found}) == 4


def test_one_value_in_a_list_is_that_value() -> None:
    assert methods_of({"combination": "l2", "settings": {"l2.weight": [0.5]}}) == (
        MethodSpec("l2", {"l2.weight": 0.5}),
    )


def test_a_list_of_learning_rates_is_for_every_method_that_has_none_of_its_own() -> None:
    own = {"combination": "l2", "settings": {"learning_rate": 1}}
    spec = TrainingSpec.from_dict({"methods": ["vanilla", own], "learning_rate": [0.1, 0.01], "momentum": 0.5})
    assert spec.learning_rate == 0.1
    assert [method.label for method in spec.methods] == [
        "vanilla-learning_rate=0.1",
        "vanilla-learning_rate=0.01",
        "l2",
    ]
    assert [spec.of_method(method).learning_rate for method in spec.methods] == [0.1, 0.01, 1]
    assert {spec.of_method(method).momentum for method in spec.methods} == {0.5}
    default = TrainingSpec.from_dict({"learning_rate": [0.1, 0.01]})
    assert len(default.methods) == 2 * len(TrainingSpec().methods)


@pytest.mark.parametrize("name", OPTIMISER)
def test_numbers_of_sgd_are_within_their_range(name: str) -> None:
    with pytest.raises(InvalidInputError, match=f"per's {name} must be a number .*received 1000"):
        MethodSpec("per", {name: 1000.0})


@given(WEIGHTS, WEIGHTS)
def test_a_grid_is_the_same_spec_as_its_methods_one_by_one(first: list[float], second: list[float]) -> None:
    grid = {"combination": "per+l2", "settings": {"per.weight": first, "l2.weight": second}}
    spec = TrainingSpec.from_dict({"methods": ["vanilla", grid]})
    assert len(spec.methods) == 1 + len(first) * len(second)
    assert TrainingSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec
    assert {(m.settings["per.weight"], m.settings["l2.weight"]) for m in spec.methods[1:]} == set(
        product(first, second)
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], r"per.weight must be a number, or a list of one or more; received \[\]"),
        ([1, "a"], "per.weight must be a number from 0 up; received 'a'"),
        ([1, [2]], "per.weight must be a number from 0 up"),
        ([1, math.inf], "per.weight must be a number from 0 up"),
        ([10**400, 1], "per.weight must be a number"),
        ([0.5, 0.5], "per.weight must have different values; it has 0.5 twice"),
        (list(range(50)), "at most 50; the values make 51, of which the largest grid has 50 .50 of per.weight."),
    ],
)
def test_what_is_no_grid_is_refused(values: list[Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        methods_of("vanilla", {"combination": "per", "settings": {"per.weight": values}})


def test_a_grid_too_large_to_write_down_is_refused_at_once() -> None:
    numbers = list(range(10_000))
    settings = {f"{key}.weight": numbers for key in ("per", "l1", "l2", "vcl", "sigreg")}
    with pytest.raises(InvalidInputError, match=f"at most {MOST_METHODS}; the values make 1{'0' * 20}"):
        methods_of({"combination": "per+l1+l2+vcl+sigreg", "settings": settings})


@given(st.dictionaries(st.text(max_size=3), st.lists(st.integers() | st.text() | st.none()) | st.floats()), st.text())
def test_whatever_a_grid_holds_a_spec_or_our_own_error_comes(settings: dict[str, Any], name: str) -> None:
    with contextlib.suppress(PerError):
        methods_of({"combination": "per", "settings": {"per.weight": [1, 2], **settings}, "name": name})

"""Sweeps are read from the spec: which methods differ by numbers alone, along what, and what each is compared with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.runs.spec import MethodSpec, TrainingSpec
from analysis.runs.sweep import numbers_of, references, sweeps

WEIGHTS = [3e-4, 1e-4, 3e-5]


def spec_of(*methods: object, **more: object) -> TrainingSpec:
    return TrainingSpec.from_dict({"methods": list(methods), **more})


def test_a_grid_is_one_sweep_and_its_lines_increase() -> None:
    grid = {"combination": "per", "settings": {"per.weight": WEIGHTS}}
    vanilla, bn, sweep = sweeps(spec_of("vanilla", "bn", grid))
    assert (vanilla.members, bn.members) == ({"vanilla": {}}, {"bn": {}})
    assert (sweep.name, sweep.combination, sweep.varied) == ("per", "per", ("per.weight",))
    assert sweep.lines("weight") == {
        ("per.weight", ()): ((3e-5, "per-weight=3e-05"), (1e-4, "per-weight=0.0001"), (3e-4, "per-weight=0.0003"))
    }
    assert sweep.lines("learning_rate") == {}


def test_methods_without_a_grids_names_are_a_sweep_as_well() -> None:
    weak, strong = MethodSpec("per", name="weak"), MethodSpec("per", {"per.weight": 1.0}, name="strong")
    (sweep,) = sweeps(TrainingSpec(methods=(weak, strong)))
    assert sweep.members == {"weak": {"per.weight": 1e-4}, "strong": {"per.weight": 1.0}}


@pytest.mark.parametrize(
    "methods",
    [
        ("vanilla", "bn", "per"),
        ("per", {"combination": "per", "reduction": "sum", "settings": {"per.weight": 1}, "name": "other"}),
        ("per", {"combination": "per", "name": "same"}),
    ],
)
def test_what_differs_by_more_or_not_at_all_is_none(methods: tuple[object, ...]) -> None:
    found = sweeps(spec_of(*methods))
    assert [list(sweep.members) for sweep in found] == [[method.label] for method in spec_of(*methods).methods]
    assert {sweep.varied for sweep in found} == {()}


def test_sweeps_of_one_combination_that_is_put_in_differently_have_different_names() -> None:
    methods = [
        {"combination": "per", "reduction": reduction, "settings": {"per.weight": value}, "name": f"{reduction}{value}"}
        for reduction in ("sum", "mean")
        for value in (1, 2)
    ]
    assert [sweep.name for sweep in sweeps(spec_of(*methods))] == ["per", "per, mean, sample"]
    grid = {"combination": "per", "settings": {"per.weight": [1, 2]}, "name": "mine"}
    assert [sweep.name for sweep in sweeps(spec_of("bn", grid, "l2"))] == ["bn", "mine", "l2"]


def test_a_sweep_has_another_name_than_a_method_beside_it() -> None:
    grid = {"combination": "per", "settings": {"per.weight": [1, 2]}}
    for methods in ([grid, {"combination": "per", "reduction": "sum"}], [{"combination": "l2", "name": "per"}, grid]):
        found = sweeps(spec_of(*methods))
        assert {sweep.name for sweep in found} == {"per", "per, mean, sample"}
        assert sum(len(sweep.members) for sweep in found) == 3
    same_name = [
        {"combination": key, "settings": {f"{key}.weight": [value, value + 1]}, "name": "mine"}
        for key, value in (("per", 1), ("l2", 3), ("l1", 5))
    ]
    names = ["mine", "mine, l2, mean, sample", "mine, l1, mean, sample"]
    assert [sweep.name for sweep in sweeps(spec_of(*same_name))] == names


def test_two_numbers_make_lines_that_agree_in_the_other() -> None:
    spec = spec_of({"combination": "per", "settings": {"per.weight": WEIGHTS}}, learning_rate=[0.1, 0.01])
    (sweep,) = sweeps(spec)
    assert sweep.varied == ("per.weight", "learning_rate")
    along = sweep.lines("weight")
    assert [others for _, others in along] == [(("learning_rate", 0.1),), (("learning_rate", 0.01),)]
    assert all([value for value, _ in line] == sorted(WEIGHTS) for line in along.values())
    assert len(sweep.lines("learning_rate")) == 3


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=4, unique=True),
    st.lists(st.floats(1e-6, 9), min_size=1, max_size=4, unique=True),
)
def test_every_member_of_a_full_grid_is_on_one_line_along_each_number(weights: list[float], rates: list[float]) -> None:
    spec = spec_of({"combination": "l2", "settings": {"l2.weight": weights}}, learning_rate=rates)
    for sweep in sweeps(spec):
        for name in sweep.varied:
            lines = sweep.lines(name.rpartition(".")[2]).values()
            assert sorted(label for line in lines for _, label in line) == sorted(sweep.members)


def test_numbers_of_a_method_are_all_of_them() -> None:
    spec = spec_of({"combination": "bn+per", "settings": {"per.weight": 3, "momentum": 0.5}}, weight_decay=0.1)
    assert numbers_of(spec, spec.methods[0]) == {
        "bn.eps": 1e-5, "bn.momentum": 0.1, "per.weight": 3, "learning_rate": 0.005, "momentum": 0.5,
        "weight_decay": 0.1,
    }  # fmt: skip


def test_a_method_is_compared_with_vanilla_of_its_learning_rate_or_the_first() -> None:
    spec = spec_of("per", "vanilla", learning_rate=[0.1, 0.01])
    assert references(spec) == {
        f"{key}-learning_rate={rate}": f"vanilla-learning_rate={rate}"
        for key in ("per", "vanilla")
        for rate in (0.1, 0.01)
    }
    alone = {"combination": "l2", "settings": {"learning_rate": 1}}
    assert references(spec_of("vanilla", alone)) == {"vanilla": "vanilla", "l2": "vanilla"}
    assert references(spec_of("bn", "per")) == {"bn": "bn", "per": "bn"}

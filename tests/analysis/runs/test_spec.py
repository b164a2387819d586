import contextlib
import json
from dataclasses import fields
from typing import Any, get_args

import pytest
from hypothesis import given, strategies

from analysis.runs.spec import (
    TEXTS,
    Activation,
    DataName,
    DataSpec,
    MethodSpec,
    ModelName,
    ModelSpec,
    TrainingSpec,
    read_object,
    read_spec,
)
from analysis.training.data_source import LOADERS
from analysis.training.models import ACTIVATIONS, MODELS
from per_core.errors import InvalidInputError, PerError

RICH = TrainingSpec(
    data=DataSpec("mixture", samples=50, classes=4),
    model=ModelSpec("mlp", "relu", width=0.5, depth=3),
    methods=(
        MethodSpec(),
        MethodSpec("bn+per", {"per.weight": 0.01, "bn.momentum": 0.2}, "sum", "position", name="both"),
        MethodSpec("per_sampled", {"per_sampled.slices": 16}),
    ),
    layers=("layer 1", "layer 3"),
    epochs=2,
    seeds=3,
    title="Everything",
)


@pytest.mark.parametrize("spec", [TrainingSpec(), RICH])
def test_round_trip_through_json(spec):
    assert TrainingSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec


def test_part_of_a_spec_and_methods_by_their_names(tmp_path):
    file = tmp_path / "spec.json"
    file.write_text('{"epochs": 3, "methods": ["vanilla", "bn+per", {"combination": "l2"}], "data": {"limit": 100}}')
    spec = read_spec(file)
    assert spec == TrainingSpec(
        epochs=3, methods=(MethodSpec(), MethodSpec("bn+per"), MethodSpec("l2")), data=DataSpec(limit=100)
    )


def test_names_in_specs_are_those_of_the_registries():
    assert set(get_args(DataName)) == set(LOADERS) | set(TEXTS)
    assert set(get_args(ModelName)) == set(MODELS)
    assert set(get_args(Activation)) == set(ACTIVATIONS)


def test_settings_of_a_method():
    _, both, sampled = RICH.methods
    bn, per = both.methods
    assert both.parameters(bn) == {"eps": 1e-5, "momentum": 0.2}
    assert both.parameters(per) == {"weight": 0.01}
    assert sampled.parameters(sampled.methods[0]) == {"weight": 1e-4, "slices": 16}
    assert [method.label for method in RICH.methods] == ["vanilla", "both", "per_sampled"]
    assert MethodSpec().methods == ()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, "A training spec has the fields .*epochs.*; received epoch. Remove or rename"),
        ([1], "A training spec must be an object"),
        ({"epochs": "60"}, "epochs must be a whole number from 0 to 10000; received '60'"),
        ({"epochs": True}, "epochs must be a whole number"),
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"batch_size": 1}, "batch_size must be a whole number from 2"),
        ({"learning_rate": 0}, "learning_rate must be a number above 0 to 100; received 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number"),
        ({"schedule": "steps"}, "schedule must be one of constant, cosine"),
        ({"momentum": 1}, "momentum must be a number from 0 to 0.9999"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"device": "tpu"}, "device must be one of auto, cpu, cuda; received 'tpu'"),
        ({"compile": 1}, "compile must be true or false; received 1"),
        ({"title": 3}, "title must be a text"),
        ({"layers": "layer 1"}, "layers must be a list; received 'layer 1'"),
        ({"layers": [1]}, "layers must be a text"),
        ({"methods": []}, "methods must be at least one, of different names; received none"),
        ({"methods": "bn"}, "methods must be a list"),
        ({"methods": ["bn", "bn"]}, "of different names; received bn, bn"),
        ({"methods": ["bm"]}, "key must be one of bn, .*; received 'bm'"),
        ({"methods": ["bn+bn"]}, r"A method can be put in once; received 'bn\+bn'"),
        ({"methods": ["vanilla+bn"]}, "key must be one of"),
        ({"methods": [{"combination": "bn", "lambda": 1}]}, "A method has the fields .*; received lambda"),
        (
            {"methods": [{"combination": "per", "settings": {"weight": 1}}]},
            "'per' are per.weight, learning_rate, .*; received 'weight'",
        ),
        (
            {"methods": [{"combination": "per", "settings": {"per.weight": -1}}]},
            "per.weight must be a number from 0 up",
        ),
        ({"methods": [{"combination": "vcl", "settings": {"vcl.subset": 2.5}}]}, "vcl.subset must be a whole number"),
        ({"methods": [{"combination": "bn", "settings": {"bn.eps": 9}}]}, "bn.eps must be a number from 1e-08 to 0.1"),
        ({"methods": [{"combination": "per", "settings": 3}]}, "settings must be an object"),
        ({"methods": [{"combination": "per", "reduction": "max"}]}, "reduction must be one of mean, sum"),
        ({"methods": [{"combination": "per", "layout": "row"}]}, "layout must be one of sample, position"),
        ({"methods": [{"name": "../up"}]}, r"name must be 1 to 80 letters.*received '\.\./up'"),
        ({"data": {"name": "imagenet"}}, "data.name must be one of digits, spirals"),
        ({"data": {"name": "cifar10"}}, "data.folder must name the folder of cifar10's files"),
        ({"data": 3}, "data must be an object"),
        ({"data": {"noise": -0.1}}, "data.noise must be"),
        ({"model": {"name": "vgg"}}, "model.name must be one of mlp, cnn11, resnet"),
        ({"model": {"dropout": 1}}, "model.dropout must be"),
        ({"model": {"depth": 0}}, "model.depth must be a whole number from 1 to 100"),
    ],
)
def test_what_cannot_be_trained(values, message):
    with pytest.raises(InvalidInputError, match=message):
        TrainingSpec.from_dict(values)


def test_files_that_are_no_spec(tmp_path):
    with pytest.raises(InvalidInputError, match="not a readable JSON file"):
        read_spec(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text('{"epochs":')
    with pytest.raises(InvalidInputError, match="must be JSON"):
        read_spec(tmp_path / "broken.json")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"data": {"name": "mixture", "samples": 1_000_000, "dim": 4096}}, "At that dim, 12207 samples fit"),
        ({"methods": [{"name": f"m{i}"} for i in range(51)]}, "methods must be at most 50; received 51"),
        ({"layers": ["layer 1"] * 101}, "layers must be at most 100 names"),
        ({"title": "a\ud800"}, "title must be a text of printable characters"),
        ({"learning_rate": 10**400}, "learning_rate must be a number above 0 to 100"),
        ({"epochs": 10**5000}, "received a int too large to print"),
        ({"methods": [{"combination": "per", "settings": {"per.weight": 10**400}}]}, "per.weight must be a number"),
    ],
)
def test_what_is_too_much_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        TrainingSpec.from_dict(values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "More must be JSON"),
        ('{"a":' * 500 + "1" + "}" * 500, "nested more than 8 deep"),
        ('{"momentum": 1e400}', None),
        ('{"momentum": NaN}', "NaN is no finite number"),
        ('{"momentum": -Infinity}', "-Infinity is no finite number"),
        ('{"seed": ' + "9" * 5000 + "}", "Exceeds the limit"),
        ('{"seed": 1, "seed": 2}', "seed is there twice"),
        ("3", "must be a JSON object"),
        ('"' + "x" * 5_000_000 + '"', "at most 100000 characters; it has 5000002"),
    ],
)
def test_json_of_strangers_is_an_object_or_refused(text: str, message: str | None) -> None:
    if message is None:
        with pytest.raises(InvalidInputError, match="momentum must be a number"):
            TrainingSpec.from_dict(read_object(text, "More"))
    else:
        with pytest.raises(InvalidInputError, match=message):
            read_object(text, "More")


JSON = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text(strategies.characters(exclude_categories=[]), max_size=20),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(max_size=5), inner),
    max_leaves=6,
)
FIELDS = ["data", "model", "methods", "layers", "epochs", "learning_rate", "schedule", "seed", "device", "title"]


@given(strategies.dictionaries(strategies.sampled_from(FIELDS) | strategies.text(max_size=4), JSON, max_size=4))
def test_whatever_json_says_a_spec_or_our_own_error_comes(values: dict[str, Any]) -> None:
    with contextlib.suppress(PerError):
        TrainingSpec.from_dict(values)


@given(strategies.sampled_from(["data", "model"]), strategies.data())
def test_whatever_json_says_of_a_part_a_spec_or_our_own_error_comes(part: str, data: strategies.DataObject) -> None:
    names = [field.name for field in fields(DataSpec if part == "data" else ModelSpec)]
    values = data.draw(strategies.dictionaries(strategies.sampled_from(names), JSON, max_size=3))
    with contextlib.suppress(PerError):
        TrainingSpec.from_dict({part: values})
    with contextlib.suppress(PerError):
        TrainingSpec.from_dict({"methods": [{"combination": "per", "settings": values}, values]})

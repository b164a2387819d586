"""The form of a training: what it says is what is trained, and a link, "Again" and a preset say the same everywhere."""

import re
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from analysis.training.presets import PRESETS
from app.session import services
from app.views.train import training_form
from app.views.train.titles import combination_of, method_title
from app.views.train.training_fields import summary
from tests.app.conftest import OpenPage, shown
from tests.app.views.test_pages import all_text

pytestmark = pytest.mark.long

TWO_PERS = (
    MethodSpec("per", {"per.weight": 1e-3}, "sum", name="weak"),
    MethodSpec("per", {"per.weight": 0.1}, "mean", "position", name="strong"),
)
SPECS = {
    "two PERs": TrainingSpec(methods=TWO_PERS, title="Two of them"),
    "limits of the fields": TrainingSpec(epochs=0, seed=1_500_000_000, seeds=100, learning_rate=2e-7),
    "without fields": TrainingSpec(
        data=DataSpec(limit=256, samples=77), momentum=0.5, weight_decay=1e-4, probe_size=99, tracked_units=7
    ),
    "mixture": TrainingSpec(
        data=DataSpec("mixture", samples=300_000, classes=7, dim=40, noise=0.37),
        model=ModelSpec("mlp", "relu", 0.3, 3, 0.0),
        methods=(MethodSpec("dbn+per", {"per.weight": 30.0, "dbn.group_size": 8}, "sum"), MethodSpec("vcl")),
        layers=("layer 1", "layer 3"),
    ),
    "after the second non-linearity of each block": TrainingSpec(
        model=ModelSpec("resnet", width=0.25), layers=("second", "layer 1")
    ),
    "numbers in full, digits enlarged": TrainingSpec(
        data=DataSpec(enlarge=2), learning_rate=1 / 300, methods=(MethodSpec("l2", {"l2.weight": 1 / 3}),)
    ),
}  # fmt: skip


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch, finished_run: str) -> list[TrainingSpec]:
    """What Start hands to the manager; nothing is trained."""
    specs: list[TrainingSpec] = []

    def note(spec: dict[str, Any], **_: object) -> str:
        specs.append(TrainingSpec.from_dict(spec))
        return finished_run

    monkeypatch.setattr(services.manager(), "submit", note)
    return specs


def fill(page: AppTest, spec: TrainingSpec) -> AppTest:
    """What "Again" does: the preset's button is made to fill in another spec."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_form, "PRESETS", {"default": replace(PRESETS["default"], spec=spec)})
        page.run()
        return page.button(key="train_preset_default").click().run()


def test_published_data_without_a_folder_are_asked_for_in_one_sentence(open_page: OpenPage) -> None:
    page = open_page("train", train_new="true", train_data="CIFAR-10 (binary files)")
    assert [*page.exception, *page.error] == []
    assert [one.value for one in page.info if "folder" in one.value] == [
        "These data need a folder on the server, with their files or to download them into."
    ]
    assert "train_start" not in [button.key for button in page.button]


def start(page: AppTest) -> None:
    assert [*page.exception, *page.error] == []
    page.button(key="train_start").click().run()


def plain(spec: TrainingSpec) -> TrainingSpec:
    """Without settings that are the registry's own anyhow, but for members of a grid, whose names say them."""
    methods = []
    for method in spec.methods:
        if method.name:
            methods.append(method)
            continue
        bare = replace(method, settings={})
        known = {f"{one.key}.{name}": v for one in bare.methods for name, v in bare.parameters(one).items()}
        methods.append(replace(method, settings={k: v for k, v in method.settings.items() if v != known[k]}))
    return replace(spec, methods=tuple(methods))


@pytest.mark.parametrize("key", PRESETS)
def test_a_preset_and_its_link_are_the_same_training(
    open_page: OpenPage, submitted: list[TrainingSpec], key: str
) -> None:
    page = open_page("train")
    page.button(key=f"train_preset_{key}").click().run()
    link = dict(page.query_params)
    start(page)
    start(open_page("train", **link))
    assert submitted == [plain(PRESETS[key].spec)] * 2


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_spec_goes_through_the_form_and_its_link_unchanged(
    open_page: OpenPage, submitted: list[TrainingSpec], spec: TrainingSpec
) -> None:
    page = fill(open_page("train"), spec)
    link = dict(page.query_params)
    start(page)
    start(open_page("train", **link))
    assert submitted == [spec] * 2


def test_another_spec_leaves_nothing_of_the_one_before(open_page: OpenPage, submitted: list[TrainingSpec]) -> None:
    page = open_page("train")
    for spec in (*SPECS.values(), TrainingSpec()):
        page = fill(page, spec)
    start(page)
    assert submitted == [TrainingSpec()]


def test_what_the_address_said_first_does_not_win_over_a_preset(
    open_page: OpenPage, submitted: list[TrainingSpec]
) -> None:
    page = open_page("train", train_model="Fully connected", train_depth="5.0", train_per_weight="0.5")
    for key in ("default", "hard"):
        page.button(key=f"train_preset_{key}").click().run()
    link = dict(page.query_params)
    start(page)
    start(open_page("train", **link))
    assert submitted == [PRESETS["hard"].spec] * 2


def test_combinations_are_read_as_keys_and_as_abbreviations(open_page: OpenPage, submitted: list[TrainingSpec]) -> None:
    assert [combination_of(text) for text in ("dbn+per", "DBN + PER", " IterNorm+ PER, Algorithm 1", "Vanilla")] == [
        "dbn+per", "dbn+per", "iter_norm+per_sampled", "vanilla",
    ]  # fmt: skip
    start(open_page("train", train_methods=["PER", "DBN + PER", "LayerNorm"]))
    assert [method.combination for method in submitted[0].methods] == ["per", "dbn+per", "layer_norm"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"train_layers": "abc"}, "layers must be hidden layers of the model, layer 1, .*received layer abc"),
        ({"train_layers": "2, 11"}, "received layer 11"),
        ({"train_data": "Spirals (synthetic)"}, "takes images"),
        ({"train_batch": "2000"}, "batch_size must be at most the number of training samples, 1297"),
        ({"train_rate": "0"}, "Learning rate of SGD must be one or several numbers above 0 to 100, .*received 0"),
        ({"train_per_weight": "0,001"}, "PER: λ must be one or several numbers from 0 up, .*received 0,001"),
        ({"train_rate": " ".join(map(str, range(1, 20)))}, "at most 50; the values make 57, .*Give fewer values"),
        ({"train_more": "{"}, "More settings must be JSON"),
        ({"train_more": "[1]"}, "More settings must be a JSON object"),
        ({"train_more": '{"momentum": 2}'}, "momentum must be a number from 0 to 0.9999; received 2"),
        ({"train_more": '{"speed": 2}'}, "A training spec has the fields .*received speed"),
        ({"train_more": '{"data": 3}'}, "data must be an object"),
        ({"train_more": '{"methods": ["per", "per"]}'}, "of different names; received per, per"),
        ({"train_methods": ["PER", "NONSENSE + PER"]}, "key must be one of .*received 'nonsense'"),
    ],
)  # fmt: skip
def test_start_is_not_offered_for_what_cannot_be_trained(
    open_page: OpenPage, query: dict[str, Any], message: str
) -> None:
    page = open_page("train", **query)
    assert page.exception == []
    assert len(page.error) == 1
    assert re.search(message, shown(page.error[0].value))
    assert "train_start" not in [button.key for button in page.button]


def test_several_values_are_a_method_each_and_the_form_counts_the_networks(
    open_page: OpenPage, submitted: list[TrainingSpec]
) -> None:
    page = open_page("train", train_per_weight="3e-4 1e-4", train_rate="0.01 0.005", train_seeds="3.0")
    assert "24 networks of 10 hidden layers (8 methods × 3 seeds); records" in all_text(page)
    start(page)
    assert [method.label for method in submitted[0].methods] == [
        "per-weight=0.0003-learning_rate=0.01", "per-weight=0.0003-learning_rate=0.005",
        "per-weight=0.0001-learning_rate=0.01", "per-weight=0.0001-learning_rate=0.005",
        "vanilla-learning_rate=0.01", "vanilla-learning_rate=0.005", "bn-learning_rate=0.01", "bn-learning_rate=0.005",
    ]  # fmt: skip
    assert method_title(submitted[0].methods[0].label) == "PER (λ = 0.0003, learning rate = 0.01)"
    assert summary(submitted[0].as_dict()).endswith(
        "λ 0.0003, 0.0001 of PER, 60 epochs, seeds 0 to 2, rate 0.01, 0.005 cosine"
    )


def test_the_form_says_what_start_leaves_on_disk(open_page: OpenPage) -> None:
    text = all_text(open_page("train"))
    assert "3 networks of 10 hidden layers; records and checkpoint will take up to 39 MB" in text

"""Adding a method is one entry: new ones of both kinds go through page, training and tables."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from app.views.train.training_fields import method_title
from per_core import Method, Parameter, list_methods, methods, register_method
from per_core.methods import Loss
from per_core.recording.run_directory import open_run
from tests.analysis.training.workers import work_here
from tests.app.conftest import OpenPage
from tests.app.views.test_methods_page import removed
from tests.app.views.test_pages import all_text, sent_charts
from tests.benchmarks.workloads import Size, method_workloads

FACTOR = Parameter("factor", "Factor of the toy", 0.5, 0.1, 2.0)


class Multiply(nn.Module):
    """Every unit times one number: a normaliser of its own kind."""

    def __init__(self, num_features: int, *, factor: float = 0.5) -> None:
        super().__init__()
        self.num_features, self.factor = num_features, factor

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        return self.factor * activations


def build_pull(*, factor: float = 0.5) -> Loss:
    """A mean of squared norms."""

    def loss(activations: torch.Tensor, *, generator: torch.Generator | None = None) -> torch.Tensor:
        del generator
        return factor * activations.square().sum(dim=1).mean()

    return loss


def entry(key: str, kind: methods.MethodKind, build: Callable[..., object], weight: Parameter | None) -> Method:
    return Method(
        key=key,
        title=f"A toy {kind}",
        short=f"Toy {key}",
        kind=kind,
        acts_on="pre-activation",
        reference="Nobody, Nothing in particular, 2000",
        build=build,
        parameters=(FACTOR,),
        weight=weight,
        scope="row",
    )


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Method]]:
    """Two new methods in a registry that is thrown away afterwards."""
    monkeypatch.setattr(methods, "_methods", dict(methods._methods))
    added = [
        entry("toy_multiply", "normaliser", Multiply, None),
        entry("toy_pull", "regulariser", build_pull, Parameter("weight", "λ, weight of the loss", 0.01, 0.001, 1.0)),
    ]
    for method in added:
        register_method(method)
    yield added
    monkeypatch.undo()
    assert not {method.key for method in list_methods()} & {method.key for method in added}


def test_the_page_offers_applies_and_follows_it(toys: list[Method], open_page: OpenPage) -> None:
    """Halving a batch of scale 1.5 and shift 1 in every unit removes half of what the location is off."""
    page = open_page("methods", data_n="512", methods_steps="60", methods_left="alone")
    chooser = page.multiselect(key="methods_chosen")
    assert {method.short for method in toys} <= set(chooser.options)
    page = chooser.set_value([method.key for method in toys]).run()
    assert [*page.exception, *page.error] == []
    table = page.dataframe[0].value.set_index("Statistic")
    assert {method.short for method in toys} <= set(table.columns)
    mean, halved = (float(table.loc["Mean", column].split(" ")[0]) for column in ("Batch", "Toy toy_multiply"))
    assert halved == pytest.approx(mean / 2, abs=1e-3)
    assert float(table.loc["Variance", "Toy toy_pull"].split(" ")[0]) < 0.3
    assert removed(page)["Toy toy_multiply"]["location"] > 0.1
    charts = sent_charts(page)
    assert {"methods_flow_toy_pull"} == {key for key in charts if key.startswith("methods_flow")}
    assert "Toy toy_multiply maps each row by its own statistics" in page.info[0].value
    text = all_text(page)
    for method in toys:
        assert method.title in text
        assert method.reference in text
        assert page.number_input(key=f"methods_{method.key}_factor").value == FACTOR.default
    page.number_input(key="methods_toy_multiply_factor").set_value(1.0).run()
    assert removed(page)["Toy toy_multiply"]["location"] == pytest.approx(0, abs=1e-6)


def test_a_comparison_trains_with_it(toys: list[Method], tmp_path: Path) -> None:
    """One epoch with the normaliser, with the regulariser and with both: each leaves other activations behind."""
    keys = [method.key for method in toys]
    names = ["vanilla", *keys, "+".join(keys)]
    spec = TrainingSpec(
        DataSpec("spirals", samples=64),
        ModelSpec("mlp", "relu", width=0.03, depth=2),
        (*map(MethodSpec, names[:-1]), MethodSpec(names[-1], {"toy_multiply.factor": 2.0, "toy_pull.weight": 1.0})),
        epochs=1,
        batch_size=32,
        probe_size=20,
        device="cpu",
    )
    assert work_here(spec, tmp_path / "toys") == 0
    ends = set()
    for name in names:
        run = open_run(tmp_path / "toys" / "runs" / f"{name}-s0")
        assert len(run.records) == 2
        assert all(layer.n_finite == 20 for record in run.records for layer in record.layers.values())
        ends.add(run.records[1].scalars["loss"])
    assert len(ends) == len(names)


def test_labels_and_the_table_of_benchmarks_list_it(toys: list[Method]) -> None:
    for method in toys:
        assert method_title(method.key) == method.short
    timed = method_workloads(Size(n=32, d=4, k=4), "cpu")
    assert {method.key for method in toys} <= set(timed)
    for method in toys:
        timed[method.key]()

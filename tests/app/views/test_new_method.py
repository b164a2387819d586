"""Adding a method is one entry: new ones of both kinds are on every page, in training and in what is drawn of it."""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from analysis.compute import PROCESSES_VARIABLE
from analysis.dumps import inspect
from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from analysis.survey.report import write_report
from app.charts.palette import categorical
from app.views.train.titles import method_title
from per_core import Method, Parameter, list_methods, register_method
from per_core.method import Loss
from per_core.methods import BASELINE, unregister_method
from per_core.recording.run_directory import open_run
from tests.analysis.training.workers import work_here
from tests.app.conftest import OpenPage
from tests.app.views.test_methods_page import removed
from tests.app.views.test_pages import all_text, sent_charts
from tests.benchmarks.workloads import Size, method_workloads
from tests.browser.pages import asked

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
COMPARISONS = {"analysis/runs/spec.py", "analysis/training/presets.py"}  # they say which methods are compared
LESSON = ("analysis/lesson/", "app/views/learn/")  # whose steps are about some methods
LAYER_NAMES = {"analysis/dumps/proposal/words.py"}  # bn1 is a layer in others' networks, whatever methods there are
STATISTICS = {"per", "sw1"}  # are called as the methods that lower them
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


TOY_NORMALISER = Method(
    key="toy_multiply",
    title="A toy normaliser",
    short="Toy toy_multiply",
    kind="normaliser",
    acts_on="pre-activation",
    reference="Nobody, Nothing in particular, 2000",
    build=Multiply,
    parameters=(FACTOR,),
    scope="row",
    summary="It multiplies.",
    sees=("skewness",),
    rank=0,
    colour=5,
)
TOY_REGULARISER = Method(
    key="toy_pull",
    title="A toy regulariser",
    short="Toy toy_pull",
    kind="regulariser",
    acts_on="pre-activation",
    reference="Nobody, Nothing at all, 2001",
    build=build_pull,
    parameters=(FACTOR,),
    weight=Parameter("weight", "λ, weight of the loss", 0.01, 0.001, 1.0),
    scope="row",
    period=lambda factor: 7.5 * factor,
    summary="It pulls.",
    lesson="It leads nowhere in particular.",
    judged_by=("kurtosis",),
    colour=3,
)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Method]]:
    """Two new methods, on offer for the time of a test in this process, which then computes by itself."""
    monkeypatch.setenv(PROCESSES_VARIABLE, "0")
    added = [TOY_NORMALISER, TOY_REGULARISER]
    for method in added:
        register_method(method)
    yield added
    for method in added:
        unregister_method(method.key)
    assert not {method.key for method in list_methods()} & {method.key for method in added}


def test_the_page_offers_applies_and_follows_it(toys: list[Method], open_page: OpenPage) -> None:
    """Halving a batch of scale 1.5 and shift 1 in every unit removes half of what the location is off."""
    sections = dict.fromkeys(["methods_changes", "methods_removed", "methods_follow_toy_pull", "methods_small"], "true")
    page = open_page("methods", data_n="512", methods_steps="60", methods_left="alone", **sections)
    chooser = page.multiselect(key="methods_chosen")
    assert chooser.value[:2] == ["toy_multiply", "bn"]
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
        for said in (method.title, method.summary, method.lesson, method.reference):
            assert said in text
        assert page.number_input(key=f"methods_{method.key}_factor").value == FACTOR.default
    assert "Alone, the excess kurtosis goes from" in text
    assert "Variance of batch variances, relative" not in text
    assert "repeats after 3.75" in charts["methods_radial_toy_pull"].data["alt"]
    page.number_input(key="methods_toy_multiply_factor").set_value(1.0).run()
    assert removed(page)["Toy toy_multiply"]["location"] == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures("toys")
def test_the_table_of_statistics_names_it(open_page: OpenPage) -> None:
    seen = (
        open_page("distributions", data_n="64", dist_statistics="true")
        .dataframe[0]
        .value.set_index("Statistic")["Seen by"]
    )
    assert seen["Skewness"].split(", ")[-1] == "Toy toy_multiply"
    assert seen["Excess kurtosis"] == "VCL, Toy toy_pull, indirectly"
    assert seen["Mean"] == "BN"


def test_the_form_offers_it_with_its_settings(toys: list[Method], open_page: OpenPage) -> None:
    page = open_page("train", train_methods=["Toy toy_multiply", "Toy toy_multiply + Toy toy_pull"])
    assert [*page.exception, *page.error] == []
    assert {method.short for method in toys} <= set(page.multiselect(key="train_methods").options)
    fields = {field.key: field.value for field in page.text_input}
    assert fields["train_toy_pull_weight"] == "0.01"
    assert fields["train_toy_multiply_factor"] == fields["train_toy_pull_factor"] == f"{FACTOR.default:g}"
    assert "train_start" in [button.key for button in page.button]


@pytest.fixture
def trained(toys: list[Method], runs_folder: Path) -> Iterator[Path]:
    """One epoch without a method, with the normaliser, with the regulariser and with both."""
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
        title="Toys",
    )
    folder = runs_folder / "toys"
    assert work_here(spec, folder) == 0
    yield folder
    shutil.rmtree(folder)


def test_a_comparison_trains_with_it(trained: Path) -> None:
    """Each combination leaves other activations behind."""
    runs = {path.name: open_run(path) for path in (trained / "runs").iterdir()}
    assert set(runs) == {f"{name}-s0" for name in ("vanilla", "toy_multiply", "toy_pull", "toy_multiply+toy_pull")}
    for run in runs.values():
        assert len(run.records) == 2
        assert all(layer.n_finite == 20 for record in run.records for layer in record.layers.values())
    assert len({run.records[1].scalars["loss"] for run in runs.values()}) == len(runs)


def test_what_was_trained_with_it_is_drawn_listed_and_reported(
    trained: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    """On Train under its name and in its colour, on Dumps as the first of what decomposes, and in a report."""
    page = open_page("train", run="toys", **asked("train"))
    assert [*page.exception, *page.error] == []
    lines = {trace["name"]: trace["line"] for trace in sent_charts(page)["train_figure2"].figure["data"]}
    assert lines["Toy toy_multiply, median"]["color"] == categorical(5)
    assert lines["Toy toy_pull, median"]["color"] == categorical(3)
    assert lines["Vanilla, median"]["color"] == categorical(1)
    results, runs = (
        next(table.value for table in page.dataframe if column in table.value.columns)
        for column in ("Variance", "Title")
    )
    assert "Toy toy_multiply + Toy toy_pull" in list(results["Network"])
    (listed,) = runs.loc[runs["Title"] == "Toys", "Methods"]
    assert listed == "Vanilla, Toy toy_multiply, Toy toy_pull, Toy toy_multiply + Toy toy_pull"
    dumped = open_page("dumps", dumps_look="true", dumps_path=str(trained / "runs" / "vanilla-s0"))
    assert [*dumped.exception, *dumped.error] == []
    names = [trace["name"] for trace in sent_charts(dumped)["dumps_parts"].figure["data"]]
    assert names[2:] == ["removed by Toy toy_multiply", "removed by BN", "removed by DBN"]
    write_report(inspect(trained), tmp_path / "toys.html")
    assert "toy_pull" in (tmp_path / "toys.html").read_text()


def test_labels_and_the_table_of_benchmarks_list_it(toys: list[Method]) -> None:
    for method in toys:
        assert method_title(method.key) == method.short
    timed = method_workloads(Size(n=32, d=4, k=4), "cpu")
    assert {method.key for method in toys} <= set(timed)
    for method in toys:
        timed[method.key]()


def test_no_other_file_knows_a_method_by_its_key() -> None:
    keys = {BASELINE.key, *(method.key for method in list_methods())} - STATISTICS
    found = {
        (name, part)
        for folder in ("app", "analysis")
        for file in (ROOT / folder).rglob("*.py")
        if (name := file.relative_to(ROOT).as_posix()) not in COMPARISONS | LAYER_NAMES
        if not name.startswith(LESSON)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for part in node.value.split("+")
        if part in keys
    }
    assert found == set()

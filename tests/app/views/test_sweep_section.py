"""The section of Train that compares methods seed by seed: its chart, its tables, and what it refuses to choose."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from streamlit.testing.v1 import AppTest

from analysis.runs.comparison import open_comparison
from tests.app.conftest import OpenPage, train
from tests.app.views.test_pages import all_text, sent_charts

pytestmark = pytest.mark.long

SWEPT: dict[str, Any] = {
    "title": "Swept",
    "data": {"name": "digits", "limit": 256, "validation": 0.25},
    "model": {"name": "mlp", "depth": 2, "width": 0.125, "dropout": 0.0},
    "methods": [
        "vanilla",
        {"combination": "per", "settings": {"per.weight": [0.1, 1e-4]}},
        {"combination": "l2", "settings": {"l2.weight": [1e30, 1e-3]}},
    ],
    "epochs": 2,
    "seeds": 3,
    "learning_rate": 0.05,
    "probe_size": 50,
}
WITHOUT_VALIDATION: dict[str, Any] = {
    "title": "Without validation",
    "data": {"name": "digits", "limit": 64},
    "model": {"name": "cnn11", "width": 0.0625, "dropout": 0.0},
    "methods": ["bn", {"combination": "per", "settings": {"per.weight": [0.1, 1e-4]}}],
    "epochs": 1,
    "batch_size": 32,
    "learning_rate": [0.01, 0.001],
    "probe_size": 50,
}


@pytest.fixture(scope="module")
def swept(runs_folder: Path) -> str:
    return train(SWEPT, runs_folder, "swept")


@pytest.fixture(scope="module")
def without_validation(runs_folder: Path) -> str:
    return train(WITHOUT_VALIDATION, runs_folder, "without_validation")


@pytest.fixture(scope="module")
def one_of_each(runs_folder: Path) -> str:
    spec = {**WITHOUT_VALIDATION, "methods": ["vanilla", "per"], "learning_rate": 0.01, "title": "One of each"}
    return train(spec, runs_folder, "one_of_each")


def last(runs_folder: Path, name: str, label: str, scalar: str) -> list[float]:
    runs = open_comparison(runs_folder / name).runs
    return [run.records[-1].scalars[scalar] for (own, _seed), run in runs.items() if own == label]


def table(page: AppTest, column: str) -> Any:
    return next(frame.value for frame in page.dataframe if column in frame.value.columns)


def difference(own: list[float], other: list[float]) -> str:
    """As the page writes it, by SciPy's test of related samples."""
    interval = stats.ttest_rel(own, other).confidence_interval(0.95)
    mean, low, high = (
        round(100 * value, 2) + 0.0 for value in (np.subtract(own, other).mean(), interval.low, interval.high)
    )
    return f"{mean:+.2f} ({low:+.2f} … {high:+.2f})".replace("-", "−")


def test_the_section_says_what_validation_chooses_and_its_difference_on_test(
    open_page: OpenPage, swept: str, runs_folder: Path
) -> None:
    page = open_page("train", run=swept, train_compared="true", train_table="true")
    assert [*page.exception, *page.error] == []
    best = max(
        ("per-weight=0.0001", "per-weight=0.1"),
        key=lambda label: np.mean(last(runs_folder, swept, label, "validation_accuracy")),
    )
    rows = table(page, "Chosen on validation").set_index("Method")
    assert rows["Chosen on validation"].to_dict() == {
        "Vanilla": "–", "PER": f"λ = {best.partition('=')[2]}", "L2": "λ = 0.001",
    }  # fmt: skip
    own, vanilla = (last(runs_folder, swept, label, "test_accuracy") for label in (best, "vanilla"))
    assert rows["Test accuracy"]["PER"] == f"{np.mean(own):.2%}"
    assert rows["Difference on test (95 %)"]["PER"] == difference(own, vanilla)
    assert rows["Diverged"]["L2"] == "3"
    assert "Differences to Vanilla are means over the seeds" in all_text(page)
    assert "above 0 is better" in all_text(page)
    results = table(page, "Variance").set_index("Network")["Difference on test (95 %)"]
    assert results["PER (λ = 0.1)"] == difference(last(runs_folder, swept, "per-weight=0.1", "test_accuracy"), vanilla)
    assert results["L2 (λ = 1e30)"] == "–, 3 diverged"
    assert results["Vanilla"] == "–"


def test_the_chart_has_every_seed_on_both_parts(open_page: OpenPage, swept: str, runs_folder: Path) -> None:
    chart = sent_charts(open_page("train", run=swept, train_compared="true"))["train_sweep"]
    points = [trace for trace in chart.figure["data"] if trace["name"] == "PER, seeds"]
    for trace, scalar in zip(points, ("validation_accuracy", "test_accuracy"), strict=True):
        for value in (0.1, 1e-4):
            drawn = [y for x, y in zip(trace["x"], trace["y"], strict=True) if x == value]
            assert drawn == last(runs_folder, swept, f"per-weight={value:g}", scalar)
    assert chart.figure["layout"]["xaxis"]["type"] == "log"
    assert "Chosen on validation: PER at 0." in chart.data["alt"]


def test_nothing_is_chosen_by_the_test_score(open_page: OpenPage, without_validation: str) -> None:
    page = open_page("train", run=without_validation, train_compared="true")
    assert [*page.exception, *page.error] == []
    assert any("the test score must not choose" in one.value for one in page.warning)
    rows = table(page, "Chosen on validation").set_index("Method")
    assert set(rows["Chosen on validation"]) == {"none"}
    assert rows["Values tried"].to_dict() == {"BN": "2", "PER": "2 × 2"}
    assert set(rows["Test accuracy"]) == {"–"}
    for along, names in {"weight": ["PER (learning rate = 0.01)"], "learning rate": ["BN", "PER (λ = 0.1)"]}.items():
        page.segmented_control(key="train_sweep_along").select("λ" if along == "weight" else along).run()
        drawn = {trace["name"] for trace in sent_charts(page)["train_sweep"].figure["data"]}
        assert set(names) <= drawn


def test_beside_the_authors_stand_their_numbers_of_the_same_non_linearity(
    open_page: OpenPage, finished_run: str, without_validation: str, one_of_each: str, runs_folder: Path
) -> None:
    page = open_page("train", run=one_of_each, train_compared="true")
    rows = table(page, "Reported").set_index("Data")
    assert list(rows.index) == ["CIFAR-10", "CIFAR-100", "digits"]
    assert rows.loc["CIFAR-10"].to_dict() == {
        "Reported": "by the authors", "Non-linearity": "ELU",
        "Vanilla": "6.74", "BN": "6.69", "VCL": "6.26", "PER": "6.42",
    }  # fmt: skip
    (accuracy,) = last(runs_folder, one_of_each, "per", "test_accuracy")
    assert rows.loc["digits", "PER"] == f"{100 * (1 - accuracy):.2f}"
    assert rows.loc["digits", "BN"] == "–"
    assert "ours are small-scale" in all_text(page)
    assert "One seed has no interval" in all_text(page)
    for run in (finished_run, without_validation):  # an MLP; no method that has an outcome
        page = open_page("train", run=run, train_compared="true")
        assert all("Reported" not in frame.value.columns for frame in page.dataframe)


def test_a_comparison_without_a_sweep_says_so(open_page: OpenPage, finished_run: str) -> None:
    page = open_page("train", run=finished_run, train_compared="true")
    assert any("No method of this comparison has several values" in one.value for one in page.info)
    assert "train_sweep" not in sent_charts(page)
    rows = table(page, "Method")
    assert list(rows["Method"]) == ["PER", "Vanilla", "BN"]
    assert not {"Values tried", "Chosen on validation"} & set(rows.columns)  # nothing was tried, nothing chosen

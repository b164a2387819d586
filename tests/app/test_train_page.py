"""The Train page in process, with real workers: the form, a run from Start to end, the views, and the list of runs."""

import time
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from analysis.runs import open_comparison
from analysis.training.presets import PRESETS
from analysis.training.spec import TrainingSpec
from app import service
from app.chart import MAX_ANIMATED_BYTES, MAX_STATIC_BYTES
from app.choice import run_query
from per_core import Recorder
from tests.app.conftest import OpenPage
from tests.app.test_pages import all_text, sent_charts

CHARTS = {"train_figure2", "train_progress", "train_distances", "train_densities_0"}


def fill_tiny(page: AppTest, **more: object) -> AppTest:
    """Set the form to something that trains in seconds."""
    page.selectbox(key="train_model").set_value("mlp")
    page.run()
    values = {"train_depth": 3.0, "train_width": 0.125, "train_epochs": 3.0, "train_dropout": 0.0, **more}
    for key, value in values.items():
        page.number_input(key=key).set_value(value)
    return page.run()


def press(page: AppTest, key: str) -> AppTest:
    return page.button(key=key).click().run()


def run_until(page: AppTest, text: str) -> AppTest:
    """Look again until the page says it; a worker needs some seconds to start."""
    for _ in range(240):
        if text in all_text(page):
            return page
        assert [*page.exception, *page.error] == []
        time.sleep(0.25)
        page.run()
    pytest.fail(f"{text!r} never appeared:\n{all_text(page)}")


def test_the_form_opens_on_the_default_comparison(open_page: OpenPage) -> None:
    page = open_page("train")
    assert [*page.exception, *page.error] == []
    assert page.multiselect(key="train_methods").value == ["per", "vanilla", "bn"]
    assert page.number_input(key="train_epochs").value == TrainingSpec().epochs
    assert "Nothing has been trained here yet" in page.info[0].value or page.dataframe


@pytest.mark.parametrize("key", PRESETS)
def test_a_preset_fills_the_form_and_is_trained_as_it_is(open_page: OpenPage, key: str) -> None:
    page = press(open_page("train"), f"train_preset_{key}")
    assert [*page.exception, *page.error] == []
    spec = PRESETS[key].spec
    assert page.number_input(key="train_rate").value == spec.learning_rate
    assert page.selectbox(key="train_schedule").value == spec.schedule
    assert page.number_input(key="train_per_weight").value == pytest.approx(
        spec.methods[0].settings.get("per.weight", 1e-4)
    )


def test_start_trains_what_the_form_says_and_shows_it_as_it_comes(open_page: OpenPage) -> None:
    page = fill_tiny(open_page("train"), train_seed=7.0)
    page = press(page, "train_start")
    given = page.query_params["run"]
    run = given if isinstance(given, str) else given[0]
    page = run_until(page, "**finished**, epoch 3 of 3")
    comparison = open_comparison(service.library().path(run))
    spec = TrainingSpec.from_dict(comparison.spec)
    assert (spec.model.name, spec.model.depth, spec.epochs, spec.seed) == ("mlp", 3, 3, 7)
    assert [method.combination for method in spec.methods] == ["per", "vanilla", "bn"]
    page.run()
    assert set(sent_charts(page)) == CHARTS
    assert len(service.library().list_runs()) >= 1


def test_a_second_run_waits_and_a_queued_one_can_be_stopped(open_page: OpenPage) -> None:
    first = press(fill_tiny(open_page("train"), train_epochs=200.0), "train_start")
    second = press(fill_tiny(open_page("train")), "train_start")
    assert "**queued**" in all_text(second)
    assert "place 1 in the queue" in all_text(second)
    second = press(second, "train_stop")
    assert "**stopped**" in all_text(second)
    run_until(first, "**running**")
    first = run_until(press(first, "train_stop"), "**stopped**")
    assert first.button(key="train_resume").label == "Resume"


def test_the_views_of_a_finished_run_are_small_and_described(open_page: OpenPage, finished_run: str) -> None:
    page = open_page("train", run=finished_run)
    assert [*page.exception, *page.error] == []
    charts = sent_charts(page)
    assert set(charts) == CHARTS
    for key, chart in charts.items():
        assert chart.size < (MAX_ANIMATED_BYTES if "frames" in chart.figure else MAX_STATIC_BYTES), key
        assert len(chart.data["alt"]) > 30, key
    figure = charts["train_figure2"].figure
    titles = [annotation["text"] for annotation in figure["layout"]["annotations"]]
    assert titles[:5] == [
        "PER: median, 0.25–0.75", "Vanilla: median, 0.25–0.75", "BN: median, 0.25–0.75", "mean", "variance",
    ]  # fmt: skip
    assert titles[5:] == ["layer 2", "layer 3", "layer 3"] or len(titles) >= 7
    names = [frame["name"] for frame in charts["train_densities_0"].figure["frames"]]
    assert names == [f"epoch {epoch}" for epoch in range(5)]
    for view in ("Heat map", "Ridgeline"):
        page.segmented_control(key="train_view_as").select(view).run()
        assert page.exception == []


def test_the_table_gives_median_and_range_over_the_seeds(open_page: OpenPage, finished_run: str) -> None:
    page = open_page("train", run=finished_run)
    table = next(frame.value for frame in page.dataframe if "Test accuracy" in frame.value.columns)
    assert list(table["Method"]) == ["PER", "Vanilla", "BN"]
    runs = open_comparison(service.library().path(finished_run)).runs
    accuracies = [runs["vanilla", seed].records[-1].scalars["test_accuracy"] for seed in (0, 1)]
    low, high = (f"{value:.1%}" for value in sorted(accuracies))
    assert table["Test accuracy"][1].endswith(f"({low} … {high})")
    assert "Median and range over 2 seeds" in all_text(page)


@pytest.mark.parametrize("name", ["distributions", "bound", "methods"])
def test_a_layer_of_a_run_opens_on_the_other_pages(open_page: OpenPage, finished_run: str, name: str) -> None:
    query = dict(parse_qsl(run_query(finished_run, "Tiny", "bn, seed 1", "layer 3", "2")))
    page = open_page(name, **query, data_n="64")
    assert [*page.exception, *page.error] == []
    assert "Tiny bn-s1, layer 3, epoch 2" in all_text(page)


def test_any_recorder_s_run_is_followed_too(open_page: OpenPage, runs_folder: Path) -> None:
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
    with Recorder(model, runs_folder / "mine", title="My own") as recorder:
        recorder.record(0, inputs=torch.randn(64, 8), loss=1.0)
        page = open_page("train", run="mine")
        assert "My own" in [heading.value for heading in page.subheader]
        recorder.record(1, inputs=torch.randn(64, 8), loss=0.5)
        page.run()
    assert [*page.exception, *page.error] == []
    loss = next(t for t in sent_charts(page)["train_progress"].figure["data"] if t["meta"] == "training loss")
    assert len(loss["x"]["bdata"]) > 0
    listed = next(frame.value for frame in page.dataframe if "Methods" in frame.value.columns)
    assert "recorded by a script" in listed["Methods"].tolist()
    results = next(frame.value for frame in page.dataframe if "Test accuracy" in frame.value.columns)
    assert results["Test accuracy"].tolist() == ["not recorded"]


def test_runs_are_renamed_deleted_restored_and_prefill_the_form(open_page: OpenPage, finished_run: str) -> None:
    from app import run_list

    page = open_page("train")
    library = service.library()
    library.rename(finished_run, "Renamed")
    assert "Renamed" in page.run().dataframe[0].value["Title"].tolist()
    library.rename(finished_run, "Tiny")
    library.delete(finished_run)
    assert "Tiny" not in [entry.title for entry in library.list_runs()]
    library.undo_delete(finished_run)
    assert "Tiny" in [entry.title for entry in library.list_runs()]
    assert run_list.RUN == "run"


@pytest.mark.parametrize("run", ["../secret", "nothing", "..", "a/b", "x" * 300])
def test_a_run_that_is_not_there_is_said_plainly(open_page: OpenPage, run: str) -> None:
    page = open_page("train", run=run)
    assert page.exception == []
    assert "There is no run" in page.error[0].value


def test_what_cannot_be_trained_says_why_and_start_is_gone(open_page: OpenPage) -> None:
    page = open_page("train")
    page.selectbox(key="train_data").set_value("cifar10").run()
    assert "needs a folder" in page.info[0].value
    assert "data.folder must name the folder" in page.error[0].value
    assert "train_start" not in [button.key for button in page.button]

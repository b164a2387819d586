"""The Train page in process, with real workers: the form, a run from Start to end, the views, and the list of runs."""

import base64
import json
import math
import shutil
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest
import torch
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.testing.v1 import AppTest
from torch import nn

from analysis.runs.library import RunEntry, open_comparison
from analysis.runs.spec import MethodSpec, TrainingSpec
from analysis.statistics.null_band import Name, NullBand, Statistic
from analysis.survey.history import RecordedDistances
from analysis.training.presets import PRESETS
from app.session import services
from app.session.batch_choice import run_query
from app.session.null_bands import null_bands
from app.views.train import run_view
from app.views.train.run_list import run_title
from app.views.train.training_fields import summary
from per_core import Recorder
from tests.app.conftest import OpenPage, shown
from tests.app.views.test_pages import all_text, sent_charts, small_and_described
from tests.browser.pages import asked
from tests.waiting import wait_for

pytestmark = pytest.mark.long

CHARTS = {"train_figure2", "train_progress", "train_distances", "train_conditions", "train_densities_0"}


@pytest.fixture
def open_page(open_page: OpenPage) -> OpenPage:
    """With all sections of Train open."""
    return lambda name, **query: open_page(name, **(asked(name) if name == "train" else {}), **query)


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

    def is_said() -> bool:
        if text in all_text(page):
            return True
        assert [*page.exception, *page.error] == []
        page.run()
        return False

    wait_for(is_said, every=0.25)
    return page


def test_the_form_opens_on_the_default_comparison(open_page: OpenPage) -> None:
    page = open_page("train")
    assert [*page.exception, *page.error] == []
    assert page.multiselect(key="train_methods").value == ["per", "vanilla", "bn"]
    assert page.number_input(key="train_epochs").value == TrainingSpec().epochs
    assert "Nothing has been trained here yet" in "".join(one.value for one in page.info) or page.dataframe


@pytest.mark.parametrize("key", PRESETS)
def test_a_preset_fills_the_form_and_is_trained_as_it_is(open_page: OpenPage, key: str) -> None:
    page = press(open_page("train"), f"train_preset_{key}")
    assert [*page.exception, *page.error] == []
    spec = PRESETS[key].spec
    assert float(page.text_input(key="train_rate").value) == spec.learning_rate
    assert page.selectbox(key="train_schedule").value == spec.schedule
    weights = [method.settings.get("per.weight", 1e-4) for method in spec.methods if method.combination == "per"]
    assert list(map(float, page.text_input(key="train_per_weight").value.split())) == weights


def test_start_trains_what_the_form_says_and_shows_it_as_it_comes(open_page: OpenPage) -> None:
    page = fill_tiny(open_page("train"), train_seed=7.0)
    of_the_example = page.multiselect(key="train_view_layers")
    page = of_the_example.set_value(["layer 1"]).run()
    page = press(page, "train_start")
    assert "train_view_layers" not in page.query_params
    given = page.query_params["run"]
    run = given if isinstance(given, str) else given[0]
    page = run_until(page, "**finished**, epoch 3 of 3")
    comparison = open_comparison(services.run_library().path(run))
    spec = TrainingSpec.from_dict(comparison.spec)
    assert (spec.model.name, spec.model.depth, spec.epochs, spec.seed) == ("mlp", 3, 3, 7)
    assert [method.combination for method in spec.methods] == ["per", "vanilla", "bn"]
    page.run()
    assert set(sent_charts(page)) == CHARTS
    assert page.multiselect(key="train_view_layers").value == ["layer 2"]
    assert len(services.run_library().list_runs()) >= 1


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
    charts = small_and_described(page, CHARTS)
    figure = charts["train_figure2"].figure
    titles = [annotation["text"] for annotation in figure["layout"]["annotations"]]
    assert titles[:5] == [
        "PER<br>median, 0.25–0.75", "Vanilla<br>median, 0.25–0.75", "BN<br>median, 0.25–0.75", "mean", "variance",
    ]  # fmt: skip
    run = open_comparison(services.run_library().path(finished_run)).runs["per", 0]
    followed = {layer: run.records[0].layers[layer].tracked[0].unit for layer in ("layer 2", "layer 3")}
    assert titles[5:] == [f"{layer}, unit {unit}" for layer, unit in followed.items()]
    names = [frame["name"] for frame in charts["train_densities_0"].figure["frames"]]
    assert names == [f"epoch {epoch}" for epoch in range(5)]
    for view in ("Heat map", "Ridgeline"):
        page.segmented_control(key="train_view_as").select(view).run()
        assert page.exception == []


def test_the_table_gives_median_and_range_over_the_seeds(open_page: OpenPage, finished_run: str) -> None:
    page = open_page("train", run=finished_run)
    table = next(frame.value for frame in page.dataframe if "Test accuracy" in frame.value.columns)
    assert list(table["Network"]) == ["PER", "Vanilla", "BN"]
    runs = open_comparison(services.run_library().path(finished_run)).runs
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
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
    with Recorder(model, runs_folder / "mine", title="My own") as recorder:
        recorder.record(0, inputs=torch.randn(64, 8), loss=1.0)
        page = open_page("train", run="mine")
        assert "My own" in [heading.value for heading in page.header]
        results = next(frame.value for frame in page.dataframe if "Movement" in frame.value.columns)
        assert results["Movement"].tolist() == ["from the second record on"]
        assert "Mean step" not in all_text(page)
        recorder.record(1, inputs=torch.randn(64, 8), loss=0.5)
        page.run()
    assert [*page.exception, *page.error] == []
    loss = next(t for t in sent_charts(page)["train_progress"].figure["data"] if t["meta"] == "training loss")
    assert len(loss["x"]["bdata"]) > 0
    listed = next(frame.value for frame in page.dataframe if "Methods" in frame.value.columns)
    assert "recorded by a script" in listed["Methods"].tolist()
    results = next(frame.value for frame in page.dataframe if "Test accuracy" in frame.value.columns)
    assert results["Test accuracy"].tolist() == ["not recorded"]
    assert float(results["Movement"].item()) > 0
    assert "Mean step" in all_text(page)


def test_what_is_followed_makes_no_fragment(
    open_page: OpenPage, finished_run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fragment within it could be sent without its place, see `followed.follow`."""
    sent: list[tuple[tuple[int, ...], Delta]] = []
    enqueue = ForwardMsgQueue.enqueue

    def note(queue: ForwardMsgQueue, message: ForwardMsg) -> None:
        if message.HasField("delta"):
            sent.append((tuple(message.metadata.delta_path), message.delta))
        enqueue(queue, message)

    monkeypatch.setattr(ForwardMsgQueue, "enqueue", note)
    page = open_page("train", run=finished_run)
    assert page.exception == []
    owner = next(delta.fragment_id for _, delta in sent if "train_figure2" in delta.new_element.bidi_component.id)
    place = min(path for path, delta in sent if delta.fragment_id == owner)
    below = [delta.fragment_id for path, delta in sent if path[: len(place)] == place]
    assert len(below) > 20
    assert set(below) == {owner}


def runs_table(page: AppTest) -> pd.DataFrame:
    return next(frame.value for frame in page.dataframe if "Asked for" in frame.value.columns).set_index("Title")


def select(page: AppTest, titles: list[str]) -> AppTest:
    """Select rows of the list of runs."""
    listed = list(runs_table(page).index)
    tables = page.session_state["train_tables"] if "train_tables" in page.session_state else 0  # noqa: SIM401
    key = f"train_runs_{tables}"
    page.session_state[key] = {"selection": {"rows": [listed.index(title) for title in titles], "columns": []}}
    return page.run()


@pytest.mark.usefixtures("finished_run")
def test_the_list_says_what_was_asked_for(open_page: OpenPage) -> None:
    row = runs_table(open_page("train")).loc["Tiny"]
    assert row["Methods"] == "PER, Vanilla, BN"
    assert row["Asked for"] == "digits, MLP of 4, ELU, 4 epochs, seeds 0 to 1, rate 0.005 cosine"
    assert row["Epoch"] == "4 of 4"
    spec = TrainingSpec(methods=(MethodSpec("per", {"per.weight": 0.01}), MethodSpec()), layers=("layer 1",))
    assert summary(spec.as_dict()) == (
        "digits, 11-layer CNN, ELU, λ 0.01 of PER, layer 1, 60 epochs, seed 0, rate 0.005 cosine"
    )
    assert summary({"data": {"enlarge": 2}}).startswith("digits, 16 × 16, 11-layer CNN")
    assert summary({"data": {"name": "spirals", "enlarge": 2}, "model": {"name": "mlp"}}).startswith("spirals, MLP")
    places = summary({"model": {"name": "resnet"}, "layers": ["second"]})
    assert "after the second non-linearity of each block" in places
    assert summary({"epochs": "many"}) == "cannot be read"


def test_the_list_and_the_links_follow_what_happens_elsewhere(open_page: OpenPage, runs_folder: Path) -> None:
    record_run(runs_folder / "followed", [0, 1], title="Followed")
    page = open_page("train", run="followed")
    assert runs_table(page).loc["Followed", "Epoch"] == "1"
    with Recorder(nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6)), runs_folder / "followed", resume=True) as recorder:
        recorder.record(7, inputs=torch.randn(40, 6))
    page.run()
    assert runs_table(page).loc["Followed", "Epoch"] == "7"
    assert page.selectbox(key="train_door_epoch").options == ["latest", "7", "1", "0"]
    assert "data_run_epoch=7" in next(link.proto.url for link in page.get("link_button"))


@pytest.mark.parametrize(
    ("title", "shown"), [("vanilla, per-weight=0.0001", "Vanilla, PER (λ = 0.0001)"), ("Monday", "Monday")]
)
def test_a_run_without_a_title_is_called_by_its_methods_in_words(title: str, shown: str) -> None:
    methods = ("vanilla", "per-weight=0.0001")
    entry = RunEntry("1", title, "comparison", "finished", 1, 1, "", methods, 0.0, None, 0)
    assert run_title(entry) == shown


@pytest.mark.usefixtures("finished_run")
def test_runs_are_compared_renamed_and_fill_the_form(open_page: OpenPage, runs_folder: Path) -> None:
    record_run(runs_folder / "other", [0], title="Another")
    page = select(open_page("train"), ["Tiny", "Another"])
    page = press(page, "train_open")
    assert [*page.exception, *page.error] == []
    assert shown_names(page) == ["PER", "Vanilla", "BN", "Another"]
    page = select(page, ["Another"])
    page.text_input(key="train_title_other").set_value("New name").run()
    page = press(page, "train_rename")
    assert shown_names(page) == ["PER", "Vanilla", "BN", "New name"]
    page = press(select(page, ["Tiny"]), "train_again")
    assert page.text_input(key="train_title").value == "Tiny"
    assert page.text_input(key="train_more").value == '{"probe_size": 100, "data": {"limit": 256}}'
    assert page.number_input(key="train_depth").value == 4


def test_rows_stay_selected_when_a_new_run_comes(open_page: OpenPage, runs_folder: Path) -> None:
    record_run(runs_folder / "chosen", [0], title="Chosen")
    page = select(open_page("train"), ["Chosen"])
    record_run(runs_folder / "newer", [0], title="Newer")
    page = press(page.run(), "train_open")
    assert page.query_params["run"] in ("chosen", ["chosen"])
    assert list(runs_table(page).index)[-1] == "Newer"


def test_deleted_runs_leave_the_address_and_can_be_restored_later(open_page: OpenPage, runs_folder: Path) -> None:
    for name in ("first", "second", "third"):
        record_run(runs_folder / name, [0], title=f"The {name}")
    page = open_page("train", run="first", beside=["second", "third"])
    page = press(select(page, ["The second"]), "train_delete")
    assert page.query_params["run"] in ("first", ["first"])
    assert page.query_params["beside"] in ("third", ["third"])
    assert "The second" not in runs_table(page).index
    assert [*page.exception, *page.error, *page.warning] == []
    page = press(select(page, ["The first"]), "train_delete")
    assert not {"run", "beside"} & set(page.query_params)
    page = press(page, "train_undo")
    assert "The first" in runs_table(page).index
    later = open_page("train")  # after a reload
    assert any("The second" in one.value for one in later.markdown)
    key = next(button.key for button in later.button if str(button.key).startswith("train_restore_second"))
    assert "The second" in runs_table(press(later, key)).index


def test_a_session_that_moves_on_no_longer_watches(
    open_page: OpenPage, runs_folder: Path, finished_run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: set[tuple[str, str]] = set()
    manager = services.manager()
    attach, detach = manager.attach, manager.detach
    monkeypatch.setattr(manager, "attach", lambda run, viewer: (watched.add((run, viewer)), attach(run, viewer))[1])
    monkeypatch.setattr(manager, "detach", lambda run, viewer: (watched.discard((run, viewer)), detach(run, viewer)))
    record_run(runs_folder / "watched", [0], title="Watched")
    page = open_page("train", run=finished_run, beside=["watched"])
    assert {run for run, _ in watched} == {finished_run, "watched"}
    page.query_params["run"] = "watched"
    del page.query_params["beside"]
    page.run()
    assert {run for run, _ in watched} == {"watched"}
    del page.query_params["run"]
    page.run()
    assert watched == set()


def test_another_page_watches_nothing(open_page: OpenPage, finished_run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[str] = []
    manager = services.manager()
    detach = manager.detach
    monkeypatch.setattr(manager, "detach", lambda run, viewer: (left.append(run), detach(run, viewer)))
    page = open_page("train", run=finished_run)
    page.query_params.clear()
    page.switch_page("views/methods/methods.py").run()
    assert left == [finished_run]


@pytest.mark.parametrize("run", ["../secret", "nothing", "..", "a/b", "x" * 300])
def test_a_run_that_is_not_there_is_said_plainly(open_page: OpenPage, run: str) -> None:
    page = open_page("train", run=run)
    assert page.exception == []
    assert "There is no run" in page.error[0].value


@pytest.mark.parametrize("data", ["cifar10", "mnist", "ptb"])
def test_data_without_a_folder_say_so_once_and_start_is_gone(open_page: OpenPage, data: str) -> None:
    page = open_page("train")
    page.selectbox(key="train_data").set_value(data).run()
    assert "These data need a folder" in page.info[0].value
    assert list(page.error) == []
    assert "train_start" not in [button.key for button in page.button]


def test_a_number_that_cannot_be_read_leaves_the_other_fields(open_page: OpenPage) -> None:
    page = open_page("train")
    page.text_input(key="train_per_weight").set_value("abc").run()
    assert "abc" in shown(page.error[0].value)
    assert {"train_epochs", "train_seeds"} <= {number.key for number in page.number_input}
    assert "train_rate" in {line.key for line in page.text_input}
    assert "train_start" not in [button.key for button in page.button]


def test_a_text_needs_the_language_model(open_page: OpenPage) -> None:
    page = open_page("train")
    page.selectbox(key="train_data").set_value("documentation").run()
    assert "documentation is a text, and the model cnn11 takes numbers. Choose lstm" in shown(page.error[0].value)
    assert "train_start" not in [button.key for button in page.button]
    page.selectbox(key="train_model").set_value("lstm").run()
    assert list(page.error) == []
    assert "train_start" in [button.key for button in page.button]
    assert {"train_words", "train_length", "train_limit"} <= {number.key for number in page.number_input}
    assert "train_activation" not in [one.key for one in page.selectbox]
    assert "The paper does not say where PER acts in an LSTM" in all_text(page)


def record_run(folder: Path, epochs: list[float], *, layers: int = 2, title: str = "", lost: float = math.inf) -> None:
    """A run of a script: a network of so many layers that holds NaN from epoch `lost` on."""
    model = nn.Sequential(*(nn.Linear(6, 6) for _ in range(layers)))
    with Recorder(model, folder, title=title) as recorder:
        for epoch in epochs:
            if epoch >= lost:
                nn.init.constant_(model[0].weight, math.nan)
            recorder.record(epoch, inputs=torch.randn(40, 6), loss=1.0, perplexity=2.0)


def shown_names(page: AppTest) -> list[str]:
    return list(next(frame.value for frame in page.dataframe if "Network" in frame.value.columns)["Network"])


def test_compared_runs_stand_at_their_own_epochs_under_their_own_titles(
    open_page: OpenPage, runs_folder: Path, finished_run: str
) -> None:
    for name, epochs in (("one", [0, 1, 2]), ("two", [0, 5, 10]), ("three", [0, 1])):
        record_run(runs_folder / name, epochs, layers=1 if name == "three" else 2, title="Same title")
    services.run_library().rename("three", "Renamed")
    page = open_page("train", run="one", beside=["two", "three", finished_run])
    assert [*page.exception, *page.error] == []
    assert shown_names(page) == [
        "Same title", "Same title (two)", "Renamed", "PER (Tiny)", "Vanilla (Tiny)", "BN (Tiny)",
    ]  # fmt: skip
    page.segmented_control(key="train_view_as").select("Heat map")
    page = page.multiselect(key="train_view_layers").set_value(["1"]).run()
    assert [*page.exception, *page.error] == []
    panels = sent_charts(page)["train_densities_1"].figure["data"]
    assert [panel["name"] for panel in panels] == ["Same title", "Same title (two)"]
    assert "Without 1: Renamed, PER (Tiny)" in all_text(page)
    page = page.multiselect(key="train_view_layers").set_value(["0"]).run()
    assert [*page.exception, *page.error] == []
    epochs = {trace["name"]: decoded(trace["x"]) for trace in sent_charts(page)["train_densities_1"].figure["data"]}
    assert epochs["Same title"] == [0, 1, 2]
    assert epochs["Same title (two)"] == [0, 5, 10]


def decoded(array: dict[str, str]) -> list[float]:
    return np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"]).tolist()


def test_a_run_that_is_gone_is_named_and_the_others_are_shown(open_page: OpenPage, finished_run: str) -> None:
    page = open_page("train", run=finished_run, beside=["gone", "../up"])
    assert [*page.exception, *page.error] == []
    assert ["There is no run" in one.value for one in page.warning] == [True, True]
    assert set(sent_charts(page)) == CHARTS


def test_seeds_that_have_no_record_yet_are_left_out(open_page: OpenPage, runs_folder: Path, finished_run: str) -> None:
    shutil.copytree(runs_folder / finished_run, runs_folder / "begun")
    for name in ("vanilla-s1", "bn-s1"):
        (runs_folder / "begun" / "runs" / name / "records.jsonl").write_bytes(b"")
    page = open_page("train", run="begun", train_view_seed="1")
    assert [*page.exception, *page.error] == []
    assert shown_names(page) == ["PER", "Vanilla", "BN"]
    assert "PER 2, Vanilla 1, BN 1" in all_text(page)


def test_a_network_that_diverged_has_no_results_and_does_not_cut_the_others(
    open_page: OpenPage, runs_folder: Path, finished_run: str
) -> None:
    folder = runs_folder / "diverged"
    shutil.copytree(runs_folder / finished_run, folder)
    status = json.loads((folder / "status.json").read_text())
    for seed in (0, 1):
        records = folder / "runs" / f"vanilla-s{seed}" / "records.jsonl"
        records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:2]))
        status["runs"][f"vanilla-s{seed}"] = {"diverged": 1, "reason": "the training loss is not finite"}
    (folder / "status.json").write_text(json.dumps(status))
    page = open_page("train", run="diverged")
    assert page.exception == []
    table = next(frame.value for frame in page.dataframe if "Network" in frame.value.columns).set_index("Network")
    differences = table.pop("Difference on test (95 %)")
    assert differences.to_dict() == {"PER": "–, 2 diverged", "Vanilla": "–", "BN": "–, 2 diverged"}
    assert table.loc["Vanilla"].tolist() == ["diverged"] * 5
    assert "diverged" not in table.loc["PER"].tolist()
    said = [shown(warning.value) for warning in page.warning]
    assert "Vanilla, seed 0, diverged at epoch 1: the training loss is not finite." in said
    frames = sent_charts(page)["train_densities_0"].figure["frames"]
    assert [frame["name"] for frame in frames] == [f"epoch {epoch}" for epoch in range(5)]


def test_a_script_s_run_that_an_exception_ended_says_so_and_is_not_resumed_here(
    open_page: OpenPage, runs_folder: Path
) -> None:
    record_run(runs_folder / "ended", [0, 1], title="Ended")
    (runs_folder / "ended" / "closed").write_bytes(b"interrupted")
    page = open_page("train", run="ended")
    assert [*page.exception, *page.error] == []
    assert "interrupted after epoch 1: 2 records" in shown(all_text(page))
    assert "train_resume" not in [button.key for button in page.button]


def test_nan_in_a_script_s_run_is_said(open_page: OpenPage, runs_folder: Path) -> None:
    record_run(runs_folder / "lost", [0, 1, 2, 3], title="Lost", lost=2)
    page = open_page("train", run="lost", train_view_of="all recorded units")
    assert [*page.exception, *page.error] == []
    assert "Lost holds NaN or infinite values from epoch 2 on, first in 0." in [one.value for one in page.warning]
    table = next(frame.value for frame in page.dataframe if "Network" in frame.value.columns)
    assert table["Variance"].tolist() == ["diverged"]
    assert "What the script recorded beside the layers: training loss, perplexity." in all_text(page)
    assert "the same data in the same order" not in all_text(page)


def test_a_layer_opens_on_distributions(open_page: OpenPage, finished_run: str) -> None:
    page = open_page("train", run=finished_run)
    links = {link.proto.label: link.proto.url for link in page.get("link_button")}
    assert links["Distributions"].startswith("distributions?data_source=Run&")
    assert links["Bound"].startswith("bound?data_source=Run&")
    assert "data_run_epoch=4" in links["Distributions"]


def test_the_tracked_unit_is_named_by_its_place_in_the_layer(open_page: OpenPage, finished_run: str) -> None:
    page = open_page("train", run=finished_run)
    run = open_comparison(services.run_library().path(finished_run)).runs["per", 0]
    unit = run.records[0].layers["layer 2"].tracked[2].unit
    page = page.selectbox(key="train_view_unit").select_index(2).run()
    assert [*page.exception, *page.error] == []
    assert page.selectbox(key="train_view_unit").options[2] == f"3: unit {unit}"
    assert f"The bins of layer 2, unit {unit} are equal" in all_text(page)
    page = page.multiselect(key="train_view_layers").set_value(["layer 3"]).run()
    assert [*page.exception, *page.error] == []
    assert page.selectbox(key="train_view_unit").value == 2


def test_of_many_networks_some_are_drawn_and_all_are_in_the_table(open_page: OpenPage, runs_folder: Path) -> None:
    names = [f"many {number}" for number in range(8)]
    for name in names:
        record_run(runs_folder / name, [0, 1], title=f"A title that is rather long, {name}")
    page = open_page("train", run=names[0], beside=names[1:])
    assert [*page.exception, *page.error] == []
    assert len(shown_names(page)) == 8
    panels = sent_charts(page)["train_figure2"].figure["layout"]["annotations"]
    assert len([text for text in panels if "median" in text["text"]]) == 6
    assert all(len(text["text"].split("<br>")[0]) <= 16 for text in panels if "median" in text["text"])
    page = page.multiselect(key="train_view_networks").set_value(shown_names(page)[6:]).run()
    assert [*page.exception, *page.error] == []
    panels = sent_charts(page)["train_figure2"].figure["layout"]["annotations"]
    assert len([text for text in panels if "median" in text["text"]]) == 2


def test_each_mean_that_runs_have_recorded_has_a_range_of_its_own(
    open_page: OpenPage, runs_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run as it is recorded, and one of before control variates, of one size."""
    for name in ("Controlled", "Older"):
        record_run(runs_folder / name, [0, 1], title=name)
    records = runs_folder / "Older" / "records.jsonl"
    records.write_text(records.read_text("utf-8").replace('"sw1_controlled": true, ', ""), "utf-8")
    asked: list[RecordedDistances] = []

    def noted(statistic: Statistic[Name], n: int, d: int, *, draws: int) -> dict[Name, NullBand]:
        if isinstance(statistic, RecordedDistances):
            asked.append(statistic)
        return null_bands(statistic, n, d, draws=draws)

    monkeypatch.setattr(run_view, "null_bands", noted)
    page = press(select(open_page("train"), ["Controlled", "Older"]), "train_open")
    assert [*page.exception, *page.error] == []
    assert {statistic.controlled for statistic in asked} == {True, False}
    drawn = {trace.get("name") for trace in sent_charts(page)["train_distances"].figure["data"]}
    assert {"N(0, I), 40 × 6", "N(0, I), 40 × 6, plain mean"} <= drawn
    asked.clear()
    page = open_page("train", run="Older")
    assert {statistic.controlled for statistic in asked} == {False}
    drawn = {trace.get("name") for trace in sent_charts(page)["train_distances"].figure["data"]}
    assert "N(0, I) of this size" in drawn

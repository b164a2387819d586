"""The Dumps page with an event file: binned layers open with bounds, on their own bins, and nothing needs values."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from analysis.dumps import inspect
from analysis.statistics.binned_histogram import BinnedHistogram
from analysis.survey.overview import overview
from analysis.survey.quantity import POOLED_QUANTITIES
from app.text.plain import escaped
from app.views.dumps.binned_view import bounds_in_words
from tests.analysis.survey.test_binned_layers import VALUES, write_events
from tests.app.conftest import OpenPage, shown
from tests.app.views.test_pages import all_text, sent_charts, small_and_described
from tests.app.views.test_shown_texts import NAMES, SENTENCE_END, WORD, blocks, mark_texts, outside_brackets
from tests.app.views.test_shown_texts import shown as texts_shown

pytestmark = pytest.mark.long

CHARTS = {"dumps_overview", "dumps_bins", "dumps_bounds"}
LATEST = ("plain", 20)


@pytest.fixture
def events(runs_folder: Path) -> Iterator[Path]:
    """An event file in a folder that the server allows."""
    folder = runs_folder / "events_of_a_test"
    yield write_events(folder)
    shutil.rmtree(folder)


def open_layer(open_page: OpenPage, folder: Path, **more: str) -> AppTest:
    layer, epoch = LATEST
    return open_page(
        "dumps", dumps_look="true", dumps_path=str(folder), dumps_layer=layer, dumps_epoch=str(epoch), **more
    )


def test_a_binned_layer_opens_with_its_bounds_and_its_own_bins(open_page: OpenPage, events: Path) -> None:
    page = open_layer(open_page, events)
    charts = small_and_described(page, CHARTS | {"dumps_bins_history_1"})
    dump = inspect(events)
    found = overview(dump)
    reading = found.cells[LATEST]
    text = all_text(page)
    assert f"Binned: W1 to N(0, 1) is {bounds_in_words(reading.w1)}" in text
    assert "The distance is that of all values pooled, not the sliced distance of the rows." in text
    bins = BinnedHistogram.of(dump.load_bins(found.members[LATEST]))
    (drawn, _) = charts["dumps_bins"].figure["data"]
    assert drawn["name"] == "plain, epoch 20"
    assert set(bins.right) - {bins.right[-1]} <= set(decoded(drawn["x"]))  # every edge of the file, and no height else
    assert max(decoded(drawn["y"])) == bins.density.max()
    (field,) = charts["dumps_overview"].figure["data"]
    assert field["y"] == list(found.worst("w1"))
    assert "binned" in field["hovertemplate"]
    upper, lower = (decoded(one["y"]) for one in charts["dumps_bounds"].figure["data"][:2])
    assert list(lower) == [found.cells["plain", step].w1.lower for step in (0, 10, 20)]
    assert list(upper) == [found.cells["plain", step].w1.upper for step in (0, 10, 20)]


def decoded(values: object) -> np.ndarray:
    """Numbers as plotly sends them."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    return np.asarray(values, float)


def test_what_needs_values_is_not_offered(open_page: OpenPage, events: Path) -> None:
    page = open_layer(open_page, events)
    assert "need values" in all_text(page)
    assert not any(one.key == "dumps_measure" for one in page.button)
    assert "dumps_view" not in [one.key for one in page.segmented_control]
    assert "looked_at" not in page.session_state
    page = page.switch_page("views/bound/bound.py").run()
    page.segmented_control(key="data_source").set_value("Dump").run()
    assert [*page.exception, *page.error] == []
    assert "The open dump has histograms and no values" in page.info[0].value


def test_the_lines_of_python_give_the_bounds(
    open_page: OpenPage, events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = open_layer(open_page, events)
    exec(page.code[-1].value, {})
    assert capsys.readouterr().out.strip() == repr(overview(inspect(events)).cells[LATEST])


@pytest.mark.parametrize("quantity", POOLED_QUANTITIES)
@pytest.mark.parametrize("view", ["One epoch", "Heat map", "Ridgeline"])
def test_every_quantity_and_view_draws(open_page: OpenPage, events: Path, quantity: str, view: str) -> None:
    page = open_layer(
        open_page,
        events,
        dumps_quantity=POOLED_QUANTITIES[quantity].title,
        dumps_as=view,
        dumps_beside="relu, epoch 20",
        dumps_log_density="true",
    )
    number = ["One epoch", "Heat map", "Ridgeline"].index(view)
    charts = small_and_described(page, CHARTS | {f"dumps_bins_history_{number}"})
    assert charts["dumps_overview"].figure["data"][0]["name"] == POOLED_QUANTITIES[quantity].title
    assert "relu, epoch 20" in [one["name"] for one in charts["dumps_bins"].figure["data"]]


def test_values_that_are_all_one_are_a_line(open_page: OpenPage, events: Path) -> None:
    page = open_page("dumps", dumps_look="true", dumps_path=str(events), dumps_layer="constant")
    charts = small_and_described(page, CHARTS | {"dumps_bins_history_1"})
    assert any("100.0% at 0.5" in one["name"] for one in charts["dumps_bins"].figure["data"])


def test_rows_and_bins_side_by_side(open_page: OpenPage, events: Path) -> None:
    np.save(events / "layer_1_epoch_20.npy", np.random.default_rng(0).normal(size=(64, 4)))
    page = open_page("dumps", dumps_look="true", dumps_path=str(events))
    assert [*page.exception, *page.error] == []
    marks = next(one for one in sent_charts(page)["dumps_overview"].figure["data"] if one.get("text") == "<b>–</b>")
    assert len(marks["x"]) == len(VALUES)
    page = open_page("dumps", dumps_look="true", dumps_path=str(events), dumps_view="Massive activations")
    assert [*page.exception, *page.error] == []
    page = page.switch_page("views/bound/bound.py").run()
    page.segmented_control(key="data_source").set_value("Dump").run()
    assert page.selectbox(key="data_dumped").options == ["layer_1, epoch 20"]


def test_two_dumps_of_bins_are_compared(open_page: OpenPage, events: Path) -> None:
    page = open_layer(open_page, events, other_path=str(events))
    charts = small_and_described(page, CHARTS | {"dumps_matched", "dumps_bins_history_1"})
    assert len({one["name"] for one in charts["dumps_bounds"].figure["data"]}) == 2
    assert json.dumps(charts["dumps_matched"].figure["layout"]).count("W1 of all values")


def test_every_word_can_be_translated_and_captions_are_short(
    open_page: OpenPage, events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_texts(monkeypatch)
    page = open_layer(open_page, events)
    assert [*page.exception, *page.error] == []
    reasons = [escaped(one.reason) for one in inspect(events).left_out]  # English, as errors are
    texts = [text for text in texts_shown(page) if not text.startswith("/") and not any(one in text for one in reasons)]
    names = {"plain", "relu", "constant", "histogram", "ok", "events_of_a_test"}
    left = [NAMES.sub("", outside_brackets(shown(text))) for text in texts]
    assert [text for text in left if set(WORD.findall(text)) - names and "tfevents" not in text] == []
    captions = [node.value for node, opened in blocks(page._tree) if opened and getattr(node, "type", "") == "caption"]
    assert [text for text in captions if len(SENTENCE_END.findall(text)) > 2] == []

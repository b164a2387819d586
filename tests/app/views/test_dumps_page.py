"""The Dumps page in process: bringing a dump, two dumps, other pages, and what cannot be read."""

import io
import json
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
from safetensors.numpy import save_file

from analysis.dumps import inspect
from analysis.dumps.reasons import group_reasons
from analysis.survey.overview import overview
from app.text.plain import escaped
from tests.app.conftest import OpenPage, shown
from tests.app.views.dumped import (
    CHARTS,
    EPOCHS,
    LAYERS,
    VIEWS,
    add_layers,
    cells,
    layer_numbers,
    questions,
    write_dump,
)
from tests.app.views.test_pages import all_text, sent_charts, small_and_described
from tests.app.views.test_shown_texts import NAMES, SENTENCE_END, WORD, blocks, mark_texts, outside_brackets
from tests.app.views.test_shown_texts import shown as texts_shown

pytestmark = pytest.mark.long


def test_without_a_dump_the_page_shows_the_example_below_the_way_to_bring_one(open_page: OpenPage) -> None:
    page = open_page("bound", data_case="d", data_n="128")
    page = page.switch_page("views/dumps/dumps.py").run()
    assert [*page.exception, *page.error] == []
    assert "Example: a network that fails" in [one.value for one in page.header]
    assert set(sent_charts(page)) == {"dumps_overview"}
    assert page.text_input(key="dumps_path").value == ""
    assert not any(one.key == "dumps_close" for one in page.button)
    page = page.switch_page("views/bound/bound.py").run()
    assert page.session_state["choice"].spec.case == "d"


def test_the_example_goes_to_the_other_pages_where_it_is_asked_to(open_page: OpenPage) -> None:
    page = open_page("dumps", dumps_look="true", dumps_layer="layer 3", dumps_epoch="2")
    (link,) = (one.proto for one in page.get("page_link") if one.proto.label == "Bound")
    page.query_params.update(dict(parse_qsl(link.query_string)))  # what the browser does on a click
    page = page.switch_page("views/bound/bound.py").run()
    assert [*page.exception, *page.error] == []
    assert (page.session_state["choice"].layer, page.session_state["choice"].epoch) == ("layer 3", 2)


def test_a_link_to_a_layer_opens_it_and_who_closes_it_is_not_overruled(open_page: OpenPage) -> None:
    page = open_page("dumps", dumps_layer="layer 3", dumps_epoch="2")
    assert page.selectbox(key="dumps_layer").value == "layer 3"
    closed = open_page("dumps", dumps_look="false", dumps_layer="layer 3")
    assert not any(one.key == "dumps_layer" for one in closed.selectbox)


def test_the_overview_shows_every_layer_at_every_epoch_worst_first(open_page: OpenPage, dump: Path) -> None:
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump))
    charts = small_and_described(page, CHARTS)
    found = overview(inspect(dump))
    (field,) = charts["dumps_overview"].figure["data"]
    assert field["y"] == list(found.worst("sw1_in_bands")) == ["layer_2", "layer_3", "layer_1"]
    assert field["x"] == [str(epoch) for epoch in EPOCHS]
    assert charts["dumps_overview"].data["clicks"] is True
    assert "13 members: 12 can be read, 1 refused" in [one.label for one in page.expander]
    members = next(table.value for table in page.dataframe if "Verdict" in table.value)
    assert "pickles" in members.set_index("Member").loc["labels.npy", "Reason"]
    warnings = page.table[0].value
    assert [shown(cell) for cell in warnings.iloc[0, :3]] == ["layer_3", "dead, severe", "0 to 300 (4 of 4)"]


@pytest.mark.parametrize("view", VIEWS)
def test_two_sentences_at_most_are_read_without_a_click(open_page: OpenPage, dump: Path, view: str) -> None:
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_view=view)
    captions = [node.value for node, opened in blocks(page._tree) if opened and getattr(node, "type", "") == "caption"]
    assert len(captions) >= len(sent_charts(page))
    assert [text for text in captions if len(SENTENCE_END.findall(text)) > 2] == []


@pytest.mark.parametrize("view", VIEWS)
def test_no_word_of_an_open_dump_misses_its_translation(
    open_page: OpenPage, dump: Path, wider: Path, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    mark_texts(monkeypatch)
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_view=f"⟦{view}⟧", dumps_widths=str(wider))
    assert [*page.exception, *page.error] == []
    assert VIEWS[view] <= set(sent_charts(page))
    (refused,) = group_reasons((one.name, one.reason) for one in inspect(dump).refused)  # errors are English
    texts = [text.replace(escaped(refused.sentence), "") for text in texts_shown(page) if not text.startswith("/")]
    assert len(texts) > 60
    assert [text for text in texts if WORD.search(NAMES.sub("", outside_brackets(text)))] == []


def test_a_link_opens_a_layer_at_an_epoch_beside_another(open_page: OpenPage, dump: Path) -> None:
    page = open_page(
        "dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="layer_1", dumps_epoch="100",
        dumps_beside="layer_1, epoch 0",
        dumps_as="Ridgeline",
    )  # fmt: skip
    assert [*page.exception, *page.error] == []
    names = {trace["name"] for trace in sent_charts(page)["dumps_histogram"].figure["data"]}
    assert names == {"layer_1, epoch 100", "layer_1, epoch 0", "N(0, 1)"}
    assert "dumps_history_2" in sent_charts(page)


def test_two_dumps_are_matched_by_the_names_of_their_layers(open_page: OpenPage, dump: Path, runs_folder: Path) -> None:
    other = write_dump(runs_folder / "other_of_a_test", seed=9, layers=["layer_2", "layer_1", "head"])
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), other_path=str(other))
    assert [*page.exception, *page.error] == []
    charts = sent_charts(page)
    marks = {t["name"]: t for t in charts["dumps_matched"].figure["data"] if t["mode"] == "markers"}
    assert list(marks) == ["dump_of_a_test", "other_of_a_test"]
    for path in (dump, other):
        found = overview(inspect(path))
        assert marks[path.name]["y"] == ["layer_2", "layer_1"]
        expected = [found.cells[layer, 300].sw1_in_bands for layer in ("layer_2", "layer_1")]
        assert marks[path.name]["x"] == pytest.approx(expected)
    assert "only in dump_of_a_test: layer_3; only in other_of_a_test: head" in shown(all_text(page))
    histogram = {trace["name"] for trace in charts["dumps_histogram"].figure["data"]}
    assert {"dump_of_a_test: layer_2, epoch 300", "other_of_a_test: layer_2, epoch 300"} <= histogram
    assert {trace["meta"] for trace in charts["dumps_history_1"].figure["data"]} == set(marks)


def test_the_other_pages_begin_with_the_layer_that_is_open(open_page: OpenPage, dump: Path) -> None:
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="layer_1", dumps_epoch="200")
    page = page.switch_page("views/bound/bound.py").run()
    assert [*page.exception, *page.error] == []
    assert page.session_state["data_source"] == "Dump"
    batch = page.session_state["choice"].batch()
    assert np.array_equal(batch.values, inspect(dump).load("step-200/activations.safetensors/layer_1").values)
    assert page.session_state["choice"].epochs == EPOCHS
    page.session_state["methods_chosen"], page.session_state["methods_compare"] = ["bn"], True
    page = page.switch_page("views/methods/methods.py").run()
    assert [*page.exception, *page.error] == []
    assert "layer_1, epoch 0" in page.selectbox(key="methods_second").options
    other = "step-0/activations.safetensors/layer_2"
    page.selectbox(key="data_dumped").set_value(other).run()
    page = page.switch_page("views/train/train.py").run().switch_page("views/methods/methods.py").run()
    assert page.session_state["choice"].member == other
    page.segmented_control(key="data_source").set_value("Figure 1").run()
    assert page.session_state["choice"].spec is not None


def test_arrays_of_three_axes_are_asked_about_once(open_page: OpenPage, dump: Path) -> None:
    for step in EPOCHS:
        np.save(dump / f"step-{step}" / "tokens.npy", np.random.default_rng(step).standard_normal((30, 5, 4)))
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump))
    (question,) = questions(page)
    assert question.value == "sample,position,unit"
    assert "samples × positions (tokens) × units → 150 rows of 4 units" in question.options
    assert "step-0/tokens.npy and 3 others, 30 × 5 × 4" in shown(question.label)
    question.set_value("sample,channel,position").run()
    assert [*page.exception, *page.error] == []
    assert cells(page)["tokens", "300"] == "120 × 5"
    page = page.switch_page("views/bound/bound.py").run().switch_page("views/dumps/dumps.py").run()
    assert questions(page)[0].value == "sample,channel,position"
    assert cells(page)["tokens", "300"] == "120 × 5"
    assert "tokens" in sent_charts(page)["dumps_overview"].figure["data"][0]["y"]
    np.save(dump / "images.npy", np.random.default_rng(9).standard_normal((8, 3, 5, 5)))
    page = page.run()
    assert {one.value for one in questions(page)} == {"sample,channel,position", "sample,channel,height,width"}
    page.selectbox(key="dumps_layer").set_value("images").run()
    assert [*page.exception, *page.error] == []
    assert layer_numbers(page)["Effective rank"].endswith(" of 3")  # channels second in images
    assert "200 rows, all finite." in all_text(page)
    printed: list[object] = []
    exec(page.code[-1].value, {"print": printed.append})
    assert printed[0].d == 3


def test_a_path_outside_the_allowed_folders_is_refused_and_nothing_is_lost(open_page: OpenPage, dump: Path) -> None:
    page = open_page("dumps", dumps_look="true", dumps_path="/etc")
    assert len(page.error) == 1
    assert "Drop files above" in page.info[0].value
    page.text_input(key="dumps_path").set_value(str(dump)).run()
    assert [*page.exception, *page.error] == []
    assert set(sent_charts(page)) == CHARTS


def test_a_member_that_fails_shows_its_reason_and_the_others_stay(open_page: OpenPage, dump: Path) -> None:
    add_layers(dump / "step-300", {"layer_9": np.full((20, 3), np.nan, np.float32)})
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump))
    assert [*page.exception] == []
    assert "This layer could not be read at this epoch" in page.error[0].value  # it is the worst
    assert "must have a finite value" in page.error[0].value
    mark = next(t for t in sent_charts(page)["dumps_overview"].figure["data"] if t["type"] == "scatter")
    assert (mark["x"], mark["y"]) == (["300"], ["layer_9"])
    page.selectbox(key="dumps_layer").set_value("layer_1").run()
    assert [*page.exception, *page.error] == []
    assert set(sent_charts(page)) == CHARTS


def test_names_are_text_and_nothing_else(open_page: OpenPage, dump: Path) -> None:
    name = "![x](http://127.0.0.1:9/leak.png) $a$ <b>_y_"
    bad = {name: np.full((40, 3), np.nan, np.float32), f"{name}2": np.ones((40, 3), np.float32)}
    save_file(bad, dump / "step-300" / "leak.safetensors")
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump))
    layer = next(one for one in page.selectbox(key="dumps_layer").options if one.endswith("_y_2"))
    page.selectbox(key="dumps_layer").set_value(layer).run()
    said = [*page.error, *page.info, *page.caption, *page.markdown]
    unread = next(one for one in page.selectbox(key="dumps_layer").options if one.endswith("_y"))
    page.selectbox(key="dumps_layer").set_value(unread).run()
    said += [*page.error, *page.info, *page.caption, *page.markdown]
    texts = [one.value for one in said] + page.table[0].value["Layer"].tolist()
    assert any("leak" in text for text in texts)
    for text in texts:
        assert "![" not in text
        assert "$a$" not in text
    labels = json.dumps([chart.figure for chart in sent_charts(page).values()])
    assert "leak" in labels
    assert "<b>_y_" not in labels
    page = page.switch_page("views/bound/bound.py").run()
    assert all("![" not in one.value and "$a$" not in one.value for one in [*page.markdown, *page.caption])


def test_of_a_file_and_a_path_the_newer_is_meant(open_page: OpenPage, dump: Path) -> None:
    page = open_page("dumps", dumps_look="true")
    content = io.BytesIO()
    np.save(content, np.random.default_rng(0).standard_normal((40, 3)))
    page.file_uploader(key="dumps_files").set_value([("layer_7.npy", content.getvalue(), "")]).run()
    assert sent_charts(page)["dumps_overview"].figure["data"][0]["y"] == ["layer_7"]
    page.text_input(key="dumps_path").set_value(str(dump)).run()
    assert set(sent_charts(page)["dumps_overview"].figure["data"][0]["y"]) == set(LAYERS)


def test_nonsense_in_the_address_falls_back(open_page: OpenPage, dump: Path) -> None:
    page = open_page(
        "dumps", dumps_look="true", dumps_path=str(dump), dumps_quantity="'; drop",
        dumps_layer="<script>", dumps_epoch="1e999",
        dumps_beside="nan", dumps_as="?", dumps_log_density="maybe",
    )  # fmt: skip
    assert [*page.exception, *page.error] == []
    assert set(sent_charts(page)) == CHARTS


def test_everything_can_be_taken_away(open_page: OpenPage, dump: Path) -> None:
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump))
    labels = [button.label for button in page.get("download_button")]
    assert set(labels) == {
        "Members as CSV", "Members as JSON", "Overview as CSV", "Overview as JSON", "Warnings as CSV",
        "Warnings as JSON", "Report as HTML",
    }  # fmt: skip
    assert json.loads(json.dumps(overview(inspect(dump)).as_rows()))[0]["layer"] == "layer_1"

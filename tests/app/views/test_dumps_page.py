"""The Dumps page in process: the overview, one layer, two dumps, and what cannot be read."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from analysis.distances.shipped_bands import gaussian_ratios
from analysis.dumps import inspect
from analysis.dumps.reasons import group_reasons
from analysis.one_pass import PassSpec
from analysis.survey.overview import overview
from analysis.survey.quantity import QUANTITIES
from app.text import language
from app.text.plain import escaped
from per_core import gaussian_w1, per_loss, sliced_w1
from tests.app.conftest import OpenPage, shown
from tests.app.views.test_pages import all_text, sent_charts, small_and_described
from tests.app.views.test_shown_texts import NAMES, SENTENCE_END, WORD, Marking, blocks, outside_brackets
from tests.app.views.test_shown_texts import shown as texts_shown

pytestmark = pytest.mark.long

CHARTS = {"dumps_overview", "dumps_histogram", "dumps_distances", "dumps_history_1", "dumps_parts"}
VIEWS = {
    "Layers": CHARTS,
    "Massive activations": {"dumps_overview", "dumps_massive"},
    "Width": {"dumps_overview", "dumps_width"},
    "Precision": {"dumps_overview", "dumps_precision"},
}
LAYERS, EPOCHS = ["layer_1", "layer_2", "layer_3"], [0, 100, 200, 300]


def write_dump(folder: Path, seed: int = 0, layers: list[str] = LAYERS, width: int = 6) -> Path:
    """Three layers at four steps: the second moves away, the third has dead units, and labels that are pickles."""
    rng = np.random.default_rng(seed)
    for epoch in EPOCHS:
        values = {layer: rng.standard_normal((200, width)).astype(np.float32) for layer in layers}
        if "layer_2" in values:
            values["layer_2"] += epoch / 100
        if "layer_3" in values:
            values["layer_3"][:, :4] = 0
        place = folder / f"step-{epoch}"
        place.mkdir(parents=True)
        save_file(values, place / "activations.safetensors")
    np.save(folder / "labels.npy", np.array([None]))
    return folder


def add_layers(step: Path, values: dict[str, np.ndarray]) -> None:
    """More layers in the file of a step."""
    file = step / "activations.safetensors"
    save_file(load_file(file) | values, file)


def layer_numbers(page: AppTest) -> dict[str, str]:
    """The row of numbers of the layer that is open."""
    return next(table.value for table in page.dataframe if "PER" in table.value).iloc[0].to_dict()


def questions(page: AppTest) -> list[Selectbox]:
    """What the page asks about the plan."""
    return [one for one in page.selectbox if "_ask_" in str(one.key)]


def cells(page: AppTest) -> dict[tuple[str, str], str]:
    """(layer, column) -> what the preview says of the cell."""
    table = next(one.value for one in page.dataframe if str(one.value.columns[0]).startswith("Layer"))
    first = table.columns[0]
    return {(row[first], column): row[column] for _, row in table.iterrows() for column in table.columns[1:]}


@pytest.fixture
def dump(runs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump in a folder that the server allows."""
    return write_dump(Path(tmp_path_factory.mktemp("dump", numbered=True).rename(runs_folder / "dump_of_a_test")))


@pytest.fixture
def wider(runs_folder: Path) -> Path:
    """The same layers, twice as wide."""
    return write_dump(runs_folder / "other_of_a_test", width=12)


@pytest.fixture(autouse=True)
def _gone(runs_folder: Path):
    yield
    for name in ("dump_of_a_test", "other_of_a_test"):
        for path in sorted((runs_folder / name).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        if (runs_folder / name).exists():
            (runs_folder / name).rmdir()


def test_without_a_dump_the_page_says_how_to_bring_one(open_page: OpenPage) -> None:
    page = open_page("dumps")
    assert [*page.exception, *page.error] == []
    assert "Drop files above" in page.info[0].value
    assert sent_charts(page) == {}


def test_the_overview_shows_every_layer_at_every_epoch_worst_first(open_page: OpenPage, dump: Path) -> None:
    page = open_page("dumps", dumps_path=str(dump))
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
    page = open_page("dumps", dumps_path=str(dump), dumps_view=view)
    captions = [node.value for node, opened in blocks(page._tree) if opened and getattr(node, "type", "") == "caption"]
    assert len(captions) >= len(sent_charts(page))
    assert [text for text in captions if len(SENTENCE_END.findall(text)) > 2] == []


@pytest.mark.parametrize("view", VIEWS)
def test_no_word_of_an_open_dump_misses_its_translation(
    open_page: OpenPage, dump: Path, wider: Path, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    monkeypatch.setattr(language, "_catalogue", Marking)
    page = open_page("dumps", dumps_path=str(dump), dumps_view=f"⟦{view}⟧", dumps_widths=str(wider))
    assert [*page.exception, *page.error] == []
    assert VIEWS[view] <= set(sent_charts(page))
    (refused,) = group_reasons((one.name, one.reason) for one in inspect(dump).refused)  # errors are English
    texts = [text.replace(escaped(refused.sentence), "") for text in texts_shown(page) if not text.startswith("/")]
    assert len(texts) > 60
    assert [text for text in texts if WORD.search(NAMES.sub("", outside_brackets(text)))] == []


def test_the_opened_layer_has_the_numbers_of_the_library(open_page: OpenPage, dump: Path) -> None:
    page = open_page("dumps", dumps_path=str(dump))
    reading = overview(inspect(dump)).cells["layer_2", 300]
    text = all_text(page)
    assert f"**SW1 {reading.sw1:.3f} ± {reading.sw1_margin:.3f}**" in text
    numbers = layer_numbers(page)
    assert numbers["Mean"] == f"{reading.mean:.3f}"
    assert numbers["Effective rank"] == f"{reading.effective_rank:.1f} of 6"
    assert "1,200 values, 0 below the axis, 0 above, 0 NaN, 0 infinite" in text
    curve = sent_charts(page)["dumps_distances"].figure["data"]
    errors = next(trace["error_y"] for trace in curve if trace.get("error_y", {}).get("array"))
    assert errors["type"] == "data"
    printed: list[object] = []
    exec(page.code[-1].value, {"print": printed.append})  # the lines that the page gives
    assert printed == [reading]
    maximised = next(table.value for table in page.dataframe if "Direction" in table.value).iloc[0]
    matrix = inspect(dump).load("step-300/activations.safetensors/layer_2").values
    assert float(maximised["W1"].split()[0]) >= float(gaussian_w1(matrix).max()) - 1e-3


def customdata(trace: dict) -> np.ndarray:
    """Numbers beside the fields of a map, (layers, epochs, numbers)."""
    packed = trace["customdata"]
    shape = [int(length) for length in packed["shape"].split(",")]
    return np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"]).reshape(shape)


def unpacked(numbers: dict | list) -> np.ndarray:
    """Numbers of a trace, as they are sent."""
    if isinstance(numbers, dict):
        return np.frombuffer(base64.b64decode(numbers["bdata"]), numbers["dtype"])
    return np.array(numbers, dtype=np.float64)


def test_fields_within_the_range_of_gaussian_batches_are_grey_and_say_their_rows(
    open_page: OpenPage, dump: Path
) -> None:
    page = open_page("dumps", dumps_path=str(dump), dumps_order="in network order")
    (field,) = sent_charts(page)["dumps_overview"].figure["data"]
    found = overview(inspect(dump))
    assert field["y"] == list(found.layers) == LAYERS
    _, most = gaussian_ratios(6)
    values, rows, arrays, limits = np.moveaxis(customdata(field), -1, 0)
    assert values == pytest.approx(found.table("sw1_in_bands"))
    assert set(rows.ravel()) == {200}
    assert set(arrays.ravel()) == {1}
    assert set(limits.ravel()) == {most}
    z = unpacked(field["z"]).reshape(values.shape)
    assert np.array_equal(z == np.float32(field["zmin"]), values <= most)
    assert 0 < (values <= most).sum() < values.size
    grey = [colour for share, colour in field["colorscale"] if share <= 0.05]
    assert grey == ["var(--st-gray-color, 0.18)"]
    assert f"Grey cannot be told from N(0, I): up to {most:.2f}." in all_text(page)


def test_splits_are_columns_of_their_own(open_page: OpenPage, dump: Path) -> None:
    rng = np.random.default_rng(0)
    for path in sorted(dump.rglob("*.safetensors")):
        values = {
            f"{split}/{layer}": rng.standard_normal((60, 6)).astype(np.float32) + (layer == "b") + 3 * (split == "val")
            for split in ("train", "val")
            for layer in ("a", "b")
        }
        save_file(values, path)
    page = open_page("dumps", dumps_path=str(dump))
    assert [*page.exception, *page.error] == []
    chart = sent_charts(page)["dumps_overview"].figure
    (field,) = chart["data"]
    assert field["y"] == ["b", "a"]
    assert field["x"] == [f"{split}, {epoch}" for split in ("train", "val") for epoch in EPOCHS]
    assert [note["text"] for note in chart["layout"]["annotations"]] == ["<b>train</b>", "<b>val</b>"]
    found = overview(inspect(dump))
    values = customdata(field)[..., 0]
    for i, layer in enumerate(("b", "a")):
        for j, (split, epoch) in enumerate((split, epoch) for split in ("train", "val") for epoch in EPOCHS):
            assert values[i, j] == found.cells[f"{split}/{layer}", epoch].sw1_in_bands
    assert found.group_of("val/a") == ("val", "a")


def test_a_long_name_is_short_at_the_axis_and_whole_when_pointed_at(open_page: OpenPage, dump: Path) -> None:
    names = [f"model.language_model.decoder.layers.{i}.self_attention.output_projection" for i in (1, 2)]
    for path in sorted(dump.rglob("*.safetensors")):
        save_file({name: np.ones((40, 6), np.float32) for name in names}, path)
    figure = sent_charts(open_page("dumps", dumps_path=str(dump)))["dumps_overview"].figure
    assert figure["data"][0]["y"] == names
    ticks = dict(zip(figure["layout"]["yaxis"]["tickvals"], figure["layout"]["yaxis"]["ticktext"], strict=True))
    assert ticks[names[0]].startswith("…1.")
    assert all(len(tick) <= 36 for tick in ticks.values())


def test_massive_units_are_named_with_the_layer_where_they_begin(open_page: OpenPage, dump: Path) -> None:
    rng = np.random.default_rng(0)
    values = {f"block_{i}": rng.standard_normal((100, 40)).astype(np.float32) for i in range(4)}
    for i in (1, 2, 3):
        values[f"block_{i}"][0, 7] = 2000 + i
    save_file(values, dump / "step-300" / "activations.safetensors")
    page = open_page("dumps", dumps_path=str(dump), dumps_view="Massive activations")
    assert r"**Unit 7 of 40 is massive from block\_1 on**, in 3 of 3 layers. It reaches 2,003" in all_text(page)
    line = next(t for t in sent_charts(page)["dumps_massive"].figure["data"] if t["name"] == "Unit 7 of 40")
    assert line["x"] == ["block_0", "block_1", "block_2", "block_3"]
    ratios = unpacked(line["y"])
    peaks = np.abs(values["block_2"]).max(axis=0)
    assert ratios[2] == pytest.approx(peaks[7] / np.median(peaks))
    table = next(one.value for one in page.dataframe if "From layer" in one.value).iloc[0]
    assert [table[name] for name in ("Unit", "From layer", "Massive in", "Largest in")] == [7, "block_1", 3, "block_3"]
    page.segmented_control(key="dumps_massive_of").set_value("row").run()
    assert [*page.exception, *page.error] == []
    assert r"**Row 0 of 100 is massive from block\_1 on**" in all_text(page)
    page.selectbox(key="dumps_epoch").set_value("0").run()
    assert "No row is far larger than the others" in page.success[-1].value


def test_sizes_are_followed_over_the_width(open_page: OpenPage, dump: Path, wider: Path, runs_folder: Path) -> None:
    page = open_page("dumps", dumps_path=str(dump), dumps_view="Width")
    assert "Width needs two or more dumps" in page.info[-1].value
    page.text_area(key="dumps_widths").set_value(f"{wider}\n\n{runs_folder / 'nothing'}").run()
    assert [*page.exception] == []
    assert len(page.error) == 1
    assert "nothing" in page.error[0].value
    lines = {trace["meta"]: trace for trace in sent_charts(page)["dumps_width"].figure["data"]}
    assert set(lines) == set(LAYERS)
    assert lines["layer_1"]["x"] == [6, 12]
    first, second = (overview(inspect(path)).cells["layer_1", 300] for path in (dump, wider))
    assert unpacked(lines["layer_1"]["y"]) == pytest.approx([first.root_mean_square, second.root_mean_square])
    assert lines["layer_1"]["name"] == "flat"
    assert {button.label for button in page.get("download_button")} >= {"Width as CSV", "Width as JSON"}
    page.text_area(key="dumps_widths").set_value(str(dump)).run()
    assert "no layer of the same name has another number of units" in shown(page.warning[-1].value)


def test_what_fewer_bits_do_is_that_of_the_library(open_page: OpenPage, dump: Path) -> None:
    values = np.random.default_rng(0).uniform(0.1, 1, (60, 4))
    np.save(dump / "step-300" / "half.npy", np.float32(1e5 * values))
    np.save(dump / "step-300" / "stored.npy", np.float16(values))
    page = open_page("dumps", dumps_path=str(dump), dumps_view="Precision")
    assert [*page.exception, *page.error] == []
    summary = next(one.value for one in page.table if "Largest relative error" in one.value).map(shown)
    assert summary["Layers with values out of range"].tolist() == ["1 of 5", "0 of 5", "0 of 5", "0 of 5"]
    assert "1 of 5 layers are stored as float16: what it loses was lost before." in all_text(page)
    table = next(one.value for one in page.dataframe if "Relative error" in one.value).set_index(["Layer", "Format"])
    reading = overview(inspect(dump)).cells["layer_2", 300]
    for one in reading.precision:
        row = table.loc["layer_2", one.number_format]
        assert (row["Out of range"], row["Becomes 0"], row["Relative error"]) == (one.out_of_range, one.lost, one.error)
    assert table.loc["stored", "float16"]["Stored as"] == "float16"
    assert table.loc["stored", "float16"]["Relative error"] == 0


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_colours_the_map(open_page: OpenPage, dump: Path, quantity: str) -> None:
    page = open_page("dumps", dumps_path=str(dump), dumps_quantity=QUANTITIES[quantity].title)
    assert [*page.exception, *page.error] == []
    (field,) = sent_charts(page)["dumps_overview"].figure["data"]
    assert field["name"] == QUANTITIES[quantity].title
    assert field["y"] == list(overview(inspect(dump)).worst(quantity))


def test_a_link_opens_a_layer_at_an_epoch_beside_another(open_page: OpenPage, dump: Path) -> None:
    page = open_page(
        "dumps", dumps_path=str(dump), dumps_layer="layer_1", dumps_epoch="100", dumps_beside="layer_1, epoch 0",
        dumps_as="Ridgeline",
    )  # fmt: skip
    assert [*page.exception, *page.error] == []
    names = {trace["name"] for trace in sent_charts(page)["dumps_histogram"].figure["data"]}
    assert names == {"layer_1, epoch 100", "layer_1, epoch 0", "N(0, 1)"}
    assert "dumps_history_2" in sent_charts(page)


def test_two_dumps_are_matched_by_the_names_of_their_layers(open_page: OpenPage, dump: Path, runs_folder: Path) -> None:
    other = write_dump(runs_folder / "other_of_a_test", seed=9, layers=["layer_2", "layer_1", "head"])
    page = open_page("dumps", dumps_path=str(dump), other_path=str(other))
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
    page = open_page("dumps", dumps_path=str(dump), dumps_layer="layer_1", dumps_epoch="200")
    page = page.switch_page("views/bound/bound.py").run()
    assert [*page.exception, *page.error] == []
    assert page.session_state["data_source"] == "Dump"
    batch = page.session_state["choice"].batch()
    assert np.array_equal(batch.values, inspect(dump).load("step-200/activations.safetensors/layer_1").values)
    assert page.session_state["choice"].epochs == EPOCHS
    page.session_state["methods_chosen"] = ["bn"]
    page = page.switch_page("views/methods/methods.py").run()
    assert [*page.exception, *page.error] == []
    assert "layer_1, epoch 0" in page.selectbox(key="methods_second").options
    page.segmented_control(key="data_source").set_value("Figure 1").run()
    assert page.session_state["choice"].spec is not None


def test_arrays_of_three_axes_are_asked_about_once(open_page: OpenPage, dump: Path) -> None:
    for step in EPOCHS:
        np.save(dump / f"step-{step}" / "tokens.npy", np.random.default_rng(step).standard_normal((30, 5, 4)))
    page = open_page("dumps", dumps_path=str(dump))
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
    page = open_page("dumps", dumps_path="/etc")
    assert len(page.error) == 1
    assert "Drop files above" in page.info[0].value
    page.text_input(key="dumps_path").set_value(str(dump)).run()
    assert [*page.exception, *page.error] == []
    assert set(sent_charts(page)) == CHARTS


def test_a_member_that_fails_shows_its_reason_and_the_others_stay(open_page: OpenPage, dump: Path) -> None:
    add_layers(dump / "step-300", {"layer_9": np.full((20, 3), np.nan, np.float32)})
    page = open_page("dumps", dumps_path=str(dump))
    assert [*page.exception] == []
    assert "This layer could not be read at this epoch" in page.error[0].value  # it is the worst
    assert "must have a finite value" in page.error[0].value
    mark = next(t for t in sent_charts(page)["dumps_overview"].figure["data"] if t["type"] == "scatter")
    assert (mark["x"], mark["y"]) == (["300"], ["layer_9"])
    page.selectbox(key="dumps_layer").set_value("layer_1").run()
    assert [*page.exception, *page.error] == []
    assert set(sent_charts(page)) == CHARTS


def test_rows_that_are_not_finite_are_counted_and_the_rest_is_shown(open_page: OpenPage, dump: Path) -> None:
    values = np.random.default_rng(1).standard_normal((80, 3)).astype(np.float32)
    values[3, 1], values[4, 2] = np.nan, np.inf
    add_layers(dump / "step-300", {"layer_8": values})
    page = open_page("dumps", dumps_path=str(dump), dumps_layer="layer_8")
    assert [*page.exception, *page.error] == []
    assert "80 rows, 2 of them not finite" in all_text(page)
    assert "240 values, 0 below the axis, 0 above, 1 NaN, 1 infinite" in all_text(page)
    assert {"dumps_histogram", "dumps_parts"} <= set(sent_charts(page))


def test_a_layer_that_ends_in_nan_opens_at_its_last_readable_epoch(open_page: OpenPage, dump: Path) -> None:
    save_file({"layer_1": np.full((20, 6), np.nan, np.float32)}, dump / "step-300" / "activations.safetensors")
    page = open_page("dumps", dumps_path=str(dump), dumps_layer="layer_1")
    assert page.selectbox(key="dumps_epoch").value == "200"
    assert [*page.exception, *page.error] == []
    assert set(sent_charts(page)) == CHARTS
    page.selectbox(key="dumps_epoch").set_value("300").run()
    assert len(page.error) == 1
    assert {"dumps_distances", "dumps_history_1"} <= set(sent_charts(page))  # the history is what one comes for


def test_the_axes_belong_to_all_units(open_page: OpenPage, dump: Path) -> None:
    values = np.random.default_rng(0).standard_normal((30_000, 10)).astype(np.float32)
    values[:, 0] *= 0.01  # every tenth value
    for epoch in (0, 100):
        add_layers(dump / f"step-{epoch}", {"layer_9": values})
    page = open_page("dumps", dumps_path=str(dump), dumps_layer="layer_9")
    assert "0.0% of the values lie outside the axis" in all_text(page)
    x = sent_charts(page)["dumps_histogram"].figure["data"][0]["x"]
    edges = np.frombuffer(base64.b64decode(x["bdata"]), x["dtype"])
    assert (edges[0], edges[-1]) == pytest.approx((-4.5, 4.5), abs=0.5)


def test_narrow_and_far_apart_batches_keep_their_shapes(open_page: OpenPage, dump: Path, runs_folder: Path) -> None:
    other = write_dump(runs_folder / "other_of_a_test", layers=["layer_1"])
    for epoch in EPOCHS:
        values = 60 + np.random.default_rng(epoch).standard_normal((400, 6)).astype(np.float32)
        save_file({"layer_1": values}, other / f"step-{epoch}" / "activations.safetensors")
    page = open_page("dumps", dumps_path=str(dump), other_path=str(other), dumps_layer="layer_1")
    drawn = {t["name"]: t for t in sent_charts(page)["dumps_histogram"].figure["data"]}
    for name in ("dump_of_a_test: layer_1, epoch 300", "other_of_a_test: layer_1, epoch 300"):
        y = drawn[name]["y"]
        density = np.frombuffer(base64.b64decode(y["bdata"]), y["dtype"])
        assert (density > 0).sum() > 12
        assert density.max() == pytest.approx(0.4, abs=0.1)


def test_a_constant_layer_and_positive_values_are_drawn(open_page: OpenPage, dump: Path) -> None:
    add_layers(dump / "step-300", {"layer_9": np.zeros((80, 4), np.float32)})
    page = open_page("dumps", dumps_path=str(dump), dumps_layer="layer_9")
    x = sent_charts(page)["dumps_histogram"].figure["data"][0]["x"]
    assert len(np.frombuffer(base64.b64decode(x["bdata"]), x["dtype"])) == 2
    page.toggle(key="dumps_log_values").set_value(True).run()
    assert "No value is positive" in "".join(one.value for one in page.info)
    page.selectbox(key="dumps_layer").set_value("layer_1").run()
    assert [*page.exception, *page.error] == []
    positive = int((inspect(dump).load("step-300/activations.safetensors/layer_1").values > 0).sum())
    assert f"{positive:,} of 1,200" in all_text(page)


def test_very_wide_layers_and_very_many_epochs_are_shown(open_page: OpenPage, dump: Path) -> None:
    rng = np.random.default_rng(1)
    add_layers(dump / "step-300", {"layer_9": rng.standard_normal((40, 20_000)).astype(np.float32)})
    page = open_page("dumps", dumps_path=str(dump), dumps_layer="layer_9")
    assert [*page.exception, *page.error] == []
    assert {"dumps_histogram", "dumps_parts"} <= set(sent_charts(page))
    page = page.switch_page("views/bound/bound.py").run()
    assert [*page.exception, *page.error] == []
    assert page.session_state["choice"].batch().d == 2048
    for epoch in range(250):
        place = dump / f"epoch_{epoch}"
        place.mkdir()
        np.save(place / "head.npy", rng.standard_normal((40, 4)))
    page = open_page("dumps", dumps_path=str(dump), dumps_layer="head")
    assert [*page.exception, *page.error] == []
    assert "200 of 250 epochs are drawn" in all_text(page)


def test_names_are_text_and_nothing_else(open_page: OpenPage, dump: Path) -> None:
    name = "![x](http://127.0.0.1:9/leak.png) $a$ <b>_y_"
    bad = {name: np.full((40, 3), np.nan, np.float32), f"{name}2": np.ones((40, 3), np.float32)}
    save_file(bad, dump / "step-300" / "leak.safetensors")
    page = open_page("dumps", dumps_path=str(dump))
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
    page = open_page("dumps")
    content = io.BytesIO()
    np.save(content, np.random.default_rng(0).standard_normal((40, 3)))
    page.file_uploader(key="dumps_files").set_value([("layer_7.npy", content.getvalue(), "")]).run()
    assert sent_charts(page)["dumps_overview"].figure["data"][0]["y"] == ["layer_7"]
    page.text_input(key="dumps_path").set_value(str(dump)).run()
    assert set(sent_charts(page)["dumps_overview"].figure["data"][0]["y"]) == set(LAYERS)


def test_all_rows_of_a_long_member_are_measured_on_request(open_page: OpenPage, dump: Path) -> None:
    values = np.random.default_rng(7).standard_normal((5000, 6)).astype(np.float32) * 1.3
    values[17] = np.nan
    add_layers(dump / "step-300", {"layer_9": values})
    page = open_page("dumps", dumps_path=str(dump), dumps_layer="layer_1")
    assert not [button for button in page.button if button.key == "dumps_measure"]
    page.selectbox(key="dumps_layer").set_value("layer_9").run()
    assert page.button(key="dumps_measure").label == "Measure all 5,000 rows"
    page.button(key="dumps_measure").click().run()
    assert [*page.exception, *page.error] == []
    said = re.search(r"All 4,999 finite rows: \*\*SW1 between ([\d.]+) and ([\d.]+)\*\*", all_text(page))
    assert said is not None
    finite = torch.from_numpy(np.delete(values, 17, axis=0))
    exact = float(sliced_w1(finite, directions=PassSpec().directions(6)).value)
    assert float(said[1]) - 5e-5 <= exact <= float(said[2]) + 5e-5
    assert f"PER {float(per_loss(finite)):.4f}" in all_text(page)
    assert "1 rows are not finite and left out" in all_text(page)
    page.toggle(key="dumps_log_density").set_value(True).run()
    assert "All 4,999 finite rows" in all_text(page)  # it stays


def test_nonsense_in_the_address_falls_back(open_page: OpenPage, dump: Path) -> None:
    page = open_page(
        "dumps", dumps_path=str(dump), dumps_quantity="'; drop", dumps_layer="<script>", dumps_epoch="1e999",
        dumps_beside="nan", dumps_as="?", dumps_log_density="maybe",
    )  # fmt: skip
    assert [*page.exception, *page.error] == []
    assert set(sent_charts(page)) == CHARTS


def test_everything_can_be_taken_away(open_page: OpenPage, dump: Path) -> None:
    page = open_page("dumps", dumps_path=str(dump))
    labels = [button.label for button in page.get("download_button")]
    assert labels == [
        "Members as CSV", "Members as JSON", "Overview as CSV", "Overview as JSON", "Warnings as CSV",
        "Warnings as JSON", "Report as HTML",
    ]  # fmt: skip
    assert json.loads(json.dumps(overview(inspect(dump)).as_rows()))[0]["layer"] == "layer_1"


def test_a_layer_beyond_float32_is_measured_in_few_signs(open_page: OpenPage, dump: Path) -> None:
    np.save(dump / "big.npy", 1e300 * np.random.default_rng(0).standard_normal((40, 4)))
    page = open_page("dumps", dumps_path=str(dump), dumps_layer="big")
    assert [*page.exception, *page.error] == []
    assert re.search(r"SW1 \d(\.\d+)?e\+\d+ ± ", all_text(page))
    assert any("No row of this layer fits float32" in one.value for one in page.info)

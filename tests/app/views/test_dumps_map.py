"""All layers of a dump at a glance, and the views across them."""

import base64
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from analysis.distances.shipped_bands import gaussian_ratios
from analysis.dumps import inspect
from analysis.survey.overview import overview
from analysis.survey.quantity import QUANTITIES
from tests.app.conftest import OpenPage, shown
from tests.app.views.dumped import (
    EPOCHS,
    LAYERS,
)
from tests.app.views.test_pages import all_text, sent_charts

pytestmark = pytest.mark.long


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
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_order="in network order")
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
            f"{split}/{layer}": rng.standard_normal((200, 6)).astype(np.float32) + (layer == "b") + 3 * (split == "val")
            for split in ("train", "val")
            for layer in ("a", "b")
        }
        save_file(values, path)
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump))
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
        save_file({name: np.ones((200, 6), np.float32) for name in names}, path)
    figure = sent_charts(open_page("dumps", dumps_look="true", dumps_path=str(dump)))["dumps_overview"].figure
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
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_view="Massive activations")
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
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_view="Width")
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
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_view="Precision")
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
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_quantity=QUANTITIES[quantity].title)
    assert [*page.exception, *page.error] == []
    (field,) = sent_charts(page)["dumps_overview"].figure["data"]
    assert field["name"] == QUANTITIES[quantity].title
    assert field["y"] == list(overview(inspect(dump)).worst(quantity))

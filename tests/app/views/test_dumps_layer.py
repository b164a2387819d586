"""One layer of a dump: its numbers, values and epochs."""

import base64
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from analysis.dumps import inspect
from analysis.one_pass import PassSpec
from analysis.survey.overview import overview
from app.session import caches
from per_core import gaussian_w1, per_loss, sliced_w1
from tests.app.conftest import OpenPage
from tests.app.views.dumped import (
    CHARTS,
    EPOCHS,
    add_layers,
    layer_numbers,
    write_dump,
)
from tests.app.views.test_pages import all_text, sent_charts

pytestmark = pytest.mark.long


def test_the_opened_layer_has_the_numbers_of_the_library(open_page: OpenPage, dump: Path) -> None:
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump))
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


def test_the_conditioning_over_the_epochs_is_that_of_numpy_beside_n01(open_page: OpenPage, dump: Path) -> None:
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="layer_2")
    assert "dumps_conditions" not in sent_charts(page)  # computed when somebody asks
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="layer_2", dumps_conditioning="true")
    assert [*page.exception, *page.error] == []
    traces = sent_charts(page)["dumps_conditions"].figure["data"]
    values = [inspect(dump).load(f"step-{epoch}/activations.safetensors/layer_2").values for epoch in EPOCHS]
    matrices = [one.T.astype(float) @ one / len(one) for one in values]
    expected = {
        "condition": [np.linalg.cond(matrix) for matrix in matrices],
        "distance": [np.linalg.norm(matrix - np.eye(6)) / np.sqrt(6) for matrix in matrices],
    }
    for key, numbers in expected.items():
        curve = next(trace for trace in traces if trace["meta"] == key and trace["mode"] == "lines+markers")
        drawn = np.frombuffer(base64.b64decode(curve["y"]["bdata"]), curve["y"]["dtype"])
        np.testing.assert_allclose(drawn, numbers, rtol=1e-4)
    assert {trace["name"] for trace in traces if trace["mode"] == "lines"} == {"N(0, I) of this size"}
    assert "of 6 of the 6 units" in all_text(page)


def test_rows_that_are_not_finite_are_counted_and_the_rest_is_shown(open_page: OpenPage, dump: Path) -> None:
    values = np.random.default_rng(1).standard_normal((202, 6)).astype(np.float32)
    values[3, 1], values[4, 2] = np.nan, np.inf
    add_layers(dump / "step-300", {"layer_8": values})
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="layer_8")
    assert [*page.exception, *page.error] == []
    assert "202 rows, 2 of them not finite" in all_text(page)
    assert "1,212 values, 0 below the axis, 0 above, 1 NaN, 1 infinite" in all_text(page)
    assert {"dumps_histogram", "dumps_parts"} <= set(sent_charts(page))


def test_a_layer_that_ends_in_nan_opens_at_its_last_readable_epoch(open_page: OpenPage, dump: Path) -> None:
    save_file({"layer_1": np.full((20, 6), np.nan, np.float32)}, dump / "step-300" / "activations.safetensors")
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="layer_1")
    assert page.selectbox(key="dumps_epoch").value == "200"
    assert [*page.exception, *page.error] == []
    assert set(sent_charts(page)) == CHARTS
    page.selectbox(key="dumps_epoch").set_value("300").run()
    assert len(page.error) == 1
    assert {"dumps_distances", "dumps_history_1"} <= set(sent_charts(page))  # the history is what one comes for


def test_the_axes_belong_to_all_units(open_page: OpenPage, dump: Path) -> None:
    values = np.random.default_rng(0).standard_normal((30_000, 6)).astype(np.float32)
    values[:, 0] *= 0.01  # every sixth value
    for epoch in (0, 100):
        add_layers(dump / f"step-{epoch}", {"layer_9": values})
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="layer_9")
    assert "0.0% of the values lie outside the axis" in all_text(page)
    x = sent_charts(page)["dumps_histogram"].figure["data"][0]["x"]
    edges = np.frombuffer(base64.b64decode(x["bdata"]), x["dtype"])
    assert (edges[0], edges[-1]) == pytest.approx((-4.5, 4.5), abs=0.5)


def test_an_exploding_epoch_leaves_the_others_to_be_seen(open_page: OpenPage, dump: Path) -> None:
    for epoch, scale in zip(EPOCHS, (1, 1, 1, 1000), strict=True):
        values = scale * np.random.default_rng(epoch).standard_normal((200, 6)).astype(np.float32)
        add_layers(dump / f"step-{epoch}", {"layer_9": values})
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="layer_9")
    y = sent_charts(page)["dumps_history_1"].figure["data"][0]["y"]
    heights = np.frombuffer(base64.b64decode(y["bdata"]), y["dtype"])
    assert (heights.min(), heights.max()) == pytest.approx((-4, 4), abs=1)
    assert float(re.search(r"([\d.]+)% of the values lie outside the axis", all_text(page))[1]) == pytest.approx(
        25, abs=1
    )


def test_narrow_and_far_apart_batches_keep_their_shapes(open_page: OpenPage, dump: Path, runs_folder: Path) -> None:
    other = write_dump(runs_folder / "other_of_a_test", layers=["layer_1"])
    for epoch in EPOCHS:
        values = 60 + np.random.default_rng(epoch).standard_normal((200, 6)).astype(np.float32)
        save_file({"layer_1": values}, other / f"step-{epoch}" / "activations.safetensors")
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), other_path=str(other), dumps_layer="layer_1")
    drawn = {t["name"]: t for t in sent_charts(page)["dumps_histogram"].figure["data"]}
    for name in ("dump_of_a_test: layer_1, epoch 300", "other_of_a_test: layer_1, epoch 300"):
        y = drawn[name]["y"]
        density = np.frombuffer(base64.b64decode(y["bdata"]), y["dtype"])
        assert (density > 0).sum() > 12
        assert density.max() == pytest.approx(0.4, abs=0.1)


def test_a_constant_layer_and_positive_values_are_drawn(open_page: OpenPage, dump: Path) -> None:
    add_layers(dump / "step-300", {"layer_9": np.zeros((200, 6), np.float32)})
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="layer_9")
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
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="layer_9")
    assert [*page.exception, *page.error] == []
    assert {"dumps_histogram", "dumps_parts"} <= set(sent_charts(page))
    page = page.switch_page("views/bound/bound.py").run()
    assert [*page.exception, *page.error] == []
    assert page.session_state["choice"].batch().d == 2048
    for epoch in range(250):
        place = dump / f"epoch_{epoch}"
        place.mkdir()
        np.save(place / "head.npy", rng.standard_normal((200, 6)))
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="head")
    assert [*page.exception, *page.error] == []
    assert "200 of 250 epochs are drawn" in all_text(page)


def test_all_rows_of_a_long_member_are_measured_on_request(open_page: OpenPage, dump: Path) -> None:
    values = np.random.default_rng(7).standard_normal((5000, 6)).astype(np.float32) * 1.3
    values[17] = np.nan
    add_layers(dump / "step-300", {"layer_9": values})
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="layer_1")
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


def test_worst_directions_are_searched_beside_the_server(
    open_page: OpenPage, dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In more than two dimensions the search takes long."""
    np.save(dump / "wide.npy", np.random.default_rng(11).standard_normal((200, 6)))
    here: list[str] = []
    result = caches.result

    def noted(function: Callable[..., object], *args: object, **kwargs: object) -> object:
        here.append(function.__name__)
        return result(function, *args, **kwargs)

    monkeypatch.setattr(caches, "result", noted)
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="wide")
    assert [*page.exception, *page.error] == []
    assert any("Direction" in table.value for table in page.dataframe)
    assert "study_directions" not in here


def test_a_layer_beyond_float32_is_measured_in_few_signs(open_page: OpenPage, dump: Path) -> None:
    np.save(dump / "big.npy", 1e300 * np.random.default_rng(0).standard_normal((40, 4)))
    page = open_page("dumps", dumps_look="true", dumps_path=str(dump), dumps_layer="big")
    assert [*page.exception, *page.error] == []
    assert re.search(r"SW1 \d(\.\d+)?e\+\d+ ± ", all_text(page))
    assert any("No row of this layer fits float32" in one.value for one in page.info)

"""The Dumps page in a real browser: dropped files, a click on the map, a run followed live, pictures."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import FloatRect, Page, expect
from safetensors.numpy import save_file

from analysis.dumps import inspect
from analysis.survey.overview import overview
from per_core import Recorder
from tests.browser.conftest import NewPage
from tests.browser.pages import (
    PICTURES,
    assert_fits,
    change_theme,
    chart,
    drawn_chart,
    look_at_both_themes,
    wait_until_idle,
)

LAYERS, EPOCHS = 24, 20


@pytest.fixture(scope="session")
def large_dump(dumps_folder: Path) -> Path:
    """24 layers at 20 steps, as a training might write them, with something wrong in some layers."""
    rng = np.random.default_rng(0)
    folder = dumps_folder / "resnet"
    for step in range(EPOCHS):
        values = {}
        for layer in range(1, LAYERS + 1):
            h = rng.standard_normal((300, 32)).astype(np.float32) * (1 + 0.005 * layer * step) + 0.03 * layer
            if layer == 7:
                h *= 0.5**step
            if layer == 12:
                h[:, : 2 * step] = 0
            if layer == 15:
                h = np.maximum(h, 0)
            if layer == 18:
                h = np.tanh(6 * h)
            if layer == 20:
                h[:, 1:] = h[:, :1] * np.linspace(1, 2, 31, dtype=np.float32) + 0.01 * h[:, 1:]
            if layer == 23 and step > 15:
                h[3, 4] = np.nan
            values[f"layer_{layer}"] = h
        place = folder / f"step-{100 * step}"
        place.mkdir(parents=True)
        save_file(values, place / "activations.safetensors")
    return folder


def open_dump(page: Page, server: str, path: Path, query: str = "") -> None:
    page.goto(f"{server}/dumps?dumps_look=true&dumps_path={path}&{query}")
    drawn_chart(page, "dumps_parts")
    wait_until_idle(page)


def test_pictures_of_a_large_dump_in_light_and_dark(page: Page, server: str, large_dump: Path) -> None:
    open_dump(page, server, large_dump)
    assert_fits(page)
    look_at_both_themes(page, "dumps-large")


def test_a_click_on_the_map_opens_the_layer_and_one_more_the_other_pages(
    page: Page, server: str, large_dump: Path
) -> None:
    open_dump(page, server, large_dump)
    order = overview(inspect(large_dump)).worst("sw1_in_bands")
    field = drawn_chart(page, "dumps_overview").locator(".nsewdrag").first
    box = field.bounding_box()
    assert box is not None
    field.click(position={"x": box["width"] * 5.5 / EPOCHS, "y": box["height"] * 3.5 / LAYERS})
    page.wait_for_url(f"**dumps_layer={order[3]}**")
    wait_until_idle(page)
    assert "dumps_epoch=500" in page.url
    expect(chart(page, "dumps_histogram")).to_have_attribute("aria-label", f"Histogram of {order[3]}, epoch 500.")
    page.get_by_test_id("stPageLink").filter(has_text="Bound").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("What PER bounds")
    wait_until_idle(page)
    expect(page.get_by_text(f"step-500/activations.safetensors/{order[3]}").first).to_be_visible()
    page.get_by_test_id("stTopNavLink").filter(has_text="Dumps").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("What is in a dump")
    drawn_chart(page, "dumps_overview")
    wait_until_idle(page)

    # The same from the keyboard: arrows move over the fields, which are told as to a mouse, and Enter opens one.
    frame = page.locator(".perscope-field")
    frame.focus()
    for key in ("ArrowDown", "End", "ArrowLeft"):
        page.keyboard.press(key)
    expect(frame).to_have_attribute("aria-label", re.compile(f"^{order[1]}, {100 * (EPOCHS - 2)}: .* rows: 300"))
    around, map_around = frame.bounding_box(), drawn_chart(page, "dumps_overview").locator(".nsewdrag").bounding_box()
    assert around is not None
    assert map_around is not None
    assert around["x"] == pytest.approx(map_around["x"] + map_around["width"] * (EPOCHS - 2) / EPOCHS, abs=2)
    assert around["y"] == pytest.approx(map_around["y"] + map_around["height"] / LAYERS, abs=2)
    page.keyboard.press("Enter")
    expect(chart(page, "dumps_histogram")).to_have_attribute(
        "aria-label", f"Histogram of {order[1]}, epoch {100 * (EPOCHS - 2)}."
    )


def test_a_field_that_is_pointed_at_says_its_rows_and_the_range(page: Page, server: str, large_dump: Path) -> None:
    open_dump(page, server, large_dump, "dumps_order=in network order")
    field = drawn_chart(page, "dumps_overview").locator(".nsewdrag").first
    box = field.bounding_box()
    assert box is not None
    field.scroll_into_view_if_needed()
    field.hover(position={"x": box["width"] * 2.5 / EPOCHS, "y": box["height"] * 1.5 / LAYERS})
    said = chart(page, "dumps_overview").locator(".hoverlayer")
    expect(said).to_contain_text("layer_2, 200: ")
    expect(said).to_contain_text("N(0, I) of this width: up to 1.2")
    expect(said).to_contain_text("rows: 300, from arrays: 1")


@pytest.mark.parametrize(
    ("view", "key"),
    [("Massive activations", "dumps_massive"), ("Precision", "dumps_precision"), ("Width", "dumps_width")],
)
def test_views_across_the_layers_in_light_and_dark(
    page: Page, server: str, large_dump: Path, dumps_folder: Path, view: str, key: str
) -> None:
    wider = dumps_folder / "wider" / "step-1900"
    wider.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    save_file(
        {f"layer_{i}": rng.standard_normal((90, 64)).astype(np.float32) for i in (1, 2, 3)}, wider / "a.safetensors"
    )
    page.goto(f"{server}/dumps?dumps_look=true&dumps_path={large_dump}&dumps_view={view}&dumps_widths={wider.parent}")
    drawn_chart(page, key)
    wait_until_idle(page)
    assert_fits(page)
    look_at_both_themes(page, key)


def test_a_click_on_the_map_leads_from_another_view_to_the_layer(page: Page, server: str, large_dump: Path) -> None:
    page.goto(
        f"{server}/dumps?dumps_look=true&dumps_path={large_dump}&dumps_view=Precision&dumps_order=in network order"
    )
    drawn_chart(page, "dumps_precision")
    field = drawn_chart(page, "dumps_overview").locator(".nsewdrag").first
    box = field.bounding_box()
    assert box is not None
    field.click(position={"x": box["width"] * 3.5 / EPOCHS, "y": box["height"] * 0.5 / LAYERS})
    expect(chart(page, "dumps_histogram")).to_have_attribute("aria-label", "Histogram of layer_1, epoch 300.")


def test_dropped_files_are_inspected_and_kept_until_they_are_closed(page: Page, server: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    np.savez(tmp_path / "epoch_1.npz", layer_1=rng.normal(size=(80, 4)), labels=np.array([None]))
    np.savez(tmp_path / "epoch_2.npz", layer_1=9 * rng.normal(size=(80, 4)))
    (tmp_path / "notes.npy").write_bytes(b"not an array")
    page.goto(f"{server}/dumps?dumps_look=true")
    page.get_by_role("heading", name="Example").wait_for()
    page.locator('.st-key-dumps_files input[type="file"]').set_input_files(
        [tmp_path / "epoch_1.npz", tmp_path / "epoch_2.npz", tmp_path / "notes.npy"]
    )
    expect(page.get_by_text("4 members: 2 can be read, 2 refused")).to_be_visible()
    wait_until_idle(page)  # until then the example is there too
    drawn_chart(page, "dumps_parts")
    assert drawn_chart(page, "dumps_overview").evaluate("plot => Array.from(plot._fullData[0].x)") == ["1", "2"]
    for label, chosen in (("Layer, worst first", "layer_1"), ("Epoch", "2")):  # not the example's any more
        field = page.locator('[data-testid="stSelectbox"]').filter(has_text=label).locator("input")
        expect(field).to_have_value(chosen)
    page.get_by_test_id("stTopNavLink").filter(has_text="Distributions").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("beside N(0, I)")
    wait_until_idle(page)
    page.get_by_test_id("stTopNavLink").filter(has_text="Dumps").click()
    expect(page.get_by_text("Open:")).to_be_visible()
    drawn_chart(page, "dumps_overview")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", name="Example")).to_be_visible()


def test_a_part_becomes_an_epoch_by_keyboard_and_a_link_opens_it(
    page: Page, new_page: NewPage, server: str, dumps_folder: Path
) -> None:
    folder = dumps_folder / "twelve_parts"
    folder.mkdir()
    for start in range(0, 300, 25):
        np.save(folder / f"layer_4_{start}.npy", np.random.default_rng(start).standard_normal((25, 8)))
    page.goto(f"{server}/dumps?dumps_look=true&dumps_path={folder}")
    expect(page.get_by_text("12 files → 1 layer × 1 epoch")).to_be_visible()
    page.get_by_text("How it is read").click()
    name = page.locator(".st-key-dumps_name_0")
    name.get_by_role("button").last.focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name="epoch or step").click()
    expect(page.get_by_text("12 files → 1 layer × 12 epochs")).to_be_visible()
    expect(name.get_by_text("epoch", exact=True)).to_be_visible()
    page.wait_for_url("**dumps_plan=**")
    drawn_chart(page, "dumps_parts")
    wait_until_idle(page)
    assert_fits(page)
    other = new_page()
    other.goto(page.url)
    expect(other.get_by_text("12 files → 1 layer × 12 epochs")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("12 parts of 25 rows joined to 300 rows")).to_be_visible()
    expect(page.get_by_text("Ridgeline")).to_have_count(0)  # one epoch has no history
    drawn_chart(page, "dumps_parts")
    look_at_both_themes(page, "dumps-plan")


def test_the_report_and_the_tables_arrive_whole(page: Page, server: str, large_dump: Path, tmp_path: Path) -> None:
    open_dump(page, server, large_dump)
    with page.expect_download() as caught:
        page.get_by_role("button", name="Report as HTML").click()
    caught.value.save_as(tmp_path / "report.html")
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(report) < 3e6
    assert report.startswith("<!DOCTYPE html>")
    assert all(f"layer_{layer}<" in report for layer in range(1, LAYERS + 1))
    with page.expect_download() as caught:
        page.get_by_role("button", name="Overview as CSV").click()
    caught.value.save_as(tmp_path / "overview.csv")
    lines = (tmp_path / "overview.csv").read_text().splitlines()
    assert len(lines) == 1 + LAYERS * EPOCHS
    with page.expect_download() as caught:
        page.get_by_role("button", name="CSV, dumps overview").click()
    caught.value.save_as(tmp_path / "map.csv")
    table = overview(inspect(large_dump)).table("sw1_in_bands")
    with (tmp_path / "map.csv").open(newline="") as file:
        drawn = [float(row["z"]) for row in csv.DictReader(file)]
    assert sorted(drawn) == pytest.approx(sorted(table.ravel()), rel=1e-5)  # the values, not their logarithms


def test_a_run_that_somebody_writes_is_followed(page: Page, server: str, dumps_folder: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU())
    probe = torch.randn(100, 6, generator=torch.Generator().manual_seed(0))
    columns = "plot => Array.from(plot._fullData[0].x)"
    with Recorder(model, dumps_folder / "mine", layers=["0", "1"]) as recorder:
        recorder.record(0, inputs=probe)
        open_dump(page, server, dumps_folder / "mine")
        plot = drawn_chart(page, "dumps_overview")
        plot.evaluate("plot => { plot.sameNode = true }")
        assert plot.evaluate(columns) == ["0"]
        recorder.record(1, inputs=probe)
        page.wait_for_function(
            """() => document.querySelector('[data-chart="dumps_overview"]')._fullData[0].x.length === 2"""
        )
        wait_until_idle(page)
    assert plot.evaluate("plot => plot.sameNode") is True
    drawn_chart(page, "dumps_distances")


def test_the_example_opens_by_itself_and_by_its_address(page: Page, new_page: NewPage, server: str) -> None:
    page.goto(f"{server}/dumps?dumps_look=true")
    warnings = page.get_by_test_id("stTable")
    expect(warnings.get_by_role("row", name="layer 5 dead, severe 3 to 6 (4 of 7)")).to_be_attached()
    drawn_chart(page, "dumps_parts")
    wait_until_idle(page)
    assert_fits(page)
    expect(page.get_by_text("are read by themselves")).to_have_count(0)
    other = new_page()
    other.goto(f"{server}/dumps?dumps_path=example")
    expect(other.get_by_role("row", name="layer 5 dead, severe 3 to 6 (4 of 7)")).to_be_attached()
    look_at_both_themes(page, "dumps-example")
    change_theme(page, "light")
    row = warnings.get_by_role("row").nth(4).bounding_box()
    assert row is not None
    clip: FloatRect = {"x": 0, "y": 0, "width": 1280, "height": row["y"] + row["height"]}
    page.screenshot(path=PICTURES / "dumps_example.png", clip=clip)  # in the README

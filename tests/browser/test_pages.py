"""Every page in a real browser: it draws, fits, follows the theme, updates in place and can be taken away."""

import csv
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.pages import (
    CHARTS,
    PAGES,
    all_charts,
    asked,
    assert_fits,
    chart,
    drawn_chart,
    look_at_both_themes,
    open_page,
    wait_until_drawn,
    wait_until_idle,
)

OPENINGS = {f"{name}-Figure1": (name, "") for name in PAGES} | {
    "distributions-recording": ("distributions", "data_source=Recording"),
    "bound-recording": ("bound", "data_source=Recording"),
    "distributions-asked": ("distributions", urlencode(asked("distributions"))),
    "bound-asked": ("bound", urlencode(asked("bound"))),
    "methods-recording": ("methods", "data_source=Recording&data_layer=layer+9&methods_steps=60"),
    "methods-asked": ("methods", urlencode(asked("methods"))),
}


@pytest.mark.parametrize("opening", OPENINGS)
def test_every_page_fits_describes_its_charts_and_follows_light_and_dark(page: Page, server: str, opening: str) -> None:
    name, query = OPENINGS[opening]
    charts = all_charts(name) if opening.endswith("asked") else CHARTS[name]
    open_page(page, server, name, query, charts)
    assert_fits(page)
    for key in charts:
        assert len(chart(page, key).get_attribute("aria-label") or "") > 30
    tools = chart(page, charts[0]).locator(".modebar-group").first
    assert tools.evaluate("one => getComputedStyle(one).backgroundColor") == "rgba(0, 0, 0, 0)"
    page.set_viewport_size({"width": 1920, "height": 900})
    assert_fits(page)
    look_at_both_themes(page, opening)


def test_a_section_opens_on_a_click_alone_and_a_link_shows_it(page: Page, new_page: NewPage, server: str) -> None:
    """Opening it runs it alone: the place of its neighbour's chart, a mark on which would be gone, stays as it is."""
    open_page(page, server, "bound", "data_n=512")
    chart(page, "bound_scale").evaluate("plot => { plot.mark = plot.data[0].y }")
    page.get_by_text("Check: estimates from few slices").click()
    drawn_chart(page, "bound_convergence")
    expect(page).to_have_url(re.compile("bound_estimates=true"))
    assert chart(page, "bound_scale").evaluate("plot => plot.mark === plot.data[0].y")
    other = new_page()
    other.goto(page.url)
    drawn_chart(other, "bound_convergence")
    page.get_by_text("Check: estimates from few slices").click()
    expect(page).not_to_have_url(re.compile("bound_estimates"))
    expect(chart(page, "bound_convergence")).to_have_count(0)


def test_a_control_updates_the_chart_in_place(page: Page, server: str) -> None:
    open_page(page, server, "distributions")
    drawn = chart(page, "dist_joint")
    drawn.evaluate("plot => { plot.sameNode = true }")
    panel = drawn.locator(".nsewdrag").first.bounding_box()
    assert panel is not None
    page.mouse.move(panel["x"] + 0.25 * panel["width"], panel["y"] + 0.25 * panel["height"])
    page.mouse.down()
    page.mouse.move(panel["x"] + 0.75 * panel["width"], panel["y"] + 0.75 * panel["height"], steps=5)
    page.mouse.up()
    page.wait_for_function("document.querySelector('[data-chart]').layout.xaxis.range[1] < 3")
    zoomed = drawn.evaluate("plot => plot.layout.xaxis.range")
    before = drawn.evaluate("plot => JSON.stringify(Array.from(plot._fullData[0].z[40]))")
    page.get_by_role("spinbutton", name="Seed").fill("8")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("data_seed=8"))
    page.wait_for_function(
        """before => {
            const plot = document.querySelector('[data-chart="dist_joint"]')
            return JSON.stringify(Array.from(plot._fullData[0].z[40])) !== before
        }""",
        arg=before,
    )
    assert drawn.evaluate("plot => plot.sameNode") is True
    assert page.locator("[data-chart]").count() == 1
    assert drawn.evaluate("plot => plot.layout.xaxis.range") == zoomed


def test_the_batch_is_kept_between_pages_and_a_link_opens_the_same_view(
    page: Page, new_page: NewPage, server: str
) -> None:
    open_page(page, server, "distributions", "data_n=512&data_seed=3")
    page.get_by_test_id("stSidebar").get_by_role("radio", name="d", exact=True).click()
    expect(page).to_have_url(re.compile("data_case=d"))
    page.get_by_role("link", name="Bound").click()
    wait_until_drawn(page, CHARTS["bound"])
    lead = page.get_by_text("(d) bimodal, n = 512, d = 2")
    expect(lead.first).to_be_visible()
    link = page.url
    assert {"data_case=d", "data_n=512", "data_seed=3"} <= set(link.split("?")[1].split("&"))
    other = new_page()
    other.goto(link)
    wait_until_drawn(other, CHARTS["bound"])
    expect(other.get_by_text("(d) bimodal, n = 512, d = 2").first).to_be_visible()
    values = [p.locator('[data-testid="stMetricValue"]').all_inner_texts() for p in (page, other)]
    assert values[0] == values[1]


def test_the_language_stays_in_the_address_from_page_to_page(page: Page, new_page: NewPage, server: str) -> None:
    open_page(page, server, "distributions", "lang=ko&data_n=512")
    expect(page.get_by_role("button", name="초기화", exact=True)).to_be_visible()
    page.get_by_role("link", name="상한").click()
    wait_until_drawn(page, CHARTS["bound"])
    expect(page).to_have_url(re.compile("lang=ko"))
    expect(page.get_by_role("heading", name="PER라는 상한과 그 상한이 가리는 것")).to_be_visible()
    other = new_page()
    open_page(other, server, "bound", "data_n=512")
    expect(other.get_by_role("heading", name="What PER bounds, and what the bound hides")).to_be_visible()
    other.goto(f"{server}/bound?lang=ko&data_source=Recording")  # the word of the address in English
    expect(other.get_by_role("heading", name="PER라는 상한과 그 상한이 가리는 것")).to_be_visible()
    expect(other.get_by_test_id("stSidebar").get_by_role("radio", name="기록")).to_be_checked()


def test_reset_brings_back_the_opening_settings(page: Page, server: str) -> None:
    open_page(page, server, "distributions", "data_n=512&data_seed=3&data_case=b")
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page).not_to_have_url(re.compile("data_"))
    wait_until_idle(page)
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value("5")


def test_a_chart_can_be_taken_away_as_csv_png_and_svg(page: Page, server: str, tmp_path: Path) -> None:
    open_page(page, server, "bound")
    block = chart(page, "bound_scale").locator("xpath=..")
    files = {}
    for kind in ("CSV", "PNG", "SVG"):
        with page.expect_download() as download:
            block.get_by_role("button", name=kind).click()
        files[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[kind])
    assert [path.name for path in files.values()] == ["bound_scale.csv", "bound_scale.png", "bound_scale.svg"]
    rows = list(csv.reader(files["CSV"].read_text().splitlines()))
    assert rows[0] == ["trace", "panel", "label", "x", "y", "z", "above", "below"]
    per = [(float(x), float(y)) for name, _, _, x, y, *_ in rows[1:] if name == "PER"]
    assert per[0] == (0.0, pytest.approx(0.797885, abs=1e-6))
    assert len(per) == 41
    assert rows[-1][0].startswith("PER at collapse")
    assert files["PNG"].read_bytes().startswith(b"\x89PNG")
    assert ET.parse(files["SVG"]).getroot().tag.endswith("svg")


def test_the_download_buttons_work_from_the_keyboard(page: Page, server: str) -> None:
    open_page(page, server, "distributions")
    page.get_by_role("button", name="PNG").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    text = Path(download.value.path()).read_text()
    assert text.count("\n") > 4 * 81 * 81


def test_a_click_on_a_cell_explains_it(page: Page, server: str) -> None:
    open_page(page, server, "distributions", "dist_statistics=true")
    expect(page.get_by_text("Correlation of (b) correlated")).to_be_visible()
    grid = page.get_by_test_id("stDataFrame").first
    box = grid.bounding_box()
    assert box is not None
    grid.click(position={"x": box["width"] * 0.62, "y": box["height"] / 11 * 1.5})  # first row, a case's column
    expect(page.get_by_text(re.compile(r"Mean of \([a-d]\) "))).to_be_visible()


def test_nonsense_in_the_address_opens_the_defaults(page: Page, server: str) -> None:
    nonsense = "data_n=-7&data_dim=banana&data_case=<script>&data_seed=1e99&data_rho=nan&bound_slices=3&data_source=x"
    open_page(page, server, "bound", nonsense)
    expect(page.get_by_text("(a) isotropic, n = 4096, d = 2").first).to_be_visible()
    assert page.get_by_test_id("stAlertContentError").count() == 0


def test_the_recording_is_looked_at_in_the_same_place(page: Page, server: str) -> None:
    open_page(page, server, "distributions", "dist_statistics=true")
    page.get_by_test_id("stSidebar").get_by_role("radio", name="Recording").click()
    expect(page.get_by_text("A trained network's activations beside N(0, I)")).to_be_visible()
    wait_until_drawn(page, CHARTS["distributions"])
    titles = chart(page, "dist_joint").evaluate("plot => [...new Set(plot.data.map(trace => trace.meta))]")
    assert len(titles) == 2
    assert "N(0, I)" in titles[1]
    # the cell chosen for Figure 1 is gone; the recording's own is explained instead
    expect(page.get_by_text(re.compile("Correlation of layer 6, epoch 100"))).to_be_visible()
    page.get_by_role("link", name="Bound").click()
    wait_until_drawn(page, CHARTS["bound"])
    expect(page.get_by_text("Digits").first).to_be_visible()


def test_the_opening_page_is_found_by_its_name_and_without_one(page: Page, server: str) -> None:
    for path in ("distributions", ""):
        page.goto(f"{server}/{path}?data_case=c")
        wait_until_drawn(page, CHARTS["distributions"])
        expect(page).to_have_url(f"{server}/distributions?data_case=c")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_test_id("stSidebar").get_by_role("radio", name="c", exact=True)).to_be_checked()


def test_the_batch_and_open_sections_are_there_again_after_pages_without_them(page: Page, server: str) -> None:
    query = {"data_case": "d", "data_n": "256", "bound_estimates": "true"}
    open_page(page, server, "bound", urlencode(query), ["bound_convergence"])
    for name in ("Train", "Dumps"):
        page.get_by_role("link", name=name, exact=True).first.click()
        expect(page).to_have_url(f"{server}/{name.lower()}")
        wait_until_idle(page)
        expect(page.get_by_role("radio", name="Figure 1")).to_have_count(0)
    page.get_by_role("link", name="Bound", exact=True).first.click()
    wait_until_drawn(page, ["bound_convergence"])
    assert set(page.url.split("?")[1].split("&")) == set(urlencode(query).split("&"))
    expect(page.get_by_text("(d) bimodal, n = 256, d = 2").first).to_be_visible()

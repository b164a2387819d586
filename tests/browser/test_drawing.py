"""A distribution is drawn by hand: with the mouse and with keys, kept over a reload and from page to page."""

import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
from playwright.sync_api import Locator, Page, expect

from analysis.drawing import Drawing, Kind, shaped
from tests.browser.pages import CHARTS, assert_fits, look_at_both_themes, open_page, wait_until_drawn, wait_until_idle
from tests.waiting import wait_for

HANGUL = re.compile("[가-힣]")
LEFT, TOP, RIGHT, BELOW = 24, 8, 8, 20  # the margins of a cloud's axes within the canvas, in pixels


def drawn(page: Page, kind: Kind) -> Drawing:
    """The drawing in the address."""
    address = page.evaluate("location.href")
    return Drawing.from_address(kind, parse_qs(urlsplit(address).query)[f"data_{kind}"][0])


def height(page: Page, kind: Kind, x: float, y: float = 0.0) -> int:
    """The level in the address at a place."""
    drawing = drawn(page, kind)
    column, row = (np.abs(drawing.grid.positions - at).argmin() for at in (x, y))
    return drawing.levels[row * drawing.grid.nodes + column if kind == "cloud" else column]


def stroke(page: Page, canvas: Locator, *points: tuple[float, float], left: float = LEFT) -> None:
    """Draw through points of the axes with the mouse."""
    box = canvas.bounding_box()
    assert box is not None
    width, tall = box["width"] - 2 - left - RIGHT, box["height"] - 2 - TOP - BELOW
    places = [(box["x"] + 1 + left + (x + 4) / 8 * width, box["y"] + 1 + TOP + (4 - y) / 8 * tall) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def wait_for_another(page: Page, before: str) -> None:
    """Until the address says something else and the page has followed."""
    page.wait_for_function("before => location.href !== before", arg=before)
    wait_until_idle(page)


def test_what_is_drawn_by_hand_is_the_batch_of_every_page(page: Page, server: str) -> None:
    open_page(page, server, "distributions", "data_source=Drawn&data_n=256")
    cloud = page.locator('[data-canvas="data_cloud"]')
    tool = page.get_by_test_id("stSidebar").get_by_role("button")

    # Two strokes, the second while the page computes for the first, are both there, and the ring that it opened with.
    tool.filter(has_text="Pen").click()
    opened = page.url
    stroke(page, cloud, (-3, 3), (-1, 3))
    stroke(page, cloud, (1, -3), (3, -3))
    wait_for_another(page, opened)
    wait_for(lambda: height(page, "cloud", 2, -3) == 15)
    wait_until_idle(page)
    assert [height(page, "cloud", *at) for at in ((-2, 3), (2, -3), (0, 3))] == [15, 15, 0]
    assert height(page, "cloud", 0, 2**0.5) > 5
    picture = "canvas => canvas.toDataURL()"
    both, painted = page.url, cloud.evaluate(picture)

    # One step back takes the second stroke; keys draw as well.
    tool.filter(has_text="Undo").click()
    wait_for_another(page, both)
    assert [height(page, "cloud", *at) for at in ((-2, 3), (2, -3))] == [15, 0]
    cloud.focus()
    for key in ("Shift+ArrowUp", "Shift+ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.get_by_text("x = 0.17, y = 1.33")).to_be_visible()
    before = page.url
    page.keyboard.press("Delete")
    wait_for_another(page, before)
    assert height(page, "cloud", 0, 2**0.5) == 0
    before = page.url
    page.keyboard.press("Control+z")
    wait_for_another(page, before)

    # A link holds it: the same picture after a reload, the same batch on another page.
    page.goto(both)
    wait_until_drawn(page, CHARTS["distributions"])
    assert cloud.evaluate(picture) == painted
    page.get_by_role("link", name="Bound").click()
    wait_until_drawn(page, CHARTS["bound"])
    expect(page.get_by_text("Drawn cloud, n = 256, d = 2").first).to_be_visible()
    assert parse_qs(urlsplit(page.url).query)["data_cloud"] == parse_qs(urlsplit(both).query)["data_cloud"]
    assert cloud.evaluate(picture) == painted

    # The density of one unit, from a shape and by hand.
    page.get_by_test_id("stSidebar").get_by_role("radio", name="One unit").click()
    density = page.locator('[data-canvas="data_density"]')
    expect(density).to_be_visible()
    wait_until_idle(page)
    before = page.url
    tool.filter(has_text="Spike").click()
    wait_for_another(page, before)
    assert drawn(page, "density") == shaped("density", "spike")
    before = page.url
    stroke(page, density, (-2, 0), (0, 4), (2, 0), left=RIGHT)
    wait_for_another(page, before)
    assert abs(height(page, "density", -1) - 191) < 12  # half of the way from the middle to the top
    assert abs(height(page, "density", 1) - 191) < 12
    assert height(page, "density", -3) == 0

    # The canvas speaks another language at once, and what was drawn and can be undone stays.
    before = page.url
    page.get_by_text("한국어", exact=True).click()
    expect(density).to_have_attribute("aria-label", HANGUL)
    for text in page.locator(".perscope-tools button, .perscope-says").all():
        expect(text).to_have_text(HANGUL)
    expect(page.locator(".perscope-tools .perscope-apart")).to_be_enabled()
    page.get_by_text("English", exact=True).click()
    expect(density).to_have_attribute("aria-label", "Density of one unit, x from −4 to 4")
    wait_until_idle(page)
    assert parse_qs(urlsplit(page.url).query)["data_density"] == parse_qs(urlsplit(before).query)["data_density"]
    assert_fits(page)
    look_at_both_themes(page, "bound-drawn")

"""One frame: the window of the browser, with what a picture is about below the header."""

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps
from playwright.sync_api import Locator, Page, expect

WIDTH, HEIGHT = 1000, 744  # of every picture, in the pixels of a page
SCALE = 1.5  # pixels of a picture to one of a page
MARGIN = 66  # pixels above what a picture is about: the header of the page and some space
EDGE = "#d0d7de"  # a picture in the light theme ends visibly on a white page, and on a dark one
COLOURS = 128
STILL = 1000  # milliseconds without a change
BUSY = ("stStatusWidget", "stToolbarActions", "stElementToolbar")  # what a visitor sees now and then
HIDDEN = ", ".join([*(f'[data-testid="{one}"]' for one in BUSY), ".st-key-train_new"])  # and the form above a film
SCROLL = """(element, margin) => {
    const main = document.querySelector('[data-testid="stMain"]')
    main.scrollTop += element.getBoundingClientRect().top - margin
}"""


def below_header(locator: Locator) -> None:
    """Scroll the page so that something stands at its top."""
    locator.evaluate(SCROLL, MARGIN)


def take(page: Page) -> Image.Image:
    """The window as it is, without what shows that the page is busy."""
    return ImageOps.expand(Image.open(BytesIO(_shot(page))).convert("RGB"), border=1, fill=EDGE)


def save_page(page: Page, path: Path) -> None:
    """The window once nothing in it changes any more."""
    expect(page.locator('[data-chart][aria-busy="true"]')).to_have_count(0)
    before = b""
    while (shot := _shot(page)) != before:
        before = shot
        page.wait_for_timeout(STILL)
    save_picture(take(page), path)


def save_picture(picture: Image.Image, path: Path) -> None:
    """As PNG with few colours, which is a third of the size and looks the same."""
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def _shot(page: Page) -> bytes:
    page.mouse.move(0, 0)
    return page.screenshot(animations="disabled", style=f"{HIDDEN} {{ visibility: hidden !important; }}")

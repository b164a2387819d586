"""The pictures of the README and the documentation, as a visitor sees the pages: `make pictures`."""

import argparse
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chromium import launch
from tests.browser.conftest import end_server, free_port, start_server
from tests.browser.pages import drawn_chart, open_page, wait_until_idle
from tests.pictures.film import film_training
from tests.pictures.frame import HEIGHT, SCALE, WIDTH, below_header, save_page
from tests.waiting import LIMIT

PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
FIGURE2 = "train_view_layers=layer+2&train_view_layers=layer+9"  # an early and a late layer


def distributions(page: Page, server: str) -> None:
    """Four batches and the statistics that tell them from N(0, I)."""
    open_page(page, server, "distributions", "dist_statistics=true")
    page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    wait_until_idle(page)
    below_header(page.locator("h1"))
    save_page(page, PICTURES / "distributions.png")


def dumps(page: Page, server: str) -> None:
    """The layers of a network that fails, over the epochs."""
    open_page(page, server, "dumps", "dumps_path=example")
    below_header(page.get_by_role("heading", name="Example: a network that fails"))
    save_page(page, PICTURES / "dumps.png")


def learn(page: Page, server: str) -> None:
    """A step of the lesson: the prediction of a student and the answer."""
    page.goto(f"{server}/learn")
    wait_until_idle(page)
    page.get_by_test_id("stRadio").get_by_text("one", exact=True).click()
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("You predicted: one.")).to_be_visible()
    wait_until_idle(page)
    below_header(page.get_by_role("heading", name="1. "))
    save_page(page, PICTURES / "learn.png")


def figure2(page: Page, server: str) -> None:
    """Three networks that learn, followed live: the film, its last frame alone, and how their distances went."""
    page.goto(f"{server}/train?train_new=true")
    page.get_by_role("button", name="Figure 2", exact=True).click()
    expect(page.get_by_role("textbox", name="Title")).to_have_value("Figure 2")
    wait_until_idle(page)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile("[?&]run="))
    run = parse_qs(urlsplit(page.url).query)["run"][0]
    page.goto(f"{server}/train?run={run}&{FIGURE2}")
    film_training(page, PICTURES / "figure2.webp", PICTURES / "figure2.png")
    open_page(page, server, "train", f"run={run}&train_view_layers=layer+9&train_layer=true&train_table=true")
    drawn_chart(page, "train_distances")
    below_header(page.locator("details").filter(has=page.locator('[data-chart="train_distances"]')))
    save_page(page, PICTURES / "compare.png")


MAKERS: dict[str, Callable[[Page, str], None]] = {
    made.__name__: made for made in (distributions, dumps, learn, figure2)
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(MAKERS)}; default: all")
    chosen = parser.parse_args().names or list(MAKERS)
    if unknown := set(chosen) - set(MAKERS):
        parser.error(f"there is no picture called {', '.join(sorted(unknown))}")
    expect.set_options(timeout=1000 * LIMIT)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        server, address = start_server(free_port(), Path(folder) / "runs", Path(folder) / "log.txt")
        try:
            for name in chosen:
                MAKERS[name](_new_page(browser), address)
        finally:
            end_server(server)


def _new_page(browser: Browser) -> Page:
    """A page in the light theme, as wide as a picture and sharper than a screen."""
    page = browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE, color_scheme="light", locale="en-GB"
    )
    page.set_default_timeout(1000 * LIMIT)
    return page


if __name__ == "__main__":
    main()

"""A training as the page Train follows it, a frame for each record: an animated picture."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page

from tests.browser.pages import drawn_chart, wait_until_idle
from tests.pictures.frame import HEIGHT, save_picture, take

EPOCH, END = 0.1, 3.0  # seconds: of an epoch, and of the last frame, with which the film begins and ends
CHART = "train_figure2"
PANELS = 6  # of medians: three networks, two layers
RECORDED = """([chart, panels]) => {
    const plots = document.querySelectorAll(`[data-chart="${chart}"]`)
    if (plots.length !== 1 || document.querySelector('[data-stale="true"]')) return 0 // that of the run before is there
    const medians = (plots[0]._fullData ?? []).filter((trace) => trace.name.endsWith(", median"))
    return medians.length < panels ? 0 : Math.min(...medians.map((trace) => trace.x.length))
}"""
AT_THE_FOOT = """(plot, height) => {
    const main = document.querySelector('[data-testid="stMain"]')
    main.scrollTop += plot.getBoundingClientRect().bottom + 16 - height
}"""  # its place is the same in all frames, whatever the page says above it


def film_training(page: Page, film: Path, last: Path) -> None:
    """Follow a training that has been started, to its end, and keep the film and its last frame.

    The film begins with its last frame: who sees one frame only sees the whole figure. How long a frame stands is how
    many epochs it took, so that a busy machine makes a film of fewer frames and the same length.
    """
    page.wait_for_url("**run=**")
    plot = page.locator(f'[data-chart="{CHART}"]')
    finished = page.get_by_text("finished, epoch")
    frames: dict[int, Image.Image] = {}  # by the number of records
    while finished.count() == 0:
        count = _records(page)
        if count > max(frames, default=0):
            frames[count] = _frame(page, plot)
        page.wait_for_timeout(100)
    drawn_chart(page, CHART)
    wait_until_idle(page)
    frames[_records(page)] = _frame(page, plot)
    _save(frames, film)
    save_picture(frames[max(frames)], last)


def _records(page: Page) -> int:
    """How many records of every network are drawn; 0 until all are."""
    return int(page.evaluate(RECORDED, [CHART, PANELS]))


def _frame(page: Page, plot: Locator) -> Image.Image:
    plot.evaluate(AT_THE_FOOT, HEIGHT)
    return take(page)


def _save(frames: Mapping[int, Image.Image], path: Path) -> None:
    """As animated WebP without loss, which for areas of one colour is smaller than with it."""
    counts = sorted(frames)
    seconds = [END, *(EPOCH * (later - count) for count, later in pairwise(counts))]
    images = [frames[counts[-1]], *(frames[count] for count in counts[:-1])]
    images[0].save(
        path,
        save_all=True,
        append_images=images[1:],
        duration=[round(1000 * one) for one in seconds],
        loop=0,
        lossless=True,
        method=6,
        minimize_size=True,
    )

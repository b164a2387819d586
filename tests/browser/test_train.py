"""Training in a real browser: followed in place, through a reload, a lost connection and the death of the server."""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests import processes
from tests.analysis.training.workers import TINY, work_here
from tests.browser.conftest import NewPage, end_server, free_port, start_server
from tests.browser.pages import all_charts, asked, assert_fits, drawn_chart, look_at_both_themes, wait_until_idle
from tests.waiting import wait_for

# A network that learns an epoch at once, for more epochs than anything here waits for.
LONG = "train_model=Fully+connected&train_depth=4&train_width=0.125&train_dropout=0&train_methods=PER"
EPOCHS = 10_000
STATE = '[data-testid="stMarkdownContainer"]'
OWN_SCRIPT = """
import sys, time, torch
from torch import nn
from per_core import Recorder
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(10, 32), nn.ELU(), nn.Linear(32, 2))
probe, optimiser = torch.randn(128, 10), torch.optim.SGD(model.parameters(), 0.1)
with Recorder(model, sys.argv[1], title="A script of my own") as recorder:
    recorder.record(0, inputs=probe)
    for epoch in range(1, 10_000):
        x = torch.randn(64, 10)
        loss = nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long())
        optimiser.zero_grad(); loss.backward(); optimiser.step()
        recorder.record(epoch, inputs=probe, loss=loss)
        time.sleep(0.2)
"""


@pytest.fixture(scope="session")
def finished(runs_folder: Path) -> str:
    """The id of a small comparison that was trained to its end."""
    assert work_here(replace(TINY, seeds=2), runs_folder / "finished") == 0
    return "finished"


def start(page: Page, address: str, sections: Mapping[str, str] | None = None) -> str:
    """Press Start, wait for the first records, and return the id of the run; which sections are open beside it."""
    opened = urlencode({"train_new": "true", **(sections or {})})
    page.goto(f"{address}/train?train_epochs={EPOCHS}&{LONG}&{opened}")
    wait_until_idle(page)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"[?&]run="))
    expect(page.get_by_role("heading", name=re.compile("^Example"))).to_have_count(0)
    wait_for_records(page, 1)
    found = re.search(r"[?&]run=([^&]+)", page.url)
    assert found is not None
    return found.group(1)


def stop(page: Page) -> None:
    """Press Stop and wait until the page says so; Streamlit's own Stop in the header is another one."""
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop", exact=True).click()
    expect(state(page, "stopped")).to_be_visible()


def records(plot: Locator) -> int:
    return plot.evaluate("plot => plot._fullData.find(t => t.name === 'PER, median')?.x.length ?? 0")


def wait_for_records(page: Page, count: int) -> None:
    """Wait for so many records of the run, epoch 0 among them; a moment before, the chart may be the example's."""
    page.wait_for_function(
        """([state, count]) => [...document.querySelectorAll(state)].some(
                (head) => Number(/, epoch (\\d+) of/.exec(head.textContent)?.[1]) + 1 >= count)
            && document.querySelector('[data-chart="train_figure2"]')
                ?._fullData?.find(t => t.name === 'PER, median')?.x.length >= count""",
        arg=[STATE, count],
    )


def state(page: Page, text: str) -> Locator:
    return page.locator(STATE).filter(has_text=re.compile(rf"^{text}, epoch"))


def test_a_training_is_followed_in_place_and_nothing_is_faded(page: Page, server: str) -> None:
    """Figure 2 grows and keeps the zoom; charts that are asked for meanwhile come."""
    start(page, server, asked("train"))
    plot = drawn_chart(page, "train_figure2")
    wait_for_records(page, 3)
    wait_until_idle(page)
    page.evaluate(
        """() => {
            window.faded = []
            new MutationObserver((changes) => {
                for (const { target } of changes) {
                    if (target.dataset.stale === "true" && target.offsetHeight > 1) window.faded.push(target.innerText)
                }
            }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["data-stale"] })
        }"""
    )
    plot.evaluate("plot => { plot.sameNode = true }")
    panel = plot.locator(".nsewdrag").first.bounding_box()
    assert panel is not None
    page.mouse.move(panel["x"] + 0.2 * panel["width"], panel["y"] + 0.5 * panel["height"])
    page.mouse.down()
    page.mouse.move(panel["x"] + 0.8 * panel["width"], panel["y"] + 0.5 * panel["height"], steps=5)
    page.mouse.up()
    page.wait_for_function(
        "epochs => document.querySelector('[data-chart=\"train_figure2\"]')._fullLayout.xaxis.range[1] < 0.9 * epochs",
        arg=EPOCHS,
    )
    zoomed = plot.evaluate("plot => plot._fullLayout.xaxis.range")
    nodes = "plot => plot.getElementsByTagName('*').length"
    before, drawn = records(plot), plot.evaluate(nodes)
    wait_for_records(page, before + 3)
    assert page.evaluate("window.faded") == []
    assert plot.evaluate("plot => plot.sameNode") is True
    assert plot.evaluate("plot => plot._fullLayout.xaxis.range") == zoomed
    assert plot.evaluate(nodes) == pytest.approx(drawn, rel=0.2)
    assert page.locator("[data-chart]").count() == len(all_charts("train"))
    page.get_by_text("Heat map", exact=True).click()
    drawn_chart(page, "train_densities_1")
    drawn_chart(page, "train_figure2").scroll_into_view_if_needed()  # out of view it waits
    wait_for_records(page, before + 6)
    expect(drawn_chart(page, "train_densities_1")).to_be_attached()
    stop(page)
    assert page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').count() == 0


class Line:
    """The connection between a page and the server, which the test cuts."""

    def __init__(self, page: Page) -> None:
        self.is_cut = False
        self._ends: list[WebSocketRoute] = []
        page.route_web_socket("**/_stcore/stream", self._connect)

    def _connect(self, end: WebSocketRoute) -> None:
        if self.is_cut:
            end.close()
        else:
            self._ends = [end, end.connect_to_server()]

    def cut(self) -> None:
        self.is_cut = True
        for end in self._ends:
            end.close()


def test_a_reload_and_a_lost_connection_find_the_run_again(
    page: Page, new_page: NewPage, server: str, runs_folder: Path
) -> None:
    line = Line(page)
    run = start(page, server)
    page.reload()
    wait_for_records(page, 1)
    app = page.get_by_test_id("stApp")
    line.cut()
    expect(app).not_to_have_attribute("data-test-connection-state", "CONNECTED")
    count = records(drawn_chart(page, "train_figure2"))
    wait_for(lambda: json.loads((runs_folder / run / "status.json").read_text())["epoch"] > count + 2)
    assert records(drawn_chart(page, "train_figure2")) == count
    line.is_cut = False
    expect(app).to_have_attribute("data-test-connection-state", "CONNECTED")
    wait_for_records(page, count + 2)
    other = new_page()
    other.goto(f"{server}/train?run={run}")
    drawn_chart(other, "train_figure2")
    stop(other)
    expect(state(page, "stopped")).to_be_visible()
    page.close()  # its connections would go through the test for ever


def test_a_server_that_is_killed_leaves_a_run_that_can_be_resumed(page: Page, tmp_path: Path) -> None:
    runs, port = tmp_path / "runs", free_port()
    process, address = start_server(port, runs, tmp_path / "first.txt")
    try:
        run = start(page, address)
        wait_for_records(page, 3)
    finally:
        process.kill()
        process.wait()
    process, address = start_server(port, runs, tmp_path / "second.txt")
    try:
        page.goto(f"{address}/train?run={run}")
        expect(state(page, "interrupted")).to_be_visible()
        count = records(drawn_chart(page, "train_figure2"))
        assert count >= 3
        page.get_by_role("button", name="Resume", exact=True).click()
        wait_for_records(page, count + 2)
        stop(page)
    finally:
        end_server(process)


def test_a_script_of_ones_own_is_followed_live(page: Page, server: str, runs_folder: Path) -> None:
    with processes.running([sys.executable, "-c", OWN_SCRIPT, runs_folder / "own"]):
        wait_for((runs_folder / "own" / "records.jsonl").exists)
        page.goto(f"{server}/train?run=own")
        expect(page.get_by_role("heading", name="A script of my own")).to_be_visible()
        plot = drawn_chart(page, "train_figure2")
        length = "plot => Math.max(...plot._fullData.map(t => t.x.length))"
        first = plot.evaluate(length)
        page.wait_for_function(
            """first => Math.max(...document.querySelector('[data-chart="train_figure2"]')
                ._fullData.map(t => t.x.length)) > first + 2""",
            arg=first,
        )


@pytest.mark.parametrize(
    ("name", "title"),
    [("Bound", "What PER bounds"), ("Distributions", "A trained network's activations")],
    ids=["bound", "distributions"],
)
def test_a_layer_opens_on_another_page_with_one_click(
    page: Page, server: str, finished: str, name: str, title: str
) -> None:
    page.goto(f"{server}/train?run={finished}")
    expect(state(page, "finished")).to_be_visible()
    wait_until_idle(page)
    with page.context.expect_page() as opened:
        page.get_by_test_id("stMainBlockContainer").get_by_role("link", name=name, exact=True).click()
    other = opened.value
    expect(other.get_by_role("heading", level=1)).to_contain_text(title)
    expect(other.get_by_text(re.compile("per_sampled-s3, layer 1, epoch 4")).first).to_be_visible()
    expect(other.get_by_text("Page not found")).to_have_count(0)


def test_the_address_of_a_preset_is_that_training(page: Page, new_page: NewPage, server: str) -> None:
    page.goto(f"{server}/train")
    wait_until_idle(page)
    page.get_by_text("Start your own", exact=True).click()
    page.get_by_role("button", name="Hard", exact=True).click()
    page.wait_for_url(re.compile(r"train_rate=0\.02"))
    wait_until_idle(page)
    other = new_page()
    other.goto(page.url)
    wait_until_idle(other)
    other.get_by_text("Size of the model").click()
    expect(other.get_by_label("Hidden layers")).to_have_value("20")
    other.get_by_text("Settings of the methods").click()
    expect(other.get_by_role("textbox", name="PER: λ", exact=True)).to_have_value("0.01")


def test_pictures_of_a_finished_comparison(page: Page, server: str, finished: str) -> None:
    page.goto(f"{server}/train?run={finished}")
    expect(state(page, "finished")).to_be_visible()
    drawn_chart(page, "train_figure2")
    wait_until_idle(page)
    assert_fits(page)
    look_at_both_themes(page, "train-run")

"""Waiting for a file in a real browser: the line that says so comes and goes, also where results are kept."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from playwright.sync_api import Page, expect

from tests.browser.pages import drawn_chart, wait_until_idle
from tests.waiting import wait_for

LAYERS = ("first", "second")


@pytest.fixture(scope="module")
def dumps(dumps_folder: Path) -> Path:
    """Two files that need a reading process, and one that needs none."""
    folder = dumps_folder / "slow"
    folder.mkdir()
    rows = np.random.default_rng(2).normal(size=(300, 8)).astype(np.float32)
    torch.save({name: torch.from_numpy(rows + at) for at, name in enumerate(LAYERS)}, folder / "layers.pt")
    np.save(folder / "plain.npy", rows)
    np.savetxt(folder / "slow.csv", rows, delimiter=",")
    return folder


@pytest.fixture
def process(dashboard: "tuple[subprocess.Popen[bytes], str]") -> Iterator[int]:
    """The number of the dashboard's process, whose reading processes a test may stop."""
    number = dashboard[0].pid
    yield number
    send(number, signal.SIGCONT)


def readers(process: int) -> list[int]:
    """The reading processes of a dashboard."""
    found = []
    for one in psutil.Process(process).children(recursive=True):
        with suppress(psutil.Error):  # it may have ended
            found += [one.pid] * (one.cmdline()[-1:] == ["analysis.dumps.reader.worker"])
    return found


def send(process: int, sign: signal.Signals) -> None:
    for pid in readers(process):
        with suppress(ProcessLookupError):
            os.kill(pid, sign)


def test_the_line_comes_and_goes_and_is_not_kept_with_the_result(
    page: Page, server: str, process: int, dumps: Path
) -> None:
    line = page.get_by_text("Reading layers.pt:")

    def open_layer(name: str) -> None:
        page.goto(f"{server}/dumps?dumps_look=true&dumps_path={dumps / 'layers.pt'}&dumps_layer={name}")

    open_layer("first")
    drawn_chart(page, "dumps_histogram")
    wait_until_idle(page)
    send(process, signal.SIGSTOP)
    open_layer("second")
    expect(line).to_be_visible()
    expect(line).to_contain_text("3 s")
    send(process, signal.SIGCONT)
    drawn_chart(page, "dumps_histogram")
    wait_until_idle(page)
    expect(line).to_have_count(0)
    open_layer("second")
    drawn_chart(page, "dumps_histogram")
    wait_until_idle(page)
    expect(line).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_who_moves_on_ends_the_reading(page: Page, server: str, process: int, dumps: Path) -> None:
    page.goto(f"{server}/dumps?dumps_look=true&dumps_path={dumps / 'layers.pt'}")
    drawn_chart(page, "dumps_histogram")
    wait_until_idle(page)
    send(process, signal.SIGSTOP)
    before = readers(process)
    page.goto(f"{server}/dumps?dumps_look=true&dumps_path={dumps / 'slow.csv'}")
    expect(page.get_by_text("Reading slow.csv:")).to_be_visible()
    page.get_by_role("textbox", name="Or a path on the server").fill(str(dumps / "plain.npy"))
    page.keyboard.press("Enter")
    drawn_chart(page, "dumps_histogram")
    wait_for(lambda: len(set(readers(process)) & set(before)) == len(before) - 1)

"""Waiting for a file in a real browser: the line that says so comes and goes, also where results are kept."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from playwright.sync_api import Page, expect

from tests.browser.conftest import end_server, free_port, start_server
from tests.browser.pages import drawn_chart, wait_until_idle
from tests.waiting import wait_for

LAYERS = ("first", "second")


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files that need a reading process, and one that needs none."""
    folder = tmp_path_factory.mktemp("dumps")
    rows = np.random.default_rng(2).normal(size=(300, 8)).astype(np.float32)
    torch.save({name: torch.from_numpy(rows + at) for at, name in enumerate(LAYERS)}, folder / "layers.pt")
    np.save(folder / "plain.npy", rows)
    np.savetxt(folder / "slow.csv", rows, delimiter=",")
    return folder


@pytest.fixture(scope="module")
def server_of_these(tmp_path_factory: pytest.TempPathFactory, dumps: Path) -> Iterator[tuple[str, int]]:
    """A dashboard of these tests' own: its address, and the number of its process."""
    folder = tmp_path_factory.mktemp("server")
    process, address = start_server(free_port(), folder / "runs", folder / "log.txt", dumps=dumps)
    yield address, process.pid
    end_server(process)


@pytest.fixture
def server(server_of_these: tuple[str, int]) -> Iterator[tuple[str, int]]:
    """That dashboard, whose reading processes a test may stop."""
    yield server_of_these
    send(server_of_these[1], signal.SIGCONT)


def readers(server: int) -> list[int]:
    """The reading processes of a server."""
    found = []
    for one in psutil.Process(server).children(recursive=True):
        with suppress(psutil.Error):  # it may have ended
            found += [one.pid] * (one.cmdline()[-1:] == ["analysis.dumps.reader.worker"])
    return found


def send(server: int, sign: signal.Signals) -> None:
    for pid in readers(server):
        with suppress(ProcessLookupError):
            os.kill(pid, sign)


def test_the_line_comes_and_goes_and_is_not_kept_with_the_result(
    page: Page, server: tuple[str, int], dumps: Path
) -> None:
    address, process = server
    line = page.get_by_text("Reading layers.pt:")

    def open_layer(name: str) -> None:
        page.goto(f"{address}/dumps?dumps_look=true&dumps_path={dumps / 'layers.pt'}&dumps_layer={name}")

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


def test_who_moves_on_ends_the_reading(page: Page, server: tuple[str, int], dumps: Path) -> None:
    address, process = server
    page.goto(f"{address}/dumps?dumps_look=true&dumps_path={dumps / 'layers.pt'}")
    drawn_chart(page, "dumps_histogram")
    wait_until_idle(page)
    send(process, signal.SIGSTOP)
    before = readers(process)
    page.goto(f"{address}/dumps?dumps_look=true&dumps_path={dumps / 'slow.csv'}")
    expect(page.get_by_text("Reading slow.csv:")).to_be_visible()
    page.get_by_role("textbox", name="Or a path on the server").fill(str(dumps / "plain.npy"))
    page.keyboard.press("Enter")
    drawn_chart(page, "dumps_histogram")
    wait_for(lambda: len(set(readers(process)) & set(before)) == len(before) - 1)

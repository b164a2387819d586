"""A running server, a real browser and a picture of what fails, shared by the browser tests."""

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, WebError, expect, sync_playwright

from tests import processes
from tests.browser.chromium import NoBrowserError, launch
from tests.browser.pages import PICTURES
from tests.waiting import LIMIT, wait_for

OPENED = pytest.StashKey[list[Page]]()
FAILED = pytest.StashKey[bool]()
NewPage = Callable[..., Page]

expect.set_options(timeout=1000 * LIMIT)


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder for the server's runs."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def dumps_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the server may read dumps."""
    return tmp_path_factory.mktemp("dumps")


@pytest.fixture(scope="session")
def dashboard(
    tmp_path_factory: pytest.TempPathFactory, runs_folder: Path, dumps_folder: Path
) -> "Iterator[tuple[subprocess.Popen[bytes], str]]":
    """The dashboard as `python -m app` starts it, one for all tests: the process and its address."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    process, address = start_server(free_port(), runs_folder, log, dumps=dumps_folder)
    yield process, address
    end_server(process)


@pytest.fixture(scope="session")
def server(dashboard: "tuple[subprocess.Popen[bytes], str]") -> str:
    """The address of the dashboard."""
    return dashboard[1]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(
    port: int,
    runs: Path | None,
    log: Path,
    *,
    dumps: Path | None = None,
    command: Sequence[str | Path] = (sys.executable, "-m", "app"),
    folder: Path = processes.ROOT,
) -> "tuple[subprocess.Popen[bytes], str]":
    """Start the dashboard and wait until it answers; the process and its address. Without folders it takes its own."""
    folders = {"PERSCOPE_RUNS": runs, "PERSCOPE_FOLDERS": dumps}
    with log.open("w") as out:
        process = processes.start(
            [*command, "--no-browser", "--port", str(port)],
            cwd=folder,
            env=os.environ | {name: str(path) for name, path in folders.items() if path is not None},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: process.poll() is not None or _is_healthy(address))
        assert process.poll() is None, f"The server ended with code {process.returncode}:\n{log.read_text()}"
    except BaseException:
        process.kill()
        raise
    return process, address


def end_server(process: "subprocess.Popen[bytes]") -> None:
    """Ask it to end, and wait until it has."""
    process.terminate()
    process.wait(timeout=LIMIT)


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=LIMIT) as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with sync_playwright() as playwright:
        try:
            launched = launch(playwright)
        except NoBrowserError as error:
            pytest.fail(str(error), pytrace=False)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def free_pages() -> list[Page]:
    """Pages that tests have left: a browser draws the dashboard twice as fast where it has drawn it before."""
    return []


@pytest.fixture
def new_page(browser: Browser, free_pages: list[Page], request: pytest.FixtureRequest) -> Iterator[NewPage]:
    """Opens pages of different visitors, 1280 wide and light, of which none remembers another test.

    The test fails if the browser reports an error of ours in one of them.
    """
    opened = request.node.stash.setdefault(OPENED, [])
    alone: list[Page] = []
    errors: list[str] = []

    def note(error: WebError) -> None:
        errors.append(str(error.error))

    def new(**options: Any) -> Page:
        """With options of a browser's context, the page is of this test alone."""
        page = free_pages.pop() if free_pages and not options else browser.new_page(**options)
        alone.extend([page] if options else [])
        page.context.set_default_timeout(1000 * LIMIT)
        page.context.on("weberror", note)
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(
            media="null", color_scheme="light", reduced_motion="null", forced_colors="null", contrast="null"
        )
        opened.append(page)
        return page

    yield new
    for page in reversed(opened):  # the first one is the next test's first
        if page in alone or request.node.stash.get(FAILED, False):
            page.close()
        elif not page.is_closed():
            forget(page)
            page.context.remove_listener("weberror", note)
            free_pages.append(page)
    assert errors == [], "the browser reported errors"


def forget(page: Page) -> None:
    """Leave what is shown, and all that its address has stored."""
    if page.url.startswith("http"):
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear() }")
    page.goto("about:blank")
    page.mouse.move(0, 0)
    page.context.clear_cookies()


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page that shows nothing yet."""
    return new_page()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    """Keep pictures of the pages of a test that fails."""
    report = yield
    if call.when == "call" and call.excinfo is not None:
        item.stash[FAILED] = True
        PICTURES.mkdir(exist_ok=True)
        for number, page in enumerate(item.stash.get(OPENED, [])):
            try:
                page.screenshot(path=PICTURES / f"failed-{item.name}-{number}.png", full_page=True)
            except Error as error:  # a page that has crashed or was closed: the test's own failure counts
                report.sections.append(("picture", str(error)))
    return report

"""A running server, a real browser and a place for pictures, shared by the browser tests."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import NoBrowserError, find_chromium

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "test-pictures"
LAUNCH = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder for the server's runs."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def dumps_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the server may read dumps."""
    return tmp_path_factory.mktemp("dumps")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, runs_folder: Path, dumps_folder: Path) -> Iterator[str]:
    """The dashboard as `python -m app` starts it; yields its address."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    process, address = start_server(free_port(), runs_folder, log, dumps=dumps_folder)
    yield address
    process.terminate()
    process.wait(timeout=20)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(
    port: int, runs: Path, log: Path, *, dumps: Path | None = None
) -> "tuple[subprocess.Popen[bytes], str]":
    """Start the dashboard and wait until it answers; the process and its address."""
    folders = {} if dumps is None else {"PERSCOPE_FOLDERS": str(dumps)}
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "PERSCOPE_RUNS": str(runs), **folders},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(address, process, log)
    except BaseException:
        process.kill()
        raise
    return process, address


def _wait_until_healthy(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            pytest.fail(f"The server ended with code {process.returncode}:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"The server did not become healthy:\n{log.read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    try:
        path = find_chromium()
    except NoBrowserError as error:
        pytest.fail(str(error), pytrace=False)
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=path, args=[*LAUNCH, *(["--no-sandbox"] if as_root else [])]
        )
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page, 1280 wide, that fails its test if the browser reports an error of ours."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    PICTURES.mkdir(exist_ok=True)
    opened.screenshot(path=PICTURES / f"{request.node.name}.png", full_page=True)
    opened.close()
    assert errors == [], "the browser reported errors"

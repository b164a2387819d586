"""A browser is found in the promised order, or one plain line says that there is none; it ends with its runner."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import processes
from tests.browser import chromium
from tests.waiting import wait_for

RUNNER = """
import time
from playwright.sync_api import sync_playwright
from tests.browser.chromium import launch
with sync_playwright() as playwright:
    launch(playwright).new_page()
    print("ready", flush=True)
    time.sleep(1e6)
"""


def test_the_sources_are_tried_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def source(name: str, found: Path | None) -> None:
        def find() -> Path | None:
            tried.append(name)
            return found

        monkeypatch.setattr(chromium, name, find)

    source("_on_the_system", None)
    source("_from_playwright", None)
    source("_from_debian", Path("/usr/bin/chromium"))
    assert chromium.find_chromium() == Path("/usr/bin/chromium")
    assert tried == ["_on_the_system", "_from_playwright", "_from_debian"]


def test_without_any_browser_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_on_the_system", "_from_playwright", "_from_debian"):
        monkeypatch.setattr(chromium, name, lambda: None)
    with pytest.raises(chromium.NoBrowserError, match="install Debian's package `chromium`") as caught:
        chromium.find_chromium()
    assert "\n" not in str(caught.value)


def test_an_installed_browser_is_found_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "google-chrome"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chromium.find_chromium() == program


def test_the_browser_and_its_driver_end_when_the_runner_is_killed() -> None:
    with processes.running([sys.executable, "-c", RUNNER], stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout.readline() == "ready\n"
        (driver,) = processes.children(runner.pid)
        started = [driver, *processes.children(driver)]
        assert len(started) > 1
        runner.kill()
        runner.wait()
        wait_for(lambda: not any(map(processes.is_alive, started)))

"""Find a Chromium or Chrome and start it: the system's, else Playwright's own, else Debian's package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.waiting import LIMIT

_OPTIONS = ("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
# A page of a test lives for seconds: what is compiled for speed beside it is never paid back, nor what is collected
# while its memory is small. A seventh less of the processor.
_SHORT_LIVED = "--js-flags=--no-opt --invocation-count-for-maglev=5000 --min-semi-space-size=64 --initial-heap-size=512"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


class NoBrowserError(Exception):
    """No browser was found and none could be installed."""


def find_chromium() -> Path:
    """Path of a browser's executable, installed now if there is none yet."""
    found = _on_the_system() or _from_playwright() or _from_debian()
    if found is None:
        raise NoBrowserError(
            "The browser tests need Chromium or Chrome: install Debian's package `chromium`, or Google "
            "Chrome, or run `.venv/bin/python -m playwright install chromium`."
        )
    return found


def launch(playwright: Playwright) -> Browser:
    """Start a browser without a window; it ends with Playwright, which ends with this process."""
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    options = [*_OPTIONS, _SHORT_LIVED, *(["--no-sandbox"] if as_root else [])]
    return playwright.chromium.launch(executable_path=find_chromium(), args=options, timeout=1000 * LIMIT)


def _on_the_system() -> Path | None:
    for name in _NAMES:
        if path := shutil.which(name):
            return Path(path)
    return _MAC if _MAC.exists() else None


def _from_playwright() -> Path | None:
    """Playwright's own download; in a closed network it fails, and the next source is tried."""
    install = [sys.executable, "-m", "playwright", "install", "chromium"]
    if subprocess.run(install, capture_output=True, timeout=LIMIT, check=False).returncode != 0:
        return None
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.exists() else None


def _from_debian() -> Path | None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
        if subprocess.run(command, capture_output=True, timeout=LIMIT, check=False).returncode != 0:
            return None
    return _on_the_system()

"""Settings of the whole suite."""

import os
from pathlib import Path

import pytest

# One thread a computation, as in the dashboard: tests run side by side, and the browser needs a core as well.
# This file is loaded before numpy and torch are.
os.environ.setdefault("OMP_NUM_THREADS", "1")

TESTS = Path(__file__).parent
BROWSER = TESTS / "browser"
# Begun first, in this order, so that at the end no worker has a long one left that the others wait for.
LONG = [BROWSER, TESTS / "app", TESTS / "analysis" / "test_jobs.py", TESTS / "analysis" / "training"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs all tests of one file, and one all that drive the browser, which share it and a server."""
    for item in items:
        if BROWSER in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))
        else:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    return next((turn for turn, path in enumerate(LONG) if path in (item.path, *item.path.parents)), len(LONG))

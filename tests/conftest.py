"""Settings of the whole suite."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.installed import Installed, build, install
from tests.processes import ROOT

# One thread a computation, as in the dashboard: tests run side by side, and the browser needs a core as well.
# This file is loaded before numpy and torch are.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test fails because the machine is busy, or because of examples that nobody has seen before: `make explore` draws
# those.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("explore", parent=settings.get_profile("any machine"), derandomize=False, max_examples=1000)
settings.load_profile("any machine")

TESTS = Path(__file__).parent
BROWSER = TESTS / "browser"
APP = TESTS / "app"
PACKAGE = TESTS / "test_package.py"
FIRST_HALF, SECOND_HALF = "browser, a to l", "browser, m to z"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """PERscope as it is installed, in an environment of its own."""
    folder = tmp_path_factory.mktemp("installed")
    return install(build("wheel", ROOT, folder), folder / "environment")


@pytest.fixture(scope="module", autouse=True)
def _settled_heap() -> None:
    """What is loaded stays: a page collects garbage at the end of every run, and would go through all of it."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What drives the browser is marked, and begins first; then come the pages without one, then long files.

    So no worker has something long left at the end that the others wait for.
    """
    for item in items:
        if BROWSER in item.path.parents:
            item.add_marker(pytest.mark.browser)
    items.sort(key=_turn)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """How tests are dealt out to the workers."""
    return _TwoBrowsers(config, log)


class _TwoBrowsers(LoadScopeScheduling):
    """One worker runs all tests of one file, half of those that drive the browser, or all pages without one.

    The tests of a browser share it and a server; all of them in one worker would take longer than everything else in
    the others. Pages share what is computed for them. The wheel, which takes seconds to build and to install, is looked
    into where it is opened in the browser.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = TESTS.parent / nodeid.partition("::")[0]
        if file == PACKAGE:
            return FIRST_HALF
        if BROWSER in file.parents:
            return FIRST_HALF if file.name < "test_m" else SECOND_HALF
        if APP in file.parents:
            return str(APP)
        return str(file)


def _turn(item: pytest.Item) -> int:
    if BROWSER in item.path.parents:
        return 0
    if APP in item.path.parents:
        return 1
    return 2 if item.get_closest_marker("long") else 3

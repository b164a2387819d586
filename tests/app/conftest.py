"""Pages run in process, without a browser."""

import functools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest, app_test, local_script_runner
from streamlit.testing.v1.local_script_runner import LocalScriptRunner
from streamlit.testing.v1.util import patch_config_options

from analysis.__main__ import main
from analysis.distances import cost
from app.session import services
from tests.waiting import LIMIT

ROOT = Path(__file__).parents[2]
MAIN = ROOT / "app" / "main.py"
TINY: dict[str, Any] = {
    "title": "Tiny",
    "data": {"name": "digits", "limit": 256},
    "model": {"name": "mlp", "depth": 4, "width": 0.125, "dropout": 0.0},
    "methods": ["per", "vanilla", "bn"],
    "epochs": 4,
    "seeds": 2,
    "probe_size": 100,
}
SHARED = "tiny"
OpenPage = Callable[..., AppTest]


def shown(markdown: str) -> str:
    """What Markdown shows of escaped text."""
    return re.sub(r"\\(.)", r"\1", markdown).replace("\u2060", "")


@pytest.fixture
def open_page() -> OpenPage:
    """Run a page, and no other before it, with query parameters: open_page("bound", data_case="c")."""

    def run(name: str, **query: str | list[str]) -> AppTest:
        page = AppTest.from_file(str(MAIN), default_timeout=LIMIT)
        for key, value in query.items():
            page.query_params[key] = value
        return page.switch_page(f"views/{name}/{name}.py").run()

    return run


@pytest.fixture(scope="session", autouse=True)
def _known_once() -> Iterator[None]:
    """Installed components are looked for once, a script is compiled once, and nothing is counted, as in our server.

    For every page that a test opens Streamlit would read what all installed packages say of themselves, which takes
    longer than most pages; and it would look a thousand times a second, through all that was sent, whether the page is
    complete.
    """
    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        compiled = ScriptCache()
        for module in (app_test, local_script_runner):
            patch.setattr(module, "ScriptCache", lambda: compiled)
        patch.setattr(local_script_runner, "require_widgets_deltas", _wait_for_the_end)
        with patch_config_options({"browser.gatherUsageStats": False}):
            yield


def _wait_for_the_end(runner: LocalScriptRunner, seconds: float) -> None:
    assert runner._script_thread is not None
    runner._script_thread.join(seconds)
    assert runner.script_stopped(), f"a page was not complete after {seconds:g} seconds"


@pytest.fixture(scope="session", autouse=True)
def _short_timings() -> Iterator[None]:
    """What a page times on this machine it times on small batches: three seconds less for every page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost, "SIZES", (64, 256))
        yield


@pytest.fixture(scope="session", autouse=True)
def _clean_caches() -> None:
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(scope="session", autouse=True)
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder for the runs of all these tests."""
    folder = tmp_path_factory.mktemp("runs")
    os.environ[services.RUNS_VARIABLE] = str(folder)
    yield folder
    services.manager().close()
    del os.environ[services.RUNS_VARIABLE]


@pytest.fixture(scope="module", autouse=True)
def _leave_as_found(runs_folder: Path) -> Iterator[None]:
    """What the tests of one file put into the folder goes with them, but for the run that all files share."""
    yield
    for path in runs_folder.iterdir():
        if path.name != SHARED and not path.name.startswith("."):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def train(spec: dict[str, Any], folder: Path, name: str) -> str:
    """The id of a run in the folder, trained to its end by the command that the page uses."""
    file = folder / f".{name}.json"
    file.write_text(json.dumps(spec))
    assert main(["train", str(file), "--out", str(folder / name)]) == 0
    file.unlink()
    return name


@pytest.fixture(scope="session")
def finished_run(runs_folder: Path) -> str:
    """The id of a small comparison."""
    return train(TINY, runs_folder, SHARED)

"""`perscope`, as it is installed, in an empty folder: the commands, and the dashboard in the browser."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from per_core import __version__, open_run
from tests import processes
from tests.browser.conftest import end_server, free_port, start_server
from tests.browser.pages import open_page
from tests.installed import Installed

SPEC = {"data": {"name": "digits", "limit": 200}, "epochs": 1, "methods": ["per"], "seeds": 1}


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and one for the data of this user's programs."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_the_commands_train_and_look(installed: Installed, empty: Path) -> None:
    assert processes.run([installed.command, "--version"], cwd=empty).stdout.startswith(f"PERscope {__version__}, ")
    (empty / "spec.json").write_text(json.dumps(SPEC))
    trained = processes.run([installed.command, "train", "spec.json", "--out", "runs/first"], cwd=empty)
    assert trained.returncode == 0, trained.stderr
    assert [record.epoch for record in open_run(next((empty / "runs/first").glob("runs/*"))).records] == [0, 1]
    np.save(empty / "layer.npy", np.random.default_rng(0).normal(size=(50, 4)))
    seen = processes.run([installed.command, "inspect", "layer.npy"], cwd=empty)
    assert seen.returncode == 0, seen.stderr
    wrong = processes.run([installed.command, "inspect", "none.npy"], cwd=empty)
    assert wrong.stderr.startswith("perscope inspect: ")


def test_the_dashboard_draws_and_computes(installed: Installed, empty: Path, page: Page, tmp_path: Path) -> None:
    process, address = start_server(free_port(), None, tmp_path / "log.txt", command=[installed.command], folder=empty)
    try:
        open_page(page, address, "distributions")
        open_page(page, address, "dumps", "dumps_path=example")  # the example that ships, read by a process
        open_page(page, address, "bound", "bound_worst=true", ["bound_directions"])  # computed in the pool
        page.goto(f"{address}/train?train_new=true&train_epochs=2")
        page.get_by_role("button", name="Start", exact=True).click()  # trained by a process
        page.wait_for_url(re.compile("[?&]run="))
        expect(page.locator('[data-chart="train_figure2"]')).to_have_attribute("aria-busy", "false")
    finally:
        end_server(process)
    assert list(empty.iterdir()) == []
    assert len(list((tmp_path / "data" / "perscope" / "runs").glob("[!.]*"))) == 1

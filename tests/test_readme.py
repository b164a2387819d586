"""What the README shows works as it stands there."""

import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from analysis.dumps import ReadingPlan, inspect
from analysis.dumps.plan.plan import PLAN_FILE
from analysis.survey.overview import overview
from analysis.survey.warnings import list_warnings
from analysis.training.shipped_run import DYING
from app.session import permissions, services
from app.session.services import EXAMPLE, EXAMPLE_DUMP
from per_core import open_run
from tests import processes
from tests.waiting import wait_for

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("script", SCRIPTS, ids=range(len(SCRIPTS)))
def test_every_script_runs(script: str, tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(script, encoding="utf-8")
    run = processes.run([sys.executable, "-W", "error", file], env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert run.returncode == 0, run.stderr


def test_per_takes_five_lines() -> None:
    assert len([line for line in SCRIPTS[0].splitlines() if line.strip()]) == 5


def test_the_first_minute_says_what_the_example_shows() -> None:
    told = " ".join(re.search(r"## The first minute\n(.*?)\n## ", README, flags=re.DOTALL)[1].split())
    assert f"/dumps?dumps_path={EXAMPLE})" in told
    accuracy = {record.epoch: record.scalars["test_accuracy"] for record in open_run(EXAMPLE_DUMP).records}
    epochs = {(one.layer, one.warning.kind): one.epochs for one in list_warnings(overview(inspect(EXAMPLE_DUMP)))}
    last = max(DYING.epochs)
    assert f"a learning rate of {DYING.spec.learning_rate}" in told
    assert f"reaches {accuracy[2]:.0%} of the test digits at epoch 2".replace("%", " %") in told
    assert "guesses from epoch 4 on" in told
    assert accuracy[3] > 0.3 > 0.15 > max(accuracy[epoch] for epoch in (4, 5, 6))
    assert "layer 1 loses units first, at epoch 2" in told
    assert [key for key, found in epochs.items() if found[0] <= 2] == [("layer 1", "dead")]
    assert "layer 5 is dead from epoch 3 on" in told
    assert (epochs["layer 5", "dead"][0], epochs["layer 5", "dead"][-1]) == (3, last)
    assert "layer 4 explodes from epoch 4 on" in told
    assert (epochs["layer 4", "exploding"][0], epochs["layer 4", "exploding"][-1]) == (4, last)


def test_the_report_of_the_first_minute_is_written(tmp_path: Path) -> None:
    command = re.search(r"-m (analysis report assets\S+ --out) report\.html", README)[1].split()
    processes.run([sys.executable, "-m", *command, tmp_path / "report.html"], check=True)
    assert "layer 5" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_plan_reads_the_dump_that_it_is_about(tmp_path: Path) -> None:
    text = re.search(r"```toml\n(\[\[arrays\]\].*?)```", README, flags=re.DOTALL)[1]
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        for epoch in ("00_25", "10_50"):
            arrays = {"act_fc1": np.ones((5, 3)), "act_fc2": np.ones((5, 2)), "labels": np.arange(5)}
            np.savez(tmp_path / split / f"epoch_{epoch}.npz", **arrays)
    proposed = inspect(tmp_path)
    (tmp_path / PLAN_FILE).write_text(text, encoding="utf-8")
    kept = inspect(tmp_path)
    assert kept.plan == ReadingPlan.from_toml(text) != proposed.plan
    found = [(one.layer, one.epoch, one.split, one.units) for one in kept.members]
    assert found == [(one.layer, one.epoch, one.split, one.units) for one in proposed.members]
    assert ("fc2", 10.5, "test", 2) in found
    assert {one.kind for one in kept.left_out if one.name.startswith("train")} == {"labels"}


def test_the_command_for_a_class_prints_a_key_and_serves(tmp_path: Path) -> None:
    """It listens on this machine only here."""
    (command,) = re.findall(r"^    python -m (app --class .*)$", README, flags=re.MULTILINE)
    words = command.replace("0.0.0.0", "127.0.0.1").split()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {**os.environ, "PERSCOPE_RUNS": str(tmp_path)}
    with processes.running(
        [sys.executable, "-m", *words, "--port", port], env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        assert re.fullmatch(r"Class mode: the teacher's key is [A-Z2-9-]{14}\n", server.stdout.readline())
        health = f"http://127.0.0.1:{port}/_stcore/health"
        wait_for(lambda: server.poll() is not None or _answer(health) == b"ok")
        assert server.poll() is None


def _answer(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.read()
    except OSError:
        return b""


def test_the_variables_of_a_class_are_those_of_the_code() -> None:
    section = re.search(r"## A class\n(.*?)\n## ", README, flags=re.DOTALL)[1]
    assert set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)) == {
        permissions.CLASS_VARIABLE,
        permissions.KEY_VARIABLE,
        services.CLASSES_VARIABLE,
        services.HOURS_VARIABLE,
    }
    assert f"{permissions.UPLOAD_MB} MB together" in " ".join(section.split())
    assert f"`{services.CLASSES_FILE}`" in section
    assert f"of {permissions.SHORTEST_KEY} signs at least" in section


def test_every_picture_and_make_target_exists() -> None:
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)", README)) <= targets

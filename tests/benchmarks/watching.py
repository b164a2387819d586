"""What it costs a training that its page is open, and what it costs the page that something is trained."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from streamlit.testing.v1 import AppTest

from analysis.runs.comparison import open_comparison
from analysis.training.presets import PRESETS
from tests.benchmarks.timing import Seconds

ROOT = Path(__file__).parents[2]
EPOCHS = 2000  # more than is waited for
PERIOD = 1.0  # seconds between two looks, as on the page
UNWATCHED, WATCHED = "an epoch of one network, unwatched", "watched"
IDLE, BUSY = "the page of a run, nothing trained", "beside a training"


def watch_times(*, quick: bool) -> tuple[Seconds, Seconds]:
    """Seconds of an epoch without and with a page that is drawn every second; seconds of drawing it without and with.

    The page is drawn whole, by Streamlit's own test client, charts as JSON included; the browser is not measured.
    """
    rounds, turn = (2, 6.0) if quick else (6, 10.0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PERSCOPE_RUNS"] = folder
        page = _open_page()
        seen = Path(folder) / "seen"
        worker = _train(seen)
        _wait(lambda: _epochs(seen) >= 2)
        page.query_params["run"] = "seen"
        page.run()  # warm: imports and caches
        spans: dict[str, list[tuple[float, float]]] = {UNWATCHED: [], WATCHED: []}
        for _ in range(rounds):
            spans[UNWATCHED].append(_span(turn, lambda: None))
            spans[WATCHED].append(_span(turn, page.run))
        _end(worker)
        training = {name: [_median_epoch(seen, span) for span in own] for name, own in spans.items()}
        drawing: Seconds = {IDLE: [], BUSY: []}
        for _ in range(rounds):
            drawing[IDLE].append(_seconds_of(page.run))
            drawing[BUSY].append(_beside_a_training(Path(folder) / f"other {len(drawing[BUSY])}", page.run))
    return training, drawing


def _open_page() -> AppTest:
    page = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=120).run()
    return page.switch_page("views/train/train.py").run()


def _train(out: Path) -> "subprocess.Popen[bytes]":
    spec = replace(PRESETS["default"].spec, device="cpu", epochs=EPOCHS)
    file = out.with_suffix(".json")
    file.write_text(json.dumps(spec.as_dict()))
    command = [sys.executable, "-m", "analysis", "train", str(file), "--out", str(out)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)


def _beside_a_training(out: Path, function: Callable[[], object]) -> float:
    """Seconds of a function while another run is trained."""
    worker = _train(out)
    _wait(lambda: _epochs(out) >= 1)
    seconds = _seconds_of(function)
    _end(worker)
    return seconds


def _end(worker: "subprocess.Popen[bytes]") -> None:
    worker.terminate()
    worker.wait()


def _epochs(out: Path) -> float:
    return open_comparison(out).status.epoch if (out / "comparison.json").exists() else -1


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.1)


def _span(seconds: float, look: Callable[[], object]) -> tuple[float, float]:
    """Look every second for so long; when it began and ended."""
    begin = time.time()
    while time.time() - begin < seconds:
        start = time.time()
        look()
        time.sleep(max(0.0, PERIOD - (time.time() - start)))
    return begin, time.time()


def _median_epoch(out: Path, span: tuple[float, float]) -> float:
    """Median training time of the epochs that were learnt in the span."""
    records = [record for run in open_comparison(out).runs.values() for record in run.records[1:]]
    own = [r.scalars["seconds"] for r in records if span[0] <= r.time - 2 * r.scalars["seconds"] and r.time <= span[1]]
    return sorted(own)[len(own) // 2]


def _seconds_of(function: Callable[[], object]) -> float:
    function()
    start = time.perf_counter()
    function()
    return time.perf_counter() - start

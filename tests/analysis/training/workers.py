"""The command in a process of its own, on specs that take a second or two."""

import json
import os
import subprocess
import sys

from analysis.__main__ import main
from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from tests import processes
from tests.waiting import LIMIT

TINY = TrainingSpec(
    data=DataSpec("mixture", samples=80, classes=3, dim=8, noise=0.5),
    model=ModelSpec("mlp", width=0.05, depth=2, dropout=0.2),
    methods=(MethodSpec("per_sampled"), MethodSpec("vanilla"), MethodSpec("bn+vcl")),
    epochs=4,
    batch_size=20,
    learning_rate=0.05,
    seed=3,
    probe_size=30,
    device="cpu",
)


def start(spec, out, *arguments, **options):
    """The worker, started; its spec lies beside its folder."""
    command = [
        sys.executable,
        "-m",
        "analysis",
        "train",
        str(write(spec, out)),
        "--out",
        str(out),
        *map(str, arguments),
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return processes.start(command, env=environment, **(pipes | options))


def finish(process):
    """Exit status, stdout and stderr."""
    out, err = process.communicate(timeout=LIMIT)
    return process.returncode, out, err


def work(spec, out, *arguments):
    """The worker in a process of its own, to its end."""
    return finish(start(spec, out, *arguments))


def work_here(spec, out, *arguments):
    """The command in this process, which saves the seconds of starting one; the exit status."""
    return main(["train", str(write(spec, out)), "--out", str(out), *map(str, arguments)])


def write(spec, out):
    file = out.with_suffix(".json")
    file.write_text(json.dumps(spec.as_dict()))
    return file


def status(out):
    return json.loads((out / "status.json").read_text())


def records_of(run_dir):
    """The lines of a run without what a clock wrote."""
    lines = []
    for line in (run_dir / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        for clock in ("time", "cost"):
            record.pop(clock)
        record["scalars"].pop("seconds", None)
        lines.append(record)
    return lines


def assert_same_comparison(first, second):
    """The same runs, record by record and bit by bit."""
    names = sorted(path.name for path in (first / "runs").iterdir())
    assert names == sorted(path.name for path in (second / "runs").iterdir())
    assert names
    for name in names:
        one, other = first / "runs" / name, second / "runs" / name
        assert records_of(one) == records_of(other)
        arrays = {path.name: path.read_bytes() for path in (one / "arrays").iterdir()}
        assert arrays == {path.name: path.read_bytes() for path in (other / "arrays").iterdir()}

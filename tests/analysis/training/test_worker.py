"""The worker end to end, in processes of its own."""

import json
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import pytest

from analysis.__main__ import main
from analysis.process import resident_memory
from analysis.runs.folder import ComparisonFolder
from analysis.runs.remark import Remark
from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from analysis.runs.status import read_status
from analysis.training.presets import PRESETS
from analysis.training.trainer import Trainer
from analysis.training.watch import StopRequested, TrainingLimits, Watch
from per_core import list_methods
from per_core.errors import BudgetError
from per_core.recording.run_directory import open_run
from tests import processes
from tests.analysis.training.workers import (
    TINY,
    assert_same_comparison,
    finish,
    start,
    status,
    work,
    work_here,
)
from tests.waiting import wait_for

pytestmark = pytest.mark.long

LONG = replace(TINY, epochs=10_000)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A comparison that ran to its end, and what the worker said."""
    out = tmp_path_factory.mktemp("training") / "done"
    code, text, errors = work(TINY, out)
    assert (code, errors) == (0, "")
    return out, text


def test_the_folder_of_a_comparison(done):
    out, text = done
    comparison = json.loads((out / "comparison.json").read_text())
    assert TrainingSpec.from_dict(comparison["spec"]) == TINY
    names = ["per_sampled-s3", "vanilla-s3", "bn+vcl-s3"]
    resolved = comparison["resolved"]
    assert (resolved["runs"], resolved["device"], resolved["width"], resolved["threads"]) == (names, "cpu", 0.05, 1)
    assert resolved["parameters"]["bn+vcl-s3"] > resolved["parameters"]["vanilla-s3"]
    state = status(out)
    assert (state["state"], state["epoch"], state["epochs"], state["device"]) == ("finished", 4, 4, "CPU")
    assert state["runs"]["vanilla-s3"]["diverged"] is None
    assert state["started"] < state["updated"]
    assert len(text.splitlines()) == 5
    assert "epoch 4 of 4" in text
    for name in names:
        run = open_run(out / "runs" / name)
        assert [record.epoch for record in run.records] == [0, 1, 2, 3, 4]
        assert list(run.layers) == ["layer 1", "layer 2"]
        assert run.layers["layer 1"] == 13
        assert run.description["spec"]["seed"] == 3
        assert run.records[0].layers["layer 1"].n == 30
        assert run.records[4].scalars["test_accuracy"] > run.records[0].scalars["test_accuracy"]
        assert set(run.records[0].scalars) == {"loss", "accuracy", "test_loss", "test_accuracy"}  # nothing trained yet
        assert set(run.records[1].scalars) == {"loss", "accuracy", "test_loss", "test_accuracy", "seconds"}


def test_all_methods_start_from_the_same_weights(done):
    out, _ = done
    first = [open_run(out / "runs" / name).records[0].scalars["loss"] for name in ("per_sampled-s3", "vanilla-s3")]
    assert first[0] == first[1]


def test_the_same_spec_is_the_same_run_bit_for_bit(done, tmp_path):
    assert work_here(TINY, tmp_path / "again") == 0
    assert_same_comparison(done[0], tmp_path / "again")


def test_other_seeds_are_other_runs_and_repeat_those_of_their_own(done, tmp_path):
    spec = replace(TINY, seed=2, seeds=2, methods=TINY.methods[:1], epochs=1)
    assert work_here(spec, tmp_path / "seeds") == 0
    two, three = (open_run(tmp_path / "seeds" / "runs" / f"per_sampled-s{seed}") for seed in (2, 3))
    alone = open_run(done[0] / "runs" / "per_sampled-s3")
    assert three.records[1].scalars["loss"] == alone.records[1].scalars["loss"]
    assert three.records[1].layers == alone.records[1].layers
    assert two.records[1].layers != three.records[1].layers


class StopsAfter(Watch):
    """Asks to stop before one step or another."""

    def __init__(self, steps):
        super().__init__(processes.ROOT / "no such file", TrainingLimits(), lambda: None)
        self.steps = steps

    def check(self):
        self.steps -= 1
        if self.steps < 0:
            raise StopRequested(Remark.told("stopped by the test"))


@pytest.mark.parametrize("steps", [17, 23])  # an epoch has 15 checks: it is stopped in the middle of the next
def test_stopped_within_an_epoch_and_resumed_is_uninterrupted(done, tmp_path, steps):
    out, epochs = tmp_path / "stopped", []
    out.mkdir()
    for checks in [0, 5, *[steps] * 10]:
        try:
            Trainer(TINY, ComparisonFolder(out), resume=True, report=lambda _: None).train(StopsAfter(checks))
        except StopRequested:
            epochs.append(status(out)["epoch"])
    assert epochs[:5] == [0, 0, 1, 2, 3]
    assert_same_comparison(done[0], out)


@pytest.mark.parametrize("variational", [False, True])
def test_a_language_model_that_is_stopped_and_resumed_is_uninterrupted(variational, tmp_path):
    spec = replace(
        TINY,
        data=DataSpec("documentation", words=20, length=5, limit=400),
        model=ModelSpec("lstm", width=0.012, variational=variational, dropout=0.3),
        methods=(MethodSpec("per"), MethodSpec("bn")),
        epochs=2,
        learning_rate=1.0,
        clip=0.25,
    )
    assert work_here(spec, tmp_path / "whole") == 0
    (tmp_path / "stopped").mkdir()
    for checks in (5, 9, 100):
        with suppress(StopRequested):
            Trainer(spec, ComparisonFolder(tmp_path / "stopped"), resume=True, report=str).train(StopsAfter(checks))
    assert status(tmp_path / "stopped")["epoch"] == 2
    assert_same_comparison(tmp_path / "whole", tmp_path / "stopped")
    scalars = open_run(tmp_path / "whole" / "runs" / "bn-s3").records[2].scalars
    assert {"validation_loss", "validation_accuracy", "test_loss"} < set(scalars)


def test_a_request_and_a_limit_that_are_there_from_the_start(tmp_path):
    out = tmp_path / "early"
    out.mkdir()
    (out / "stop").touch()
    assert work_here(TINY, out) == 3
    assert (status(out)["state"], status(out)["epoch"]) == ("stopped", 0)
    long = replace(TINY, epochs=10_000)
    assert work_here(long, tmp_path / "long", "--max-seconds", "0.5") == 3
    assert status(tmp_path / "long")["message"] == "stopped at the limit of 0.5 seconds"


def test_killed_at_any_moment_and_resumed_is_uninterrupted(done, tmp_path):
    out = tmp_path / "killed"
    for epoch in (0, 1, 2):
        process = start(TINY, out, "--resume")
        wait_for(lambda: (out / "status.json").exists() and status(out)["epoch"] >= epoch)  # noqa: B023
        process.kill()
        finish(process)
    assert work_here(TINY, out, "--resume") == 0
    assert_same_comparison(done[0], out)


def test_killed_before_the_first_checkpoint(done, tmp_path, capsys):
    out = tmp_path / "early"
    assert work_here(TINY, out) == 0
    (out / "checkpoint.pt").unlink()  # as if it had never come to it
    capsys.readouterr()
    assert work_here(TINY, out, "--resume") == 0
    assert "epoch 0 of 4" in capsys.readouterr().out
    assert_same_comparison(done[0], out)


def test_a_stop_file_stops_within_steps(tmp_path):
    out = tmp_path / "long"
    process = start(LONG, out)
    wait_for(lambda: (out / "status.json").exists() and status(out)["epoch"] >= 2)
    (out / "stop").touch()
    code, text, errors = finish(process)
    assert (code, errors) == (3, "")
    assert (status(out)["state"], status(out)["message"]) == ("stopped", "stopped on request")
    assert "go on with --resume" in text
    assert not (out / "stop").exists()


def test_it_ends_when_its_parent_is_killed(tmp_path):
    out = tmp_path / "orphan"
    out.with_suffix(".json").write_text(json.dumps(LONG.as_dict()))
    command = [sys.executable, "-m", "analysis", "train", str(out.with_suffix(".json")), "--out", str(out)]
    script = (
        f"import os, subprocess, time; p = subprocess.Popen({command} + ['--parent', str(os.getpid())]); "
        "print(p.pid, flush=True); time.sleep(1e6)"
    )
    with processes.running([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        wait_for(lambda: (out / "status.json").exists() and status(out)["epoch"] >= 1)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        wait_for(lambda: status(out)["state"] == "interrupted")
        wait_for(lambda: not processes.is_alive(worker))
    assert status(out)["pid"] == worker


def test_one_process_a_folder(tmp_path, capsys):
    out = tmp_path / "busy"
    process = start(LONG, out)
    wait_for(lambda: (out / "status.json").exists() and status(out)["epoch"] >= 1)
    assert work_here(LONG, out, "--resume") == 1
    assert "Only one process may train in a folder" in capsys.readouterr().err
    assert status(out)["state"] == "running"
    process.terminate()
    assert finish(process)[0] == 3


def test_a_run_that_diverges_is_frozen_and_the_others_go_on(tmp_path, capsys):
    spec = replace(
        TINY,
        model=ModelSpec("mlp", "relu", width=0.2, depth=6, dropout=0.0),
        methods=(MethodSpec(), MethodSpec("sigreg"), MethodSpec("bn")),
        learning_rate=30.0,
        momentum=0.9,
        epochs=3,
    )
    out = tmp_path / "diverges"
    assert work_here(spec, out) == 0
    runs = status(out)["runs"]
    assert runs["vanilla-s3"]["diverged"] == 1
    assert (
        runs["vanilla-s3"]["reason"] == read_status(out).diverged["vanilla-s3"][1] == "the training loss is not finite"
    )
    assert runs["sigreg-s3"]["diverged"] == 1
    assert "must be finite" in runs["sigreg-s3"]["reason"]
    assert runs["bn-s3"]["diverged"] is None
    vanilla, bn = (open_run(out / "runs" / name) for name in ("vanilla-s3", "bn-s3"))
    assert [record.epoch for record in vanilla.records] == [0, 1]
    assert vanilla.records[1].scalars["loss"] != vanilla.records[1].scalars["loss"]  # NaN
    assert vanilla.records[1].layers["layer 6"].n_finite == 0
    assert [record.epoch for record in bn.records] == [0, 1, 2, 3]
    assert "vanilla-s3 diverged at epoch 1" in capsys.readouterr().out


ALL = tuple(MethodSpec(key) for key in ("vanilla", *(method.key for method in list_methods()), "bn+per", "dbn+l2"))


@pytest.mark.parametrize(
    ("data", "model"),
    [
        (DataSpec("digits", limit=64), ModelSpec("cnn11", width=0.02)),
        (DataSpec("digits", limit=64), ModelSpec("resnet", "relu", width=0.25, blocks=1)),
        (DataSpec("digits", limit=64), ModelSpec("mlp", "relu", width=0.03, depth=2)),
        (DataSpec("spirals", samples=64), ModelSpec("mlp", "leaky_relu", width=0.03, depth=2)),
        (DataSpec("documentation", words=20, length=5, limit=400), ModelSpec("lstm", width=0.012, variational=True)),
    ],
)
def test_every_method_in_every_model(data, model, tmp_path):
    spec = TrainingSpec(data, model, ALL, epochs=1, batch_size=32, probe_size=20, clip=1.0, device="cpu")
    assert work_here(spec, tmp_path / "all") == 0
    for method in ALL:
        run = open_run(tmp_path / "all" / "runs" / f"{method.label}-s0")
        assert len(run.records) == 2
        assert all(layer.n_finite == 20 for record in run.records for layer in record.layers.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": ("layer 7",)}, "layers must be hidden layers of the model, layer 1, layer 2; received layer 7"),
        ({"batch_size": 90}, "batch_size must be at most the number of training samples, 80; received 90"),
        ({"model": ModelSpec("cnn11")}, "takes images"),
        ({"compile": True}, "compile needs a GPU; this is trained on the CPU"),
        ({"mixed_precision": "bfloat16"}, "mixed_precision 'bfloat16' needs a GPU"),
        ({"batch_size": 8, "methods": (MethodSpec("vcl"),)}, "at least 10 rows, two subsets of 5; received 8"),
        ({"data": DataSpec("cifar10", folder="/nowhere")}, "CIFAR-10 needs the files data_batch_1.bin"),
    ],
)
def test_what_cannot_be_trained(changes, message, tmp_path, capsys):
    (tmp_path / "spec.json").write_text(json.dumps(replace(TINY, **changes).as_dict()))
    assert main(["train", str(tmp_path / "spec.json"), "--out", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err
    assert status(tmp_path / "out")["state"] == "failed"
    assert message in status(tmp_path / "out")["message"]


def test_folders_that_are_taken(done, tmp_path, capsys):
    spec, out = done[0].with_suffix(".json"), done[0]
    assert main(["train", str(spec), "--out", str(out)]) == 1
    assert "there is one in" in capsys.readouterr().err
    (tmp_path / "other.json").write_text(json.dumps(replace(TINY, epochs=9).as_dict()))
    assert main(["train", str(tmp_path / "other.json"), "--out", str(out), "--resume"]) == 1
    assert "goes on with the spec and on the device that it was begun with (here cpu)" in capsys.readouterr().err
    assert main(["train", str(spec), "--out", str(spec / "below")]) == 5
    assert "cannot be written" in capsys.readouterr().err
    assert status(out)["state"] == "finished"


def test_specs_that_are_none(tmp_path, capsys):
    assert main(["train", "nothing", "--out", str(tmp_path)]) == 1
    known = ", ".join(PRESETS)
    assert f"SPEC must be a JSON file or one of {known}; there is no nothing" in capsys.readouterr().err
    (tmp_path / "spec.json").write_text('{"epoch": 1}')
    assert main(["train", str(tmp_path / "spec.json"), "--out", str(tmp_path)]) == 1
    assert "received epoch. Remove or rename them." in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["train", "default", "--out", str(tmp_path), "--max-seconds", "-1"])


def test_what_goes_beyond_the_memory_is_refused_with_what_would_fit(tmp_path, capsys):
    spec = replace(TINY, model=ModelSpec("mlp", width=4.0, depth=40), methods=(MethodSpec(),))
    assert work_here(spec, tmp_path / "large", "--max-memory", resident_memory() / 1e6 + 200) == 1
    message = capsys.readouterr().err
    assert "would not fit into memory. At batch_size 20 and model.width 4 it takes about 8" in message
    width = float(message.partition("What would fit: model.width ")[2].split()[0].rstrip("."))
    assert width == pytest.approx(4 * (200 / 819) ** 0.5, rel=0.05)  # memory grows with the square of the width
    assert status(tmp_path / "large")["state"] == "failed"


def test_memory_that_grows_beyond_the_limit_ends_training(tmp_path):
    out = tmp_path / "grows"
    watch = Watch(out, TrainingLimits(memory=1), lambda: None)
    with watch, pytest.raises(BudgetError, match=r"may take 0 MB of memory, and the process has [\d,]+ MB"):
        watch.check()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_can_be_trained(name, tmp_path):
    spec = PRESETS[name].spec
    spec = replace(spec, epochs=0, methods=spec.methods[-2:], device="cpu")
    assert work_here(spec, tmp_path / name) == 0


def test_the_command_loads_neither_streamlit_nor_plotly_nor_pot():
    script = "import sys, analysis.__main__; print(sorted({'streamlit', 'plotly', 'ot', 'pandas'} & set(sys.modules)))"
    run = processes.run([sys.executable, "-c", script], check=True)
    assert run.stdout.strip() == "[]"

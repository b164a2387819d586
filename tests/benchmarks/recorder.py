"""What watching costs a training: epochs that end with a record, against epochs without, and with copies of it all."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import torch
from torch import Tensor, nn

from analysis.runs.spec import VANILLA, MethodSpec
from analysis.training.data_source import load_samples
from analysis.training.learner import Learner
from analysis.training.models import hidden_layers
from analysis.training.presets import PRESETS
from per_core import Recorder
from per_core.recording.background import Background
from tests.benchmarks.timing import Seconds, interleave

PROBE = 256
PLAIN, RECORDED, AT_ONCE = "epoch", "epoch and record, in the background", "epoch and record, at once"
COPIED = "epoch with copies of every step"
RECORD, PASS = "record, at once", "its forward pass alone"


def record_workloads(times: int, device: str, folder: Path, background: Background) -> dict[str, Callable[[], object]]:
    """Epochs of the digits CNN on `times` as many images, and what a record is made of."""
    spec = replace(PRESETS["default"].spec, device=device, batch_size=128)
    digits = load_samples(spec.data).to(torch.device(device))
    images, labels = digits.training_inputs, digits.training_labels
    data = replace(digits, training_inputs=images.repeat(times, 1, 1, 1), training_labels=labels.repeat(times))
    probe = data.scaled(images[:PROBE])

    def epoch_of(learner: Learner, after: Callable[[], object]) -> Callable[[], object]:
        epochs = count(1)

        def epoch() -> None:
            learner.learn(next(epochs))
            after()

        return epoch

    plain, recorded, at_once, copied = (Learner(spec, MethodSpec(VANILLA), spec.seed, data) for _ in range(4))

    def record_of(learner: Learner, name: str, background: Background | None = None) -> Callable[[], None]:
        layers, records = [*hidden_layers(learner.network), "output"], count()
        recorder = Recorder(learner.network, folder / name, layers=layers, background=background)
        return lambda: recorder.record(next(records), inputs=probe)

    record = record_of(at_once, "at once")
    copies: list[Tensor] = []

    def copy(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        copies.append(output.detach().cpu().clone())

    for module in (*hidden_layers(copied.network).values(), copied.network.get_submodule("output")):
        module.register_forward_hook(copy)

    def save() -> None:
        torch.save(copies, folder / "copies.pt")
        copies.clear()

    @torch.no_grad()
    def forward() -> None:
        plain.network(probe)

    return {
        PLAIN: epoch_of(plain, lambda: None),
        RECORDED: epoch_of(recorded, record_of(recorded, "in the background", background)),
        AT_ONCE: epoch_of(at_once, record),
        COPIED: epoch_of(copied, save),
        RECORD: record,
        PASS: forward,
    }


def record_times(times: int, device: str, *, quick: bool) -> Seconds:
    """Seconds of each, of the thread that trains on a CPU, measured in turns; files go to a temporary folder."""
    rounds = 3 if quick else 15 if times == 1 else 5
    with tempfile.TemporaryDirectory() as folder, Background() as background:
        functions = record_workloads(times, device, Path(folder), background)
        return interleave(functions, rounds=rounds, turn=0.0, device=device, clock=time.thread_time)

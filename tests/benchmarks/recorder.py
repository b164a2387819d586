"""What watching costs a training: epochs that end with a record, against epochs without, and with copies of it all."""

import tempfile
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
from tests.benchmarks.timing import Seconds, interleave

PROBE = 256
PLAIN, RECORDED, COPIED = "epoch", "epoch and record", "epoch with copies of every step"
RECORD, PASS = "record", "its forward pass alone"


def record_workloads(times: int, device: str, folder: Path) -> dict[str, Callable[[], object]]:
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

    plain, recorded, copied = (Learner(spec, MethodSpec(VANILLA), spec.seed, data) for _ in range(3))
    recorder = Recorder(recorded.network, folder / "run", layers=[*hidden_layers(recorded.network), "output"])
    records = count()
    copies: list[Tensor] = []

    def copy(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        copies.append(output.detach().cpu().clone())

    for module in (*hidden_layers(copied.network).values(), copied.network.get_submodule("output")):
        module.register_forward_hook(copy)

    def save() -> None:
        torch.save(copies, folder / "copies.pt")
        copies.clear()

    def record() -> None:
        recorder.record(next(records), inputs=probe)

    @torch.no_grad()
    def forward() -> None:
        plain.network(probe)

    return {
        PLAIN: epoch_of(plain, lambda: None),
        RECORDED: epoch_of(recorded, record),
        COPIED: epoch_of(copied, save),
        RECORD: record,
        PASS: forward,
    }


def record_times(times: int, device: str, *, quick: bool) -> Seconds:
    """Seconds of each, measured in turns; records and copies go to a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        functions = record_workloads(times, device, Path(folder))
        return interleave(functions, rounds=3 if quick else 15 if times == 1 else 5, turn=0.0, device=device)

"""What the callbacks of all frameworks have in common."""

import gc
import pickle
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from per_core import InvalidInputError, open_run
from per_core.recording.callbacks.epoch_recorder import EpochRecorder
from per_core.recording.probe import first_samples, inputs_among
from per_core.recording.run_files import ending
from per_core.recording.scalars import recorded_scalars, scalar_name
from tests import processes
from tests.per_core.recording.callbacks.trained import entry, epochs, network, samples, scalars
from tests.per_core.recording.recorded import draw

FRAMEWORKS = ("lightning", "transformers", "keras", "fastai")


def no_batch() -> object:
    raise AssertionError("a probe was given")


def test_numbers_have_the_names_that_the_dashboard_knows():
    names = {
        "train_loss": "loss",
        "loss": "loss",
        "val_loss": "validation_loss",
        "val/acc": "validation_accuracy",
        "eval_accuracy": "validation_accuracy",
        "valid_loss": "validation_loss",
        "test_acc_top5": "test_accuracy_top5",
        "accordance": "accordance",
        "train": "train",
        "lr-SGD": "lr-SGD",
    }
    assert {name: scalar_name(name) for name in names} == names


def test_what_is_no_number_is_left_out():
    logged = {"loss": 1, "train_loss": 2.0, "f1": torch.tensor([3.0]), "time": "00:01", "all": torch.ones(2)}
    logged |= {"epoch": 4, "inputs": 5, "is_best": True}
    assert recorded_scalars(logged) == {"loss": 1, "f1": torch.tensor([3.0])}


def test_the_probe_is_the_first_samples_in_the_order_of_the_data():
    loader = DataLoader(samples(), 8, shuffle=True)
    before = torch.get_rng_state()
    x, y = first_samples(loader)
    assert torch.equal(x, draw(24, 4)[:8])
    assert y.tolist() == [0, 1] * 4
    assert torch.equal(torch.get_rng_state(), before)


class Drawing:
    """A collate function with a random generator of its own."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)

    def __call__(self, batch: list[tuple[torch.Tensor, ...]]) -> torch.Tensor:
        return torch.stack([x for x, _ in batch]) + torch.rand(1, generator=self.generator)


def test_a_collate_function_with_a_generator_does_not_notice():
    collate = Drawing()
    first = first_samples(DataLoader(samples(), 8, collate_fn=collate))
    assert torch.equal(first, collate([samples()[index] for index in range(8)]))


def test_data_without_numbers_need_a_probe():
    class Endless(IterableDataset):
        def __iter__(self):
            yield torch.ones(4)

    with pytest.raises(InvalidInputError, match=r"received Endless\. Pass a fixed batch .* inputs=probe"):
        first_samples(DataLoader(Endless()))


def test_what_forward_takes_of_a_batch():
    class TwoInputs(nn.Module):
        def forward(self, a, b, scale=1.0):
            return (a + b) * scale

    one, two = nn.Linear(1, 1), TwoInputs()
    assert inputs_among(["x", "y"], one) == ("x",)
    assert inputs_among(("x", "y", "label"), two) == ("x", "y")
    assert inputs_among({"a": 1, "b": 2, "label": 3}, two) == {"a": 1, "b": 2}
    assert inputs_among({"image": 1}, one) == ({"image": 1},)
    assert inputs_among("x", one) == ("x",)
    assert inputs_among(["x", "y"], torch.compile(one, backend="eager")) == ("x",)


def test_every_second_epoch_and_where_a_training_ends_within_one(tmp_path: Path):
    recorder = EpochRecorder(tmp_path / "run", draw(8, 4), every=2, layers=["0"], title="Mine")
    recorder.begin(network(), 0, no_batch)
    assert entry(tmp_path / "run").state == "recorded"  # there may be more
    for epoch in (1, 2, 3, 3.5):
        recorder.record(epoch, {"train_loss": epoch})
        recorder.record(epoch, {"train_loss": -1.0})  # once
    recorder.end()
    run = open_run(tmp_path / "run")
    assert [(record.epoch, record.scalars) for record in run.records] == [
        (0, {}),
        (2, {"loss": 2}),
        (3.5, {"loss": 3.5}),
    ]
    assert (run.title, list(run.layers)) == ("Mine", ["0"])
    shown = entry(tmp_path / "run")
    assert (shown.state, shown.epoch, shown.title) == ("finished", 3.5, "Mine")
    with pytest.raises(InvalidInputError, match="every must be an integer of at least 1; received 0"):
        EpochRecorder(tmp_path, every=0)


def test_a_second_training_goes_on_where_the_first_ended(tmp_path: Path):
    model, recorder = network(), EpochRecorder(tmp_path / "run", draw(8, 4))
    for _ in range(2):  # a framework that counts from 0 again
        recorder.begin(model, 0, no_batch)
        recorder.record(1, {})
        recorder.record(2, {})
        recorder.end()
    recorder.begin(model, 4, no_batch)  # and one that does not
    recorder.record(5, {})
    assert epochs(tmp_path / "run") == [0, 1, 2, 3, 4, 5]
    with pytest.raises(InvalidInputError, match="already holds one"):
        recorder.begin(network(), 0, no_batch)


def test_resume_goes_on_from_the_checkpoint_and_keeps_its_record(tmp_path: Path):
    for start in (0, 2):
        recorder = EpochRecorder(tmp_path / "run", draw(8, 4), resume=True)
        recorder.begin(network(), start, no_batch)
        for epoch in (start + 1, start + 2, start + 3):
            recorder.record(epoch, {f"from_{start}": epoch})
        recorder.end()
    assert epochs(tmp_path / "run") == [0, 1, 2, 3, 4, 5]
    assert scalars(tmp_path / "run")[1:] == [{"from_0"}] * 2 + [{"from_2"}] * 3


def test_who_forgets_the_callback_has_interrupted_the_run(tmp_path: Path):
    """As an exception does in a framework that does not tell its callbacks."""
    recorder = EpochRecorder(tmp_path / "run", draw(8, 4))
    recorder.begin(network(), 0, no_batch)
    copy = pickle.loads(pickle.dumps(recorder))
    assert ending(tmp_path / "run") is None
    del recorder
    gc.collect()
    assert ending(tmp_path / "run") == "interrupted"
    assert entry(tmp_path / "run").message == "interrupted after epoch 0: 1 record"
    with pytest.raises(InvalidInputError, match="already holds one"):  # a copy begins a run of its own
        copy.begin(network(), 0, no_batch)


def test_steps_of_the_training_instead_of_a_probe(tmp_path: Path):
    model, recorder = network(), EpochRecorder(tmp_path / "run", sample_every=1)
    recorder.begin(model, 0, no_batch)
    model(draw(8, 4))
    recorder.record(1, {})
    recorder.end()
    assert [record.sampling for record in open_run(tmp_path / "run").records] == ["mixed over the epoch"]


def test_importing_per_core_loads_no_framework_and_no_name_hides_one():
    script = f"""
import sys
from per_core import *
import per_core.recording.callbacks
print(*sorted({{"lightning", "transformers", "keras", "fastai", "fastai_minima"}} & set(sys.modules)))
sys.modules |= dict.fromkeys(["lightning", "transformers", "keras", "fastai", "fastai_minima"])
from per_core.extra_package import MissingPackageError
from importlib import import_module
for name in {list(FRAMEWORKS)}:
    try:
        import_module("per_core.recording.callbacks." + name)
    except MissingPackageError as error:
        print(error)
"""
    first, *told = processes.run([sys.executable, "-c", script], check=True).stdout.splitlines()
    assert first == ""
    assert len(told) == 4
    assert all(f"pip install {name}" in line.replace('"', "") for name, line in zip(FRAMEWORKS, told, strict=True))

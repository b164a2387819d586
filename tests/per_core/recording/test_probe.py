"""What a Recorder says of a probe that cannot be meant so: the rule, what came, and a line that works."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from per_core import InvalidInputError, Recorder, open_run
from tests.per_core.recording.recorded import draw

IMAGES, LABELS = draw(20, 4), torch.zeros(20, dtype=torch.long)
LOADER = DataLoader(TensorDataset(IMAGES, LABELS), batch_size=10)


class Lit(nn.Module):
    """As a LightningModule that has a training_step alone."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(4, 3)


class Passing(Lit):
    """As LightningModule.forward does: it calls what there is not."""

    def forward(self, *arguments: Tensor) -> Tensor:
        return super().forward(*arguments)


@pytest.mark.parametrize(
    ("probe", "said", "right"),
    [
        ([IMAGES, LABELS], "a list of 2: a tensor of shape (20, 4), a tensor of shape (20,)", IMAGES),
        (next(iter(LOADER)), "a list of 2", next(iter(LOADER))[0]),
        ((IMAGES, LABELS), "a tensor of shape (20, 4), a tensor of shape (20,): too many positional arguments", IMAGES),
        (LOADER, "probe = next(iter(loader))[0]", next(iter(LOADER))[0]),
        (IMAGES.numpy(), "torch.from_numpy(probe).float()", torch.from_numpy(IMAGES.numpy()).float()),
        ({"input": IMAGES.numpy()}, "received a NumPy array of shape (20, 4)", {"input": IMAGES}),
        (list(IMAGES), "inputs=torch.stack(samples)", torch.stack(list(IMAGES))),
        ({"input": IMAGES, "labels": LABELS}, "inputs={name: probe[name] for name in ['input']}", {"input": IMAGES}),
        (LOADER.dataset, "received a TensorDataset", next(iter(DataLoader(LOADER.dataset, batch_size=256)))[0]),
        (iter(LOADER), "probe = next(batches)[0]", next(iter(LOADER))[0]),
        ((), "received an empty tuple", IMAGES),
        ([], "received an empty list", IMAGES),
        ({}, "received an empty dict", IMAGES),
        (IMAGES[:0], "received a tensor of shape (0, 4)", IMAGES),
    ],
)
def test_what_is_no_probe(tmp_path: Path, probe: object, said: str, right: object) -> None:
    model = nn.Linear(4, 3)
    with Recorder(model, tmp_path / "run") as recorder:
        with pytest.raises(InvalidInputError, match=rf"^inputs must .*{re.escape(said)}"):
            recorder.record(0, inputs=probe)
        recorder.record(0, inputs=right)
    assert list(open_run(tmp_path / "run").records[0].layers) == ["Linear"]


@pytest.mark.parametrize("model", [Lit(), Passing()])
def test_a_model_without_forward(tmp_path: Path, model: Lit) -> None:
    with (
        Recorder(model, tmp_path / "run") as recorder,
        pytest.raises(InvalidInputError, match=r"must have a forward method .* Recorder\(model\.net, \.\.\.\)"),
    ):
        recorder.record(0, inputs=IMAGES)
    with Recorder(model.net, tmp_path / "inside") as recorder:
        recorder.record(0, inputs=IMAGES)


def test_an_array_of_numbers_that_a_model_takes_by_name(tmp_path: Path) -> None:
    with Recorder(nn.Linear(4, 3), tmp_path / "run") as recorder:
        recorder.record(0, inputs={"input": torch.from_numpy(np.ones((5, 4), np.float32))})
    assert open_run(tmp_path / "run").records[0].layers["Linear"].n == 5


class Mapped(nn.Module):
    """Takes a batch that is a mapping as its one argument."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.layer(batch["x"])


def test_a_mapping_that_is_the_one_argument(tmp_path: Path) -> None:
    with Recorder(Mapped(), tmp_path / "run") as recorder:
        with pytest.raises(
            InvalidInputError, match=r"the mapping itself, pass it as the one argument: inputs=\(probe,\)"
        ):
            recorder.record(0, inputs={"x": IMAGES})
        recorder.record(0, inputs=({"x": IMAGES},))
    assert open_run(tmp_path / "run").records[0].layers["layer"].n == 20

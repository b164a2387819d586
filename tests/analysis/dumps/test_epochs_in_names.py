"""Epochs with a fraction: in names of files, decided by the whole set, and in run directories."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from analysis.dumps import inspect, parse_names
from analysis.overview import overview
from per_core import Recorder


def found(*names: str) -> list[tuple[str | None, float | None]]:
    return [(one.layer, one.epoch) for one in parse_names([(name, "") for name in names])]


@given(st.floats(0, 1e6).map(lambda epoch: round(epoch, 4)))
def test_a_point_in_an_epoch(epoch: float) -> None:
    for form in ("epoch_{}", "fc1/ep{}", "step-{}", "epoch={}"):
        assert parse_names([(form.format(f"{epoch:.4f}"), "")])[0].epoch == epoch


@pytest.mark.parametrize(
    ("names", "epochs"),
    [
        (["epoch_0.5", "epoch_1", "epoch_1.5"], [0.5, 1, 1.5]),
        (["epoch_0.5.fc1", "epoch_1.0.fc1"], [0.5, 1]),
        (["epoch_00_00", "epoch_00_25", "epoch_10_50"], [0, 0.25, 10.5]),
        (["ep1.5/fc1", "ep2.0/fc1"], [1.5, 2]),
    ],
)
def test_fractions_are_read(names: list[str], epochs: list[float]) -> None:
    read = parse_names([(name, "") for name in names])
    assert [one.epoch for one in read] == epochs
    assert not any(character.isdigit() for one in read for character in (one.layer or "").replace("fc1", ""))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["epoch_3_layer_5", "epoch_4_layer_5"], [("layer_5", 3), ("layer_5", 4)]),
        (["epoch_1_2", "epoch_1_3"], [("2", 1), ("3", 1)]),
        (["epoch_01_10", "epoch_01_11", "epoch_02_10", "epoch_02_11"], [("10", 1), ("11", 1), ("10", 2), ("11", 2)]),
        (["epoch_3.features.0", "epoch_3.features.2"], [("features.0", 3), ("features.2", 3)]),
        (["step-300", "step-1000"], [(None, 300), (None, 1000)]),
    ],
)
def test_a_second_number_that_counts_layers_stays_one(
    names: list[str], expected: list[tuple[str | None, float]]
) -> None:
    assert found(*names) == expected


def test_what_could_be_one_number_is_told() -> None:
    one = parse_names([("epoch_10_50", "")])[0]
    assert one.epoch == 10
    assert "10_50 in its name is taken for epoch 10 and another number; if it is epoch 10.5, write" in one.note


def test_a_folder_of_fractional_epochs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    epochs = (0, 0.25, 0.5, 0.75, 1, 2, 10.5)
    for epoch in epochs:
        name = f"epoch_{epoch:05.2f}".replace(".", "_")
        np.savez(tmp_path / f"{name}.npz", act_fc1=rng.normal(size=(40, 6)), act_fc2=rng.normal(size=(40, 3)))
    dump = inspect(tmp_path)
    assert all("in its name is epoch" in member.note for member in dump.readable)
    seen = overview(dump)
    assert seen.epochs == epochs
    assert len(seen.layers) == 2
    assert dump.load(next(one.name for one in dump.readable if one.epoch == 0.25)).epoch == 0.25


def test_a_run_recorded_within_epochs(tmp_path: Path) -> None:
    model = nn.Linear(4, 3)
    with Recorder(model, tmp_path / "run", on_repeated_epoch="replace") as recorder:
        for epoch in (0, 0.25, 0.25, 1):
            recorder.record(epoch, inputs=torch.randn(50, 4))
    dump = inspect(tmp_path / "run")
    assert [member.epoch for member in dump.readable] == [0, 0.25, 1]
    assert overview(dump).epochs == (0, 0.25, 1)

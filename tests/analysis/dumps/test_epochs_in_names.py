"""Epochs with a fraction: in names of files, decided by the whole set, and in run directories."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from analysis.__main__ import main
from analysis.dumps import NamePattern, inspect, parse_names
from analysis.dumps.name_pattern import fitting_pattern
from analysis.survey.overview import overview
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


def epochs_of(*names: str) -> list[tuple[float | None, str | None]]:
    """Epoch and layer of every name, by the rule that all of them propose."""
    pattern = fitting_pattern([(name, "") for name in names])
    return [(told.epoch, told.layer) for told in (pattern.parse(name) for name in names)]


@pytest.mark.parametrize(
    ("name", "epoch", "layer"),
    [
        ("epoch_0.5", 0.5, None),
        ("ep1.5/layer_3", 1.5, "layer_3"),
        ("epoch=0.25-fc1", 0.25, "fc1"),
        ("epoch_00_25/fc1", 0.25, "fc1"),
        ("epoch_05_21", 5.21, None),
        ("epoch_10_50", 10.5, None),
        ("epoch_100_00/fc1", 100, "fc1"),
        ("e10", 10, None),
        ("acts_e0.5", 0.5, None),
        ("fc1/e03", 3, "fc1"),
        ("step-300", 300, None),
        ("step_300_20", 300, "20"),
        ("epoch_3_layer_5", 3, "layer_5"),
        ("epoch_3.layer4.0.conv2", 3, "layer4.0.conv2"),
        ("epoch_1_2", 1, "2"),
        ("epoch_10_2", 10, "2"),
        ("epoch_3_10", 3, "10"),
        ("epoch_1.2.3", 1, "2.3"),
        ("epoch_05_21_2024", 5, "21_2024"),
        ("e5-large/layer_3", None, "layer_3"),
        ("epoch_3/e1", 3, "e1"),
    ],
)
def test_of_one_name(name: str, epoch: float | None, layer: str | None) -> None:
    ((found, found_layer),) = epochs_of(name)
    assert found == epoch
    assert type(found) is type(epoch)
    if layer is None:
        assert found_layer is None or "epoch" not in found_layer
    else:
        assert found_layer == layer


def test_layers_numbered_behind_an_epoch_stay_layers() -> None:
    names = [f"epoch_{epoch:02d}_{layer:02d}" for epoch in (1, 2, 3) for layer in range(12)]
    assert epochs_of(*names)[:13] == [*[(1, f"{layer:02d}") for layer in range(12)], (2, "00")]
    half_written = names[:17]  # the second epoch is not complete yet
    assert epochs_of(*half_written)[-1] == (2, "04")
    chosen = [f"epoch_{epoch}_{layer}" for epoch in (10, 20) for layer in (11, 14, 30)]
    assert epochs_of(*chosen)[0] == (10, "11")
    modules = [f"epoch_{epoch}.{module}" for epoch in (1, 2) for module in (0, 1, 2)]
    assert epochs_of(*modules) == [(epoch, str(module)) for epoch in (1, 2) for module in (0, 1, 2)]


@pytest.mark.parametrize(
    ("form", "epochs"),
    [
        ("{:05.2f}", [0, 0.25, 0.5, 0.75, 1, 2, 10.5]),
        ("{:05.2f}", [0.05, 0.1, 0.37, 1.02]),
        ("{:05.2f}", [epoch / 4 for epoch in range(16)]),
        ("{:05.2f}", [0, 0.33, 0.67, 1, 1.33, 1.67]),
        ("{:.2f}", [0, 0.25, 0.5, 0.75, 1, 12.5]),
        ("{:.2f}", [0, 0.5, 1, 1.5]),
    ],
)
def test_decimals_behind_an_underscore(form: str, epochs: list[float]) -> None:
    names = [f"epoch_{form.format(epoch).replace('.', '_')}" for epoch in epochs]
    assert [epoch for epoch, _ in epochs_of(*names)] == epochs


@pytest.mark.parametrize("step", [0.1, 0.25, 0.5, 0.125])
def test_decimals_behind_a_point(step: float) -> None:
    epochs = [round(number * step, 3) for number in range(round(3 / step))]
    assert [epoch for epoch, _ in epochs_of(*(f"epoch_{epoch}" for epoch in epochs))] == epochs


def test_e_counts_where_nothing_else_has_a_number() -> None:
    assert [epoch for epoch, _ in epochs_of("e1", "e2", "e10", "labels")] == [1, 2, 10, None]
    assert [epoch for epoch, _ in epochs_of("e1", "e2", "d1", "d2")] == [None] * 4  # encoder and decoder of a U-Net
    assert [epoch for epoch, _ in epochs_of("epoch_1/e1", "epoch_1/e2")] == [1, 1]


def test_what_is_read_from_a_name_that_leaves_it_open_is_said(tmp_path: Path) -> None:
    for epoch in ("00_25", "10_50"):
        np.save(tmp_path / f"epoch_{epoch}.npy", np.ones((3, 2)))
    assert [(member.epoch, member.note) for member in inspect(tmp_path).members] == [
        (0.25, "00_25 in its name is epoch 0.25"),
        (10.5, "10_50 in its name is epoch 10.5"),
    ]
    whole = inspect(tmp_path, pattern=NamePattern(epoch=r"epoch_(\d+)")).members
    assert [(member.epoch, member.layer) for member in whole] == [(0, "25"), (10, "50")]
    advice = r"10_50 in its name is taken for epoch 10 and another number; if it is epoch 10.5, write epoch_(\d+_\d+)"
    assert whole[1].note.startswith(advice)
    as_advised = inspect(tmp_path, pattern=NamePattern(epoch=r"epoch_(\d+_\d+)")).members
    assert [member.epoch for member in as_advised] == [0.25, 10.5]
    np.save(tmp_path / "epoch_0.5.npy", np.ones((3, 2)))
    assert {member.name: member.note for member in inspect(tmp_path).members}["epoch_0.5.npy"] == ""


def test_one_digit_that_may_be_a_decimal_is_said(tmp_path: Path) -> None:
    for name in ("0_0", "0_5", "1_0", "1_5"):
        np.save(tmp_path / f"epoch_{name}.npy", np.ones((3, 2)))
    found = inspect(tmp_path).members
    assert [(member.epoch, member.layer) for member in found] == [(0, "0"), (0, "5"), (1, "0"), (1, "5")]
    assert "1_5 in its name is taken for epoch 1 and another number; if it is epoch 1.5, write" in found[-1].note


def test_a_dump_of_one_layer_is_one_row_over_the_epochs(tmp_path: Path) -> None:
    for epoch in (0.5, 1, 10.5):
        np.save(tmp_path / f"epoch_{epoch}.npy", np.random.default_rng(0).normal(size=(40, 3)))
    seen = overview(inspect(tmp_path))
    assert (seen.layers, seen.epochs) == (("the layer",), (0.5, 1, 10.5))


def test_the_rule_that_was_decided_can_be_seen(tmp_path: Path) -> None:
    for layer in ("00", "01", "02"):
        np.save(tmp_path / f"epoch_01_{layer}.npy", np.ones((3, 2)))
    inspection = inspect(tmp_path)
    assert [(member.epoch, member.layer) for member in inspection.members] == [(1, "00"), (1, "01"), (1, "02")]
    assert inspection.pattern != NamePattern()
    assert [member.epoch for member in inspection.with_pattern(NamePattern()).members] == [1, 1.01, 1.02]


def test_the_table_prints_fractions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for epoch in ("0.25", "1.00"):
        np.savez(tmp_path / f"epoch_{epoch}.npz", fc1=np.ones((3, 2)))
    assert main(["inspect", str(tmp_path)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[-2] for line in lines if line and line[-1] == "ok"] == ["0.25", "1"]


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

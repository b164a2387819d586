"""Epochs, steps and fractions of epochs in names, decided by the whole set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.dumps.proposal.named_sets import asked, cells, named


def layers_and_epochs(*names: str) -> list[tuple[str | None, float | None]]:
    return [(layer, epoch) for layer, epoch, _ in cells(named(names))]


def epochs(*names: str) -> list[float | None]:
    return [epoch for _, epoch in layers_and_epochs(*names)]


@given(st.floats(0, 1e6).map(lambda epoch: round(epoch, 4)))
def test_a_point_in_an_epoch(epoch):
    for form in ("epoch_{}.npy", "fc1/ep{}.npy", "step-{}.npy", "epoch={}.npy"):
        assert epochs(form.format(f"{epoch:.4f}")) == [epoch]


@pytest.mark.parametrize(
    ("name", "layer", "epoch"),
    [
        ("epoch_0.5", None, 0.5),
        ("ep1.5/layer_3", "layer_3", 1.5),
        ("epoch=0.25-fc1", "fc1", 0.25),
        ("epoch_00_25/fc1", "fc1", 0.25),
        ("epoch_05_21", None, 5.21),
        ("epoch_10_50", None, 10.5),
        ("epoch_100_00/fc1", "fc1", 100),
        ("e10", None, 10),
        ("acts_e0.5", None, 0.5),
        ("fc1/e03", "fc1", 3),
        ("step-300", None, 300),
        ("step_300_20", "20", 300),
        ("epoch_3_layer_5", "layer_5", 3),
        ("epoch_3.layer4.0.conv2", "layer4.0.conv2", 3),
        ("epoch_1_2", "2", 1),
        ("epoch_10_2", "2", 10),
        ("epoch_3_10", "10", 3),
        ("epoch_1.2.3", "2.3", 1),
        ("epoch_05_21_2024", "21_2024", 5),
        ("e5-large/layer_3", "layer_3", None),
        ("epoch_3/e1", "e1", 3),
        ("features.6", "features.6", None),
        ("resnet/layer4.0.conv2", "layer4.0.conv2", None),
        ("train/ep3/blocks.0.hook_resid_post", "blocks.0.hook_resid_post", 3),
        ("step-3/activations/model.layers.7", "model.layers.7", 3),
        ("layer_3/step-300/activations", "layer_3", 300),
        ("activations/val/layer_3/epoch_12", "layer_3", 12),
        ("tiny/late layer, epoch 12", "late layer", 12),
        ("layer3_activations", "layer3", None),
        ("steps-0-100/rows-0-1000/features.6", "features.6", 0),
        ("out/hidden_states/3", "3", None),
        ("dump/anything", "anything", None),
        ("EPOCH=07/Features.1", "Features.1", 7),
        ("shard-00001-of-00004/layer_1", "layer_1", None),
        ("model-1000.ckpt/fc1", "fc1", 1000),
    ],
)
def test_of_one_name(name, layer, epoch):
    assert layers_and_epochs(name) == [(layer, epoch)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("epoch_0.5", "epoch_1", "epoch_1.5"), [0.5, 1, 1.5]),
        (("epoch_0.5.fc1", "epoch_1.0.fc1"), [0.5, 1]),
        (("epoch_00_00", "epoch_00_25", "epoch_10_50"), [0, 0.25, 10.5]),
        (("ep1.5/fc1", "ep2.0/fc1"), [1.5, 2]),
        (("0.5/fc1.npy", "1.0/fc1.npy", "10.5/fc1.npy"), [0.5, 1, 10.5]),
    ],
)
def test_fractions_are_read(names, expected):
    assert epochs(*names) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("{:05.2f}", [0, 0.25, 0.5, 0.75, 1, 2, 10.5]),
        ("{:05.2f}", [0.05, 0.1, 0.37, 1.02]),
        ("{:05.2f}", [epoch / 4 for epoch in range(16)]),
        ("{:05.2f}", [0, 0.33, 0.67, 1, 1.33, 1.67]),
        ("{:.2f}", [0, 0.25, 0.5, 0.75, 1, 12.5]),
        ("{:.2f}", [0, 0.5, 1, 1.5]),
    ],
)
def test_decimals_behind_an_underscore(form, expected):
    assert epochs(*(f"epoch_{form.format(epoch).replace('.', '_')}" for epoch in expected)) == expected


@pytest.mark.parametrize("step", [0.1, 0.25, 0.5, 0.125])
def test_decimals_behind_a_point(step):
    expected = [round(number * step, 3) for number in range(round(3 / step))]
    assert epochs(*(f"epoch_{epoch}" for epoch in expected)) == expected


def test_a_second_number_that_counts_layers_stays_one():
    every = [f"epoch_{epoch:02d}_{layer:02d}" for epoch in (1, 2, 3) for layer in range(12)]
    assert layers_and_epochs(*every)[:13] == [*((f"{layer:02d}", 1) for layer in range(12)), ("00", 2)]
    half_written = every[:17]  # the second epoch is not complete yet
    assert layers_and_epochs(*half_written)[-1] == ("04", 2)
    chosen = [f"epoch_{epoch}_{layer}" for epoch in (10, 20) for layer in (11, 14, 30)]
    assert layers_and_epochs(*chosen)[0] == ("11", 10)
    modules = [f"epoch_{epoch}.{module}" for epoch in (1, 2) for module in (0, 1, 2)]
    assert layers_and_epochs(*modules) == [(str(module), epoch) for epoch in (1, 2) for module in (0, 1, 2)]


def test_one_digit_behind_an_underscore_is_no_decimal():
    names = ("epoch_0_0", "epoch_0_5", "epoch_1_0", "epoch_1_5")
    assert layers_and_epochs(*names) == [("0", 0), ("5", 0), ("0", 1), ("5", 1)]


def test_e_counts_where_nothing_else_has_a_number():
    assert epochs("e1", "e2", "e10", "labels") == [1, 2, 10, None]
    assert epochs("e1", "e2", "d1", "d2") == [None] * 4  # encoder and decoder of a U-Net
    assert epochs("epoch_1/e1", "epoch_1/e2") == [1, 1]


def test_of_epoch_and_step_the_finer_one_counts():
    both = [f"epoch={epoch}-step={400 * (epoch + 1)}.pt/fc1" for epoch in range(4)]
    assert epochs(*both) == [0, 1, 2, 3]
    within = [f"epoch={epoch}-step={step}.pt/fc1" for epoch in (0, 1) for step in (100 * epoch + 50, 100 * epoch + 100)]
    assert epochs(*within) == [50, 100, 150, 200]


def test_steps_that_start_again_with_each_epoch_are_kept_apart():
    names = [f"epoch_{epoch}/step_{step}/fc1.npy" for epoch in (0, 1, 2) for step in (0, 50)]
    assert [parts for *_, parts in cells(named(names))] == [1] * 6
    assert asked(named(names))


@pytest.mark.parametrize(
    "form", ["st-{}.pt/s", "model-{}.ckpt/fc1.npy", "{}.h5/fc1", "fc1@{}.npy", "it_{}/fc1.npy", "round{}/fc1.npy"]
)
def test_numbers_that_are_not_one_after_another_are_moments(form):
    assert epochs(*(form.format(step) for step in (0, 4, 9, 190))) == [0, 4, 9, 190]

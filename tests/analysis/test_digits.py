import sys

import numpy as np
import pytest
import torch

from analysis import digits
from per_core.errors import InvalidInputError
from tests import processes


@pytest.fixture(scope="module")
def snapshots():
    return list(digits.train((0, 1, 3), seed=7))


def test_snapshots_are_those_asked_for(snapshots):
    assert [snapshot.epoch for snapshot in snapshots] == [0, 1, 3]
    for snapshot in snapshots:
        assert tuple(snapshot.activations) == digits.LAYERS
        for values in snapshot.activations.values():
            assert values.shape == (500, 32)
            assert values.dtype == np.float32
            assert values.min() >= -1
            assert values.max() > 1


def test_epoch_0_is_before_training(snapshots):
    assert snapshots[0].accuracy < 0.3
    assert snapshots[2].accuracy > 0.8
    (untrained,) = digits.train([0], seed=7)
    for layer in digits.LAYERS:
        np.testing.assert_array_equal(untrained.activations[layer], snapshots[0].activations[layer])


def test_what_is_yielded_does_not_change_the_training(snapshots):
    (last,) = digits.train([3], seed=7)
    for layer in digits.LAYERS:
        np.testing.assert_array_equal(last.activations[layer], snapshots[2].activations[layer])


def test_the_seed_decides_everything(snapshots):
    again = list(digits.train((3, 1, 0), seed=7))
    other = list(digits.train((0,), seed=8))
    for first, second in zip(snapshots, again, strict=True):
        assert first.accuracy == second.accuracy
        for layer in digits.LAYERS:
            np.testing.assert_array_equal(first.activations[layer], second.activations[layer])
    assert not np.array_equal(snapshots[0].activations["layer 2"], other[0].activations["layer 2"])


def test_the_global_random_states_are_neither_read_nor_changed(snapshots):
    torch.manual_seed(123)
    torch_before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    threads = torch.get_num_threads()
    again = list(digits.train((0, 1), seed=7))
    assert torch.equal(torch.random.get_rng_state(), torch_before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002
    assert torch.get_num_threads() == threads
    np.testing.assert_array_equal(again[1].activations["layer 9"], snapshots[1].activations["layer 9"])


def test_the_probe_set_is_fixed_and_apart_from_training():
    first, second = digits.load(), digits.load()
    assert first.training_images.shape == (1297, 64)
    assert first.probe_images.shape == (500, 64)
    assert torch.equal(first.probe_images, second.probe_images)
    assert set(first.probe_labels.tolist()) == set(range(10))
    assert first.training_images.mean().item() == pytest.approx(0, abs=1e-12)
    assert first.training_images.var(correction=0).item() == pytest.approx(1)
    apart = torch.cdist(first.probe_images, first.training_images).min()
    assert apart > 0.1


@pytest.mark.parametrize("epochs", [[], [3, -1]])
def test_epochs_that_are_none(epochs):
    with pytest.raises(InvalidInputError, match="at least one epoch, each 0 or larger"):
        digits.train(epochs)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_that_are_none(seed):
    with pytest.raises(InvalidInputError, match=f"received {seed}"):
        digits.train(seed=seed)


@pytest.mark.parametrize("module", ["analysis", "analysis.digits", "analysis.recording", "analysis.__main__"])
def test_importing_loads_neither_streamlit_nor_plotly(module):
    check = f"import sys, {module}; print([name for name in ('streamlit', 'plotly') if name in sys.modules])"
    done = processes.run([sys.executable, "-c", check], check=True)
    assert done.stdout.strip() == "[]"

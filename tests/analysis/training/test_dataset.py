import numpy as np
import pytest
import torch

from analysis import digits
from analysis.runs.spec import DataSpec
from analysis.training.dataset import load


def test_digits_are_those_of_the_recording():
    data, source = load(DataSpec()), digits.load()
    assert data.shape == (1, 8, 8)
    assert (len(data.training_labels), len(data.test_labels), data.classes) == (1297, 500, 10)
    torch.testing.assert_close(data.training_inputs.flatten(1), source.training_images.float())
    assert torch.equal(data.test_labels, source.probe_labels)
    assert torch.equal(data.scaled(data.test_inputs), data.test_inputs)


@pytest.mark.parametrize("name", ["spirals", "mixture"])
def test_synthetic_sets(name):
    spec = DataSpec(name, samples=301, classes=4, dim=6)
    data, again = load(spec), load(spec)
    assert torch.equal(data.training_inputs, again.training_inputs)
    assert data.shape == ((2,) if name == "spirals" else (6,))
    assert (len(data.training_labels), len(data.test_labels)) == (301, 151)
    assert set(data.training_labels.tolist()) == {0, 1, 2, 3}
    scaled = data.scaled(data.training_inputs)
    assert scaled.mean().item() == pytest.approx(0, abs=1e-5)
    assert scaled.std().item() == pytest.approx(1, abs=1e-5)


def test_spirals_turn_once_and_classes_are_rotations():
    data = load(DataSpec("spirals", samples=900, classes=3, noise=0))
    x, y = data.training_inputs.double().T
    radius = torch.hypot(x, y)
    assert radius.max() <= 1
    assert (radius**2).mean().item() == pytest.approx(0.5, abs=0.05)  # uniform in area
    turns = torch.atan2(y, x) / (2 * np.pi) - radius - data.training_labels / 3
    np.testing.assert_allclose((turns + 0.5) % 1, 0.5, atol=1e-5)


def test_mixture_components_have_the_noise_asked_for():
    data = load(DataSpec("mixture", samples=4000, classes=2, dim=8, noise=0.3))
    for label in (0, 1):
        inside = data.training_inputs[data.training_labels == label]
        assert inside.std(dim=0).mean().item() == pytest.approx(0.3, rel=0.05)


def test_a_limit():
    whole, some = load(DataSpec()), load(DataSpec(limit=100))
    assert torch.equal(some.training_inputs, whole.training_inputs[:100])
    assert len(some.test_labels) == 500

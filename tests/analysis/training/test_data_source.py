import numpy as np
import pytest
import torch
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from analysis.runs.spec import DataSpec
from analysis.training.data_source import load, load_text
from per_core.errors import InvalidInputError


def test_digits_are_always_split_alike_and_the_test_images_are_others():
    data, again = load(DataSpec()), load(DataSpec())
    assert data.shape == (1, 8, 8)
    assert (len(data.training_labels), len(data.test_labels), data.classes) == (1297, 500, 10)
    assert torch.equal(data.test_inputs, again.test_inputs)
    assert set(data.test_labels.tolist()) == set(range(10))
    assert torch.cdist(data.test_inputs.flatten(1), data.training_inputs.flatten(1)).min() > 0.1


def test_digits_are_scikit_learns_with_mean_0_and_variance_1():
    data = load(DataSpec())
    inputs = torch.cat([data.training_inputs, data.test_inputs])
    labels = torch.cat([data.training_labels, data.test_labels])
    pixels = 16 * (inputs - inputs.min()) / (inputs.max() - inputs.min())
    expected, classes = load_digits(return_X_y=True)
    found = {(int(label), *map(round, row)) for label, row in zip(labels, pixels.flatten(1).tolist(), strict=True)}
    assert found == {(int(label), *map(int, row)) for label, row in zip(classes, expected, strict=True)}
    assert data.training_inputs.mean().item() == pytest.approx(0, abs=1e-6)
    assert data.training_inputs.var(correction=0).item() == pytest.approx(1, abs=1e-6)
    assert torch.equal(data.scaled(data.test_inputs), data.test_inputs)


@pytest.mark.parametrize("enlarge", [2, 3, 4])
def test_enlarged_digits_are_interpolated_between_the_pixels(enlarge):
    small, large = load(DataSpec()), load(DataSpec(enlarge=enlarge))
    assert large.shape == (1, 8 * enlarge, 8 * enlarge)
    assert str(8 * enlarge) in large.title
    assert torch.equal(large.training_labels, small.training_labels)
    assert large.training_inputs.mean().item() == pytest.approx(0, abs=1e-5)
    assert large.training_inputs.var(correction=0).item() == pytest.approx(1, abs=1e-5)

    expected = zoom(small.test_inputs.double(), (1, 1, enlarge, enlarge), order=1, mode="nearest", grid_mode=True)
    slope, shift = np.polyfit(expected.ravel(), large.test_inputs.double().ravel(), 1)  # another mean and variance
    np.testing.assert_allclose(large.test_inputs, slope * expected + shift, atol=1e-5)


def test_blocks_of_digits_of_twice_the_size_have_the_mean_of_a_pixel_and_its_neighbours():
    small, large = (load(DataSpec(enlarge=factor)).test_inputs.double() for factor in (1, 2))
    blocks = torch.nn.functional.avg_pool2d(large, 2)
    expected = torch.nn.functional.pad(small, (1, 1, 1, 1), mode="replicate")
    for axis in (2, 3):
        size = expected.shape[axis] - 2
        before, itself, after = (expected.narrow(axis, start, size) for start in (0, 1, 2))
        expected = (before + 6 * itself + after) / 8
    slope, shift = np.polyfit(expected.ravel(), blocks.ravel(), 1)
    np.testing.assert_allclose(blocks, slope * expected + shift, atol=1e-5)


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


@pytest.mark.parametrize(("least", "is_enough"), [(39, False), (40, True)])
def test_a_text_needs_words_to_be_evaluated_on(tmp_path, least, is_enough):
    for name, words in (("ptb.train.txt", 200), ("ptb.valid.txt", 90), ("ptb.test.txt", least)):
        (tmp_path / name).write_text("word " * (words - 1))
    spec = DataSpec("ptb", folder=str(tmp_path), length=5)
    if is_enough:
        assert sum(len(labels) for _, labels in load_text(spec).held_out("test")) == 20
        return
    with pytest.raises(InvalidInputError, match=r"at least 40 words for validation .*; received .* 39 for testing"):
        load_text(spec)

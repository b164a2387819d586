"""Parts of the data: what is learnt, what is held out, what is recorded."""

from dataclasses import replace

import pytest
import torch

from analysis.runs.spec import DataSpec
from analysis.training.data_source import load_samples

SPEC = DataSpec("mixture", samples=70, dim=8)


@pytest.fixture(scope="module")
def data():
    return load_samples(SPEC)


def test_the_probe_is_always_the_same(data):
    first, again = data.probe(500), data.probe(500)
    assert torch.equal(first[0], again[0])
    inputs = data.scaled(data.training_inputs)
    assert torch.equal(first[0].sort(dim=0).values, inputs.sort(dim=0).values)  # all, as there are fewer
    assert len(data.probe(30)[1]) == 30


def test_each_input_of_the_probe_has_its_label(data):
    inputs, labels = data.probe(30)
    for one, label in zip(inputs, labels, strict=True):
        same = (data.scaled(data.training_inputs) == one).all(dim=1)
        assert data.training_labels[same].tolist() == [label]


@pytest.mark.parametrize(("share", "held_out"), [(0.1, 7), (0.5, 35), (0.004, 0)])
def test_a_share_is_held_out_of_training(data, share, held_out):
    split = load_samples(replace(SPEC, validation=share))
    assert split.samples == 70 - held_out
    assert split.has("validation") == (held_out > 0)
    assert torch.equal(split.test_inputs, data.test_inputs)
    kept = [split.training_inputs, *([split.validation_inputs] if held_out else [])]
    assert torch.equal(torch.cat(kept), data.training_inputs)


def test_a_part_that_is_held_out_comes_once_in_pieces():
    split = load_samples(replace(SPEC, samples=3000, validation=0.4))
    pieces = list(split.held_out("validation"))
    assert [len(labels) for _, labels in pieces] == [1000, 200]
    assert torch.equal(torch.cat([labels for _, labels in pieces]), split.validation_labels)
    assert torch.equal(torch.cat([inputs for inputs, _ in pieces]), split.scaled(split.validation_inputs))


def test_a_limit_comes_before_the_split():
    split = load_samples(replace(SPEC, limit=40, validation=0.25))
    assert (split.samples, len(split.validation_labels)) == (30, 10)

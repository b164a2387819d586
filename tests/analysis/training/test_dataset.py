"""Parts of the data: what is learnt, what is held out, what is recorded."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.runs.spec import DataSpec
from analysis.training.data_source import load_samples, load_text
from analysis.training.dataset import Text

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


def text(words=400, length=7):
    """Words that count up, so that the word after each is known."""
    return Text("counting", 1000, torch.arange(words), torch.arange(50, 120), torch.arange(100), length)


@given(words=st.integers(30, 400), length=st.integers(2, 9), size=st.integers(1, 3), seed=st.integers(0, 99))
def test_batches_of_a_text_go_on_where_the_one_before_ended(words, length, size, seed):
    data = text(words, length)
    batches = list(data.batches(size, seed))
    assert len(batches) >= 1
    for inputs, labels in batches:
        assert inputs.shape == (size, length)
        assert torch.equal(labels, (inputs + 1).flatten())
    for (before, _), (after, _) in pairwise(batches):
        assert torch.equal(after[:, 0], before[:, -1] + 1)
    start = int(batches[0][0][0, 0])
    assert 0 <= start <= length
    stretch = (words - start) // size
    assert batches[0][0][:, 0].tolist() == [start + row * stretch for row in range(size)]
    assert len(batches) == (stretch - 1) // length


def test_an_epoch_cuts_a_text_elsewhere_and_a_seed_always_alike():
    starts = [int(next(text().batches(5, seed))[0][0, 0]) for seed in range(20)]
    assert len(set(starts)) > 3
    assert starts == [int(next(text().batches(5, seed))[0][0, 0]) for seed in range(20)]


@pytest.mark.parametrize(("part", "first", "each"), [("validation", 50, 3), ("test", 0, 5)])
def test_a_part_of_a_text_is_read_in_twenty_stretches(part, first, each):
    pieces = list(text(length=3).held_out(part))
    inputs, labels = (torch.cat([one[place] for one in pieces], dim=-1) for place in (0, 1))
    assert inputs.shape == (20, each - 1)
    assert inputs[:, 0].tolist() == list(range(first, first + 20 * each, each))
    assert len(labels) == 20 * (each - 1)
    assert all(torch.equal(labels, (inputs + 1).flatten()) for inputs, labels in pieces)


def test_the_probe_of_a_text_is_sequences_from_all_over_it():
    inputs, labels = text().probe(30)
    assert inputs.shape == (5, 7)
    assert torch.equal(labels, (inputs + 1).flatten())
    assert inputs[:, 0].tolist() == [0, 80, 160, 240, 320]
    assert len(text().probe(10_000)[0]) == text().samples == 50


@pytest.mark.parametrize(("limit", "held_out"), [(300, 300), (7, 40)])
def test_a_limit_of_a_text_is_of_each_part(limit, held_out):
    whole = load_text(DataSpec("documentation", words=50))
    some = load_text(DataSpec("documentation", words=50, limit=limit))
    for part, length in {"training": limit, "validation": held_out, "test": held_out}.items():
        assert torch.equal(getattr(some, part), getattr(whole, part)[:length])
        assert len(getattr(some, part)) == length

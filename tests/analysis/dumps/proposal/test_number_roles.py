"""Roles of numbers in names: words first, then what arrays do along them."""

import pytest

from analysis.dumps.entry import Entry
from analysis.dumps.proposal.family import Named
from tests.analysis.dumps.proposal.named_sets import asked, cells, named, read


def of_lengths(form: str, rows: list[int], *, units: int = 16, first: int = 0) -> list[Named]:
    """One array for each number of rows, numbered."""
    return [Named(form.format(number), Entry("", (n, units), "float32")) for number, n in enumerate(rows, first)]


@pytest.mark.parametrize(
    "form",
    [
        "acts_part_{}.npy", "shard-{:05d}.npy", "chunk{}.npy", "out_rank{}.npy", "batch_{}.npy",
        "data-{:05d}-of-00006.npy", "img_emb_{:02d}.npy", "rows_{}/acts.npy", "{:06d}.npy",
    ],
)  # fmt: skip
def test_numbers_of_parts_are_joined(form):
    arrays = named(form.format(number) for number in range(6))
    assert [parts for *_, parts in cells(arrays)] == [6]
    assert asked(arrays) == []


def test_batches_that_do_not_follow_one_another_are_moments():
    found = cells(named(f"batch_{number}/fc1.npy" for number in (100, 200, 900)))
    assert [(epoch, parts) for _, epoch, parts in found] == [(100, 1), (200, 1), (900, 1)]


def test_a_number_that_counts_rows_numbers_parts():
    arrays = named((f"x/{25 * number}.npy" for number in range(8)), shape=(25, 4))
    assert [parts for *_, parts in cells(arrays)] == [8]


def test_parts_of_other_lengths_are_joined_and_layers_of_other_widths_are_not():
    assert [parts for *_, parts in cells(of_lengths("tumor_{:03d}.npy", [90, 80, 123, 99, 100, 7]))] == [6]
    widths = [Named(f"x_{number}.npy", Entry("", (20, units), "float32")) for number, units in enumerate((8, 16, 32))]
    assert [parts for *_, parts in cells(widths)] == [1, 1, 1]


@pytest.mark.parametrize(
    "form", ["hidden_{}.npy", "hs_{}.npy", "x{}.npy", "activations_{}.npy", "{}.npy", "thing_{}.npy", "subj{}/acts.npy"]
)
def test_what_could_be_layers_or_parts_is_kept_apart_and_asked_about(form):
    arrays = named(form.format(number) for number in range(12))
    (question,) = read(arrays)[2].questions
    assert question.chosen != "part"
    assert "part" in question.options
    assert [parts for *_, parts in cells(arrays)] == [1] * 12
    assert [parts for *_, parts in cells(arrays, {question.id: "part"})] == [12]


def test_a_few_numbers_in_names_of_other_lengths_join_nothing():
    arrays = [
        Named(f"{name}.npy", Entry("", (rows, 8), "float32"))
        for name, rows in (("cifar10", 500), ("cifar100", 400), ("svhn", 300))
    ]
    assert [layer for layer, *_ in cells(arrays)] == ["cifar10", "cifar100", "svhn"]


def test_numbers_of_rows_join_nothing():
    arrays = [Named(f"bs{rows}.npz/fc1", Entry("fc1", (rows, 8), "float32"), 1) for rows in (32, 64, 128, 256, 512)]
    assert [parts for *_, parts in cells(arrays)] == [1] * 5


@pytest.mark.parametrize("form", ["features.{}.npy", "h.{}.mlp.npy", "classifier.{}/acts.npy", "denseblock{}.npy"])
def test_indices_of_modules_are_layers(form):
    arrays = named(form.format(index) for index in (0, 3, 6))
    assert [(epoch, parts) for _, epoch, parts in cells(arrays)] == [(None, 1)] * 3
    assert asked(arrays) == []


@pytest.mark.parametrize("word", ["seed", "run", "fold", "exp", "version", "client", "task"])
def test_trainings_that_are_numbered_are_never_joined(word):
    arrays = named(f"{word}_{run}/epoch_{epoch}/fc.npy" for run in range(5) for epoch in (1, 2))
    members, _, proposal = read(arrays)
    assert {(member.seed, member.epoch) for member in members} == {(str(run), e) for run in range(5) for e in (1, 2)}
    assert not proposal.questions


def test_a_list_in_a_file_is_batches_where_the_epoch_is_told_elsewhere():
    found = cells(named(f"epoch_{epoch}.pt/fc1/{batch}" for epoch in (0, 1) for batch in range(4)))
    assert found == [("fc1", 0, 4), ("fc1", 1, 4)]
    gaps = cells(named(f"data.h5/fc1/{step}" for step in (0, 100, 200)))
    assert gaps == [("fc1", 0, 1), ("fc1", 100, 1), ("fc1", 200, 1)]


def test_numbers_that_change_together_are_one():
    assert [parts for *_, parts in cells(named(f"{number}/{number}.npy" for number in range(5)))] == [1] * 5


def test_vectors_are_samples_if_many_alike_come_and_layers_where_the_name_says_so():
    assert [parts for *_, parts in cells(named((f"cat_{number}.npy" for number in range(9)), (64,)))] == [9]
    lists = named((f"mean.pt/{layer}" for layer in range(12)), (64,))
    assert [parts for *_, parts in cells(lists)] == [1] * 12
    assert asked(lists)
    groups = named((f"x.h5/{sample}/{layer}" for sample in range(9) for layer in ("conv1", "fc")), (64,))
    assert [(layer, parts) for layer, _, parts in cells(groups)] == [("conv1", 9), ("fc", 9)]


def test_sentences_with_layers_before_their_tokens_are_samples():
    arrays = [
        Named(f"raw.bert-layers.hdf5/{number}", Entry(str(number), (4, tokens, 32), "float32"), 1)
        for number, tokens in enumerate((5, 9, 12, 7, 7, 30))
    ]
    members, _, _ = read(arrays)
    assert [(member.rows, member.units, len(member.parts)) for member in members] == [(70, 32, 6)] * 4

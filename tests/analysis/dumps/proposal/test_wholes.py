"""Parts of names that are one thing as a whole: methods, and samples that are called something."""

import pytest

from analysis.dumps.entry import Entry
from analysis.dumps.proposal.family import Named
from tests.analysis.dumps.proposal.named_sets import asked, cells, named, read

LAYERS = ("fc1", "fc2")


def methods(arrays: list[Named]) -> set[str]:
    return {member.method for member in read(arrays)[0]}


@pytest.mark.parametrize(
    "names",
    [
        ("bn", "per", "vanilla"),
        ("lr_0.1", "lr_0.01", "lr_0.001"),
        ("wd_1e-4", "wd_5e-4"),
        ("bs128", "bs256", "bs512"),
        ("pythia-70m", "pythia-160m", "pythia-410m"),
        ("2024-03-01_12-30-05", "2024-03-02_09-00-41"),
        ("adam-1", "adam-2", "sgd-1"),
        ("resnet18", "vgg16"),
    ],
)
def test_folders_that_hold_the_same_layers_are_methods(names):
    arrays = named(f"{name}/epoch_{epoch}/{layer}.npy" for name in names for epoch in (1, 2) for layer in LAYERS)
    assert methods(arrays) == set(names)
    assert {(layer, epoch, parts) for layer, epoch, parts in cells(arrays)} == {
        (layer, epoch, 1) for layer in LAYERS for epoch in (1, 2)
    }
    assert asked(arrays) == []


def test_numbered_folders_are_asked_about_and_apart():
    arrays = named(f"severity_{number}/{layer}.npy" for number in range(1, 6) for layer in LAYERS)
    (question,) = read(arrays)[2].questions
    assert (question.id, question.chosen) == ("names/severity_#", "method")
    assert methods(arrays) == {f"severity_{number}" for number in range(1, 6)}
    assert [parts for *_, parts in cells(arrays, {question.id: "part"})] == [5, 5]


def test_a_method_before_an_epoch_in_one_name():
    arrays = named(
        f"{name}_epoch_{epoch}.npz/{layer}" for name in ("bn", "none") for epoch in (0, 5) for layer in LAYERS
    )
    members, _, _ = read(arrays)
    assert {(member.method, member.layer, member.epoch) for member in members} == {
        (name, layer, epoch) for name in ("bn", "none") for layer in LAYERS for epoch in (0, 5)
    }


def test_folders_of_layers_are_layers():
    found = cells(named(f"{layer}/epoch_{epoch}.npy" for layer in ("conv", "encoder", "fc") for epoch in (1, 2)))
    assert {layer for layer, *_ in found} == {"conv", "encoder", "fc"}


def test_names_of_samples_are_joined():
    lengths = {"apple_pie": 21, "baby": 33, "cricket_shot": 25, "diving": 38, "fencing": 20}
    arrays = [Named(f"v_{name}.npy", Entry("", (rows, 8), "float32")) for name, rows in lengths.items()]
    assert [parts for *_, parts in cells(arrays)] == [5]
    assert asked(arrays) == []


def test_names_of_samples_with_two_streams_each_are_two_layers():
    lengths = {"archery": 8, "ball": 12, "cliff_diving": 9, "drums": 17, "golf": 6}
    arrays = [
        Named(f"{name}_{stream}.npy", Entry("", (rows, 8), "float32"))
        for name, rows in lengths.items()
        for stream in ("rgb", "flow")
    ]
    assert sorted(cells(arrays)) == [("flow", None, 5), ("rgb", None, 5)]


def test_names_of_recordings_are_samples():
    frames = {"1272-128104-0000": 11, "1272-135031-0002": 20, "174-50561-0010": 13, "84-121123-0003": 31, "9-1-7": 5}
    arrays = [Named(f"{name}.npy", Entry("", (3, count, 24), "float32")) for name, count in frames.items()]
    assert [(member.rows, member.units) for member in read(arrays)[0]] == [(80, 24)] * 3


def test_conditions_data_sets_and_layers_are_no_samples():
    """Few names, long arrays and words of layers are kept apart."""
    conditions = [Named(f"layer_8/{c}.npy", Entry("", (n, 8), "float32")) for c, n in (("a", 3), ("b", 5), ("c", 9))]
    sets = [
        Named(f"{name}.npy", Entry("", (rows, 8), "float32"))
        for name, rows in (("lsun", 9000), ("mnist", 10000), ("svhn", 26032), ("textures", 5640), ("places", 7777))
    ]
    layers = [
        Named(f"{name}.npy", Entry("", (rows, 8), "float32"))
        for name, rows in (("conv", 9), ("norm", 10), ("pool", 26), ("encoder", 56), ("head", 77))
    ]
    for arrays in (conditions, sets, layers):
        assert [parts for *_, parts in cells(arrays)] == [1] * len(arrays)


def test_of_two_texts_one_is_the_sample():
    images = ("cat", "dog", "cow", "bird", "fish", "fox")
    arrays = named((f"{tower}/{image}.npy" for tower in ("embed", "proj", "late") for image in images), (64,))
    members, _, _ = read(arrays)
    assert {(member.method or member.layer, len(member.parts)) for member in members} == {
        ("embed", 6), ("proj", 6), ("late", 6),
    }  # fmt: skip


def test_no_texts_are_samples_where_a_number_is():
    blocks = ("embed", "blocks.0.attn", "blocks.0.mlp", "blocks.1.mlp")
    arrays = named((f"sample_{number}/{block}.npy" for number in range(6) for block in blocks), (64,))
    assert {(layer, parts) for layer, _, parts in cells(arrays)} == {(block, 6) for block in blocks}

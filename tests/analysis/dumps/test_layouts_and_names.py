"""How arrays of several axes become rows, and how names become layers and epochs."""

import zipfile

import numpy as np
import pytest
import torch

from analysis.dumps import DEFAULT_PATTERN, Layout, NamePattern, inspect, load, parse_names
from per_core.errors import InvalidInputError
from per_core.recording.layer_selection import as_rows


@pytest.fixture
def images(tmp_path):
    values = np.random.default_rng(0).normal(size=(5, 3, 2, 4)).astype(np.float32)
    np.savez(tmp_path / "dump.npz", **{"conv1": values, "conv2": values[:, :, 0], "fc1": values[:, 0, 0]})
    return tmp_path / "dump.npz", values


def test_an_ambiguous_layout_is_asked_once_for_the_whole_dump(images):
    path, values = images
    inspection = inspect(path)
    assert [member.name for member in inspection.ambiguous] == ["conv1", "conv2"]
    question = inspection.member("conv1").reason
    assert '"sample": 5 x 24' in question
    assert '"position" with channel axis 1: 40 x 3' in question
    with pytest.raises(InvalidInputError, match=r"conv1: .* choose a layout"):
        inspection.load("conv1")
    answered = inspection.with_layout(Layout("position", 1))
    assert not answered.ambiguous
    assert (answered.member("conv1").rows, answered.member("conv1").units) == (40, 3)
    expected = as_rows(torch.from_numpy(values), "position")
    np.testing.assert_array_equal(answered.load("conv1").values, expected)
    np.testing.assert_array_equal(answered.load("conv1", rows=range(1, 3)).values, expected[8:24])
    np.testing.assert_array_equal(load(path, "conv1", layout=Layout("sample")).values, values.reshape(5, -1))
    np.testing.assert_array_equal(inspection.load("fc1").values, values[:, 0, 0])


def test_sequences_and_images_beside_each_other_have_layouts_of_their_own(tmp_path):
    sequences = np.arange(24.0).reshape(2, 3, 4)  # (n, length, channels)
    images = np.arange(48.0).reshape(2, 3, 2, 4)  # (n, channels, height, width)
    for number in (1, 2):
        np.savez(tmp_path / f"epoch_{number}.npz", attention=sequences, conv=images, fc=sequences[:, 0])
    inspection = inspect(tmp_path).with_layout(Layout("position", -1), axes=3)
    assert {member.shape for member in inspection.ambiguous} == {images.shape}
    inspection = inspection.with_layout(Layout("position", 1), axes=4)
    assert inspection.members == inspection.readable
    assert inspection.layout is None
    assert len(inspection.layouts) == 4
    for member in inspection.members:
        loaded = inspection.load(member.name).values
        assert loaded.shape == (member.rows, member.units)
        values = {"attention": sequences, "conv": np.moveaxis(images, 1, -1), "fc": sequences[:, 0]}[member.layer]
        np.testing.assert_array_equal(loaded, values.reshape(-1, values.shape[-1]))
    again = inspection.with_layout(None, axes=3)
    assert {member.shape for member in again.ambiguous} == {sequences.shape}
    assert inspection.with_pattern(NamePattern(split="(x)")).layouts == inspection.layouts


def test_every_file_of_a_dump_may_have_a_layout_of_its_own(tmp_path):
    values = np.arange(24.0).reshape(2, 3, 4)
    (tmp_path / "dump").mkdir()
    for name in ("a.npz", "b.npz"):
        np.savez(tmp_path / "dump" / name, x=values)
    with zipfile.ZipFile(tmp_path / "dump" / "c.zip", "w") as archive:
        for name in ("a.npz", "b.npz"):
            archive.write(tmp_path / "dump" / name, name)
    inspection = inspect(tmp_path / "dump")
    assert [member.file for member in inspection.members] == ["a.npz", "b.npz", "c.zip/a.npz", "c.zip/b.npz"]
    inspection = inspection.with_layout(Layout("sample")).with_layout(Layout("position", 1), file="c.zip/a.npz")
    assert [(member.rows, member.units) for member in inspection.members] == [(2, 12), (2, 12), (8, 3), (2, 12)]
    assert inspection.load("c.zip/a.npz/x").values.shape == (8, 3)
    assert inspection.load("c.zip/b.npz/x").values.shape == (2, 12)
    assert inspection.with_layout(Layout("position", 2)).load("c.zip/a.npz/x").d == 4  # for all
    (member,) = inspect(tmp_path / "dump" / "a.npz").members
    assert member.file == ""


def test_an_axis_that_is_not_there_stays_a_question(images):
    inspection = inspect(images[0], layout=Layout("position", 3))
    assert [member.verdict for member in inspection.members] == ["ok", "ambiguous", "ok"]
    assert "one of 1 to 2" in inspection.member("conv2").reason


@pytest.mark.parametrize(("kind", "axis"), [("columns", 1), ("position", 0), ("position", True), ("position", 1.5)])
def test_layouts_that_are_none(kind, axis):
    with pytest.raises(InvalidInputError, match="received"):
        Layout(kind, axis)


@pytest.mark.parametrize(
    ("name", "context", "layer", "epoch", "split"),
    [
        ("features.6", "", "features.6", None, ""),
        ("layer4.0.conv2", "resnet", "layer4.0.conv2", None, ""),
        ("blocks.0.hook_resid_post", "train/ep3", "blocks.0.hook_resid_post", 3, "train"),
        ("model.layers.7", "step-3/activations", "model.layers.7", 3, ""),
        ("layer_3", "epoch_3", "layer_3", 3, ""),
        ("activations", "layer_3/step-300", "layer_3", 300, ""),
        ("", "layer_3/step-300", "layer_3", 300, ""),
        ("activations/val/layer_3/epoch_12", "", "layer_3", 12, "val"),
        ("late layer, epoch 12", "tiny", "late layer", 12, ""),
        ("activations", "layer3_activations", "layer3", None, ""),
        ("features.6", "steps-0-100/rows-0-1000", "features.6", 0, ""),
        ("hidden_states/3", "out", "hidden_states/3", None, ""),
        ("anything", "dump", "anything", None, ""),
        ("epoch_3", "", None, 3, ""),
        ("EPOCH=07/Features.1", "", "Features.1", 7, ""),
        ("steps.3.weight", "", "weight", 3, ""),
        ("layer_1", "shard-00001-of-00004", "layer_1", None, ""),
        ("", "", None, None, ""),
    ],
)
def test_names_that_people_write(name, context, layer, epoch, split):
    parsed = DEFAULT_PATTERN.parse(name, context)
    assert (parsed.layer, parsed.epoch, parsed.split) == (layer, epoch, split)


def test_members_that_would_be_called_the_same_keep_their_whole_names(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "layer_1.npy", np.ones((2, 2)))
    assert [member.layer for member in inspect(tmp_path).members] == ["a/layer_1", "b/layer_1"]


def test_the_rule_can_be_edited_and_previewed(tmp_path):
    np.savez(tmp_path / "d.npz", **{"t=12|enc_a": np.ones((2, 2)), "t=9|enc_b": np.ones((2, 2))})
    rule = NamePattern(epoch=r"t=(\d+)\|", layer=r"(enc_\w)")
    assert [(p.layer, p.epoch) for p in parse_names([("t=12|enc_a", ""), ("x", "")], rule)] == [
        ("enc_a", 12),
        ("x", None),
    ]
    members = inspect(tmp_path / "d.npz").with_pattern(rule).members
    assert [(member.layer, member.epoch) for member in members] == [("enc_a", 12), ("enc_b", 9)]


@pytest.mark.parametrize(
    ("rule", "match"),
    [({"epoch": "("}, "is none"), ({"layer": "abc"}, "must have a group"), ({"drop": "a" * 1001}, "Shorten it")],
)
def test_rules_that_are_none(rule, match):
    with pytest.raises(InvalidInputError, match=match):
        NamePattern(**rule)


def test_a_rule_that_never_ends_stops_itself_and_nobody_else():
    endless = NamePattern(layer=r"((a+)+)$")
    with pytest.raises(InvalidInputError, match="must find its match within 5 s"):
        parse_names([("a" * 60 + "!", "")], endless)
    assert parse_names([("aaa", "")], endless)[0].layer == "aaa"

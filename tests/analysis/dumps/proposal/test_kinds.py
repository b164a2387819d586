"""Kinds of arrays that are no activations, and that nothing else is left out with them."""

import pytest

from analysis.dumps.entry import Entry
from analysis.dumps.proposal.family import Named
from tests.analysis.dumps.proposal.named_sets import named, read


def kinds(*arrays: Named) -> dict[str, str]:
    """Of what is left out, by name."""
    return {one.name: one.kind for one in read(arrays)[1]}


def one(name: str, shape: tuple[int, ...], dtype: str = "float32", columns: tuple[str, ...] = ()) -> Named:
    return Named(name, Entry("", shape, dtype, columns=columns))


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "kind"),
    [
        ("labels.npy", (20,), "int64", "labels"),
        ("y_train.npy", (20,), "float32", "labels"),
        ("targets.npy", (20, 1), "float32", "labels"),
        ("coords.npy", (20, 2), "int32", "coordinates"),
        ("input_ids.npy", (20, 7), "int64", "token ids"),
        ("frame_ids.npy", (20, 3), "int64", "integers"),
        ("attn_mask.npy", (20, 7), "bool", "integers"),
        ("val_loss.npy", (20,), "float32", "log"),
        ("epoch.npy", (20,), "float32", "log"),
        ("model.pt/fc1.weight", (16, 8), "float32", "weights"),
        ("state_dict/fc1.npy", (16, 8), "float32", "weights"),
        ("attn_maps.npy", (20, 4, 9, 9), "float32", "attention"),
        ("blocks.0.attn.hook_pattern.npy", (2, 4, 9, 9), "float32", "attention"),
        ("logit_scale.npy", (), "float32", "scalar"),
        ("captions.npy", (20,), "text", "text"),
    ],
)
def test_what_is_no_activation_is_named(name, shape, dtype, kind):
    assert kinds(one("fc1.npy", (20, 16)), one(name, shape, dtype)) == {name: kind}


@pytest.mark.parametrize(
    "name",
    ["image_{}_cls.npy", "sample_{}/epoch_7.npy", "step-4_sample_{}.npy", "sample_{}/last_step_3.npy"],
)
def test_vectors_are_no_labels_and_no_log(name):
    assert kinds(*named((name.format(number) for number in range(9)), (64,))) == {}


def test_tables_of_a_training_and_columns_beside_lists():
    log = one("metrics.csv", (3, 4), "float64", ("epoch", "step", "train_loss", "val_loss"))
    assert kinds(one("fc1.npy", (20, 16)), log) == {"metrics.csv": "log"}
    units = one("fc1.csv", (20, 3), "float64", ("unit_0", "unit_1", "unit_2"))
    assert kinds(units) == {}


def test_arrays_of_a_list_that_are_no_activations_do_not_take_the_others_with_them():
    arrays = [
        Named(f"x.pt/{index}", Entry(str(index), (20, 16) if index % 2 == 0 else (20,), dtype), 1)
        for index, dtype in enumerate(("float32", "int64") * 3)
    ]
    members, left_out, _ = read(arrays)
    assert [member.name for member in members] == ["x.pt/0", "x.pt/2", "x.pt/4"]
    assert [one.name for one in left_out] == ["x.pt/1", "x.pt/3", "x.pt/5"]


def test_whole_numbers_of_the_same_axes_do_not_take_the_others_with_them():
    arrays = [
        Named(f"x.pt/{index}", Entry(str(index), (20, 16), dtype), 1)
        for index, dtype in enumerate(("float32", "int64") * 3)
    ]
    members, left_out, _ = read(arrays)
    assert [member.name for member in members] == ["x.pt/0", "x.pt/2", "x.pt/4"]
    assert [one.name for one in left_out] == ["x.pt/1", "x.pt/3", "x.pt/5"]


def test_whole_numbers_alone_are_quantised_activations():
    assert kinds(one("fc1.npy", (20, 16), "int8")) == {}

"""Every format as other libraries write it: found whole, loaded exactly, row by row if asked for."""

import zipfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from analysis.dumps import inspect, load
from analysis.dumps.formats import hdf5_format, torch_format
from analysis.dumps.limits import DEFAULT_LIMITS
from per_core.errors import InvalidInputError
from tests.analysis.dumps.dump_files import FIRST, LAYERS, WRITERS, inspect_each, run_directory, write


def verdicts(inspection):
    return {member.name: member.verdict for member in inspection.members}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_is_inspected_and_loaded_exactly(tmp_path, name):
    path = write(tmp_path, name)
    inspection = inspect(path)
    assert {member.verdict for member in inspection.members} == {"ok"}
    for member in inspection.members:
        batch = inspection.load(member.name)
        expected = next(values for values in LAYERS.values() if values.shape == member.shape)
        np.testing.assert_allclose(batch.values, expected, rtol=1e-6)  # text has fewer digits
        assert (batch.n, batch.d) == (member.rows, member.units)
        assert (batch.layer, batch.epoch, batch.source) == (member.layer, member.epoch, name)
        part = inspection.load(member.name, rows=range(2, 5))
        np.testing.assert_array_equal(part.values, batch.values[2:5])


@pytest.mark.parametrize(
    "name", ["layers.npz", "packed.npz", "layers.safetensors", "legacy.pt", "layers.parquet", "layers.arrow"]
)
def test_members_are_called_by_their_keys_and_layers_by_the_same(tmp_path, name):
    members = inspect(write(tmp_path, name)).members
    assert [member.name for member in members] == list(LAYERS)
    assert [member.layer for member in members] == list(LAYERS)
    assert {member.dtype for member in members} == {"float32"}
    assert [member.declared for member in members] == [6 * 4 * 4, 6 * 3 * 4]
    assert all(member.stored > 0 for member in members)


def test_what_is_stored_is_what_the_file_has_of_it(tmp_path):
    zeros = {"a": np.zeros((1000, 500), np.float32), "b": np.zeros((1000, 500), np.float32)}
    np.savez_compressed(tmp_path / "packed.npz", **zeros)
    save_file({name: torch.from_numpy(values) for name, values in zeros.items()}, tmp_path / "two.safetensors")
    with zipfile.ZipFile(tmp_path / "files.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "two.safetensors", "two.safetensors")
        archive.write(tmp_path / "packed.npz", "packed.npz")
    for name in ("packed.npz", "files.zip"):
        path = tmp_path / name
        members = inspect(path).members
        assert {member.declared for member in members} == {2_000_000}
        assert sum(member.stored for member in members) == pytest.approx(path.stat().st_size, rel=0.25)
    assert {member.stored for member in inspect(tmp_path / "two.safetensors").members} == {2_000_000}


def test_nested_dicts_and_lists_of_torch(tmp_path):
    hidden = torch.arange(24.0).reshape(2, 3, 4)
    shared = torch.zeros(5, 6)
    saved = {
        "epoch": 3,
        "names": ["a", "b"],
        "layers": [{"blocks.0.hook_resid_post": hidden}, {"blocks.1.hook_resid_post": hidden.bfloat16()}],
        "parts": (shared[1:3], shared.t(), torch.nn.Parameter(torch.ones(2, 2)), torch.arange(6).reshape(2, 3)),
    }
    torch.save(saved, tmp_path / "train_ep7.pt")
    inspection = inspect_each(tmp_path / "train_ep7.pt")
    assert [m.name for m in inspection.members] == [
        "layers/0/blocks.0.hook_resid_post", "layers/1/blocks.1.hook_resid_post",
        "parts/0", "parts/1", "parts/2", "parts/3",
    ]  # fmt: skip
    first, second = (inspection.load(member.name) for member in inspection.members[:2])
    np.testing.assert_array_equal(first.values, hidden.reshape(6, 4))
    np.testing.assert_array_equal(second.values, hidden.reshape(6, 4))  # small integers are exact in bfloat16
    assert inspection.load("parts/1").values.shape == (6, 5)
    np.testing.assert_array_equal(inspection.load("parts/3").values, [[0, 1, 2], [3, 4, 5]])


def test_texts_numbers_and_lists_in_a_file_of_torch(tmp_path):
    """A checkpoint, and activations that became lists."""
    model = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    torch.save(
        {
            "state_dict": model.state_dict(), "optimizer": optimiser.state_dict(), "epoch": 5, "best": 0.5, "ok": True,
            "label": "seq_1", "words": ["a", "bc"], "nothing": None, "listed": FIRST.tolist(), "ragged": [[1], [2, 3]],
            "numbers": [1, 2.5], "empty": [], "mixed": [1, "a", torch.ones(2)],
        },
        tmp_path / "checkpoint_5.ckpt",
    )  # fmt: skip
    entries = {one.key: one for one in torch_format.list_entries(tmp_path / "checkpoint_5.ckpt", DEFAULT_LIMITS)}
    plain = {key: (one.shape, one.dtype) for key, one in entries.items() if not key.startswith("optimizer")}
    assert plain == {
        "state_dict/weight": ((2, 3), "float32"), "state_dict/bias": ((2,), "float32"), "epoch": ((), "int64"),
        "best": ((), "float64"), "ok": ((), "bool"), "label": ((), "text"), "words": ((2,), "text"),
        "listed": ((6, 4), "float64"), "ragged/0": ((1,), "int64"), "ragged/1": ((2,), "int64"),
        "numbers": ((2,), "float64"), "mixed/0": ((), "int64"), "mixed/1": ((), "text"), "mixed/2": ((2,), "float32"),
    }  # fmt: skip
    assert entries["optimizer/state/0/exp_avg"].shape == (2, 3)
    assert entries["optimizer/param_groups/0/betas"].shape == (2,)
    assert not any(one.refusal for one in entries.values())
    read = torch_format.read_rows(tmp_path / "checkpoint_5.ckpt", "listed", 1, 4, DEFAULT_LIMITS)
    np.testing.assert_array_equal(read, FIRST[1:4].astype(float))
    for key in ("label", "words", "epoch", "nothing"):
        with pytest.raises(InvalidInputError, match="must be a readable tensor"):
            torch_format.read_rows(tmp_path / "checkpoint_5.ckpt", key, 0, 1, DEFAULT_LIMITS)


def test_strided_views_of_a_larger_storage(tmp_path):
    base = torch.arange(60.0).reshape(6, 10)
    views = {"rows": base[2:5], "columns": base[:, 3:5], "turned": base.t(), "every other": base[::2, ::3]}
    torch.save(views, tmp_path / "views.pt")
    inspection = inspect(tmp_path / "views.pt")
    for name, view in views.items():
        np.testing.assert_array_equal(inspection.load(name).values, view)
        np.testing.assert_array_equal(inspection.load(name, rows=range(1, 3)).values, view[1:3])


def test_a_bare_tensor_per_file(tmp_path):
    torch.save(torch.from_numpy(FIRST), tmp_path / "layer_3.pt")
    (member,) = inspect(tmp_path / "layer_3.pt").members
    assert (member.name, member.layer, member.epoch) == ("layer_3.pt", "layer_3", None)
    np.testing.assert_array_equal(load(tmp_path / "layer_3.pt").values, FIRST)


def test_object_arrays_beside_numeric_ones(tmp_path):
    labels = np.array([{"label": 1}, None, "x"], dtype=object)
    np.savez(tmp_path / "mixed.npz", labels=labels, **LAYERS, names=np.array(["a", "b"]), classes=np.arange(6))
    inspection = inspect(tmp_path / "mixed.npz")
    assert verdicts(inspection) == {"labels": "refused", "features.6": "ok", "features.8": "ok"}
    assert {one.name: one.kind for one in inspection.left_out} == {"names": "text", "classes": "labels"}
    reasons = {member.name: member.reason for member in inspection.refused}
    assert "pickles, which can run code" in reasons["labels"]
    assert "np.load('mixed.npz', allow_pickle=True)['labels']" in reasons["labels"]
    np.testing.assert_array_equal(inspection.load("features.6").values, FIRST)
    with pytest.raises(InvalidInputError, match="labels: Object arrays are pickles"):
        inspection.load("labels")


@pytest.mark.parametrize(
    "values",
    [FIRST.astype(">f8"), FIRST.astype(np.float16), np.asfortranarray(FIRST), (FIRST * 9).astype(np.int8), FIRST > 0],
)
def test_numbers_of_any_type_and_order(tmp_path, values):
    np.save(tmp_path / "layer.npy", values)
    np.testing.assert_array_equal(load(tmp_path / "layer.npy").values, values.astype(np.float32))
    np.testing.assert_array_equal(load(tmp_path / "layer.npy", rows=range(1, 3)).values, values[1:3].astype(np.float32))


def test_one_unit_is_a_column(tmp_path):
    np.save(tmp_path / "unit.npy", FIRST[:, 0])
    np.testing.assert_array_equal(load(tmp_path / "unit.npy").values, FIRST[:, :1])


def test_what_numpy_cannot_hold_goes_through_torch(tmp_path):
    names = ("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")
    tensors = {name: torch.from_numpy(FIRST).to(getattr(torch, name)) for name in names}
    save_file(tensors, tmp_path / "small.safetensors")
    torch.save(tensors, tmp_path / "small.pt")
    for name, tensor in tensors.items():
        for file in ("small.safetensors", "small.pt"):
            inspection = inspect(tmp_path / file)
            assert inspection.member(name).dtype == name
            np.testing.assert_array_equal(inspection.load(name).values, tensor.float())


@pytest.mark.parametrize("order", ["C", "F"])
def test_bfloat16_and_float8_that_numpy_calls_bytes(tmp_path, order):
    """As ml_dtypes and JAX save them: V2 and f1, which numpy itself does not load."""
    exact = torch.from_numpy(FIRST).bfloat16()
    words = exact.view(torch.int16).numpy()
    np.savez(tmp_path / "step_3.npz", activations=np.array(words, order=order).view("V2"))
    (member,) = inspect(tmp_path / "step_3.npz").members
    assert (member.dtype, member.declared) == ("bfloat16", 48)
    assert member.note == "numpy calls it |V2: taken for bfloat16, as ml_dtypes and JAX save it"
    np.testing.assert_array_equal(load(tmp_path / "step_3.npz").values, exact.float())
    np.testing.assert_array_equal(load(tmp_path / "step_3.npz", rows=range(2, 4)).values, exact.float()[2:4])
    small = torch.from_numpy(FIRST).to(torch.float8_e5m2)
    np.save(tmp_path / "small.npy", np.array(small.view(torch.uint8).numpy(), order=order).view("V1"))
    content = (tmp_path / "small.npy").read_bytes()
    assert content.count(b"'|V1'") == 1
    (tmp_path / "small.npy").write_bytes(content.replace(b"'|V1'", b"'<f1'"))
    assert inspect(tmp_path / "small.npy").members[0].dtype == "float8_e5m2"
    np.testing.assert_array_equal(load(tmp_path / "small.npy").values, small.float())


def test_hdf5_with_a_dataset_that_counts_the_rows_in_use(tmp_path):
    with h5py.File(tmp_path / "novel.hdf5", "w") as file:
        file["all_feats"] = np.concatenate([FIRST, np.zeros((4, 4), np.float32)])
        file["all_labels"] = np.zeros((10, 2), np.int32)
        file["count"] = [6]
    inspection = inspect(tmp_path / "novel.hdf5")
    entries = {entry.key: entry for entry in hdf5_format.list_entries(tmp_path / "novel.hdf5", DEFAULT_LIMITS)}
    assert {key: (entry.shape, entry.unused) for key, entry in entries.items()} == {
        "all_feats": ((6, 4), 4), "all_labels": ((6, 2), 4), "count": ((1,), 0),
    }  # fmt: skip
    assert inspection.member("all_feats").note == "6 of 10 rows are in use, says the dataset 'count'"
    np.testing.assert_array_equal(inspection.load("all_feats").values, FIRST)
    assert {one.name: one.kind for one in inspection.left_out} == {"all_labels": "labels", "count": "scalar"}
    assert inspection.member("all_feats").unused == 4


def test_every_dataset_of_hdf5_is_an_array_of_its_own(tmp_path):
    """One sample to a group, or to a number: whether they belong together is not for the format to say."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for i in (10, 9, 1):
            file[f"sample_{i}/act"] = FIRST[i % 6]
            file[f"{i}/act"] = FIRST
        file["names"] = ["a", "b"]
        file["fixed"] = np.array([b"ab", b"c"])
    entries = hdf5_format.list_entries(tmp_path / "x.h5", DEFAULT_LIMITS)
    assert [(entry.key, entry.shape, entry.dtype) for entry in entries] == [
        ("fixed", (2,), "text"), ("names", (2,), "text"),
        *[(f"sample_{i}/act", (4,), "float32") for i in (1, 9, 10)],
        *[(f"{i}/act", (6, 4), "float32") for i in (1, 9, 10)],
    ]  # fmt: skip
    read = hdf5_format.read_rows(tmp_path / "x.h5", "sample_9/act", 1, 3, DEFAULT_LIMITS)
    np.testing.assert_array_equal(read, FIRST[3][1:3])


def test_hdf5_with_a_filter_that_is_not_there(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((6, 4))
        plist.set_filter(32001, h5py.h5z.FLAG_OPTIONAL)  # blosc
        h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((6, 4)), plist)
    (member,) = inspect(tmp_path / "x.h5").members
    assert "this dataset needs 32001" in member.reason
    assert "h5repack -f GZIP=4" in member.reason


def test_hdf5_groups_with_a_count(tmp_path):
    with h5py.File(tmp_path / "layer3_activations.h5", "w") as file:
        group = file.create_group("run")
        group.attrs["count"] = 4
        group.create_dataset("activations", shape=(1000, 3), maxshape=(None, 3), chunks=(2, 3), dtype="f4")
        group["activations"][:4] = LAYERS["features.8"][:4]
        file["direct"] = FIRST
        file["direct"].attrs["count"] = 2
        file["wrong"] = FIRST
        file["wrong"].attrs["count"] = 7
    inspection = inspect(tmp_path / "layer3_activations.h5")
    assert verdicts(inspection) == {"direct": "ok", "wrong": "refused", "run/activations": "ok"}
    member = inspection.member("run/activations")
    assert (member.shape, member.note) == ((4, 3), "4 of 1000 rows are in use, says the attribute 'count'")
    np.testing.assert_array_equal(inspection.load("run/activations").values, LAYERS["features.8"][:4])
    np.testing.assert_array_equal(inspection.load("direct").values, FIRST[:2])
    assert "which of the" not in inspection.member("wrong").reason
    assert "of the 6 rows are in use; it is 7" in inspection.member("wrong").reason


def test_parquet_lists_scalars_and_what_is_neither(tmp_path):
    table = pa.table(
        {
            "blocks.0.hook_resid_post": pa.array(FIRST.tolist(), pa.list_(pa.float32())),
            "a.b": pa.array([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]] * 6),
            "ragged": [[1.0], [1.0, 2.0], [], [1.0], [2.0], [3.0]],
            "uneven": [[1.0, 2.0], [1.0], [1.0, 2.0, 3.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]],
            "x": np.arange(6.0),
            "y": pa.array([1.0, None, 2.0, 3.0, 4.0, 5.0], pa.float32()),
            "token": np.arange(6),
            "text": list("abcdef"),
        }
    )
    pq.write_table(table, tmp_path / "cache.parquet", row_group_size=4)
    inspection = inspect(tmp_path / "cache.parquet")
    assert verdicts(inspection) == {
        "blocks.0.hook_resid_post": "ok", "a.b": "ok", "ragged": "refused", "uneven": "ok",
    }  # fmt: skip
    assert [one.name for one in inspection.left_out] == ["cache.parquet", "token", "text"]
    np.testing.assert_array_equal(inspection.load("blocks.0.hook_resid_post", rows=range(3, 6)).values, FIRST[3:])
    scalars = inspect_each(tmp_path / "cache.parquet").load("cache.parquet")
    assert scalars.values.shape == (6, 2)
    assert scalars.n_nan == 1
    whole = inspection.answer({"axes/a.b": "sample,unit,unit"})
    assert whole.load("a.b").values.tolist() == [[1, 2, 3, 4, 5, 6]] * 6
    assert "equally long" in inspection.member("ragged").reason
    with pytest.raises(InvalidInputError, match="one is shorter, longer or missing"):
        inspection.load("uneven")  # as many values as rows: only reading them tells


def test_a_table_of_text_with_header_index_labels_and_gaps(tmp_path):
    (tmp_path / "t.csv").write_text(",unit 0;x,unit 1,label\n0,1.5,,cat\n\n1,-2e3,inf,dog\n")
    member = inspect(tmp_path / "t.csv").readable[0]
    assert member.note.startswith("separated by commas, with a decimal point; line 1 names the columns; left out: ")
    assert member.note.endswith("column 1 (numbers the rows), label ('cat' in line 2)")
    batch = load(tmp_path / "t.csv")
    np.testing.assert_array_equal(batch.values, [[1.5, np.nan], [-2000, np.inf]])
    assert (batch.n_nan, batch.n_inf) == (1, 1)
    (tmp_path / "plain.csv").write_text("1;2\n3;4\n")
    assert load(tmp_path / "plain.csv").values.tolist() == [[1, 2], [3, 4]]


def test_a_run_directory_gives_the_rows_that_were_recorded(tmp_path):
    kept = run_directory(tmp_path / "run")
    inspection = inspect(tmp_path / "run")
    assert len(inspection.members) == len(kept) == 4
    for member in inspection.members:
        batch = inspection.load(member.name)
        np.testing.assert_array_equal(batch.values, kept[member.layer, member.epoch])
        assert (batch.layer, batch.epoch) == (member.layer, member.epoch)
        assert member.note.startswith("6 of 6 rows, 3 of")


def test_a_folder_of_everything(tmp_path):
    shards = tmp_path / "layer_3"
    shards.mkdir()
    for step in (100, 20, 300):
        save_file({"activations": torch.from_numpy(FIRST) + step}, shards / f"step-{step}.safetensors")
    run_directory(tmp_path / "runs" / "first")
    np.savez(tmp_path / "epoch_2.npz", **LAYERS)
    (tmp_path / "README.md").write_text("What this is")
    (tmp_path / ".hidden.npy").write_text("not looked at")
    (tmp_path / "comparison.json").write_text("{}")
    (tmp_path / "checkpoint.pt").write_text("weights, not activations")
    inspection = inspect(tmp_path)
    assert inspection.ignored == ("README.md", "checkpoint.pt")
    assert [(one.name, one.kind) for one in inspection.left_out] == [("comparison.json", "text")]
    assert not inspection.refused
    assert [(member.name, member.layer, member.epoch) for member in inspection.readable] == [
        ("epoch_2.npz/features.6", "features.6", 2),
        ("epoch_2.npz/features.8", "features.8", 2),
        ("layer_3/step-20.safetensors/activations", "layer_3", 20),
        ("layer_3/step-100.safetensors/activations", "layer_3", 100),
        ("layer_3/step-300.safetensors/activations", "layer_3", 300),
        ("runs/first/record_0/features.6", "features.6", 0),
        ("runs/first/record_0/features.8", "features.8", 0),
        ("runs/first/record_1/features.6", "features.6", 4),
        ("runs/first/record_1/features.8", "features.8", 4),
    ]
    batch = inspection.load("layer_3/step-100.safetensors/activations")
    np.testing.assert_array_equal(batch.values, FIRST + 100)
    assert inspection.load("runs/first/record_1/features.8").epoch == 4


def test_a_zip_of_files_tells_layers_and_epochs_from_its_folders(tmp_path):
    inspection = inspect(write(tmp_path, "folder.zip"))
    assert {member.epoch for member in inspection.members} == {5}
    assert inspection.member("epoch_5/layer_1.npy").layer == "layer_1"
    # Both files hold a layer of this name:
    assert inspection.member("epoch_5/layer_2.pt/activations/features.6").layer == "layer_2/features.6"
    assert inspection.member("epoch_5/layer_3.h5/features.6/activations").layer == "layer_3/features.6"

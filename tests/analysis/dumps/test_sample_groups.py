"""HDF5 files with a group for every sample: one member of all samples, and no layer of each."""

import h5py
import numpy as np
import pytest

from analysis.dumps import Layout, inspect
from analysis.dumps.entry import Entry
from analysis.dumps.sample_groups import join_samples

RANDOM = np.random.default_rng(2)
VECTORS = RANDOM.normal(size=(20, 16)).astype(np.float32)


def file_of(path, datasets):
    with h5py.File(path, "w") as file:
        for key, values in datasets.items():
            file[key] = values
    return path


def test_groups_that_are_samples_are_the_rows_of_one_member(tmp_path):
    path = file_of(tmp_path / "dump.h5", {f"sample_{i}/act": VECTORS[i] for i in range(20)})
    inspection = inspect(path)
    (member,) = inspection.members
    assert (member.name, member.verdict, member.rows, member.units) == ("sample_*/act", "ok", 20, 16)
    assert member.layer == "act"
    assert member.note == "20 arrays of one sample each, sample_0/act to sample_19/act"
    assert member.stored == member.declared == VECTORS.nbytes
    np.testing.assert_array_equal(inspection.load().values, VECTORS)  # sample_2 before sample_10
    np.testing.assert_array_equal(inspection.load(rows=range(9, 12)).values, VECTORS[9:12])


def test_every_layer_within_the_samples_is_a_member(tmp_path):
    images = RANDOM.normal(size=(12, 3, 4)).astype(np.float32)
    datasets = {f"Image-{i}/layer_{layer}": images[i] + layer for i in range(12) for layer in (1, 10, 2)}
    datasets |= {f"Image-{i}/label": i for i in range(12)} | {f"Image-{i}/loss": i / 2 for i in range(12)}
    inspection = inspect(file_of(tmp_path / "dump.h5", datasets))
    assert [(member.layer, member.verdict) for member in inspection.members] == [
        ("label", "refused"), ("layer_1", "ambiguous"), ("layer_2", "ambiguous"), ("layer_10", "ambiguous"),
        ("loss", "ok"),
    ]  # fmt: skip
    assert inspection.member("Image-*/loss").rows == 12
    answered = inspection.with_layout(Layout("position", -1))
    np.testing.assert_array_equal(answered.load("Image-*/layer_10").values, (images + 10).reshape(36, 4))


def test_vectors_under_bare_numbers_may_be_samples_or_not_and_are_asked_about(tmp_path):
    path = file_of(tmp_path / "dump.h5", {f"{i}/act": VECTORS[i] for i in range(20)})
    inspection = inspect(path)
    (member,) = inspection.ambiguous
    assert member.shape == (20, 16, 1)
    assert '"sample": 20 x 16' in member.reason
    assert '"position" with channel axis 2: 320 x 1' in member.reason
    np.testing.assert_array_equal(inspection.with_layout(Layout("sample")).load().values, VECTORS)
    np.testing.assert_array_equal(inspection.with_layout(Layout("position")).load().values, VECTORS.reshape(320, 1))


@pytest.mark.parametrize(
    "datasets",
    [
        {"layer_1/act": VECTORS[0], "layer_2/act": VECTORS[1]},  # the name says what they are
        {"1/act": VECTORS, "2/act": VECTORS},  # matrices have rows of their own
        {"sample_1/act": VECTORS, "sample_2/act": VECTORS[:9]},  # of different lengths
        {"sample_1/act": VECTORS},  # only one
    ],
)
def test_what_is_left_alone(tmp_path, datasets):
    inspection = inspect(file_of(tmp_path / "dump.h5", datasets))
    assert [member.name for member in inspection.members] == list(datasets)
    for name, values in datasets.items():
        np.testing.assert_array_equal(inspection.load(name).values, values.reshape(len(values), -1))


def test_rows_in_use_and_samples_that_are_refused(tmp_path):
    with h5py.File(tmp_path / "dump.h5", "w") as file:
        for i in range(3):
            file[f"sample_{i}/act"] = VECTORS[i]
            file[f"sample_{i}"].attrs["count"] = 5
        file["sample_0/bad"], file["sample_1/bad"] = VECTORS[0], h5py.SoftLink("/sample_0/act")
    inspection = inspect(tmp_path / "dump.h5")
    np.testing.assert_array_equal(inspection.load("sample_*/act").values, VECTORS[:3, :5])
    assert {member.name: member.verdict for member in inspection.members} == {
        "sample_*/act": "ok", "sample_0/bad": "ok", "sample_1/bad": "refused",
    }  # fmt: skip


def test_a_name_with_a_star_of_its_own_is_no_group(tmp_path):
    inspection = inspect(file_of(tmp_path / "dump.h5", {"sample_*/act": VECTORS}))
    np.testing.assert_array_equal(inspection.load().values, VECTORS)
    assert len(join_samples([Entry("sample_*/act", (4,), "float32"), Entry("sample_1/act", (4,), "float32")])) == 2

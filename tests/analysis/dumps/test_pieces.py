"""Many arrays are read in one go: the same values as one by one, in the order asked for, each file opened once."""

import random
import zipfile

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from analysis.dumps import ReadingLimits
from analysis.dumps.contents import list_dump
from analysis.dumps.formats import hdf5_format
from analysis.dumps.pieces import read_pieces, read_rows
from analysis.dumps.reader.pool import READER
from per_core.errors import BudgetError, InvalidInputError
from tests.analysis.dumps.dump_files import LAYERS, WRITERS, run_directory, write

LIMITS = ReadingLimits()


@pytest.mark.long
def test_pieces_of_every_format_are_what_is_read_one_by_one(tmp_path):
    for name in WRITERS:
        write(tmp_path, name)
    run_directory(tmp_path / "run")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        for name in ("layers.h5", "layers.npz", "layers.pt"):
            archive.write(tmp_path / name, name)
    found = [(location, entry) for location, entry in list_dump(tmp_path, LIMITS).found if not entry.refusal]
    pieces = [(location, start, 2 + start) for location, entry in found for start in (0, 1) if entry.shape[0] > 2]
    random.Random(5).shuffle(pieces)
    assert len({location[0] for location, _, _ in pieces}) > 10
    together = read_pieces(tmp_path, pieces, LIMITS)
    for piece, values in zip(pieces, together, strict=True):
        assert values.shape[0] == 2
        np.testing.assert_array_equal(values, read_rows(tmp_path, *piece, LIMITS))


def test_values_are_those_that_were_written(tmp_path):
    np.savez(tmp_path / "a.npz", **LAYERS)
    save_file({name: torch.from_numpy(values) for name, values in LAYERS.items()}, tmp_path / "b.safetensors")
    pieces = [
        (("b.safetensors", "features.8"), 4, 6),
        (("a.npz", "features.6.npy"), 0, 3),
        (("b.safetensors", "features.6"), 1, 2),
    ]
    first, second, third = read_pieces(tmp_path, pieces, LIMITS)
    np.testing.assert_array_equal(first, LAYERS["features.8"][4:6])
    np.testing.assert_array_equal(second, LAYERS["features.6"][:3])
    np.testing.assert_array_equal(third, LAYERS["features.6"][1:2])
    assert read_pieces(tmp_path, [], LIMITS) == []


@pytest.mark.long
def test_one_piece_that_is_not_there_refuses_them_all(tmp_path):
    path = write(tmp_path, "layers.h5")
    pieces = [(("features.6/activations",), 0, 2), (("features.7/activations",), 0, 2)]
    with pytest.raises(InvalidInputError, match=r"readable dataset 'features.7/activations'; there is none now"):
        read_pieces(path, pieces, LIMITS)


@pytest.mark.long
def test_what_is_read_at_once_is_bounded_before_the_disk_is_full(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.zeros((1000, 100))
    limits = ReadingLimits(batch_bytes=1_000_000)
    assert len(READER.read_pieces("hdf5_format", tmp_path / "a.h5", [("x", 0, 1000)] * 2, limits)) == 2
    with pytest.raises(BudgetError, match=r"may take 2 MB as stored; this is more\. Ask for fewer rows"):
        READER.read_pieces("hdf5_format", tmp_path / "a.h5", [("x", 0, 1000)] * 4, limits)


@pytest.mark.parametrize(
    "key", ["soft", "external", "way/x", "elsewhere/x", "virtual", "outside", "", ".", "group/./x", "/group/x", "group"]
)
def test_a_dataset_is_opened_by_its_key_through_hard_links_alone(tmp_path, key):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.ones((3, 2))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/x"] = np.ones((3, 2))
        file["soft"] = h5py.SoftLink("/group/x")
        file["way"] = h5py.SoftLink("/group")
        file["external"] = h5py.ExternalLink("other.h5", "x")
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/")
        layout = h5py.VirtualLayout((3, 2), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "x", (3, 2))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("outside", (3, 2), "f8", external=[("secret.raw", 0, 48)])
    np.testing.assert_array_equal(hdf5_format.read_rows(tmp_path / "a.h5", "group/x", 1, 3, LIMITS), np.ones((2, 2)))
    with pytest.raises(InvalidInputError, match=r"readable dataset|name doesn.t exist"):
        hdf5_format.read_rows(tmp_path / "a.h5", key, 0, 2, LIMITS)

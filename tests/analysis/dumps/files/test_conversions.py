"""The three lines that convert what is never read: they are run as a message shows them, and the result opens."""

import ast
import gzip
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from scipy.io import savemat

from analysis.dumps import inspect
from analysis.dumps.contents import list_dump
from analysis.dumps.limits import DEFAULT_LIMITS
from tests.analysis.dumps.dump_files import FIRST, LAYERS, TENSORS

SECOND = LAYERS["features.8"]


def converted(path):
    """What the lines of a refusal write, run in the folder of the file; they are the same in one line and in three."""
    (refusal,) = {entry.refusal for _, entry in list_dump(path, DEFAULT_LIMITS).found if entry.refusal}
    lines = refusal[refusal.index("\nimport ") + 1 :]
    assert len(lines.splitlines()) == 3
    before = set(path.parent.iterdir())
    shown = next(member.reason for member in inspect(path).refused)
    assert ast.dump(ast.parse(shown[shown.index("import ") :])) == ast.dump(ast.parse(lines))
    run = subprocess.run([sys.executable, "-c", lines], cwd=path.parent, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (written,) = set(path.parent.iterdir()) - before
    found = inspect(written)
    values = {member.name: found.load(member.name).values for member in found.readable}
    written.unlink()
    return values


def assert_layers(values, expected=LAYERS):
    assert list(values) == [str(name) for name in expected]
    for name, array in expected.items():
        np.testing.assert_array_equal(values[str(name)], array)


def dump_pickle(path, data, protocol=None):
    path.write_bytes(pickle.dumps(data, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickled_dict(tmp_path, protocol):
    assert_layers(converted(dump_pickle(tmp_path / "acts.pkl", LAYERS, protocol)))


def test_pickled_lists_arrays_and_names_that_are_numbers(tmp_path):
    assert_layers(converted(dump_pickle(tmp_path / "it's.pickle", [FIRST, SECOND])), {0: FIRST, 1: SECOND})
    assert_layers(converted(dump_pickle(tmp_path / "one.pkl", FIRST)), {0: FIRST})
    assert_layers(converted(dump_pickle(tmp_path / "epoch 3.pkl", {3: FIRST, 7: SECOND})), {3: FIRST, 7: SECOND})


def test_packed_and_named_otherwise(tmp_path):
    with gzip.open(tmp_path / "acts.pkl.gz", "wb") as file:
        pickle.dump(LAYERS, file)
    assert_layers(converted(tmp_path / "acts.pkl.gz"))
    assert_layers(converted(dump_pickle(tmp_path / "acts", LAYERS)))
    assert_layers(converted(dump_pickle(tmp_path / "acts.npy", LAYERS)))


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3)])
def test_what_joblib_wrote(tmp_path, compress):
    joblib.dump(LAYERS, tmp_path / "acts.joblib", compress=compress)
    assert_layers(converted(tmp_path / "acts.joblib"))
    joblib.dump(LAYERS, tmp_path / "acts.pkl")
    assert_layers(converted(tmp_path / "acts.pkl"))


def test_tensors_that_were_pickled_without_torch_save(tmp_path):
    data = {name: tensor.clone().requires_grad_() for name, tensor in TENSORS.items()}
    assert_layers(converted(dump_pickle(tmp_path / "acts.pkl", data)))


def test_numpy_arrays_in_a_file_of_torch(tmp_path):
    torch.save({"features.6": FIRST, "features.8": TENSORS["features.8"]}, tmp_path / "mixed.pt")
    assert_layers(converted(tmp_path / "mixed.pt"))


def test_a_list_of_arrays_in_an_object_array(tmp_path):
    parts = np.empty(2, dtype=object)
    parts[:] = [FIRST, SECOND]
    np.save(tmp_path / "acts.npy", parts)
    assert_layers(converted(tmp_path / "acts.npy"), {0: FIRST, 1: SECOND})
    np.savez(tmp_path / "several.npz", acts=parts)
    assert_layers(converted(tmp_path / "several.npz"), {0: FIRST, 1: SECOND})


def test_dicts_and_numbers_in_object_arrays(tmp_path):
    np.save(tmp_path / "dict.npy", LAYERS)
    assert_layers(converted(tmp_path / "dict.npy"))
    np.save(tmp_path / "numbers.npy", FIRST.astype(object))
    assert_layers(converted(tmp_path / "numbers.npy"), {"array": FIRST})
    np.save(tmp_path / "vector.npy", FIRST[:, 0].astype(object))
    assert_layers(converted(tmp_path / "vector.npy"), {"array": FIRST[:, :1]})


def test_numbers_of_one_byte(tmp_path):
    tensor = torch.from_numpy(FIRST).to(torch.float8_e4m3fn)
    np.save(tmp_path / "small.npy", tensor.view(torch.uint8).numpy().view("V1"))
    assert_layers(converted(tmp_path / "small.npy"), {"array": tensor.float().numpy()})


def test_structs_and_cells_of_matlab(tmp_path):
    savemat(tmp_path / "struct.mat", {"acts": {"conv1": FIRST, "conv2": SECOND}})
    assert_layers(converted(tmp_path / "struct.mat"), {"conv1": FIRST, "conv2": SECOND})
    cells = np.empty((1, 2), dtype=object)
    cells[0, :] = [FIRST, SECOND]
    savemat(tmp_path / "cells.mat", {"acts": cells})
    assert_layers(converted(tmp_path / "cells.mat"), {0: FIRST, 1: SECOND})

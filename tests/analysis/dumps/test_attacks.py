"""Hostile and broken files: every lie is refused member by member, with the reason and what to do."""

import os
import pickle
import struct
import warnings
import zipfile
import zlib

import h5py
import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from analysis.dumps import ReadingLimits, inspect
from per_core.errors import BudgetError, InvalidInputError
from tests.analysis.dumps.dump_files import FIRST, LAYERS, TENSORS, npy_bytes, only, write


class Command:
    """Its pickle makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


# .pt


def test_code_in_a_pickle_is_not_run(tmp_path):
    for file, options in (("new.pt", {}), ("old.pth", {"_use_new_zipfile_serialization": False})):
        torch.save({"a": torch.ones(2, 2), "b": Command(tmp_path / "owned")}, tmp_path / file, **options)
        reason = only(inspect(tmp_path / file))
        assert "weights_only=True, which runs no code; opening this one would call posix.mkdir" in reason
        assert "save its tensors alone" in reason
    for file in ("plain.pt", "plain.npy", "plain", "plain.pkl", "plain.mat"):
        (tmp_path / file).write_bytes(pickle.dumps(Command(tmp_path / "owned")))
        assert "a pickle, which can run code when opened, and is never read" in only(inspect(tmp_path / file))
    assert not (tmp_path / "owned").exists()


def test_numpy_arrays_in_a_pt_come_with_the_line_that_saves_them_again(tmp_path):
    torch.save({"a": FIRST}, tmp_path / "arrays.pt")
    reason = only(inspect(tmp_path / "arrays.pt"))
    assert "takes tensors and no numpy arrays" in reason
    assert "torch.load('arrays.pt', weights_only=False" in reason  # the lines are run in test_conversions


def test_an_expand_bomb_is_refused_and_its_neighbours_load(tmp_path):
    torch.save({"bomb": torch.zeros(1).expand(10**6, 10**6), **TENSORS}, tmp_path / "bomb.pt")
    assert (tmp_path / "bomb.pt").stat().st_size < 4000
    inspection = inspect(tmp_path / "bomb.pt")
    assert [member.verdict for member in inspection.members] == ["refused", "ok", "ok"]
    bomb = inspection.member("bomb")
    assert (bomb.declared, bomb.stored) == (4 * 10**12, 4)
    assert "(1000000, 1000000) of float32 is 4 TB, stored are 4 bytes" in bomb.reason
    np.testing.assert_array_equal(inspection.load("features.6").values, FIRST)


def test_what_is_the_same_in_every_sample_is_read_and_said(tmp_path):
    """A bias of positions, expanded over the batch as hooks see it."""
    positions = torch.arange(12.0).reshape(3, 4)
    torch.save({"hook_pos_embed": positions.expand(5, 3, 4)}, tmp_path / "cache.pt")
    inspection = inspect(tmp_path / "cache.pt")
    (member,) = inspection.members
    assert member.note == "expanded: 48 bytes are stored, and repeat"
    np.testing.assert_array_equal(inspection.load().values, np.tile(positions, (5, 1)))
    np.testing.assert_array_equal(inspection.load(rows=range(3, 5)).values, np.tile(positions, (2, 1)))


def test_tensors_that_are_not_dense_real_numbers(tmp_path):
    odd = {"sparse": torch.eye(3).to_sparse(), "complex": torch.ones(2, 2, dtype=torch.complex64), **TENSORS}
    torch.save(odd, tmp_path / "odd.pt")
    inspection = inspect(tmp_path / "odd.pt")
    assert [member.verdict for member in inspection.members] == ["refused", "refused", "ok", "ok"]
    assert "this one is sparse" in inspection.member("sparse").reason
    assert "real numbers; these are complex64" in inspection.member("complex").reason


def test_a_quantised_tensor_comes_with_a_way_out(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(
            {"q": torch.quantize_per_tensor(torch.ones(3, 3), 0.1, 0, torch.qint8), **TENSORS}, tmp_path / "q.pt"
        )
    assert "holds a quantised one" in only(inspect(tmp_path / "q.pt"))


def test_a_storage_that_is_longer_in_the_pickle_than_in_the_file(tmp_path):
    torch.save(TENSORS, tmp_path / "good.pt")
    with zipfile.ZipFile(tmp_path / "good.pt") as good, zipfile.ZipFile(tmp_path / "short.pt", "w") as short:
        for info in good.infolist():
            content = good.read(info)
            if not info.filename.endswith(".format_version"):  # which promises torch's own alignment
                short.writestr(info.filename, content[:40] if info.filename.endswith("data/0") else content)
    inspection = inspect(tmp_path / "short.pt")
    assert [member.verdict for member in inspection.members] == ["refused", "ok"]
    assert "96 bytes are declared, 40 bytes are there" in inspection.members[0].reason
    np.testing.assert_array_equal(inspection.load().values, LAYERS["features.8"])


def test_references_that_multiply_and_files_that_hold_no_tensor(tmp_path):
    laughs = [torch.ones(2, 2)]
    for _ in range(30):
        laughs = [laughs] * 10
    torch.save(laughs, tmp_path / "laughs.pt")
    (member,) = inspect(tmp_path / "laughs.pt").members
    assert member.verdict == "ok"
    laughs = [1.5] * 10
    for _ in range(30):
        laughs = [laughs] * 10
    torch.save({"laughs": laughs, "good": torch.ones(2, 2)}, tmp_path / "numbers.pt")
    assert [member.name for member in inspect(tmp_path / "numbers.pt").readable][-1] == "good"
    torch.save({"accuracy": None}, tmp_path / "none.pt")
    assert "must hold a tensor" in only(inspect(tmp_path / "none.pt"))


def test_compressed_and_scripted_archives_of_torch(tmp_path):
    torch.save(TENSORS, tmp_path / "good.pt")
    with zipfile.ZipFile(tmp_path / "good.pt") as good:
        members = {info.filename: good.read(info) for info in good.infolist()}
    with zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    assert "torch.save never compresses" in only(inspect(tmp_path / "packed.pt"))
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as script:
        for name, content in (members | {"good/constants.pkl": b""}).items():
            script.writestr(name, content)
    assert "TorchScript program" in only(inspect(tmp_path / "script.pt"))


# .npy and .npz


def npy_header(text):
    header = text.encode() + b" " * (117 - len(text)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000)}",
            "needs 4 TB, the file holds 64 bytes",
        ),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "its shape is not one"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4)}", "its shape is not one"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4)}", "at least one row and one unit"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': ()}", "a single number"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (4, 4)}", "Object arrays are pickles"),
        ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,)}", "these are structured"),
        ("{'descr': '<c8', 'fortran_order': False, 'shape': (2, 4)}", "these are complex64"),
        ("{'descr': '<U4', 'fortran_order': False, 'shape': (2, 2)}", "these are text"),
        ("{'descr': '<f4', 'fortran_order': 1, 'shape': (4, 4)}", "fortran_order is not a valid bool"),
        ("{'descr': 'f4,f4', 'fortran_order': False, 'shape': (4, 4)}", "these are structured"),
        ("{'descr': '(4,)f4', 'fortran_order': False, 'shape': (4,)}", "these are structured"),
        ("{'descr': 'f5', 'fortran_order': False, 'shape': (4, 4)}", "not a valid dtype descriptor: 'f5'"),
        ("{'descr': 5, 'fortran_order': False, 'shape': (4, 4)}", "not a valid dtype descriptor: 5"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': [4, 4]}", "shape is not valid"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 4)}", "its shape is not one"),
        ("{'descr': '<f4', 'shape': (4, 4)}", "does not contain the correct keys"),
        ("__import__('os').getcwd()", "cannot be read"),
        ("(" * 100, "cannot be read"),
        ("{'descr': '<f4', 5: False, 'shape': (4, 4)}", "cannot be read"),
        ("{'descr': [('a',)], 'fortran_order': False, 'shape': (4, 4)}", "cannot be read"),
    ],
)
def test_headers_of_npy_that_lie(tmp_path, header, reason):
    values = bytes(4 if "()" in header else 0 if "(0, 4)" in header else 64)
    (tmp_path / "lie.npy").write_bytes(npy_header(header) + values)
    assert reason in only(inspect(tmp_path / "lie.npy"))


def test_versions_of_npy(tmp_path):
    """The first three are read; of others, and of headers longer than numpy evaluates, it is said what is wrong."""
    content = npy_bytes(FIRST)
    length = int.from_bytes(content[8:10], "little")
    for major in (1, 2, 3):
        width = 2 if major == 1 else 4
        start = b"\x93NUMPY" + bytes([major, 0]) + length.to_bytes(width, "little")
        (tmp_path / "x.npy").write_bytes(start + content[10:])
        np.testing.assert_array_equal(inspect(tmp_path / "x.npy").load().values, FIRST)
    (tmp_path / "x.npy").write_bytes(content[:6] + b"\x04" + content[7:])
    assert "its version is 4.0, known are 1.0, 2.0 and 3.0" in only(inspect(tmp_path / "x.npy"))
    (tmp_path / "x.npy").write_bytes(content[:8] + (60_000).to_bytes(2, "little") + bytes(70_000))
    assert "expected 60000 bytes" in only(inspect(tmp_path / "x.npy"))


def test_whole_numbers_as_python_2_wrote_them(tmp_path):
    header = npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (6L, 4L)}")
    (tmp_path / "old.npy").write_bytes(header + FIRST.tobytes())
    with pytest.warns(UserWarning, match="created on Python 2"):
        inspection = inspect(tmp_path / "old.npy")
    np.testing.assert_array_equal(inspection.load().values, FIRST)


def test_cut_arrays_are_refused_and_their_neighbours_load(tmp_path):
    for name, cut in (("header.npy", 40), ("values.npy", 200), ("magic.npy", 7)):
        (tmp_path / name).write_bytes(npy_bytes(FIRST)[:cut])
    np.save(tmp_path / "good.npy", FIRST)
    inspection = inspect(tmp_path)
    assert {member.name: member.verdict for member in inspection.members} == {
        "good.npy": "ok", "header.npy": "refused", "magic.npy": "refused", "values.npy": "refused",
    }  # fmt: skip
    assert "needs 96 bytes, the file holds 72 bytes. It is cut short" in inspection.member("values.npy").reason
    np.testing.assert_array_equal(inspection.load("good.npy").values, FIRST)


# .h5


def test_hdf5_reads_nothing_outside_its_file(tmp_path):
    (tmp_path / "secret").write_bytes(FIRST.tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = FIRST
    with h5py.File(tmp_path / "spy.h5", "w") as file:
        file["good"] = FIRST
        file["link"] = h5py.ExternalLink("other.h5", "/x")
        file["soft"] = h5py.SoftLink("/good")
        file.create_dataset("raw", (6, 4), "f4", external=[(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)])
        layout = h5py.VirtualLayout((6, 4), "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (6, 4))
        file.create_virtual_dataset("virtual", layout)
        file["loop"] = file["/"]
    inspection = inspect(tmp_path / "spy.h5")
    reasons = {member.name: member.reason for member in inspection.refused}
    assert set(reasons) == {"link", "soft", "raw", "virtual"}
    assert "a link into another file, 'other.h5'" in reasons["link"]
    assert "values of this one are in" in reasons["raw"]
    assert "virtual dataset" in reasons["virtual"]
    assert all("Copy the values into the file" in reason for reason in reasons.values())
    np.testing.assert_array_equal(inspection.load().values, FIRST)


def test_hdf5_that_declares_forty_terabytes(tmp_path):
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("huge", (10**7, 10**6), "f4", chunks=(1000, 1000))
        file.create_dataset("packed", (10**7, 10**6), "f4", chunks=(1000, 1000), compression="gzip")
        file["good"] = FIRST
        file["text"] = ["a", "b"]
        file["empty"] = h5py.Empty("f4")
    inspection = inspect(tmp_path / "huge.h5")
    assert [member.name for member in inspection.readable] == ["good"]
    for name in ("huge", "packed"):
        assert inspection.member(name).declared == 4 * 10**13
        assert "is 40 TB, stored are 0 bytes" in inspection.member(name).reason
    assert [(one.name, one.kind) for one in inspection.left_out] == [("text", "text")]
    assert "this one is empty" in inspection.member("empty").reason


# .safetensors


def rewritten(content, old, new):
    """A safetensors file with a part of its header replaced by one as long."""
    assert len(old) == len(new)
    assert old in content
    return content.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"shape":[6,4]', b'"shape":[9,4]', "needs 144 bytes, there are 96 bytes"),
        (b'"data_offsets":[0,96]', b'"data_offsets":[9,96]', "there are 87 bytes"),
        (b'"data_offsets":[0,96]', b'"data_offsets":[96,0]', "damaged"),
        (b'"shape":[6,4]', b'"shape":[-,4]', "its header is not JSON"),
        (b'"shape":[6,4]', b'"shape":"6,4"', "damaged"),
        (b'"features.8"', b'"features.6"', "a name is there twice"),
    ],
)
def test_headers_of_safetensors_that_lie(tmp_path, old, new, reason):
    (tmp_path / "lie.safetensors").write_bytes(rewritten(save(TENSORS), old, new))
    inspection = inspect(tmp_path / "lie.safetensors")
    assert reason in inspection.refused[0].reason
    assert not inspection.readable  # the format's own library refuses the whole file, too
    with pytest.raises(SafetensorError):
        load_file(tmp_path / "lie.safetensors")


def test_safetensors_cut_short_shared_and_with_a_header_of_a_terabyte(tmp_path):
    content = save(TENSORS)
    (tmp_path / "cut.safetensors").write_bytes(content[:-10])
    inspection = inspect(tmp_path / "cut.safetensors")
    assert [member.verdict for member in inspection.members] == ["refused", "refused"]
    assert "'features.8' does not fit" in inspection.members[0].reason
    assert "cut short or lies" in inspection.members[1].reason
    shared = rewritten(content, b'"data_offsets":[96,168]', b'"data_offsets":[24,96] ')
    (tmp_path / "shared.safetensors").write_bytes(shared)
    assert "these are shared with 'features.6'" in inspect(tmp_path / "shared.safetensors").refused[1].reason
    (tmp_path / "long.safetensors").write_bytes(struct.pack("<Q", 2**40) + content[8:])
    assert "its header is said to take 1.1 TB" in only(inspect(tmp_path / "long.safetensors"))
    (tmp_path / "deep.safetensors").write_bytes(struct.pack("<Q", 100_000) + b'{"a":' + b"[" * 99_995)
    assert "its header is not JSON" in only(inspect(tmp_path / "deep.safetensors"))


# any


@pytest.mark.parametrize(
    "suffix",
    [".npy", ".npz", ".zip", ".safetensors", ".pt", ".pth", ".h5", ".parquet", ".arrow", ".csv", ".mat", ".pkl", ""],
)
def test_empty_files_and_noise(tmp_path, suffix):
    (tmp_path / f"empty{suffix}").write_bytes(b"")
    assert "this one is empty, 0 bytes" in only(inspect(tmp_path / f"empty{suffix}"))
    (tmp_path / f"noise{suffix}").write_bytes(np.random.default_rng(1).bytes(5000))
    assert only(inspect(tmp_path / f"noise{suffix}"))


@pytest.mark.parametrize(
    ("name", "called", "reason"),
    [
        ("layers.h5", "x.npy", "called .npy and is an HDF5 file. Rename it to .h5"),
        ("layer.npy", "x.pt", "called .pt and is a .npy array"),
        ("layers.npz", "x.pt", "holds data.pkl; this one is another zip archive"),
        ("layers.parquet", "x.csv", "called .csv and is a Parquet file"),
        ("layers.safetensors", "x.h5", "called .h5 and is a .safetensors file"),
        ("layer.csv", "x.npy", "begins with the bytes 61 2c 62"),
        ("layer.csv", "x.npy", "It is text: call a table of numbers .csv"),
        ("layer.npy", "x.mat", "called .mat and is a .npy array. Rename it to .npy"),
        ("layers.mat", "x.npy", "called .npy and is a MATLAB file. Rename it to .mat"),
        ("layers.safetensors", "x.parquet", "is a .safetensors file"),
    ],
)
def test_a_name_that_lies_about_its_content(tmp_path, name, called, reason):
    write(tmp_path, name).rename(tmp_path / called)
    assert reason in only(inspect(tmp_path / called))


def test_a_name_that_says_nothing_is_told_by_its_content(tmp_path):
    for name in (
        "layers.h5",
        "layer.npy",
        "layers.pt",
        "layers.npz",
        "legacy.pt",
        "layers.parquet",
        "layers.safetensors",
    ):
        path = write(tmp_path, name).rename(tmp_path / "unknown.bin")
        assert inspect(path).readable


def test_formats_of_others_come_with_a_way_out(tmp_path):
    (tmp_path / "a.npy.gz").write_bytes(b"\x1f\x8b" + zlib.compress(b"x"))
    assert "gunzip" in only(inspect(tmp_path / "a.npy.gz"))
    (tmp_path / "a.feather").write_bytes(b"FEA1")
    assert "DataFrame.to_feather" in only(inspect(tmp_path / "a.feather"))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full((2, 3), np.nan), r"all 6 values of x.npy are NaN or infinite \(6 NaN, 0 infinite\)"),
        (np.array([[np.inf, -np.inf], [np.nan, np.nan]]), r"\(2 NaN, 2 infinite\)"),
    ],
)
def test_nothing_finite(tmp_path, values, reason):
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(InvalidInputError, match=reason):
        inspect(tmp_path / "x.npy").load()


def test_nothing_finite_in_a_part_is_not_said_of_the_whole(tmp_path):
    np.save(tmp_path / "x.npy", np.concatenate([np.full((5, 3), np.nan), np.ones((5, 3))]))
    with pytest.raises(InvalidInputError, match=r"all 12 values of samples 0 to 3 of x.npy are NaN"):
        inspect(tmp_path / "x.npy").load(rows=range(4))


def test_what_is_not_finite_is_kept_and_counted(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[1.0, np.nan], [np.inf, 2.0]]))
    batch = inspect(tmp_path / "x.npy").load()
    assert (batch.n_nan, batch.n_inf) == (1, 1)
    np.save(tmp_path / "x.npy", np.array([[np.inf, -1e300], [np.nan, 1e39]]))
    batch = inspect(tmp_path / "x.npy").load()
    assert (batch.n_nan, batch.n_inf, batch.n_beyond_float32) == (1, 1, 2)


def test_tables_that_are_none(tmp_path):
    cases = {
        "a,b\n": "holds 0",
        "\n\n": "is empty",
        "1,2\n3\n": "may be two numbers or one",
        "1.5,2\n3\n": "line 2 has 1 cell, line 1 has 2",
        "1,2\n\xe9\xff,4\n": "not: 'utf-8'",
    }
    for text, reason in cases.items():
        (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
        assert reason in only(inspect(tmp_path / "t.csv"))
    (tmp_path / "t.csv").write_text("1.5,2\n" * 1000)
    assert "Text is read whole, up to 1 kB" in only(inspect(tmp_path / "t.csv", limits=ReadingLimits(csv_bytes=1000)))


def test_more_than_a_batch_may_take_is_refused_with_the_rows_that_fit(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((1000, 10), np.float32))
    inspection = inspect(tmp_path / "x.npy", limits=ReadingLimits(batch_bytes=4000))
    with pytest.raises(BudgetError, match=r"1000 samples of x.npy take 40 kB. Load 100 of them at once: rows="):
        inspection.load()
    assert inspection.load(rows=range(900, 1000)).n == 100
    for rows in (range(0, 1001), range(-1, 3), range(3, 3), range(0, 10, 2)):
        with pytest.raises(InvalidInputError, match="range without gaps within 0 to 1000"):
            inspection.load(rows=rows)
    assert "One sample may take 20 bytes" in only(inspect(tmp_path / "x.npy", limits=ReadingLimits(batch_bytes=20)))


def test_a_file_that_changes_after_it_was_inspected(tmp_path):
    path = write(tmp_path, "layer.npy")
    inspection = inspect(path)
    np.save(path, FIRST[:3])
    with pytest.raises(InvalidInputError, match=r"cut short or was changed"):
        inspection.load()
    np.save(path, np.ones((6, 5)))
    with pytest.raises(InvalidInputError, match=r"it has changed. Inspect the dump again"):
        inspection.load()
    path.unlink()
    with pytest.raises(InvalidInputError, match="cannot be opened"):
        inspection.load()

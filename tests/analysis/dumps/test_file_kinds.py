"""What a file is, is told by what it holds: archives by their directories, foreign files with a way out."""

import io
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
import torch

from analysis.dumps import inspect
from tests.analysis.dumps.dump_files import FIRST, LAYERS, TENSORS, npy_bytes, only, write


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_whose_first_file_is_one_of_torch_is_a_zip(tmp_path, method):
    torch.save(TENSORS, tmp_path / "data.pt")
    with zipfile.ZipFile(tmp_path / "all.zip", "w", method) as archive:
        archive.write(tmp_path / "data.pt", "data.pt")
        archive.writestr("b.npy", npy_bytes(FIRST))
    with zipfile.ZipFile(tmp_path / "outer.zip", "w", method) as archive:
        archive.write(tmp_path / "all.zip", "all.zip")
    for name, prefix in (("all.zip", ""), ("outer.zip", "all.zip/")):
        inspection = inspect(tmp_path / name)
        assert [member.name for member in inspection.readable] == [
            f"{prefix}data.pt/features.6", f"{prefix}data.pt/features.8", f"{prefix}b.npy",
        ]  # fmt: skip
        np.testing.assert_array_equal(inspection.load(f"{prefix}data.pt/features.6").values, FIRST)
    (tmp_path / "all.zip").rename(tmp_path / "all.bin")
    assert len(inspect(tmp_path / "all.bin").readable) == 3


def test_files_of_torch_are_known_by_their_directory(tmp_path):
    torch.save(TENSORS, tmp_path / "data.pt")
    for name in ("data.zip", "data.bin", "data.ckpt", "data.th", "data.pkl", "data.pth.tar", "data.npz", "data"):
        (tmp_path / name).write_bytes((tmp_path / "data.pt").read_bytes())
        np.testing.assert_array_equal(inspect(tmp_path / name).load("features.6").values, FIRST)
    torch.save(TENSORS, tmp_path / "old.pickle", _use_new_zipfile_serialization=False)
    np.testing.assert_array_equal(inspect(tmp_path / "old.pickle").load("features.6").values, FIRST)


@pytest.mark.parametrize("name", ["layer.npy", "layers.pt", "legacy.pt", "layers.h5", "layers.mat"])
def test_files_of_arrays_are_found_in_folders_and_archives_whatever_they_are_called(tmp_path, name):
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder, name).rename(folder / "step_5.dat")
    (folder / "notes.txt.orig").write_text("no arrays")
    (folder / "paper.docx").write_bytes(zipped("word/document.xml"))
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    for place in (folder, tmp_path / "all.zip"):
        inspection = inspect(place)
        assert inspection.readable
        assert {array.location[0] for array in inspection.arrays} == {"step_5.dat"}


def test_a_file_is_said_to_be_cut_short_only_if_it_is(tmp_path):
    for name, content, reason in (
        ("cut.npy", b"\x93NU", "a .npy array, and ends after 3 bytes: it is cut short"),
        ("hole.npy", bytes(4096), "the first 512 bytes of this one are 0, as if its content had never arrived"),
        ("whole.npy", b"\x01\x02" * 4000, "Save the arrays with numpy.savez"),
        ("old.mat", b"\0\0\0\0\x03" + bytes(range(256)), "save it with save(FILE, '-v7')"),
        ("text.xyz", b"1 2 3\n4 5 6\n", "It is text"),
    ):
        (tmp_path / name).write_bytes(content)
        found = only(inspect(tmp_path / name))
        assert reason in found
        assert ("cut short" in found) == name.startswith("cut")
        assert "overwritten" not in found


def tar_bytes() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("a.npy")
        info.size = len(npy_bytes(FIRST))
        archive.addfile(info, io.BytesIO(npy_bytes(FIRST)))
    return buffer.getvalue()


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


FOREIGN = {
    "x.npy": (b"<!DOCTYPE html><html>Log in</html>", "a web page or XML"),
    "y.csv": (b"<html>Log in</html>", "a web page or XML"),
    "x.pt": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
    "z.csv": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
    "x.npz": (b"7z\xbc\xaf\x27\x1c\0\4rest", "7z x FILE"),
    "tar.npy": (tar_bytes(), "is a tar archive. Rename it to .tar"),
    "x.h5": (b"\xfd7zXZ\0rest", "unxz FILE"),
    "lnk.npy": (b"\x4c\0\0\0\x01\x14\x02\0rest", "a Windows shortcut"),
    "u.csv": ("1.5;2\n".encode("utf-16"), "UTF-16; save it as UTF-8"),
    "model.keras": (zipped("metadata.json", "config.json", "model.weights.h5"), "weights and no activations"),
    "table.zip": (zipped("[Content_Types].xml", "xl/workbook.xml"), "save the table as CSV"),
    "packed.csv": (zipped("a.npy"), "called .csv and is a zip archive"),
    "x.parquet": (b"ARROW1\0\0", "Rename it to .arrow"),
    "x.feather": (b"FEA1", "DataFrame.to_feather"),
    "p.npy": (b"\x80\x04\x95\x10\0\0\0", "a pickle, which can run code"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files_come_with_a_way_out(tmp_path, name):
    content, way_out = FOREIGN[name]
    (tmp_path / name).write_bytes(content)
    assert way_out in only(inspect(tmp_path / name))


@pytest.mark.parametrize("head", ["BZh,b", "CDF,x", "PAR1,PAR2", "MATLAB 5.0 MAT-file,y"])
def test_tables_that_begin_as_other_files_do(tmp_path, head):
    (tmp_path / "t.csv").write_text(f"{head}\n1.5,2\n3,4\n")
    np.testing.assert_array_equal(inspect(tmp_path / "t.csv").load().values, [[1.5, 2], [3, 4]])


def test_hdf5_behind_a_block_of_its_user(tmp_path):
    """MATLAB writes one of 512 bytes before its files of version 7.3."""
    with h5py.File(tmp_path / "matlab.h5", "w", userblock_size=512) as file:
        file["features.6"] = LAYERS["features.6"]
    content = (tmp_path / "matlab.h5").read_bytes()
    (tmp_path / "matlab.h5").write_bytes(b"MATLAB 7.3 MAT-file" + content[19:])
    np.testing.assert_array_equal(inspect(tmp_path / "matlab.h5").load().values, FIRST)


def test_every_good_file_is_what_its_name_says(tmp_path):
    for name in ("layers.h5", "layer.npy", "layers.pt", "layers.npz", "layers.parquet", "layers.safetensors"):
        assert inspect(write(tmp_path, name)).readable

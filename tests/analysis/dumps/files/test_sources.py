"""Where dumps come from: folders that are allowed, links that are not followed, uploads that go away."""

import gc
import io
import os

import numpy as np
import pytest

from analysis.dumps import Upload, inspect, load
from per_core.errors import BudgetError, InvalidInputError, StorageError
from tests.analysis.dumps.dump_files import FIRST, write
from tests.per_core.recording.recorded import largest_file


@pytest.fixture
def folders(tmp_path):
    allowed, secret = tmp_path / "allowed", tmp_path / "secret"
    for folder in (allowed, secret):
        folder.mkdir()
        np.save(folder / "layer_1.npy", FIRST)
    return allowed, secret


def test_only_allowed_folders_are_read(folders):
    allowed, secret = folders
    np.testing.assert_array_equal(load(allowed / "layer_1.npy", allowed=[allowed]).values, FIRST)
    (allowed / "link.npy").symlink_to(secret / "layer_1.npy")
    (allowed / "folder").symlink_to(secret)
    for path in (
        secret / "layer_1.npy",
        allowed / ".." / "secret" / "layer_1.npy",
        allowed / "link.npy",
        allowed / "folder" / "layer_1.npy",
        secret / "not there.npy",
        "/etc/passwd",
        allowed.parent / "allowed-too",
    ):
        with pytest.raises(InvalidInputError, match=r"folders that the operator allows: .*elsewhere. Move it there"):
            inspect(path, allowed=[allowed])
    with pytest.raises(InvalidInputError, match="allows: none"):
        inspect(allowed, allowed=[])


def test_links_in_a_folder_are_refused_even_if_they_come_later(folders):
    allowed, secret = folders
    (allowed / "layer_2.npy").symlink_to(secret / "layer_1.npy")
    (allowed / "inner").symlink_to(secret)
    inspection = inspect(allowed, allowed=[allowed])
    assert [(member.name, member.verdict) for member in inspection.members] == [
        ("layer_1.npy", "ok"),
        ("layer_2.npy", "refused"),
    ]
    assert "Links are not followed" in inspection.members[1].reason
    (allowed / "layer_1.npy").unlink()
    (allowed / "layer_1.npy").symlink_to(secret / "layer_1.npy")
    with pytest.raises(InvalidInputError, match="leads out of it"):
        inspection.load("layer_1.npy")


def test_paths_that_are_no_dump(tmp_path):
    with pytest.raises(InvalidInputError, match=r"cannot be opened: .*Check the path"):
        inspect(tmp_path / "none.npy")
    with pytest.raises(InvalidInputError, match="cannot be opened"):
        inspect("a\0b")
    for empty in ("", "  "):
        with pytest.raises(InvalidInputError, match="received an empty path"):
            inspect(empty)
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(InvalidInputError, match="is neither"):
        inspect(tmp_path / "pipe.npy")
    (member,) = inspect(tmp_path).members
    assert "made of plain files" in member.reason
    (tmp_path / "empty").mkdir()
    (member,) = inspect(tmp_path / "empty").members
    assert "holds none. Name another folder" in member.reason


def test_members_that_are_not_there_or_not_chosen(tmp_path):
    inspection = inspect(write(tmp_path, "layers.npz"))
    with pytest.raises(InvalidInputError, match=r"No member 'x' in layers.npz. It has: features.6, features.8"):
        inspection.load("x")
    with pytest.raises(InvalidInputError, match="has 2 members; say which one"):
        inspection.load()


def test_an_upload_is_there_until_it_is_released(tmp_path):
    content = write(tmp_path, "layer.npy").read_bytes()
    with Upload({"epoch_3/../layer_7.npy": content}) as upload:
        path = upload.path
        (member,) = inspect(upload, allowed=[]).members
        assert (member.name, member.layer) == ("layer_7.npy", "layer_7")
        np.testing.assert_array_equal(load(upload, allowed=[]).values, FIRST)
    assert not path.parent.exists()
    upload.release()
    forgotten = Upload({"a.npy": content})
    path = forgotten.path
    del forgotten
    gc.collect()
    assert not path.parent.exists()


def test_several_files_of_an_upload_are_a_folder(tmp_path):
    content = write(tmp_path, "layer.npy").read_bytes()
    files = {"layer_1.npy": io.BytesIO(content), "layer_2.npy": content, "a/layer_1.npy": content, "..": content}
    with Upload(files) as upload:
        assert upload.path.name == "4 files"
        assert sorted(path.name for path in upload.path.iterdir()) == [
            "layer_1-2.npy", "layer_1.npy", "layer_2.npy", "upload",
        ]  # fmt: skip
        assert len(inspect(upload).readable) == 4
        assert inspect(upload).ignored == ()  # its content says what it is


def test_uploads_that_are_too_large_or_empty_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(BudgetError, match="may have 10 bytes together"):
        Upload({"a.npy": b"12345", "b.npy": io.BytesIO(b"123456")}, most_bytes=10)
    with pytest.raises(InvalidInputError, match="received none"):
        Upload({})
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_the_disk_does_not_take_says_so():
    with largest_file(1000), pytest.raises(StorageError, match=r"a\.npy cannot be written: File too large"):
        Upload({"a.npy": bytes(2000)})

"""Hostile and broken archives: bombs, lies in the directory, archives in archives, names that lead out."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
import torch

from analysis.dumps import ReadingLimits, inspect
from per_core.errors import InvalidInputError
from tests.analysis.dumps.dump_files import FIRST, LAYERS, TENSORS, npy_bytes, only, write


def test_a_zip_bomb_is_refused_by_its_sizes_smallest_members_first(tmp_path):
    zeros = np.zeros((1000, 1000), np.float32)
    np.savez_compressed(tmp_path / "bomb.npz", first=zeros, **LAYERS, second=zeros)
    inspection = inspect(tmp_path / "bomb.npz", limits=ReadingLimits(unpacked_bytes=5_000_000))
    assert [m.verdict for m in inspection.members] == ["ok", "ok", "ok", "refused"]
    reason = inspection.member("second").reason
    assert "may unpack to 5 MB together; with this one, 3.9" in reason
    assert "save it uncompressed" in reason
    np.testing.assert_array_equal(inspection.load("features.6").values, FIRST)
    assert inspection.load("first", rows=range(900, 1000)).values.sum() == 0


def test_a_header_costs_no_more_inflation_than_a_header(tmp_path):
    """Thousands of small members that unpack to a megabyte each would take minutes to inspect otherwise."""
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((1000, 1000), np.float32))
    inflated = []
    begin = zlib.decompressobj

    class Watched:
        def __init__(self, *arguments):
            self.inflater = begin(*arguments)

        def decompress(self, *arguments):
            inflated.append(len(chunk := self.inflater.decompress(*arguments)))
            return chunk

        def __getattr__(self, name):
            return getattr(self.inflater, name)

    with pytest.MonkeyPatch.context() as watch:
        watch.setattr(zlib, "decompressobj", Watched)
        assert inspect(tmp_path / "x.npz").readable
        assert 0 < sum(inflated) < 2**16
    assert not inspect(tmp_path / "x.npz").load(rows=range(900, 1000)).values.any()


def with_central(path, member, offset, format, value):
    """The archive with one number of a member's line in the directory replaced."""
    content = bytearray(path.read_bytes())
    position = content.find(b"PK\x01\x02")
    while content[position + 46 : position + 46 + len(member)] != member:
        position = content.find(b"PK\x01\x02", position + 1)
    struct.pack_into(format, content, position + offset, value)
    path.write_bytes(content)


SIZE, STORED, METHOD, FLAGS, CHECKSUM, HEADER = 24, 20, 10, 8, 16, 42


@pytest.mark.parametrize(
    ("offset", "format", "value", "reason"),
    [
        (SIZE, "<L", 2**31, "cannot unpack to 2.15 GB"),
        (STORED, "<L", 2**30, "1.07 GB are said to be stored, fewer are there"),
        (METHOD, "<H", 14, "compressed by method 14"),
        (FLAGS, "<H", 1, "must not be encrypted"),
        (HEADER, "<L", 5, "there is no member where one is said to begin"),
        (HEADER, "<L", 0, "another name in the directory than at its place"),
        (HEADER, "<L", 2**31, "behind the last member"),
    ],
)
def test_directories_of_zip_that_lie(tmp_path, offset, format, value, reason):
    path = write(tmp_path, "packed.npz")
    with_central(path, b"features.8.npy", offset, format, value)
    inspection = inspect(path)
    assert [member.verdict for member in inspection.members] == ["ok", "refused"]
    assert reason in inspection.members[1].reason
    np.testing.assert_array_equal(inspection.load().values, FIRST)


@pytest.mark.parametrize(
    ("offset", "format", "value", "reason"),
    [
        (SIZE, "<L", 190, "unpacks to more. The archive lies"),
        (SIZE, "<L", 210, "cut short"),
        (CHECKSUM, "<L", 1, "must have the checksum 00000001"),
    ],
)
def test_lies_that_only_unpacking_tells(tmp_path, offset, format, value, reason):
    path = write(tmp_path, "packed.npz")
    with_central(path, b"features.8.npy", offset, format, value)
    inspection = inspect(path)
    found = inspection.members[1].reason
    if inspection.members[1].verdict == "ok":
        with pytest.raises(InvalidInputError) as caught:
            inspection.load("features.8")
        found = str(caught.value)
    assert reason in found
    np.testing.assert_array_equal(inspection.load("features.6").values, FIRST)


def test_stored_values_are_checked_against_their_checksum(tmp_path):
    path = write(tmp_path, "layers.npz")
    content = path.read_bytes()
    position = content.find(FIRST.tobytes()) + 5
    path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
    with pytest.raises(InvalidInputError, match="The file is damaged"):
        inspect(path).load("features.6")


def test_members_that_share_their_bytes_and_members_without_number(tmp_path):
    """The overlap of David Fifield's bomb: two lines of the directory, one place."""
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.npy", npy_bytes(FIRST))
    content = (tmp_path / "two.zip").read_bytes()
    begin, end = content.find(b"PK\x01\x02"), content.find(b"PK\x05\x06")
    line, tail = content[begin:end], bytearray(content[end:])
    for count, name in ((2, "two.zip"), (20_000, "many.zip")):
        struct.pack_into("<HHL", tail, 8, count, count, count * len(line))
        (tmp_path / name).write_bytes(content[:begin] + count * line + tail)
    inspection = inspect(tmp_path / "two.zip")
    assert [member.verdict for member in inspection.members] == ["ok", "refused"]
    assert "also those of another member" in inspection.members[1].reason
    assert "it lists 20000 files, read are up to 10000" in only(inspect(tmp_path / "many.zip"))


def test_directories_that_zipfile_would_believe_or_give_up(tmp_path):
    """Why the directory is parsed here: names in no encoding, counts that lie, and bytes in front of an archive."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a.npy", "b.npy"):
            archive.writestr(name, npy_bytes(FIRST))
    content = path.read_bytes()
    directory, end = content.find(b"PK\x01\x02"), content.find(b"PK\x05\x06")

    said_utf_8 = bytearray(content.replace(b"a.npy", b"\xff.npy"))
    struct.pack_into("<H", said_utf_8, directory + 8, 2**11)
    path.write_bytes(said_utf_8)
    with pytest.raises(UnicodeDecodeError):
        zipfile.ZipFile(path)
    np.testing.assert_array_equal(inspect(path).load("b.npy").values, FIRST)

    one_too_few = bytearray(content)
    struct.pack_into("<HH", one_too_few, end + 8, 1, 1)
    for changed, reason in (
        (bytes(one_too_few), "holds more than the 1 files that it is said to list"),
        (content[:directory] + b"more" + content[directory:], "is said to take"),
    ):
        path.write_bytes(changed)
        assert zipfile.ZipFile(path).namelist() == ["a.npy", "b.npy"]
        assert reason in only(inspect(path))


def test_archives_in_archives_in_archives(tmp_path):
    np.save(tmp_path / "a.npy", FIRST)
    for inner, outer in (("a.npy", "one.zip"), ("one.zip", "two.zip"), ("two.zip", "three.zip")):
        with zipfile.ZipFile(tmp_path / outer, "w") as archive:
            archive.write(tmp_path / inner, inner)
    np.testing.assert_array_equal(inspect(tmp_path / "two.zip").load("one.zip/a.npy").values, FIRST)
    assert "Archives are opened two deep" in only(inspect(tmp_path / "three.zip"))


def zip_bytes(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_archives_in_an_archive_share_one_budget(tmp_path):
    """Eight archives within one, each of which is harmless alone."""
    inner = zip_bytes({"x.h5": b"\x89HDF\r\n\x1a\n" + bytes(2**20)})
    bomb = zip_bytes({f"in{number}.zip": inner for number in range(8)} | {"good.npy": npy_bytes(FIRST)})
    (tmp_path / "bomb.zip").write_bytes(bomb)
    inspection = inspect(tmp_path / "bomb.zip", limits=ReadingLimits(unpacked_bytes=2_500_000))
    reasons = [member.reason for member in inspection.refused]
    assert ["HDF5 must be able to read" in reason for reason in reasons] == [True] * 2 + [False] * 6
    assert all("unpacked from archives may come to 2.5 MB together" in reason for reason in reasons[2:])
    np.testing.assert_array_equal(inspection.load().values, FIRST)


@pytest.mark.parametrize("suffix", [".h5", ".pt", ".parquet"])
def test_a_small_archive_may_not_unpack_to_much(tmp_path, suffix):
    magic = {".h5": b"\x89HDF\r\n\x1a\n", ".pt": b"PK\x03\x04", ".parquet": b"PAR1"}[suffix]
    inner = zip_bytes({f"x{suffix}": magic + bytes(70_000_000)})
    (tmp_path / "one.zip").write_bytes(inner)
    (tmp_path / "two.zip").write_bytes(zip_bytes({"one.zip": inner}))
    for name in ("one.zip", "two.zip"):
        reason = only(inspect(tmp_path / name))
        assert f"x{suffix} has 70 MB" in reason
        assert "If it is no zip bomb, unpack it yourself" in reason


def test_text_in_an_archive_is_not_unpacked_beyond_what_is_read_of_text(tmp_path):
    (tmp_path / "text.zip").write_bytes(zip_bytes({"t.csv": b"1;2\n" * 5000}))
    assert inspect(tmp_path / "text.zip").readable
    assert "Text is read whole, up to 10 kB; this file has 20 kB" in only(
        inspect(tmp_path / "text.zip", limits=ReadingLimits(csv_bytes=10_000))
    )


def test_nothing_is_unpacked_that_the_disk_has_no_room_for(tmp_path, monkeypatch):
    path = write(tmp_path, "folder.zip")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 2**28 + 100}))
    inspection = inspect(path)
    assert [member.verdict for member in inspection.members].count("refused") == 2  # the .pt and the .h5
    assert all("268 MB are free" in member.reason for member in inspection.refused)
    assert len(inspection.readable) == 3


def test_names_that_lead_out_of_an_archive_write_nothing_there(tmp_path):
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "slip.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        torch.save(TENSORS, tmp_path / "good.pt")
        archive.write(tmp_path / "good.pt", "../../evil.pt")
    inspection = inspect(tmp_path / "in" / "slip.zip")
    np.testing.assert_array_equal(inspection.load(inspection.members[0].name).values, FIRST)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["good.pt", "in", "slip.zip"]

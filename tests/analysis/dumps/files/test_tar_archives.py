"""Tar archives as tarfile and webdataset's writers make them; and those that lie, lead out or are cut."""

import gzip
import io
import subprocess
import tarfile
import zipfile

import numpy as np
import pytest
import torch

from analysis.dumps import ReadingLimits, contents, inspect
from per_core.errors import InvalidInputError
from tests.analysis.dumps.dump_files import FIRST, LAYERS, TENSORS, inspect_each, npy_bytes, only, write

SECOND = LAYERS["features.8"]


def tar_bytes(files, *, format=tarfile.PAX_FORMAT, mode="w"):
    """An archive of files, each content or a ready `TarInfo`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=format) as archive:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_samples_in_shards_are_members(tmp_path, format):
    """As webdataset writes them: a key, and a file for each field of the sample."""
    long = f"{'a' * 60}/{'층' * 20}/layer_3.npy"  # over 100 bytes, not ASCII
    files = {"000017.features.npy": npy_bytes(FIRST), "000017.cls": b"3", "000018.features.npy": npy_bytes(SECOND)}
    (tmp_path / "shard-000000.tar").write_bytes(tar_bytes(files | {long: npy_bytes(FIRST)}, format=format))
    inspection = inspect_each(tmp_path / "shard-000000.tar")
    assert [array.location for array in inspection.arrays] == [
        ("000017.features.npy",), ("000018.features.npy",), (long,),
    ]  # fmt: skip
    np.testing.assert_array_equal(inspection.load("000018.features.npy").values, SECOND)
    np.testing.assert_array_equal(inspection.load("000017.features.npy", rows=range(2, 4)).values, FIRST[2:4])
    np.testing.assert_array_equal(inspection.load(long).values, FIRST)


def test_an_archive_of_the_seventies_needs_its_name(tmp_path):
    content = bytearray(tar_bytes({"a.npy": npy_bytes(FIRST)}, format=tarfile.USTAR_FORMAT))
    content[257:265] = bytes(8)
    content[148:156] = b"%06o\0 " % (sum(content[:512]) - sum(content[148:156]) + 8 * 32)
    with tarfile.open(fileobj=io.BytesIO(bytes(content))) as archive:
        assert archive.getnames() == ["a.npy"]
    (tmp_path / "x.tar").write_bytes(content)
    np.testing.assert_array_equal(inspect(tmp_path / "x.tar").load().values, FIRST)


def test_other_files_and_archives_within(tmp_path):
    torch.save(TENSORS, tmp_path / "layers.pt")
    inner = write(tmp_path, "packed.npz").read_bytes()
    deep = tar_bytes({"a.npy": npy_bytes(FIRST)})
    with zipfile.ZipFile(tmp_path / "deep.zip", "w") as archive:
        archive.writestr("deep.tar", deep)
    files = {
        "layers.pt": (tmp_path / "layers.pt").read_bytes(),
        "packed.npz": inner,
        "deep.tar": deep,
        "deep.zip": (tmp_path / "deep.zip").read_bytes(),
        "deep.tar.gz": gzip.compress(deep),
    }
    (tmp_path / "all.tar").write_bytes(tar_bytes(files))
    inspection = inspect_each(tmp_path / "all.tar")
    assert [part.location for member in inspection.readable for part in member.parts] == [
        ("layers.pt", "features.6"), ("layers.pt", "features.8"), ("packed.npz", "features.6.npy"),
        ("packed.npz", "features.8.npy"), ("deep.tar", "a.npy"), ("deep.tar.gz", "a.npy"),
    ]  # fmt: skip
    assert "Archives are opened two deep" in inspection.refused[0].reason
    for member in inspection.readable:
        expected = SECOND if "features.8" in member.name else FIRST
        np.testing.assert_array_equal(inspection.load(member.name).values, expected)
    np.testing.assert_array_equal(inspect(tmp_path / "deep.zip").load().values, FIRST)


@pytest.mark.parametrize("name", ["shard.tar.gz", "shard.tgz"])
def test_a_packed_archive_is_unpacked_within_the_budget(tmp_path, name):
    (tmp_path / name).write_bytes(tar_bytes({"a.npy": npy_bytes(FIRST)}, mode="w:gz"))
    inspection = inspect(tmp_path / name)
    assert inspection.arrays[0].location == ("a.npy",)
    np.testing.assert_array_equal(inspection.load().values, FIRST)
    reason = only(inspect(tmp_path / name, limits=ReadingLimits(unpacked_bytes=5000)))
    assert "may come to 5 kB together" in reason
    assert "unpack it yourself" in reason


def test_a_packed_archive_of_many_arrays_is_to_be_unpacked_first(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "MOST_REPEATED", 100_000)
    for count, is_read in ((4, True), (40, False)):
        files = {f"{number}.npy": npy_bytes(FIRST) for number in range(count)}
        (tmp_path / f"{count}.tar.gz").write_bytes(tar_bytes(files, mode="w:gz"))
        found = contents.list_dump(tmp_path / f"{count}.tar.gz", ReadingLimits()).found
        assert sum(not entry.refusal for _, entry in found) == count * is_read
    reason = found[0][1].refusal
    assert "40 arrays of 51.2 kB together make 2.05 MB" in reason
    subprocess.run(["gunzip", "40.tar.gz"], cwd=tmp_path, check=True)
    assert len(contents.list_dump(tmp_path / "40.tar", ReadingLimits()).found) == 40


@pytest.mark.parametrize("name", ["layer.npy.gz", "table.csv.gz"])
def test_one_packed_file_is_read_as_what_it_holds(tmp_path, name):
    write(tmp_path, {"layer.npy.gz": "layer.npy", "table.csv.gz": "layer.csv"}[name])
    content = next(tmp_path.iterdir()).read_bytes()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(gzip.compress(content))
    (tmp_path / "in" / "notes.md.gz").write_bytes(gzip.compress(b"notes"))
    inspection = inspect(tmp_path / "in")
    assert len(inspection.members) == 1
    np.testing.assert_allclose(inspection.load().values, FIRST, rtol=1e-6)


def test_packed_files_that_are_not_unpacked_say_how(tmp_path):
    packed = gzip.compress(npy_bytes(FIRST))
    hostile = bytearray(packed)
    hostile[-4:] = (5).to_bytes(4, "little")
    named = io.BytesIO()
    with gzip.GzipFile("layer.npy", "wb", fileobj=named) as file:
        file.write(npy_bytes(FIRST))
    for name, content, reason in (
        ("two.npy.gz", packed + packed, "gunzip FILE"),
        ("lies.npy.gz", bytes(hostile), "gunzip FILE"),
        ("cut.npy.gz", packed[:-20], "gunzip FILE"),
        ("head.npy.gz", packed[:9], "gunzip FILE"),
        ("twice.npy.gz.gz", gzip.compress(packed), "packed twice"),
        ("bomb.npy.gz", gzip.compress(npy_bytes(np.zeros(10**8, np.uint8))), "If it is no zip bomb"),
    ):
        (tmp_path / name).write_bytes(content)
        assert reason in only(inspect(tmp_path / name))
    (tmp_path / "good.npy.gz").write_bytes(named.getvalue())  # with its name in the header
    np.testing.assert_array_equal(inspect(tmp_path / "good.npy.gz").load().values, FIRST)


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (special("a.npy", tarfile.SYMTYPE, "/etc/passwd"), "this one is a link"),
        (special("a.npy", tarfile.LNKTYPE, "good.npy"), "this one is a link"),
        (special("a.npy", tarfile.CHRTYPE), "this one is a device"),
        (special("a.npy", tarfile.BLKTYPE), "this one is a device"),
        (special("a.npy", tarfile.FIFOTYPE), "this one is a pipe"),
        (special("a.npy", tarfile.GNUTYPE_SPARSE), "this one is a sparse file"),
        (special("a.npy", b"V"), "of the kind 'V'"),
        (special("/etc/a.npy", tarfile.REGTYPE), "leads out"),
        (special("in/../../a.npy", tarfile.REGTYPE), "leads out"),
    ],
)
def test_members_that_are_no_plain_files_within(tmp_path, member, reason):
    files = {"special": member, "good.npy": npy_bytes(FIRST)}
    (tmp_path / "x.tar").write_bytes(tar_bytes(files, format=tarfile.GNU_FORMAT))
    inspection = inspect(tmp_path / "x.tar")
    assert [found.verdict for found in inspection.members] == ["refused", "ok"]
    assert reason in inspection.members[0].reason
    np.testing.assert_array_equal(inspection.load().values, FIRST)


def test_sparse_files_of_posix(tmp_path):
    info = tarfile.TarInfo("a.npy")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.realsize": "1000000000000"}
    (tmp_path / "x.tar").write_bytes(tar_bytes({"a.npy": info}))
    assert "this one is a sparse file" in only(inspect(tmp_path / "x.tar"))


def test_sizes_that_lie(tmp_path):
    values = np.random.default_rng(0).normal(size=(100, 3))
    content = tar_bytes({"a.npy": npy_bytes(values), "b.npy": npy_bytes(SECOND)}, format=tarfile.USTAR_FORMAT)

    def with_size(size):
        changed = bytearray(content)
        changed[124:136] = size
        changed[148:156] = b"%06o\0 " % (sum(changed[:512]) - sum(changed[148:156]) + 8 * 32)
        return bytes(changed)

    for size, reason in (
        (b"%011o\0" % 2**32, "4.29 GB"),
        (b"\x80" + bytes(2) + b"\xff" * 9, "is said to take"),
        (b"\xff" * 12, "is said to take"),
        (b"-0000000010\0", "is negative"),
        (b"77777777777\0", "is said to take"),
        (b"9999\0\0\0\0\0\0\0\0", "a number is b'9999"),
        (b"%011o\0" % 100, "is none"),
    ):
        (tmp_path / "x.tar").write_bytes(with_size(size))
        found = [member.reason.lower() for member in inspect(tmp_path / "x.tar").refused]
        assert len(found) == len(inspect(tmp_path / "x.tar").members)
        assert any(reason.lower() in one for one in found), (size, found)


def test_an_archive_cut_short_gives_what_is_whole(tmp_path):
    content = tar_bytes({"a.npy": npy_bytes(FIRST), "b.npy": npy_bytes(np.zeros((100, 100)))})
    (tmp_path / "x.tar").write_bytes(content[:5000])
    inspection = inspect(tmp_path / "x.tar")
    assert [member.verdict for member in inspection.members] == ["ok", "refused"]
    assert "80.1 kB" in inspection.members[1].reason
    np.testing.assert_array_equal(inspection.load().values, FIRST)


def test_names_and_members_without_number(tmp_path):
    long = special("x", tarfile.GNUTYPE_LONGNAME)
    long.size = 2**30
    (tmp_path / "long.tar").write_bytes(tar_bytes({"x": long}))
    assert "names and fields of a member are said to take 1.07 GB" in only(inspect(tmp_path / "long.tar"))
    (tmp_path / "many.tar").write_bytes(tar_bytes({f"{n}.npy": b"" for n in range(30)}))
    assert "up to 20 members" in only(inspect(tmp_path / "many.tar", limits=ReadingLimits(members=20)))
    twice = tar_bytes({"a.npy": npy_bytes(FIRST)})[:1024] + tar_bytes({"a.npy": npy_bytes(SECOND)})
    (tmp_path / "twice.tar").write_bytes(twice)
    inspection = inspect(tmp_path / "twice.tar")
    assert [member.verdict for member in inspection.members] == ["ok", "refused"]
    np.testing.assert_array_equal(inspection.load().values, FIRST)


def test_an_archive_that_grows_is_looked_at_anew(tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(tar_bytes({"a.npy": npy_bytes(FIRST)}))
    assert len(inspect(path).members) == 1
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo("b.npy")
        info.size = len(npy_bytes(SECOND))
        archive.addfile(info, io.BytesIO(npy_bytes(SECOND)))
    np.testing.assert_array_equal(inspect(path).load("b.npy").values, SECOND)


def test_an_archive_without_arrays(tmp_path):
    (tmp_path / "x.tar").write_bytes(tar_bytes({"notes.md": b"none"}))
    with pytest.raises(InvalidInputError):
        inspect(tmp_path / "x.tar").load()
    assert "An archive must hold a file that is read" in only(inspect(tmp_path / "x.tar"))

"""Files that differ in values alone are listed as one is; in whatever else they differ, each for itself."""

import os
import struct
import zipfile
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from analysis.dumps import contents
from analysis.dumps.entry import Entry
from analysis.dumps.files import file_stamp, likeness
from analysis.dumps.files.byte_range import HEAD, FileRange
from analysis.dumps.files.likeness import AlikeFiles, FreeBytes
from analysis.dumps.files.listings import Listing
from analysis.dumps.formats import hdf5_format, torch_format
from analysis.dumps.limits import DEFAULT_LIMITS
from per_core.errors import InvalidInputError

PART = "data/1"  # the second storage
FORMATS = {".pt": torch_format, ".h5": hdf5_format}


class Lister:
    """Lists files in this process, those alike without a look by their library; notes which it asks about, and how."""

    def __init__(self) -> None:
        self.alike = AlikeFiles()
        self.asked: list[str] = []
        self.confirmed: list[str] = []

    def of(self, path: Path) -> list[Entry] | str:
        data = FileRange.opened(path)
        known = self.alike.find(data, partial(self.confirm, path))
        if known is not None:
            return [entry for _, entry in known]
        self.asked.append(path.name)
        try:
            entries, free = FORMATS[path.suffix].list_alike(path, DEFAULT_LIMITS)
        except Exception as error:  # as the reading process
            return str(error)
        if free is not None:
            self.alike.keep(data, free, tuple(((entry.key,), entry) for entry in entries))
        return entries

    def confirm(self, path: Path, free: FreeBytes, listing: Listing) -> bool:
        self.confirmed.append(path.name)
        try:
            entries, still_free = FORMATS[path.suffix].list_changed(path, free, DEFAULT_LIMITS)
        except Exception:  # as the reading process
            return False
        return still_free == free and [entry for _, entry in listing] == entries


@pytest.fixture
def lister() -> Lister:
    return Lister()


def sure(_free: FreeBytes, _listing: Listing) -> bool:
    """Confirms whatever it is asked."""
    return True


def refusal(found: list[Entry] | str) -> str:
    """Why a file or arrays in it are refused; empty if none is."""
    return found if isinstance(found, str) else " ".join(entry.refusal for entry in found).strip()


def save(path: Path, seed: int = 0, rows: int = 5) -> Path:
    random = torch.Generator().manual_seed(seed)
    torch.save({"a": torch.randn(3, 4, generator=random), "b": torch.randn(rows, 2, generator=random)}, path)
    return path


def save_hdf5(path: Path, seed: int = 0, units: int = 4, count: int = 2) -> Path:
    random = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        file["a/x"] = random.standard_normal((3, units))
        file["b/x"] = random.integers(0, 99, (5, 2))
        file["b/count"] = count
    return path


SAVES = {".pt": save, ".h5": save_hdf5}


def rewritten(path: Path, new: Path, changes: dict[str, bytes]) -> Path:
    """The same archive with other contents of some members, all sizes and checksums right."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(new, "w") as archive:
        for info in old.infolist():
            folder, _, name = info.filename.partition("/")
            if name != ".format_version":  # which promises torch's own alignment
                archive.writestr(zipfile.ZipInfo(f"{folder}/{name}"), changes.get(name, old.read(info)))
    return new


def test_files_of_torch_that_differ_in_values_are_asked_about_once(tmp_path: Path, lister: Lister) -> None:
    first = lister.of(save(tmp_path / "1.pt"))
    assert [(entry.key, entry.shape) for entry in first] == [("a", (3, 4)), ("b", (5, 2))]
    for number in range(2, 9):
        assert lister.of(save(tmp_path / f"{number}.pt", seed=number)) == first
    assert lister.asked == ["1.pt"]
    assert not lister.confirmed  # the directory is enough
    assert lister.of(save(tmp_path / "9.pt", rows=6))[1].shape == (6, 2)
    assert lister.asked == ["1.pt", "9.pt"]


def test_files_of_hdf5_that_differ_in_values_are_asked_about_once(tmp_path: Path, lister: Lister) -> None:
    first = lister.of(save_hdf5(tmp_path / "1.h5"))
    assert {entry.key: entry.shape for entry in first} == {"a/x": (3, 4), "b/x": (2, 2), "b/count": ()}
    for number in range(2, 9):
        assert lister.of(save_hdf5(tmp_path / f"{number}.h5", seed=number)) == first
    assert lister.asked == ["1.h5"]
    assert lister.confirmed == ["2.h5"]
    rows = {entry.key: entry.shape for entry in lister.of(save_hdf5(tmp_path / "9.h5", count=3))}
    assert rows["b/x"] == (3, 2)  # a value that decides how many rows are in use
    lister.of(save_hdf5(tmp_path / "10.h5", units=6))
    assert lister.asked == ["1.h5", "9.h5", "10.h5"]


@pytest.mark.parametrize("suffix", SAVES)
def test_of_a_large_file_the_values_are_not_read(
    tmp_path: Path, lister: Lister, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        if suffix == ".pt":
            torch.save([torch.full((100, 100), float(number)), torch.ones(3, 2)], tmp_path / f"{number}.pt")
        else:
            with h5py.File(tmp_path / f"{number}.h5", "w") as file:
                file["a"] = np.full((100, 100), number)
                file["b"] = np.ones((3, 2))
    first, size = lister.of(tmp_path / f"0{suffix}"), (tmp_path / f"0{suffix}").stat().st_size
    read, counts = FileRange.read, []
    monkeypatch.setattr(FileRange, "read", lambda data, at, count: counts.append(count) or read(data, at, count))
    assert lister.of(tmp_path / f"1{suffix}") == lister.of(tmp_path / f"2{suffix}") == first
    assert lister.asked == [f"0{suffix}"]
    assert 0 < sum(counts) < HEAD < size // 4


@pytest.mark.parametrize("suffix", SAVES)
def test_whatever_is_changed_a_file_is_listed_as_if_it_were_the_only_one(
    tmp_path: Path, lister: Lister, suffix: str
) -> None:
    """Each byte in turn: a file that is taken for like another is listed by its library as that one is."""
    good = SAVES[suffix](tmp_path / f"good{suffix}")
    first = lister.of(good)
    content = good.read_bytes()
    (tmp_path / "changed").mkdir()
    changed = tmp_path / "changed" / good.name
    alike = 0
    for place in range(len(content)):
        mutated = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        if lister.alike.find(FileRange(changed, 0, len(mutated), head=mutated), sure) is not None:
            alike += 1
            changed.write_bytes(mutated)
            assert FORMATS[suffix].list_entries(changed, DEFAULT_LIMITS) == first
    values = sum(entry.stored for entry in first if entry.key != "b/count")
    assert values <= alike < values + 100  # and with torch the checksums, and a number made of them


def with_values_at(good: Path, new: Path, key: str, begin: int, size: int) -> Path:
    """The same file of HDF5, in which the values of an array are said to lie elsewhere."""
    with h5py.File(good) as file:
        told = struct.pack("<QQ", file[key].id.get_offset(), file[key].id.get_storage_size())
    content = good.read_bytes()
    assert content.count(told) == 1
    new.write_bytes(content.replace(told, struct.pack("<QQ", begin, size)))
    return new


@pytest.mark.parametrize("key", ["a/x", "b/x"])
def test_values_that_cover_headers_say_nothing_of_other_files(tmp_path: Path, key: str) -> None:
    """Wherever they begin and end: a file that has others for like it may not say what is listed of these."""
    good, other = save_hdf5(tmp_path / "good.h5"), save_hdf5(tmp_path / "other.h5", count=3)
    entries, size = hdf5_format.list_entries(good, DEFAULT_LIMITS), good.stat().st_size
    confirmed = 0
    for begin in range(1, size, 97):
        for end in {size, min(begin + 1000, size)}:
            lister = Lister()
            lister.of(with_values_at(other, tmp_path / "hostile.h5", key, begin, end - begin))
            assert lister.of(good) == entries
            confirmed += len(lister.confirmed)
    assert confirmed


def test_a_file_that_calls_its_headers_values_deceives_about_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nearly all of its bytes are free, so that every file of its size would be like it."""
    monkeypatch.setattr(file_stamp, "TICK", -(2**62))  # whatever has just been written counts as settled
    monkeypatch.setattr(contents, "FILES_AT_ONCE", 1)
    count, dtypes = 2040, ("uint8", "int16", "float32", "float64")
    for number, dtype in enumerate(dtypes, start=1):
        with h5py.File(tmp_path / f"{number}.h5", "w") as file:
            file[f"layer_{number}"] = np.ones(count // np.dtype(dtype).itemsize, dtype)
    (size,) = {file.stat().st_size for file in tmp_path.iterdir()}
    with_values_at(tmp_path / "1.h5", tmp_path / "0.h5", "layer_1", 1, size - 1)
    found = {location: entry.dtype for location, entry in contents.list_dump(tmp_path, DEFAULT_LIMITS).found[1:]}
    assert found == {(f"{number}.h5", f"layer_{number}"): dtype for number, dtype in enumerate(dtypes, start=1)}


def test_each_file_is_read_for_itself(tmp_path: Path, lister: Lister) -> None:
    for number in (1, 2):
        lister.of(save(tmp_path / f"{number}.pt", seed=number))
        rows = torch_format.read_rows(tmp_path / f"{number}.pt", "b", 1, 4, DEFAULT_LIMITS)
        assert torch.equal(torch.from_numpy(rows.copy()), torch.load(tmp_path / f"{number}.pt")["b"][1:4])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({PART: bytes(36)}, "40 bytes are declared, 36 bytes are there"),
        ({PART: bytes(44)}, "40 bytes are declared, 44 bytes are there"),
    ],
)
def test_the_same_pickle_with_other_storages_is_no_like_file(
    tmp_path: Path, lister: Lister, changes: dict[str, bytes], reason: str
) -> None:
    good = rewritten(save(tmp_path / "good.pt"), tmp_path / "same.pt", {})
    assert not refusal(lister.of(good))
    assert reason in refusal(lister.of(rewritten(good, tmp_path / "lies.pt", changes)))
    assert lister.asked == ["same.pt", "lies.pt"]


def test_a_file_without_a_storage_is_no_like_file(tmp_path: Path, lister: Lister) -> None:
    good = save(tmp_path / "good.pt")
    assert not refusal(lister.of(good))
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(tmp_path / "less.pt", "w") as archive:
        for info in old.infolist():
            if not info.filename.endswith(PART):
                archive.writestr(info.filename, old.read(info))
    assert refusal(lister.of(tmp_path / "less.pt"))


def test_members_of_another_folder_are_no_like_file(tmp_path: Path, lister: Lister) -> None:
    """Its name may be any other, but is the same wherever it stands, in the directory and at each member."""
    good = save(tmp_path / "good.pt")
    assert not refusal(lister.of(good))
    content = good.read_bytes()
    everywhere = content.replace(b"good/", b"evil/")
    (tmp_path / "other.pt").write_bytes(everywhere)
    assert not refusal(lister.of(tmp_path / "other.pt"))
    assert lister.asked == ["good.pt"]
    for number in range(content.count(b"good/")):
        pieces = content.split(b"good/")
        mixed = b"good/".join(pieces[: number + 1]) + b"evil/" + b"good/".join(pieces[number + 1 :])
        (tmp_path / "mixed.pt").write_bytes(mixed)
        assert refusal(lister.of(tmp_path / "mixed.pt"))
    (tmp_path / "deeper.pt").write_bytes(content.replace(b"good/", b"a/b//"))
    lister.of(tmp_path / "deeper.pt")
    assert lister.asked[-1] == "deeper.pt"


@pytest.mark.parametrize("member", ["data.pkl", "byteorder", "version"])
def test_what_is_compared_has_its_checksum_checked(tmp_path: Path, lister: Lister, member: str) -> None:
    good = rewritten(save(tmp_path / "good.pt"), tmp_path / "same.pt", {})
    content = bytearray(good.read_bytes())
    with zipfile.ZipFile(good) as archive:
        info = archive.getinfo(f"good/{member}")
    content[info.header_offset + 30 + len(info.filename)] ^= 1
    (tmp_path / "damaged.pt").write_bytes(content)
    for _ in range(2):
        assert "must have the checksum" in refusal(lister.of(tmp_path / "damaged.pt"))
        assert not refusal(lister.of(good))


def test_the_order_of_bytes_decides(tmp_path: Path, lister: Lister) -> None:
    good = rewritten(save(tmp_path / "good.pt"), tmp_path / "same.pt", {})
    lister.of(good)
    lister.of(rewritten(good, tmp_path / "big.pt", {"byteorder": b"bigend"}))
    assert lister.asked == ["same.pt", "big.pt"]


def test_a_file_of_much_else_is_not_kept(tmp_path: Path, lister: Lister) -> None:
    for number in (1, 2):
        torch.save({"a": torch.ones(2, 2), "log": "x" * 2**15}, tmp_path / f"{number}.pt")
        assert len(lister.of(tmp_path / f"{number}.pt")) == 2
    assert lister.asked == ["1.pt", "2.pt"]


LISTING: Listing = ((("x",), Entry("x", (2,), "float32")),)


def test_bytes_that_are_not_in_the_file_are_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(bytes(100))
    data = FileRange.opened(tmp_path / "a.pt")
    for span in ((-1, 5), (90, 11), (200, 1), (5, -5)):
        alike = AlikeFiles()
        alike.keep(data, FreeBytes((span,)), LISTING)
        alike.keep(data, FreeBytes((), (span,)), LISTING)
        assert alike.find(data, sure) is None


def test_a_file_that_changed_while_it_was_listed_is_not_kept(tmp_path: Path) -> None:
    path, alike = tmp_path / "a.pt", AlikeFiles()
    path.write_bytes(bytes(100))
    os.utime(path, (1e9, 1e9))
    data = FileRange.opened(path)
    path.write_bytes(bytes(99) + b"x")
    alike.keep(data, FreeBytes(((0, 10),)), LISTING)
    assert alike.find(data, sure) is None


def test_what_is_compared_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "MOST_COMPARED", 1000)
    alike, opened = AlikeFiles(), []
    for number in range(12):
        (tmp_path / f"{number}.pt").write_bytes(bytes([number]) * 100)
        opened.append(FileRange.opened(tmp_path / f"{number}.pt"))
        alike.keep(opened[-1], FreeBytes(((0, 10),)), LISTING)
    assert [alike.find(data, sure) is not None for data in opened] == [False] * 11 + [True]
    assert alike.find(FileRange.whole(tmp_path / "11.pt"), sure) == LISTING


def test_a_file_that_is_cut_while_it_is_compared_is_told(tmp_path: Path) -> None:
    path, alike = tmp_path / "a.pt", AlikeFiles()
    path.write_bytes(bytes(3 * HEAD))
    data = FileRange.opened(path)
    alike.keep(data, FreeBytes(((100, 2 * HEAD),)), LISTING)
    path.write_bytes(bytes(100))
    with pytest.raises(InvalidInputError, match="cut"):
        alike.find(data, sure)

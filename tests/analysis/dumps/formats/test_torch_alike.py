"""Files of torch that differ in values alone are listed as one is; in whatever else they differ, each for itself."""

import zipfile
from pathlib import Path

import pytest
import torch

from analysis.dumps.entry import Entry
from analysis.dumps.formats import torch_format
from analysis.dumps.limits import DEFAULT_LIMITS
from per_core.errors import PerError

PART = "data/1"  # the second storage


@pytest.fixture(autouse=True)
def _nothing_known():
    torch_format._entries_of_alike.cache_clear()


@pytest.fixture
def asked(monkeypatch):
    """Files that torch has been asked about."""
    names, load = [], torch.load
    monkeypatch.setattr(torch, "load", lambda path, **options: names.append(Path(path).name) or load(path, **options))
    return names


def listed(path: Path) -> list[Entry] | str:
    try:
        return torch_format.list_entries(path, DEFAULT_LIMITS)
    except PerError as error:
        return str(error)


def refusal(path: Path) -> str:
    """Why a file or arrays in it are refused; empty if none is."""
    found = listed(path)
    return found if isinstance(found, str) else " ".join(entry.refusal for entry in found).strip()


def save(path: Path, seed: int = 0, rows: int = 5) -> Path:
    random = torch.Generator().manual_seed(seed)
    torch.save({"a": torch.randn(3, 4, generator=random), "b": torch.randn(rows, 2, generator=random)}, path)
    return path


def rewritten(path: Path, new: Path, changes: dict[str, bytes]) -> Path:
    """The same archive with other contents of some members, all sizes and checksums right."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(new, "w") as archive:
        for info in old.infolist():
            folder, _, name = info.filename.partition("/")
            if name != ".format_version":  # which promises torch's own alignment
                archive.writestr(f"{folder}/{name}", changes.get(name, old.read(info)))
    return new


def test_files_that_differ_in_values_are_asked_about_once(tmp_path, asked):
    first = listed(save(tmp_path / "1.pt"))
    assert [(entry.key, entry.shape) for entry in first] == [("a", (3, 4)), ("b", (5, 2))]
    for number in range(2, 9):
        assert listed(save(tmp_path / f"{number}.pt", seed=number)) == first
    assert asked == ["1.pt"]
    assert listed(save(tmp_path / "9.pt", rows=6))[1].shape == (6, 2)
    assert asked == ["1.pt", "9.pt"]


def test_each_file_is_read_for_itself(tmp_path):
    for number in (1, 2):
        listed(save(tmp_path / f"{number}.pt", seed=number))
        rows = torch_format.read_rows(tmp_path / f"{number}.pt", "b", 1, 4, DEFAULT_LIMITS)
        assert torch.equal(torch.from_numpy(rows.copy()), torch.load(tmp_path / f"{number}.pt")["b"][1:4])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({PART: bytes(36)}, "40 bytes are declared, 36 bytes are there"),
        ({PART: bytes(44)}, "40 bytes are declared, 44 bytes are there"),
    ],
)
def test_the_same_pickle_with_other_storages_is_no_like_file(tmp_path, asked, changes, reason):
    good = rewritten(save(tmp_path / "good.pt"), tmp_path / "same.pt", {})
    assert not refusal(good)
    assert reason in refusal(rewritten(good, tmp_path / "lies.pt", changes))
    assert asked == ["same.pt", "lies.pt"]


def test_a_file_without_a_storage_is_no_like_file(tmp_path):
    good = save(tmp_path / "good.pt")
    assert not refusal(good)
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(tmp_path / "less.pt", "w") as archive:
        for info in old.infolist():
            if not info.filename.endswith(PART):
                archive.writestr(info.filename, old.read(info))
    assert refusal(tmp_path / "less.pt")


def test_members_of_another_folder_are_no_like_file(tmp_path):
    good = rewritten(save(tmp_path / "good.pt"), tmp_path / "same.pt", {})
    assert not refusal(good)
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(tmp_path / "moved.pt", "w") as archive:
        for info in old.infolist():
            name = info.filename
            archive.writestr(name.replace("good/", "evil/") if name.endswith(PART) else name, old.read(info))
    assert refusal(tmp_path / "moved.pt")


@pytest.mark.parametrize("member", ["data.pkl", "byteorder", "version"])
def test_what_is_compared_has_its_checksum_checked(tmp_path, member):
    good = rewritten(save(tmp_path / "good.pt"), tmp_path / "same.pt", {})
    assert not refusal(good)
    content = bytearray(good.read_bytes())
    with zipfile.ZipFile(good) as archive:
        info = archive.getinfo(f"good/{member}")
    content[info.header_offset + 30 + len(info.filename)] ^= 1
    (tmp_path / "damaged.pt").write_bytes(content)
    assert "must have the checksum" in refusal(tmp_path / "damaged.pt")


def test_the_order_of_bytes_decides(tmp_path, asked):
    good = rewritten(save(tmp_path / "good.pt"), tmp_path / "same.pt", {})
    listed(good)
    listed(rewritten(good, tmp_path / "big.pt", {"byteorder": b"bigend"}))
    assert asked == ["same.pt", "big.pt"]


def test_a_file_of_much_else_is_not_kept(tmp_path, asked):
    for number in (1, 2):
        torch.save({"a": torch.ones(2, 2), "log": "x" * 2**14}, tmp_path / f"{number}.pt")
        assert len(listed(tmp_path / f"{number}.pt")) == 2
    assert asked == ["1.pt", "2.pt"]

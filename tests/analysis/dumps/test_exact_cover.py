"""Files whose bytes are more or fewer than their headers declare: nothing is passed over, nothing shifted."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from analysis.dumps import Upload, inspect
from per_core.errors import InvalidInputError
from tests.analysis.dumps.dump_files import FIRST, TENSORS, npy_bytes, only

CONTENT = save(TENSORS)
HEADER_END = 8 + int.from_bytes(CONTENT[:8], "little")


def with_header(change) -> bytes:
    header = json.loads(CONTENT[8:HEADER_END])
    change(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + CONTENT[HEADER_END:]


def moved(header) -> None:
    header["features.8"]["data_offsets"] = [100, 172]


DAMAGED = {
    "a byte behind the header": CONTENT[:HEADER_END] + b"\0" + CONTENT[HEADER_END:],
    "a byte lost behind the header": CONTENT[:HEADER_END] + CONTENT[HEADER_END + 1 :],
    "bytes at the end": CONTENT + bytes(4),
    "bytes missing at the end": CONTENT[:-4],
    "a tensor left out of the header": with_header(lambda header: header.pop("features.6")),
    "a hole between tensors": with_header(moved) + bytes(4),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_safetensors_that_are_not_covered_exactly(tmp_path, what):
    path = tmp_path / "x.safetensors"
    path.write_bytes(DAMAGED[what])
    with pytest.raises(SafetensorError):
        load_file(path)
    inspection = inspect(path)
    assert not inspection.readable
    assert any("one after another" in member.reason for member in inspection.members)
    with Upload({"x.safetensors": DAMAGED[what]}) as upload:
        assert not inspect(upload).readable
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "x.safetensors")
    assert not inspect(tmp_path / "x.zip").readable


def test_arrays_behind_an_array_are_not_lost_without_a_word(tmp_path):
    (tmp_path / "three.npy").write_bytes(npy_bytes(FIRST) * 3)
    assert "behind this one there is another, as after several numpy.save" in only(inspect(tmp_path / "three.npy"))
    (tmp_path / "more.npy").write_bytes(npy_bytes(FIRST) + bytes(7))
    assert "7 bytes more are behind them" in only(inspect(tmp_path / "more.npy"))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "x.npz", "w", method) as archive:
            archive.writestr("good.npy", npy_bytes(FIRST))
            archive.writestr("two.npy", npy_bytes(FIRST) * 2)
        inspection = inspect(tmp_path / "x.npz")
        assert [member.verdict for member in inspection.members] == ["ok", "refused"]
        assert "there is another" in inspection.member("two").reason


def test_storages_of_torch_that_are_longer_than_declared_or_changed(tmp_path):
    torch.save(TENSORS, tmp_path / "good.pt")
    with zipfile.ZipFile(tmp_path / "good.pt") as good, zipfile.ZipFile(tmp_path / "long.pt", "w") as long:
        for info in good.infolist():
            content = good.read(info)
            if not info.filename.endswith(".format_version"):  # which promises torch's own alignment
                long.writestr(info.filename, content + bytes(4) * info.filename.endswith("data/0"))
    inspection = inspect(tmp_path / "long.pt")
    assert [member.verdict for member in inspection.members] == ["refused", "ok"]
    assert "96 bytes are declared, 100 bytes are there" in inspection.members[0].reason
    content = (tmp_path / "good.pt").read_bytes()
    place = content.index(FIRST.tobytes()) + 5
    (tmp_path / "good.pt").write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(InvalidInputError, match="must have the checksum"):
        inspect(tmp_path / "good.pt").load("features.6")


def test_bytes_around_an_archive(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, a=FIRST)
    content = buffer.getvalue()
    (tmp_path / "behind.npz").write_bytes(content + b"some more")
    np.testing.assert_array_equal(inspect(tmp_path / "behind.npz").load("a").values, FIRST)
    (tmp_path / "before.npz").write_bytes(b"some more" + content)
    assert "like none of them" in only(inspect(tmp_path / "before.npz"))
    (tmp_path / "shifted.npz").write_bytes(content[:4] + b"1" + content[4:])
    assert only(inspect(tmp_path / "shifted.npz"))


def test_bytes_between_the_ends_of_a_directory(tmp_path):
    """Archives of torch have two ends, the longer one first."""
    torch.save(TENSORS, tmp_path / "x.pt")
    content = (tmp_path / "x.pt").read_bytes()
    locator = content.rindex(b"PK\x06\x07")
    (tmp_path / "x.pt").write_bytes(content[:locator] + b"more" + content[locator:])
    assert "the end of its directory is damaged" in only(inspect(tmp_path / "x.pt"))

"""What a file is, by its first bytes; a name that says something else is refused, not believed."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from analysis.dumps import npy_format, zip_format
from analysis.dumps.byte_range import ByteRange
from per_core.errors import InvalidInputError

Kind = Literal["npy", "zip", "torch", "safetensors", "hdf5", "parquet", "csv"]

SUFFIXES: dict[str, Kind] = {
    ".npy": "npy", ".npz": "zip", ".zip": "zip", ".safetensors": "safetensors", ".pt": "torch", ".pth": "torch",
    ".h5": "hdf5", ".hdf5": "hdf5", ".parquet": "parquet", ".csv": "csv",
}  # fmt: skip
LEGACY_TORCH = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e"
HDF5 = b"\x89HDF\r\n\x1a\n"
NAMES: dict[Kind, str] = {
    "npy": "a .npy array", "zip": "a zip archive", "torch": "a file of torch.save", "safetensors": "a .safetensors"
    " file",
    "hdf5": "an HDF5 file", "parquet": "a Parquet file", "csv": "text",
}  # fmt: skip
FOREIGN = {
    b"\x1f\x8b": "gzip; unpack it first: gunzip FILE",
    b"ARROW1": "an Arrow file; save the table with pyarrow.parquet.write_table",
    b"\xff\xff\xff\xff": "an Arrow stream; save the table with pyarrow.parquet.write_table",
    b"BZh": "bzip2; unpack it first: bunzip2 FILE",
    b"\x28\xb5\x2f\xfd": "zstd; unpack it first: unzstd FILE",
    b"\xfd7zXZ": "xz; unpack it first: unxz FILE",
    b"\x80": "a pickle, which can run code when opened, and is never read; save it with numpy.save or torch.save",
    b"MATLAB 5.0": "a MATLAB file; save it with -v7.3 and name it .h5",
}
LONGEST_MAGIC = 16


def file_kind(name: str, data: ByteRange) -> Kind:
    """What a file is; the suffix decides only where the first bytes cannot: between text and safetensors and others.

    Raises
    ------
    InvalidInputError
        If the file is empty, of no kind that is read, or of another kind than its name says.
    """
    if not data.size:
        raise InvalidInputError("A file must hold something; this one is empty, 0 bytes. Write it again.")
    suffix = PurePosixPath(name).suffix.lower()
    named = SUFFIXES.get(suffix)
    found = _kind_of(data, named)
    if found is None:
        raise InvalidInputError(_unknown(suffix, data))
    if named and found != named:
        raise InvalidInputError(
            f"A file is what its name says; this one is called {suffix} and is {NAMES[found]}. Rename it to"
            f" {next(key for key, kind in SUFFIXES.items() if kind == found)} if that is what it should be."
        )
    return found


def is_of_interest(name: str) -> bool:
    """Whether a file of a folder or archive is taken for a dump by its name alone."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES and not PurePosixPath(name).name.startswith(".")


def _kind_of(data: ByteRange, named: Kind | None) -> Kind | None:
    head = data.read(0, min(LONGEST_MAGIC, data.size)).tobytes()
    if head.startswith(npy_format.MAGIC):
        return "npy"
    if head.startswith((zip_format.MAGIC, zip_format.EMPTY)):
        return "torch" if named == "torch" or _is_of_torch(data) else "zip"
    if head.startswith(LEGACY_TORCH):
        return "torch"
    if head.startswith(HDF5):
        return "hdf5"
    if head.startswith(b"PAR1"):
        return "parquet"
    if any(head.startswith(magic) for magic in FOREIGN):
        return None
    if (head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**40) or named == "safetensors":
        return "safetensors"
    return "csv" if named == "csv" and b"\0" not in head else None


def _is_of_torch(archive: ByteRange) -> bool:
    """Whether the first member of an archive is the one that torch.save writes first."""
    return b"/data.pkl" in archive.read(0, min(512, archive.size)).tobytes()


def _unknown(suffix: str, data: ByteRange) -> str:
    head = data.read(0, min(LONGEST_MAGIC, data.size)).tobytes()
    what = next((what for magic, what in FOREIGN.items() if head.startswith(magic)), "")
    if what:
        return f"Files are read that are {', '.join(SUFFIXES)}; this one is {what}."
    called = f"is called {suffix}" if suffix else "has no suffix"
    return (
        f"Files are read that are {', '.join(SUFFIXES)}; this one {called} and begins with the bytes"
        f" {head[:8].hex(' ')}, like none of them. Was it cut or overwritten? Write it again."
    )

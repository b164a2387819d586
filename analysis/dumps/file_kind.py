"""What a file is, by its first bytes, or an archive by its directory; a name that says something else is refused."""

from __future__ import annotations

import contextlib
import posixpath
import re
import zlib
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

from analysis.dumps.files.byte_range import ByteRange, FileRange
from analysis.dumps.files.conversion import of_pickle
from analysis.dumps.formats import (
    gzip_format,
    matlab_format,
    npy_format,
    raw_format,
    tar_format,
    zarr_format,
    zip_format,
)
from analysis.dumps.limits import DEFAULT_LIMITS
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

FileKind = Literal[
    "npy",
    "zip",
    "tar",
    "gzip",
    "torch",
    "safetensors",
    "hdf5",
    "parquet",
    "arrow",
    "csv",
    "json",
    "tensorboard",
    "matlab",
    "raw",
    "zarr",
]

SUFFIXES: dict[str, FileKind] = {
    ".npy": "npy", ".npz": "zip", ".zip": "zip", ".tar": "tar", ".gz": "gzip", ".tgz": "gzip",
    ".safetensors": "safetensors", ".pt": "torch", ".pth": "torch",
    ".h5": "hdf5", ".hdf5": "hdf5", ".mat": "matlab", ".parquet": "parquet",
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json",
    ".arrow": "arrow", ".feather": "arrow", ".tfevents": "tensorboard", ".zarr": "zarr",
    ".bin": "raw", ".raw": "raw", ".dat": "raw", ".mmap": "raw", ".memmap": "raw",
    ".f16": "raw", ".bf16": "raw", ".f32": "raw", ".f64": "raw",
}  # fmt: skip
PICKLES = (".pkl", ".pickle", ".joblib")
PICKLE = b"\x80"  # that of Python 2 and later; an older one begins as text does
NEWEST_PICKLE = 5
LEGACY_TORCH = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e"
PARQUET = b"PAR1"
TENSORBOARD, EVENT_HEAD = b"brain.Event:", 64  # in the first record, which tells the version
EVENT_NAME = "tfevents"  # in the names of event files, which end in a number or the name of a host
ARROW, ARROW_STREAM = b"ARROW1\0\0", b"\xff\xff\xff\xff"  # behind the latter is the length of the first message
HDF5 = b"\x89HDF\r\n\x1a\n"
NAMES: dict[FileKind, str] = {
    "npy": N_("a .npy array"),
    "zip": N_("a zip archive"),
    "tar": N_("a tar archive"),
    "gzip": N_("a gzip file"),
    "torch": N_("a file of torch.save"),
    "safetensors": N_("a .safetensors file"),
    "hdf5": N_("an HDF5 file"),
    "parquet": N_("a Parquet file"),
    "arrow": N_("an Arrow file"),
    "csv": N_("text"),
    "json": N_("JSON"),
    "tensorboard": N_("an event file of TensorBoard"),
    "matlab": N_("a MATLAB file"),
    "raw": N_("raw numbers"),
    "zarr": N_("a Zarr store"),
}
MAGICS: dict[bytes, FileKind] = {
    npy_format.MAGIC: "npy", zip_format.MAGIC: "zip", LEGACY_TORCH: "torch", HDF5: "hdf5", PARQUET: "parquet",
}  # fmt: skip
FOREIGN = (  # where, the bytes there, and what they tell
    (0, b"\x1f\x8b", N_("gzip; unpack it first: gunzip FILE")),
    (0, b"FEA1", N_("a Feather file of version 1; save the table with DataFrame.to_feather")),
    (0, b"BZh", N_("bzip2; unpack it first: bunzip2 FILE")),
    (0, b"\x28\xb5\x2f\xfd", N_("zstd; unpack it first: unzstd FILE")),
    (0, b"\x04\x22\x4d\x18", N_("lz4; unpack it first: unlz4 FILE")),
    (0, b"\xfd7zXZ", N_("xz; unpack it first: unxz FILE")),
    (0, b"7z\xbc\xaf\x27\x1c", N_("a 7z archive; unpack it first: 7z x FILE")),
    (0, b"Rar!\x1a\x07", N_("a rar archive; unpack it first: unrar x FILE")),
    (
        0,
        b"version https://git-lfs",
        N_("the pointer that Git LFS keeps for a file; fetch the file itself: git lfs pull"),
    ),
    (0, b"<", N_("a web page or XML, perhaps the error page of a download; download the file itself")),
    (0, b"\x4c\0\0\0\x01\x14\x02\0", N_("a Windows shortcut; give the file that it leads to")),
    (0, b"%PDF", N_("a PDF; save the arrays themselves")),
    (0, b"\x89PNG", N_("a picture; save the arrays themselves, with numpy.save")),
    (0, b"\xff\xd8\xff", N_("a picture; save the arrays themselves, with numpy.save")),
    (0, b"SQLite format 3", N_("an SQLite database; save the table with DataFrame.to_parquet")),
    (0, b"CDF", N_("a NetCDF file of the classic format; save it as NetCDF-4 and name it .h5")),
    (0, b"\xff\xfe", N_("text in UTF-16; save it as UTF-8")),
    (0, b"\xfe\xff", N_("text in UTF-16; save it as UTF-8")),
)
TEXTS: tuple[FileKind, ...] = ("csv", "json")
SURE_MAGIC = 4  # bytes: fewer are also those of some number
TEXT = re.compile(rb"[\t\n\r -~]+")
TEXT_BEGINS = (b"BZh", b"CDF", b"FEA1", b"%PDF")  # of which a table may begin as well
FOREIGN_ARCHIVES = (  # files in an archive that tell what it is
    (
        {"config.json", "model.weights.h5"},
        N_("a Keras model, which holds weights and no activations; save the outputs"),
    ),
    ({"[Content_Types].xml"}, N_("an Office document; save the table as CSV")),
    ({"META-INF/MANIFEST.MF"}, N_("a Java archive; save the arrays themselves")),
)
ALSO: dict[FileKind, tuple[FileKind, ...]] = {
    "matlab": ("hdf5",),
    "zip": ("zarr",),
}  # what else a file of this name may be
USER_BLOCKS = (0, 512, 1024, 2048, 4096)  # of HDF5, where MATLAB and others write what they like
LONGEST_MAGIC = 512
SMALL = 2**26  # bytes: a compressed archive in an archive is unpacked to its end for its directory


def file_kind(name: str, data: ByteRange) -> FileKind:
    """What a file is; the suffix decides only where the first bytes cannot: between text and safetensors and others.

    Raises:
        InvalidInputError: If the file is empty, of no kind that is read, or of another kind than its name says.
    """
    if not data.size:
        raise InvalidInputError(N_("A file must hold something; this one is empty, 0 bytes. Write it again."))
    suffix = _suffix(name)
    named = kind_by_name(name)
    if named == "raw" and raw_format.is_described(data, name):
        return "raw"
    found = _kind_of(data, named)
    if named == "raw" and (found is not None or not (_foreign(_head(data), named) or _is_whole_pickle(data))):
        return found or "raw"
    if found is None:
        raise InvalidInputError(_unknown(name, data, named))
    if named and found not in (named, "torch", *ALSO.get(named, ())):
        raise InvalidInputError(
            N_(
                "A file is what its name says; this one is called {suffix} and is {content}. Rename it to {right} if"
                " that is what it should be."
            ),
            suffix=suffix,
            content=Phrase(NAMES[found]),
            right=next((key for key, kind in SUFFIXES.items() if kind == found)),
        )
    return found


def is_of_interest(name: str) -> bool:
    """Whether a file of a folder or archive is taken for a dump by its name alone."""
    file = posixpath.basename(name)
    suffix = _suffix(file)
    kind = SUFFIXES.get(suffix)
    if kind == "gzip":
        return is_of_interest(gzip_format.inner_name(name))
    if file.startswith(".") or (kind == "json" and _describes_raw_numbers(file)):
        return False
    return kind is not None or suffix in PICKLES or EVENT_NAME in file


def _describes_raw_numbers(file: str) -> bool:
    """Whether a file is called as one that says what raw numbers beside it are."""
    stem, suffix = posixpath.splitext(file)
    return suffix == ".json" and (file == raw_format.METADATA or kind_by_name(stem) == "raw")


def kind_by_name(name: str) -> FileKind | None:
    """What a file is if its name tells the truth; None if it tells nothing."""
    return SUFFIXES.get(_suffix(name)) or ("tensorboard" if EVENT_NAME in posixpath.basename(name) else None)


def _suffix(name: str) -> str:
    """The last suffix in small letters; of many names, and `PurePosixPath` takes five times as long."""
    return posixpath.splitext(name)[1].lower()


def begins_as_arrays(data: ByteRange) -> bool:
    """Whether a file of any name begins as nothing but a file of arrays does; errors as of `ByteRange.read`."""
    head = _head(data)
    if head.startswith(zip_format.MAGIC):
        return _is_of_torch(_names_in(data))
    return head.startswith((npy_format.MAGIC, LEGACY_TORCH, HDF5)) or matlab_format.is_matlab(head)


def _head(data: ByteRange) -> bytes:
    return data.read(0, min(LONGEST_MAGIC, data.size)).tobytes()


def _names_in(data: ByteRange) -> list[str]:
    """The names in the directory of an archive; none if it cannot be read, or only by unpacking too much."""
    if isinstance(data, FileRange) or data.size <= SMALL:
        with contextlib.suppress(InvalidInputError):  # told by whoever opens it
            return zip_format.list_names(data, DEFAULT_LIMITS)
    return []


def _kind_of(data: ByteRange, named: FileKind | None) -> FileKind | None:
    head = _head(data)
    if head.startswith(npy_format.MAGIC):
        return "npy"
    if head.startswith((zip_format.MAGIC, zip_format.EMPTY)):
        return _kind_of_archive(data, named)
    if head.startswith(LEGACY_TORCH):
        return "torch"
    if any(data.read(at, len(HDF5)).tobytes() == HDF5 for at in USER_BLOCKS if at + len(HDF5) <= data.size):
        return "hdf5"
    if matlab_format.is_matlab(head):
        return "matlab"
    if head.startswith(PARQUET) and (named != "csv" or data.read(data.size - 4, 4).tobytes() == PARQUET):
        return "parquet"
    if head.startswith(ARROW) or (head.startswith(ARROW_STREAM) and 0 < int.from_bytes(head[4:8], "little") < 2**31):
        return "arrow"
    if TENSORBOARD in head[:EVENT_HEAD]:
        return "tensorboard"
    if named == "gzip" and head.startswith(gzip_format.MAGIC) and not _is_packed_pickle(head):
        return "gzip"
    if tar_format.is_tar(data, named=named == "tar"):
        return "tar"
    if _foreign(head, named):
        return None
    if (head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**40) or named == "safetensors":
        return "safetensors"
    if named == "raw" and TEXT.fullmatch(head):
        return "csv"
    return named if named in TEXTS and b"\0" not in head else None


def _kind_of_archive(data: ByteRange, named: FileKind | None) -> FileKind:
    """What an archive is, by the names in its directory: its first bytes may be those of a file in it."""
    if named == "torch":
        return "torch"
    names = _names_in(data)
    what = next((what for files, what in FOREIGN_ARCHIVES if files <= set(names)), "")
    if what:
        raise InvalidInputError(
            N_("Files are read that are {suffixes}; this one is {what}."),
            suffixes=", ".join(SUFFIXES),
            what=Phrase(what),
        )
    if zarr_format.is_zarr_archive(names):
        return "zarr"
    return "torch" if _is_of_torch(names) else "zip"


def _is_of_torch(names: Sequence[str]) -> bool:
    """Whether an archive is one of torch.save: a pickle beside its storages, all in one folder."""
    folders = {name.partition("/")[0] for name in names}
    return len(folders) == 1 and f"{names[0].partition('/')[0]}/data.pkl" in names


def _foreign(head: bytes, named: FileKind | None) -> str:
    """What a file of no kind that is read is, and what to do with it; empty if unknown."""
    for at, magic, what in FOREIGN:
        is_text = named in TEXTS and magic in TEXT_BEGINS and b"\0" not in head
        is_chance = named == "raw" and len(magic) < SURE_MAGIC
        if head[at : at + len(magic)] == magic and not is_text and not is_chance:
            return what
    return ""


def _unknown(name: str, data: ByteRange, named: FileKind | None) -> str:
    """What a file of no kind that is read is or seems to be, and what to do with it."""
    suffix, head = PurePosixPath(name).suffix.lower(), _head(data)
    if _is_pickle(suffix, head):
        return Phrase(
            N_(
                "Files are read that hold arrays; this one is a pickle, which can run code when opened, and is"
                " never read. If you trust it, save what is in it, in its folder: {lines}"
            ),
            lines="\n" + of_pickle(name, head),
        )
    what = _foreign(head, named)
    if what:
        return Phrase(
            N_("Files are read that are {suffixes}; this one is {what}."),
            suffixes=", ".join(SUFFIXES),
            what=Phrase(what),
        )
    begun = next((kind for magic, kind in MAGICS.items() if magic.startswith(head)), None)
    if begun:
        return Phrase(
            N_("This must be {content}, and ends after {size} bytes: it is cut short. Copy it again."),
            content=Phrase(NAMES[begun]),
            size=data.size,
        )
    if not any(head):
        return Phrase(
            N_(
                "A file begins with what it is; the first {count} bytes of this one are 0, as if its content had"
                " never arrived. Copy or write it again."
            ),
            count=len(head),
        )
    called = Phrase(N_("is called {suffix}"), suffix=suffix) if suffix else Phrase(N_("has no suffix"))
    return Phrase(
        N_(
            "Files are read that are {suffixes}; this one {called} and begins with the bytes {head}, like none of"
            " them. {advice}"
        ),
        suffixes=", ".join(SUFFIXES),
        called=called,
        head=head[:8].hex(" "),
        advice=_way_out(suffix, head),
    )


def _is_pickle(suffix: str, head: bytes) -> bool:
    """Whether a file is a pickle, perhaps packed by gzip, or called one and like nothing else."""
    return head.startswith(PICKLE) or suffix in PICKLES or _is_packed_pickle(head)


def _is_whole_pickle(data: ByteRange) -> bool:
    """Whether a file begins as a pickle and ends as one, which numbers do by chance once in many millions."""
    head, end = _head(data), data.read(data.size - 1, 1).tobytes()
    return head.startswith(PICKLE) and 2 <= head[1] <= NEWEST_PICKLE and end == b"."


def _is_packed_pickle(head: bytes) -> bool:
    """Whether a file is packed by gzip and begins, unpacked, as a pickle that is not torch's."""
    begin = b""
    if head.startswith(gzip_format.MAGIC):
        with contextlib.suppress(zlib.error):
            begin = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, len(LEGACY_TORCH))
    return begin.startswith(PICKLE) and begin != LEGACY_TORCH


def _way_out(suffix: str, head: bytes) -> str:
    if suffix == ".mat":
        return Phrase(
            N_("MATLAB files are read from version 5 on: load it in MATLAB and save it with save(FILE, '-v7').")
        )
    if head.isascii() and min(head) >= ord("\t"):
        return Phrase(N_("It is text: call a table of numbers .csv, and save other arrays with numpy.savez."))
    return Phrase(N_("Save the arrays with numpy.savez, where they can be opened."))

"""A dump as a tree: folders and archives hold files, files hold arrays.

A location is the way to an array: the file in the folder, the file in the archive, the key in the file; a part that
there is none of is left out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from stat import S_ISREG

from analysis.dumps.file_kind import SUFFIXES, FileKind, kind_by_name
from analysis.dumps.files.byte_range import ByteRange
from analysis.dumps.files.file_stamp import Stamp, joined, stamp, stamp_of
from analysis.dumps.files.unpacking import Unpacking
from analysis.dumps.formats import gzip_format, raw_format, tar_format, zarr_format, zip_format
from analysis.dumps.limits import ReadingLimits
from per_core.errors import InvalidInputError
from per_core.recording.run_files import header_file, is_run, records_file
from per_core.text import N_

Location = tuple[str, ...]
FileVersion = Stamp
"""The stamp of a file, or of all files of a store together."""

ISOLATED: dict[FileKind, str] = {
    "torch": "torch_format",
    "hdf5": "hdf5_format",
    "parquet": "parquet_format",
    "arrow": "arrow_format",
    "csv": "csv_format",
    "json": "json_format",
    "tensorboard": "tensorboard_format",
    "matlab": "matlab_format",
    "zarr": "zarr_format",
}
ARCHIVES = {"zip": zip_format, "tar": tar_format}
WHOLE = ""  # the key of an array without a name


def files_behind(place: Path, limits: ReadingLimits) -> list[Path]:
    """The files, and folders of a store, that change when what is in a file, a run or a store does.

    Raises:
        InvalidInputError: If a store has too many.
    """
    if place.is_dir() and is_run(place):
        return [file for file in (header_file(place), records_file(place)) if file.exists()]
    if place.is_dir():
        return zarr_format.watched_files(place, limits)
    return [place, *(raw_format.metadata_files(place) if kind_by_name(place.name) == "raw" else ())]


def file_version(place: Path, limits: ReadingLimits) -> FileVersion | None:
    """The version of a file, of a store, or of the description of a run, whose records do not change; None if gone."""
    try:
        first = place.stat()
        if S_ISREG(first.st_mode) and kind_by_name(place.name) != "raw":
            return stamp_of(first)
        return joined(
            [stamp(file) for file in ([header_file(place)] if is_run(place) else files_behind(place, limits))]
        )
    except (OSError, InvalidInputError):
        return None


def is_folder_of_files(path: Path) -> bool:
    """Whether the first part of a location is a file in a folder, or a folder in it; not of a run or a store."""
    return path.is_dir() and not is_one_dump(path)


def is_one_dump(folder: Path) -> bool:
    """Whether a folder is one dump and no folder of some: a run, or a store of Zarr."""
    return is_run(folder) or zarr_format.is_zarr(folder)


@contextlib.contextmanager
def gunzipped(data: ByteRange, name: str, unpacking: Unpacking) -> Iterator[tuple[ByteRange, str]]:
    """The file within a gzip file, as a temporary file, and what it is called."""
    inner = gzip_format.inner_name(name)
    if SUFFIXES.get(PurePosixPath(inner).suffix.lower()) == "gzip":
        raise InvalidInputError(
            N_("A gzip file is unpacked once; this one is packed twice. Unpack it first: gunzip FILE")
        )
    if kind_by_name(inner) == "raw":
        raise InvalidInputError(
            N_(
                "Raw numbers have a file beside them that tells their shape, and are not packed; these are. Unpack"
                " them first: gunzip FILE"
            )
        )
    with contextlib.ExitStack() as stack:
        content = gzip_format.open_content(stack.enter_context(unpacking.as_file(data, name)))
        try:
            file = stack.enter_context(unpacking.as_file(content, inner))
        except InvalidInputError as error:
            raise InvalidInputError(gzip_format.OTHERWISE) from error
        yield file, inner


def unopened(error: OSError) -> InvalidInputError:
    """What is said of a file or folder that the system does not open."""
    return InvalidInputError(
        N_("A file must be readable; this one is not: {error}. Check its permissions and that it is there."),
        error=error.strerror or error,
    )

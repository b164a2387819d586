"""Pieces of a dump: rows of the arrays in its tree, read from where they lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from analysis.dumps.file_kind import file_kind
from analysis.dumps.files.byte_range import ByteRange, FileRange
from analysis.dumps.files.unpacking import Unpacking
from analysis.dumps.formats import npy_format, raw_format, run_format, safetensors_format
from analysis.dumps.limits import ReadingLimits, in_words
from analysis.dumps.reader.pool import READER
from analysis.dumps.tree import ARCHIVES, ISOLATED, WHOLE, Location, gunzipped, is_folder_of_files, unopened
from per_core.errors import BudgetError, InvalidInputError
from per_core.recording.run_files import is_run
from per_core.text import N_

Piece = tuple[Location, int, int]
"""An array, and the rows of it that are meant: from start to stop − 1."""


def read_rows(path: Path, location: Location, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of the array at a location, with all its axes.

    Raises:
        PerError: If it cannot be read, or is not there any more.
    """
    return read_pieces(path, [(location, start, stop)], limits)[0]


def read_pieces(path: Path, pieces: Sequence[Piece], limits: ReadingLimits) -> list[NDArray[Any]]:
    """Rows of many arrays, in the order asked for; every file is opened once. Errors as of `read_rows`."""
    try:
        if is_folder_of_files(path):
            return _by_part(pieces, lambda name, inner: _read_place(_inside(path, name), name, inner, limits))
        return _read_place(path, path.name, pieces, limits)
    except OSError as error:
        raise unopened(error) from error


def _by_part(pieces: Sequence[Piece], read: Callable[[str, list[Piece]], list[NDArray[Any]]]) -> list[NDArray[Any]]:
    """What `read` makes of the first part of all locations and the pieces within it, in the order of the pieces."""
    numbers: dict[str, list[int]] = {}
    for number, (location, _, _) in enumerate(pieces):
        numbers.setdefault(location[0] if location else WHOLE, []).append(number)
    found: dict[int, NDArray[Any]] = {}
    for part, here in numbers.items():
        inner = [(pieces[number][0][1:], *pieces[number][1:]) for number in here]
        found.update(zip(here, read(part, inner), strict=True))
    return [found[number] for number in range(len(pieces))]


def _inside(folder: Path, name: str) -> Path:
    """A file of a folder, which must still be in it and be no link out of it."""
    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise InvalidInputError(
            N_("Files of a dump lie in its folder; {name!r} leads out of it. Inspect the folder again."), name=name
        )
    return file


def _read_place(place: Path, name: str, pieces: Sequence[Piece], limits: ReadingLimits) -> list[NDArray[Any]]:
    """Pieces of a file, or of a folder that is one dump."""
    if place.is_dir():
        return _read_one(place, pieces, limits)
    data = FileRange.whole(place)
    unpacking = Unpacking(limits.unpacked_bytes).of_archive(data.size)
    return _read_data(data, name, pieces, limits, unpacking)


def _read_one(folder: Path, pieces: Sequence[Piece], limits: ReadingLimits) -> list[NDArray[Any]]:
    keyed = [(location[0] if location else WHOLE, start, stop) for location, start, stop in pieces]
    if is_run(folder):
        return [run_format.read_rows(folder, key, start, stop) for key, start, stop in keyed]
    return READER.read_pieces(ISOLATED["zarr"], folder, keyed, limits)


def _read_data(
    data: ByteRange, name: str, pieces: Sequence[Piece], limits: ReadingLimits, unpacking: Unpacking
) -> list[NDArray[Any]]:
    kind = file_kind(name, data)
    if kind in ARCHIVES:
        with unpacking.as_file(data, name) as archive:
            return _by_part(
                pieces,
                lambda member, inner: _read_data(
                    ARCHIVES[kind].open_member(archive, member, limits), member, inner, limits, unpacking
                ),
            )
    if kind == "gzip":
        with gunzipped(data, name, unpacking) as (file, called):
            return _read_data(file, called, pieces, limits, unpacking)
    if kind == "npy":
        return [_read_npy(data, start, stop, limits) for _, start, stop in pieces]
    keyed = [(location[0] if location else WHOLE, start, stop) for location, start, stop in pieces]
    if kind == "safetensors":
        return safetensors_format.read_pieces(data, keyed, limits)
    if kind == "raw":
        return [raw_format.read_rows(data, name, start, stop, limits) for _, start, stop in pieces]
    with unpacking.as_file(data, name) as copy:
        return READER.read_pieces(ISOLATED[kind], copy.path, keyed, limits)


def _read_npy(data: ByteRange, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    (entry,) = npy_format.list_entries(data)
    if entry.refusal:
        raise InvalidInputError(entry.refusal)
    if npy_format.is_fortran_ordered(data) and (entry.declared or 0) > 2 * limits.batch_bytes:
        raise BudgetError(
            N_(
                "Arrays in Fortran order are read whole, up to {most}; this one has {size}. Save"
                " numpy.ascontiguousarray(array)."
            ),
            most=in_words(2 * limits.batch_bytes),
            size=in_words(entry.declared or 0),
        )
    return npy_format.read_rows(data, start, stop)

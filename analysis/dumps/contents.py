"""The contents of a dump: every array in its tree, found from headers."""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from analysis.checkpoint import CHECKPOINT
from analysis.dumps.entry import Entry, shared
from analysis.dumps.file_kind import (
    SUFFIXES,
    TEXTS,
    FileKind,
    begins_as_arrays,
    file_kind,
    is_of_interest,
    kind_by_name,
)
from analysis.dumps.files.archive_member import ArchiveMember
from analysis.dumps.files.byte_range import ByteRange, FileRange, InflatedRange
from analysis.dumps.files.file_stamp import is_settled, stamp
from analysis.dumps.files.folder import Place, walk
from analysis.dumps.files.likeness import AlikeFiles, FreeBytes
from analysis.dumps.files.listings import LISTINGS, Listing
from analysis.dumps.files.unpacking import Unpacking
from analysis.dumps.formats import gzip_format, npy_format, raw_format, run_format, safetensors_format, zarr_format
from analysis.dumps.formats.prose import is_prose
from analysis.dumps.limits import ReadingLimits, in_words, require_text_size
from analysis.dumps.reader.pool import READER, Listed
from analysis.dumps.tree import ARCHIVES, ISOLATED, WHOLE, Location, files_behind, gunzipped, is_one_dump, unopened
from per_core.errors import BudgetError, InvalidInputError, PerError
from per_core.recording.run_files import is_run
from per_core.text import N_, Phrase

Found = tuple[Location, Entry]

MOST_REPEATED = 2**33  # bytes: a packed archive has no places to read from, and this much takes a minute to unpack
FILES_AT_ONCE = 512
LISTED_AT_ONCE: tuple[FileKind, ...] = ("torch", "hdf5")  # of which dumps have thousands, and whose headers are small


class DumpListing(NamedTuple):
    """What is below a path.

    Attributes:
        found: every array, and of what cannot be read an entry that says why.
        ignored: files of a folder that are passed over because their names are of no kind that is read.
    """

    found: list[Found]
    ignored: tuple[str, ...]


def list_dump(path: Path, limits: ReadingLimits) -> DumpListing:
    """Every array below a path. Never raises for what is in a file."""
    unpacking = Unpacking(limits.unpacked_bytes)
    if not path.is_dir():
        return DumpListing(_cut(_list_file(path, (), limits, unpacking), limits.files), ())
    if is_one_dump(path):
        return DumpListing(_cut(_guarded((), lambda: _list_one(path, (), limits)), limits.files), ())
    ignored: list[str] = []
    places = _places_of_dumps(path, limits, ignored)
    found = _cut(_guarded((), lambda: _list_places(places, limits, unpacking)), limits.files)
    with contextlib.suppress(InvalidInputError, OSError):  # told where the walk broke off
        deque(places, maxlen=0)  # those that were cut
    return DumpListing(found, tuple(ignored))


def _cut(every: Iterator[Found], most: int) -> list[Found]:
    """So many of what there is, and an entry that says so where there is more."""
    found = list(islice(every, most))
    if next(every, None) is not None:
        refusal = Phrase(
            N_("A dump may have {most} members; the others are left out. Name a folder or file in it."), most=most
        )
        found.append((("the rest",), Entry(WHOLE, refusal=refusal)))
    return found


def _guarded(location: Location, found: Any) -> Iterator[Found]:
    """What a walk finds, and an entry with the reason where it breaks off."""
    try:
        yield from found()
    except PerError as error:
        yield location, Entry(WHOLE, refusal=error.phrase)
    except OSError as error:
        yield location, Entry(WHOLE, refusal=unopened(error).phrase)


def _places_of_dumps(root: Path, limits: ReadingLimits, ignored: list[str]) -> Iterator[Place]:
    """Files and folders below that are looked into; the names of the others are added to those ignored."""
    for place in walk(root, limits, is_one_dump):
        if place.is_folder or _is_dump(place):
            yield place
        else:
            ignored.append(place.name)


def _list_places(places: Iterator[Place], limits: ReadingLimits, unpacking: Unpacking) -> Iterator[Found]:
    alike = AlikeFiles()
    while some := tuple(islice(places, FILES_AT_ONCE)):
        known = _look_ahead(some, limits, alike)
        for place in some:
            name, path = place.name, place.path
            if name in known:
                for inner, entry in known[name]:
                    yield (name, *inner), entry
            elif place.is_folder:
                yield from _guarded((name,), partial(_list_one, path, (name,), limits))
            else:
                yield from _list_file(path, (name,), limits, unpacking)


def _look_ahead(places: Sequence[Place], limits: ReadingLimits, alike: AlikeFiles) -> dict[str, Listing]:
    """What is in the files that a library lists, by name: it is asked at once about all of which nothing is known."""
    known: dict[str, Listing] = {}
    asked: dict[FileKind, list[tuple[str, FileRange]]] = {}
    now = time.time_ns()
    for place in places:
        if not place.is_plain or kind_by_name(place.name) not in LISTED_AT_ONCE:
            continue
        with contextlib.suppress(InvalidInputError, OSError):  # told by who looks into it
            data = FileRange.opened(place.path)
            found = LISTINGS.known(data.path, [data.stamp], limits)
            if found is None and (found := alike.find(data, partial(_is_listed_so, data, limits))) is not None:
                _keep(data, found, limits, now)
            if found is not None:
                known[place.name] = found
            elif (kind := file_kind(place.name, data)) in LISTED_AT_ONCE:
                asked.setdefault(kind, []).append((place.name, data))
    for kind, files in asked.items():
        answers = READER.list_files(ISOLATED[kind], [data.path for _, data in files], limits)
        for (name, data), answer in zip(files, answers, strict=True):
            known[name] = _listing(answer, limits)
            is_kept = _keep(data, known[name], limits, now)
            if is_kept and not isinstance(answer, PerError) and answer.free is not None:
                with contextlib.suppress(InvalidInputError, OSError):  # it is gone by now
                    alike.keep(data, answer.free, known[name])
    return known


def _keep(data: FileRange, found: Listing, limits: ReadingLimits, now: int) -> bool:
    """Keep what is found in a file that was opened after a time; whether every change to it will show."""
    is_lasting = is_settled(data.stamp, now)
    if is_lasting:
        LISTINGS.keep(data.path, [data.stamp], limits, found)
    return is_lasting


def _is_listed_so(data: FileRange, limits: ReadingLimits, free: FreeBytes, listing: Listing) -> bool:
    """Whether a library would list the same in a file, and call the same bytes free, if all free bytes were others."""
    kind = file_kind(data.path.name, data)
    if kind not in LISTED_AT_ONCE:
        return False
    try:
        found = READER.list_changed(ISOLATED[kind], data.path, free, limits)
    except PerError:
        return False
    return found.free == free and _listing(found, limits) == listing and stamp(data.path) == data.stamp


def _listing(found: Listed | PerError, limits: ReadingLimits) -> Listing:
    """What a library has found in a file."""
    return tuple(_cut(_guarded((), partial(_placed_or_raised, found)), limits.members))


def _placed_or_raised(found: Listed | PerError) -> Iterator[Found]:
    if isinstance(found, PerError):
        raise found
    return _placed(found.entries, ())


def _is_dump(place: Place) -> bool:
    """Whether a file of a folder is looked at: not the checkpoint of a training, which holds weights."""
    if place.path.name == CHECKPOINT:
        return False
    if is_of_interest(place.name):
        return True
    with contextlib.suppress(InvalidInputError, OSError):
        return place.is_plain and begins_as_arrays(FileRange.opened(place.path))
    return False


def _list_one(folder: Path, location: Location, limits: ReadingLimits) -> Iterator[Found]:
    return (_list_run if is_run(folder) else _list_store)(folder, location, limits)


def _list_store(folder: Path, location: Location, limits: ReadingLimits) -> Iterator[Found]:
    zarr_format.require_library()
    listed = LISTINGS.of(
        folder,
        files_behind(folder, limits),
        limits,
        lambda: (tuple(((one.key,), one) for one in READER.list_entries(ISOLATED["zarr"], folder, limits)), True),
    )
    for (key,), entry in listed:
        yield (*location, key) if key else location, entry


def _list_run(path: Path, location: Location, limits: ReadingLimits) -> Iterator[Found]:
    listed = LISTINGS.of(
        path,
        files_behind(path, limits),
        limits,
        lambda: (tuple(((one.key,), one) for one in run_format.list_entries(path)), True),
    )
    for inner, entry in listed:
        yield (*location, *inner), entry


def _list_file(path: Path, location: Location, limits: ReadingLimits, inspection: Unpacking) -> Iterator[Found]:
    def found() -> Iterator[Found]:
        data = FileRange.opened(path)
        if data.head.startswith(npy_format.MAGIC):  # its header is here: nothing is won by keeping what it says
            listed, _ = _look_into(data, limits, inspection)
        else:
            listed = LISTINGS.of(
                path, files_behind(path, limits), limits, lambda: _look_into(FileRange.opened(path), limits, inspection)
            )
        for inner, entry in listed:
            yield (*location, *inner), entry

    yield from _guarded(location, found)


def _look_into(data: FileRange, limits: ReadingLimits, inspection: Unpacking) -> tuple[Listing, bool]:
    """What is in a file, and whether it would be the same again."""
    unpacking = inspection.of_archive(data.size)
    found = _guarded((), lambda: _list_data(data, data.path.name, (), limits, unpacking, nested=False))
    return tuple(_cut(found, limits.members)), not unpacking.is_in_want


def _list_data(
    data: ByteRange, name: str, location: Location, limits: ReadingLimits, unpacking: Unpacking, *, nested: bool
) -> Iterator[Found]:
    """Every array of a file, be it on disk or in an archive, with the bytes that it takes there."""
    for here, entry in _list_unpacked(data, name, location, limits, unpacking, nested=nested):
        if isinstance(data, InflatedRange) and entry.stored is not None:
            entry = replace(entry, stored=math.ceil(entry.stored * data.deflated.size / data.size))
        yield here, entry


def _list_unpacked(
    data: ByteRange, name: str, location: Location, limits: ReadingLimits, unpacking: Unpacking, *, nested: bool
) -> Iterator[Found]:
    kind = file_kind(name, data)
    if kind in ARCHIVES:
        yield from _list_archive(kind, data, location, limits, unpacking, nested=nested)
        return
    if kind == "gzip":
        with gunzipped(data, name, unpacking) as (file, inner):
            walk = _list_unpacked(file, inner, location, limits, unpacking, nested=nested)
            found = list(islice(walk, limits.members + 1))
            _require_few(len(found), file.size)
            for here, entry in found:
                share = None if entry.stored is None else math.ceil(entry.stored * data.size / max(1, file.size))
                yield here, replace(entry, stored=share)
        return
    if kind == "npy":
        entries = npy_format.list_entries(data, PurePosixPath(name).name)
    elif kind == "safetensors":
        entries = safetensors_format.list_entries(data, limits)
    elif kind == "raw":
        entries = raw_format.list_entries(data, name)
    else:
        if kind in TEXTS:
            if is_prose(name, data):
                yield location, Entry(WHOLE, dtype="text", stored=data.size)
                return
            require_text_size(data.size, limits)
        if kind == "zarr":
            zarr_format.require_library()
        with unpacking.as_file(data, name) as file:
            entries = READER.list_entries(ISOLATED[kind], file.path, limits)
    yield from _placed(entries, location)


def _placed(entries: Sequence[Entry], location: Location) -> Iterator[Found]:
    """Entries of a file with the way to each."""
    if not entries:
        raise InvalidInputError(N_("A dump must hold an array; this file holds none. Save the activations themselves."))
    for entry in entries:
        yield (*location, entry.key) if entry.key else location, shared(entry)


def _list_archive(
    kind: FileKind, data: ByteRange, location: Location, limits: ReadingLimits, unpacking: Unpacking, *, nested: bool
) -> Iterator[Found]:
    with unpacking.as_file(data, f"archive.{kind}") as archive:
        members = [one for one in ARCHIVES[kind].list_members(archive, limits) if _is_read(one)]
        if not members:
            raise InvalidInputError(
                N_("An archive must hold a file that is read; this one holds none. Put the dump into it.")
            )
        for member in members:
            here = (*location, member.name)
            if member.data is None:
                entry = Entry(WHOLE, stored=member.stored, refusal=member.refusal)
                yield here, entry
            elif nested and _is_archive(member.name):
                yield here, Entry(WHOLE, refusal="Archives are opened two deep; this one is deeper. Unpack it first.")
            else:
                opened, label = member.data, member.name
                yield from _guarded(
                    here, lambda d=opened, n=label, at=here: _list_data(d, n, at, limits, unpacking, nested=True)
                )


def _is_archive(name: str) -> bool:
    """Whether a file that is called so holds files; one that is packed twice counts as such."""
    kind = SUFFIXES.get(PurePosixPath(name).suffix.lower())
    if kind == "gzip":
        return SUFFIXES.get(PurePosixPath(gzip_format.inner_name(name)).suffix.lower()) in (*ARCHIVES, "gzip")
    return kind in ARCHIVES


def _require_few(count: int, size: int) -> None:
    """Check that a packed archive may be unpacked once for every array in it."""
    if count * size > MOST_REPEATED:
        raise BudgetError(
            N_(
                "A packed archive is unpacked anew for every array; {count} arrays of {size} together make"
                " {together}, up to {most} are. Unpack it first: gunzip FILE"
            ),
            count=count,
            size=in_words(size),
            together=in_words(count * size),
            most=in_words(MOST_REPEATED),
        )


def _is_read(member: ArchiveMember) -> bool:
    """Whether a file of an archive is looked at; of every name what is wrong with it is told."""
    if member.data is None or is_of_interest(member.name):
        return True
    if PurePosixPath(member.name).name.startswith("."):
        return False
    with contextlib.suppress(InvalidInputError):
        return begins_as_arrays(member.data)
    return False

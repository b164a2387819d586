"""Zip archives, .npz among them: the directory is parsed here, and every size in it checked before it is believed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from analysis.dumps.files.archive_member import ArchiveMember, refuse_repeated
from analysis.dumps.files.byte_range import MOST_INFLATION, ByteRange, FileRange, InflatedRange
from analysis.dumps.files.file_stamp import Stamp, stamp
from analysis.dumps.files.likeness import FreeBytes, Span
from analysis.dumps.limits import ReadingLimits, in_words
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

MAGIC = b"PK\x03\x04"
EMPTY = b"PK\x05\x06"
END, END_SIZE, LONGEST_COMMENT = b"PK\x05\x06", 22, 2**16
END_64, LOCATOR_64, LOCATOR_64_SIZE = b"PK\x06\x06", b"PK\x06\x07", 20
ENTRY, ENTRY_SIZE = b"PK\x01\x02", 46
LOCAL, LOCAL_SIZE = b"PK\x03\x04", 30
BEHIND = b"PK\x07\x08"  # and a checksum once more, where it was not known before the bytes were written
CHECKSUM_IN_ENTRY, CHECKSUM_IN_LOCAL, CHECKSUM_SIZE = 16, 14, 4
STORED, DEFLATED = 0, 8
NEWEST = 63  # tenths of a version of the format
ENCRYPTED, UTF_8 = 1, 2**11
FULL_32, ZIP_64 = 2**32 - 1, 1


@dataclass(frozen=True, slots=True)
class _Record:
    """A line of the directory, and where in it it begins."""

    place: int
    name: bytes
    is_utf_8: bool
    flags: int
    method: int
    checksum: int
    stored: int
    size: int
    header: int

    @property
    def label(self) -> str:
        return self.name.decode("utf-8" if self.is_utf_8 else "cp437", "replace")


def list_members(archive: FileRange, limits: ReadingLimits) -> list[ArchiveMember]:
    """The files of an archive in its order, folders left out; nothing is unpacked.

    Raises:
        InvalidInputError: If the directory cannot be read or lists too many.
    """
    begin, records = _read_directory(archive, limits)
    members = [_member(archive, record, begin) for record in records if not record.name.endswith(b"/")]
    files = [record for record in records if not record.name.endswith(b"/")]
    return _refuse_bombs(refuse_repeated(_refuse_overlaps(members, files)), limits)


def list_names(archive: ByteRange, limits: ReadingLimits) -> list[str]:
    """The names in the directory of an archive; errors as of `list_members`."""
    return [record.label for record in _read_directory(archive, limits)[1]]


def free_bytes(archive: FileRange, folder: str, is_free: Callable[[str], bool], limits: ReadingLimits) -> FreeBytes:
    """The bytes of an archive that say nothing of how it is put together.

    The directory, which is compared, says where every member begins and how long it is: none can lie on another in a
    file that is like one in which none does.

    Args:
        archive: whose members are all in one folder and stored as they are.
        folder: its name, which may be another one, with the slash behind it.
        is_free: whether the content of a member may be any other, by its name within the folder.
        limits: within which the directory is read; errors as of `list_members`.
    """
    begin, records = _read_directory(archive, limits)
    values: list[Span] = []
    names: list[Span] = []
    for record in records:
        name = record.label
        line = begin + record.place
        names += [(place, len(folder.encode()) - 1) for place in (line + ENTRY_SIZE, record.header + LOCAL_SIZE)]
        data = _member(archive, record, begin).data
        if isinstance(data, FileRange) and is_free(name.removeprefix(folder)):
            end = data.offset + data.size
            checksums = [line + CHECKSUM_IN_ENTRY, record.header + CHECKSUM_IN_LOCAL]
            if archive.read(end, min(len(BEHIND), archive.size - end)).tobytes() == BEHIND:
                checksums.append(end + len(BEHIND))
            values += [(data.offset, data.size), *((place, CHECKSUM_SIZE) for place in checksums)]
    return FreeBytes(tuple(values), tuple(names), is_certain=True)


def open_member(archive: FileRange, name: str, limits: ReadingLimits) -> ByteRange:
    """The bytes of one file of an archive, which `list_members` has found harmless among the others.

    Raises:
        InvalidInputError: If there is none, or it cannot be read.
    """
    begin, records = _records_by_name(archive, stamp(archive.path), limits)
    record = records.get(name)
    if record is None:
        raise InvalidInputError(
            N_("There must be a file {name!r} in the archive; there is none now. Inspect it again."), name=name
        )
    member = _member(archive, record, begin)
    if member.data is None:
        raise InvalidInputError(member.refusal)
    return member.data


@lru_cache(maxsize=2)
def _records_by_name(
    archive: FileRange,
    version: Stamp,  # noqa: ARG001
    limits: ReadingLimits,
) -> tuple[int, dict[str, _Record]]:
    """Where the directory begins, and the first line of each name; kept, as many files of one archive are read."""
    begin, records = _read_directory(archive, limits)
    return begin, {record.label: record for record in reversed(records)}


def _read_directory(archive: ByteRange, limits: ReadingLimits) -> tuple[int, list[_Record]]:
    """Where the directory begins, and its lines."""
    tail_size = min(archive.size, END_SIZE + LONGEST_COMMENT + LOCATOR_64_SIZE)
    tail = archive.read(archive.size - tail_size, tail_size).tobytes()
    position = tail.rfind(END)
    if position < 0 or len(tail) - position < END_SIZE:
        raise _unreadable(Phrase(N_("its end, where the directory is announced, is missing: it is cut short")))
    count, size, begin = struct.unpack_from("<10xHLL", tail, position)
    end = archive.size - tail_size + position
    count, size, begin, end = _read_end_64(archive, tail, position, (count, size, begin, end))
    if count > limits.members:
        raise _unreadable(
            Phrase(
                N_("it lists {count} files, read are up to {members}. Split it"), count=count, members=limits.members
            )
        )
    if size > limits.header_bytes or begin + size != end:
        raise _unreadable(
            Phrase(
                N_("its directory is said to take {size} from byte {begin} on, up to byte {end}"),
                size=in_words(size),
                begin=begin,
                end=end,
            )
        )
    directory = archive.read(begin, size).tobytes()
    records, offset = [], 0
    for _ in range(count):
        record, offset = _read_record(directory, offset)
        records.append(record)
    if offset != size:
        raise _unreadable(
            Phrase(N_("its directory holds more than the {count} files that it is said to list"), count=count)
        )
    return begin, records


def _read_end_64(
    archive: ByteRange, tail: bytes, position: int, short: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    """Count, size, begin and end of the directory, from the longer end that large archives have, and those of torch."""
    locator = position - LOCATOR_64_SIZE
    if locator < 0 or tail[locator : locator + 4] != LOCATOR_64:
        return short
    (offset,) = struct.unpack_from("<8xQ", tail, locator)
    if offset + 56 > archive.size:
        raise _unreadable(Phrase(N_("the end of its directory is said to be behind its end")))
    end = archive.read(offset, 56).tobytes()
    length, count, size, begin = struct.unpack_from("<4xQ20xQQQ", end)
    if not end.startswith(END_64) or offset + 12 + length != archive.size - len(tail) + locator:
        raise _unreadable(Phrase(N_("the end of its directory is damaged")))
    return count, size, begin, offset


def _read_record(directory: bytes, offset: int) -> tuple[_Record, int]:
    """The line at `offset`, and where the next one begins."""
    if directory[offset : offset + 4] != ENTRY or len(directory) < offset + ENTRY_SIZE:
        raise _unreadable(Phrase(N_("its directory is damaged")))
    version, flags, method, checksum, stored, size, name_size, extra_size, comment_size, header = struct.unpack_from(
        "<6xHHH4xLLLHHH8xL", directory, offset
    )
    if version > NEWEST:
        raise _unreadable(
            Phrase(
                N_("a file needs version {version:g} of the format, known are those up to {newest:g}"),
                version=version / 10,
                newest=NEWEST / 10,
            )
        )
    name_end = offset + ENTRY_SIZE + name_size
    extra_end = name_end + extra_size
    name, extra = directory[offset + ENTRY_SIZE : name_end], directory[name_end:extra_end]
    if len(directory) < extra_end + comment_size:
        raise _unreadable(Phrase(N_("its directory is cut short")))
    size, stored, header = _widen((size, stored, header), extra)
    return _Record(
        offset, name, bool(flags & UTF_8), flags, method, checksum, stored, size, header
    ), extra_end + comment_size


def _widen(numbers: tuple[int, int, int], extra: bytes) -> tuple[int, int, int]:
    """Size, stored and header position, those that do not fit 32 bits from the extra field."""
    offset, wide = 0, b""
    while offset + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, offset)
        if kind == ZIP_64:
            wide = extra[offset + 4 : offset + 4 + length]
        offset += 4 + length
    found = []
    for number in numbers:
        if number == FULL_32 and len(wide) >= 8:
            found.append(int.from_bytes(wide[:8], "little"))
            wide = wide[8:]
        else:
            found.append(number)
    return found[0], found[1], found[2]


def _member(archive: FileRange, record: _Record, directory: int) -> ArchiveMember:
    found = _bytes_or_reason(archive, record, directory)
    if isinstance(found, str):
        return ArchiveMember(record.label, record.stored, record.size, None, found)
    return ArchiveMember(record.label, record.stored, record.size, found)


def _bytes_or_reason(archive: FileRange, record: _Record, directory: int) -> ByteRange | str:
    """The bytes of a member, or why it is refused."""
    if record.flags & ENCRYPTED:
        return Phrase(N_("Members must not be encrypted; this one is. Write the archive without password."))
    if record.method not in (STORED, DEFLATED):
        return Phrase(
            N_(
                "Members are stored or deflated; this one is compressed by method {method}. Write the archive"
                " again with numpy.savez_compressed or zip."
            ),
            method=record.method,
        )
    if record.header + LOCAL_SIZE + len(record.name) > directory:
        return _lie(Phrase(N_("it is said to begin behind the last member")))
    local = archive.read(record.header, LOCAL_SIZE + len(record.name)).tobytes()
    name_size, extra_size = struct.unpack_from("<26xHH", local)
    begin = record.header + LOCAL_SIZE + name_size + extra_size
    if not local.startswith(LOCAL):
        return _lie(Phrase(N_("there is no member where one is said to begin")))
    if begin + record.stored > directory:
        return _lie(Phrase(N_("{stored} are said to be stored, fewer are there"), stored=in_words(record.stored)))
    if name_size != len(record.name) or local[LOCAL_SIZE:] != record.name:
        return _lie(Phrase(N_("it has another name in the directory than at its place")))
    head = archive.head[begin : begin + record.stored]
    if record.method == STORED:
        if record.stored != record.size:
            return _lie(
                Phrase(N_("{stored} bytes stored as they are cannot be {size}"), stored=record.stored, size=record.size)
            )
        return FileRange(archive.path, archive.offset + begin, record.stored, record.checksum, head)
    if record.size > MOST_INFLATION * record.stored + MOST_INFLATION:
        return _lie(
            Phrase(N_("{stored} cannot unpack to {size}"), stored=in_words(record.stored), size=in_words(record.size))
        )
    deflated = FileRange(archive.path, archive.offset + begin, record.stored, None, head)
    return InflatedRange(deflated, record.size, record.checksum)


def _refuse_overlaps(members: list[ArchiveMember], records: list[_Record]) -> list[ArchiveMember]:
    """A member that begins before another one has ended is refused."""
    checked, reached = list(members), 0
    for index in sorted(range(len(members)), key=lambda index: records[index].header):
        data = members[index].data
        if data is None:
            continue
        piece = data.deflated if isinstance(data, InflatedRange) else data
        assert isinstance(piece, FileRange)
        if records[index].header < reached:
            checked[index] = replace(
                members[index], data=None, refusal=_lie(Phrase(N_("its bytes are also those of another member")))
            )
        reached = max(reached, records[index].header + LOCAL_SIZE + piece.size)
    return checked


def _refuse_bombs(members: list[ArchiveMember], limits: ReadingLimits) -> list[ArchiveMember]:
    """Compressed members are taken smallest first, until together they would unpack to more than the limit."""
    checked, total = list(members), 0
    packed = [index for index, member in enumerate(members) if isinstance(member.data, InflatedRange)]
    for index in sorted(packed, key=lambda index: members[index].size):
        member = members[index]
        total += member.size
        if total > limits.unpacked_bytes:
            checked[index] = replace(
                member,
                data=None,
                refusal=Phrase(
                    N_(
                        "The members of an archive may unpack to {most} together; with this one, {stored} that unpack"
                        " to {size}, they pass it. If it is no zip bomb, save it uncompressed with numpy.savez, or on"
                        " its own."
                    ),
                    most=in_words(limits.unpacked_bytes),
                    stored=in_words(member.stored),
                    size=in_words(member.size),
                ),
            )
    return checked


def _lie(reason: object) -> Phrase:
    return Phrase(
        N_("An archive's directory must tell the truth; {reason}. It is damaged or hostile: write the archive again."),
        reason=reason,
    )


def _unreadable(reason: object) -> InvalidInputError:
    return InvalidInputError(
        N_("A zip archive has a directory at its end; of this one, {reason}. Write it again."), reason=reason
    )

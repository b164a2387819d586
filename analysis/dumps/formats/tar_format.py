"""Tar archives: a header of 512 bytes before every file, read here one after another; values are read where they lie.

There is no directory. Where a header lies about a size, the next one is not where it should be and its checksum does
not fit: what follows is refused, what came before is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath

from analysis.dumps.files.archive_member import ArchiveMember, refuse_repeated
from analysis.dumps.files.byte_range import ByteRange, FileRange
from analysis.dumps.files.file_stamp import Stamp, stamp
from analysis.dumps.limits import ReadingLimits, in_words
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

BLOCK = 512
MAGIC, MAGIC_AT = b"ustar", 257
CHECKSUM = slice(148, 156)
FILES = frozenset(b"0\0" + b"7")  # kinds: a file, one of old archives, one that lies in one piece
FOLDER = ord("5")
LONG_NAME, LONG_LINK = ord("L"), ord("K")  # of GNU: the name of the next member
EXTENDED, EXTENDED_FOR_ALL = ord("x"), ord("g")  # of POSIX: fields of the next member, or of all
REFUSED = {
    ord("1"): Phrase(N_("a link")),
    ord("2"): Phrase(N_("a link")),
    ord("3"): Phrase(N_("a device")),
    ord("4"): Phrase(N_("a device")),
    ord("6"): Phrase(N_("a pipe")),
    ord("S"): Phrase(N_("a sparse file, of which parts are left out")),
}
WINDOW = 2**16  # bytes that are read at once: small members have their headers close to each other
LONGEST_FIELDS = 2**20  # bytes of the fields of one member


@dataclass(frozen=True, slots=True)
class _Header:
    """A block that announces a member: name, kind, size, and where its bytes begin."""

    name: str
    kind: int
    size: int
    begin: int

    @property
    def end(self) -> int:
        """Where the next header is."""
        return self.begin + -(-self.size // BLOCK) * BLOCK


def is_tar(data: ByteRange, *, named: bool) -> bool:
    """Whether the first block is a header; one without the magic of POSIX only if the file is called .tar as well."""
    if data.size < BLOCK:
        return False
    block = data.read(0, BLOCK).tobytes()
    has_magic = block[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC
    return (has_magic or named) and _has_checksum(block)


def list_members(archive: FileRange, limits: ReadingLimits) -> list[ArchiveMember]:
    """The files of an archive in its order, folders left out.

    Raises:
        InvalidInputError: If there are too many.
    """
    return list(_directory(archive, stamp(archive.path), limits).values())


def open_member(archive: FileRange, name: str, limits: ReadingLimits) -> ByteRange:
    """The bytes of one file of an archive.

    Raises:
        InvalidInputError: If there is none, or it cannot be read.
    """
    member = _directory(archive, stamp(archive.path), limits).get(name)
    if member is None:
        raise InvalidInputError(
            N_("There must be a file {name!r} in the archive; there is none now. Inspect it again."), name=name
        )
    if member.data is None:
        raise InvalidInputError(member.refusal)
    return member.data


@lru_cache(maxsize=8)
def _directory(archive: FileRange, version: Stamp, limits: ReadingLimits) -> dict[str, ArchiveMember]:  # noqa: ARG001
    """Name -> member; the headers lie all over the file, so that they are kept while it has the same stamp."""
    found: dict[str, ArchiveMember] = {}
    for number, member in enumerate(refuse_repeated(_members(archive, limits))):
        found[f"{member.name} ({number})" if member.name in found else member.name] = member
    return found


def _members(archive: FileRange, limits: ReadingLimits) -> Iterator[ArchiveMember]:
    """Every file, with the fields that headers before it say of it."""
    for_all: dict[str, str] = {}
    fields: dict[str, str] = {}
    offset, count, begin, window = 0, 0, 0, b""
    while offset + BLOCK <= archive.size:
        if offset + BLOCK > begin + len(window):
            begin, window = offset, archive.read(offset, min(WINDOW, archive.size - offset)).tobytes()
        block = window[offset - begin : offset - begin + BLOCK]
        if not any(block):
            return
        count += 1
        if count > limits.members:
            raise InvalidInputError(
                N_("Of a tar archive up to {members} members are read; this one has more. Split it."),
                members=limits.members,
            )
        try:
            header = _read_header(block, offset, for_all | fields)
            if header.kind in (LONG_NAME, LONG_LINK, EXTENDED, EXTENDED_FOR_ALL):
                told = _read_fields(archive, header)
                for_all |= told if header.kind == EXTENDED_FOR_ALL else {}
                fields |= told if header.kind != EXTENDED_FOR_ALL else {}
                offset = header.end
                continue
        except ValueError as error:
            yield ArchiveMember(f"byte {offset}", 0, 0, None, _damaged(error))
            return
        if header.kind != FOLDER:
            yield _member(archive, header, for_all | fields)
        fields = {}
        offset = header.end


def _read_header(block: bytes, offset: int, fields: dict[str, str]) -> _Header:
    """What a block says; a `ValueError` if it is none that can be believed."""
    if not _has_checksum(block):
        raise ValueError(Phrase(N_("at byte {offset}, where a header is due, is none"), offset=offset))
    kind = block[156]
    name = _text(block[:100])
    if block[MAGIC_AT : MAGIC_AT + 6] == MAGIC + b"\0" and block[345]:
        name = f"{_text(block[345:500])}/{name}"
    size = _number(block[124:136])
    if kind in FILES or kind in REFUSED:
        name, size = fields.get("path", name), int(fields.get("size", size))
    if size < 0:
        raise ValueError(Phrase(N_("the size of {name!r} is negative"), name=name[:100]))
    if kind in REFUSED and kind != ord("S"):
        size = 0  # links and devices have none, whatever they say
    return _Header(name, kind, size, offset + BLOCK)


def _member(archive: FileRange, header: _Header, fields: dict[str, str]) -> ArchiveMember:
    member = ArchiveMember(header.name, header.size, header.size, None)
    what = REFUSED.get(header.kind)
    if what is None and header.kind not in FILES:
        what = Phrase(N_("of the kind {kind!r}"), kind=chr(header.kind))
    if any(key.startswith("GNU.sparse") for key in fields):
        what = REFUSED[ord("S")]
    if what:
        return replace(
            member,
            refusal=Phrase(
                N_(
                    "Members of a tar archive are plain files; this one is {what}. Write the archive again with tar"
                    " --dereference, without --sparse."
                ),
                what=what,
            ),
        )
    if not header.name or header.name.startswith("/") or ".." in PurePosixPath(header.name).parts:
        return replace(
            member,
            refusal=Phrase(
                N_(
                    "Names in an archive stay within it; {name!r} leads out. Write the archive again from within the"
                    " folder: tar cf ARCHIVE -C FOLDER ."
                ),
                name=header.name[:200],
            ),
        )
    if header.begin + header.size > archive.size:
        left = archive.size - header.begin
        return replace(
            member,
            refusal=_damaged(
                Phrase(
                    N_("this member is said to take {size}, {left} are left"),
                    size=in_words(header.size),
                    left=in_words(left),
                )
            ),
        )
    return replace(member, data=FileRange(archive.path, archive.offset + header.begin, header.size))


def _read_fields(archive: FileRange, header: _Header) -> dict[str, str]:
    """What a member says of the next one: its name, or fields as lines "length key=value"."""
    if header.size > LONGEST_FIELDS or header.begin + header.size > archive.size:
        raise ValueError(Phrase(N_("names and fields of a member are said to take {size}"), size=in_words(header.size)))
    content = archive.read(header.begin, header.size).tobytes()
    if header.kind == LONG_NAME:
        return {"path": _text(content)}
    if header.kind == LONG_LINK:
        return {}
    fields = {}
    while content.strip(b"\0"):
        length_text, separator, _ = content.partition(b" ")
        length = int(length_text) if separator and length_text.isdigit() and len(length_text) < 9 else 0
        if not len(length_text) + 1 < length <= len(content):
            raise ValueError(Phrase(N_("the extended fields of a member are damaged")))
        key, _, value = content[len(length_text) + 1 : length - 1].partition(b"=")
        fields[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        content = content[length:]
    if not fields.get("size", "0").isdecimal():
        raise ValueError(Phrase(N_("the size of a member is {size!r}"), size=fields["size"][:50]))
    return fields


def _has_checksum(block: bytes) -> bool:
    """Whether the sum of all bytes, those of the sum itself taken as spaces, is written in the block."""
    try:
        declared = _number(block[CHECKSUM])
    except ValueError:
        return False
    return declared == sum(block) - sum(block[CHECKSUM]) + 8 * ord(" ") and any(block[:100])


def _number(field: bytes) -> int:
    """Octal digits, or big-endian bytes where the first bit is set, as large files have them."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        raise ValueError(Phrase(N_("a number is {field!r}"), field=field)) from None


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")


def _damaged(reason: object) -> Phrase:
    return Phrase(
        N_(
            "A tar archive has a true header before every file; in this one {reason}. It is cut short or damaged:"
            " copy or write the archive again."
        ),
        reason=reason,
    )

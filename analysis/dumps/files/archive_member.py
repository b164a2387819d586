"""A file of an archive, as the archive's directory declares it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from analysis.dumps.files.byte_range import ByteRange
from per_core.text import N_, Phrase


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """One file of an archive.

    Attributes:
        name: as written in the archive; nothing but a label, no file is ever written under it.
        stored, size: bytes compressed and unpacked.
        data: its bytes; None if it is refused.
        refusal: why it cannot be read and what to do, or empty.
    """

    name: str
    stored: int
    size: int
    data: ByteRange | None
    refusal: str = ""


def refuse_repeated(members: Iterable[ArchiveMember]) -> list[ArchiveMember]:
    """The members, the second one of a name refused."""
    checked, names = [], set()
    for member in members:
        if member.name in names and not member.refusal:
            member = replace(
                member,
                data=None,
                refusal=Phrase(N_("Names in an archive are unique; this one was there before. Rename it.")),
            )
        names.add(member.name)
        checked.append(member)
    return checked

"""Likeness: of files that differ in nothing but their values the same is listed, so that one of them is asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from analysis.dumps.files.byte_range import HEAD, FileRange
from analysis.dumps.files.file_stamp import stamp
from analysis.dumps.files.listings import Listing

Span = tuple[int, int]
"""Where bytes of a file begin, and how many they are."""

LONGEST_COMPARED = 2**14  # bytes of one file
MOST_PIECES = 64  # that lie apart between values too long to be read
MOST_LAYOUTS = 8  # of files of one size
MOST_COMPARED = 2**23  # bytes of all files that others are compared with


@dataclass(frozen=True, slots=True)
class FreeBytes:
    """The bytes of a file of which nothing depends that is listed of it.

    Attributes:
        values: numbers and their checksums, which may be any others.
        names: places of one word, which may be another without a slash if it is the same at all of them.
        is_certain: whether all that says so is compared. Else the file may lie: free bytes may themselves say which are
            free, and what else is listed.
    """

    values: tuple[Span, ...]
    names: tuple[Span, ...] = ()
    is_certain: bool = False


Confirm = Callable[[FreeBytes, Listing], bool]
"""Whether the same would be listed of a file, and the same bytes be free, if all free bytes were others."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which bytes of a file are compared.

    Attributes:
        pieces: what is read of the file: all of a small one, and else what lies between its values.
        fixed, names: begin and end, in what is read, of the bytes that are compared and of the word that all repeat.
    """

    pieces: tuple[Span, ...]
    fixed: tuple[tuple[int, int], ...]
    names: tuple[tuple[int, int], ...]

    def compared(self, data: FileRange) -> bytes | None:
        """What a file is known by; None if its names are not one word. Errors as of `FileRange.read`."""
        content = b"".join([data.read(begin, count).tobytes() for begin, count in self.pieces])
        names = {content[begin:end] for begin, end in self.names}
        if len(names) > 1 or any(b"/" in name for name in names):
            return None
        return b"".join([content[begin:end] for begin, end in self.fixed])


_Kind = tuple[str, int]
"""Suffix and size of a file."""


def _kind(data: FileRange) -> _Kind:
    return data.path.suffix.lower(), data.size


class AlikeFiles:
    """Listings of files, each known by its suffix, its size and all bytes of it that are not free.

    A file of the same size and bytes would be listed alike, whatever its values. Where only the file itself says which
    bytes are free, this is confirmed once, of the first other file that is like it; what is not so is forgotten.
    """

    def __init__(self) -> None:
        self._known: dict[_Kind, dict[_Layout, dict[bytes, tuple[Listing, FreeBytes]]]] = {}
        self._compared = 0

    def find(self, data: FileRange, confirm: Confirm) -> Listing | None:
        """What is listed of a file; None if no file like it is known. Of this file `confirm` tells."""
        for layout, known in self._known.get(_kind(data), {}).items():
            compared = layout.compared(data)
            if compared is None or compared not in known:
                continue
            listing, free = known[compared]
            if not free.is_certain and not confirm(free, listing):
                self._compared -= len(compared)
                del known[compared]
                return None
            known[compared] = listing, replace(free, is_certain=True)
            return listing
        return None

    def keep(self, data: FileRange, free: FreeBytes, listing: Listing) -> None:
        """Know a file and what is listed of it, unless it has changed since it was opened or one like it is known."""
        layout = _layout(data.size, free)
        layouts = self._known.get(_kind(data), {})
        if layout is None or (layout not in layouts and len(layouts) == MOST_LAYOUTS):
            return
        compared = layout.compared(data)
        if compared is None or compared in layouts.get(layout, {}) or stamp(data.path) != data.stamp:
            return
        self._compared += len(compared)
        if self._compared > MOST_COMPARED:
            self._known, self._compared = {}, len(compared)
        self._known.setdefault(_kind(data), {}).setdefault(layout, {})[compared] = listing, free


@lru_cache(maxsize=256)
def _layout(size: int, free: FreeBytes) -> _Layout | None:
    """What is compared of a file of so many bytes; None if it is too much, or free bytes are not there."""
    spans = (*free.values, *free.names)
    if any(begin < 0 or count < 0 or begin + count > size for begin, count in spans):
        return None
    fixed = list(_between(spans, size))
    pieces = _joined([*fixed, *free.names])
    if sum(count for _, count in fixed) > LONGEST_COMPARED or len(pieces) > MOST_PIECES:
        return None
    return _Layout(pieces, tuple(_within(pieces, fixed)), tuple(_within(pieces, free.names)))


def _between(spans: Iterable[Span], size: int) -> Iterator[Span]:
    """What of so many bytes is in none of the spans."""
    reached = 0
    for begin, count in sorted([*spans, (size, 0)]):
        if begin > reached:
            yield reached, begin - reached
        reached = max(reached, begin + count)


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in their order, those that are near each other as one: a file's head is read when it is opened."""
    joined: list[Span] = []
    for begin, count in sorted(spans):
        if joined and begin + count - joined[-1][0] <= HEAD:
            joined[-1] = joined[-1][0], max(joined[-1][1], begin + count - joined[-1][0])
        else:
            joined.append((begin, count))
    return tuple(joined)


def _within(pieces: Iterable[Span], spans: Iterable[Span]) -> Iterator[tuple[int, int]]:
    """Where each span begins and ends in the pieces one after the other; each is in one of them."""
    for begin, count in spans:
        before = 0
        for first, length in pieces:
            if first <= begin <= begin + count <= first + length:
                yield before + begin - first, before + begin - first + count
                break
            before += length

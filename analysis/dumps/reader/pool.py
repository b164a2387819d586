"""The reading processes that all of a program shares: a slow file keeps nobody waiting but who asked for it."""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from analysis.dumps.entry import Entry, of_values, shared
from analysis.dumps.files.byte_range import FileRange
from analysis.dumps.files.likeness import FreeBytes, Span
from analysis.dumps.formats import npy_format
from analysis.dumps.limits import ReadingLimits, in_words
from analysis.dumps.reader.process import Message, ReaderProcess
from analysis.waiting import TELL_SECONDS, Wait, told
from per_core.errors import BudgetError, InvalidInputError, PerError
from per_core.text import N_, from_json

MOST_PROCESSES = max(2, os.cpu_count() or 2)
SMALL = 2**20  # bytes: a file that is read soon, for which there is one process more
FILES_AT_ONCE = 256  # of one request: others have their turn in between

Piece = tuple[str, int, int]
"""Key of an array in a file, and the rows of it that are meant: from start to stop − 1."""


@dataclass(frozen=True, slots=True)
class FileWait(Wait):
    """Why a request for files has no answer yet; if `tell` raises, the process that reads them is ended.

    Attributes:
        name: the file that is asked for, the first of several.
        files: how many are asked for at once.
        others: files that are being read meanwhile, and for how many seconds.
    """

    name: str
    files: int
    others: tuple[tuple[str, float], ...]


class Listed(NamedTuple):
    """What is in a file, and the bytes on which that does not depend; None where nothing is known of them."""

    entries: list[Entry]
    free: FreeBytes | None


@dataclass(eq=False, slots=True)
class _Request:
    """What one thread asks for: the files by their first, their format, since when, and whether it was told to wait."""

    path: Path
    files: int
    format: str
    is_small: bool
    asked: float = field(default_factory=time.monotonic)
    begun: float = 0.0
    is_told: bool = False


class ReaderPool:
    """Reading processes, started when they are needed; they end by themselves when nobody needs them.

    As many requests run at a time as there may be processes; one more if it is for a small file, so that none of these
    waits behind large ones. Who waits gets a turn by the folder that the file is in: the one of which the fewest files
    are being read, then the one whose last turn is longest ago.

    Args:
        most: how many processes there may be, without the one for small files.
    """

    def __init__(self, most: int = MOST_PROCESSES) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._free: list[tuple[ReaderProcess, _Request]] = []  # each with what it read last
        self._running: dict[_Request, ReaderProcess] = {}
        self._waiting: list[_Request] = []
        self._turns: dict[Path, int] = {}  # number of the last turn of each folder, as long as it is asked for

    @property
    def pids(self) -> tuple[int, ...]:
        """Numbers of the processes that there are."""
        with self._changed:
            readers = [*self._running.values(), *(reader for reader, _ in self._free)]
        return tuple(pid for reader in readers if (pid := reader.pid) is not None)

    def list_entries(self, format: str, path: Path, limits: ReadingLimits) -> list[Entry]:
        """What `list_entries` of a format's module says of a file.

        Raises:
            InvalidInputError: If the file cannot be read, or the process died of it.
            BudgetError: If it takes too much memory or time.
        """
        (found,) = self.list_files(format, [path], limits)
        if isinstance(found, PerError):
            raise found
        return found.entries

    def list_files(self, format: str, paths: Sequence[Path], limits: ReadingLimits) -> list[Listed | PerError]:
        """What is in each of many files of a format, or why it cannot be read; one harms none of the others."""
        found: list[Listed | PerError] = []
        for begin in range(0, len(paths), FILES_AT_ONCE):
            some = paths[begin : begin + FILES_AT_ONCE]
            request = {"task": "list", "format": format, "paths": [str(path) for path in some]}
            for path, answer in zip(some, self._answers(request, some, limits), strict=True):
                found.append(_error(answer, path.name, limits) or _listed(answer["result"]))
        return found

    def list_changed(self, format: str, path: Path, free: FreeBytes, limits: ReadingLimits) -> Listed:
        """What would be in a file if all free bytes, which are values, were others; errors as of `list_entries`."""
        request = {"task": "list_changed", "format": format, "path": str(path), "free": free.values}
        return _listed(self._result(request, path, limits))

    def read_rows(
        self, format: str, path: Path, key: str, start: int, stop: int, limits: ReadingLimits
    ) -> NDArray[Any]:
        """What `read_rows` of a format's module reads; errors as of `list_entries`."""
        return self.read_pieces(format, path, [(key, start, stop)], limits)[0]

    def read_pieces(
        self, format: str, path: Path, pieces: Sequence[Piece], limits: ReadingLimits
    ) -> list[NDArray[Any]]:
        """Rows of many arrays of one file, which is opened once; errors as of `list_entries`."""
        with tempfile.TemporaryDirectory(prefix="perscope-") as folder:
            out = Path(folder) / "rows.npy"
            request = {"task": "read", "format": format, "path": str(path), "pieces": list(pieces), "out": str(out)}
            ends = self._result(request, path, limits)
            begins = [0, *ends[:-1]]
            return [
                _rows(FileRange(out, begin, end - begin), stop - start)
                for begin, end, (_, start, stop) in zip(begins, ends, pieces, strict=True)
            ]

    def close(self) -> None:
        """End the processes that are free; the others end when nobody is left who listens."""
        with self._changed:
            free, self._free = self._free, []
        for reader, _ in free:
            reader.close()

    def _result(self, message: Message, path: Path, limits: ReadingLimits) -> Any:
        (answer,) = self._answers(message, [path], limits)
        error = _error(answer, path.name, limits)
        if error is not None:
            raise error
        return answer["result"]

    def _answers(self, message: Message, paths: Sequence[Path], limits: ReadingLimits) -> list[Message]:
        """The answers to a request that is about some files, as soon as it is its turn."""
        is_small = len(paths) == 1 and _size(paths[0]) <= SMALL
        request = _Request(paths[0], len(paths), message.get("format", ""), is_small)
        reader = self._begin(request)
        try:
            answers = reader.ask(message, len(paths), limits, lambda: self._tell(request))
        finally:
            with self._changed:
                del self._running[request]
                self._free.append((reader, request))
                self._changed.notify_all()
        tell = told()
        if tell is not None and request.is_told:
            tell(None)
        return answers

    def _begin(self, request: _Request) -> ReaderProcess:
        """A process for a request, once it is its turn."""
        with self._changed:
            self._waiting.append(request)
        try:
            while True:
                with self._changed:
                    if self._next() is request or (self._changed.wait(TELL_SECONDS) and self._next() is request):
                        return self._take(request)
                self._tell(request)
        finally:
            with self._changed:
                if request in self._waiting:
                    self._waiting.remove(request)
                self._changed.notify_all()

    def _next(self) -> _Request | None:
        """Whose turn it is; None if there is no process for anybody who waits."""
        if len(self._running) > self._most:
            return None
        may_begin = [one for one in self._waiting if one.is_small or len(self._running) < self._most]
        running = Counter(one.path.parent for one in self._running)
        return min(
            may_begin,
            key=lambda one: (running[one.path.parent], self._turns.get(one.path.parent, 0), one.asked),
            default=None,
        )

    def _take(self, request: _Request) -> ReaderProcess:
        """A process, the one that knows the file or its library if it can be chosen."""
        self._waiting.remove(request)
        request.begun = time.monotonic()
        busy = {one.path.parent for one in (*self._waiting, *self._running)}
        self._turns = {folder: turn for folder, turn in self._turns.items() if folder in busy}
        self._turns[request.path.parent] = max(self._turns.values(), default=0) + 1
        if not self._free:
            self._running[request] = ReaderProcess()
        else:
            best = max(
                range(len(self._free)),
                key=lambda at: (self._free[at][1].path == request.path, self._free[at][1].format == request.format, at),
            )
            self._running[request] = self._free.pop(best)[0]
        return self._running[request]

    def _tell(self, request: _Request) -> None:
        tell = told()
        if tell is None:
            return
        now = time.monotonic()
        with self._changed:
            ahead = sum(one.asked < request.asked for one in self._waiting) if request in self._waiting else None
            others = tuple((one.path.name, now - one.begun) for one in self._running if one is not request)
        request.is_told = True
        tell(FileWait(now - request.asked, ahead, request.path.name, request.files, others))


def _size(path: Path) -> int:
    """Bytes of a file; 0 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _listed(result: Message) -> Listed:
    entries = [shared(of_values(one)) for one in result["entries"]]
    if result["free"] is None:
        return Listed(entries, None)
    values, names, is_certain = result["free"]
    return Listed(entries, FreeBytes(_spans(values), _spans(names), bool(is_certain)))


def _spans(found: list[list[int]]) -> tuple[Span, ...]:
    return tuple([(int(begin), int(count)) for begin, count in found])


def _rows(data: FileRange, count: int) -> NDArray[Any]:
    """An array that the process has written, which must have so many rows."""
    (entry,) = npy_format.list_entries(data)
    if entry.refusal or not entry.shape or entry.shape[0] != count:
        raise InvalidInputError(
            N_("{count} rows were asked for; received {shape}. Inspect the file again."), count=count, shape=entry.shape
        )
    return npy_format.read_rows(data, 0, count)


def _error(answer: Message, name: str, limits: ReadingLimits) -> PerError | None:
    """What an answer that has no result means."""
    match answer.get("error"):
        case None:
            return None
        case "memory":
            return BudgetError(
                N_(
                    "Reading {name} may take {most} of memory; it needs more. Ask for fewer rows, save it as .npy or"
                    " .safetensors, or raise ReadingLimits.process_bytes."
                ),
                name=name,
                most=in_words(limits.process_bytes),
            )
        case "time":
            return BudgetError(
                N_(
                    "Reading {name} may take {seconds:g} s; it took longer and was stopped. Ask for fewer rows, save"
                    " it as .npy or .safetensors, or raise ReadingLimits.seconds."
                ),
                name=name,
                seconds=limits.seconds,
            )
        case "death":
            return InvalidInputError(
                N_(
                    "A file must be readable without harm; the process that read {name} {reason}. It is damaged or"
                    " hostile: write it again."
                ),
                name=name,
                reason=answer["reason"],
            )
        case "budget":
            return BudgetError(from_json(answer["reason"]))
        case _:
            return InvalidInputError(from_json(answer["reason"]))


READER = ReaderPool()
"""The one that all of this program shares."""

atexit.register(READER.close)

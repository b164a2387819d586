"""A process that opens files which a server should not: it may die of them, run out of memory or never come back."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from analysis.dumps.byte_range import FileRange
from analysis.dumps.entry import Entry
from analysis.dumps.formats import npy_format
from analysis.dumps.limits import ReadingLimits, in_words
from analysis.process import describe_exit
from per_core.errors import BudgetError, InvalidInputError

ROOT = Path(__file__).parents[2]
LENGTH_BYTES = 8
LONGEST_ANSWER = 2**26
START_SECONDS = 120.0  # to start Python and import torch on a busy machine, on top of a request's own time
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # the others reserve much more address space than they use
    "HDF5_PLUGIN_PRELOAD": "::",  # no filter is loaded from a folder because a file asks for it
}

Piece = tuple[str, int, int]
"""Key of an array in a file, and the rows of it that are meant: from start to stop − 1."""


class ReaderProcess:
    """One reading process, started when it is first needed and again after it has died. Threads take turns."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._has_served = False

    @property
    def pid(self) -> int | None:
        """Number of the process; None while there is none."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def list_entries(self, format: str, path: Path, limits: ReadingLimits) -> list[Entry]:
        """What `list_entries` of a format's module says of a file.

        Raises:
            InvalidInputError: If the file cannot be read, or the process died of it.
            BudgetError: If it takes too much memory or time.
        """
        found = self._request({"task": "list", "format": format, "path": str(path)}, limits)
        return [
            Entry(
                **entry
                | {
                    "shape": None if entry["shape"] is None else tuple(entry["shape"]),
                    "columns": tuple(entry["columns"]),
                }
            )
            for entry in found
        ]

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
            ends = self._request(request, limits)
            begins = [0, *ends[:-1]]
            return [
                _rows(FileRange(out, begin, end - begin), stop - start)
                for begin, end, (_, start, stop) in zip(begins, ends, pieces, strict=True)
            ]

    def close(self) -> None:
        """End the process; the next request starts another one."""
        with self._lock:
            self._end()

    def _request(self, request: dict[str, Any], limits: ReadingLimits) -> Any:
        message = request | {"limits": asdict(limits)}
        with self._lock:
            was_fresh = not self._has_served
            answer = self._exchange(message, limits)
            if answer.get("error") in ("memory", "death") and not was_fresh:
                self._end()  # what was read before may be to blame: a new process tells
                answer = self._exchange(message, limits)
            if answer.get("error") == "memory":
                self._end()
        name = Path(request.get("path", "a name")).name
        match answer.get("error"):
            case None:
                return answer["result"]
            case "memory":
                raise BudgetError(
                    f"Reading {name} may take {in_words(limits.process_bytes)} of memory; it needs more. Ask for fewer"
                    " rows, save it as .npy or .safetensors, or raise ReadingLimits.process_bytes."
                )
            case "time":
                raise BudgetError(
                    f"Reading {name} may take {limits.seconds:g} s; it took longer and was stopped. Ask for fewer rows,"
                    " save it as .npy or .safetensors, or raise ReadingLimits.seconds."
                )
            case "death":
                raise InvalidInputError(
                    f"A file must be readable without harm; the process that read {name} {answer['reason']}. It is"
                    " damaged or hostile: write it again."
                )
            case "budget":
                raise BudgetError(answer["reason"])
            case _:
                raise InvalidInputError(answer["reason"])

    def _exchange(self, message: dict[str, Any], limits: ReadingLimits) -> dict[str, Any]:
        """One request and its answer; the process is ended if there is none."""
        process = self._started()
        deadline = time.monotonic() + limits.seconds + (0 if self._has_served else START_SECONDS)
        data = json.dumps(message).encode()
        try:
            assert process.stdin is not None
            process.stdin.write(len(data).to_bytes(LENGTH_BYTES, "little") + data)
            process.stdin.flush()
            length = int.from_bytes(self._receive(process, LENGTH_BYTES, deadline), "little")
            if length > LONGEST_ANSWER:
                raise ValueError(f"an answer of {in_words(length)}")
            answer: dict[str, Any] = json.loads(self._receive(process, length, deadline))
        except TimeoutError:
            self._end()
            return {"error": "time"}
        except (EOFError, OSError, ValueError):
            return {"error": "death", "reason": describe_exit(self._end())}
        self._has_served = True
        return answer

    def _receive(self, process: subprocess.Popen[bytes], count: int, deadline: float) -> bytes:
        assert process.stdout is not None
        data = bytearray()
        while len(data) < count:
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            piece = os.read(process.stdout.fileno(), min(count - len(data), 2**16))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "analysis.dumps.reader_worker"],
                cwd=ROOT,
                env=os.environ | ENVIRONMENT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in the server's terminal is the server's
            )
        return self._process

    def _end(self) -> int:
        """End the process and say how it ended."""
        process, self._process, self._has_served = self._process, None, False
        if process is None:
            return 0
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)  # one that is dying says of what
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        return code


def _rows(data: FileRange, count: int) -> NDArray[Any]:
    """An array that the process has written, which must have so many rows."""
    (entry,) = npy_format.list_entries(data)
    if entry.refusal or not entry.shape or entry.shape[0] != count:
        raise InvalidInputError(f"{count} rows were asked for; received {entry.shape}. Inspect the file again.")
    return npy_format.read_rows(data, 0, count)


READER = ReaderProcess()
"""The one that all of this program shares."""

atexit.register(READER.close)

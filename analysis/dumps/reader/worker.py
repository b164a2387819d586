"""The reading process: `python -m analysis.dumps.reader.worker`, started by `ReaderProcess` and by nobody else.

Requests and answers are JSON, each after its length in eight bytes; arrays go through a file. Nothing is pickled. What
libraries print goes to stderr, so that it cannot be taken for an answer.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import math
import os
import resource
import select
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from analysis.dumps.entry import Entry, as_values
from analysis.dumps.files.likeness import FreeBytes
from analysis.dumps.formats.npy_format import LONGEST_HEADER
from analysis.dumps.limits import ReadingLimits, in_words
from analysis.process import address_space
from per_core.errors import BudgetError, PerError
from per_core.text import N_, Phrase, as_json

LENGTH_BYTES = 8
EXACT = 1.0  # second by which the time of a part may seem longer than it is
GRACE = 10.0  # seconds that the other side has to end a request that takes too long, before this one does
IDLE = 300.0  # seconds after which a process that nobody asks anything ends
LIBRARIES = {
    "torch_format": "torch",
    "hdf5_format": "h5py",
    "parquet_format": "pyarrow.parquet",
    "arrow_format": "pyarrow.ipc",
    "csv_format": "pyarrow.compute",
    "zarr_format": "zarr",
    "json_format": "numpy",
    "tensorboard_format": "tensorboardX.proto.event_pb2",
    "matlab_format": "scipy.io",
}

Request = dict[str, Any]


def main() -> None:
    """Answer requests until the other side closes its end."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    while (request := receive(sys.stdin.buffer)) is not None:
        watch = Watch()
        for part in _parts(request):
            send(answers, _answer(part, watch))
        watch.end()


class Watch:
    """Ends this process when a part of a request takes too long; a watch a part would cost more than a small file."""

    def __init__(self) -> None:
        self._begun = -math.inf

    def begin(self, seconds: float) -> None:
        """Watch the next part, unless the watch of another one began so lately that it does as well."""
        if time.monotonic() - self._begun > EXACT:
            self._begun = time.monotonic()
            faulthandler.dump_traceback_later(seconds + GRACE, exit=True)

    def end(self) -> None:
        """Watch no more."""
        faulthandler.cancel_dump_traceback_later()


def receive(stream: BinaryIO) -> Request | None:
    """The next message; None when there are no more, or none has come for long."""
    if not select.select([stream], [], [], IDLE)[0]:
        return None
    length = stream.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    message: Request = json.loads(stream.read(int.from_bytes(length, "little")))
    return message


def send(stream: BinaryIO, message: Request) -> None:
    """Write a message."""
    data = json.dumps(message).encode()
    stream.write(len(data).to_bytes(LENGTH_BYTES, "little") + data)
    stream.flush()


def _parts(request: Request) -> list[Request]:
    """A request for every file that is to be listed from the one on that comes first; any other request as it is."""
    if request["task"] != "list":
        return [request]
    return [request | {"path": path} for path in request["paths"][request["begin"] :]]


def _answer(request: Request, watch: Watch) -> Request:
    limits = ReadingLimits(**request["limits"])
    try:
        task = TASKS[request["task"]]
        library = LIBRARIES.get(request.get("format", ""))
        if library:
            importlib.import_module(library)
        watch.begin(limits.seconds)
        with _memory(limits.process_bytes):
            return {"result": task(request, limits)}
    except PerError as error:
        return {"error": "budget" if isinstance(error, BudgetError) else "invalid", "reason": as_json(error.phrase)}
    except MemoryError:
        return {"error": "memory", "reason": ""}
    except Exception as error:  # whatever one file does, the next one is read
        return {
            "error": "invalid",
            "reason": as_json(
                Phrase(N_("The file must be readable; it is not: {error!r:.300}. Write it again."), error=error)
            ),
        }


@contextlib.contextmanager
def _memory(size: int) -> Any:
    """Let this process take so many bytes on top of what it has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (address_space() + size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _format(request: Request) -> Any:
    if request["format"] not in LIBRARIES:
        raise ValueError(f"no format {request['format']!r}")
    return importlib.import_module(f"..formats.{request['format']}", __package__)


def _list(request: Request, limits: ReadingLimits) -> dict[str, Any]:
    """What is in a file, and the bytes on which that does not depend if its format tells them."""
    module, path = _format(request), Path(request["path"])
    if hasattr(module, "list_alike"):
        entries, free = module.list_alike(path, limits)
    else:
        entries, free = module.list_entries(path, limits), None
    return _listed(entries, free)


def _list_changed(request: Request, limits: ReadingLimits) -> dict[str, Any]:
    """What would be in a file, and be free in it, if its free bytes were others."""
    free = FreeBytes(tuple((int(begin), int(count)) for begin, count in request["free"]))
    return _listed(*_format(request).list_changed(Path(request["path"]), free, limits))


def _listed(entries: list[Entry], free: FreeBytes | None) -> dict[str, Any]:
    return {"entries": [as_values(entry) for entry in entries], "free": free and astuple(free)}


def _read(request: Request, limits: ReadingLimits) -> list[int]:
    """Write the pieces one after the other, never two of them in memory at once; where in the file each ends."""
    module, path, ends = _format(request), Path(request["path"]), []
    pieces = [(str(key), int(start), int(stop)) for key, start, stop in request["pieces"]]
    if hasattr(module, "read_pieces"):
        arrays = module.read_pieces(path, pieces, limits)
    else:
        arrays = (module.read_rows(path, key, start, stop, limits) for key, start, stop in pieces)
    with Path(request["out"]).open("wb") as file:
        for rows in arrays:
            np.save(file, rows, allow_pickle=False)
            ends.append(file.tell())
            if ends[-1] > 2 * limits.batch_bytes + len(ends) * LONGEST_HEADER:
                raise BudgetError(
                    N_("What is read at once may take {most} as stored; this is more. Ask for fewer rows."),
                    most=in_words(2 * limits.batch_bytes),
                )
    return ends


TASKS: dict[str, Callable[[Request, ReadingLimits], Any]] = {
    "list": _list,
    "list_changed": _list_changed,
    "read": _read,
}

if __name__ == "__main__":
    main()

"""The reading process: `python -m analysis.dumps.reader_worker`, started by `ReaderProcess` and by nobody else.

Requests and answers are JSON, each after its length in eight bytes; arrays go through a file. Nothing is pickled. What
libraries print goes to stderr, so that it cannot be taken for an answer.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import resource
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from analysis.dumps.limits import ReadingLimits
from analysis.process import address_space
from per_core.errors import BudgetError, PerError

LENGTH_BYTES = 8
GRACE = 10.0  # seconds that the other side has to end a request that takes too long, before this one does
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
        send(answers, _answer(request))


def receive(stream: BinaryIO) -> Request | None:
    """The next message; None when there are no more."""
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


def _answer(request: Request) -> Request:
    limits = ReadingLimits(**request["limits"])
    faulthandler.dump_traceback_later(limits.seconds + GRACE, exit=True)
    try:
        task = TASKS[request["task"]]
        library = LIBRARIES.get(request.get("format", ""))
        if library:
            importlib.import_module(library)
        with _memory(limits.process_bytes):
            return {"result": task(request, limits)}
    except PerError as error:
        return {"error": "budget" if isinstance(error, BudgetError) else "invalid", "reason": str(error)}
    except MemoryError:
        return {"error": "memory", "reason": ""}
    except Exception as error:  # whatever one file does, the next one is read
        return {"error": "invalid", "reason": f"The file must be readable; it is not: {error!r:.300}. Write it again."}
    finally:
        faulthandler.cancel_dump_traceback_later()


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
    return importlib.import_module(f"analysis.dumps.formats.{request['format']}")


def _list(request: Request, limits: ReadingLimits) -> list[dict[str, Any]]:
    return [asdict(entry) for entry in _format(request).list_entries(Path(request["path"]), limits)]


def _read(request: Request, limits: ReadingLimits) -> None:
    rows = _format(request).read_rows(Path(request["path"]), request["key"], request["start"], request["stop"], limits)
    np.save(request["out"], rows, allow_pickle=False)


TASKS: dict[str, Callable[[Request, ReadingLimits], Any]] = {"list": _list, "read": _read}

if __name__ == "__main__":
    main()

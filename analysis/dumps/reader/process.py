"""A process that opens files which a server should not: it may die of them, run out of memory or never come back."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from analysis.command_line import ROOT, module_command
from analysis.dumps.limits import ReadingLimits
from analysis.process import describe_exit
from analysis.waiting import TELL_SECONDS

LENGTH_BYTES = 8
LONGEST_ANSWER = 2**26
START_SECONDS = 120.0  # to start Python and import a library on a busy machine, on top of a request's own time
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # the others reserve much more address space than they use
    "HDF5_PLUGIN_PRELOAD": "::",  # no filter is loaded from a folder because a file asks for it
}

Message = dict[str, Any]


class ReaderProcess:
    """One reading process, started when it is first needed and again after it has died. For one thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._has_served = False
        self._formats: set[str] = set()

    @property
    def pid(self) -> int | None:
        """Number of the process; None while there is none."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def ask(
        self, request: Message, count: int, limits: ReadingLimits, tell: Callable[[], None] = lambda: None
    ) -> list[Message]:
        """What the process answers to a request, part by part; each part has the time and memory of the limits.

        A part that the process dies of is tried again in a new one, as what was read before may be to blame.

        Args:
            request: with its task, see `analysis.dumps.reader.worker`.
            count: how many parts it has: files that are listed, 1 of any other request.
            limits: of every part.
            tell: called again and again while nothing comes. If it raises, the process is ended.

        Returns:
            Of every part {"result": ...} or {"error": "memory", "time", "death", "budget" or "invalid", "reason": ...}.
        """
        answers: list[Message] = []
        while len(answers) < count:
            was_fresh = not self._has_served
            message = request | {"limits": asdict(limits), "begin": len(answers)}
            for answer in self._exchange(message, count - len(answers), limits, tell):
                is_lost = answer.get("error") in ("memory", "death")
                if is_lost:
                    self._end()
                if is_lost and not was_fresh:
                    break
                answers.append(answer)
                was_fresh = False
                if is_lost:
                    break
        return answers

    def close(self) -> None:
        """End the process; the next request starts another one."""
        self._end()

    def _exchange(
        self, message: Message, count: int, limits: ReadingLimits, tell: Callable[[], None]
    ) -> Iterator[Message]:
        """Answers to a request; after "time" or "death" there is no process and no other answer."""
        process = self._started()
        try:
            _send(process, json.dumps(message).encode())
            for _ in range(count):
                deadline = time.monotonic() + limits.seconds + self._start_seconds(message)
                length = int.from_bytes(_receive(process, LENGTH_BYTES, deadline, tell), "little")
                answer = _parsed(_receive(process, min(length, LONGEST_ANSWER), deadline, tell))
                self._has_served = True
                self._formats.add(message.get("format", ""))
                yield answer
        except TimeoutError:
            self._end()
            yield {"error": "time", "reason": ""}
        except EOFError:
            yield {"error": "death", "reason": describe_exit(self._end())}
        except BaseException:
            self._end()  # its answer would be taken for that to the next request
            raise

    def _start_seconds(self, message: Message) -> float:
        """What the process may take for its own start or that of a library."""
        return 0.0 if self._has_served and message.get("format", "") in self._formats else START_SECONDS

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                module_command("dumps.reader.worker"),
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
        self._formats = set()
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


def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(len(data).to_bytes(LENGTH_BYTES, "little") + data)
        process.stdin.flush()
    except OSError as error:
        raise EOFError from error


def _parsed(data: bytes) -> Message:
    """An answer; one that is none, or is cut because it is too long, is as good as a death."""
    try:
        answer: Message = json.loads(data)
    except ValueError as error:
        raise EOFError from error
    return answer


def _receive(process: subprocess.Popen[bytes], count: int, deadline: float, tell: Callable[[], None]) -> bytes:
    assert process.stdout is not None
    data = bytearray()
    while len(data) < count:
        left = deadline - time.monotonic()
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, min(left, TELL_SECONDS)))
        if ready:
            piece = os.read(process.stdout.fileno(), min(count - len(data), 2**16))
            if not piece:
                raise EOFError
            data += piece
        elif left <= 0:
            raise TimeoutError
        else:
            tell()
    return bytes(data)

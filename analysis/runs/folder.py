"""The folder of a comparison: what was asked for, how far it has come, and what is needed to go on.

    spec.json           the spec, as it was asked for
    comparison.json     the spec, and what became of it on this machine
    status.json         state, epoch, message
    runs/NAME/          one run directory for every method and seed, written by its Recorder
    checkpoint.pt       everything needed to go on after the last whole epoch
    lock                held by the process that trains
    reserve             room for the last status on a full disk, while it trains
    stop                a file that anyone puts there to stop the worker; it is removed when the worker has stopped
    output.log          what workers print
    title.txt           what somebody called it since

Every JSON file and the checkpoint are replaced as a whole: a reader never sees half of one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from analysis.checkpoint import CHECKPOINT
from analysis.command_line import command
from analysis.process import birth_of
from analysis.runs.remark import Remark
from per_core.errors import InvalidInputError
from per_core.recording.whole_file import told, write_whole
from per_core.text import N_

TrainingState = Literal["starting", "running", "finished", "stopped", "failed", "interrupted"]

SPEC, COMPARISON, STATUS, RUNS = "spec.json", "comparison.json", "status.json", "runs"  # joined here and nowhere else
LOCK, RESERVE, STOP = "lock", "reserve", "stop"
OUTPUT, TITLE = "output.log", "title.txt"
WHILE_IT_TRAINS = (LOCK, RESERVE, STOP)  # of no use to anybody else

LONGEST_TITLE = 120
VERSION = 1
RESERVED_BYTES = 1 << 14


@dataclass(frozen=True, slots=True)
class ComparisonFolder:
    """The folder at `path`, which need not exist yet."""

    path: Path

    @property
    def spec_file(self) -> Path:
        """What was asked for, before `comparison_file` says what became of it."""
        return self.path / SPEC

    @property
    def comparison_file(self) -> Path:
        """The spec, and what became of it."""
        return self.path / COMPARISON

    @property
    def status_file(self) -> Path:
        """State, epoch, message."""
        return self.path / STATUS

    @property
    def checkpoint_file(self) -> Path:
        """What is needed to go on, see `analysis.checkpoint`."""
        return self.path / CHECKPOINT

    @property
    def stop_file(self) -> Path:
        """The file that asks the worker to stop."""
        return self.path / STOP

    @property
    def reserve_file(self) -> Path:
        """The file that makes room when it goes."""
        return self.path / RESERVE

    @property
    def output_file(self) -> Path:
        """What workers print."""
        return self.path / OUTPUT

    @property
    def title_file(self) -> Path:
        """What somebody called it since."""
        return self.path / TITLE

    @property
    def title(self) -> str:
        """What somebody called it since, or nothing; as it was written."""
        try:
            return self.title_file.read_text(encoding="utf-8", errors="replace").strip()[:LONGEST_TITLE]
        except OSError:  # none, or none that can be read: the run has another
            return ""

    @property
    def exists(self) -> bool:
        """Whether a comparison was asked for here; False of a folder that may not be looked into."""
        return os.path.exists(self.status_file)  # Path.exists raises where a folder cannot be read

    @property
    def runs(self) -> Path:
        """The folder of all run directories."""
        return self.path / RUNS

    def run(self, name: str) -> Path:
        """The run directory of one method and seed."""
        return self.runs / name

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, and hold it: no other process trains in it meanwhile. It is free when this process ends.

        Raises:
            InvalidInputError: If another process trains in it.
            StorageError: If it cannot be made.
        """
        with told(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / LOCK).open("w")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InvalidInputError(
                    N_(
                        "Only one process may train in a folder; another one does in {path}. Wait for it, stop it, or"
                        " name another folder."
                    ),
                    path=self.path,
                ) from error
            yield

    def reserve(self) -> None:
        """Keep room for a last status. Random bytes, as some disks hardly store others."""
        write_whole(self.reserve_file, os.urandom(RESERVED_BYTES))

    def release_reserve(self) -> None:
        """Give the room back, if it was kept and can be."""
        with contextlib.suppress(OSError):
            self.reserve_file.unlink(missing_ok=True)

    def write_spec(self, values: Mapping[str, Any]) -> None:
        """Replace the spec."""
        _replace(self.spec_file, values)

    def write_comparison(self, values: Mapping[str, Any]) -> None:
        """Replace what became of it."""
        _replace(self.comparison_file, {"version": VERSION, **values})

    def read_comparison(self) -> dict[str, Any]:
        """What `write_comparison` wrote.

        Raises:
            InvalidInputError: If there is none, or it is of another version.
        """
        values = _read(self.comparison_file)
        if values.get("version") != VERSION:
            raise InvalidInputError(
                N_(
                    "{comparison_file} must be of version {known}; it is of {version!r}. Open it with the PERscope"
                    " that made it."
                ),
                comparison_file=self.comparison_file,
                known=VERSION,
                version=values.get("version"),
            )
        return values

    def write_status(
        self, state: TrainingState, *, epoch: int, epochs: int, remark: Remark | None = None, **more: Any
    ) -> None:
        """Replace the status; the process is this one, the time is now. The message is for people who read the file."""
        values: dict[str, Any] = {"state": state, "epoch": epoch, "epochs": epochs}
        values |= (
            {"message": "", "remark": None}
            if remark is None
            else {"message": remark.sentence(), "remark": remark.as_dict()}
        )
        process = {"pid": os.getpid(), "birth": birth_of(os.getpid())}
        _replace(self.status_file, {**values, **process, **more, "updated": now()})

    def read_status(self) -> dict[str, Any]:
        """What `write_status` wrote; `InvalidInputError` if there is none."""
        return _read(self.status_file)


def now() -> str:
    """The time, ISO 8601, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _replace(path: Path, values: Mapping[str, Any]) -> None:
    write_whole(path, json.dumps(values, indent=1).encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            N_("{path} is not a readable JSON file: {error}. Name a folder that `{command}` made."),
            path=path,
            error=error,
            command=command("train"),
        ) from error
    if not isinstance(values, dict):
        raise InvalidInputError(
            N_("{path} must hold a JSON object; it holds {values!r}. Name another folder."), path=path, values=values
        )
    return values

"""The files of a run directory by their names, for those who look for runs and do not read them: needs no torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

RUN, RECORDS, ARRAYS, MISSING, CLOSED = "run.json", "records.jsonl", "arrays", "missing.json", "closed"

Ending = Literal["finished", "interrupted"]
ENDINGS: tuple[Ending, ...] = ("finished", "interrupted")


def is_run(path: Path) -> bool:
    """Whether a Recorder wrote into a folder; False of one that may not be looked into."""
    return os.path.exists(header_file(path))  # Path.exists raises where a folder cannot be read


def is_closed(path: Path) -> bool:
    """Whether the Recorder that wrote a run was closed; False of one that was killed, or that nobody closed."""
    return (path / CLOSED).is_file()


def ending(path: Path) -> Ending | None:
    """How the training of a run ended; None of one that was not closed, or that an earlier version closed."""
    try:
        said = (path / CLOSED).read_bytes()[:16]
    except OSError:
        return None
    return next((one for one in ENDINGS if said == one.encode()), None)


def header_file(path: Path) -> Path:
    """The file of a run that is written once, when the run is created."""
    return path / RUN


def records_file(path: Path) -> Path:
    """The file of a run that grows with every record."""
    return path / RECORDS


def arrays_folder(path: Path) -> Path:
    """Where the arrays of a run's records are."""
    return path / ARRAYS

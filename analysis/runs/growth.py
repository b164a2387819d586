"""Whether a run directory may still grow: a Recorder that is never closed does not say when it has ended."""

from __future__ import annotations

from pathlib import Path

from analysis.runs.folder import ComparisonFolder
from analysis.runs.status import read_status
from per_core.errors import InvalidInputError
from per_core.recording.run_directory import Run, open_run
from per_core.recording.run_files import is_closed, records_file

LONGEST_WAIT = 86_400.0  # seconds from a record to the next that are waited for: epochs of large networks take hours
CLOCKS_DIFFER = 60.0  # seconds by which the clock of the machine that writes may be ahead


def may_grow(path: Path, now: float) -> bool:
    """Whether somebody may still add records to a run.

    A run of a comparison says so itself, and so does one whose Recorder was closed. Of any other the last record
    counts, by the time that is written in it: a copy or a clone has new files and old records. False if the run cannot
    be read.

    Args:
        path: the run directory.
        now: seconds since 1970.
    """
    try:
        said = _said_by_comparison(path)
        if said is not None:
            return said
        if is_closed(path) or not _is_recent(records_file(path).stat().st_mtime, now):  # without reading it
            return False
        return is_awaited(open_run(path), now)
    except (InvalidInputError, OSError):
        return False


def is_awaited(run: Run, now: float) -> bool:
    """The same of a run that was read.

    Raises:
        InvalidInputError: If it is of a comparison whose status is damaged.
    """
    said = _said_by_comparison(run.path)
    if said is not None:
        return said
    return not is_closed(run.path) and _is_recent(run.records[-1].time if run.records else run.created, now)


def _said_by_comparison(path: Path) -> bool | None:
    """Whether the comparison that a run is of is under way; None if it is of none."""
    comparison = ComparisonFolder(path.absolute().parent.parent)
    return read_status(comparison.path).is_live if comparison.status_file.is_file() else None


def _is_recent(time: float, now: float) -> bool:
    return -CLOCKS_DIFFER <= now - time <= LONGEST_WAIT

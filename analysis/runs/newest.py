"""The run below a folder that was written to last: the one that somebody who trains wants to look at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from analysis.runs.folder import ComparisonFolder
from per_core.recording.run_files import header_file, is_run, records_file

DEPTH = 3  # of folders in folders that are looked into


def newest_run(folder: Path) -> Path | None:
    """The comparison or run directory at or below a folder that was written to last; None if there is none.

    Folders in a run, those whose names begin with a dot, links, and what may not be read are passed over.
    """
    return max(_runs(folder, DEPTH), key=_written, default=None)


def _runs(folder: Path, depth: int) -> Iterator[Path]:
    if ComparisonFolder(folder).exists or is_run(folder):
        yield folder
    elif depth:
        try:
            inner = [
                Path(entry)
                for entry in os.scandir(folder)
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            ]
        except OSError:
            return
        for one in inner:
            yield from _runs(one, depth - 1)


def _written(run: Path) -> float:
    """When the files that say how far a run has come were changed last, seconds since 1970."""
    folder = ComparisonFolder(run)
    signs = (folder.spec_file, folder.status_file, header_file(run), records_file(run))
    times = []
    for file in signs:
        try:
            times.append(file.stat().st_mtime)
        except OSError:  # runs of one kind have no files of the other
            continue
    return max(times, default=0.0)

"""Run directories as dumps: every layer of every record is a member, and its values are the rows that were kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from analysis.dumps.entry import Entry
from per_core.errors import InvalidInputError
from per_core.recording.run_files import arrays_folder
from per_core.text import N_, Phrase, together

if TYPE_CHECKING:
    from per_core.recording.run_directory import Run

KEY = re.compile(r"record_(\d{1,9})/(.*)", re.DOTALL)


def list_entries(path: Path) -> list[Entry]:
    """Every layer of every record, from their summaries.

    Raises:
        InvalidInputError: If the run cannot be read or has no record yet.
    """
    run = _opened(path)
    entries = []
    for record in run.records:
        for layer, summary in record.layers.items():
            units = min(run.allowance.units, summary.d)
            shape = (summary.kept_rows, units)
            note: str = Phrase(
                N_("{kept_rows} of {n} rows, {units} of {d} units, as recorded"),
                kept_rows=summary.kept_rows,
                n=summary.n,
                units=units,
                d=summary.d,
            )
            if record.epoch in run.repeated:
                note = together(note, Phrase(N_("this epoch was recorded more than once, the last counts")))
            key = f"record_{record.index}/{layer}"
            stored = shape[0] * shape[1] * 4
            row = record.rows.get(layer)
            entries.append(Entry(key, shape, "float32", stored, note=note, layer=layer, epoch=record.epoch, row=row))
    if not entries:
        raise InvalidInputError(
            N_("A run must have a record; {name} has none yet. Wait for the first, or call record."), name=path.name
        )
    return entries


def read_rows(path: Path, key: str, start: int, stop: int) -> NDArray[Any]:
    """Rows start to stop − 1 of those that were kept of a layer."""
    found = KEY.fullmatch(key)
    if not found:
        raise InvalidInputError(
            N_("Members of a run are called record_<index>/<layer>; received {key!r}. Inspect it again."), key=key
        )
    run, index, layer = _opened(path), int(found[1]), found[2]
    return run.arrays(index, [layer])[layer].rows[start:stop]


def _opened(path: Path) -> Run:
    from per_core.recording.run_directory import open_run  # brings torch, for those who have a run

    arrays = arrays_folder(path)
    if arrays.is_symlink():
        raise InvalidInputError(
            N_("A run's arrays are in a folder of its own; {arrays} is a link. Copy the run."), arrays=arrays
        )
    try:
        return open_run(path)
    except InvalidInputError:
        raise
    except Exception as error:  # whatever a damaged file makes it raise
        raise InvalidInputError(
            N_("A run directory must be readable; {name} is not: {error!r:.200}. Record it again."),
            name=path.name,
            error=error,
        ) from error

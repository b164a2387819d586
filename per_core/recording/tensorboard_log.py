"""A run as TensorBoard's event files, written by torch's own writer."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from per_core.errors import InvalidInputError
from per_core.extra_package import needed
from per_core.recording.summary_table import encodable, refuse_within
from per_core.recording.whole_file import TEMPORARY, told
from per_core.text import N_, Phrase

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from per_core.recording.run_directory import Run

QUANTITIES = ("mean", "variance", "mean_square", "dead", "per", "sw1")
"""Of the summaries, those that are written as numbers."""

LARGEST = 1e19  # the writer's own bins end at 1e20
WIDE_BINS = 64  # of equal width, for values beyond them


def write_tensorboard(run: Run, folder: Path) -> Path:
    """Write one event file; errors as of `Run.to_tensorboard`.

    The step of an event is the epoch where all epochs are whole, otherwise the position among the records, and the
    scalar "epoch" says which epoch it is. Histograms are of the kept rows and units that are finite.
    """
    with needed("tensorboard", Phrase(N_("An event file of TensorBoard"))):
        from torch.utils.tensorboard import SummaryWriter

    refuse_within([run.path], folder)
    if not run.records:
        raise InvalidInputError(
            N_("Event files need a record; {path} has none yet. Wait for the first, and call refresh."), path=run.path
        )
    with told(folder):
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise InvalidInputError(
                N_("Event files are written into a new or an empty folder; {folder} is not. Name another one."),
                folder=folder,
            )
        place = folder.resolve()  # "." has a name, too
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_name(f"{place.name}{TEMPORARY}")
        try:
            with SummaryWriter(str(partial)) as writer:
                _write(run, writer)
            place.mkdir(exist_ok=True)  # one that is there stays, somebody may be in it
            for file in partial.iterdir():
                file.replace(place / file.name)
            partial.rmdir()
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return folder


def _write(run: Run, writer: SummaryWriter) -> None:
    are_steps = all(isinstance(record.epoch, int) for record in run.records)
    for place, record in enumerate(run.records):
        when: dict[str, Any] = {"global_step": record.epoch if are_steps else place, "walltime": record.time}
        if not are_steps:
            writer.add_scalar("epoch", record.epoch, **when)
        for name, value in record.scalars.items():
            writer.add_scalar(encodable(name), value, **when)
        for layer, kept in run.arrays(record.index).items():
            summary, tag = record.layers[layer], encodable(layer)
            for name in QUANTITIES:
                writer.add_scalar(f"{name}/{tag}", getattr(summary, name), **when)
            values = kept.rows[np.isfinite(kept.rows)].astype(np.float64)
            if len(values):
                bins = "tensorflow" if np.abs(values).max() < LARGEST else _wide_bins(values)
                writer.add_histogram(tag, values, bins=bins, **when)


def _wide_bins(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of bins of equal width from the least to the largest of the values; of one bin if they are all the same."""
    low, high = values.min(), values.max()
    return np.linspace(low, high, WIDE_BINS + 1) if low < high else np.array([low, np.nextafter(low, math.inf)])

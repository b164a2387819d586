"""How the layers of a run stand as of its last record: worst first, with their warnings, and how they came there.

Of every record the summaries are read, each once. The warnings need rows: those of the last record, and of the first
one of a layer in which it is not constant, since which it may have grown.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from analysis.batch import ActivationBatch
from analysis.one_thread import one_thread
from analysis.runs.comparison import Comparison, RunKey, open_comparison
from analysis.runs.growth import is_awaited
from analysis.runs.status import RunStatus
from analysis.statistics.null_band import expected_gaussian_w1
from analysis.survey.history import LayerHistory, layer_history
from analysis.survey.layer_reading import LayerReading, survey
from analysis.survey.warnings import LayerWarning, WarningKind, find_warnings
from per_core.errors import PerError
from per_core.recording.run_directory import Record, Run
from per_core.text import N_, Phrase

FAILED = ("failed", "interrupted")
NO_WARNING = (True, len(get_args(WarningKind)), 0.0)
PACE = 6  # records by which the time that is left is told


@dataclass(frozen=True, slots=True, eq=False)
class LayerStanding:
    """A layer as of the last record of its run.

    Attributes:
        key: label of the method and seed, see `Comparison.runs`.
        layer: its name.
        history: what was recorded of it.
        warnings: about the last record, severe ones first.
    """

    key: RunKey
    layer: str
    history: LayerHistory
    warnings: tuple[LayerWarning, ...]

    @property
    def sw1_in_bands(self) -> float:
        """SW1 of the last record over the mean of Gaussian batches of as many rows; NaN if it is not defined."""
        return float(self.history.sw1[-1]) / expected_gaussian_w1(self.history.n)

    @property
    def urgency(self) -> tuple[tuple[bool, int, float], float]:
        """Smaller for what deserves a look sooner: by the first of its warnings, then by distance; undefined is far."""
        distance = self.sw1_in_bands
        first = min((warning.urgency for warning in self.warnings), default=NO_WARNING)
        return first, -math.inf if math.isnan(distance) else -distance


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A comparison or a run directory as of the last record of each of its runs.

    Attributes:
        comparison: what was read.
        layers: of all its runs, worst first.
        of_runs: a warning about a run as a whole -> the names of the runs: their files are damaged, or their training
            has diverged.
        is_live: whether there may be more to come.
    """

    comparison: Comparison
    layers: tuple[LayerStanding, ...]
    of_runs: Mapping[str, LayerWarning]
    is_live: bool

    @property
    def status(self) -> RunStatus:
        """How far it has come."""
        return self.comparison.status

    @property
    def has_failed(self) -> bool:
        """Whether the training itself has ended before its time, other than on request."""
        return self.status.state in FAILED

    @property
    def epoch(self) -> float | None:
        """The last one of which there is a record; None if there is none yet."""
        return max((run.records[-1].epoch for run in self.comparison.runs.values() if run.records), default=None)

    @property
    def seconds(self) -> float:
        """From the beginning to the last record."""
        return max((run.records[-1].seconds for run in self.comparison.runs.values() if run.records), default=0.0)

    @property
    def written(self) -> float | None:
        """When the last record was made, seconds since 1970; None if there is none yet."""
        return max((run.records[-1].time for run in self.comparison.runs.values() if run.records), default=None)

    @property
    def seconds_left(self) -> float | None:
        """Until the last epoch, at the pace of the last records; None if nobody said how many epochs there are."""
        records = max((run.records for run in self.comparison.runs.values()), key=len, default=())[-PACE:]
        epochs = records[-1].epoch - records[0].epoch if records else 0
        if self.status.epochs is None or epochs <= 0:
            return None
        pace = max(0.0, records[-1].time - records[0].time) / epochs
        return pace * max(0.0, self.status.epochs - records[-1].epoch)

    @property
    def warnings(self) -> tuple[LayerWarning, ...]:
        """All of them, of runs and of layers."""
        return (*self.of_runs.values(), *(warning for layer in self.layers for warning in layer.warnings))

    @property
    def by_kind(self) -> Mapping[WarningKind, tuple[tuple[LayerStanding, LayerWarning], ...]]:
        """Kinds of warnings about layers -> those that have it, worst first; kinds with a severe one first."""
        found = [(warning.urgency, layer, warning) for layer in self.layers for warning in layer.warnings]
        kinds: dict[WarningKind, list[tuple[LayerStanding, LayerWarning]]] = {}
        for _, layer, warning in sorted(found, key=lambda one: (one[0], one[1].urgency)):
            kinds.setdefault(warning.kind, []).append((layer, warning))
        return {kind: tuple(some) for kind, some in kinds.items()}


class Follower:
    """Looks at a comparison or a run directory again and again, and reads of it only what is new.

    Args:
        path: the folder.

    Raises:
        InvalidInputError: From the construction and from `look`, see `open_comparison`.
    """

    def __init__(self, path: Path) -> None:
        self._comparison = open_comparison(path)
        self._judged: dict[RunKey, tuple[Run, tuple[LayerStanding, ...], LayerWarning | None]] = {}
        self._standing: Standing | None = None
        self._first: dict[tuple[Path, float, str], LayerReading] = {}

    @one_thread()  # matrices this small are slower on several threads, and what is watched has the processor
    def look(self) -> Standing:
        """How it stands now; the same object if nothing happened."""
        comparison = self._comparison.refresh()
        is_live = _is_live(comparison)
        known = self._standing
        if known is not None and known.comparison is comparison and known.is_live == is_live:
            return known
        self._comparison = comparison
        for key, run in comparison.runs.items():
            if run.records and (key not in self._judged or self._judged[key][0] is not run):
                self._judged[key] = (run, *self._judge(key, run))
        judged = [self._judged[key] for key in comparison.runs if key in self._judged]
        layers = sorted((layer for _, layers, _ in judged for layer in layers), key=lambda layer: layer.urgency)
        of_runs = {run.path.name: problem for run, _, problem in judged if problem is not None}
        of_runs |= {
            name: LayerWarning("unread", "severe", {"reason": why}) for name, why in comparison.problems.items()
        }
        for key, (epoch, reason) in comparison.diverged.items():
            said = Phrase(N_("training diverged in epoch {epoch}: {reason}"), epoch=epoch, reason=reason)
            of_runs[comparison.runs[key].path.name] = LayerWarning("NaN", "severe", {"reason": said})
        self._standing = Standing(comparison, tuple(layers), of_runs, is_live)
        return self._standing

    def _judge(self, key: RunKey, run: Run) -> tuple[tuple[LayerStanding, ...], LayerWarning | None]:
        """The layers of the last record, and what is wrong with its arrays."""
        last = run.records[-1]
        problem, found = None, {}
        try:
            first = self._first_readings(run)
            for layer, reading in _readings(run, last, last.layers).items():
                found[layer] = find_warnings(reading, (first[layer],) if layer in first else ())
        except PerError as error:
            problem = LayerWarning("unread", "severe", {"reason": error.phrase})
        layers = (LayerStanding(key, layer, layer_history(run, layer), found.get(layer, ())) for layer in last.layers)
        return tuple(layers), problem

    def _first_readings(self, run: Run) -> dict[str, LayerReading]:
        """Layers as they were when they were first seen to change, before the last record."""
        known = {layer: (run.path, run.created, layer) for layer in run.layers}
        missing = {layer for layer, name in known.items() if name not in self._first}
        for record in run.records[:-1]:
            some = [layer for layer in record.layers if layer in missing and record.layers[layer].variance > 0]
            if some:
                found = _readings(run, record, some)
                self._first |= {known[layer]: reading for layer, reading in found.items()}
                missing -= found.keys()
        return {layer: self._first[name] for layer, name in known.items() if name in self._first}


def _readings(run: Run, record: Record, layers: Collection[str]) -> dict[str, LayerReading]:
    """What the warnings look at of layers of a record.

    Raises:
        InvalidInputError: If its arrays are missing or damaged.
    """
    return {
        layer: survey(ActivationBatch(kept.rows, layer, layer=layer, epoch=record.epoch), measured=False)
        for layer, kept in run.arrays(record.index, layers).items()
    }


def _is_live(comparison: Comparison) -> bool:
    """Whether a process trains it, or a Recorder of somebody's own script may still write."""
    if comparison.status.state != "recorded":
        return comparison.status.is_live
    return any(is_awaited(run, time.time()) for run in comparison.runs.values())

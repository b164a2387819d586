"""A Recorder that a callback drives: made when the training begins, with one record after every so many epochs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from per_core.arguments import require_count
from per_core.recording.model_state import preserved_randomness
from per_core.recording.probe import on_device_of
from per_core.recording.recorder import Recorder
from per_core.recording.scalars import recorded_scalars
from per_core.text import N_, Phrase


def callback_of(framework: str) -> Phrase:
    """What needs the framework, where that cannot be imported: see `per_core.extra_package.needed`."""
    return Phrase(N_("The callback of {framework}"), framework=framework)


class EpochRecorder:
    """What the callbacks of all frameworks take and do.

    Epoch 0 is recorded before training, then every `every`-th epoch, and where the training ends within one. Numbers
    that the framework has logged are the scalars of the record, with the names that the dashboard knows, see
    `recorded_scalars`. The training ends with the same weights as without the callback, bit for bit. Rank 0 writes.

    A run whose training an exception has ended is closed as interrupted: at once where the framework says so, else
    when the callback is no longer used, or Python exits. A second training with one callback goes on with the run.

    Args:
        run_dir: the folder to write, see `Recorder`.
        inputs: the probe, as `Recorder.record` takes it, on any device. If None, what the model takes of one batch of
            the training data: the first samples in the data's own order, so that it is the same in every training. Pass
            a probe if the data set has a random generator of its own. With sample_every there is none, and no epoch 0.
        every: epochs from one record to the next.
        options: what else `Recorder` takes: layers, layout, title and so on. With resume=True a run in the folder goes
            on where the framework's checkpoint stands, and later records are dropped; without a run one begins. A
            later record of an epoch replaces the first, unless on_repeated_epoch says otherwise.

    Raises:
        InvalidInputError: `every` is no whole number of at least 1.
    """

    def __init__(self, run_dir: str | Path, inputs: object = None, *, every: int = 1, **options: Any) -> None:
        self._run_dir, self._every, self._options = run_dir, require_count(every, "every"), options
        self._inputs = inputs
        self._probe: object = None
        self._model: nn.Module | None = None
        self._recorder: Recorder | None = None
        self._interrupt: weakref.finalize[[], EpochRecorder] | None = None
        self._offset = self._reached = 0.0

    def begin(
        self,
        model: nn.Module,
        epoch: float,
        batch: Callable[[], object],
        description: Mapping[str, object] | None = None,
    ) -> None:
        """Record the model before it is trained.

        Args:
            model: as the framework calls it, or the module inside.
            epoch: as the framework counts, 0 unless it goes on from a checkpoint.
            batch: gives the inputs of one batch, and is called if no probe was given.
            description: of the model, beside what the `Recorder` and its caller say.

        Raises:
            InvalidInputError, StorageError, BudgetError: see `Recorder`.
        """
        if self._recorder is None or model is not self._model:
            goes_on = {"last_epoch": epoch} if self._options.get("resume") else {}
            options = {"on_repeated_epoch": "replace"} | goes_on | self._options
            options["description"] = {**(description or {}), **(self._options.get("description") or {})}
            self._recorder, self._model = Recorder(model, self._run_dir, **options), model
            if self._inputs is not None or "sample_every" not in self._options:
                with preserved_randomness():
                    self._probe = on_device_of(model, batch() if self._inputs is None else self._inputs)
        else:  # counted from 0 again
            self._offset = max(0.0, self._reached - epoch)
        if self._interrupt is not None:
            self._interrupt.detach()
        self._interrupt = weakref.finalize(self, self._recorder.close, interrupted=True)
        self._reached = epoch + self._offset
        last = self._recorder.last_epoch
        if self._probe is not None and (last is None or last < self._reached):
            self._recorder.record(self._reached, inputs=self._probe)

    def record(self, epoch: float, logged: Mapping[str, object]) -> None:
        """Record what an epoch has come to, once.

        Args:
            epoch: how many there were, as the framework counts.
            logged: name -> what the framework has logged of it; what is no number is left out.
        """
        now = epoch + self._offset
        if self._recorder is None or now <= self._reached:
            return
        self._reached = now
        if now % self._every == 0 or now % 1:
            self._recorder.record(now, inputs=self._probe, **recorded_scalars(logged))

    def end(self, *, interrupted: bool = False) -> None:
        """Close the run."""
        if self._recorder is not None and self._interrupt is not None:
            self._interrupt.detach()
            self._recorder.close(interrupted=interrupted)

    def __getstate__(self) -> dict[str, object]:
        """A copy, of an exported Learner for example, begins a run of its own."""
        return {**vars(self), "_recorder": None, "_model": None, "_probe": None, "_interrupt": None}

"""A callback of fastai: `Learner(..., cbs=Recording("runs/first"))`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from per_core.extra_package import needed
from per_core.recording.callbacks.epoch_recorder import EpochRecorder, callback_of
from per_core.recording.probe import first_samples

try:
    from fastai.callback.core import Callback
except ImportError:
    with needed("fastai", callback_of("fastai")):
        from fastai_minima.callback.core import Callback  # its training loop alone


class Recording(Callback):
    """Records the model; takes what `EpochRecorder` does. The search of a learning rate is not recorded.

    fastai says nothing of an exception: the run is closed as interrupted when the Learner is no longer used.
    """

    order = 65  # after fastai's own Recorder, which has the numbers of the epoch

    def __init__(self, run_dir: str | Path, inputs: object = None, *, every: int = 1, **options: Any) -> None:
        super().__init__()
        self.epochs = EpochRecorder(run_dir, inputs, every=every, **options)

    def before_fit(self) -> None:
        """Before training; fastai counts from 0 in every fit."""
        self.run = not hasattr(self.learn, "lr_finder") and not hasattr(self, "gather_preds")
        if self.run:
            self.epochs.begin(self.learn.model, 0, self._batch)

    def after_epoch(self) -> None:
        """Metrics without the name of a part are of the validation data."""
        recorder = getattr(self.learn, "recorder", None)
        logged = {} if recorder is None else dict(zip(recorder.metric_names, recorder.log, strict=False))
        is_said = ("train_", "valid_", "epoch")
        named = {name if name.startswith(is_said) else f"valid_{name}": value for name, value in logged.items()}
        self.epochs.record(self.learn.epoch + 1, named)

    def after_fit(self) -> None:
        """Close the run."""
        self.epochs.end()

    def _batch(self) -> object:
        """The inputs of the first samples, as the Learner splits a batch."""
        loader = self.learn.dls.train
        batch: Any = loader.new(shuffle=False).one_batch() if hasattr(loader, "one_batch") else first_samples(loader)
        inputs = batch[: getattr(self.learn.dls, "n_inp", max(1, len(batch) - 1))]
        return tuple(part.as_subclass(Tensor) if isinstance(part, Tensor) else part for part in inputs)

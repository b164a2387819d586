"""A callback of the Hugging Face Trainer: `Trainer(..., callbacks=[Recording("runs/first")])`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from per_core.extra_package import needed
from per_core.recording.callbacks.epoch_recorder import EpochRecorder, callback_of
from per_core.recording.probe import first_samples, inputs_among

with needed('"transformers[torch]"', callback_of("transformers")):
    from transformers import TrainerCallback

OF_SPEED = ("runtime", "_per_second", "flos")  # of what the Trainer logs


class Recording(TrainerCallback):
    """Records the model; takes what `EpochRecorder` does. A row of a layer is a token: layout="position".

    The Trainer says nothing of an exception: the run is closed as interrupted when the Trainer is no longer used.
    """

    def __init__(self, run_dir: str | Path, inputs: object = None, *, every: int = 1, **options: Any) -> None:
        self._epochs = EpochRecorder(run_dir, inputs, every=every, **({"layout": "position"} | options))
        self._logged: dict[str, object] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """Epoch 0, or that of the checkpoint."""
        model, loader = given["model"], given["train_dataloader"]
        self._epochs.begin(model, state.epoch or 0, lambda: inputs_among(first_samples(loader), model))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any, **given: Any) -> None:  # noqa: ARG002
        """Keep what is logged of an epoch; the Trainer's last words are of the whole training."""
        if "train_runtime" not in logs:
            self._logged |= {name: value for name, value in logs.items() if not name.endswith(OF_SPEED)}

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """Of the epoch before, which is evaluated after its end."""
        self._epochs.record(state.epoch or 0, self._logged)
        self._logged = {}

    def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Before the weights of the best epoch are put in place, which happens before the training ends."""
        if args.load_best_model_at_end and not control.should_evaluate:
            self.on_epoch_begin(args, state, control, **given)

    def on_evaluate(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """The same, if there is an evaluation to wait for."""
        if args.load_best_model_at_end and (state.epoch % 1 == 0 or control.should_training_stop):
            self.on_epoch_begin(args, state, control, **given)

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Of the last epoch."""
        self.on_epoch_begin(args, state, control, **given)
        self._epochs.end()

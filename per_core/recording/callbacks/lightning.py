"""A callback of PyTorch Lightning: `Trainer(callbacks=[Recording("runs/first")])`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn
from torch.utils._pytree import tree_leaves

from per_core.extra_package import needed
from per_core.recording.callbacks.epoch_recorder import EpochRecorder, callback_of
from per_core.recording.probe import first_samples, inputs_among

with needed("lightning", callback_of("PyTorch Lightning")):
    from lightning.pytorch.callbacks import Callback


class Recording(Callback):
    """Records the module, or its only part with parameters if it has no `forward`; takes what `EpochRecorder` does.

    The probe passes in the trainer's precision. A callback that exchanges the weights at the end stands after it.
    """

    def __init__(self, run_dir: str | Path, inputs: object = None, *, every: int = 1, **options: Any) -> None:
        self._epochs = EpochRecorder(run_dir, inputs, every=every, **options)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """After the sanity check of the validation."""
        parts = [part for part in pl_module.children() if any(True for _ in part.parameters())]
        is_written = type(pl_module).forward.__qualname__ != "LightningModule.forward"
        model: nn.Module = pl_module if is_written or len(parts) != 1 else parts[0]

        def batch() -> object:
            samples = trainer.strategy.batch_to_device(first_samples(tree_leaves(trainer.train_dataloader)[0]))
            return inputs_among(trainer.precision_plugin.convert_input(samples), model)

        with trainer.precision_plugin.forward_context():
            self._epochs.begin(model, trainer.current_epoch, batch)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Of the epoch before, at whose end the module logs after all callbacks."""
        logged = trainer.callback_metrics
        of_epoch = {name.removesuffix("_epoch"): logged[name] for name in logged if not name.endswith("_step")}
        with trainer.precision_plugin.forward_context():
            self._epochs.record(trainer.current_epoch, of_epoch)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Of the last epoch."""
        self.on_train_epoch_start(trainer, pl_module)
        self._epochs.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002
        """Close the run as interrupted."""
        self._epochs.end(interrupted=True)

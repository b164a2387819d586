"""A callback of Keras on torch: `model.fit(..., callbacks=[Recording("runs/first", inputs=probe)])`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from per_core.errors import InvalidInputError
from per_core.extra_package import needed
from per_core.recording.callbacks.epoch_recorder import EpochRecorder, callback_of
from per_core.text import N_

with needed("keras", callback_of("Keras on torch (KERAS_BACKEND=torch)")):
    import keras

    from per_core.recording.callbacks.keras_layers import KerasLayers


class Recording(keras.callbacks.Callback):
    """Records the model's layers; takes what `EpochRecorder` does, and inputs that `model(inputs)` would take.

    Keras says nothing of an exception: the run is closed as interrupted when the callback is no longer used.

    Raises:
        InvalidInputError: no inputs, as Keras shows a callback no data.
    """

    def __init__(self, run_dir: str | Path, inputs: object = None, *, every: int = 1, **options: Any) -> None:
        super().__init__()
        if inputs is None:
            raise InvalidInputError(
                N_("Keras shows a callback no data; received no inputs. Pass some hundred samples: inputs=x[:256].")
            )
        probe = keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)
        self._epochs = EpochRecorder(run_dir, (probe,), every=every, **options)
        self._layers: KerasLayers | None = None

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Which epoch it is says the first that begins."""
        self._is_begun = False
        if self._layers is None or self._layers.keras_model is not self.model:
            self._layers = KerasLayers(self.model)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Before training, if it is the first."""
        if self._layers is not None and not self._is_begun:
            self._epochs.begin(self._layers, epoch, tuple, self._layers.description)
            self._is_begun = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Validation included."""
        self._epochs.record(epoch + 1, logs or {})

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Close the run."""
        self._epochs.end()

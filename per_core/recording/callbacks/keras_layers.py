"""A Keras model on torch as the Recorder reads it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import keras
from torch import Tensor, nn

from per_core.errors import InvalidInputError
from per_core.recording.layer_selection import first_activations
from per_core.recording.model_state import preserved_state
from per_core.text import N_

PASSING_ON = (keras.layers.InputLayer, keras.layers.Dropout, keras.layers.Flatten, keras.layers.Identity)


class KerasLayers(nn.Module):
    """A Keras model with a part for each of its layers, "dense" or "block/dense", which returns what the layer does.

    The layers themselves are torch's modules too, but their names are not Keras's, and what they hold are no buffers.
    Layers that hand on what they were given have no part, and neither have the cells of recurrent layers. Channels of
    images come first in the parts, as torch has them.

    Args:
        model: built, of whichever kind.

    Raises:
        InvalidInputError: Keras computes with another backend than torch.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        if keras.backend.backend() != "torch":
            raise InvalidInputError(
                N_(
                    "Keras must compute with torch; its backend is {backend}. Set the environment variable"
                    " KERAS_BACKEND=torch before keras is imported."
                ),
                backend=keras.backend.backend(),
            )
        self._model = (model,)  # in a tuple, so that it is no part of this module
        self._layers: dict[Any, str] = {}
        for name, layer in _named_layers(model):
            if layer not in self._layers and not isinstance(layer, PASSING_ON):
                self._layers[layer] = name
                self.add_module(name, _Returned())

    @property
    def keras_model(self) -> Any:
        """The model itself."""
        return self._model[0]

    @property
    def description(self) -> dict[str, object]:
        """Of the Keras model, what the Recorder says of a model of torch's."""
        model = self.keras_model
        device = next((str(variable.value.device) for variable in model.variables), "cpu")
        return {"model": type(model).__name__, "parameters": model.count_params(), "device": device}

    def forward(self, *inputs: object) -> object:
        """What the model returns. Its state is afterwards what it was: modes, variables, seeds."""
        model = self.keras_model
        mode = {"training": self.training} if model._call_has_training_arg else {}
        state = [(variable, variable.value.clone()) for variable in model.non_trainable_variables]
        hooks = [
            layer.register_forward_hook(partial(_hand_on, self.get_submodule(name)))
            for layer, name in self._layers.items()
        ]
        try:
            with preserved_state(model, training=self.training):
                return model(*inputs, **mode)
        finally:
            for hook in hooks:
                hook.remove()
            for variable, value in state:
                variable.assign(value)


class _Returned(nn.Module):
    def forward(self, activations: Tensor) -> Tensor:
        return activations


def _named_layers(layer: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for part in layer._flatten_layers(include_self=False, recursive=False):
        name = prefix + part.name.replace(".", "_")
        yield name, part
        if not isinstance(part, keras.layers.RNN):
            yield from _named_layers(part, f"{name}/")


def _hand_on(returned: nn.Module, layer: Any, _inputs: object, output: object) -> None:
    activations = first_activations(output)
    if activations is not None:
        order = getattr(layer, "data_format", None) or keras.config.image_data_format()
        is_last = activations.ndim > 3 and order == "channels_last"
        returned(activations.movedim(-1, 1) if is_last else activations)

"""The probe: the fixed inputs that pass through a model at every record, refused where they cannot be meant so."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from per_core.errors import InvalidInputError
from per_core.recording.layer_selection import unwrapped
from per_core.text import N_, Phrase, together


def pass_through(model: nn.Module, probe: object) -> None:
    """Call the model with the probe: a tuple as positional arguments, a mapping as keywords, else as one argument."""
    arguments, keywords = _arguments(probe)
    try:
        model(*arguments, **keywords)
    except NotImplementedError as error:
        if "forward" in str(error):
            raise _no_forward(model) from error
        raise


def require_probe(model: nn.Module, probe: object) -> None:
    """Refuse what is no probe of this model.

    Raises:
        InvalidInputError: a list, a DataLoader or Dataset, a NumPy array, nothing, arguments that `forward` does not
            take, or a model without `forward`. The message holds the line to write instead.
    """
    if type(model).forward is nn.Module.forward:
        raise _no_forward(model)
    if isinstance(probe, torch.utils.data.DataLoader | torch.utils.data.Dataset | Iterator):
        raise InvalidInputError(
            N_(
                "inputs must be one fixed batch of the model's inputs; received a {kind}. Take a batch once, before"
                " training: probe = {batch}[0], if a batch is a pair of inputs and labels."
            ),
            kind=type(probe).__name__,
            batch=_first_batch(probe),
        )
    if isinstance(probe, list | tuple | Mapping) and not probe:
        raise InvalidInputError(
            N_(
                "inputs must hold at least one sample; received an empty {kind}. Pass some hundred samples,"
                " inputs=images[:256] for example."
            ),
            kind=type(probe).__name__,
        )
    if isinstance(probe, list):
        parts = ", ".join(_kind(part) for part in probe[:4]) + (", …" if len(probe) > 4 else "")
        raise InvalidInputError(
            N_(
                "inputs must be a tensor, a tuple of positional arguments or a mapping of keyword arguments; received"
                " a list of {count}: {parts}. A batch of a DataLoader is inputs and labels: pass inputs=batch[0]. For"
                " a list of samples pass inputs=torch.stack(samples)."
            ),
            count=len(probe),
            parts=parts,
        )
    arguments, keywords = _arguments(probe)
    _require_binding(model, arguments, keywords)
    for part in (*arguments, *keywords.values()):
        if isinstance(part, np.ndarray):
            raise InvalidInputError(
                N_(
                    "inputs must be tensors; received a NumPy array of shape {shape} and type {dtype}. Convert it on"
                    " the model's device: torch.from_numpy(probe).float()."
                ),
                shape=part.shape,
                dtype=part.dtype,
            )
        if isinstance(part, Tensor) and part.numel() == 0:
            raise InvalidInputError(
                N_(
                    "inputs must hold at least one sample; received a tensor of shape {shape}. Pass some hundred"
                    " samples, inputs=images[:256] for example."
                ),
                shape=tuple(part.shape),
            )


def first_samples(loader: Any) -> object:
    """One batch of a DataLoader: the first samples of its data set in the data set's own order.

    No iterator of the loader is begun, so a training that uses it does not notice but for the random states of torch,
    NumPy and Python, if the data set draws from them.

    Raises:
        InvalidInputError: the loader has no data set that gives samples by their number.
    """
    dataset: Any = getattr(loader, "dataset", None)
    collate: Any = getattr(loader, "collate_fn", None)
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") and callable(collate)):
        raise InvalidInputError(
            N_(
                "Without inputs the probe is taken from a data set that has a length and gives samples by their"
                " number; received {kind}. Pass a fixed batch of the model's inputs: inputs=probe."
            ),
            kind=type(loader if dataset is None else dataset).__name__,
        )
    collate = collate if inspect.isroutine(collate) else copy.deepcopy(collate)  # it may keep a random generator
    size = getattr(getattr(loader, "batch_sampler", None), "batch_size", None) or getattr(loader, "batch_size", None)
    return collate([dataset[index] for index in range(min(len(dataset), size or 1))])


def inputs_among(batch: object, model: nn.Module) -> object:
    """What `forward` takes of a batch: of a sequence the first parts, as many as it needs; of a mapping those it names.

    A mapping of which it names none, and whatever else a batch may be, is its one argument.
    """
    parameters = inspect.signature(unwrapped(model).forward).parameters.values()
    if isinstance(batch, Mapping):
        named = {one.name: batch[one.name] for one in parameters if one.name in batch}
        return named or (batch,)
    if not isinstance(batch, tuple | list):
        return (batch,)
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = sum(one.kind in positional and one.default is inspect.Parameter.empty for one in parameters)
    return tuple(batch[: max(1, needed)])


def on_device_of(model: nn.Module, probe: Any) -> Any:
    """The tensors of a probe where the parameters of the model are."""
    first = next(model.parameters(), None)
    return probe if first is None else _on_device(probe, first.device)


def _on_device(part: Any, device: torch.device) -> Any:
    if isinstance(part, Tensor):
        return part.to(device)
    if isinstance(part, Mapping):
        return {name: _on_device(value, device) for name, value in part.items()}
    if type(part) in (tuple, list):
        return type(part)(_on_device(value, device) for value in part)
    return part


def _first_batch(batches: object) -> str:
    if isinstance(batches, Iterator):
        return "next(batches)"
    is_loader = isinstance(batches, torch.utils.data.DataLoader)
    return f"next(iter({'loader' if is_loader else 'DataLoader(dataset, batch_size=256)'}))"


def _arguments(probe: object) -> tuple[tuple[object, ...], Mapping[str, object]]:
    if isinstance(probe, tuple):
        return probe, {}
    if isinstance(probe, Mapping):
        return (), probe
    return (probe,), {}


def _require_binding(model: nn.Module, arguments: tuple[object, ...], keywords: Mapping[str, object]) -> None:
    try:
        signature = inspect.signature(model.forward)
    except (TypeError, ValueError):  # not a Python function
        return
    try:
        signature.bind(*arguments, **keywords)
    except TypeError as error:
        if keywords:
            taken = [name for name in signature.parameters if name in keywords]
            advice = Phrase(
                N_("Pass what forward takes: inputs={{name: probe[name] for name in {taken}}}."), taken=taken
            )
            if not taken:
                advice = Phrase(
                    N_("If forward takes the mapping itself, pass it as the one argument: inputs=(probe,).")
                )
        else:
            advice = Phrase(N_("A batch of a DataLoader is inputs and labels: pass inputs=batch[0]."))
        raise InvalidInputError(
            N_("inputs must be what forward of {model} takes, {signature}; received {inputs}: {error}. {advice}"),
            model=type(model).__name__,
            signature=signature,
            inputs=together(*map(_kind, arguments), by=", ") or ", ".join(map(str, keywords)),
            error=error,
            advice=advice,
        ) from error


def _no_forward(model: nn.Module) -> InvalidInputError:
    inside = next((name for name, _ in model.named_children()), "net")
    return InvalidInputError(
        N_(
            "The model must have a forward method for the probe; {model} has none, as a LightningModule often has"
            " not. Record the network inside, Recorder(model.{inside}, ...), or write forward."
        ),
        model=type(model).__name__,
        inside=inside,
    )


def _kind(part: object) -> str:
    if isinstance(part, Tensor):
        return Phrase(N_("a tensor of shape {shape}"), shape=tuple(part.shape))
    return type(part).__name__

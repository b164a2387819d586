"""The state of a model and of randomness, kept while something passes through the model."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn


@contextmanager
def preserved_state(model: nn.Module, *, training: bool) -> Iterator[None]:
    """Put every submodule into one mode, and restore afterwards everything that a forward pass may change.

    Restored exactly, also after an exception: the training flag of every submodule, the buffers (running statistics),
    the random states of torch on the CPU and on every CUDA device, of NumPy and of Python. Flags are set one by one,
    because a model may have given `train` a meaning of its own.
    """
    flags = [(module, module.training) for module in model.modules()]
    with ExitStack() as stack:
        for restore in (_random_state(), _buffers(model)):
            stack.callback(restore)
        try:
            for module, _ in flags:
                module.training = training
            yield
        finally:
            for module, flag in flags:
                module.training = flag


@contextmanager
def preserved_randomness() -> Iterator[None]:
    """Restore afterwards the random states of torch, on the CPU and on every CUDA device, of NumPy and of Python."""
    restore = _random_state()
    try:
        yield
    finally:
        restore()


@contextmanager
def modules_as_written() -> Iterator[None]:
    """Make every module call its submodules: no compiled code, and no fused kernel instead of a transformer's layers.

    Fused, a transformer in evaluation mode calls no hooks, and with a padding mask it hands on nested tensors.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with _eager_modules():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def _eager_modules() -> AbstractContextManager[object]:
    """Make whatever torch.compile compiled run as written."""
    if "torch._dynamo" not in sys.modules:  # nothing was ever compiled
        return nullcontext()
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def _random_state() -> Callable[[], None]:
    """A function that restores the random states of this moment."""
    cpu, from_numpy, from_python = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]

    def restore() -> None:
        torch.set_rng_state(cpu)
        np.random.set_state(from_numpy)  # noqa: NPY002
        random.setstate(from_python)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)

    return restore


def _buffers(model: nn.Module) -> Callable[[], None]:
    """A function that restores the buffers of this moment: the same tensors with the same values."""
    values = [(buffer, buffer.clone()) for buffer in model.buffers()]
    owners: list[tuple[dict[str, Tensor | None], dict[str, Tensor | None]]] = [
        (module._buffers, dict(module._buffers))
        for module in model.modules()
        if not isinstance(module, torch.jit.ScriptModule)
    ]

    def restore() -> None:
        for held, before in owners:
            held.clear()
            held.update(before)
        for buffer, value in values:
            buffer.data.copy_(value)  # by .data, so that a backward pass that waits for this buffer is not refused

    return restore

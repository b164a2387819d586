"""Recurrent layers: which modules these are, and the time steps of what they return.

A row of a recurrent layer is one time step of one sequence. A cell that is called in a loop makes one step a call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

RECURRENT_NAME = re.compile(r"(LSTM|GRU|RNN)(Cell)?$")
MANY_WORDS = 1000


def is_recurrent(module: nn.Module) -> bool:
    """Whether it is one of torch's recurrent modules or cells, or of a class whose name ends as theirs do."""
    return isinstance(module, nn.RNNBase | nn.RNNCellBase) or bool(RECURRENT_NAME.search(type(module).__name__))


def is_cell(module: nn.Module) -> bool:
    """Whether every call of it is a time step."""
    return isinstance(module, nn.RNNCellBase) or (is_recurrent(module) and type(module).__name__.endswith("Cell"))


def sequence_layers(model: nn.Module, layers: Mapping[str, nn.Module]) -> dict[str, bool]:
    """Layers whose outputs of three dimensions are sequences -> whether time comes before the samples.

    In a model with recurrent modules these are all layers; where it convolves as well, outputs may have channels in the
    middle, and only the recurrent modules and what is in them count. Time is where the module says, `batch_first`;
    where it does not say, as in the recurrent module around it, else as in the model's first one.
    """
    recurrent = [module for module in model.modules() if is_recurrent(module)]
    inside = {part: whole for whole in reversed(recurrent) for part in whole.modules()}
    others = [module for module in model.modules() if module not in inside]
    convolves = any(isinstance(module, nn.modules.conv._ConvNd) for module in others)
    of_model = next((_time_first(module) for module in recurrent if hasattr(module, "batch_first")), False)
    return {
        name: next((_time_first(one) for one in (module, inside.get(module)) if hasattr(one, "batch_first")), of_model)
        for name, module in layers.items()
        if recurrent and (module in inside or not convolves)
    }


def looped_layers(model: nn.Module, layers: Mapping[str, nn.Module]) -> frozenset[str]:
    """Layers that may be called once a time step: cells, and what is in recurrent modules."""
    inner = {
        part
        for module in model.modules()
        if is_recurrent(module)
        for part in module.modules()
        if is_cell(module) or part is not module
    }
    return frozenset(name for name, module in layers.items() if module in inner)


def decoders(model: nn.Module) -> set[nn.Module]:
    """What scores the words of a large vocabulary that a recurrent model embeds: one parameter or more a word."""
    modules = list(model.modules())
    if not any(map(is_recurrent, modules)):
        return set()
    embeddings = {module for module in modules if isinstance(module, nn.Embedding | nn.EmbeddingBag)}
    words = {module.num_embeddings for module in embeddings if module.num_embeddings >= MANY_WORDS}
    return {
        module
        for module in modules
        if module not in embeddings
        and not is_recurrent(module)
        and any(len(one) in words for one in module.parameters(recurse=False) if one.ndim)
    }


class Sequences(NamedTuple):
    """Activations of n sequences, one row a time step.

    Attributes:
        rows: (m, d), in the order in which they lie in memory.
        step: (m,), which step of its sequence a row is, from 0.
        sequence: (m,), which sequence it is of, in the order of the batch.
        lengths: (n,), how many steps each sequence has.
    """

    rows: Tensor
    step: Tensor
    sequence: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, output: Tensor | PackedSequence, *, time_first: bool) -> Sequences:
        """Of (n, t, d), or (t, n, d) with `time_first`; of (t, d), which is one sequence; or packed."""
        if isinstance(output, PackedSequence):
            return cls._of_steps(output.data.detach(), output.batch_sizes, output.sorted_indices)
        if output.ndim == 2:
            output, time_first = output[None], False
        t, n = output.shape[:2] if time_first else output.shape[1::-1]
        step, sequence = torch.arange(t), torch.arange(n)
        step, sequence = (step[:, None], sequence) if time_first else (step, sequence[:, None])
        size = output.shape[:2]
        return cls(
            output.flatten(0, 1), step.expand(size).flatten(), sequence.expand(size).flatten(), torch.full((n,), t)
        )

    @classmethod
    def of_calls(cls, outputs: Sequence[Tensor]) -> Sequences:
        """Of the outputs (n, d) of all time steps."""
        return cls._of_steps(torch.cat(list(outputs)), torch.tensor([len(output) for output in outputs]))

    @classmethod
    def _of_steps(cls, rows: Tensor, sizes: Tensor, order: Tensor | None = None) -> Sequences:
        """Of the rows (m, d) of all steps; sizes (t,) says how many sequences there are at each, the longest first.

        `order` says which sequences of the batch these are; None if they are in its order.
        """
        order = torch.arange(int(sizes.max())) if order is None else order.cpu()
        step = torch.arange(len(sizes)).repeat_interleave(sizes)
        sequence = torch.cat([order[:size] for size in sizes.tolist()])
        return cls(rows, step, sequence, torch.bincount(sequence))

    @property
    def longest(self) -> int:
        """Steps of the longest sequence."""
        return int(self.lengths.max())

    @property
    def alike(self) -> bool:
        """Whether all sequences are as long."""
        return bool((self.lengths == self.longest).all())

    def at(self, step: int) -> Tensor:
        """Rows of one step, (k, d), by sequence; a negative one counts from its end. Shorter sequences have none."""
        wanted = step if step >= 0 else self.lengths[self.sequence] + step
        found = (self.step == wanted).nonzero().squeeze(1)
        found = found[self.sequence[found].argsort()]
        return self.rows[found.to(self.rows.device)]


def _time_first(module: nn.Module | None) -> bool:
    return getattr(module, "batch_first", True) is False

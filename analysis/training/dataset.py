"""What networks learn: a training part, a test part, and perhaps one for validation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal, Self, get_args

import torch
from torch import Tensor

from analysis.training.models import Shape

PROBE_SEED = 0
EVALUATION = 1000  # samples at a time

Batch = tuple[Tensor, Tensor]  # inputs as a network takes them, and the labels (m,) of its logits (m, classes)
Part = Literal["validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, eq=False)
class DataSet(ABC):
    """What is learnt: a training part, a test part, and perhaps a validation part to choose settings by.

    Attributes:
        title: what a person reads.
        classes: number of different labels.
        shape: of one input, without the axis of samples: (64,), (3, 32, 32).
        samples: inputs of the training part.
        device: where the tensors are.
    """

    title: str
    classes: int

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """See the class."""

    @property
    @abstractmethod
    def samples(self) -> int:
        """See the class."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """See the class."""

    def to(self, device: torch.device) -> Self:
        """A copy with all tensors on a device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        tensors = {name: value.to(device) for name, value in values.items() if torch.is_tensor(value)}
        return replace(self, **tensors)  # type: ignore[arg-type]

    @abstractmethod
    def batches(self, size: int, seed: int) -> Iterator[Batch]:
        """The training part once, in whole batches of `size` inputs; if their order varies, it follows from `seed`."""

    @abstractmethod
    def has(self, part: Part) -> bool:
        """Whether it has this part: of validation, not every one has."""

    @abstractmethod
    def held_out(self, part: Part) -> Iterator[Batch]:
        """A part that is not learnt, for a score."""

    @abstractmethod
    def probe(self, size: int) -> Batch:
        """Inputs of the training part that are recorded, the same ones at all times."""


@dataclass(frozen=True, eq=False)
class Samples(DataSet):
    """Samples that are independent of each other, each with a label.

    Attributes:
        training_inputs, test_inputs: (n, *shape), stored as uint8 or float32 and given to a network by `scaled`.
        training_labels, test_labels: (n,), int64, 0 to classes - 1.
        shift, scale: of the training inputs, one for every channel of an image or one for all; float32.
        validation_inputs, validation_labels: held out from training, as those for testing; none if None.
    """

    training_inputs: Tensor
    training_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    shift: Tensor
    scale: Tensor
    validation_inputs: Tensor | None = None
    validation_labels: Tensor | None = None

    @property
    def shape(self) -> Shape:
        """The shape of one input."""
        return tuple(self.training_inputs.shape[1:])

    @property
    def samples(self) -> int:
        """Number of training samples."""
        return len(self.training_labels)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.shift.device

    def scaled(self, inputs: Tensor) -> Tensor:
        """Inputs as a network takes them: of the scale's dtype, those for training with mean 0 and variance 1."""
        return (inputs.to(self.scale.dtype) - self.shift) / self.scale

    def batches(self, size: int, seed: int) -> Iterator[Batch]:
        """In an order drawn from the seed; what is left over for less than a batch is left out."""
        order = torch.randperm(self.samples, generator=torch.Generator().manual_seed(seed))
        for batch in order[: self.samples - self.samples % size].view(-1, size).to(self.device):
            yield self.scaled(self.training_inputs[batch]), self.training_labels[batch]

    def has(self, part: Part) -> bool:
        """Whether it has this part: samples for validation may not have been held out."""
        return part == "test" or self.validation_labels is not None

    def held_out(self, part: Part) -> Iterator[Batch]:
        """So many samples at a time as a network passes at once."""
        inputs, labels = getattr(self, f"{part}_inputs"), getattr(self, f"{part}_labels")
        for some, theirs in zip(torch.split(inputs, EVALUATION), torch.split(labels, EVALUATION), strict=True):
            yield self.scaled(some), theirs

    def probe(self, size: int) -> Batch:
        """So many training samples, all if there are fewer."""
        order = torch.randperm(self.samples, generator=torch.Generator().manual_seed(PROBE_SEED))
        chosen = order[:size].to(self.device)
        return self.scaled(self.training_inputs[chosen]), self.training_labels[chosen]

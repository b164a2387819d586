"""What networks learn: samples that each have a label, or a text whose next word is to be told."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Self, get_args

import torch
from torch import Tensor

from analysis.runs.spec import Part
from analysis.training.models import Shape

PROBE_SEED = 0
EVALUATION = 1000  # samples at a time
STRETCHES = 20  # of a text that is evaluated, side by side
FEWEST_WORDS = 2 * STRETCHES  # of such a text, so that in each a word follows another

Batch = tuple[Tensor, Tensor]  # inputs as a network takes them, and the labels (m,) of its logits (m, classes)
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


@dataclass(frozen=True, eq=False)
class Text(DataSet):
    """Words one after the other, each to be told from those before it.

    A batch is of consecutive pieces of as many stretches of the text as it has sequences, so that what a network
    remembers of one batch belongs to the next.

    Attributes:
        training, validation, test: (words,), int64, numbers of words in a vocabulary of `classes`.
        length: words of a sequence.
    """

    training: Tensor
    validation: Tensor
    test: Tensor
    length: int

    @property
    def shape(self) -> Shape:
        """A sequence of so many words."""
        return (self.length,)

    @property
    def samples(self) -> int:
        """Sequences of the training part, each with the word that follows it."""
        return sequences(len(self.training), self.length)

    @property
    def device(self) -> torch.device:
        """Where the words are."""
        return self.training.device

    def batches(self, size: int, seed: int) -> Iterator[Batch]:
        """The pieces in the order of the text; where the first begins follows from the seed.

        So an epoch cuts the text elsewhere than the one before. The last pieces are left out if they are shorter.
        """
        generator = torch.Generator().manual_seed(seed)
        spare = len(self.training) - size * (self.length + 1)
        first = int(torch.randint(min(self.length, spare) + 1, (1,), generator=generator))
        for words, following in self._pieces(self.training[first:], size):
            if words.shape[1] == self.length:
                yield words, following

    def has(self, part: Part) -> bool:
        """Whether it has this part, as every text has."""
        return len(getattr(self, part)) > 0

    def held_out(self, part: Part) -> Iterator[Batch]:
        """All words that follow another in one of 20 stretches of one length; up to 19 words are left over."""
        return self._pieces(getattr(self, part), STRETCHES)

    def probe(self, size: int) -> Batch:
        """Sequences from all over the text, as many as have so many words together."""
        count = probe_sequences(size, self.samples, self.length)
        starts = torch.arange(count, device=self.device) * (self.samples // count) * (self.length + 1)
        places = starts[:, None] + torch.arange(self.length, device=self.device)  # (n, t)
        return self.training[places], self.training[places + 1].flatten()

    def _pieces(self, words: Tensor, stretches: int) -> Iterator[Batch]:
        whole = len(words) // stretches * stretches
        columns = words[:whole].view(stretches, -1)
        for start in range(0, columns.shape[1] - 1, self.length):
            piece = columns[:, start : start + self.length + 1]
            yield piece[:, :-1], piece[:, 1:].flatten()


def sequences(words: int, length: int) -> int:
    """How many sequences of a length so many words have, each with the word that follows it."""
    return words // (length + 1)


def probe_sequences(words: int, samples: int, length: int) -> int:
    """How many of so many sequences of a length are recorded where so many words are to be."""
    return min(samples, math.ceil(words / length))

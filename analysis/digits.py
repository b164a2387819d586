"""A deep ELU network that learns digits: the maker of the recording that ships with the dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.one_thread import one_thread
from analysis.runs.spec import ModelSpec
from analysis.training.models import MLP_UNITS, initialise, outline
from per_core.errors import InvalidInputError

EPOCHS = (0, 1, 2, 5, 10, 20, 50, 100)
LAYERS = ("layer 2", "layer 6", "layer 9")  # early, middle, late: those of the authors' Figure 2
HIDDEN_LAYERS, WIDTH = 10, 32
PRECISION = torch.float64  # rounding differs between processors, and training amplifies it
TRAINING_IMAGES, SPLIT_SEED = 1297, 0
BATCH_SIZE, LEARNING_RATE, MOMENTUM = 64, 0.01, 0.9

NETWORK = (
    f"Fully connected, {HIDDEN_LAYERS} hidden layers of {WIDTH} ELU units, He initialisation, "
    f"no normalisation; SGD, batches of {BATCH_SIZE}, learning rate {LEARNING_RATE}, momentum {MOMENTUM}"
)
DATA = (
    "scikit-learn's handwritten digits (8 x 8 pixels, 10 classes), 1297 images for training; "
    "the activations and the accuracy are those of the other 500"
)


@dataclass(frozen=True, slots=True, eq=False)
class Digits:
    """Images, float64 (n, 64), and their labels (n,), 0 to 9.

    All training pixels together have mean 0 and variance 1. The network learns from the 1297
    training images; it is looked at and tested on the 500 probe images.
    """

    training_images: Tensor
    training_labels: Tensor
    probe_images: Tensor
    probe_labels: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What the probe images do in the network after some epochs of training.

    Attributes:
        epoch: passes over the training images so far; 0 is before training.
        accuracy: share of probe images classified correctly, 0 to 1.
        activations: layer name -> array float32 (500, 32), the outputs of the ELU, each ≥ −1.
    """

    epoch: int
    accuracy: float
    activations: dict[str, NDArray[np.float32]]


def load() -> Digits:
    """Return scikit-learn's digits, always split in the same way."""
    from sklearn.datasets import load_digits  # a second to import, and other data sets do without

    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    training, probe = np.split(order, [TRAINING_IMAGES])
    scaled = (pixels - pixels[training].mean()) / pixels[training].std()
    images, classes = torch.tensor(scaled, dtype=PRECISION), torch.tensor(labels)
    return Digits(images[training], classes[training], images[probe], classes[probe])


def train(epochs: Sequence[int] = EPOCHS, *, seed: int = 0) -> Iterator[Snapshot]:
    """Train the network and yield a snapshot before training (epoch 0) and after each of the chosen epochs.

    The seed decides the initial weights and the order of the images; the global random state is neither
    read nor changed. A seed gives the same bits on one machine; on others rounding may grow apart.

    Args:
        epochs: which to yield, each ≥ 0, in any order; training ends at the largest.
        seed: 0 ≤ seed < 2^63.

    Raises:
        InvalidInputError: If no epoch is given, one is negative, or the seed is out of range.
    """
    if not epochs or min(epochs) < 0:
        raise InvalidInputError(
            f"A recording needs at least one epoch, each 0 or larger; received {list(epochs)}. "
            "Name at least 0, which is before training."
        )
    if not 0 <= seed < 2**63:
        raise InvalidInputError(f"The seed must be at least 0 and below 2^63; received {seed}.")
    return _snapshots(set(epochs), torch.Generator().manual_seed(seed))


def _snapshots(epochs: set[int], generator: torch.Generator) -> Iterator[Snapshot]:
    digits = load()
    network = _network(generator)
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    for epoch in range(max(epochs) + 1):
        if epoch > 0:
            _learn(network, optimizer, digits, generator)
        if epoch in epochs:
            yield _look(network, digits, epoch)


# Matrices this small are slower on several threads, a hundred times so where the cores are busy.
@one_thread()
def _learn(network: nn.Module, optimizer: torch.optim.Optimizer, digits: Digits, generator: torch.Generator) -> None:
    network.train()
    order = torch.randperm(len(digits.training_labels), generator=generator)
    for start in range(0, len(order), BATCH_SIZE):
        batch = order[start : start + BATCH_SIZE]
        loss = nn.functional.cross_entropy(network(digits.training_images[batch]), digits.training_labels[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _network(generator: torch.Generator) -> nn.Module:
    network = outline(ModelSpec("mlp", depth=HIDDEN_LAYERS, dropout=0), (64,), 10, width=WIDTH / MLP_UNITS)
    initialise(network.to(PRECISION), generator)
    return network


@one_thread()
@torch.no_grad()
def _look(network: nn.Module, digits: Digits, epoch: int) -> Snapshot:
    network.eval()
    activations = {}
    values = digits.probe_images
    for name, layer in network.named_children():
        values = layer(values)
        if name in LAYERS:
            activations[name] = values.float().numpy()
    accuracy = (values.argmax(dim=1) == digits.probe_labels).double().mean().item()
    return Snapshot(epoch, accuracy, activations)

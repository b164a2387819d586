"""How much memory training takes, estimated before it starts, and what would fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from analysis.runs.spec import TrainingSpec
from analysis.training.models import Shape, outline, pass_nothing
from per_core.text import N_, Phrase

FLOAT = 4
COPIES_OF_WEIGHTS = 5  # weights, gradients, momentum; weights and momentum that wait to be written
COPIES_OF_ACTIVATIONS = 2  # kept for the backward pass, and their gradients
HALVINGS = 12  # of the range of widths in which the one that fits lies


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of training a comparison: all networks stay in memory, one of them learns a batch at a time.

    Attributes:
        networks: weights, gradients and momentum of all networks, and the copies for a checkpoint.
        sample: what one sample of a batch takes while it passes.
    """

    networks: int
    sample: int

    def total(self, batch_size: int) -> int:
        """Bytes with batches of that size."""
        return self.networks + batch_size * self.sample


def footprint(spec: TrainingSpec, shape: Shape, classes: int, width: float) -> Footprint:
    """Estimate from the shapes of weights and activations alone; nothing is computed or allocated.

    What methods take beside the network is not counted, which is most with SIGReg and SW1 (slices times the batch).
    """
    numbers = 0

    def count(_module: nn.Module, _inputs: Sequence[Tensor], output: Tensor | Sequence[Tensor]) -> None:
        nonlocal numbers
        activations = output if isinstance(output, Tensor) else output[0]  # an LSTM returns its last state as well
        numbers += activations.shape[1:].numel()

    network = outline(spec.model, shape, classes, width=width)
    for module in network.modules():
        if not list(module.children()) and not isinstance(module, nn.Sequential):
            module.register_forward_hook(count)
    pass_nothing(network, shape)
    weights = sum(parameter.numel() for parameter in network.parameters())
    learners = len(spec.methods) * spec.seeds
    return Footprint(
        networks=learners * weights * FLOAT * COPIES_OF_WEIGHTS, sample=numbers * FLOAT * COPIES_OF_ACTIVATIONS
    )


def advice(spec: TrainingSpec, shape: Shape, classes: int, width: float, available: int) -> Phrase:
    """What to change so that training fits into the bytes available, in a sentence or two."""
    whole = footprint(spec, shape, classes, width)
    needed = _megabytes(whole.total(spec.batch_size))
    smaller = []
    batch = (available - whole.networks) // max(1, whole.sample)
    if 2 <= batch < spec.batch_size:
        smaller.append(f"batch_size {2 ** int(math.log2(batch))}")
    narrower = _width_that_fits(spec, shape, classes, width, available)
    if narrower is not None:
        smaller.append(f"model.width {narrower:.3g}")
    what: str = Phrase(N_("fewer methods and seeds, on a machine with more memory"))
    if smaller:
        what = Phrase(N_("{first} or {second}"), first=smaller[0], second=smaller[1]) if smaller[1:] else smaller[0]
    return Phrase(
        N_(
            "At batch_size {batch_size} and model.width {width:g} it takes about {needed}, and there are about"
            " {available}. What would fit: {what}."
        ),
        batch_size=spec.batch_size,
        width=width,
        needed=needed,
        available=_megabytes(max(0, available)),
        what=what,
    )


def _width_that_fits(spec: TrainingSpec, shape: Shape, classes: int, width: float, available: int) -> float | None:
    low, high = 0.0, width
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        fits = footprint(spec, shape, classes, middle).total(spec.batch_size) <= available
        low, high = (middle, high) if fits else (low, middle)
    return math.floor(low * 1000) / 1000 or None


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"

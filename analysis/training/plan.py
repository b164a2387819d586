"""What a spec comes to, before anything is trained: its hidden layers, and the disk it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from analysis.runs.spec import DataName, DataSpec, TrainingSpec
from analysis.training.corpus import vocabulary_of, words_of
from analysis.training.data_source import DIGITS_TRAINING, held_out
from analysis.training.dataset import probe_sequences, sequences
from analysis.training.device import find_device
from analysis.training.learner import width_on
from analysis.training.models import MODELS, Shape, Takes, chosen_layers, hidden_layers, outline, pass_nothing
from analysis.training.recurrent import LanguageModel
from per_core.errors import InvalidInputError
from per_core.recording.layer_record import FLOAT_BYTES, HALF_BYTES, HEADER_BYTES, Allowance
from per_core.text import N_, Phrase

CIFAR, MNIST = (3, 32, 32), (1, 28, 28)
CIFAR_TRAINING, MNIST_TRAINING = 50_000, 60_000
SLICES, UNITS = 32, 24  # recorded of every layer, beside norms and tracked units
COMPARISON_BYTES = 38_000_000  # shared by the layers of all records, as long as each has
FEWEST_BYTES = 21_600  # and what norms and tracked units of the whole probe take, twice
MOST_BYTES = 2_000_000
LAYER_BYTES, UNIT_BYTES = 1000, 150  # of a layer in a record's line and headers, and of each tracked unit
COPIES_IN_CHECKPOINT = 2  # weights and momentum
TENSOR_BYTES = 600  # of each tensor in a checkpoint, beside its values
CHECKPOINTS = 2  # the new one is whole before the old one goes
FOLDER_BYTES = 100_000  # status, specs, output and a reserve
BLOCK_BYTES = 4096  # a record's file fills whole blocks


@dataclass(frozen=True, slots=True)
class Plan:
    """What training a spec will leave.

    Attributes:
        layers: name of every hidden layer -> its units, those of all positions together.
        record_bytes: one record of one network.
        records: of all networks together, those before training included.
        checkpoint_bytes: of all networks together; what methods learn themselves is not counted.
    """

    layers: dict[str, int]
    record_bytes: int
    records: int
    checkpoint_bytes: int

    @property
    def disk_bytes(self) -> int:
        """What it will take at most on disk, if nothing diverges and nobody stops it."""
        records = (self.record_bytes + BLOCK_BYTES) * self.records
        return records + CHECKPOINTS * self.checkpoint_bytes + FOLDER_BYTES


def plan(spec: TrainingSpec) -> Plan:
    """Work out what a spec comes to here, without data and without memory for the weights.

    Raises:
        InvalidInputError: If there is no such device, the model cannot take the data, methods are to act in layers that
            the model has not, or a batch is larger than the data.
    """
    require_inputs(spec)
    shape, classes, samples = outline_of(spec.data)
    network = outline(spec.model, shape, classes, width=width_on(spec, find_device(spec)))
    layers = _units(network, shape)
    chosen_layers(network, spec.layers)
    require_batch(spec.batch_size, samples)
    allowance = allowance_of(spec, len(layers))
    n = recorded_rows(spec, samples)
    learners = len(spec.methods) * spec.seeds
    weights = sum(COPIES_IN_CHECKPOINT * (FLOAT_BYTES * p.numel() + TENSOR_BYTES) for p in network.parameters())
    return Plan(
        layers=layers,
        record_bytes=sum(_layer_bytes(allowance, n, d) for d in layers.values()),
        records=_records(spec),
        checkpoint_bytes=learners * weights,
    )


def allowance_of(spec: TrainingSpec, layers: int) -> Allowance:
    """What is recorded of each of so many layers: in a long training or of many networks, fewer rows."""
    share = COMPARISON_BYTES // (_records(spec) * layers)
    whole = HEADER_BYTES + 2 * spec.probe_size * (FLOAT_BYTES + HALF_BYTES * spec.tracked_units)
    budget = min(MOST_BYTES, max(share, whole, FEWEST_BYTES))
    return Allowance(slices=SLICES, units=UNITS, tracked=spec.tracked_units, budget=budget, compact=True)


def recorded_rows(spec: TrainingSpec, samples: int) -> int:
    """Rows of a layer that are recorded at a time: one a sample, or one a word of the sequences of a text."""
    if spec.data.is_text:
        return probe_sequences(spec.probe_size, samples, spec.data.length) * spec.data.length
    return min(spec.probe_size, samples)


def _records(spec: TrainingSpec) -> int:
    """Of all networks together, those before training included."""
    return len(spec.methods) * spec.seeds * (spec.epochs + 1)


def disk_bytes(spec: TrainingSpec) -> int:
    """Bytes that training a spec takes on disk at most; errors as of `plan`."""
    return plan(spec).disk_bytes


def outline_of(data: DataSpec) -> tuple[Shape, int, int]:
    """Shape of one input, number of classes, and number of training samples, without the data."""
    if data.is_text:
        words = min(words_of(data), data.limit or words_of(data))
        return (data.length,), vocabulary_of(data), sequences(words, data.length)
    side = data.digits_side
    known: dict[DataName, tuple[Shape, int, int]] = {
        "digits": ((1, side, side), 10, DIGITS_TRAINING),
        "spirals": ((2,), data.classes, data.samples),
        "mixture": ((data.dim,), data.classes, data.samples),
        "cifar10": (CIFAR, 10, CIFAR_TRAINING),
        "cifar100": (CIFAR, 100, CIFAR_TRAINING),
        "mnist": (MNIST, 10, MNIST_TRAINING),
        "fashion_mnist": (MNIST, 10, MNIST_TRAINING),
    }
    shape, classes, samples = known[data.name]
    kept = min(samples, data.limit or samples)
    return shape, classes, kept - held_out(data, kept)


def require_inputs(spec: TrainingSpec) -> None:
    """Refuse a text for a model that takes numbers, and the other way round, `InvalidInputError`."""
    takes: Takes = "words" if spec.data.is_text else "numbers"
    if MODELS[spec.model.name].takes != takes:
        able = [key for key, model in MODELS.items() if model.takes == takes]
        raise InvalidInputError(
            N_(
                "Data and model must fit: {data} is a text, and the model {model} takes numbers. Choose {able} as the"
                " model, or other data."
            )
            if spec.data.is_text
            else N_(
                "Data and model must fit: {data} is no text, and the model {model} takes words. Choose {able} as the"
                " model, or other data."
            ),
            data=spec.data.name,
            model=spec.model.name,
            able=_either(able),
        )


def _either(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return Phrase(N_("{first} or {second}"), first=", ".join(names[:-1]), second=names[-1])


def require_batch(batch_size: int, samples: int) -> None:
    """Refuse a batch that is larger than the training data, `InvalidInputError`."""
    if batch_size > samples:
        raise InvalidInputError(
            N_(
                "batch_size must be at most the number of training samples, {samples}; received {batch_size}. Make it"
                " smaller, or take more of the data; a sample of a text is one sequence of words."
            ),
            samples=samples,
            batch_size=batch_size,
        )


def _units(network: nn.Module, shape: Shape) -> dict[str, int]:
    units: dict[str, int] = {}

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            units[name] = output.shape[-1] if isinstance(network, LanguageModel) else output.shape[1:].numel()

        return hook

    for name, layer in hidden_layers(network).items():
        layer.register_forward_hook(note(name))
    pass_nothing(network, shape)
    return units


def _layer_bytes(allowance: Allowance, n: int, d: int) -> int:
    return allowance.array_bytes(n, d) + LAYER_BYTES + UNIT_BYTES * min(allowance.tracked, d)

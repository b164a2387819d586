"""Where what is learnt comes from: digits, synthetic sets in any number, published images, and texts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.runs.spec import DIGITS_SIDE, DataSpec
from analysis.training import cifar, idx
from analysis.training.cifar import CIFAR10, CIFAR100, CifarFiles
from analysis.training.corpus import load_corpus
from analysis.training.dataset import FEWEST_WORDS, DataSet, Samples, Text
from analysis.training.download import Announce
from analysis.training.idx import FASHION_MNIST, MNIST, IdxFiles
from per_core.errors import InvalidInputError
from per_core.text import N_

SPLIT_SEED = 0
DIGITS_TRAINING = 1297  # of the 1797 images
TURNS = 1.0  # of every arm of the spirals


def load(spec: DataSpec, progress: Announce | None = None) -> DataSet:
    """The data of a spec, always split in the same way.

    Args:
        spec: which.
        progress: called with a line of text while files are fetched.

    Raises:
        InvalidInputError: If files are missing and may not be fetched, or are not what they should be.
    """
    return load_text(spec, progress) if spec.is_text else load_samples(spec, progress)


def load_samples(spec: DataSpec, progress: Announce | None = None) -> Samples:
    """The data of a spec that are no text; arguments and errors as of `load`."""
    data = LOADERS[spec.name](spec, progress)
    kept = min(data.samples, spec.limit or data.samples)
    training = kept - held_out(spec, kept)
    rows, labels = data.training_inputs, data.training_labels
    if training < kept:
        data = replace(data, validation_inputs=rows[training:kept], validation_labels=labels[training:kept])
    return replace(data, training_inputs=rows[:training], training_labels=labels[:training])


def load_text(spec: DataSpec, progress: Announce | None = None) -> Text:
    """The data of a spec that are a text; arguments and errors as of `load`."""
    corpus = load_corpus(spec, progress)
    if min(len(corpus.validation), len(corpus.test)) < FEWEST_WORDS:
        raise InvalidInputError(
            N_(
                "A text must have at least {fewest} words for validation and as many for testing; received {title}."
                " Put longer files into the folder."
            ),
            fewest=FEWEST_WORDS,
            title=corpus.title,
        )
    most = max(spec.limit, FEWEST_WORDS) if spec.limit else None  # else a short training would mostly be evaluated
    return Text(
        corpus.title,
        len(corpus.vocabulary),
        corpus.training[: spec.limit or None],
        corpus.validation[:most],
        corpus.test[:most],
        spec.length,
    )


def held_out(spec: DataSpec, samples: int) -> int:
    """How many of so many training samples are held out for validation: the last ones."""
    return round(spec.validation * samples)


def _digits(spec: DataSpec, _progress: Announce | None) -> Samples:
    """All training pixels together have mean 0 and variance 1, enlarged or not."""
    table = np.loadtxt(_digits_file(), delimiter=",")
    pixels, labels = _enlarged(table[:, :-1], spec.enlarge), table[:, -1].astype(np.int64)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    training, test = np.split(order, [DIGITS_TRAINING])
    scaled = (pixels - pixels[training].mean()) / pixels[training].std()
    images, classes = torch.tensor(scaled, dtype=torch.float32), torch.tensor(labels)
    side = spec.digits_side
    return Samples(
        f"Handwritten digits, {side} x {side} (scikit-learn): {len(training)} for training, {len(test)} for testing",
        10,
        images[training],
        classes[training],
        images[test],
        classes[test],
        *_unscaled(),
    )


def _enlarged(pixels: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    """Rows of pixels as images (n, 1, height, width), their sides so many times as long, by bilinear interpolation.

    Between neighbours grey levels change gradually, as in a photograph. Repeated pixels would be constant blocks with
    edges that no digit has, and a kernel of 3 would mostly see a constant.
    """
    images = torch.from_numpy(pixels).view(-1, 1, DIGITS_SIDE, DIGITS_SIDE)
    enlarged = nn.functional.interpolate(images, scale_factor=factor, mode="bilinear", align_corners=False)
    values: NDArray[np.float64] = enlarged.numpy()
    return values


def _digits_file() -> Path:
    """The table behind scikit-learn's `load_digits`, which would take two seconds to import."""
    found = find_spec("sklearn")
    if found is None or found.origin is None:
        raise InvalidInputError(
            N_("The digits ship with scikit-learn, which is not installed. Install requirements.txt.")
        )
    return Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"


def _spirals(spec: DataSpec, _progress: Announce | None) -> Samples:
    """Arms r (cos, sin)(2π (turns r + class / classes)), r uniform in area, with normal noise."""
    rng = np.random.default_rng([SPLIT_SEED, 1])
    labels = _labels(spec, rng)
    radius = np.sqrt(rng.random(len(labels)))
    angle = 2 * math.pi * (TURNS * radius + labels / spec.classes)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points += spec.noise * rng.standard_normal(points.shape)
    return _synthetic(f"Spirals, {spec.classes} arms, noise {spec.noise:g}", spec, points, labels)


def _mixture(spec: DataSpec, _progress: Announce | None) -> Samples:
    """Normal components around means drawn from N(0, I)."""
    rng = np.random.default_rng([SPLIT_SEED, 2])
    labels = _labels(spec, rng)
    means = rng.standard_normal((spec.classes, spec.dim))
    points = means[labels] + spec.noise * rng.standard_normal((len(labels), spec.dim))
    title = f"Gaussian mixture, {spec.classes} components in {spec.dim} dimensions, noise {spec.noise:g}"
    return _synthetic(title, spec, points, labels)


def _labels(spec: DataSpec, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.integers(spec.classes, size=spec.samples + (spec.samples + 1) // 2)


def _synthetic(title: str, spec: DataSpec, points: NDArray[np.float64], labels: NDArray[np.int64]) -> Samples:
    inputs, classes = torch.tensor(points, dtype=torch.float32), torch.tensor(labels)
    training = inputs[: spec.samples]
    return Samples(
        title,
        spec.classes,
        training,
        classes[: spec.samples],
        inputs[spec.samples :],
        classes[spec.samples :],
        training.mean(),
        training.std(),
    )


def _cifar(files: CifarFiles) -> Callable[[DataSpec, Announce | None], Samples]:
    def load_files(spec: DataSpec, progress: Announce | None) -> Samples:
        folder = cifar.fetch(files, spec.folder, download=spec.download, progress=progress)
        return _images(files.title, files.classes, cifar.read_training(files, folder), cifar.read_test(files, folder))

    return load_files


def _idx(files: IdxFiles) -> Callable[[DataSpec, Announce | None], Samples]:
    def load_files(spec: DataSpec, progress: Announce | None) -> Samples:
        images, labels, test_images, test_labels = idx.fetch(
            files, spec.folder, download=spec.download, progress=progress
        )
        training, test = idx.read(files, images, labels), idx.read(files, test_images, test_labels)
        return _images(files.title, idx.CLASSES, training, test)

    return load_files


def _images(title: str, classes: int, training: cifar.Images, test: cifar.Images) -> Samples:
    """Images and labels as they are published, to be scaled by channel."""
    (images, labels), (test_images, test_labels) = training, test
    shift, scale = _channels(images)
    return Samples(
        f"{title}: {len(labels)} images for training, {len(test_labels)} for testing",
        classes,
        torch.from_numpy(images),
        torch.from_numpy(labels),
        torch.from_numpy(test_images),
        torch.from_numpy(test_labels),
        shift,
        scale,
    )


def _channels(images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every channel, (c, 1, 1), without a float copy of the images."""
    levels = np.arange(256)
    counts = np.stack([np.bincount(images[:, channel].ravel(), minlength=256) for channel in range(images.shape[1])])
    mean = counts @ levels / counts.sum(axis=1)
    variance = counts @ levels**2 / counts.sum(axis=1) - mean**2
    shift, scale = (torch.tensor(values, dtype=torch.float32).view(-1, 1, 1) for values in (mean, np.sqrt(variance)))
    return shift, scale


def _unscaled() -> tuple[Tensor, Tensor]:
    return torch.zeros(()), torch.ones(())


LOADERS: dict[str, Callable[[DataSpec, Announce | None], Samples]] = {
    "digits": _digits,
    "spirals": _spirals,
    "mixture": _mixture,
    "cifar10": _cifar(CIFAR10),
    "cifar100": _cifar(CIFAR100),
    "mnist": _idx(MNIST),
    "fashion_mnist": _idx(FASHION_MNIST),
}

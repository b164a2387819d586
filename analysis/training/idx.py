"""MNIST and Fashion-MNIST in the IDX layout: read from a folder, packed by gzip or not, or fetched into it.

A file begins with two zeros, a byte for the type (8: bytes), one for the number of axes, and the length of each axis in
four bytes, the highest first; then come the values.

References: LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (1998), for the layout; Xiao, Rasul and
Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms" (2017). Addresses and
checksums are those that torchvision uses.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.training.download import Announce, PublishedFile, fetch_file
from per_core.errors import InvalidInputError
from per_core.text import N_

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]  # (n, 1, 28, 28) and (n,)

CLASSES, SIDE = 10, 28
MOST_SAMPLES = 100_000  # of a file; a hostile gzip is not unpacked beyond
_BYTES = 8
_PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@dataclass(frozen=True, slots=True)
class IdxFiles:
    """One of the two data sets, as it is published.

    Attributes:
        title: what a person reads.
        folder: where torchvision puts the files, below the folder that it is given.
        files: packed images and labels for training, then for testing.
    """

    title: str
    folder: str
    files: tuple[PublishedFile, PublishedFile, PublishedFile, PublishedFile]


def _published(address: str, *checksums: str) -> tuple[PublishedFile, PublishedFile, PublishedFile, PublishedFile]:
    first, second, third, fourth = (
        PublishedFile(f"{address}{name}.gz", md5) for name, md5 in zip(_PARTS, checksums, strict=True)
    )
    return first, second, third, fourth


MNIST = IdxFiles(
    "MNIST",
    "MNIST/raw",
    _published(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
)
FASHION_MNIST = IdxFiles(
    "Fashion-MNIST",
    "FashionMNIST/raw",
    _published(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
)


def fetch(
    files: IdxFiles, folder: str | Path, *, download: bool, progress: Announce | None = None
) -> tuple[Path, Path, Path, Path]:
    """The four files, fetched if they are not there and may be.

    Args:
        files: which.
        folder: where they are, themselves or where torchvision puts them, packed or not; where they are fetched to.
        download: whether they may be fetched.
        progress: called with a line of text now and then.

    Returns:
        Images and labels for training, then for testing.

    Raises:
        InvalidInputError: If files are missing and may not be fetched, or as `fetch_file`.
    """
    folder = Path(folder)
    for place in (folder, folder / files.folder):
        found = [_find(place, name) for name in _PARTS]
        if all(found):
            first, second, third, fourth = (path for path in found if path is not None)
            return first, second, third, fourth
    if not download:
        missing = ", ".join(name for name in _PARTS if _find(folder, name) is None)
        raise InvalidInputError(
            N_(
                "{title} needs the files {parts}, or these with .gz, in {folder} or in {place}; there is no"
                " {missing}. Put them there, or allow the download (data.download)."
            ),
            title=files.title,
            parts=", ".join(_PARTS),
            folder=folder,
            place=folder / files.folder,
            missing=missing,
        )
    report = progress or (lambda _: None)
    first, second, third, fourth = (fetch_file(file, folder, files.title, report) for file in files.files)
    return first, second, third, fourth


def read(files: IdxFiles, images: Path, labels: Path) -> Images:
    """Images and their labels.

    Raises:
        InvalidInputError: If a file cannot be read, is cut short or of another layout, or the two do not belong
            together.
    """
    pixels = _read(files, images, axes=3)
    classes = _read(files, labels, axes=1)
    if pixels.shape[1:] != (SIDE, SIDE) or len(pixels) != len(classes):
        raise InvalidInputError(
            N_(
                "{title} has images of {side} x {side} and a label for each; received {shape} and {count} labels in"
                " {images} and {labels}. Fetch them again."
            ),
            title=files.title,
            side=SIDE,
            shape=pixels.shape,
            count=len(classes),
            images=images.name,
            labels=labels.name,
        )
    if classes.max() >= CLASSES:
        raise InvalidInputError(
            N_(
                "Labels of {title} must be below {classes}; {labels} has {largest}. It is of another data set or"
                " damaged: fetch it again."
            ),
            title=files.title,
            classes=CLASSES,
            labels=labels.name,
            largest=classes.max(),
        )
    return pixels[:, None], classes.astype(np.int64)


def _find(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _read(files: IdxFiles, path: Path, *, axes: int) -> NDArray[np.uint8]:
    header = 4 + 4 * axes
    most = header + MOST_SAMPLES * SIDE * SIDE
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInputError(
            N_("{path} cannot be read: {error}. Fetch it again, or check who may read it."), path=path, error=error
        ) from error
    if len(content) > header and content[:4] == bytes([0, 0, _BYTES, axes]):
        shape = struct.unpack(f">{axes}I", content[4:header])
        if len(content) - header == int(np.prod(shape, dtype=object)) and shape[0] > 0:
            return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()  # which torch may write to
    raise InvalidInputError(
        N_(
            "{name} of {title} must be an IDX file of bytes with {axes} axes, whole and of at most {most_samples:,}"
            " samples; received {received:,} bytes that are not. Fetch it again."
        ),
        name=path.name,
        title=files.title,
        axes=axes,
        most_samples=MOST_SAMPLES,
        received=min(len(content), most),
    )

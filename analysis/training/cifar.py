"""CIFAR-10 and CIFAR-100 in the official binary layout: read from a folder, or fetched into it.

A record is one label byte (CIFAR-100: a coarse one, then the fine one that is learnt) and 3072 bytes of pixels: red,
green and blue planes of 32 x 32, each by rows.

Reference: Krizhevsky, "Learning multiple layers of features from tiny images" (2009), and
https://www.cs.toronto.edu/~kriz/cifar.html for the layout, the addresses and the checksums.
"""

from __future__ import annotations

import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.training.download import Announce, PublishedFile, fetch_file, require_no_links
from per_core.errors import InvalidInputError
from per_core.text import N_

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]  # (n, 3, 32, 32) and (n,)

SIDE = 32
PIXELS = 3 * SIDE * SIDE


@dataclass(frozen=True, slots=True)
class CifarFiles:
    """One of the two data sets, as it is published.

    Attributes:
        title: what a person reads.
        classes: number of labels.
        label_bytes: bytes before the pixels; the last of them is the label.
        training, test: names of the binary files.
        folder: that the archive holds them in.
        archive: a .tar.gz.
    """

    title: str
    classes: int
    label_bytes: int
    training: tuple[str, ...]
    test: str
    folder: str
    archive: PublishedFile

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all binary files, those for training first."""
        return (*self.training, self.test)


CIFAR10 = CifarFiles(
    title="CIFAR-10",
    classes=10,
    label_bytes=1,
    training=tuple(f"data_batch_{index}.bin" for index in range(1, 6)),
    test="test_batch.bin",
    folder="cifar-10-batches-bin",
    archive=PublishedFile(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"
    ),
)
CIFAR100 = CifarFiles(
    title="CIFAR-100",
    classes=100,
    label_bytes=2,
    training=("train.bin",),
    test="test.bin",
    folder="cifar-100-binary",
    archive=PublishedFile(
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"
    ),
)


def fetch(files: CifarFiles, folder: str | Path, *, download: bool, progress: Announce | None = None) -> Path:
    """The folder with the binary files, fetched if they are not there and may be.

    A download that breaks off is kept and goes on where it stopped; nothing is unpacked before the checksum is right.

    Args:
        files: which.
        folder: where they are, themselves or in the folder of the archive; where the archive goes.
        download: whether it may be fetched.
        progress: called with a line of text now and then.

    Raises:
        InvalidInputError: If files are missing and may not be fetched, the server cannot be reached or breaks off, or
            what came is not the archive that was published.
    """
    folder = Path(folder)
    for place in (folder, folder / files.folder):
        if all((place / name).is_file() for name in files.names):
            return place
    if not download:
        missing = ", ".join(name for name in files.names if not (folder / name).is_file())
        raise InvalidInputError(
            N_(
                "{title} needs the files {names} in {folder} or in {place}; there is no {missing}. Unpack the binary"
                " version there, or allow the download (data.download)."
            ),
            title=files.title,
            names=", ".join(files.names),
            folder=folder,
            place=folder / files.folder,
            missing=missing,
        )
    report = progress or (lambda _: None)
    require_no_links(files.title, folder, files.folder)
    archive = fetch_file(files.archive, folder, files.title, report)
    try:
        _unpack(files, archive, folder)
    except (OSError, tarfile.TarError) as error:
        raise InvalidInputError(
            N_(
                "{title} could not be unpacked from {archive}: {error}. Delete it and try again, or put the binary"
                " files there yourself."
            ),
            title=files.title,
            archive=archive,
            error=error,
        ) from error
    report(f"{files.title}: unpacked into {folder / files.folder}")
    return folder / files.folder


def read_training(files: CifarFiles, folder: Path) -> Images:
    """All training images, in the order of the files."""
    parts = [_read(files, folder / name) for name in files.training]
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])


def read_test(files: CifarFiles, folder: Path) -> Images:
    """The 10,000 test images and their labels."""
    return _read(files, folder / files.test)


def _read(files: CifarFiles, path: Path) -> Images:
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise InvalidInputError(
            N_("{path} cannot be read: {error}. Check who may read it."), path=path, error=error
        ) from error
    record = files.label_bytes + PIXELS
    if content.size == 0 or content.size % record:
        raise InvalidInputError(
            N_(
                "{name} of {title} must hold whole records of {record} bytes; received {received} bytes. It is cut"
                " short or of another data set: fetch it again."
            ),
            name=path.name,
            title=files.title,
            record=record,
            received=content.size,
        )
    records = content.reshape(-1, record)
    labels = records[:, files.label_bytes - 1].astype(np.int64)
    if labels.max() >= files.classes:
        raise InvalidInputError(
            N_(
                "Labels of {title} must be below {classes}; {name} has {largest}. It is of another data set or"
                " damaged: fetch it again."
            ),
            title=files.title,
            classes=files.classes,
            name=path.name,
            largest=labels.max(),
        )
    return records[:, files.label_bytes :].reshape(-1, 3, SIDE, SIDE), labels


def _unpack(files: CifarFiles, archive: Path, folder: Path) -> None:
    """Unpack the binary files alone, each whole or not at all; what would land elsewhere is refused by the filter."""
    target = folder / files.folder
    target.mkdir(exist_ok=True)
    with tarfile.open(archive) as tar, tempfile.TemporaryDirectory(dir=folder) as workplace:
        for name in files.names:
            try:
                tar.extract(f"{files.folder}/{name}", workplace, filter="data")
            except KeyError as error:
                raise InvalidInputError(
                    N_("{archive} must hold {folder}/{name}, and does not. Delete it and try again."),
                    archive=archive.name,
                    folder=files.folder,
                    name=name,
                ) from error
            (Path(workplace) / files.folder / name).replace(target / name)

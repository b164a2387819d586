"""Layouts of one file for each sample: an image, an utterance, a video."""

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np

from analysis.dumps.natural_order import by_numbers
from tests.analysis.dumps.layouts.layout import Cell, Layout, Values, joined, normal


def one_vector_an_image(folder: Path, rng: np.random.Generator) -> Layout:
    """Forty files of one vector each: forty samples of one layer."""
    vectors = []
    for number in range(1, 41):
        vectors.append(normal(rng, 48))
        np.save(folder / f"ILSVRC2012_val_{number:08d}.npy", vectors[-1])
    return Layout((Cell("", np.stack(vectors), split=None),))


def utterances(folder: Path, rng: np.random.Generator) -> Layout:
    """Speech: speaker, chapter and sentence in the name, (layers, frames, units) in the file."""
    parts: list[list[Values]] = [[] for _ in range(3)]
    names = (
        "1272-128104-0000",
        "1272-128104-0001",
        "1272-135031-0002",
        "174-50561-0000",
        "174-50561-0010",
        "84-121123-0003",
    )
    for name in sorted(names, key=lambda name: [int(number) for number in name.split("-")]):
        values = normal(rng, 3, int(rng.integers(10, 40)), 24)
        np.save(folder / f"{name}.npy", values)
        for part, layer in zip(parts, values, strict=True):
            part.append(layer)
    return Layout(tuple(Cell(str(layer), joined(part)) for layer, part in enumerate(parts)), questions=None)


def ranks_of_a_split(folder: Path, rng: np.random.Generator) -> Layout:
    """Speech: `train_0_4.npy` is part 0 of 4, and `.len` has the lengths of the utterances in it as text."""
    cells = []
    for split, count in {"train": 4, "valid": 2}.items():
        parts = [normal(rng, int(rng.integers(30, 60)), 24) for _ in range(count)]
        for rank, part in enumerate(parts):
            np.save(folder / f"{split}_{rank}_{count}.npy", part)
            (folder / f"{split}_{rank}_{count}.len").write_text(f"{len(part) - 10}\n10\n")
        cells.append(Cell("", joined(parts), None, split))
    return Layout(tuple(cells), {".len": "text or log or integers or labels or nothing"})


def two_streams(folder: Path, rng: np.random.Generator) -> Layout:
    """Video: colour and flow of each clip, clips of different length under names without a number."""
    parts: dict[str, list[Values]] = {"rgb": [], "flow": []}
    for clip in ("archery", "basketball", "cliff_diving", "drumming", "fencing", "golf"):
        frames = int(rng.integers(5, 20))
        for stream, found in parts.items():
            found.append(normal(rng, frames, 32))
            np.save(folder / f"{clip}_{stream}.npy", found[-1])
    return Layout(tuple(Cell(stream, joined(found)) for stream, found in parts.items()))


def web_data_set(folder: Path, rng: np.random.Generator) -> Layout:
    """Tar files of samples: an array and a class for each."""
    vectors = []
    for shard in range(2):
        with tarfile.open(folder / f"features-{shard:06d}.tar", "w") as archive:
            for sample in range(12):
                vectors.append(normal(rng, 24))
                buffer = io.BytesIO()
                np.save(buffer, vectors[-1])
                for suffix, content in {"feat.npy": buffer.getvalue(), "cls": b"3"}.items():
                    member = tarfile.TarInfo(f"{12 * shard + sample:08d}.{suffix}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    left_out = {".cls": "labels or integers or text or scalar or nothing"}
    return Layout((Cell("", np.stack(vectors)),), left_out)


def content_hashes(folder: Path, rng: np.random.Generator) -> Layout:
    """Images named by a hash of their content: digits and letters that count nothing."""
    hashes = [hashlib.sha1(f"image {number}".encode()).hexdigest()[:12] for number in range(40)]
    names = sorted(hashes, key=by_numbers)
    vectors = [normal(rng, 24) for _ in names]
    for name, vector in zip(names, vectors, strict=True):
        np.save(folder / f"{name}.npy", vector)
    return Layout((Cell("", np.stack(vectors)),), questions=None)


LAYOUTS = (one_vector_an_image, utterances, ranks_of_a_split, two_streams, web_data_set, content_hashes)

"""Layouts of HDF5 files and of MATLAB's."""

from pathlib import Path

import h5py
import numpy as np
import torch
from scipy.io import savemat

from tests.analysis.dumps.layouts.layout import Cell, Layout, Values, joined, normal


def count_of_rows(folder: Path, rng: np.random.Generator) -> Layout:
    """Rows are reserved, and a dataset `count` says how many are in use."""
    place = folder / "features" / "miniImagenet" / "ResNet10_baseline_aug"
    place.mkdir(parents=True)
    cells = []
    for split in ("base", "val", "novel"):
        for iteration in (100, 399):
            values = normal(rng, 150, 32)
            with h5py.File(place / f"{split}_{iteration}.hdf5", "w") as file:
                features = file.create_dataset("all_feats", (192, 32), dtype="f4")
                features[:150] = values
                labels = file.create_dataset("all_labels", (192,), dtype="i4")
                labels[:150] = rng.integers(0, 20, 150)
                file["count"] = np.array([150], dtype=np.int32)
            cells.append(Cell("all_feats or feats", values, iteration, split))
    return Layout(tuple(cells), {"all_labels": "labels", "count": "integers or scalar or nothing"}, None)


def epoch_groups(folder: Path, rng: np.random.Generator) -> Layout:
    """`20/activations/1`: the group says the epoch, the dataset the layer."""
    cells = []
    with h5py.File(folder / "experiment.h5", "w") as file:
        for epoch in (0, 1, 2, 5, 10, 20):
            for layer, units in enumerate((10, 7, 5, 4, 3, 2)):
                values = normal(rng, 256, units)
                file[f"{epoch}/activations/{layer}"] = values
                cells.append(Cell(str(layer), values, epoch))
    return Layout(tuple(cells))


def sentences(folder: Path, rng: np.random.Generator) -> Layout:
    """One dataset a sentence, (layers, tokens, units), with numbers for names and different lengths."""
    parts: list[list[Values]] = [[] for _ in range(4)]
    with h5py.File(folder / "raw.bert-layers.hdf5", "w") as file:
        for sentence in range(40):
            values = normal(rng, 4, int(rng.integers(5, 30)), 32)
            file[str(sentence)] = values
            for part, layer in zip(parts, values, strict=True):
                part.append(layer)
    return Layout(tuple(Cell(str(layer), joined(part)) for layer, part in enumerate(parts)), questions=None)


def slides(folder: Path, rng: np.random.Generator) -> Layout:
    """Patches of pathology slides with their coordinates, and the same features again as tensors."""
    parts = []
    for kind in ("h5_files", "pt_files"):
        (folder / kind).mkdir()
    for slide in range(8):
        values = normal(rng, int(rng.integers(80, 200)), 64)
        parts.append(values)
        with h5py.File(folder / "h5_files" / f"tumor_{slide:03d}.h5", "w") as file:
            file["features"] = values
            file["coords"] = rng.integers(0, 50000, (len(values), 2)).astype(np.int32)
        torch.save(torch.from_numpy(values), folder / "pt_files" / f"tumor_{slide:03d}.pt")
    cells = (Cell("", joined(parts), None, None, ("h5_files",)), Cell("", joined(parts), None, None, ("pt_files",)))
    return Layout(cells, {"coords": "coordinates or integers"})


def matlab_layer_folders(folder: Path, rng: np.random.Generator) -> Layout:
    """MATLAB files, a folder a layer; the classes are a row."""
    cells = []
    for layer in ("conv1", "layer1.0", "layer1.1", "layer4.1"):
        place = folder / "activations" / layer
        place.mkdir(parents=True)
        for epoch in (1, 2, 10):
            values = normal(rng, 100, 16)
            saved = {"activations": values.astype(np.float64), "labels": rng.integers(0, 10, 100)}
            savemat(place / f"act_epoch_{epoch}.mat", saved)
            cells.append(Cell(layer, values, epoch))
    return Layout(tuple(cells), {"labels": "labels"})


def parts_three_times(folder: Path, rng: np.random.Generator) -> Layout:
    """One matrix in nine parts as .npy, again as datasets, and again whole as text."""
    values = normal(rng, 300, 48)
    for kind in ("npy", "h5", "txt"):
        (folder / kind).mkdir()
    with h5py.File(folder / "h5" / "features.hdf5", "w") as file:
        for number, part in enumerate(np.array_split(values, 9), start=1):
            np.save(folder / "npy" / f"features_{number:02d}.npy", part)
            file[f"features_{number:02d}"] = part
    np.savetxt(folder / "txt" / "features.txt", values)
    return Layout(tuple(Cell("", values, None, None, (kind,)) for kind in ("npy", "h5", "txt")))


def sentences_with_an_index(folder: Path, rng: np.random.Generator) -> Layout:
    """Sentences as above, beside the text that says which is which."""
    parts: list[list[Values]] = [[] for _ in range(3)]
    with h5py.File(folder / "elmo_layers.hdf5", "w") as file:
        for sentence in range(12):
            values = normal(rng, 3, int(rng.integers(4, 20)), 16)
            file[str(sentence)] = values
            for part, layer in zip(parts, values, strict=True):
                part.append(layer)
        file["sentence_to_index"] = ['{"a cat": "0", "a dog": "1"}']
    cells = tuple(Cell(str(layer), joined(part)) for layer, part in enumerate(parts))
    return Layout(cells, {"sentence_to_index": "text"}, None)


def layers_of_one_file(folder: Path, rng: np.random.Generator) -> Layout:
    """One dataset a layer in half precision, with the classes."""
    cells = []
    with h5py.File(folder / "embeddings.h5", "w") as file:
        for layer in range(13):
            half = normal(rng, 30, 24).astype(np.float16)
            file[f"layer_{layer:02d}"] = half
            cells.append(Cell(str(layer), half.astype(np.float32)))
        file["labels"] = rng.integers(0, 2, 30).astype(np.int8)
    return Layout(tuple(cells), {"labels": "labels"})


def vectors_of_prompts(folder: Path, rng: np.random.Generator) -> Layout:
    """A group a prompt, a vector a layer: prompts are samples."""
    parts: dict[int, list[Values]] = {3: [], 7: [], 11: []}
    with h5py.File(folder / "activations.h5", "w") as file:
        for prompt in range(24):
            for layer, found in parts.items():
                found.append(normal(rng, 32))
                file[f"prompt_{prompt}/layer_{layer}"] = found[-1]
    return Layout(tuple(Cell(str(layer), np.stack(found)) for layer, found in parts.items()))


def split_groups(folder: Path, rng: np.random.Generator) -> Layout:
    """A file an epoch, a group a split."""
    cells = []
    for epoch in (0, 5, 50):
        with h5py.File(folder / f"activations_epoch_{epoch:04d}.h5", "w") as file:
            for split, rows in {"train": 24, "test": 10}.items():
                for layer, units in {"fc1": 16, "fc2": 8}.items():
                    values = normal(rng, rows, units)
                    file[f"{split}/{layer}"] = values
                    cells.append(Cell(layer, values, epoch, split))
    return Layout(tuple(cells))


def group_a_video(folder: Path, rng: np.random.Generator) -> Layout:
    """A group a video, with features of its frames, a score for each frame and a name."""
    parts = []
    with h5py.File(folder / "summe_features.h5", "w") as file:
        for video in range(1, 13):
            values = normal(rng, int(rng.integers(10, 30)), 40)
            file[f"video_{video}/features"] = values
            file[f"video_{video}/change_points"] = rng.integers(0, 900, (5, 2))
            file[f"video_{video}/video_name"] = "Air Force One"
            parts.append(values)
    left_out = {"change_points": "integers or coordinates or labels", "video_name": "text"}
    return Layout((Cell("features", joined(parts)),), left_out)


def weights_beside_activations(folder: Path, rng: np.random.Generator) -> Layout:
    """The weights that Keras saves are matrices under `vars`."""
    cells = []
    with h5py.File(folder / "model.weights.h5", "w") as file:
        for layer in ("dense", "dense_1"):
            file[f"layers/{layer}/vars/0"] = normal(rng, 16, 16)
            file[f"layers/{layer}/vars/1"] = normal(rng, 16)
        file["optimizer/vars/0"] = 12
    for epoch in (1, 2):
        with h5py.File(folder / f"outputs_epoch{epoch}.h5", "w") as file:
            for layer in ("dense", "dense_1"):
                values = normal(rng, 20, 16)
                file[layer] = values
                cells.append(Cell(layer, values, epoch))
    return Layout(tuple(cells), {"model.weights.h5": "weights or scalar or integers"})


LAYOUTS = (
    count_of_rows,
    epoch_groups,
    sentences,
    slides,
    matlab_layer_folders,
    parts_three_times,
    sentences_with_an_index,
    layers_of_one_file,
    vectors_of_prompts,
    split_groups,
    group_a_video,
    weights_beside_activations,
)

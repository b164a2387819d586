"""Layouts of several trainings, models or data sets side by side: what is alike must not be taken for one layer."""

from pathlib import Path

import numpy as np
import torch

from tests.analysis.dumps.layouts.layout import Cell, Layout, normal


def seeds(folder: Path, rng: np.random.Generator) -> Layout:
    """Five repetitions of one training are not one layer of five times as many rows."""
    cells = []
    for seed in range(5):
        for epoch in (1, 5):
            place = folder / f"seed_{seed}" / f"epoch_{epoch}"
            place.mkdir(parents=True)
            for layer, units in {"fc1": 16, "fc2": 8}.items():
                values = normal(rng, 20, units)
                np.save(place / f"{layer}.npy", values)
                cells.append(Cell(layer, values, epoch, None, (f"seed {seed}",)))
    return Layout(tuple(cells))


def methods(folder: Path, rng: np.random.Generator) -> Layout:
    """Trainings that are to be compared, with equal names within."""
    cells = []
    for method in ("bn", "per", "vanilla"):
        (folder / method).mkdir()
        for epoch in (0, 10, 20):
            layers = {"fc1": normal(rng, 20, 16), "fc2": normal(rng, 20, 8)}
            np.savez(folder / method / f"epoch_{epoch}.npz", **layers)
            cells += [Cell(layer, values, epoch, None, (method,)) for layer, values in layers.items()]
    return Layout(tuple(cells))


def checkpoints_of_a_run(folder: Path, rng: np.random.Generator) -> Layout:
    """Iterations without a common width: `it_500`, `it_2000`, `it_10000`."""
    cells = []
    for iteration in (500, 2000, 10000):
        for layer in ("encoder.layer.0", "encoder.layer.1", "encoder.layer.11"):
            values = normal(rng, 24, 16)
            place = folder / f"it_{iteration}"
            place.mkdir(exist_ok=True)
            np.save(place / f"{layer}.npy", values)
            cells.append(Cell(layer, values, iteration))
    return Layout(tuple(cells))


def data_sets_an_epoch(folder: Path, rng: np.random.Generator) -> Layout:
    """Folder an epoch, data set and split in the name."""
    cells = []
    for epoch in (0, 10, 100):
        place = folder / f"activations_epoch_{epoch}"
        place.mkdir()
        for data in ("toybox", "in12"):
            for split, rows in {"train": 30, "test": 12}.items():
                values = normal(rng, rows, 24)
                np.save(place / f"{data}_{split}_activations.npy", values)
                cells.append(Cell("", values, epoch, split, (data,)))
    return Layout(tuple(cells))


def runs_by_date(folder: Path, rng: np.random.Generator) -> Layout:
    """Folders named by the time at which a training began."""
    cells = []
    for run in ("2024-03-01_12-30-05", "2024-03-02_09-00-41"):
        for epoch in (1, 2):
            place = folder / run / f"epoch_{epoch}"
            place.mkdir(parents=True)
            for layer in ("fc1", "fc2"):
                values = normal(rng, 20, 12)
                np.save(place / f"{layer}.npy", values)
                cells.append(Cell(layer, values, epoch, None, (run,)))
    return Layout(tuple(cells))


def versions(folder: Path, rng: np.random.Generator) -> Layout:
    """Trainings that a logger has numbered."""
    cells = []
    for version in (0, 1, 2):
        place = folder / "lightning_logs" / f"version_{version}"
        place.mkdir(parents=True)
        for epoch in (0, 5):
            layers = {"encoder": normal(rng, 20, 16), "head": normal(rng, 20, 4)}
            np.savez(place / f"acts_epoch_{epoch}.npz", **layers)
            cells += [Cell(layer, values, epoch, None, (f"version {version}",)) for layer, values in layers.items()]
    return Layout(tuple(cells))


def widths(folder: Path, rng: np.random.Generator) -> Layout:
    """One network at four widths after the same steps: units differ, and so do the rows' meanings."""
    cells = []
    for width in (64, 128, 256):
        (folder / f"width_{width}").mkdir()
        for step in (0, 10):
            layers = {"hidden": normal(rng, 16, width), "readout": normal(rng, 16, 10)}
            torch.save(
                {k: torch.from_numpy(v) for k, v in layers.items()}, folder / f"width_{width}" / f"step_{step}.pt"
            )
            cells += [
                Cell(f"{layer} or width_{width}/{layer}", values, step, None, (f"width {width}",))
                for layer, values in layers.items()
            ]
    return Layout(tuple(cells))


def models(folder: Path, rng: np.random.Generator) -> Layout:
    """Numbers that belong to the names of models, for arrays of equal shape."""
    cells = []
    for model in ("resnet18", "resnet50", "vgg16", "vit_b_16", "vit_b_32"):
        values = normal(rng, 30, 32)
        np.save(folder / f"{model}_features.npy", values)
        cells.append(Cell("", values, None, None, (model,)))
    return Layout(tuple(cells))


LAYOUTS = (seeds, methods, checkpoints_of_a_run, data_sets_an_epoch, runs_by_date, versions, widths, models)

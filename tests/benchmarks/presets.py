"""What the presets claim, over several seeds: variance and movement of Figure 2, and the scores of all of them."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.__main__ import main as analyse
from analysis.runs.comparison import Comparison, open_comparison
from analysis.runs.spec import TrainingSpec
from analysis.survey.paired import Scores, final_scores
from analysis.training.presets import PRESETS
from per_core.recording.run_directory import Run

LAYERS = ("layer 2", "layer 6", "layer 9")  # those of the authors' Figure 2


@contextlib.contextmanager
def trained(key: str) -> Iterator[Comparison]:
    """A preset with several seeds, trained on the CPU in this process, in a folder that is removed afterwards."""
    spec = replace(PRESETS[key].spec, device="cpu", seeds=seeds_of(key))
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "spec.json", Path(folder) / "run"
        file.write_text(json.dumps(spec.as_dict()))
        with open(os.devnull, "w") as silent, contextlib.redirect_stdout(silent):
            status = analyse(["train", str(file), "--out", str(out)])
        if status != 0:
            raise RuntimeError(f"The preset {key} was not trained to its end.")
        yield open_comparison(out)


def scores(comparison: Comparison) -> list[Scores]:
    """On validation, where there is such a part, and on test: of every seed after the last epoch, by method."""
    spec = TrainingSpec.from_dict(comparison.spec)
    found = (final_scores(comparison, spec, part) for part in ("validation", "test"))
    return [one for one in found if one is not None]


def seeds_of(key: str) -> int:
    """How many seeds a preset is trained with: fewer for the tables of the paper, which take longest."""
    return 3 if key.startswith("table") else 5


def variance_ratios(comparison: Comparison, layer: str) -> list[float]:
    """Final variance without a method over that with PER, of every seed."""
    runs = comparison.runs
    return [
        runs["vanilla", seed].records[-1].layers[layer].variance / runs["per", seed].records[-1].layers[layer].variance
        for seed in comparison.seeds
    ]


def collapse(comparison: Comparison, layer: str) -> dict[str, list[float]]:
    """Variance, PER and SW1 of a layer of the networks with PER at the end, of every seed."""
    ends = [comparison.runs["per", seed].records[-1].layers[layer] for seed in comparison.seeds]
    return {
        "variance": [end.variance for end in ends],
        "PER": [end.per for end in ends],
        "SW1": [end.sw1 for end in ends],
    }


def movements(comparison: Comparison, layer: str) -> dict[str, list[NDArray[np.float64]]]:
    """Mean step of the quartiles of every recorded unit from one epoch to the next, by method and seed."""
    found: dict[str, list[NDArray[np.float64]]] = {method: [] for method in comparison.methods}
    for (method, _), run in comparison.runs.items():
        found[method].append(_movement(run, layer))
    return found


def _movement(run: Run, layer: str) -> NDArray[np.float64]:
    rows = [run.arrays(record.index, [layer])[layer].rows for record in run.records]
    quartiles = np.stack([np.quantile(values, [0.25, 0.5, 0.75], axis=0) for values in rows])  # (epochs, 3, units)
    steps: NDArray[np.float64] = np.abs(np.diff(quartiles, axis=0)).mean(axis=(0, 1))
    return steps

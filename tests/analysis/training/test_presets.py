"""What the presets are for, on one seed, Figure 2 on a quarter of its epochs; `make bench` has five seeds in full."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.training.presets import PRESETS, find_spec
from per_core.errors import InvalidInputError
from per_core.recording.run_directory import open_run
from tests.analysis.training.workers import work_here

pytestmark = pytest.mark.long

LAYERS = ("layer 2", "layer 6", "layer 9")  # those of the authors' Figure 2


def runs_of(key, out, **changes):
    spec = replace(PRESETS[key].spec, device="cpu", **changes)
    assert work_here(spec, out) == 0
    return {method.label: open_run(out / "runs" / f"{method.label}-s{spec.seed}") for method in spec.methods}


def movement(run, layer):
    """How far the quartiles of a unit move from one epoch to the next, on average."""
    rows = [run.arrays(record.index, [layer])[layer].rows for record in run.records]
    quartiles = np.stack([np.quantile(values, [0.25, 0.5, 0.75], axis=0) for values in rows])
    return np.abs(np.diff(quartiles, axis=0)).mean()


def test_figure_2(tmp_path):
    runs = runs_of("figure2", tmp_path / "figure2", epochs=15)
    for layer in LAYERS:
        final = {label: run.records[-1].layers[layer].variance for label, run in runs.items()}
        if layer != "layer 2":  # there it takes all 60 epochs
            assert final["vanilla"] > 1.15 * final["per"]
        moves = {label: movement(run, layer) for label, run in runs.items()}
        assert moves["bn"] < 0.8 * min(moves["vanilla"], moves["per"])


def test_hard(tmp_path):
    runs = runs_of("hard", tmp_path / "hard", seed=1)
    accuracy = {label: run.records[-1].scalars["test_accuracy"] for label, run in runs.items()}
    assert accuracy["vanilla"] < min(accuracy["per"], accuracy["bn"]) - 0.05
    assert accuracy["per"] > 0.95
    assert accuracy["bn"] > 0.95


def test_finding_a_spec():
    assert find_spec("default") is PRESETS["default"].spec
    with pytest.raises(InvalidInputError, match="one of default, figure2, hard"):
        find_spec("none")

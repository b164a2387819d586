"""What a plan makes of a dump, in a sentence."""

from pathlib import Path

import numpy as np

from analysis.dumps import inspect
from analysis.dumps.summary import Summary
from tests.analysis.dumps.dump_files import FIRST, run_directory


def said(path: Path) -> str:
    return Summary.of(inspect(path)).sentence()


def test_files_runs_and_arrays_are_counted_apart(tmp_path: Path) -> None:
    np.savez(tmp_path / "epoch_1.npz", fc1=FIRST, fc2=FIRST)
    assert said(tmp_path) == "1 file, 2 arrays → 2 layers × 1 epoch."
    assert said(tmp_path / "epoch_1.npz") == "1 file, 2 arrays → 2 layers × 1 epoch."
    run_directory(tmp_path / "runs" / "first")
    assert said(tmp_path / "runs" / "first") == "1 run, 4 arrays → 2 layers × 2 epochs."
    assert said(tmp_path).startswith("1 file, 1 run, 6 arrays → 4 layers × 3 epochs")


def test_what_was_joined_cut_and_left_out_is_said(tmp_path: Path) -> None:
    for part in range(3):
        np.save(tmp_path / f"layer_1_part_{part}.npy", FIRST)
    np.save(tmp_path / "labels.npy", np.arange(18))
    assert said(tmp_path) == (
        "4 files → 1 layer × 1 epoch; 3 parts of 6 rows joined to 18 rows (ordered by the number in the name);"
        " left out: 1 (labels)."
    )

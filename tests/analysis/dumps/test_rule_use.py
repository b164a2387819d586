"""What rules do with arrays: each array counts for the first rule that fits, and clashes are named."""

from pathlib import Path

import numpy as np
import pytest

from analysis.dumps import ArrayRule, ReadingPlan, list_arrays
from analysis.dumps.rule_use import rule_uses


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve parts of one layer, and labels."""
    for part in range(12):
        np.save(tmp_path / f"layer_4_{part}.npy", np.zeros((5 + part, 3), np.float32))
    np.save(tmp_path / "labels.npy", np.zeros(12, np.int64))
    return tmp_path


def test_the_first_rule_that_fits_decides(folder: Path) -> None:
    plan = ReadingPlan(
        (
            ArrayRule("labels.npy", left_out="labels"),
            ArrayRule("layer_{layer}_{part}.npy", ("sample", "unit")),
            ArrayRule("{layer}.npy", ("sample", "unit")),
        )
    )
    labels, parts, rest = rule_uses(list_arrays(folder).arrays, plan)
    assert (labels.arrays, labels.lengths, labels.problem) == (1, ((12, 12),), "")
    assert (parts.arrays, parts.lengths, parts.problem) == (12, ((5, 16), (3, 3)), "")
    assert parts.example is not None
    assert parts.example.name == "layer_4_0.npy"
    assert (rest.arrays, rest.example, rest.problem) == (0, None, "unused")


def test_arrays_that_nothing_tells_apart_are_named(folder: Path) -> None:
    plan = ReadingPlan((ArrayRule("layer_{layer}_*.npy", ("sample", "unit")),))
    (use,) = rule_uses(list_arrays(folder).arrays, plan)
    assert (use.problem, use.names) == ("alike", ("layer_4_0.npy", "layer_4_1.npy"))


def test_two_rules_that_clash_are_told_at_the_second(folder: Path) -> None:
    np.save(folder / "other_4.npy", np.zeros((5, 3), np.float32))
    rules = [ArrayRule("layer_{layer}_0.npy", ("sample", "unit")), ArrayRule("other_{layer}.npy", ("sample", "unit"))]
    first, second = rule_uses(list_arrays(folder).arrays, ReadingPlan(tuple(rules)))
    assert first.problem == ""
    assert (second.problem, second.names) == ("alike", ("layer_4_0.npy", "other_4.npy"))


def test_an_epoch_that_is_no_number_is_said(folder: Path) -> None:
    plan = ReadingPlan((ArrayRule("{epoch:layer_*}_{part}.npy", ("sample", "unit")),))
    (use,) = rule_uses(list_arrays(folder).arrays, plan)
    assert (use.problem, use.names) == ("epoch", ("layer_4",))

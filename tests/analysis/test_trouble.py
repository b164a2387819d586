"""The rules that name trouble: layers made to have exactly one, and healthy ones that have none."""

import re

import numpy as np
import pytest

from analysis.batch import ActivationBatch
from analysis.dumps import inspect
from analysis.overview import overview, survey
from analysis.trouble import find_troubles, list_troubles, unjudged

RANDOM = np.random.default_rng(5)
N, D = 800, 64
NORMAL = RANDOM.normal(size=(N, D))
FIRST_HALF = np.arange(D) < D // 2


def troubles(values, earlier=()):
    return find_troubles(reading(values), [reading(one) for one in earlier])


def reading(values):
    return survey(ActivationBatch(values, "made here"))


def with_values(indices, value):
    changed = NORMAL.copy()
    changed[indices] = value
    return changed


TROUBLED = {
    "nan": (with_values((3, 5), np.nan), "NaN", "severe", "1 values are NaN and 0 infinite, in 1 of 800 rows"),
    "infinite": (with_values(slice(0, 2), np.inf), "NaN", "severe", "0 values are NaN and 128 infinite, in 2 of 800"),
    "nothing finite": (NORMAL * np.nan, "NaN", "severe", "51,200 values are NaN and 0 infinite, in 800 of 800 rows"),
    "large": (300 * NORMAL, "exploding", "mild", "root mean square is 299.4"),
    "far away": (2 * NORMAL + 150, "exploding", "mild", "root mean square is 150"),
    "huge": (1e6 * NORMAL, "exploding", "severe", "root mean square is"),
    "alike": (NORMAL / 500 + 1, "collapsed", "severe", "all samples look alike"),
    "small": (NORMAL / 1000, "collapsed", "mild", "standard deviation is 0.001"),
    "some dead": (NORMAL * (np.arange(D) >= 16), "dead", "mild", "25% of the 64 units never change in 800 rows"),
    "half dead": (NORMAL * FIRST_HALF, "dead", "severe", "50% of the 64 units"),
    "all dead": (np.ones((N, D)), "dead", "severe", "100% of the 64 units"),
    "nearly all dead": (NORMAL * (np.arange(D) < 10), "dead", "severe", "84% of the 64 units"),
    "saturated": (np.tanh(30 * NORMAL), "saturated", "severe", "100% of the 64 units sit at"),
    "some saturated": (np.tanh(np.where(np.arange(D) < 20, 30, 1) * NORMAL), "saturated", "mild", "31% of the 64"),
    "one direction": (
        NORMAL[:, :1] * np.ones(D),
        "rank-deficient",
        "severe",
        "effective rank is 1 where 64 is possible",
    ),
}


@pytest.mark.parametrize("case", TROUBLED)
def test_a_layer_with_one_trouble_has_that_one_alone(case) -> None:
    values, kind, severity, words = TROUBLED[case]
    (trouble,) = troubles(values)
    assert (trouble.kind, trouble.severity) == (kind, severity)
    assert words in trouble.sentence


def test_few_directions_among_many_are_a_mild_rank_deficiency() -> None:
    wide = RANDOM.normal(size=(900, 3)) @ RANDOM.normal(size=(3, 300))
    (trouble,) = troubles(wide / wide.std())
    assert (trouble.kind, trouble.severity) == ("rank-deficient", "mild")


HEALTHY = {
    "gaussian": NORMAL,
    "relu": np.maximum(NORMAL, 0),
    "sparse relu": np.maximum(NORMAL - 1, 0),
    "tanh": np.tanh(NORMAL),
    "sigmoid": 1 / (1 + np.exp(-NORMAL)),
    "a standard deviation of 0.05": 0.05 * NORMAL,
    "a tenth dead": NORMAL * (np.arange(D) >= 6),
    "heavy tails": RANDOM.standard_t(3, size=(N, D)),
    "off centre": NORMAL + 10,
    "correlated": NORMAL @ np.diag(1 / np.arange(1, D + 1)),
    "more units than rows": RANDOM.normal(size=(100, 900)),
    "ten classes": np.eye(10)[np.arange(N) % 10] @ RANDOM.normal(size=(10, 400)),
    "two units": NORMAL[:, :1] * np.ones(2),
    "few rows": np.maximum(NORMAL[:4], 0),
    "one row": NORMAL[:1],
    "uniform": RANDOM.uniform(-1, 1, size=(N, D)),
}


@pytest.mark.parametrize("case", HEALTHY)
def test_a_healthy_layer_has_none(case) -> None:
    assert troubles(HEALTHY[case]) == ()


def test_growth_is_judged_by_the_history() -> None:
    grown = 20 * NORMAL
    assert troubles(grown) == ()
    assert troubles(grown, [10 * NORMAL, 15 * NORMAL]) == ()
    (trouble,) = troubles(grown, [NORMAL, 15 * NORMAL])
    assert trouble.kind == "exploding"
    assert "grown 400-fold since the first reading" in trouble.sentence
    assert troubles(NORMAL, [NORMAL / 50]) == ()  # from small to what is wanted


def test_two_troubles_come_severe_first() -> None:
    values = with_values((0, 0), np.nan) * (np.arange(D) >= 16)
    assert [(one.kind, one.severity) for one in troubles(values)] == [("NaN", "severe"), ("dead", "mild")]


def test_the_troubles_of_a_dump_are_each_told_once_with_their_epochs(tmp_path) -> None:
    for epoch, scale in ((1, 1.0), (2, 300.0), (3, 400.0)):
        layers = {"layer_1": NORMAL, "layer_2": scale * NORMAL}
        if epoch == 2:
            layers["layer_3"] = NORMAL * np.nan
        np.savez(tmp_path / f"epoch_{epoch}.npz", **layers)
    found = list_troubles(overview(inspect(tmp_path)))
    assert [(one.layer, one.epochs, one.trouble.kind) for one in found] == [
        ("layer_3", (2,), "NaN"),
        ("layer_2", (2, 3), "exploding"),
    ]
    assert "must have a finite value" in found[0].trouble.sentence
    assert "mean square is 399" in found[1].trouble.sentence  # as it is at the last of its epochs


def test_what_is_too_large_for_float32_is_no_infinity(tmp_path) -> None:
    np.save(tmp_path / "layer_1.npy", 1e200 * NORMAL.astype(np.float64))
    (found,) = [one for one in list_troubles(overview(inspect(tmp_path))) if one.trouble.kind == "exploding"]
    assert re.search(r"The root mean square is (9\.\d+e\+199|1\.\d*e\+200);", found.trouble.sentence)
    assert not [one for one in list_troubles(overview(inspect(tmp_path))) if one.trouble.kind == "NaN"]


def test_layers_of_few_rows_are_named_as_not_judged(tmp_path) -> None:
    np.savez(tmp_path / "epoch_1.npz", layer_1=np.zeros((8, 3)), layer_2=np.eye(40), layer_3=np.full((9, 2), np.nan))
    found = overview(inspect(tmp_path))
    assert unjudged(found) == ("layer_1",)

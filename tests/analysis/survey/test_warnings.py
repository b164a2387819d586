"""The rules that warn: the exact warnings for real little networks and for layers made to have one fault."""

import re

import numpy as np
import pytest

from analysis.batch import ActivationBatch
from analysis.dumps import inspect
from analysis.survey.layer_reading import LayerReading, survey
from analysis.survey.overview import overview
from analysis.survey.sentences import SENTENCES
from analysis.survey.warnings import find_warnings, list_warnings, unjudged
from tests.analysis.survey.activation_cases import (
    MASSIVE_UNIT,
    TOKENS,
    D,
    N,
    gaussian,
    made_by_hand,
    of_networks,
    transformer,
)

NORMAL = gaussian()

# What each must be warned of; everything else in the two tables must not be warned of.
WARNED = {
    "transformer, block_2": {"massive"},
    "transformer, block_3": {"massive"},
    "convolution, samples": {"dead"},  # the padding of empty borders, which the sentence names
    "hard sigmoid": {"dead"},  # a fifth of the units are clipped in every row
    "tanh, weights times 30": {"saturated"},
    "tanh in bfloat16, weights times 30": {"saturated"},
    "sigmoid, weights times 30": {"saturated"},
    "large": {"exploding"},
    "far away": {"exploding"},
    "huge": {"exploding", "beyond-float16"},
    "alike": {"alike"},
    "small": {"collapsed"},
    "one unit at 2000": {"massive"},
    "one unit times 2000": {"massive"},
    "one row at 2000": {"massive"},
    "one token with a norm of 20 medians": {"massive"},
    "an outlier channel of 60": {"massive"},
    "a quarter dead": {"dead"},
    "all but ten dead": {"dead"},
    "constant": {"dead"},
    "zeros": {"dead"},
    "constant but for rounding": {"alike"},
    "tanh at both sides": {"saturated"},
    "tanh at +1": {"saturated", "alike"},
    "tanh at -1": {"saturated", "alike"},
    "tanh at +1, a third of units": {"saturated"},
    "sigmoid at 0": {"saturated"},
    "elu at -1": {"saturated"},
    "one direction": {"rank-deficient"},
    "three directions": {"rank-deficient"},
    "beyond float16": {"massive", "beyond-float16"},
}


def reading(values) -> LayerReading:
    return survey(ActivationBatch(values, "made here"))


def warnings(values, earlier=()):
    return find_warnings(reading(values), [reading(one) for one in earlier])


def test_every_case_has_exactly_the_warnings_it_should_have() -> None:
    cases = {**of_networks(), **made_by_hand()}
    assert set(WARNED) <= set(cases)
    found = {name: {one.kind for one in warnings(values)} for name, values in cases.items()}
    assert found == {name: WARNED.get(name, set()) for name in cases}


def with_values(indices, value):
    changed = NORMAL.copy()
    changed[indices] = value
    return changed


SAID = {
    "nan": (with_values((3, 5), np.nan), "NaN", "severe", "1 value is NaN and 0 infinite, in 1 of 800 rows"),
    "infinite": (with_values(slice(0, 2), np.inf), "NaN", "severe", "0 values are NaN and 128 infinite, in 2 of 800"),
    "nothing finite": (NORMAL * np.nan, "NaN", "severe", "51,200 values are NaN and 0 infinite, in 800 of 800 rows"),
    "large": (300 * NORMAL, "exploding", "mild", "root mean square is 299.4"),
    "huge": (6e3 * NORMAL, "exploding", "severe", "root mean square is 5,988; that of N(0, I) is 1"),
    "alike": (NORMAL / 500 + 1, "alike", "severe", "0.20% of the root mean square: all samples look alike"),
    "small": (NORMAL / 1000, "collapsed", "mild", "root mean square is 0.001"),
    "some dead": (NORMAL * (np.arange(D) >= 16), "dead", "mild", "25% of the 64 units never change in 800 rows"),
    "half dead": (NORMAL * (np.arange(D) < D // 2), "dead", "severe", "50% of the 64 units"),
    "saturated": (np.tanh(30 * NORMAL), "saturated", "severe", "100% of the 64 units sit at their bounds"),
    "one direction": (
        NORMAL[:, :1] * np.linspace(1, 2, D), "rank-deficient", "severe", "effective rank is 1 where 64 is possible",
    ),
    "one unit": (
        np.where(np.arange(D) == 9, NORMAL + 2000, NORMAL), "massive", "mild",
        "800 values are massive: the largest magnitude is 2,003, 2,890 times the median magnitude. Outliers: units 9. "
        "The largest magnitude of a unit is 616 times the median.",
    ),
    "one row": (
        np.where(np.arange(N)[:, None] == 17, NORMAL + 2000, NORMAL), "massive", "mild",
        "Outliers: rows 17. The largest row norm is 2,018 times the median.",
    ),
    "float64": (
        np.where(np.arange(N)[:, None] == 17, 1e300, np.float64(NORMAL)), "beyond-float32", "severe",
        "64 values are finite but larger than float32 holds (3.4e38).",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_a_warning_says_what_was_found_in_numbers_and_what_to_try(case) -> None:
    values, kind, severity, words = SAID[case]
    (warning,) = [one for one in warnings(values) if one.kind == kind]
    assert warning.severity == severity
    assert words in warning.sentence
    assert len(warning.sentence) < 500
    assert set(SENTENCES) >= {warning.kind}


def test_values_that_float16_does_not_hold_are_counted() -> None:
    limit = 65_519.0
    with np.errstate(over="ignore"):
        assert [bool(np.isinf(np.float16(one))) for one in (limit, 65_520.0)] == [False, True]
    assert reading(with_values((slice(0, 3), 0), limit)).beyond_float16 == 0
    assert reading(with_values((slice(0, 3), 0), -65_520)).beyond_float16 == 3


def test_growth_is_judged_by_the_history() -> None:
    grown = 20 * NORMAL
    assert warnings(grown) == ()
    assert warnings(grown, [10 * NORMAL, 15 * NORMAL]) == ()
    (warning,) = warnings(grown, [NORMAL, 15 * NORMAL])
    assert warning.kind == "exploding"
    assert "grown 400-fold since the first reading" in warning.sentence
    assert warnings(NORMAL, [NORMAL / 50]) == ()  # from small to what is wanted


def test_two_warnings_come_severe_first() -> None:
    values = with_values((0, 0), np.nan) * (np.arange(D) >= 16)
    assert [(one.kind, one.severity) for one in warnings(values)] == [("NaN", "severe"), ("dead", "mild")]


def test_too_few_rows_are_not_called_dead_and_units_of_masked_attention_neither() -> None:
    sparse = np.maximum(NORMAL[:, :8] - 1.5, 0)
    assert warnings(sparse[:20]) == ()
    assert warnings(sparse) == ()
    masked = transformer()["attention_of_samples_0"]
    assert reading(masked).dead > 0.4
    assert warnings(masked) == ()


def test_massive_activations_name_rows_units_and_the_layer_of_their_onset(tmp_path) -> None:
    streams = {name.replace("block", "layer"): values for name, values in transformer().items() if "block" in name}
    np.savez(tmp_path / "step.npz", **streams)
    found = list_warnings(overview(inspect(tmp_path)))
    assert [(one.layer, one.warning.kind) for one in found] == [("layer_2", "massive"), ("layer_3", "massive")]
    for one in found:
        assert one.warning.figures["units"] == (MASSIVE_UNIT,)
        assert one.warning.figures["rows"] == tuple(range(0, 6 * TOKENS, TOKENS))
        assert one.warning.figures["onset"] == "layer_2"
    assert "It begins in this layer." in found[0].warning.sentence
    assert "It begins in layer_2." in found[1].warning.sentence


def test_the_rows_of_a_long_member_are_named_by_their_numbers_in_it(tmp_path) -> None:
    values = np.resize(gaussian(), (20_000, 16)).astype(np.float32)
    values[[0, 19_999]] = 3000
    np.save(tmp_path / "long.npy", values)
    (found,) = list_warnings(overview(inspect(tmp_path)))
    assert found.warning.figures["rows"] == (0, 19_999)


def test_the_warnings_of_a_dump_are_each_told_once_with_their_epochs(tmp_path) -> None:
    for epoch, scale in ((1, 1.0), (2, 300.0), (3, 400.0)):
        layers = {"layer_1": NORMAL, "layer_2": scale * NORMAL}
        if epoch == 2:
            layers["layer_3"] = NORMAL * np.nan
        np.savez(tmp_path / f"epoch_{epoch}.npz", **layers)
    found = list_warnings(overview(inspect(tmp_path)))
    assert [(one.layer, one.epochs, one.warning.kind) for one in found] == [
        ("layer_3", (2,), "NaN"),
        ("layer_2", (2, 3), "exploding"),
    ]
    assert "must have a finite value" in found[0].warning.sentence
    assert "mean square is 399" in found[1].warning.sentence  # as it is at the last of its epochs


def test_what_is_too_large_for_float32_is_no_infinity(tmp_path) -> None:
    np.save(tmp_path / "layer_1.npy", 1e200 * NORMAL.astype(np.float64))
    found = {one.warning.kind: one.warning for one in list_warnings(overview(inspect(tmp_path)))}
    assert set(found) == {"beyond-float32", "exploding"}
    assert re.search(r"The root mean square is (9\.\d+e\+199|1\.\d*e\+200);", found["exploding"].sentence)
    assert "51,200 values are finite but larger than float32 holds" in found["beyond-float32"].sentence


def test_layers_of_few_rows_are_named_as_not_judged(tmp_path) -> None:
    np.savez(tmp_path / "epoch_1.npz", layer_1=np.zeros((8, 3)), layer_2=np.eye(40), layer_3=np.full((9, 2), np.nan))
    found = overview(inspect(tmp_path))
    assert unjudged(found) == ("layer_1",)

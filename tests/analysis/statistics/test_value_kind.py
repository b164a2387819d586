"""What kind of values a layer has, of the same networks as the warnings and at the edges of each kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.value_kind import kind_of_values
from analysis.survey.sentences import kind_sentence
from tests.analysis.survey.activation_cases import HEADS, TOKENS, gaussian, made_by_hand, of_networks, quantised

KINDS = {
    "classifier, pixels": "quantised to 17 levels from 0 to 1",
    "classifier, softmax": "probabilities: every row sums to 1",
    "transformer, attention_0": "probabilities: every row sums to 1",
    "transformer, attention_of_samples_0": f"{HEADS * TOKENS} distributions in a row",
    "transformer, norm_0": "real, from",
    "relu": "not negative (ReLU-like, 50% zeros)",
    "relu in 8 bits": "quantised to 256 levels",
    "relu in 4 bits": "quantised to 16 levels",
    "elu": "real, from",
    "tanh": "bounded in [-1, 1]",
    "relu6": "clipped to [0, 6]",
    "hard sigmoid": "clipped to [0, 1]",
    "hard tanh": "clipped to [-1, 1]",
    "softmax of little": "probabilities",
    "tanh in bfloat16, weights times 30": "bounded in [-1, 1]",
    "sigmoid, weights times 30": "bounded in [0, 1]",
    "tanh at +1": "bounded in [0, 1]",
    "one-hot": "one-hot",
    "binary": "binary: only 0 and 1",
    "signs": "binary: only -1 and 1",
    "zeros": "one value, 0",
    "embeddings": "real, from",
    "the same rows many times": "real, from",
    "few rows": "not negative",
    "relu with dropout": "not negative (ReLU-like, 75% zeros)",
}


def test_networks_have_the_kinds_of_values_they_are_made_for() -> None:
    cases = {**of_networks(), **made_by_hand()}
    said = {name: kind_sentence(kind_of_values(cases[name].astype(np.float64))) for name in KINDS}
    assert {name: said[name][: len(words)] for name, words in KINDS.items()} == KINDS


@pytest.mark.parametrize("levels", [3, 17, 100, 256])
@pytest.mark.parametrize("scale", [1e-6, 0.013, 1.0, 1e5])
def test_a_grid_has_the_levels_it_was_made_with(levels, scale) -> None:
    made = np.float32(scale * quantised(gaussian(2000, 16), levels))
    assert kind_of_values(made.astype(np.float64)).levels == levels


@given(st.integers(0, 10**6), st.sampled_from([2, 5, 40]))
def test_gaussian_values_are_of_no_kind_whatever_the_size(seed, n) -> None:
    values = np.random.default_rng(seed).normal(size=(n, 6))
    assert kind_of_values(values).name in ("real", "non-negative", "bounded")
    assert kind_of_values(np.round(values, 0)).name != "probabilities"


def test_values_that_nearly_sum_to_one_are_no_probabilities() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(12), size=300)
    assert kind_of_values(rows).sums == 1
    assert kind_of_values(np.float64(np.float16(rows))).sums == 1
    assert kind_of_values(rows * np.linspace(0.9, 1, 300)[:, None]).sums == 0


def test_what_is_not_negative_and_never_0_is_not_called_like_a_relu() -> None:
    """The gates of an LSTM that has not learnt yet lie around a half."""
    gates = 0.2 + 0.6 * np.random.default_rng(0).random((480, 32))
    said = kind_sentence(kind_of_values(gates))
    assert said.startswith("not negative, from 0.2")
    assert "ReLU" not in said

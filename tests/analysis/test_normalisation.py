"""Normalisers on batches and on rows they have not seen."""

import numpy as np
import pytest

from analysis.batch import ActivationBatch
from analysis.bound import read_bound
from analysis.normalisation import normalise, normalise_held_out
from analysis.samples import figure1
from per_core import list_methods
from per_core.errors import InvalidInputError

NORMALISERS = [method.key for method in list_methods("normaliser")]


@pytest.mark.parametrize("key", NORMALISERS)
def test_every_normaliser_maps_a_batch(key: str) -> None:
    batch = figure1("b", 300, dim=5, shift=2.0, scale=3.0)
    mapped = normalise(batch, key, {})
    assert mapped.values.shape == (300, 5)
    assert mapped.is_finite
    assert mapped.fingerprint != batch.fingerprint


def test_batch_normalisation_is_its_formula() -> None:
    batch = figure1("c", 200, dim=3, shift=-1.0, scale=2.0)
    x = batch.values.astype(np.float64)
    expected = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 0.05)
    assert normalise(batch, "bn", {"eps": 0.05}).values == pytest.approx(expected, abs=1e-5)


def test_whitening_removes_correlation_and_nothing_else_does() -> None:
    batch = figure1("b", 2000, rho=0.8)
    left = {
        key: abs(np.corrcoef(normalise(batch, key, {}).values.T)[0, 1]) for key in ("bn", "dbn", "dbn_pca", "iter_norm")
    }
    assert left["bn"] == pytest.approx(0.8, abs=0.03)
    assert max(left["dbn"], left["dbn_pca"], left["iter_norm"]) < 0.01


def test_held_out_rows_are_mapped_by_the_statistics_of_the_others() -> None:
    values = figure1("a", 400, shift=3.0).values
    few = normalise_held_out(values, "bn", {}, rows=8, splits=3, seed=1)
    assert (few.rows, few.held_out_rows, few.seen.shape, few.held_out.shape) == (8, 200, (3,), (3,))
    order = np.random.default_rng([1, 0]).permutation(400)
    seen, unseen = values[order[:8]], values[order[200:]]
    mapped = (unseen - seen.mean(axis=0)) / np.sqrt(seen.var(axis=0, ddof=1) + 1e-5)
    assert few.held_out[0] == pytest.approx(read_bound(mapped.astype(np.float32), slices=64).sw1, rel=1e-4)


def test_whitening_with_few_rows_looks_perfect_on_those_and_is_not_on_others() -> None:
    """Two modes in each pair: far from Gaussian, and yet below a Gaussian sample's own distance after whitening."""
    values = figure1("d", 4096, dim=16, fill="pairs", shift=1.0).values
    few = normalise_held_out(values, "dbn", {}, rows=16, splits=9)
    many = normalise_held_out(values, "dbn", {}, rows=2048, splits=9)
    gaussian = normalise_held_out(figure1("a", 4096, dim=16).values, "layer_norm", {}, rows=16, splits=9)
    assert np.median(few.seen) < np.median(gaussian.seen)
    assert np.median(few.held_out) > 10 * np.median(many.held_out)


def test_a_normaliser_without_statistics_treats_all_rows_alike() -> None:
    values = figure1("a", 4096, dim=32).values
    split = normalise_held_out(values, "layer_norm", {}, rows=1024, splits=5)
    assert np.median(split.seen) == pytest.approx(np.median(split.held_out), rel=0.1)


def test_wrong_choices_are_refused() -> None:
    batch = ActivationBatch(np.zeros((10, 2)), "zeros")
    with pytest.raises(InvalidInputError, match=r"a regulariser\. Follow its gradient"):
        normalise(batch, "per", {})
    with pytest.raises(InvalidInputError, match="2 to 5 rows of a batch of 10"):
        normalise_held_out(batch.values, "bn", {}, rows=6, splits=1)
    with pytest.raises(InvalidInputError, match="key must be one of"):
        normalise(batch, "nonsense", {})

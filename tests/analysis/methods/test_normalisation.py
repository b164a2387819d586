"""Normalisers on batches and on rows they have not seen."""

import numpy as np
import pytest

from analysis.batch import ActivationBatch
from analysis.distances.bound import Distances, read_bound
from analysis.methods.normalisation import SLICES, normalise, normalise_held_out
from analysis.samples import figure1
from analysis.statistics.null_band import null_band
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


def test_held_out_rows_are_mapped_by_the_statistics_of_the_others_and_read_as_few_at_a_time() -> None:
    batch = figure1("a", 400, shift=3.0)
    few = normalise_held_out(batch, "bn", {}, rows=8, splits=3, seed=1)
    assert (few.rows, few.chunks, few.seen.shape, few.held_out.shape) == (8, 25, (3,), (3,))
    order = np.random.default_rng([1, 0]).permutation(400)
    seen, unseen = batch.values[order[:8]], batch.values[order[200:]]
    mapped = ((unseen - seen.mean(axis=0)) / np.sqrt(seen.var(axis=0, ddof=1) + 1e-5)).astype(np.float32)
    chunks = [read_bound(ActivationBatch(chunk, "chunk"), slices=64).sw1 for chunk in np.split(mapped, 25)]
    assert few.held_out[0] == pytest.approx(np.mean(chunks), rel=1e-4)


@pytest.mark.parametrize("rows", [4, 16, 256, 2048])
@pytest.mark.parametrize("key", ["layer_norm", "rms_norm"])
def test_what_maps_each_row_by_itself_has_no_trap(key: str, rows: int) -> None:
    batch = figure1("b", 4096, dim=8, shift=1.0, scale=1.5)
    split = normalise_held_out(batch, key, {}, rows=rows, splits=15)
    assert np.median(split.held_out) == pytest.approx(np.median(split.seen), rel=0.12)


def test_whitening_with_few_rows_looks_perfect_on_those_and_is_not_on_others() -> None:
    """Two modes in each pair: far from Gaussian, and yet below a Gaussian sample's own distance after whitening."""
    batch = figure1("d", 4096, dim=16, fill="pairs", shift=1.0)
    few = normalise_held_out(batch, "dbn", {}, rows=16, splits=9)
    gaussian = null_band(Distances(SLICES), 16, 16, draws=39)["sw1"]
    assert np.median(few.seen) < gaussian.low
    assert np.median(few.held_out) > max(gaussian.high, 3 * np.median(few.seen))


def test_with_many_rows_the_small_batch_effect_vanishes() -> None:
    """Few rows are further from N(0, I) by chance, seen or not: the gap is what the transform adds."""
    batch = figure1("b", 4096, shift=1.0, scale=1.5)
    gaps = {}
    for key, rows in (("bn", 16), ("bn", 2048), ("dbn", 16), ("dbn", 64)):
        split = normalise_held_out(batch, key, {}, rows=rows, splits=15)
        gaps[key, rows] = np.median(split.held_out) / np.median(split.seen)
    assert gaps["bn", 2048] == pytest.approx(1, abs=0.1)
    assert gaps["bn", 16] > 1.3
    assert gaps["dbn", 16] > 1.8
    assert gaps["dbn", 64] > 1.8


def test_wrong_choices_are_refused() -> None:
    batch = ActivationBatch(np.zeros((10, 2)), "zeros")
    with pytest.raises(InvalidInputError, match=r"a regulariser\. Follow its gradient"):
        normalise(batch, "per", {})
    with pytest.raises(InvalidInputError, match="2 to 5 rows of a batch of 10"):
        normalise_held_out(batch, "bn", {}, rows=6, splits=1)
    with pytest.raises(InvalidInputError, match="key must be one of"):
        normalise(batch, "nonsense", {})

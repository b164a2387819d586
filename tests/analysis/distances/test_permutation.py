"""Batches whose rows were permuted: their distance against POT, for samples of one distribution and of two."""

import itertools
import math

import numpy as np
import pytest

from analysis.batch import ActivationBatch, moved
from analysis.distances.permutation import shuffled_distances, swapped_distances
from analysis.distances.pot_distance import pot_between
from per_core.errors import InvalidInputError


def batch_of(values: np.ndarray) -> ActivationBatch:
    return ActivationBatch(values, "by hand")


def normal(n: int, d: int, seed: int) -> ActivationBatch:
    return batch_of(np.random.default_rng(seed).standard_normal((n, d)))


def test_a_permutation_is_the_distance_of_the_batches_it_makes() -> None:
    """Of different sizes and with ties, by POT."""
    first, second = normal(30, 3, 1), batch_of(normal(50, 3, 2).values.round(1))
    dealt = shuffled_distances(first, second, slices=16, count=2, seed=7)
    pooled, rng = np.concatenate([first.values, second.values]), np.random.default_rng(7)
    for distance in dealt:
        order = rng.permutation(80)  # position i receives the label of row order[i]
        own = order < 30
        assert distance == pytest.approx(
            pot_between(batch_of(pooled[own]), batch_of(pooled[~own]), slices=16)[0], rel=1e-4
        )


def test_two_samples_of_one_law_lie_inside_and_two_laws_outside() -> None:
    first, second = normal(400, 8, 3), normal(300, 8, 4)
    dealt = shuffled_distances(first, second, slices=64, count=39)
    assert dealt.min() < pot_between(first, second, slices=64)[0] < dealt.max()
    assert pot_between(first, moved(second, 0.5, 1.0), slices=64)[0] > dealt.max()


def test_what_never_changes_is_0_apart() -> None:
    ones = batch_of(np.ones((10, 2)))
    assert (shuffled_distances(ones, ones, slices=8, count=3) < 1e-6).all()


def test_swaps_of_few_pairs_are_those_of_the_enumeration() -> None:
    """Of 4 pairs there are 2⁴ ways to swap, of which two each (all rows swapped) are the same distance."""
    first, second = normal(4, 2, 5), normal(4, 2, 6)
    every = []
    for swaps in itertools.product([False, True], repeat=4):
        swapped = np.array(swaps)[:, None]
        ways = [
            batch_of(np.where(swapped, *pair))
            for pair in ((second.values, first.values), (first.values, second.values))
        ]
        every.append(pot_between(*ways, slices=16)[0])
    drawn = swapped_distances(first, second, slices=16, count=800)
    possible = np.unique(np.round(every, 4))
    assert len(possible) == 8
    values, counts = np.unique(np.round(drawn, 4), return_counts=True)
    np.testing.assert_allclose(values, possible, atol=2e-4)
    assert counts == pytest.approx(100, abs=5 * math.sqrt(800 / 8 * 7 / 8))


def test_a_change_of_five_per_cent_shows_in_pairs_and_not_in_the_pool() -> None:
    batch = normal(2000, 2, 0)
    scaled = moved(batch, 0.0, 1.05)
    apart = pot_between(batch, scaled, slices=64)[0]
    assert apart == pytest.approx(0.04, abs=0.001)
    assert 3 * swapped_distances(batch, scaled, slices=64, count=99).max() < apart
    assert shuffled_distances(batch, scaled, slices=64, count=99).max() > apart


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_pairs_of_one_distribution_are_called_different_as_rarely_as_stated(correlation: float) -> None:
    """600 data sets against 19 swaps: 5 %, whether the rows of a pair are alike or not."""
    rng = np.random.default_rng(8)
    noise = math.sqrt(1 - correlation**2)
    beyond = 0
    for seed in range(600):
        first, fresh = rng.standard_normal((2, 30, 2)).astype(np.float32)
        pair = batch_of(first), batch_of(np.float32(correlation) * first + np.float32(noise) * fresh)
        dealt = swapped_distances(*pair, slices=8, count=19, seed=seed)
        beyond += pot_between(*pair, slices=8)[0] > dealt.max()
    assert beyond / 600 == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 600))


def test_pairs_need_as_many_rows() -> None:
    with pytest.raises(InvalidInputError, match=r"as many rows in both batches; received 4 and 5"):
        swapped_distances(normal(4, 2, 1), normal(5, 2, 2), slices=8, count=1)

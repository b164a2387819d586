"""Batches whose rows were permuted: their distance against POT, for samples of one distribution and of two."""

import itertools
import math

import numpy as np
import pytest

from analysis.distances.directions import shared_directions
from analysis.distances.permutation import shuffled_distances, swapped_distances
from analysis.distances.pot_distance import pot_between
from per_core.errors import InvalidInputError


def normal(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def test_a_permutation_is_the_distance_of_the_batches_it_makes() -> None:
    """Of different sizes and with ties, by POT."""
    first, second = normal(30, 3, 1), normal(50, 3, 2).round(1)
    directions = shared_directions(3, 16)
    permuted = shuffled_distances(first, second, directions, count=2, seed=7)
    pooled, rng = np.concatenate([first, second]), np.random.default_rng(7)
    for distance in permuted:
        order = rng.permutation(80)  # position i receives the label of row order[i]
        own = order < 30
        assert distance == pytest.approx(pot_between(pooled[own], pooled[~own], directions).mean(), rel=1e-4)


def test_two_samples_of_one_distribution_lie_inside_and_of_two_outside() -> None:
    directions = shared_directions(8, 64)
    first, second = normal(400, 8, 3), normal(300, 8, 4)
    permuted = shuffled_distances(first, second, directions, count=39)
    assert permuted.min() < pot_between(first, second, directions).mean() < permuted.max()
    assert pot_between(first, second + 0.5, directions).mean() > permuted.max()


def test_what_never_changes_is_0_apart() -> None:
    ones = np.ones((10, 2), np.float32)
    assert (shuffled_distances(ones, ones, shared_directions(2, 8), count=3) < 1e-6).all()


def test_swaps_of_few_pairs_are_those_of_the_enumeration() -> None:
    """Of 4 pairs there are 2⁴ ways to swap, of which two each (all rows swapped) are the same distance."""
    first, second = normal(4, 2, 5), normal(4, 2, 6)
    directions = shared_directions(2, 16)
    every = []
    for swaps in itertools.product([False, True], repeat=4):
        swapped = np.array(swaps)[:, None]
        ways = np.where(swapped, second, first), np.where(swapped, first, second)
        every.append(pot_between(*ways, directions).mean())
    drawn = swapped_distances(first, second, directions, count=800)
    possible = np.unique(np.round(every, 4))
    assert len(possible) == 8
    values, counts = np.unique(np.round(drawn, 4), return_counts=True)
    np.testing.assert_allclose(values, possible, atol=2e-4)
    assert counts == pytest.approx(100, abs=5 * math.sqrt(800 / 8 * 7 / 8))


def test_a_change_of_five_per_cent_shows_in_pairs_and_not_in_the_pool() -> None:
    values = normal(2000, 2, 0)
    scaled = np.float32(1.05) * values
    directions = shared_directions(2, 64)
    apart = pot_between(values, scaled, directions).mean()
    assert apart == pytest.approx(0.04, abs=0.001)
    assert 3 * swapped_distances(values, scaled, directions, count=99).max() < apart
    assert shuffled_distances(values, scaled, directions, count=99).max() > apart


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_pairs_of_one_distribution_are_called_different_as_rarely_as_stated(correlation: float) -> None:
    """600 data sets against 19 swaps: 5 %, whether the rows of a pair are alike or not."""
    rng = np.random.default_rng(8)
    directions = shared_directions(2, 8)
    noise = math.sqrt(1 - correlation**2)
    beyond = 0
    for seed in range(600):
        first, fresh = rng.standard_normal((2, 30, 2)).astype(np.float32)
        second = np.float32(correlation) * first + np.float32(noise) * fresh
        permuted = swapped_distances(first, second, directions, count=19, seed=seed)
        beyond += pot_between(first, second, directions).mean() > permuted.max()
    assert beyond / 600 == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 600))


def test_pairs_need_as_many_rows() -> None:
    with pytest.raises(InvalidInputError, match=r"as many rows in both batches; received 4 and 5"):
        swapped_distances(normal(4, 2, 1), normal(5, 2, 2), shared_directions(2, 8), count=1)

"""Batches whose rows were dealt out anew: their distance against POT, and what it says of one law and of two."""

import numpy as np
import pytest

from analysis.directions import shared_directions
from analysis.permutation import shuffled_distances
from analysis.pot_distance import pot_between


def normal(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def test_a_deal_is_the_distance_of_the_batches_it_makes() -> None:
    """Of different sizes and with ties, by POT."""
    first, second = normal(30, 3, 1), normal(50, 3, 2).round(1)
    directions = shared_directions(3, 16)
    dealt = shuffled_distances(first, second, directions, count=2, seed=7)
    pooled, rng = np.concatenate([first, second]), np.random.default_rng(7)
    for distance in dealt:
        order = rng.permutation(80)  # position i receives the label of row order[i]
        own = order < 30
        assert distance == pytest.approx(pot_between(pooled[own], pooled[~own], directions).mean(), rel=1e-4)


def test_two_samples_of_one_law_lie_inside_and_two_laws_outside() -> None:
    directions = shared_directions(8, 64)
    first, second = normal(400, 8, 3), normal(300, 8, 4)
    dealt = shuffled_distances(first, second, directions, count=39)
    assert dealt.min() < pot_between(first, second, directions).mean() < dealt.max()
    assert pot_between(first, second + 0.5, directions).mean() > dealt.max()


def test_what_never_changes_is_0_apart() -> None:
    ones = np.ones((10, 2), np.float32)
    assert (shuffled_distances(ones, ones, shared_directions(2, 8), count=3) < 1e-6).all()

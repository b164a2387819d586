"""The interval from the counts holds the exact sliced W1, whatever the data, and is as narrow as it can be."""

import math

import numpy as np
import ot
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

from analysis.one_pass import Grid, PassSpec, certified_distance, take_statistics
from analysis.one_pass.projection_counts import ProjectionCounts
from per_core import gaussian_w1
from per_core.errors import InvalidInputError

WIDTH = Grid().width
ROUNDOFF = 1e-9

EDGES = st.integers(-2100, 2100).map(lambda i: i * WIDTH)
BESIDE = EDGES.map(lambda x: float(np.nextafter(np.float32(x), np.float32(9e9))))
VALUES = st.one_of(
    st.floats(-9, 9, width=32),
    st.floats(-(2.0**90), 2.0**90, width=32),
    EDGES,
    BESIDE,
    st.sampled_from([0.0, -0.0, 8.0, -8.0, 1e-40, 1e29, -1e29]),
)
MATRICES = st.tuples(st.integers(1, 40), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=VALUES.map(np.float32))
)


def exact(rows: np.ndarray, spec: PassSpec) -> float:
    """Sliced W1 of the same rows on the same directions, in float64."""
    values = torch.from_numpy(rows).double()
    return gaussian_w1(values @ spec.directions(rows.shape[1]).double().T).mean().item()


def holds(rows: np.ndarray, spec: PassSpec) -> float:
    """The width of the interval, which must hold the exact value."""
    distance = take_statistics(rows, spec).distance()
    assert (distance.lower_per_direction >= 0).all()
    assert distance.lower <= exact(rows, spec) <= distance.upper
    return distance.upper - distance.lower


def rounding(rows: np.ndarray) -> float:
    """What float32 products may add to the width of the interval, and float64 sums of values of that size."""
    mean = float(np.linalg.norm(rows.astype(np.float64), axis=1).mean())
    return 2 * (rows.shape[1] + 2) * 2**-24 * mean + ROUNDOFF * (1 + mean)


@given(rows=MATRICES)
@example(rows=np.zeros((1, 1), np.float32))
@example(rows=np.full((7, 3), 1e29, np.float32))
@settings(max_examples=300, deadline=None)
def test_any_rows(rows):
    assert holds(rows, PassSpec(slices=5)) <= WIDTH + rounding(rows)


@given(rows=MATRICES, limit=st.sampled_from([0.25, 1.0, 4.0]), bins=st.sampled_from([2, 8, 64]))
@settings(max_examples=200, deadline=None)
def test_coarse_grids_that_end_within_the_gaussian(rows, limit, bins):
    grid = Grid(limit, bins)
    beyond = norm.pdf(limit) - limit * norm.sf(limit)  # E(Z − limit)₊
    assert holds(rows, PassSpec(slices=3, grid=grid)) <= grid.width + 4 * beyond + rounding(rows)


@pytest.mark.parametrize("n", [1, 2, 10, 3000])
@pytest.mark.parametrize(
    "draw",
    [
        lambda r, s: r.standard_normal(s),
        lambda r, s: r.standard_cauchy(s) * 1e3,
        lambda r, s: r.standard_t(1.2, s),
        lambda r, s: 1e4 + r.standard_normal(s),
        lambda r, s: r.standard_normal(s) * 1e-6,
        lambda r, s: np.maximum(r.standard_normal(s), 0) * 30,
        lambda r, s: np.broadcast_to(r.standard_normal(s[1]), s),
    ],
    ids=["gaussian", "cauchy", "t", "far", "collapsed", "relu", "constant"],
)
def test_common_data(n, draw):
    rows = np.array(draw(np.random.default_rng(n), (n, 24)), np.float32)
    assert holds(rows, PassSpec(slices=32)) <= WIDTH + rounding(rows)


def test_a_wide_layer_in_several_sums():
    rows = np.random.default_rng(0).standard_normal((500, 1000)).astype(np.float32) * 3 + 1
    assert holds(rows, PassSpec(slices=16)) < 2 * WIDTH


def test_against_the_integral_of_the_distribution_functions():
    """∫|F_n(x) − Φ(x)| dx, by quadrature between the values: nothing of per_core."""
    values = np.sort(np.random.default_rng(3).standard_t(2, 60) * 1.5).astype(np.float32)
    ends = [-40.0, *values.astype(float), 40.0]
    area = sum(
        quad(lambda x, rank=rank: abs(rank / 60 - ndtr(x)), ends[rank], ends[rank + 1], epsabs=1e-12)[0]
        for rank in range(61)
    )
    distance = take_statistics(values[:, None], PassSpec(slices=2)).distance()
    mirrored = take_statistics(-values[:, None], PassSpec(slices=2)).distance()
    assert min(distance.lower, mirrored.lower) <= area <= max(distance.upper, mirrored.upper)
    assert distance.upper - distance.lower < WIDTH + 1e-6


def test_against_pot():
    """POT with 2^16 quantiles of N(0, 1): biased by less than 1e-5."""
    rows = np.random.default_rng(4).gamma(2.0, size=(4000, 6)).astype(np.float32)
    spec = PassSpec(slices=40)
    quantiles = norm.ppf((np.arange(2**16) + 0.5) / 2**16)
    projections = rows.astype(np.float64) @ spec.directions(6).double().numpy().T
    pot = np.mean([ot.wasserstein_1d(projections[:, k], quantiles) for k in range(40)])
    distance = take_statistics(rows, spec).distance()
    assert distance.lower - 1e-5 <= pot <= distance.upper + 1e-5


def counts_of(values: list[float], grid: Grid) -> ProjectionCounts:
    return ProjectionCounts.of(torch.tensor([values], dtype=torch.float32) / grid.width, grid)


def test_both_ends_are_reached():
    """All of a bin at one of its edges is the upper bound; N(0, 1) cut off at the edges of its bins is the lower."""
    grid = Grid(4.0, 8)
    left = counts_of([2.0], grid)
    assert certified_distance(left).upper == pytest.approx(gaussian_w1(torch.tensor([[3.0]]).double()).item(), abs=1e-9)
    n = 400_000
    quantiles = norm.ppf((np.arange(n) + 0.5) / n).clip(2.0, 2.999999)
    distance = certified_distance(counts_of(list(quantiles), grid))
    closest = gaussian_w1(torch.from_numpy(quantiles)[:, None]).item()
    assert distance.lower == pytest.approx(closest, abs=1e-5)


def test_far_tails_are_exact():
    """Beyond the grid the mean is all that counts: E|x − Z| = x there."""
    distance = take_statistics(np.array([[9.0], [100.0], [1000.0]], np.float32), PassSpec(slices=64)).distance()
    assert distance.upper - distance.lower < 1e-3
    assert distance.lower == pytest.approx(1109 / 3, rel=1e-6)


def test_gaussian_data_of_many_rows_comes_out_small():
    rows = np.random.default_rng(5).standard_normal((200_000, 8), dtype=np.float32)
    distance = take_statistics(rows, PassSpec(slices=16)).distance()
    assert 0 <= distance.lower <= 1.288 / math.sqrt(200_000) + 1e-3
    assert distance.upper < 0.004 + WIDTH


def test_the_standard_error_is_that_over_slices():
    rows = np.random.default_rng(6).standard_normal((1000, 3), dtype=np.float32) * [1, 2, 5]
    spec = PassSpec(slices=50)
    per_direction = gaussian_w1(torch.from_numpy(rows).double() @ spec.directions(3).double().T)
    expected = per_direction.std().item() / math.sqrt(50)
    assert take_statistics(rows, spec).distance().standard_error == pytest.approx(expected, rel=0.01)
    assert take_statistics(rows, spec).distance().margin_of_error > 1.9 * expected
    assert math.isnan(take_statistics(rows, PassSpec(slices=1)).distance().standard_error)


def test_nothing_counted_has_no_distance():
    rows = np.full((3, 2), np.nan, np.float32)
    with pytest.raises(InvalidInputError, match="at least one row of finite values"):
        take_statistics(rows, PassSpec(slices=4)).distance()


@pytest.mark.parametrize("grid", [(8.0, 4095), (8.0, 0), (8.0, 2**17), (7.0, 4096), (0.0, 4), (8.0, True), (2**20, 2)])
def test_grids_that_would_round_are_refused(grid):
    with pytest.raises(InvalidInputError, match="A grid has an even number of bins"):
        Grid(*grid)

"""The interval from counts and sums holds the exact sliced W1, whatever the data, and is narrow."""

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

from analysis.one_pass import Grid, PassSpec, certified_distance, take_batches, take_statistics
from analysis.one_pass.projection import mean_rounding, project
from analysis.one_pass.projection_counter import ProjectionCounter
from analysis.one_pass.projection_counts import ProjectionCounts
from per_core import gaussian_w1
from per_core.errors import InvalidInputError

WIDTH, LIMIT = Grid().width, Grid().limit
QUANTUM = Grid().quantum
BEYOND = 4 * (norm.pdf(LIMIT) - LIMIT * norm.sf(LIMIT))  # 4 E(Z − limit)₊
ROUNDOFF = 1e-9

EDGES = st.integers(-2100, 2100).map(lambda i: i * WIDTH)
BESIDE = EDGES.map(lambda x: float(np.nextafter(np.float32(x), np.float32(9e9))))
VALUES = st.one_of(
    st.floats(-9, 9, width=32),
    st.floats(-(2.0**90), 2.0**90, width=32),
    EDGES,
    BESIDE,
    st.sampled_from([0.0, -0.0, LIMIT, -LIMIT, LIMIT - QUANTUM / 2, -LIMIT - QUANTUM / 2, 1e-40, 1e29, -1e29]),
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


def rounding(rows: np.ndarray, grid: Grid | None = None) -> float:
    """What float32 products and numbers of quanta add to the width, and float64 sums of values of that size."""
    mean = float(np.linalg.norm(rows.astype(np.float64), axis=1).mean())
    quantum = (grid or Grid()).quantum
    return 2 * (rows.shape[1] + 4) * 2**-24 * mean + 2 * quantum + ROUNDOFF * (1 + mean)


@given(rows=MATRICES)
@example(rows=np.zeros((1, 1), np.float32))
@example(rows=np.full((7, 3), 1e29, np.float32))
@settings(max_examples=300, deadline=None)
def test_any_rows(rows):
    assert holds(rows, PassSpec(slices=5)) <= WIDTH / 2 + BEYOND + rounding(rows)


@given(rows=MATRICES, limit=st.sampled_from([0.25, 1.0, 4.0]), bins=st.sampled_from([2, 8, 64]))
@settings(max_examples=200, deadline=None)
def test_coarse_grids_that_end_within_the_gaussian(rows, limit, bins):
    grid = Grid(limit, bins)
    beyond = norm.pdf(limit) - limit * norm.sf(limit)  # E(Z − limit)₊
    assert holds(rows, PassSpec(slices=3, grid=grid)) <= grid.width / 2 + 4 * beyond + rounding(rows, grid)


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
    assert holds(rows, PassSpec(slices=32)) <= WIDTH / 2 + BEYOND + rounding(rows)


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


@pytest.mark.parametrize("d", [1, 60, 300, 1030])
@pytest.mark.parametrize("scale", ["alike", "one large unit", "heavy tails"])
def test_projections_are_no_farther_from_the_exact_ones_than_is_said(d, scale):
    random = np.random.default_rng(d)
    rows = random.standard_normal((300, d)).astype(np.float32)
    rows[:, 0] *= 1e4 if scale == "one large unit" else 1
    rows *= random.standard_cauchy((300, 1)).astype(np.float32) if scale == "heavy tails" else np.float32(1)
    theta = PassSpec(slices=20).directions(d)
    exact_ones = rows.astype(np.float64) @ theta.double().numpy().T
    scaled = (theta.double() * 1234.5).float()
    error = np.abs(project(torch.from_numpy(rows), scaled).double().numpy().T / 1234.5 - exact_ones).mean(axis=0)
    norms, squares = np.linalg.norm(rows.astype(np.float64), axis=1), rows.astype(np.float64) ** 2
    said = mean_rounding(theta, norms.mean(), np.sqrt(squares.mean(axis=0)))
    assert (error <= said).all()
    assert (said <= 2 * 2**-24 * (min(d, 64) + d / 64 + 4) * norms.mean()).all()
    unknown = mean_rounding(theta, norms.mean(), np.full(d, np.nan))
    assert (said <= unknown).all()


def counts_of(values: np.ndarray, grid: Grid) -> ProjectionCounts:
    """Of values on one direction."""
    counter = ProjectionCounter(torch.ones(1, 1), grid)
    counter.add(torch.from_numpy(values.astype(np.float32))[:, None])
    return counter.result()


@pytest.mark.parametrize("value", [2.0, 2.4, 2.9999, -0.3])
def test_a_piece_away_from_its_quantiles_is_exact(value):
    """All bins but those that hold quantiles of their rank: here half of the values at 3 take the quantiles below 0."""
    grid = Grid(4.0, 8)
    values = np.array([-3.6, value, 3.5, 3.5, 3.25, 3.75, 3.9, 3.1])
    distance = certified_distance(counts_of(values, grid))
    found = gaussian_w1(torch.from_numpy(values)[:, None]).item()
    assert distance.lower <= found <= distance.upper
    quantiles = norm.ppf(np.arange(9) / 8)
    straddling = [
        np.floor(v) < high and low < np.floor(v) + 1
        for v, low, high in zip(np.sort(values), quantiles[:-1], quantiles[1:], strict=True)
    ]
    assert distance.upper - distance.lower <= sum(straddling) / 8 * grid.width / 2 + 2 * grid.quantum + ROUNDOFF


def test_values_at_one_edge_leave_no_doubt():
    grid = Grid(4.0, 8)
    distance = certified_distance(counts_of(np.array([-1.0, 0.0, 0.0, 1.0, 1.0, 2.0]), grid))
    assert distance.upper - distance.lower <= 2 * grid.quantum + ROUNDOFF


def test_the_lower_bound_is_reached_by_quantiles_cut_off_at_the_edges():
    grid = Grid(4.0, 8)
    n = 400_000
    values = norm.ppf((np.arange(n) + 0.5) / n).clip(-0.999999, 2.999999)
    distance = certified_distance(counts_of(values, grid))
    assert distance.lower == pytest.approx(gaussian_w1(torch.from_numpy(values)[:, None]).item(), abs=1e-5)


@given(
    values=arrays(np.float64, st.integers(2, 30), elements=st.floats(-4.5, 4.5)),
    moves=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29), st.floats(0, 1)), max_size=20),
)
@example(values=np.array([-1.0, -(2.0**-126)]), moves=[(1, 0, 0.5)])  # the second is counted as 0, in the next bin
def test_every_arrangement_with_these_counts_and_sums_is_inside(values, moves):
    """Two values of a bin move apart or together by as much, so that its count and sum stay: of the values as counted.

    These are whole numbers of quanta, so that a value just below an edge may lie on it.
    """
    grid = Grid(4.0, 8)
    values = np.round(values / grid.quantum) * grid.quantum
    distance = certified_distance(counts_of(values, grid))
    bins = np.floor(values)
    for first, second, share in moves:
        i, j = first % len(values), second % len(values)
        if i != j and bins[i] == bins[j] and -4 <= bins[i] < 4:
            move = share * min(values[i] - bins[i], bins[j] + 1 - values[j])
            values[i], values[j] = values[i] - move, values[j] + move
    assert distance.lower <= gaussian_w1(torch.from_numpy(values)[:, None]).item() <= distance.upper


def elu(z: np.ndarray) -> np.ndarray:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


@pytest.mark.parametrize(
    ("layer", "most"),
    [(elu, 1e-4), (lambda z: np.maximum(z, 0), 1e-4), (lambda z: z, 1e-3)],
    ids=["elu", "relu", "gaussian"],
)
def test_the_interval_of_a_layer_of_many_rows_is_narrow(layer, most):
    random = np.random.default_rng(7)
    batches = (layer(random.standard_normal((20_000, 256), np.float32)).astype(np.float32) for _ in range(10))
    found = take_batches(batches, 256, PassSpec(slices=16))
    assert found.n == 200_000
    assert found.distance().upper - found.distance().lower <= most


def test_far_tails_are_exact():
    """Beyond the grid the mean is all that counts: E|x − Z| = x there."""
    distance = take_statistics(np.array([[9.0], [100.0], [1000.0]], np.float32), PassSpec(slices=64)).distance()
    assert distance.upper - distance.lower < 1e-3
    assert distance.lower == pytest.approx(1109 / 3, rel=1e-6)


def test_gaussian_data_of_many_rows_comes_out_small():
    rows = np.random.default_rng(5).standard_normal((200_000, 8), dtype=np.float32)
    distance = take_statistics(rows, PassSpec(slices=16)).distance()
    assert 0 <= distance.lower <= 1.288 / math.sqrt(200_000) + 1e-3
    assert distance.upper < 0.004


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


@pytest.mark.parametrize("grid", [(8.0, 4095), (8.0, 0), (8.0, 2**17), (0.0, 4), (8.0, True), (2**20, 2)])
def test_grids_out_of_range_are_refused(grid):
    with pytest.raises(InvalidInputError, match="A grid has an even number of bins"):
        Grid(*grid)

"""Drawings: they fit into an address, hostile addresses are refused, and batches have the drawn distribution."""

import base64
import math
import zlib
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, stats

from analysis.distances.bound import Distances, read_bound
from analysis.distances.shipped_bands import shipped_bands
from analysis.drawing import (
    GRIDS,
    KINDS,
    LONGEST_ADDRESS,
    Drawing,
    DrawnSpec,
    Kind,
    draw_batch,
    empty,
    shaped,
    shapes,
)
from per_core.errors import InvalidInputError

N = 200_000


def any_drawing(kind: Kind, seed: int, painted: float = 1.0) -> Drawing:
    """Random levels in a share of the nodes."""
    rng, grid = np.random.default_rng(seed), GRIDS[kind]
    levels = rng.integers(0, grid.highest + 1, grid.size) * (rng.random(grid.size) < painted)
    return Drawing(kind, levels.astype(np.uint8).tobytes())


def linear(drawing: Drawing) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The points of a density that is linear between them, 0 at both ends, of area 1."""
    grid = drawing.grid
    ends = [grid.positions[0] - grid.spacing], [grid.positions[-1] + grid.spacing]
    heights = np.concatenate([[0], list(drawing.levels), [0]]).astype(np.float64)
    points = np.concatenate([ends[0], grid.positions, ends[1]])
    return points, heights / np.trapezoid(heights, points)


def moment(drawing: Drawing, power: int) -> float:
    """E x^power of a drawn density, exactly: the integral of x^power (a + b x) piece by piece."""
    points, heights = linear(drawing)
    total = 0.0
    for (left, right), (low, high) in zip(pairwise(points), pairwise(heights), strict=True):
        slope = (high - low) / (right - left)
        start = low - slope * left
        total += start * (right ** (power + 1) - left ** (power + 1)) / (power + 1)
        total += slope * (right ** (power + 2) - left ** (power + 2)) / (power + 2)
    return total


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32), painted=st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_a_drawing_comes_back_from_its_address(kind: Kind, seed: int, painted: float) -> None:
    drawing = any_drawing(kind, seed, painted)
    assert Drawing.from_address(kind, drawing.address) == drawing


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_of_the_largest_drawing_is_short_and_needs_no_escapes(kind: Kind) -> None:
    worst = [any_drawing(kind, seed) for seed in range(20)]  # of which nothing can be compressed
    alphabet = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    for drawing in [*worst, *(shaped(kind, shape) for shape in shapes(kind)), empty(kind)]:
        assert len(drawing.address) < 1600 < LONGEST_ADDRESS
        assert set(drawing.address) <= alphabet


def packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


HOSTILE = {
    "nothing": "",
    "a word": "hello",
    "no base64": "<script>alert(1)</script>",
    "not ASCII": "١²½é",
    "a null": "\x00",
    "too long": "A" * 100_000,
    "base64 of no zlib": base64.urlsafe_b64encode(b"not compressed").decode(),
    "a bomb": packed(bytes(1_000_000)),
    "too few levels": packed(bytes(127)),
    "too many levels": packed(bytes(129)),
    "cut off": shaped("density", "normal").address[:-8],
    "something after it": packed(bytes(128))[:-2] + "AAAA",
    "padding within": shaped("density", "normal").address + "=A",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_drawing_is_refused_with_what_to_do(kind: Kind, text: str) -> None:
    with pytest.raises(InvalidInputError, match=f"Expected a drawn {kind}.*received.*draw anew") as refused:
        Drawing.from_address(kind, text)
    assert len(str(refused.value)) < 400


def test_a_cloud_is_no_density() -> None:
    for kind, other in (KINDS, KINDS[::-1]):
        with pytest.raises(InvalidInputError, match=f"Expected a drawn {kind}"):
            Drawing.from_address(kind, shaped(other, "normal").address)


@given(text=st.text(max_size=300))
def test_any_text_is_a_drawing_or_refused(text: str) -> None:
    for kind in KINDS:
        with suppress(InvalidInputError):
            assert Drawing.from_address(kind, text).kind == kind


@pytest.mark.parametrize(
    ("kind", "levels", "rule"),
    [
        ("cloud", bytes([16]) * 2304, "2304 bytes from 0 to 15"),
        ("cloud", bytes(2303), "2304 bytes from 0 to 15"),
        ("density", b"", "128 bytes from 0 to 255"),
        ("density", [0] * 128, "128 bytes from 0 to 255"),
        ("surface", b"", "one of cloud, density"),
    ],
)
def test_levels_off_the_grid_are_refused(kind: Kind, levels: bytes, rule: str) -> None:
    with pytest.raises(InvalidInputError, match=f"{rule}; received"):
        Drawing(kind, levels)


@pytest.mark.parametrize(
    "drawing", [any_drawing("density", 0), shaped("density", "skewed"), shaped("density", "spike")]
)
def test_a_drawn_density_has_its_exact_mean_and_variance(drawing: Drawing) -> None:
    x = draw_batch(DrawnSpec(drawing, n=N)).values[:, 0].astype(np.float64)
    mean = moment(drawing, 1)
    variance = moment(drawing, 2) - mean**2
    fourth = float(((x - x.mean()) ** 4).mean())
    assert x.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / N))
    assert x.var() == pytest.approx(variance, abs=5 * math.sqrt((fourth - variance**2) / N))


@pytest.mark.parametrize("seed", range(3))
def test_samples_of_a_drawn_density_follow_its_distribution_function(seed: int) -> None:
    drawing = any_drawing("density", seed)
    points, heights = linear(drawing)
    areas = integrate.cumulative_trapezoid(heights, points, initial=0)

    def below(x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Quadratic within a piece."""
        piece = np.clip(np.searchsorted(points, x) - 1, 0, len(points) - 2)
        into = x - points[piece]
        slope = np.diff(heights)[piece] / np.diff(points)[piece]
        found: NDArray[np.float64] = areas[piece] + into * heights[piece] + into**2 * slope / 2
        return found

    x = draw_batch(DrawnSpec(drawing, n=N, seed=seed)).values[:, 0].astype(np.float64)
    assert points[0] <= x.min()
    assert x.max() <= points[-1]
    assert stats.kstest(x, below).pvalue > 1e-4


def test_a_cloud_has_the_mean_and_covariance_of_its_nodes_and_their_width() -> None:
    drawing = any_drawing("cloud", 1)
    grid = drawing.grid
    lopsided = np.frombuffer(drawing.levels, np.uint8).reshape(48, 48) * (np.add.outer(range(48), range(48)) < 40)
    drawing = Drawing("cloud", lopsided.astype(np.uint8).tobytes())
    y, x = np.meshgrid(grid.positions, grid.positions, indexing="ij")  # rows are y, ascending
    nodes = np.stack([x.ravel(), y.ravel()])
    weights = lopsided.ravel() / lopsided.sum()
    mean = nodes @ weights
    covariance = np.cov(nodes, aweights=weights, ddof=0) + np.eye(2) * grid.spacing**2 / 6
    values = draw_batch(DrawnSpec(drawing, n=N)).values.astype(np.float64)
    assert np.abs(values.mean(axis=0) - mean).max() < 5 * math.sqrt(covariance.max() / N)
    assert np.abs(np.cov(values.T) - covariance).max() < 10 * covariance.max() / math.sqrt(N)
    assert covariance[0, 1] < -0.5


def test_what_is_drawn_below_right_is_there() -> None:
    levels = np.zeros((48, 48), np.uint8)
    levels[6, 36] = 15
    values = draw_batch(DrawnSpec(Drawing("cloud", levels.tobytes()), n=1000)).values
    assert np.abs(values - [2 + 1 / 12, -3 + 1 / 12]).max() <= 1 / 6 + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawn_normal_distribution_cannot_be_told_from_n01(kind: Kind) -> None:
    band = shipped_bands(Distances(256), 4096, 2)["sw1"]
    found = [read_bound(draw_batch(DrawnSpec(shaped(kind, "normal"), seed=seed)), slices=256).sw1 for seed in range(5)]
    assert band.low <= min(found)
    assert max(found) <= band.high


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_to_begin_with_are_standardised_and_the_spike_has_collapsed(kind: Kind) -> None:
    for shape in shapes(kind):
        values = draw_batch(DrawnSpec(shaped(kind, shape), n=N)).values.astype(np.float64)
        if shape == "spike":
            assert values[:, : GRIDS[kind].units].std(axis=0).max() < 0.15
            continue
        assert np.abs(values.mean(axis=0)).max() < 0.02
        assert np.abs(values.var(axis=0) - 1).max() < 0.05
        assert abs(np.corrcoef(values.T)[0, 1]) < 0.02


def test_a_ring_is_drawn_in_two_units_only() -> None:
    assert "ring" in shapes("cloud")
    with pytest.raises(InvalidInputError, match="one of normal, bimodal, skewed, spike; received 'ring'"):
        shaped("density", "ring")
    values = draw_batch(DrawnSpec(shaped("cloud", "ring"), n=N)).values
    assert np.quantile(np.hypot(*values.T), 0.01) > 0.7


def test_units_that_are_not_drawn_are_independent_n01_and_seeds_decide_the_draw() -> None:
    for kind, grid in GRIDS.items():
        spec = DrawnSpec(shaped(kind, "bimodal"), n=N, dim=4, seed=7)
        batch = draw_batch(spec)
        others = batch.values[:, grid.units :].astype(np.float64)
        assert min(stats.kstest(unit, "norm").pvalue for unit in others.T) > 1e-4
        assert np.abs(np.corrcoef(batch.values.T) - np.eye(4)).max() < 0.02
        assert draw_batch(spec).fingerprint == batch.fingerprint
        assert draw_batch(DrawnSpec(spec.drawing, n=N, dim=4, seed=8)).fingerprint != batch.fingerprint


@pytest.mark.parametrize(("field", "value"), [("n", 0), ("dim", 1), ("seed", -1)])
def test_numbers_outside_their_range_are_refused(field: str, value: int) -> None:
    with pytest.raises(InvalidInputError, match=f"{field} must be at least"):
        DrawnSpec(shaped("cloud", "ring"), **{field: value})


def test_nothing_is_drawn_from_an_empty_canvas() -> None:
    assert empty("cloud").is_empty
    with pytest.raises(InvalidInputError, match=r"received an empty canvas.*begin with a shape"):
        DrawnSpec(empty("cloud"))

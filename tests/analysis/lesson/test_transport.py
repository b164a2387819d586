"""Step 4 of the lesson: how far the mass of one unit is moved."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import integrate, stats

from analysis.batch import ActivationBatch
from analysis.lesson.transport import PARTS, Transport, see_transport
from analysis.samples import CASES, SampleSpec, draw

N = 4096


def seen(values: np.ndarray) -> Transport:
    """Of one unit, beside another that does not count."""
    return see_transport(ActivationBatch(np.stack([values, np.full(len(values), 7.0)], axis=1), "unit"))


def area(values: np.ndarray) -> float:
    """Between the distribution functions, where each is an integral of its own: ∫ |F − Φ|."""
    ordered = np.sort(values.astype(np.float64))
    ends = [-12.0, *ordered.tolist(), 12.0]
    total = 0.0
    for low, high, step in zip(ends[:-1], ends[1:], np.arange(len(ordered) + 1) / len(ordered), strict=True):
        crossing = min(max(stats.norm.ppf(step), low), high)  # quad is far less exact across a kink than it says
        for start, end in ((low, crossing), (crossing, high)):
            total += abs(integrate.quad(lambda x, step=step: stats.norm.cdf(x) - step, start, end)[0])
    return total


@given(st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=12))
@example([0.0] * 6 + [-2.0] * 3 + [-1.8030370473861694])
def test_w1_is_the_area_between_the_distribution_functions(values: list[float]) -> None:
    assert seen(np.array(values)).w1 == pytest.approx(area(np.array(values)), abs=1e-6)


@given(st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=40))
def test_no_transport_is_shorter_than_that_of_the_mean(values: list[float]) -> None:
    found = seen(np.array(values))
    assert found.w1 >= abs(found.mean) - 1e-6
    assert found.w1 <= np.abs(np.array(values)).mean() + math.sqrt(2 / math.pi) + 1e-6


@pytest.mark.parametrize("shift", [-2.0, 0.5, 3.0])
def test_a_shift_moves_all_of_the_mass_as_far(shift: float) -> None:
    quantiles = stats.norm.ppf((np.arange(N) + 0.5) / N)
    found = seen(quantiles + shift)
    assert found.w1 == pytest.approx(abs(shift), abs=1e-3)
    np.testing.assert_allclose(found.middles - found.target_middles, shift, atol=0.01)
    np.testing.assert_allclose(found.edges - found.target_edges, shift, atol=0.06)


@pytest.mark.parametrize("scale", [0.0, 0.5, 2.0])
def test_a_scale_moves_the_mass_by_its_distance_from_the_mean(scale: float) -> None:
    """E |cZ − Z| = |c − 1| √(2/π)."""
    quantiles = stats.norm.ppf((np.arange(N) + 0.5) / N)
    assert seen(scale * quantiles).w1 == pytest.approx(abs(scale - 1) * math.sqrt(2 / math.pi), abs=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_the_first_unit_is_moved_as_scipy_moves_it(case: str) -> None:
    batch = draw(SampleSpec.from_dict({"case": case, "n": N, "seed": 5}))
    found = see_transport(batch)
    grid = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    assert found.w1 == pytest.approx(stats.wasserstein_distance(batch.values[:, 0], grid), abs=1e-4)
    counts = np.histogram(found.values, found.edges)[0]
    np.testing.assert_allclose(counts[1:-1], N / PARTS, atol=1)
    assert (np.diff(found.edges) > 0).all()
    assert (np.diff(found.middles) > 0).all()

"""Step 5 of the lesson: W1 along every direction, and the mean of few slices."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from analysis.lesson.slices import CLOSE, DEGREES, FEW, Slices, see_slices
from analysis.samples import CASES, SampleSpec, draw
from per_core import sliced_w1

N = 4096
GRID = ndtri((np.arange(20_000) + 0.5) / 20_000)


def seen(case: str, **settings: float) -> Slices:
    return see_slices(draw(SampleSpec.from_dict({"case": case, "n": N, "seed": 5, **settings})))


@pytest.mark.parametrize("case", CASES)
def test_every_slice_is_measured_as_scipy_does(case: str) -> None:
    found = seen(case)
    for degrees in (0, 30, 45, 90, 135, 179):
        slope = np.deg2rad(degrees)
        projection = found.batch.values.astype(np.float64) @ [np.cos(slope), np.sin(slope)]
        np.testing.assert_allclose(found.along(degrees), projection, atol=1e-5)
        assert found.w1[degrees] == pytest.approx(stats.wasserstein_distance(projection, GRID), abs=5e-4)
    assert found.sw1 == pytest.approx(sliced_w1(found.batch.values, slices=4000).value.item(), abs=3e-3)


@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.5, 0.7, 0.95])
def test_a_tilted_gaussian_has_the_w1_of_its_standard_deviation(rho: float) -> None:
    """N(0, v) is √(2/π) |√v − 1| from N(0, 1), with v = 1 + ρ sin 2φ."""
    found = seen("b", rho=rho)
    v = 1 + rho * np.sin(2 * np.deg2rad(np.arange(DEGREES)))
    np.testing.assert_allclose(found.w1, math.sqrt(2 / math.pi) * np.abs(np.sqrt(v) - 1), atol=0.035)


@pytest.mark.parametrize("case", CASES)
def test_the_errors_of_six_slices_are_those_of_simulated_ones(case: str) -> None:
    found = seen(case)
    rng = np.random.default_rng(0)
    random = found.w1[rng.integers(0, DEGREES, (20_000, FEW))].mean(axis=1) - found.sw1
    assert found.random == pytest.approx(math.sqrt((random**2).mean()), rel=0.03)
    starts = rng.integers(0, DEGREES, 20_000)
    even = found.w1[(starts[:, None] + DEGREES // FEW * np.arange(FEW)) % DEGREES].mean(axis=1) - found.sw1
    assert found.even == pytest.approx(math.sqrt((even**2).mean()), rel=0.03)


def test_random_slices_are_off_unless_all_slices_are_alike() -> None:
    assert {case: seen(case).verdict for case in CASES} == {"a": "close", "b": "far", "c": "far", "d": "near"}
    assert seen("b", rho=0.02).verdict == "close"
    for case in CASES:  # evenly spaced ones are not, which the answer says beside it
        assert seen(case).even < CLOSE

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.distances.bound import slice_convergence
from app.charts.bound import convergence


@pytest.mark.parametrize("values", [np.random.default_rng(0).normal(size=(200, 32)) ** 3, np.zeros((50, 3))])
def test_estimates_are_in_view_and_the_interval_of_two_directions_flattens_nothing(values: NDArray[np.float64]) -> None:
    curve = slice_convergence(ActivationBatch(values, "batch"))
    layout = convergence(curve, exact_per=curve.per[-1]).layout
    later = curve.slices >= 8
    for axis, estimates, margins in (
        (layout.yaxis, curve.per, curve.per_margin),
        (layout.yaxis2, curve.sw1, curve.sw1_margin),
    ):
        low, high = axis.range
        assert low < (estimates - margins)[later].min()
        assert high > (estimates + margins)[later].max()
        assert low < estimates[1:].min()
        assert high > estimates[1:].max()
        assert high - low < 4 * (np.ptp(estimates) + margins[later].max()) + 1e-3

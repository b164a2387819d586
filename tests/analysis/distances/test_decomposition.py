"""The distance decomposed: sums, population values, and what a Gaussian batch shows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.batch import ActivationBatch
from analysis.distances.decomposition import (
    PARTS,
    DistanceParts,
    Part,
    PartDistances,
    Removal,
    decompose_distance,
    most_removed,
    normalise_in_stages,
)
from analysis.distances.directions import shared_directions
from analysis.samples import CASES, Case, figure1
from analysis.statistics.null_band import NullBand, gaussian_batch, null_band
from per_core import DecorrelatedBatchNorm, sliced_w1
from per_core.errors import InvalidInputError

N = 20_000
Bands = dict[Part, NullBand]


@pytest.fixture(scope="module")
def gaussian() -> Bands:
    return null_band(PartDistances(), N, 2, draws=30)


def parts_of(case: Case, gaussian: Bands, **parameters: float) -> DistanceParts:
    return decompose_distance(figure1(case, N, **parameters), gaussian)


@pytest.mark.parametrize("case", CASES)
def test_the_parts_sum_to_the_distance(case: Case, gaussian: Bands) -> None:
    parts = parts_of(case, gaussian, shift=0.7, scale=1.6)
    assert list(parts.values) == list(PARTS)
    assert sum(parts.values.values()) == pytest.approx(parts.sw1, abs=1e-12)
    directions = shared_directions(2, 64)
    own = sliced_w1(figure1(case, N, shift=0.7, scale=1.6).tensor, directions=directions)
    assert parts.sw1 == pytest.approx(own.value.item(), abs=1e-6)


@pytest.mark.parametrize(("scale", "distance"), [(0.5, 0.39894), (2.0, 0.79788), (4.0, 2.39365)])
def test_a_scaled_gaussian_has_the_known_distance_as_its_scale_part(
    scale: float, distance: float, gaussian: Bands
) -> None:
    parts = parts_of("a", gaussian, scale=scale)
    assert parts.values["scale"] == pytest.approx(distance, abs=0.02)
    assert abs(parts.values["correlation"]) < 0.005
    assert abs(parts.values["shape"]) < 0.005


@pytest.mark.parametrize(("rho", "distance"), [(0.5, 0.12990), (0.8, 0.21778)])
def test_a_correlated_gaussian_has_the_known_distance_as_its_correlation_part(
    rho: float, distance: float, gaussian: Bands
) -> None:
    parts = parts_of("b", gaussian, rho=rho)
    assert parts.values["correlation"] == pytest.approx(distance, abs=0.01)
    assert max(abs(parts.values[part]) for part in ("location", "scale", "shape")) < 0.012


@pytest.mark.parametrize("case", ["c", "d"])
def test_skew_and_modes_are_shape(case: Case, gaussian: Bands) -> None:
    parts = parts_of(case, gaussian)
    assert parts.values["shape"] > parts.bands["shape"].high + 0.02
    assert abs(parts.values["correlation"]) < 0.005


def test_a_shift_is_location(gaussian: Bands) -> None:
    parts = parts_of("a", gaussian, shift=1.0)
    assert parts.values["location"] == pytest.approx(parts.sw1 - parts.values["floor"], abs=0.01)


def test_gaussian_batches_have_parts_of_mean_0_and_the_known_floor() -> None:
    bands = null_band(PartDistances(), 1024, 2, draws=60)
    parts = [decompose_distance(gaussian_batch(1024, 2, number), bands) for number in range(1, 61)]
    for part in PARTS[:4]:
        assert np.mean([p.values[part] for p in parts]) == pytest.approx(0, abs=1e-12)
        assert all(p.values[part] in p.bands[part] for p in parts)
    assert parts[0].values["floor"] == pytest.approx(1.28 / np.sqrt(1024), rel=0.1)


def test_each_stage_is_what_it_is_named_after() -> None:
    batch = figure1("b", 500, dim=6, fill="pairs", shift=2.0, scale=3.0)
    as_it_is, centred, standardised, whitened = normalise_in_stages(batch).values()
    assert np.array_equal(as_it_is, batch.values)
    assert np.abs(centred.mean(axis=0)).max() < 1e-12
    assert standardised.var(axis=0) == pytest.approx(np.ones(6), abs=1e-12)
    assert np.cov(whitened.T, ddof=0) == pytest.approx(np.eye(6), abs=1e-10)


def test_whitening_agrees_with_the_layer() -> None:
    """Decorrelated batch normalisation of the standardised batch is the last step."""
    *_, standardised, whitened = normalise_in_stages(figure1("b", 800, dim=4, fill="pairs")).values()
    layer = DecorrelatedBatchNorm(4, eps=1e-12, group_size=4, affine=False).double()
    assert layer(torch.from_numpy(standardised)).numpy() == pytest.approx(whitened, abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 12), d=st.integers(1, 8), seed=st.integers(0, 99))
def test_few_rows_and_constant_units_stay_finite(n: int, d: int, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    values[:, 0] = 3.0
    batch = ActivationBatch(values, "few")
    stages = normalise_in_stages(batch)
    assert all(np.isfinite(stage).all() for stage in stages.values())
    assert np.abs(stages["whitened"][:, 0]).max() < 1e-6
    assert np.isfinite(list(PartDistances().measure(batch).values())).all()


def test_more_units_than_rows_are_whitened_by_their_singular_values() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((30, 12)) @ rng.standard_normal((12, 90))  # of rank 12
    *_, standardised, whitened = normalise_in_stages(ActivationBatch(x, "of rank 12")).values()
    u, singular, vt = np.linalg.svd(standardised, full_matrices=False)
    kept = singular > 1e-3 * singular[0]
    assert kept.sum() == 12
    assert whitened == pytest.approx(np.sqrt(30) * u[:, kept] @ vt[kept], abs=1e-3)


def test_very_wide_layers_need_no_matrix_of_all_units() -> None:
    rows = np.random.default_rng(6).standard_normal((4, 200_000))  # (d, d) would take 320 GB
    wide = ActivationBatch(rows, "wide")
    distance = sliced_w1(wide.tensor, directions=shared_directions(200_000, 64), control_variates=True)
    assert PartDistances().measure(wide)["floor"] == pytest.approx(float(distance.value), rel=1e-6)


def test_what_is_not_finite_is_refused(gaussian: Bands) -> None:
    with pytest.raises(InvalidInputError, match="1 NaN"):
        decompose_distance(ActivationBatch([[1.0, np.nan]], "not finite"), gaussian)


def removal(before: np.ndarray, after: np.ndarray, gaussian: Bands) -> Removal:
    of = (
        decompose_distance(ActivationBatch(values.astype(np.float32), "rows"), gaussian) for values in (before, after)
    )
    return Removal(*of)


def test_what_is_removed_is_the_difference_of_the_distances_and_falls_into_the_parts(gaussian: Bands) -> None:
    before, after = (figure1("d", N, shift=shift, scale=scale).values for shift, scale in ((0.7, 1.6), (0.2, 1.1)))
    found = removal(before, after, gaussian)
    directions = shared_directions(2, 64)
    distances = [sliced_w1(torch.from_numpy(one.copy()), directions=directions).value.item() for one in (before, after)]
    assert found.amount == pytest.approx(distances[0] - distances[1], abs=1e-6)
    assert sum(found.parts.values()) == pytest.approx(found.amount, abs=1e-12)


def test_how_far_a_part_is_removed_is_said_by_what_gaussian_batches_have(gaussian: Bands) -> None:
    """A shift is moved back wholly, by half, not at all, and further away; what is not there is not spoken of."""
    still = figure1("a", N, seed=3).values
    for back, extent in ((1.0, "all"), (0.5, "some"), (0.0, "none"), (-0.5, "more")):
        assert removal(still + 1.0, still + 1.0 - back, gaussian).extents == {"location": extent}
    assert removal(still, still, gaussian).extents == {}
    assert removal(still, still + 1.0, gaussian).extents == {"location": "more"}
    assert not removal(still + 1.0, still, gaussian).is_away
    assert removal(still, still + 1.0, gaussian).is_away


def test_bn_removes_location_and_scale_and_none_of_the_shape(gaussian: Bands) -> None:
    before = figure1("c", N, shift=1.0, scale=2.0, seed=1).values.astype(float)
    found = removal(before, (before - before.mean(axis=0)) / before.std(axis=0), gaussian)
    assert found.extents == {"location": "all", "scale": "all", "shape": "none"}


def test_the_best_methods_are_those_that_remove_most_and_nothing_is_best_that_removes_nothing(gaussian: Bands) -> None:
    still = figure1("a", N, seed=3).values
    half, almost, away = (removal(still + 1.0, still + rest, gaussian) for rest in (0.5, 0.502, 1.5))
    assert most_removed({"half": half, "away": away}) == ("half",)
    assert most_removed({"away": away, "almost": almost, "half": half}) == ("almost", "half")
    hardly = removal(still + 1.0, still + 0.995, gaussian)
    assert 0 < hardly.amount < 0.01 * hardly.before.sw1
    assert most_removed({"hardly": hardly, "half": half}) == ("half",)
    assert most_removed({"hardly": hardly}) == ()
    assert most_removed({"away": away}) == ()
    assert most_removed({}) == ()

"""Size, spread and effective rank: constants, shifts, outliers, and mpmath where float64 is at its ends."""

import math

import mpmath
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from analysis.batch import ActivationBatch
from analysis.dumps import inspect
from analysis.statistics.moments import moments
from analysis.statistics.outliers import find_outliers
from analysis.statistics.row_groups import rows_are_grouped
from analysis.statistics.spread import centre, effective_rank, scale_of, spread_of, without_outliers
from analysis.survey.layer_reading import survey
from analysis.survey.overview import overview
from analysis.survey.quantity import QUANTITIES
from per_core.recording.layer_record import Allowance, LayerDigest
from tests.analysis.survey.activation_cases import classifier, gaussian, made_by_hand


def spread(values, *, is_float32=True):
    values = np.float64(values)
    per_unit = moments(values)
    scale = scale_of(float(np.abs(values).max()))
    return spread_of(values, per_unit, centre(values, per_unit, scale), scale, is_float32=is_float32)


def test_constants_have_no_rank_even_with_rounding() -> None:
    made = made_by_hand()
    for name in ("constant", "zeros", "constant but for rounding"):
        assert math.isnan(spread(made[name]).effective_rank), name
    assert spread(np.float64(made["constant but for rounding"]), is_float32=False).effective_rank > 50


def test_the_rank_is_of_centred_values() -> None:
    values = np.float64(gaussian())
    assert spread(values + 1000).effective_rank == pytest.approx(spread(values).effective_rank, rel=1e-6)
    assert effective_rank(values + 1000) == pytest.approx(1, abs=1e-3)  # what it would be of values that are not


@pytest.mark.parametrize("scale", [1e-160, 1e-30, 1.0, 1e30, 1e152])
def test_sizes_at_the_ends_of_float64_are_those_of_mpmath(scale) -> None:
    values = scale * np.float64(gaussian(7, 3))
    with mpmath.workdps(50):
        exact = [[mpmath.mpf(x) for x in row] for row in values.tolist()]
        expected = mpmath.sqrt(sum(x**2 for row in exact for x in row) / 21)
    assert spread(values, is_float32=False).root_mean_square == pytest.approx(float(expected), rel=1e-12)
    assert spread(values, is_float32=False).effective_rank == pytest.approx(spread(values / scale).effective_rank)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 1), (2, 3), (3, 4), (40, 1)])
def test_small_batches_have_numbers_or_none_and_never_an_error(shape) -> None:
    values = gaussian(*shape)
    for made in (values, values * 0, values * 0 + 3, values * 1e38):
        reading = survey(ActivationBatch(made, "made here"))
        assert reading.root_mean_square == pytest.approx(np.sqrt(np.mean(np.float64(made) ** 2)), rel=1e-6)
        assert reading.variance == pytest.approx(np.var(np.float64(made), axis=0).mean(), rel=1e-5, abs=1e-12)
        assert not any(math.isinf(getattr(reading, quantity)) for quantity in QUANTITIES)


def test_without_the_outlying_unit_the_others_are_what_they_are() -> None:
    made = made_by_hand()
    normal = np.float64(made["normal"])
    others = np.delete(normal, 9, axis=1)
    for name in ("one unit at 2000", "one unit times 2000"):
        values = np.float64(made[name])
        outliers = find_outliers(np.abs(values), np.arange(len(values)))
        rest, _ = without_outliers(values, outliers, spread(values), values, is_float32=True)
        assert (rest.n, rest.d) == others.shape
        assert rest.root_mean_square == pytest.approx(np.sqrt(np.mean(others**2)))
        assert rest.effective_rank == pytest.approx(spread(others).effective_rank)


def test_classes_are_groups_beside_an_outlying_unit_which_makes_none() -> None:
    made = made_by_hand()
    beside = np.float64(made["ten classes"])
    beside[:, 3] = 2000 * (np.arange(len(beside)) % 3 == 0)
    assert survey(ActivationBatch(beside, "made here")).grouped
    assert not survey(ActivationBatch(made["one row at 2000"], "made here")).grouped


def test_classes_are_groups_and_gaussian_or_uniform_directions_are_not() -> None:
    made = made_by_hand()
    random = np.random.default_rng(4)
    line = random.normal(size=(1, 300))
    cases = {
        "trained": (classifier()["features"], True),
        "ten": (made["ten classes"], True),
        "two": (made["two classes"], True),
        "three directions": (made["three directions"], False),
        "a line": (made["one direction"], False),
        "a uniform line": (random.uniform(size=(500, 1)) * line, False),
        "an exponential line": (random.exponential(size=(500, 1)) * line, False),
    }
    for name, (values, expected) in cases.items():
        centred = np.float64(values) - np.float64(values).mean(axis=0)
        assert rows_are_grouped(centred, effective_rank(centred)) is expected, name


def test_moments_of_bfloat16_are_taken_of_its_values_in_a_wider_type(tmp_path) -> None:
    values = (torch.from_numpy(gaussian(1500, 16)) + 100).bfloat16()
    wide = values.double()
    save_file({"layer_1": values}, tmp_path / "a.safetensors")
    torch.save({"layer_2": values}, tmp_path / "b.pt")
    readings = list(overview(inspect(tmp_path)).cells.values())
    summary, _ = LayerDigest(Allowance())(values)
    assert len(readings) == 2
    for one in (*readings, summary):
        assert one.mean == pytest.approx(wide.mean().item(), rel=1e-6)
        assert one.variance == pytest.approx(wide.var(dim=0, correction=0).mean().item(), rel=1e-5)
        assert one.mean_square == pytest.approx(wide.square().mean().item(), rel=1e-6)
    for unit in summary.tracked:
        assert unit.lower == np.quantile(wide[:, unit.unit].numpy(), 0.25)

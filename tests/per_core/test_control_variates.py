"""Control variates: their known means, what they save, where they keep out of the way, and their derivatives."""

import math

import numpy as np
import pytest
import torch

from per_core import SlicedDistance, sliced_w1
from per_core.control_variates import (
    FEWEST_SLICES,
    ControlledMean,
    Controls,
    controlled_mean,
    controls_along,
    expected_controls,
    plain_mean,
)
from per_core.directions import random_directions
from per_core.radial import radial_loss

SLICES = 256


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def layer(kind: str, n: int, d: int) -> torch.Tensor:
    """A batch (n, d) of one of the kinds that slices are tried on."""
    z = normal(n, d)
    mixed = z @ normal(d, d, seed=1) / math.sqrt(d)
    match kind:
        case "elu":
            return torch.nn.functional.elu(mixed)
        case "relu":
            return (math.sqrt(2) * mixed).relu()
        case "correlated":
            return mixed + z / 2
        case "shifted":
            return z + 3 * torch.eye(d, dtype=z.dtype)[0]
        case "heavy tails":
            return z / normal(n, 1, seed=2).square().add(0.05).sqrt()
        case "low rank":
            return normal(n, 2) @ normal(2, d, seed=1)
        case "one unit":
            return 5 * z * torch.eye(d, dtype=z.dtype)[0]
        case "outlying unit":
            return z * (1 + 29 * torch.eye(d, dtype=z.dtype)[0])
        case "point mass":
            return normal(1, d, seed=3).expand(n, d)
    return z


def distances(h: torch.Tensor, slices: int, repeats: int) -> tuple[list[SlicedDistance], list[SlicedDistance]]:
    """With and without control variates, on the same directions."""
    return tuple(
        [sliced_w1(h, slices=slices, generator=seeded(100 + seed), control_variates=how) for seed in range(repeats)]
        for how in (True, False)
    )


def squared_error(found: list[SlicedDistance], exact: float) -> float:
    return float(np.mean([(one.value.item() - exact) ** 2 for one in found]))


def controls_of(h: torch.Tensor, directions: torch.Tensor) -> Controls:
    return Controls(controls_along(directions @ h.T).numpy(), expected_controls(h))


@pytest.mark.parametrize("d", [1, 2, 3, 8, 64])
def test_the_known_means_are_those_over_many_directions(d: int) -> None:
    h = 2 * normal(20, d) + 0.5 * (d < 64)  # the last control is for 10 axes and more
    along, expected = controls_of(h, random_directions(100_000, d, generator=seeded(100), dtype=torch.float64))
    assert math.isfinite(expected[-1]) == (d == 64)
    expected[-1] = np.nan_to_num(expected[-1], nan=along[:, -1].mean())
    error = along.std(axis=0) / math.sqrt(len(along))
    assert (np.abs(along.mean(axis=0) - expected) <= 4.5 * error + 1e-10 * expected).all()
    assert (error < 0.02 * expected).all() or d == 1


def test_the_known_means_in_the_plane_are_integrals_over_the_circle() -> None:
    h = normal(5, 2) - 1
    angles = (torch.arange(40_000, dtype=torch.float64) + 0.5) * (2 * math.pi / 40_000)
    along, expected = controls_of(h, torch.stack([angles.cos(), angles.sin()], dim=1))
    np.testing.assert_allclose(along.mean(axis=0)[:-1], expected[:-1], rtol=1e-7)


@pytest.mark.parametrize("shape", [(30, 40), (40, 30)])
def test_the_mean_of_the_squared_form_is_that_of_the_matrix(shape: tuple[int, int]) -> None:
    """E (θᵀSθ)² = ((tr S)² + 2 tr S²) / (d (d + 2)), the smaller of hᵀh and hhᵀ giving tr S²."""
    h, d = normal(*shape), shape[1]
    form = h.T @ h / len(h)
    known = (form.trace() ** 2 + 2 * (form @ form).trace()) / (d * (d + 2))
    assert expected_controls(h)[-1] == pytest.approx(known.item(), rel=1e-12)
    assert math.isnan(expected_controls(normal(70, 70))[-1])


@pytest.mark.parametrize("d", [64, 256])
@pytest.mark.parametrize("kind", ["elu", "relu", "correlated", "shifted"])
def test_layers_need_at_most_a_fifth_of_the_slices(kind: str, d: int) -> None:
    """By the errors made, against 20,000 slices, and by the errors stated."""
    h = layer(kind, 1000, d).float()
    exact = sliced_w1(h, slices=20_000, generator=seeded(10**6)).value.item()
    controlled, plain = distances(h, SLICES, 40)
    assert squared_error(plain, exact) > 5 * squared_error(controlled, exact)
    stated, before = (float(np.mean([float(one.standard_error) ** 2 for one in way])) for way in (controlled, plain))
    assert before > 5 * stated
    assert squared_error(controlled, exact) < 2 * stated


@pytest.mark.parametrize("slices", [32, 256])
@pytest.mark.parametrize("d", [2, 3, 64])
@pytest.mark.parametrize("kind", ["gaussian", "heavy tails", "low rank", "one unit", "outlying unit", "point mass"])
def test_no_batch_needs_more_slices(kind: str, d: int, slices: int) -> None:
    h = layer(kind, 200, d).float()
    exact = sliced_w1(h, slices=20_000, generator=seeded(10**6)).value.item()
    controlled, plain = distances(h, slices, 60)
    assert squared_error(controlled, exact) < squared_error(plain, exact)
    for one, other in zip(controlled, plain, strict=True):
        assert one.standard_error <= other.standard_error
        assert other.per_direction.min() <= one.value <= other.per_direction.max()


@pytest.mark.parametrize("slices", [*range(1, 11), FEWEST_SLICES - 1])
def test_few_slices_have_the_plain_mean(slices: int) -> None:
    (controlled,), (plain,) = distances(layer("relu", 30, 5), slices, 1)
    assert torch.equal(controlled.value, plain.value)
    torch.testing.assert_close(controlled.value, controlled.per_direction.mean())
    torch.testing.assert_close(controlled.standard_error, plain.standard_error, equal_nan=True)


@pytest.mark.parametrize("n", [1, 50])
@pytest.mark.parametrize("d", [2, 3, 64])
@pytest.mark.parametrize("size", [0.5, 3, 30])
def test_a_point_mass_has_the_distance_of_its_norm(size: float, d: int, n: int) -> None:
    """Every slice is a point, whose W1 is E|p − Z|: SW1 is ψ of the norm, the exact PER."""
    h = torch.nn.functional.normalize(normal(1, d), dim=1).expand(n, d) * size * math.sqrt(d)
    exact = radial_loss(h[0].norm(), d).item()
    controlled, plain = distances(h, SLICES, 20)
    assert squared_error(plain, exact) > 20 * squared_error(controlled, exact)
    assert np.mean([abs(one.value.item() - exact) <= one.margin_of_error.item() for one in controlled]) >= 0.9


def test_what_all_slices_agree_on_is_exact() -> None:
    for h in (torch.zeros(6, 4), normal(9, 1)):
        distance = sliced_w1(h, slices=64, generator=seeded(100))
        assert distance.value.item() == pytest.approx(distance.per_direction[0].item(), rel=1e-7)
        assert distance.standard_error.item() < 1e-7


def test_given_directions_are_taken_as_they_are_unless_they_are_said_to_be_random() -> None:
    h = layer("elu", 40, 4)
    drawn = sliced_w1(h, slices=64, generator=seeded(100))
    given = sliced_w1(h, directions=drawn.directions)
    assert torch.equal(given.value, given.per_direction.mean())
    assert not torch.equal(given.value, drawn.value)
    said = sliced_w1(h, directions=drawn.directions, control_variates=True)
    assert torch.equal(said.value, drawn.value)
    assert torch.equal(said.standard_error, drawn.standard_error)


@pytest.mark.parametrize("size", [1e-30, 1e15, 1e25, 1e37])
def test_sizes_whose_squares_leave_float32_have_the_mean_of_their_size(size: float) -> None:
    h = normal(20, 3).float()
    far = sliced_w1(h * size, slices=64, generator=seeded(100))
    assert far.value.isfinite()
    assert far.standard_error.isfinite()
    if size > 1:  # far out W1 is the mean size
        assert far.value.item() == pytest.approx(size * h.norm(dim=1).mean().item() / 2, rel=0.1)


def random_controls(k: int, seed: int = 0) -> tuple[np.ndarray, Controls]:
    rng = np.random.default_rng(seed)
    along = 1 + 0.3 * rng.standard_normal((k, 5))
    values = 2 + along @ [0.5, -0.2, 0.3, 0.1, 0.2] + 0.1 * rng.standard_normal(k)
    return values, Controls(along, np.array([1.0, 1.01, 0.98, 1.02, 0.99]))


def test_it_is_the_intercept_of_least_squares_and_its_error_is_hc3() -> None:
    values, controls = random_controls(50)
    design = np.column_stack([np.ones(50), controls.along - controls.expected])
    coefficients = np.linalg.lstsq(design, values, rcond=None)[0]
    mean = controlled_mean(values, controls)
    assert mean.value == pytest.approx(coefficients[0], rel=1e-12)
    np.testing.assert_allclose(mean.expected_slopes, coefficients[1:], rtol=1e-10)
    assert mean.weights.sum() == pytest.approx(1)
    assert mean.weights @ values == pytest.approx(mean.value)
    inverse = np.linalg.inv(design.T @ design)
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    residuals = (values - design @ coefficients) / (1 - leverage)
    hc3 = (inverse @ design.T @ np.diag(residuals**2) @ design @ inverse)[0, 0]
    assert mean.standard_error == pytest.approx(math.sqrt(hc3 + 4 * values.var(ddof=1) / 50**2), rel=1e-10)


def test_its_slopes_are_derivatives() -> None:
    values, controls = random_controls(40)
    mean, step = controlled_mean(values, controls), 1e-6

    def moved(values: np.ndarray, along: np.ndarray, expected: np.ndarray) -> float:
        return controlled_mean(values, Controls(along, expected)).value

    for j, number in ((0, 0), (7, 4), (4, 1)):
        nudge = np.zeros((40, 5))
        nudge[j, number] = step
        for slope, changes in (
            (mean.weights[j], (nudge[:, number], 0 * nudge, np.zeros(5))),
            (mean.along_slopes[j, number], (np.zeros(40), nudge, np.zeros(5))),
            (mean.expected_slopes[number], (np.zeros(40), 0 * nudge, nudge[j])),
        ):
            ends = [
                moved(
                    values + way * changes[0], controls.along + way * changes[1], controls.expected + way * changes[2]
                )
                for way in (1, -1)
            ]
            assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-9)


def is_plain(mean: ControlledMean, values: np.ndarray) -> bool:
    return mean.value == plain_mean(values).value and not mean.is_controlled


def test_controls_that_say_nothing_are_left_out() -> None:
    values, controls = random_controls(60)
    unrelated = np.random.default_rng(1).random(60)
    assert is_plain(controlled_mean(unrelated, controls), unrelated)
    for useless in (np.inf, np.nan):
        broken = Controls(controls.along.copy(), controls.expected)
        broken.along[3, 1] = useless
        kept = controlled_mean(values, broken)
        assert kept.expected_slopes[1] == 0
        assert kept.is_controlled
    constant = Controls(np.ones((60, 5)) + 1e-9 * controls.along, np.ones(5))
    assert is_plain(controlled_mean(values, constant), values)
    twice = Controls(controls.along[:, [0, 0, 2, 3, 4]], controls.expected[[0, 0, 2, 3, 4]])
    assert controlled_mean(values, twice).expected_slopes[1] == 0


def test_a_value_outside_the_range_of_the_slices_is_not_taken() -> None:
    values, controls = random_controls(60)
    assert is_plain(controlled_mean(values, Controls(controls.along, controls.expected + 9)), values)


def test_scaled_controls_are_those_of_the_scaled_batch() -> None:
    h, directions = layer("elu", 30, 20), random_directions(40, 20, generator=seeded(100), dtype=torch.float64)
    for scaled, own in zip(controls_of(h, directions).scaled(1.7), controls_of(1.7 * h, directions), strict=True):
        np.testing.assert_allclose(scaled, own, rtol=1e-12)

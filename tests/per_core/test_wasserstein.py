"""Exact W1 to N(0, 1) against adaptive quadrature, POT and SciPy; its derivatives; its memory."""

import itertools
import math
import warnings

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from scipy import integrate, special, stats

from per_core import SlicedDistance, gaussian_w1, sliced_w1, wasserstein
from per_core.directions import random_directions
from per_core.interval import margin_of_error
from tests.per_core.memory import PeakMemory

with warnings.catch_warnings():
    # POT looks for every array library that is installed, and some of them warn when imported.
    warnings.simplefilter("ignore")
    import ot

COLLAPSE = math.sqrt(2 / math.pi)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=dtype)


def w1_by_quadrature(values: np.ndarray) -> float:
    """∫ |F_n(x) − Φ(x)| dx, adaptive between the values, the crossings of F_n and Φ, and the integers."""
    x = np.sort(np.asarray(values, dtype=np.float64))
    n = len(x)
    quantiles = special.ndtri(np.arange(1, n) / n)
    ends = np.unique(np.concatenate([x, quantiles, np.arange(-10, 11), [-45, 45]]))
    pieces = []
    for low, high in itertools.pairwise(ends):
        rank = np.searchsorted(x, (low + high) / 2)
        # Whichever tail is smaller is exact.
        gap = (
            (lambda t, r=rank: special.ndtr(t) - r / n)
            if high <= 0
            else (lambda t, r=rank: special.ndtr(-t) - (n - r) / n)
        )
        pieces.append(abs(integrate.quad(gap, low, high, epsabs=1e-16, epsrel=1e-12)[0]))
    return math.fsum(pieces)


COLUMNS = {
    "one value": [0.3],
    "one value far out": [-40.0],
    "two": [-1.0, 2.0],
    "ties": [0.5, -1.0, 0.5, 0.5, 2.0, -1.0],
    "constant": [1.0] * 7,
    "constant at 0": [0.0] * 100,
    "at -40 and 40": [-40.0, 40.0] * 10,
    "at 40": [40.0] * 33,
    "one outlier": [*normal(200).tolist(), 40.0],
    "a hundred normal": normal(100, seed=1).tolist(),
    "a thousand, shifted": (normal(1000, seed=2) + 3).tolist(),
    "a thousand, narrow": (normal(1000, seed=3) * 1e-3).tolist(),
    "five thousand normal": normal(5000, seed=4).tolist(),
    "five thousand, wide": (normal(5000, seed=5) * 10).tolist(),
    "five thousand, rounded": normal(5000, seed=6).round(decimals=1).tolist(),
    "five thousand, rectified": normal(5000, seed=7).relu().tolist(),
    "five thousand quantiles": special.ndtri((np.arange(5000) + 0.5) / 5000).tolist(),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_float64_agrees_with_quadrature(name):
    column = torch.tensor(COLUMNS[name], dtype=torch.float64).unsqueeze(1)
    expected = w1_by_quadrature(column.squeeze(1).numpy())
    assert gaussian_w1(column).item() == pytest.approx(expected, abs=1e-12)
    permuted = column[torch.randperm(len(column), generator=seeded())]
    assert gaussian_w1(permuted).item() == gaussian_w1(column).item()


@pytest.mark.parametrize("scale", [1, 0.01, 3])
@pytest.mark.parametrize("shift", [0, 0.5])
def test_float32_at_twenty_thousand(scale, shift):
    values = (normal(20_000, 8) * scale + shift).float()
    wide = gaussian_w1(values.double())
    assert wide[0].item() == pytest.approx(w1_by_quadrature(values[:, 0].numpy()), abs=1e-11)
    torch.testing.assert_close(gaussian_w1(values).double(), wide, rtol=0, atol=1e-6)


def test_columns_are_independent():
    p = normal(50, 6)
    torch.testing.assert_close(gaussian_w1(p), torch.cat([gaussian_w1(p[:, [j]]) for j in range(6)]))


def test_known_values():
    grid = torch.special.ndtri((torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000).unsqueeze(1)
    assert gaussian_w1(torch.zeros(9, 1)).item() == pytest.approx(COLLAPSE)
    assert 0 < gaussian_w1(grid).item() < 3e-5
    assert gaussian_w1(grid + 0.7).item() == pytest.approx(0.7, abs=1e-6)
    assert gaussian_w1(3 * grid).item() == pytest.approx(2 * COLLAPSE, abs=1e-4)
    assert gaussian_w1(torch.full((3, 1), 40.0, dtype=torch.float64)).item() == pytest.approx(40, rel=1e-15)


@hypothesis.settings(deadline=None, max_examples=80)
@hypothesis.given(values=st.lists(st.floats(-50, 50), min_size=1, max_size=30), shift=st.floats(-5, 5))
def test_properties_of_a_distance(values, shift):
    column = torch.tensor(values, dtype=torch.float64).unsqueeze(1)
    distance = gaussian_w1(column).item()
    assert distance > 0
    assert gaussian_w1(-column).item() == pytest.approx(distance, abs=1e-12)
    assert gaussian_w1(column.flip(0)).item() == distance
    assert abs(gaussian_w1(column + shift).item() - distance) <= abs(shift) + 1e-12
    assert distance >= abs(column.mean().item()) - 1e-12
    repeated = column.repeat(3, 1)
    assert gaussian_w1(repeated).item() == pytest.approx(distance, abs=1e-12)


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(seed=st.integers(0, 10**6), n=st.integers(1, 20))
def test_convex_in_the_distribution_and_along_sorted_values(seed, n):
    x, y = (normal(n, seed=seed + i).sort().values * 3 for i in range(2))
    ends = gaussian_w1(torch.stack([x, y], dim=1))
    assert gaussian_w1(((x + y) / 2).unsqueeze(1)).item() <= ends.mean().item() + 1e-12
    assert gaussian_w1(torch.cat([x, y]).unsqueeze(1)).item() <= ends.mean().item() + 1e-12


@pytest.mark.parametrize(("m", "bias"), [(1024, 2.5e-4), (65_536, 4e-6)])
def test_pot_and_scipy_on_a_quantile_grid(m, bias):
    """They differ by the bias of the grid, and never by more than the grid's own distance to N(0, 1)."""
    p = normal(1024, 16)
    grid = special.ndtri((np.arange(m) + 0.5) / m)
    exact = gaussian_w1(p).numpy()
    of_grid = gaussian_w1(grid[:, None]).item()
    by_pot = np.array([ot.wasserstein_1d(column, grid, p=1) for column in p.numpy().T])
    by_scipy = np.array([stats.wasserstein_distance(column, grid) for column in p.numpy().T])
    np.testing.assert_allclose(by_scipy, by_pot, atol=1e-12)
    assert (np.abs(by_pot - exact) <= of_grid).all()
    assert abs((by_pot - exact).mean()) <= bias


def test_pot_with_a_sampled_reference_is_biased_upward():
    """N(0, I), n = 1024, d = 64: 0.0401 ± 0.0022 over data sets, against 0.0569 ± 0.0026."""
    exact, sampled = [], []
    for seed in range(12):
        h = normal(1024, 64, seed=seed)
        directions = random_directions(128, 64, generator=seeded(seed + 2000), dtype=torch.float64)
        exact.append(sliced_w1(h, directions=directions).value.item())
        reference = normal(1024, 64, seed=seed + 1000)
        sampled.append(ot.sliced_wasserstein_distance(h, reference, projections=directions.T, p=1).item())
    assert np.mean(exact) == pytest.approx(0.0401, abs=0.002)
    assert np.mean(sampled) == pytest.approx(0.0569, abs=0.0025)


@pytest.mark.parametrize(("n", "constant"), [(32, 1.26), (1024, 1.28)])
def test_the_sampling_floor(n, constant):
    distances = gaussian_w1(normal(n, 4000))
    assert distances.mean().item() * math.sqrt(n) == pytest.approx(constant, abs=0.03)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("scale", [0.1, 1, 20])
def test_gradient(n, scale):
    p = (scale * normal(n, 3)).requires_grad_()
    assert torch.autograd.gradcheck(gaussian_w1, p)
    (gradient,) = torch.autograd.grad(gaussian_w1(p).sum(), p)
    rank = p.argsort(dim=0).argsort(dim=0)
    cdf = torch.special.ndtr(p.detach())
    expected = 2 * torch.minimum(torch.maximum(cdf, rank / n), (rank + 1) / n) - (2 * rank + 1) / n
    torch.testing.assert_close(gradient, expected.double(), rtol=1e-6, atol=1e-7)


def test_gradient_of_ties_is_a_limit_of_gradients():
    p = torch.tensor([0.5, -1, 0.5, 0.5, 2, -1], dtype=torch.float64).unsqueeze(1).requires_grad_()
    apart = (p.detach() + 1e-9 * normal(6, 1)).requires_grad_()
    gradients = [torch.autograd.grad(gaussian_w1(x).sum(), x)[0] for x in (p, apart)]
    torch.testing.assert_close(*(g.sort(dim=0).values for g in gradients), rtol=0, atol=1e-8)
    step = 1e-6
    shifted = (gaussian_w1(p.detach() + step) - gaussian_w1(p.detach() - step)) / (2 * step)
    assert gradients[0].sum().item() == pytest.approx(shifted.item(), abs=1e-8)


def test_float32_gradient():
    p = normal(20_000, 4).float().requires_grad_()
    wide = p.detach().double().requires_grad_()
    (gradient,) = torch.autograd.grad(gaussian_w1(p).sum(), p)
    (expected,) = torch.autograd.grad(gaussian_w1(wide).sum(), wide)
    assert gradient.dtype == torch.float32
    torch.testing.assert_close(gradient.double(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("d", [1, 4])
def test_sliced_gradient(d):
    h = normal(6, d).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: sliced_w1(x, slices=5, generator=seeded()).value, h)
    directions = random_directions(5, d, generator=seeded(), dtype=torch.float64)
    (expected,) = torch.autograd.grad(gaussian_w1(h @ directions.T).mean(), h)
    (gradient,) = torch.autograd.grad(sliced_w1(h, directions=directions).value * 2, h)
    torch.testing.assert_close(gradient, 2 * expected)


@pytest.mark.parametrize(
    ("n", "d", "scale", "shift"),
    [(12, 3, 1, 0), (7, 5, 2, 0.7), (1, 4, 1, 0), (9, 2, 0.5, 0.3), (60, 20, 2, 0), (20, 60, 2, 0)],
)
def test_the_gradient_with_control_variates_is_that_of_the_value(n, d, scale, shift):
    h = (scale * normal(n, d) + shift).requires_grad_()
    distance = sliced_w1(h, slices=40, generator=seeded(9))
    assert distance.value.item() != pytest.approx(distance.per_direction.mean().item(), rel=1e-4)
    value = lambda x: sliced_w1(x, slices=40, generator=seeded(9)).value  # noqa: E731
    assert torch.autograd.gradcheck(value, h, fast_mode=h.numel() > 100)  # of many: along random directions


@pytest.mark.parametrize(
    "h",
    [torch.zeros(5, 3), torch.ones(5, 3), torch.ones(1, 1), torch.eye(4), torch.arange(12.0).view(4, 3).tril(-1)],
)
def test_the_gradient_is_finite_where_controls_have_kinks(h):
    h.requires_grad_()
    sliced_w1(h, slices=40, generator=seeded()).value.backward()
    assert h.grad.isfinite().all()


def test_a_row_of_zeros_has_the_gradient_of_its_neighbourhood():
    """Layers have such rows where all units are off. The mean slope around the corner of the norm is that at 0."""
    h = normal(20, 3)
    h[0] = 0
    gradients = []
    for step in (0.0, 1e-7, -1e-7):
        moved = h.clone()
        moved[0] += step
        sliced_w1(moved.requires_grad_(), slices=40, generator=seeded(9)).value.backward()
        gradients.append(moved.grad)
    torch.testing.assert_close(gradients[0], (gradients[1] + gradients[2]) / 2, rtol=1e-4, atol=1e-6)


def test_sliced_is_the_mean_over_its_directions():
    h = normal(30, 5)
    distance = sliced_w1(h, slices=17, generator=seeded())
    assert isinstance(distance, SlicedDistance)
    assert distance.n == 30
    assert distance.directions.shape == (17, 5)
    torch.testing.assert_close(distance.per_direction, gaussian_w1(h @ distance.directions.T))
    torch.testing.assert_close(distance.value, distance.per_direction.mean())
    assert distance.standard_error.item() == pytest.approx(distance.per_direction.numpy().std(ddof=1) / math.sqrt(17))
    again = sliced_w1(h, directions=distance.directions)
    assert torch.equal(again.per_direction, distance.per_direction)
    with pytest.raises(AttributeError):
        distance.n = 3


def test_the_margin_is_students():
    distance = sliced_w1(torch.randn(50, 4, generator=torch.Generator().manual_seed(0)), slices=17)
    margin = 2.1199 * distance.standard_error.item()  # the 97.5 % quantile of t with 16 degrees of freedom
    assert distance.margin_of_error.item() == pytest.approx(margin, rel=1e-4)
    assert margin_of_error(1.0, 10**6) == pytest.approx(1.95996, abs=1e-4)


def test_one_slice_has_no_standard_error():
    distance = sliced_w1(normal(5, 3), slices=1)
    assert distance.value == distance.per_direction[0]
    assert math.isnan(distance.standard_error)
    assert math.isnan(distance.margin_of_error)


def test_one_unit_has_one_distance():
    h = normal(12, 1)
    distance = sliced_w1(h, slices=6)
    torch.testing.assert_close(distance.per_direction, gaussian_w1(h).expand(6))
    assert distance.standard_error.item() < 1e-15


def test_randomness():
    h = normal(20, 4)
    torch.manual_seed(3)
    first, second = sliced_w1(h, slices=4), sliced_w1(h, slices=4)
    assert not torch.equal(first.directions, second.directions)
    torch.manual_seed(3)
    assert torch.equal(sliced_w1(h, slices=4).directions, first.directions)
    by_generator = [sliced_w1(h, slices=4, generator=seeded(8)).value for _ in range(2)]
    assert torch.equal(*by_generator)


def test_rotation_invariance():
    h, rotation = normal(20, 4), torch.linalg.qr(normal(4, 4, seed=1)).Q
    directions = random_directions(9, 4, generator=seeded(), dtype=torch.float64)
    rotated = sliced_w1(h @ rotation, directions=directions @ rotation)
    torch.testing.assert_close(rotated.per_direction, sliced_w1(h, directions=directions).per_direction)
    flipped = sliced_w1(-h.flip(0), directions=directions)
    torch.testing.assert_close(flipped.per_direction, sliced_w1(h, directions=directions).per_direction)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtypes(dtype):
    h = normal(60, 5).to(dtype).requires_grad_()
    distance = sliced_w1(h, slices=8, generator=seeded())
    distance.value.backward()
    wide = h.detach().to(torch.float64 if dtype == torch.float64 else torch.float32)
    assert h.grad.dtype == dtype
    assert distance.value.dtype == distance.per_direction.dtype == gaussian_w1(h.detach()).dtype == wide.dtype
    expected = sliced_w1(wide, directions=distance.directions)
    torch.testing.assert_close(distance.value.detach(), expected.value)


def test_autocast_does_not_shorten_the_projections():
    h = normal(60, 5, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = sliced_w1(h, slices=8, generator=seeded())
    assert torch.equal(inside.value, sliced_w1(h, slices=8, generator=seeded()).value)


def test_directions_may_be_a_read_only_array_of_another_dtype():
    h = normal(10, 3, dtype=torch.float32)
    directions = np.eye(3)
    directions.flags.writeable = False
    torch.testing.assert_close(sliced_w1(h, directions=directions).per_direction, gaussian_w1(h))


def test_arguments_are_not_changed():
    h = normal(10, 1)
    before = h.clone()
    gaussian_w1(h)
    gaussian_w1(h.requires_grad_())
    sliced_w1(h, directions=torch.ones(1, 1, dtype=torch.float64))
    assert torch.equal(h.detach(), before)


def test_results_survive_inference_mode():
    """Cells are kept between calls: those made in inference mode must serve training as well."""
    with torch.inference_mode():
        inside = gaussian_w1(normal(123, 2))
    h = normal(123, 2).requires_grad_()
    outside = gaussian_w1(h)
    outside.sum().backward()
    assert torch.equal(inside, outside)


def test_blocks_do_not_change_the_result(monkeypatch):
    h = normal(50, 6).requires_grad_()
    results = []
    for size in (1, 50 * 7, 10**6):
        monkeypatch.setitem(wasserstein.BLOCK_VALUES, "cpu", size)
        distance = sliced_w1(h, slices=40, generator=seeded())
        results.append((distance.per_direction, distance.value, torch.autograd.grad(distance.value, h)[0]))
    for result in results[1:]:
        torch.testing.assert_close(result, results[0])


@pytest.mark.parametrize("controlled", [False, True])
@pytest.mark.parametrize("with_gradient", [False, True])
def test_memory_does_not_grow_with_slices(monkeypatch, with_gradient, controlled):
    """Beyond the directions and the distances themselves, counted over every operator."""
    n, d = 2000, 8
    monkeypatch.setitem(wasserstein.BLOCK_VALUES, "cpu", 16 * n)
    h = normal(n, d, dtype=torch.float32).requires_grad_(with_gradient)
    peaks = []
    for slices in (64, 512):
        directions = random_directions(slices, d, generator=seeded())
        with PeakMemory() as memory:
            distance = sliced_w1(h, directions=directions, control_variates=controlled)
            if with_gradient:
                distance.value.backward()
        peaks.append(memory.peak)
    assert peaks[1] - peaks[0] <= 512 * (d + 8) * 8
    assert peaks[1] <= 16 * n * 4 * 8 + 3 * n * d * 4

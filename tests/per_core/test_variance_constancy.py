"""VCL: its value by hand, its derivatives, and what its flow does to kurtosis."""

import itertools
import math
from collections.abc import Callable, Sequence

import pytest
import torch

from per_core import VCL, InvalidInputError, vcl_loss
from per_core.variance_constancy import mean_vcl_gradient
from tests.per_core.flow import follow, skewed_batch


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(), dtype=torch.float64)


def excess_kurtosis(h: torch.Tensor) -> torch.Tensor:
    centred = h - h.mean(dim=0)
    return centred.pow(4).mean(dim=0) / centred.square().mean(dim=0).square() - 3


def test_the_value_on_two_subsets_that_are_the_whole_batch():
    h = normal(8, 3)
    order = torch.randperm(8, generator=seeded(4))
    first, second = h[order[:4]].numpy().var(axis=0, ddof=1), h[order[4:]].numpy().var(axis=0, ddof=1)
    for beta in (1.0, 0.2, torch.tensor([0.5, 1, 2])):
        expected = ((1 - first / (second + torch.as_tensor(beta).numpy())) ** 2).mean()
        assert vcl_loss(h, subset=4, beta=beta, generator=seeded(4)).item() == pytest.approx(expected)


def test_the_subsets_are_disjoint_and_drawn_anew():
    """The gradient touches exactly 2 · subset rows, others the next time."""
    h = normal(100, 2).requires_grad_()
    generator = seeded()
    touched = []
    for _ in range(2):
        (gradient,) = torch.autograd.grad(vcl_loss(h, subset=7, generator=generator), h)
        touched.append(set(gradient.abs().sum(dim=1).nonzero().flatten().tolist()))
    assert len(touched[0]) == len(touched[1]) == 14
    assert touched[0] != touched[1]


def pull(h: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """n times the gradient of a loss."""
    leaf = h.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf)
    return gradient * len(h)


def over_ordered_pairs(h: torch.Tensor, subsets: Sequence[Sequence[int]], beta: float) -> torch.Tensor:
    """The mean of VCL over every ordered pair of different subsets that share no row, by its definition."""
    v = [h[list(subset)].var(dim=0) for subset in subsets]
    pairs = [(s, t) for s, t in itertools.permutations(range(len(v)), 2) if not {*subsets[s]} & {*subsets[t]}]
    return torch.stack([(1 - v[s] / (v[t] + beta)).square().mean() for s, t in pairs]).mean()


def test_the_mean_gradient_is_that_over_every_pair_of_disjoint_subsets():
    """All 90 ordered pairs of two rows out of six; estimates scatter about their mean, less than draws do."""
    h = normal(6, 3)
    expected = pull(h, lambda h: over_ordered_pairs(h, list(itertools.combinations(range(6), 2)), 0.5))
    generator = seeded(3)
    estimates = torch.stack([mean_vcl_gradient(h, subset=2, beta=0.5, generator=generator) for _ in range(4000)])
    single = torch.stack([pull(h, lambda h: vcl_loss(h, subset=2, beta=0.5, generator=generator)) for _ in range(1000)])
    error = estimates.std(dim=0) / math.sqrt(4000)
    assert ((estimates.mean(dim=0) - expected).abs() < 5 * error).all()
    assert (estimates.std(dim=0) < 0.7 * single.std(dim=0)).all()


@pytest.mark.parametrize("n", [10, 23])
def test_one_draw_takes_every_pair_of_the_subsets_of_an_order(n: int):
    """Rows of a remainder are in no subset, and not pulled."""
    h, order = normal(n, 4), torch.randperm(n, generator=seeded(1)).tolist()
    subsets = [order[i : i + 5] for i in range(0, n - 4, 5)]
    found = mean_vcl_gradient(h, beta=0.7, generator=seeded(1))
    torch.testing.assert_close(found, pull(h, lambda h: over_ordered_pairs(h, subsets, 0.7)))
    assert (found.abs().sum(dim=1) == 0).sum() == n % 5


@pytest.mark.parametrize("d", [3, 5000])
def test_many_draws_at_once_are_the_mean_of_single_ones(d: int):
    h = normal(20, d)
    generator = seeded(2)
    single = torch.stack([mean_vcl_gradient(h, generator=generator) for _ in range(7)])
    torch.testing.assert_close(mean_vcl_gradient(h, draws=7, generator=seeded(2)), single.mean(dim=0))
    assert mean_vcl_gradient(torch.zeros(10, 4)).abs().max() == 0


def test_the_mean_gradient_refuses_what_the_loss_refuses():
    with pytest.raises(InvalidInputError, match="at least 10 rows"):
        mean_vcl_gradient(normal(9, 2))
    with pytest.raises(InvalidInputError, match="beta must be greater than 0"):
        mean_vcl_gradient(normal(10, 2), beta=0)
    with pytest.raises(InvalidInputError, match="draws must be an integer of at least 1; received 0"):
        mean_vcl_gradient(normal(10, 2), draws=0)


def test_gradients():
    beta = torch.tensor([0.5, 1, 2], dtype=torch.float64, requires_grad=True)
    h = normal(12, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda h, beta: vcl_loss(h, beta=beta, generator=seeded()), (h, beta))
    assert torch.autograd.gradgradcheck(lambda h: vcl_loss(h, generator=seeded()), h)


def test_the_flow_lowers_kurtosis():
    """Towards few modes: the excess kurtosis of two equal point masses, the lowest there is, is −2."""
    start = skewed_batch(256)
    assert (excess_kurtosis(start) > -0.5).all()
    generator = seeded(5)

    def loss(h: torch.Tensor) -> torch.Tensor:
        return torch.stack([vcl_loss(h, generator=generator) for _ in range(4)]).sum()

    h = follow(loss, start, steps=1000, rate=0.2)
    assert (excess_kurtosis(h) < -1).all()


def test_constant_units_have_a_finite_gradient():
    h = torch.ones(10, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(vcl_loss(h), h)
    assert gradient.abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_dtypes_are_computed_in_float32(dtype):
    h = normal(20, 4).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = vcl_loss(h, generator=seeded())
    assert loss.dtype == torch.float32
    assert torch.equal(loss, vcl_loss(h.float(), generator=seeded()))


def test_the_module_learns_beta():
    layer = VCL(3)
    assert torch.equal(layer.beta, torch.ones(3))
    h = normal(20, 3)
    torch.testing.assert_close(layer(h, seeded()).item(), 0.01 * vcl_loss(h, generator=seeded()).item())
    layer(h.float()).backward()
    assert (layer.beta.grad != 0).all()
    assert repr(layer) == "VCL(3, weight=0.01, subset=5)"
    assert VCL(2, beta=0.5).beta.tolist() == [0.5, 0.5]


def test_beta_stays_positive_and_alive():
    layer = VCL(2)
    with torch.no_grad():
        layer.beta.fill_(-1)
    layer(normal(10, 2).float()).backward()
    assert torch.equal(layer.beta.detach(), torch.full((2,), 1e-3))
    assert (layer.beta.grad != 0).all()


def test_the_state_survives_a_file(tmp_path):
    layer = VCL(2)
    with torch.no_grad():
        layer.beta.copy_(torch.tensor([0.5, 2]))
    torch.save(layer.state_dict(), tmp_path / "state.pt")
    again = VCL(2)
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(again.beta, layer.beta)


@pytest.mark.parametrize(
    ("h", "options", "message"),
    [
        (torch.zeros(9, 2), {}, "at least 10 rows, two subsets of 5; received 9"),
        (torch.zeros(9, 2), {"subset": 1}, "subset must be at least 2, which a variance needs; received 1"),
        (torch.zeros(9, 2), {"subset": 0}, "subset must be an integer of at least 1; received 0"),
        (torch.zeros(9), {}, r"shape \(n, d\); received shape \(9,\)"),
        (torch.full((10, 2), math.nan), {}, "received 20 NaN"),
        (torch.zeros(10, 2), {"beta": 0.0}, "beta must be greater than 0; received values down to 0"),
        (torch.zeros(10, 2), {"beta": math.nan}, "beta must be greater than 0; received values down to nan"),
        (torch.zeros(10, 2), {"beta": torch.ones(3)}, r"shape \(2,\); received shape \(3,\)"),
    ],
)
def test_refused(h, options, message):
    with pytest.raises(InvalidInputError, match=message):
        vcl_loss(h, **options)


def test_refused_module():
    with pytest.raises(InvalidInputError, match="num_features must be an integer of at least 1; received 0"):
        VCL(0)
    with pytest.raises(InvalidInputError, match="weight must be a finite number of at least 0; received -1"):
        VCL(2, weight=-1)
    with pytest.raises(InvalidInputError, match="beta must be greater than 0; received values down to 0"):
        VCL(2, beta=0)
    with pytest.raises(InvalidInputError, match=r"shape \(3,\); received shape \(2,\)"):
        VCL(2)(torch.zeros(10, 3))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cuda_parity(dtype):
    h = normal(50, 8).to(dtype)
    on_device = vcl_loss(h.cuda(), generator=seeded())
    assert on_device.device.type == "cuda"
    torch.testing.assert_close(on_device.cpu(), vcl_loss(h, generator=seeded()))

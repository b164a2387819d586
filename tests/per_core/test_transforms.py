"""torch.func on the functions and layers of per_core, against plain autograd, finite differences, loops and mpmath."""

import math
from collections.abc import Callable

import mpmath
import pytest
import torch
from torch import nn
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, stack_module_state, vjp, vmap

from per_core import (
    PER,
    VCL,
    DecorrelatedBatchNorm,
    DerivativeError,
    InvalidInputError,
    IterativeNorm,
    energy_loss,
    gaussian_w1,
    l1_loss,
    l2_loss,
    per_gradient,
    per_loss,
    radial,
    sigreg_loss,
    sliced_w1,
    vcl_loss,
)
from per_core.directions import random_directions

# What torch.func imports for forward mode calls what torch itself has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")

N, D = 10, 3


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def through(layer: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    layer, weights = layer.double(), normal(N, D, seed=3)
    return lambda h: (layer(h) * weights).sum()


DIRECTIONS = random_directions(4, D, generator=seeded(5), dtype=torch.float64)
LOSSES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "per": per_loss,
    "per, sampled": lambda h: per_loss(h, slices=4, generator=seeded()),
    "gaussian_w1": lambda h: gaussian_w1(h).sum(),
    "sliced_w1": lambda h: sliced_w1(h, slices=4, generator=seeded()).value,
    "sliced_w1, controlled": lambda h: sliced_w1(h, slices=40, generator=seeded(9)).value,
    "sliced_w1, directions": lambda h: sliced_w1(h, directions=DIRECTIONS).value,
    "energy": energy_loss,
    "sigreg": lambda h: sigreg_loss(h, slices=4, generator=seeded()),
    "vcl": lambda h: vcl_loss(h, generator=seeded()),
    "l1": l1_loss,
    "l2": l2_loss,
    "dbn": through(DecorrelatedBatchNorm(D)),
    "dbn, pca": through(DecorrelatedBatchNorm(D, variant="pca")),
    "iter_norm": through(IterativeNorm(D)),
}
ONCE = ["gaussian_w1", "sliced_w1", "sliced_w1, controlled", "sliced_w1, directions", "energy", "dbn", "dbn, pca"]
TRACKING = ["dbn", "dbn, pca", "iter_norm"]


def by_autograd(loss: Callable[[torch.Tensor], torch.Tensor], h: torch.Tensor) -> torch.Tensor:
    leaf = h.clone().requires_grad_()
    return torch.autograd.grad(loss(leaf), leaf)[0]


@pytest.mark.parametrize("name", LOSSES)
def test_every_first_derivative_is_that_of_autograd(name):
    loss, h, along = LOSSES[name], normal(N, D), normal(N, D, seed=1)
    expected = by_autograd(loss, h)
    assert torch.autograd.gradcheck(loss, h.clone().requires_grad_())
    for gradient in (grad(loss)(h), jacrev(loss)(h), jacfwd(loss)(h), vjp(loss, h)[1](torch.tensor(1.0).double())[0]):
        torch.testing.assert_close(gradient, expected)
    value, slope = jvp(loss, (h,), (along,))
    torch.testing.assert_close(value, loss(h))
    torch.testing.assert_close(slope, (expected * along).sum())
    step = 1e-6
    by_differences = (loss(h + step * along) - loss(h - step * along)) / (2 * step)
    assert slope.item() == pytest.approx(by_differences.item(), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in TRACKING])
@pytest.mark.parametrize("in_dim", [0, 2])
def test_vmap_is_the_loop(name, in_dim):
    loss, batches = LOSSES[name], normal(4, N, D)
    given = batches.movedim(0, in_dim)
    torch.testing.assert_close(vmap(loss, in_dims=in_dim)(given), torch.stack([loss(h) for h in batches]))
    gradients = torch.stack([by_autograd(loss, h) for h in batches])
    torch.testing.assert_close(vmap(grad(loss), in_dims=in_dim)(given), gradients)
    torch.testing.assert_close(grad(lambda all_: vmap(loss)(all_).sum())(batches), gradients)
    slopes = vmap(lambda h: jvp(loss, (h,), (torch.ones_like(h),))[1])(batches)
    torch.testing.assert_close(slopes, gradients.sum(dim=(1, 2)))


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ONCE])
def test_second_derivatives_in_every_order_of_modes(name):
    loss, h = LOSSES[name], normal(N, D) * 2
    expected = torch.autograd.functional.hessian(loss, h)
    assert torch.autograd.gradgradcheck(loss, h.clone().requires_grad_())
    for matrix in (hessian(loss)(h), jacrev(jacrev(loss))(h), jacrev(jacfwd(loss))(h), jacfwd(jacfwd(loss))(h)):
        torch.testing.assert_close(matrix, expected)
    if name not in TRACKING:
        torch.testing.assert_close(vmap(hessian(loss))(torch.stack([h, h]))[1], expected)


@pytest.mark.parametrize("name", ONCE)
def test_a_second_derivative_that_does_not_exist_is_an_error_and_not_0(name):
    """In every order of modes, also where the gradient of the output does not depend on the argument."""
    loss, h = LOSSES[name], normal(N, D).requires_grad_()
    for twice in (hessian, lambda f: jacrev(jacrev(f)), lambda f: jacrev(jacfwd(f)), lambda f: jacfwd(jacfwd(f))):
        with pytest.raises(DerivativeError, match=r"can be differentiated once.*received a second derivative\. Use "):
            twice(loss)(h.detach())
    for value in (loss(h), loss(h).square(), loss(h) + h.square().sum()):
        (gradient,) = torch.autograd.grad(value, h, create_graph=True)
        with pytest.raises(DerivativeError, match="can be differentiated once"):
            torch.autograd.grad(gradient.sum(), h)


@pytest.mark.parametrize(
    "first", [jacrev(per_gradient), jacfwd(per_gradient), hessian(per_loss), lambda h: vmap(per_gradient)(h[None])]
)
def test_what_is_kept_for_a_width_serves_after_the_transform_that_needed_it_first(first, monkeypatch):
    h = normal(2, D)
    gradient, curvature = per_gradient(h), jacrev(per_gradient)(h)
    monkeypatch.setattr(radial, "_WAVES", {})
    with torch.inference_mode():
        first(h)
    kept = [tensor for waves in radial._WAVES.values() for tensor in waves[1:]]
    assert kept
    assert not any(is_functorch_wrapped_tensor(tensor) or tensor.is_inference() for tensor in kept)
    leaf = h.clone().requires_grad_()
    torch.testing.assert_close(per_gradient(leaf), gradient)
    torch.testing.assert_close(torch.autograd.functional.jacobian(per_gradient, leaf), curvature)


def test_the_curvature_of_one_row_agrees_with_mpmath():
    h = torch.tensor([[0.7, -0.4, 1.1]], dtype=torch.float64)

    def psi(x, y, z):
        return mpmath.sqrt(2 / mpmath.pi) * mpmath.hyp1f1(-0.5, 1.5, -(x * x + y * y + z * z) / 2)

    point = tuple(h[0].tolist())
    orders = [[(i == k) + (j == k) for k in range(3)] for i in range(3) for j in range(3)]
    with mpmath.workdps(30):
        expected = [float(mpmath.diff(psi, point, tuple(order))) for order in orders]
    torch.testing.assert_close(hessian(per_loss)(h).flatten(), torch.tensor(expected).double(), rtol=1e-7, atol=0)


def test_a_third_derivative_is_refused():
    with pytest.raises(DerivativeError, match="per_loss can be differentiated twice and per_gradient once"):
        hessian(grad(per_loss))(normal(N, D))
    torch.testing.assert_close(N * hessian(per_loss)(normal(N, D)), jacrev(per_gradient)(normal(N, D)))


LAYERS = [PER(0.3), PER(0.3, slices=4), PER(0.3, layout="position"), PER(0.3, reduction="sum")]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_the_layer_adds_to_every_backward_pass_of_torch_func(layer):
    h, weights = normal(N, D), normal(N, D, seed=1)

    def loss(h: torch.Tensor) -> torch.Tensor:
        return (layer(h) * weights).sum()

    def reset() -> None:
        torch.manual_seed(4)

    reset()
    expected = by_autograd(loss, h)
    assert (expected - weights).norm() > 0.01
    for gradient in (grad(loss), jacrev(loss), lambda h: vjp(loss, h)[1](torch.tensor(1.0).double())[0]):
        reset()
        torch.testing.assert_close(gradient(h), expected)
    reset()
    torch.testing.assert_close(vmap(grad(loss))(torch.stack([h, h])), torch.stack([expected, expected]))
    torch.testing.assert_close(jvp(loss, (h,), (h,))[1], (h * weights).sum())  # its value is the identity


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_forward_mode_of_autograd_sees_the_identity(layer):
    h, tangent = normal(N, D).requires_grad_(), normal(N, D, seed=1)
    with forward_ad.dual_level():
        value, slope = forward_ad.unpack_dual(layer(forward_ad.make_dual(h, tangent)))
        assert torch.equal(value, h)
        assert torch.equal(slope, tangent)


def test_gradients_of_single_samples():
    """Each sample is a batch of its own: with "mean" each is pulled n times as hard as in the whole batch."""
    layer, h = PER(0.3), normal(N, D)
    gradients = vmap(grad(lambda row: layer(row.unsqueeze(0)).sum()))(h)
    torch.testing.assert_close(gradients, 1 + 0.3 * per_gradient(h))


def test_the_hessian_through_a_network_with_the_layer_is_that_with_the_loss():
    layer, h, weights = PER(0.3), normal(N, D), normal(D, 5, seed=2)

    def network(h: torch.Tensor) -> torch.Tensor:
        return torch.tanh(h @ weights)

    expected = hessian(lambda h: network(h).square().mean() + 0.3 * per_loss(network(h)))(h)
    torch.testing.assert_close(hessian(lambda h: layer(network(h)).square().mean())(h), expected)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@pytest.mark.parametrize("of", [lambda out: out.sum(), lambda out: out.square().sum()])
def test_a_backward_pass_through_a_backward_pass_of_the_layer_is_refused(layer, of):
    h = normal(N, D).requires_grad_()
    (gradient,) = torch.autograd.grad(of(layer(h)), h, create_graph=True)
    with pytest.raises(DerivativeError, match=r"PER can be passed backward once.*Use layer\.eval\(\)"):
        torch.autograd.grad(gradient.sum() + h.sum(), h)
    with pytest.raises(DerivativeError, match="PER can be passed backward once"):
        jacrev(jacrev(lambda h: of(layer(h))))(h.detach())


def test_an_ensemble_by_functional_call():
    networks = [nn.Sequential(nn.Linear(D, 4), nn.ELU(), PER(0.2), DecorrelatedBatchNorm(4)).double() for _ in range(3)]
    h, weights = normal(N, D), normal(N, 4, seed=1)
    parameters, buffers = stack_module_state(networks)
    base = networks[0]

    def loss(parameters: dict[str, torch.Tensor], buffers: dict[str, torch.Tensor]) -> torch.Tensor:
        return (functional_call(base, (parameters, buffers), (h,)) * weights).sum()

    found = vmap(grad(loss))(parameters, {name: buffer.clone() for name, buffer in buffers.items()})
    for i, network in enumerate(networks):
        (network(h) * weights).sum().backward()
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(found[name][i], parameter.grad)


@pytest.mark.parametrize("layer", [DecorrelatedBatchNorm(D), IterativeNorm(D)])
def test_one_running_mean_for_many_batches_is_refused(layer):
    with pytest.raises(InvalidInputError, match="must belong to one batch; received 4 by vmap"):
        vmap(layer)(normal(4, N, D).float())
    batches = normal(4, N, D).float()
    torch.testing.assert_close(vmap(layer.eval())(batches), torch.stack([layer(h) for h in batches]))


def test_vcl_with_its_beta_by_functional_call():
    module, h = VCL(D).double(), normal(N, D)
    stacked = {"beta": torch.stack([torch.full((D,), b, dtype=torch.float64) for b in (0.5, 2.0)])}
    found = vmap(grad(lambda p: functional_call(module, p, (h, seeded()))))(stacked)["beta"]
    for beta, gradient in zip(stacked["beta"], found, strict=True):
        torch.testing.assert_close(
            gradient, by_autograd(lambda b: 0.01 * vcl_loss(h, beta=b, generator=seeded()), beta)
        )


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in TRACKING])
def test_what_is_not_finite_is_named_inside_a_transform(name):
    batches = normal(4, N, D)
    batches[2, 1, 0] = math.nan
    for function in (LOSSES[name], grad(LOSSES[name])):
        with pytest.raises(InvalidInputError, match="must be finite; received 1 NaN"):
            vmap(function)(batches)

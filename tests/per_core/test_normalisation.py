"""Torch's normalisation layers for both shapes: torch's own as the oracle, and a convolution is its positions."""

import io

import pytest
import torch
from torch import nn

from per_core import BatchNorm, InvalidInputError, LayerNorm, RMSNorm

N, C = 12, 5
LAYERS = [BatchNorm, LayerNorm, RMSNorm]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3 + 2


def images(seed: int = 0) -> torch.Tensor:
    return normal(N, C, 3, 4, seed=seed)


def rows_of(images: torch.Tensor) -> torch.Tensor:
    """Every position as a row of channels."""
    return images.permute(0, 2, 3, 1).reshape(-1, images.shape[1])


def trained(module: nn.Module) -> nn.Module:
    """The module in float64 with an affine map that is not the identity."""
    for parameter in module.double().parameters():
        nn.init.normal_(parameter, generator=torch.Generator().manual_seed(7))
    return module


def assert_same(module: nn.Module, oracle: nn.Module, batches: list[torch.Tensor]) -> None:
    """The same outputs, gradients of input and parameters, and state, in training and then in evaluation."""
    assert module.state_dict().keys() == oracle.state_dict().keys()
    for training in (True, False):
        for h in batches:
            results = []
            for layer in (module, oracle):
                layer.train(training)
                leaf = h.clone().requires_grad_()
                out = layer(leaf)
                weights = normal(*out.shape, seed=3)
                gradients = torch.autograd.grad((out * weights).sum(), [leaf, *layer.parameters()])
                results.append([out, *gradients, *layer.state_dict().values()])
            torch.testing.assert_close(results[0], results[1])


@pytest.mark.parametrize(("eps", "momentum"), [(1e-5, 0.1), (0.1, 0.7), (1e-5, None)])
@pytest.mark.parametrize(("affine", "tracked"), [(True, True), (False, True), (True, False)])
def test_batch_norm_is_torchs_of_either_shape(eps, momentum, affine, tracked):
    options = eps, momentum, affine, tracked
    flat, spatial = [normal(N, C), normal(N, C, seed=1)], [images(), images(1)]
    assert_same(trained(BatchNorm(C, *options)), trained(nn.BatchNorm1d(C, *options)), flat)
    assert_same(trained(BatchNorm(C, *options)), trained(nn.BatchNorm2d(C, *options)), spatial)


@pytest.mark.parametrize("eps", [1e-5, 0.1])
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm_is_torchs_over_the_units_of_a_position(eps, affine):
    def oracle(h: torch.Tensor) -> torch.Tensor:
        return nn.functional.layer_norm(h.permute(0, 2, 3, 1), (C,), module.weight, module.bias, eps).permute(
            0, 3, 1, 2
        )

    module = trained(LayerNorm(C, eps, affine))
    assert_same(module, trained(nn.LayerNorm(C, eps, affine)), [normal(N, C)])
    torch.testing.assert_close(module(images()), oracle(images()))


@pytest.mark.parametrize("eps", [1e-8, 0.1])
@pytest.mark.parametrize("affine", [True, False])
def test_rms_norm_is_torchs_over_the_units_of_a_position(eps, affine):
    module = trained(RMSNorm(C, eps, affine))
    assert_same(module, trained(nn.RMSNorm(C, eps, affine)), [normal(N, C)])
    weight = module.weight[:, None, None] if affine else 1
    scale = (images().square().mean(dim=1, keepdim=True) + eps).sqrt()
    torch.testing.assert_close(module(images()), images() / scale * weight)


def test_layer_norm_does_not_mix_locations_as_group_norm_does():
    h = images()
    moved = h.clone()
    moved[0, :, 0, 0] += 5
    away = torch.ones(3, 4, dtype=torch.bool)
    away[0, 0] = False
    by_position, by_sample = LayerNorm(C).double(), nn.GroupNorm(1, C).double()
    assert torch.equal(by_position(h)[..., away], by_position(moved)[..., away])
    assert not torch.allclose(by_sample(h)[..., away], by_sample(moved)[..., away])


@pytest.mark.parametrize("layer", LAYERS)
def test_one_module_takes_both_shapes(layer):
    """The rows of a convolution leave the same state and the same output as the convolution."""
    by_rows, by_images = trained(layer(C)), trained(layer(C))
    for training in (True, False):
        for module in (by_rows, by_images):
            module.train(training)
        out = by_images(images())
        assert out.shape == images().shape
        torch.testing.assert_close(by_rows(rows_of(images())), rows_of(out))
        torch.testing.assert_close(dict(by_rows.state_dict()), dict(by_images.state_dict()))


@pytest.mark.parametrize(
    ("layer", "theirs"),
    [(BatchNorm, nn.BatchNorm1d), (BatchNorm, nn.BatchNorm2d), (LayerNorm, nn.LayerNorm), (RMSNorm, nn.RMSNorm)],
)
def test_what_torch_saved_can_be_loaded_and_the_other_way_round(layer, theirs):
    saved = trained(theirs(C))
    h = images() if theirs is nn.BatchNorm2d else normal(N, C)
    saved(h)  # moves running statistics, where there are any
    file = io.BytesIO()
    torch.save(saved.state_dict(), file)
    file.seek(0)
    module = layer(C).double()
    module.load_state_dict(torch.load(file))
    back = theirs(C).double()
    back.load_state_dict(module.state_dict())
    eps = saved.eps or torch.finfo(torch.float64).eps
    module.eps = back.eps = eps
    torch.testing.assert_close(module.eval()(h), saved.eval()(h))
    torch.testing.assert_close(back.eval()(h), saved(h))


def test_the_moments_that_are_left():
    out = BatchNorm(C).double()(images())
    torch.testing.assert_close(rows_of(out).mean(dim=0), torch.zeros(C).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(rows_of(out).var(dim=0, correction=0), torch.ones(C).double(), atol=1e-5, rtol=0)
    rows = rows_of(LayerNorm(C).double()(images()))
    torch.testing.assert_close(rows.mean(dim=1), torch.zeros(len(rows)).double(), atol=1e-12, rtol=0)
    rows = rows_of(RMSNorm(C).double()(images()))
    torch.testing.assert_close(rows.square().mean(dim=1), torch.ones(len(rows)).double())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("layer", LAYERS)
def test_constant_activations_stay_finite(layer, dtype):
    leaf = torch.zeros(4, C, 2, 2, dtype=dtype, requires_grad=True)
    out = layer(C).to(dtype)(leaf)
    out.sum().backward()
    assert out.dtype == dtype
    assert torch.equal(out, torch.zeros_like(out))
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize("layer", LAYERS)
def test_gradients_of_convolutions(layer):
    h = normal(3, 2, 2, 2).requires_grad_()
    assert torch.autograd.gradcheck(trained(layer(2)), h)


@pytest.mark.parametrize(
    ("h", "message"),
    [
        (torch.zeros(4, 4), r"of shape \(n, 3\) or \(n, 3, h, w\); received torch.float32 of shape \(4, 4\)"),
        (torch.zeros(4, 3, 2), r"received torch.float32 of shape \(4, 3, 2\)"),
        (torch.zeros(0, 3), "not empty"),
        (torch.zeros(4, 3, dtype=torch.int64), "floating tensor, .* received torch.int64"),
    ],
)
@pytest.mark.parametrize("layer", LAYERS)
def test_refused_activations(layer, h, message):
    with pytest.raises(InvalidInputError, match=message):
        layer(3)(h)


def test_statistics_need_two_rows():
    with pytest.raises(InvalidInputError, match="at least 2 rows to take statistics from; received 1"):
        BatchNorm(3)(torch.zeros(1, 3))
    with pytest.raises(InvalidInputError, match="at least 2 rows to take statistics from; received 1"):
        BatchNorm(3, track_running_stats=False).eval()(torch.zeros(1, 3))
    assert BatchNorm(3)(torch.zeros(1, 3, 1, 2)).shape == (1, 3, 1, 2)
    assert BatchNorm(3).eval()(torch.zeros(1, 3)).shape == (1, 3)


@pytest.mark.parametrize("layer", LAYERS)
def test_refused_options(layer):
    with pytest.raises(InvalidInputError, match="num_features must be an integer of at least 1; received 0"):
        layer(0)
    with pytest.raises(InvalidInputError, match="eps must be a finite number greater than 0; received 0"):
        layer(3, eps=0)
    with pytest.raises(InvalidInputError, match=r"momentum must be a number in \[0, 1\]"):
        BatchNorm(3, momentum=2)


@pytest.mark.gpu
@pytest.mark.parametrize("layer", LAYERS)
def test_cuda_parity(layer):
    module = trained(layer(C))
    out = module(images())
    torch.testing.assert_close(trained(layer(C)).cuda()(images().cuda()).cpu(), out)

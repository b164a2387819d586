"""Whitening layers: what their output is, their derivatives, and the conventions of torch's batch normalisation."""

import math
import warnings

import pytest
import torch
from torch import nn

from per_core import DecorrelatedBatchNorm, InvalidInputError, IterativeNorm

LAYERS = [DecorrelatedBatchNorm, IterativeNorm]
TINY = 1e-12


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def correlated(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return normal(n, d, seed=seed) @ normal(d, d, seed=seed + 1) + 3


def covariance(rows: torch.Tensor) -> torch.Tensor:
    return torch.cov(rows.T, correction=0)


def equal_eigenvalues(d: int, scales: list[float]) -> torch.Tensor:
    """The 2d rows ±√d s_i e_i: mean 0 and covariance diag(s²), exactly."""
    axes = torch.diag(torch.tensor(scales, dtype=torch.float64)) * math.sqrt(d)
    return torch.cat([axes, -axes])


def gradients(layer: nn.Module, h: torch.Tensor) -> torch.Tensor:
    leaf = h.clone().requires_grad_()
    out = layer(leaf)
    (gradient,) = torch.autograd.grad((out * normal(*out.shape, seed=9).to(out.dtype)).sum(), leaf)
    return gradient


@pytest.mark.parametrize("variant", ["zca", "pca"])
@pytest.mark.parametrize("d", [1, 2, 5, 16])
def test_the_output_is_white(d, variant):
    out = DecorrelatedBatchNorm(d, eps=TINY, variant=variant).double()(correlated(400, d))
    torch.testing.assert_close(covariance(out).view(d, d), torch.eye(d).double(), atol=1e-6, rtol=0)
    assert out.mean(dim=0).abs().max() < 1e-10


def test_zca_is_symmetric_and_the_whitening_nearest_to_the_input():
    h = correlated(300, 6)
    centred = h - h.mean(dim=0)
    sigma = covariance(h).unsqueeze(0)
    matrix = DecorrelatedBatchNorm(6, eps=TINY).whitening_matrix(sigma)[0]
    torch.testing.assert_close(matrix, matrix.T)
    assert torch.linalg.eigvalsh(matrix).min() > 0

    def moved(whitening: torch.Tensor) -> float:
        return (centred @ whitening.T - centred).square().sum().item()

    turns = [torch.linalg.qr(normal(6, 6, seed=seed)).Q for seed in range(20)]
    pca = DecorrelatedBatchNorm(6, eps=TINY, variant="pca").whitening_matrix(sigma)[0]
    assert moved(matrix) < min([moved(pca), *(moved(turn @ matrix) for turn in turns)])


def test_the_axes_of_pca_swap_between_batches():
    """Two batches of one law, variances 1 and 1.02: which is larger is chance, and PCA's units trade places."""
    rows = equal_eigenvalues(2, [1, 1]).repeat(20, 1)
    first, second = rows * torch.tensor([1.01, 1]), rows * torch.tensor([1, 1.01])
    outputs = {
        variant: [DecorrelatedBatchNorm(2, eps=TINY, variant=variant).double()(batch) for batch in (first, second)]
        for variant in ("zca", "pca")
    }
    torch.testing.assert_close(*outputs["zca"])
    torch.testing.assert_close(outputs["pca"][0].abs(), outputs["pca"][1].abs().flip(1))
    assert (outputs["pca"][0] - outputs["pca"][1]).abs().max() > 1


def test_iterative_norm_whitens_weak_directions_in_part():
    """Method: eigenvalues (1, 0.1, 0.01) come out as 1.00, 0.99, 0.40 after five steps, as 1 after many."""
    h = equal_eigenvalues(3, [1, math.sqrt(0.1), 0.1])
    five = covariance(IterativeNorm(3, eps=TINY).double()(h))
    torch.testing.assert_close(five, torch.diag(torch.tensor([1.00, 0.99, 0.40]).double()), atol=5e-3, rtol=0)
    many = covariance(IterativeNorm(3, eps=TINY, iterations=25).double()(h))
    torch.testing.assert_close(many, torch.eye(3).double())


def test_iterative_norm_takes_the_published_steps():
    sigma = covariance(correlated(200, 4)).unsqueeze(0)
    shifted = sigma[0] + 1e-5 * torch.eye(4)
    p = torch.eye(4).double()
    for _ in range(5):
        p = (3 * p - p @ p @ p @ shifted / shifted.trace()) / 2
    torch.testing.assert_close(IterativeNorm(4).whitening_matrix(sigma)[0], p / shifted.trace().sqrt())


def test_iterative_norm_converges_to_zca():
    h = correlated(500, 5)
    many = IterativeNorm(5, iterations=60).double()(h)
    torch.testing.assert_close(many, DecorrelatedBatchNorm(5).double()(h), atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    "layer",
    [
        lambda affine: DecorrelatedBatchNorm(4, affine=affine, group_size=3),
        lambda affine: DecorrelatedBatchNorm(4, affine=affine, group_size=3, variant="pca"),
        lambda affine: IterativeNorm(4, affine=affine, group_size=3),
    ],
    ids=["zca", "pca", "iterative"],
)
def test_gradients(layer, affine):
    module = layer(affine).double()
    for parameter in module.parameters():
        nn.init.normal_(parameter, generator=torch.Generator().manual_seed(3))

    def run(h: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        names = [name for name, _ in module.named_parameters()]
        return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), (h,))

    inputs = normal(7, 4).requires_grad_(), *(p.detach().requires_grad_() for p in module.parameters())
    assert torch.autograd.gradcheck(run, inputs)


@pytest.mark.parametrize("scales", [[1.0, 1, 1, 1], [2.0, 2, 0.5, 0.5], [1.0, 0, 0, 0]], ids=str)
@pytest.mark.parametrize("layer", LAYERS)
def test_gradients_at_equal_eigenvalues(layer, scales):
    h = equal_eigenvalues(4, scales)
    if not all(scales):
        assert gradients(layer(4).double(), h).isfinite().all()  # 1/eps is too steep for finite differences
        return
    spectrum = torch.linalg.eigvalsh(covariance(h))
    assert spectrum.diff().abs().min() < 1e-14
    assert torch.autograd.gradcheck(layer(4).double(), h.requires_grad_())


def test_pca_gradients_stay_finite_at_equal_eigenvalues():
    layer = DecorrelatedBatchNorm(4, variant="pca").double()
    assert gradients(layer, equal_eigenvalues(4, [1.0, 1, 1, 1])).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_constant_unit_becomes_zero_without_a_warning(layer, dtype):
    h = correlated(50, 3).to(dtype)
    h[:, 1] = 1000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module = layer(3)
        out = module(h)
        gradient = gradients(module, h)
    assert out.dtype == dtype
    torch.testing.assert_close(out[:, 1], torch.zeros_like(out[:, 1]), atol=1e-6, rtol=0)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("layer", LAYERS)
def test_one_unit_is_batch_normalisation(layer):
    h = normal(40, 1) * 3 + 2
    ours, theirs = layer(1, iterations=60) if layer is IterativeNorm else layer(1), nn.BatchNorm1d(1)
    torch.testing.assert_close(ours.double()(h), theirs.double()(h), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("layer", LAYERS)
def test_groups_are_independent(layer):
    """Seven units by three: two groups and a shorter last one, each as if alone, in training and in evaluation."""
    h = correlated(60, 7)
    together = layer(7, group_size=3).double()
    alone = [layer(len(units)).double() for units in torch.arange(7).split(3)]
    for mode in (True, False):
        parts = [part.train(mode)(rows) for part, rows in zip(alone, h.split(3, dim=1), strict=True)]
        torch.testing.assert_close(together.train(mode)(h), torch.cat(parts, dim=1))


@pytest.mark.parametrize("layer", LAYERS)
def test_convolutions_are_their_positions(layer):
    images = correlated(2 * 3 * 4, 5).view(2, 3, 4, 5).permute(0, 3, 1, 2)
    flat, spatial = layer(5).double(), layer(5).double()
    for mode in (True, False):
        rows = flat.train(mode)(images.movedim(1, -1).flatten(0, 2))
        out = spatial.train(mode)(images)
        assert out.shape == images.shape
        torch.testing.assert_close(out.movedim(1, -1).flatten(0, 2), rows)


@pytest.mark.parametrize("momentum", [0.3, None])
@pytest.mark.parametrize("layer", LAYERS)
def test_running_statistics(layer, momentum):
    module = layer(3, momentum=momentum).double()
    mean, matrix = torch.zeros(3).double(), torch.eye(3).double()
    for step in range(1, 5):
        h = correlated(30, 3, seed=step)
        module(h)
        share = momentum or 1 / step
        mean = (1 - share) * mean + share * h.mean(dim=0)
        matrix = (1 - share) * matrix + share * module.whitening_matrix(covariance(h).unsqueeze(0))[0]
    assert module.num_batches_tracked == 4
    h = normal(8, 3)
    torch.testing.assert_close(module.eval()(h), (h - mean) @ matrix.T)
    torch.testing.assert_close(module(h[:1]), (h[:1] - mean) @ matrix.T)  # one row is enough in evaluation
    module.reset_running_stats()
    torch.testing.assert_close(module(h), h)


@pytest.mark.parametrize("layer", LAYERS)
def test_without_running_statistics_evaluation_uses_its_batch(layer):
    h = correlated(30, 3)
    module = layer(3, track_running_stats=False).double()
    assert not list(module.buffers())
    torch.testing.assert_close(module.eval()(h), layer(3).double()(h))


@pytest.mark.parametrize("layer", LAYERS)
def test_the_affine_map(layer):
    h = correlated(30, 3)
    module = layer(3).double()
    plain = layer(3, affine=False).double()(h)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([1, 2, 3]))
        module.bias.copy_(torch.tensor([4, 5, 6]))
    torch.testing.assert_close(module(h), plain * torch.tensor([1, 2, 3]) + torch.tensor([4, 5, 6]))


@pytest.mark.parametrize("layer", LAYERS)
def test_the_state_survives_a_file(layer, tmp_path):
    module = layer(5, group_size=2)
    for step in range(3):
        module(correlated(30, 5, seed=step).float())
    torch.save(module.state_dict(), tmp_path / "state.pt")
    again = layer(5, group_size=2)
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert list(again.state_dict()) == [
        "weight",
        "bias",
        "running_mean",
        "running_whitening",
        "num_batches_tracked",
    ]
    h = correlated(4, 5).float()
    assert torch.equal(again.eval()(h), module.eval()(h))


@pytest.mark.parametrize("layer", LAYERS)
def test_under_autocast(layer):
    h = correlated(30, 4).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = layer(4)(h)
    torch.testing.assert_close(inside, layer(4)(h))


def test_text():
    assert repr(DecorrelatedBatchNorm(20)) == (
        "DecorrelatedBatchNorm(20, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, group_size=16,"
        " variant='zca')"
    )
    assert "iterations=5" in repr(IterativeNorm(20))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("h", "message"),
    [
        (torch.zeros(4, 4), r"of shape \(n, 3\) or \(n, 3, h, w\); received torch.float32 of shape \(4, 4\)"),
        (torch.zeros(4, 3, 2), r"received torch.float32 of shape \(4, 3, 2\)"),
        (torch.zeros(0, 3), r"not empty, .* received torch.float32 of shape \(0, 3\)"),
        (torch.zeros(4, 3, dtype=torch.int64), "floating tensor, .* received torch.int64"),
        (torch.zeros(1, 3), "at least 2 rows to take statistics from; received 1"),
        (torch.full((4, 3), math.nan), "received 9 covariances that are not"),
        (torch.eye(3) * 1e30, "finite and so must their covariance"),
    ],
)
def test_refused_activations(layer, h, message):
    with pytest.raises(InvalidInputError, match=message):
        layer(3)(h)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_features": 0}, "num_features must be an integer of at least 1; received 0"),
        ({"group_size": 1.5}, "group_size must be an integer of at least 1; received 1.5"),
        ({"eps": 0}, "eps must be a finite number greater than 0; received 0"),
        ({"momentum": 2}, r"momentum must be a number in \[0, 1\], or None for the plain average; received 2"),
    ],
)
def test_refused_options(layer, options, message):
    with pytest.raises(InvalidInputError, match=message):
        layer(**{"num_features": 3, **options})


def test_refused_variant_and_iterations():
    with pytest.raises(InvalidInputError, match=r'variant must be "zca" or "pca"; received \'cholesky\''):
        DecorrelatedBatchNorm(3, variant="cholesky")
    with pytest.raises(InvalidInputError, match="iterations must be an integer of at least 1; received 0"):
        IterativeNorm(3, iterations=0)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layer", LAYERS)
def test_cuda_parity(layer, dtype):
    h = correlated(200, 20).to(dtype)
    on_cpu, on_device = layer(20).to(dtype), layer(20).to(dtype).cuda()
    tolerance = {torch.float32: 1e-3, torch.float64: 1e-9}[dtype]
    for mode in (True, False):
        expected, out = on_cpu.train(mode)(h), on_device.train(mode)(h.cuda())
        torch.testing.assert_close(out.cpu(), expected, atol=tolerance, rtol=tolerance)
    leaf = h.cuda().requires_grad_()
    weights = normal(200, 20, seed=9).to(dtype)
    (gradient,) = torch.autograd.grad((on_device.train()(leaf) * weights.cuda()).sum(), leaf)
    torch.testing.assert_close(gradient.cpu(), gradients(on_cpu.train(), h), atol=tolerance, rtol=tolerance)

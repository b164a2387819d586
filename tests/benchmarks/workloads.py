"""What is measured: each workload is a function without arguments over inputs that are made beforehand."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from per_core import Method, list_methods, per_gradient, sliced_w1
from per_core.directions import random_directions

with warnings.catch_warnings():
    # POT looks for every array library that is installed, and some of them warn when imported.
    warnings.simplefilter("ignore")
    import ot

Workloads = dict[str, Callable[[], object]]

OURS, BACKWARD, FLOOR = "sliced_w1", "sliced_w1, forward and backward", "matrix product and row sort"
PLAIN = "sliced_w1, plain mean"
POT_TORCH, POT_NUMPY = "POT, torch", "POT, NumPy"
EXACT = "per_gradient, exact"
ALGORITHM_1, GIVEN, COPY = "Algorithm 1", "Algorithm 1, directions given", "copy of the batch"
BATCH_NORM = "torch.nn.BatchNorm1d"


@dataclass(frozen=True, slots=True)
class Size:
    """n samples of d units, on k slices."""

    n: int
    d: int
    k: int

    def __str__(self) -> str:
        return f"n={self.n} d={self.d} s={self.k}"


DISTANCE, QUICK_DISTANCE = Size(20_000, 256, 256), Size(2_000, 256, 256)
LAYER = Size(4_000, 256, 256)
GRADIENT, NARROW_GRADIENT = Size(128, 4096, 256), Size(128, 64, 256)
METHODS = Size(128, 512, 256), Size(4096, 64, 256)


def gaussian(size: Size, device: str) -> Tensor:
    """A batch of N(0, I)."""
    return torch.randn(size.n, size.d, generator=torch.Generator(device).manual_seed(0), device=device)


def elu_layer(size: Size, device: str) -> Tensor:
    """What a random linear layer and an ELU make of N(0, I)."""
    mixing = gaussian(Size(size.d, size.d, size.k), device) / size.d**0.5
    return nn.functional.elu(gaussian(size, device) @ mixing)


def distance_workloads(size: Size, device: str, make: Callable[[Size, str], Tensor] = gaussian) -> Workloads:
    """Exact sliced W1 against POT with a sampled reference, and against the least that any exact form must do."""
    generator = torch.Generator(device).manual_seed(1)
    batch = make(size, device)
    reference = torch.randn(size.n, size.d, generator=generator, device=device)
    theta = random_directions(size.k, size.d, generator=generator, device=device)
    leaf = batch.clone().requires_grad_()

    def floor() -> None:
        projections = theta @ batch.T  # (k, n)
        if device == "cpu":
            projections.numpy().sort(axis=1)
        else:
            projections.sort(dim=1)

    def pot(*arrays: object) -> object:
        source, target, projections = arrays
        return ot.sliced_wasserstein_distance(source, target, projections=projections, p=1)

    workloads: Workloads = {
        OURS: lambda: sliced_w1(batch, directions=theta, control_variates=True),
        PLAIN: lambda: sliced_w1(batch, directions=theta),
        FLOOR: floor,
        BACKWARD: lambda: torch.autograd.grad(sliced_w1(leaf, directions=theta, control_variates=True).value, leaf),
        POT_TORCH: lambda: pot(batch, reference, theta.T),
    }
    if device == "cpu":
        workloads[POT_NUMPY] = lambda: pot(batch.numpy(), reference.numpy(), theta.T.numpy())
    return workloads


def gradient_workloads(size: Size, device: str) -> Workloads:
    """The exact PER gradient against Algorithm 1, and against reading and writing the batch once."""
    generator = torch.Generator(device).manual_seed(0)
    batch = torch.randn(size.n, size.d, generator=generator, device=device)
    theta = random_directions(size.k, size.d, generator=generator, device=device)

    def algorithm_1(directions: Tensor) -> Tensor:
        return torch.erf(batch @ directions.T * 0.5**0.5) @ directions / size.k

    return {
        EXACT: lambda: per_gradient(batch),
        ALGORITHM_1: lambda: algorithm_1(random_directions(size.k, size.d, device=device)),
        GIVEN: lambda: algorithm_1(theta),
        COPY: batch.clone,
    }


def method_workloads(size: Size, device: str) -> Workloads:
    """Forward and backward of every method of the registry as it comes, and of torch's batch normalisation."""
    generator = torch.Generator(device).manual_seed(0)
    batch = torch.randn(size.n, size.d, generator=generator, device=device).requires_grad_()
    arriving = torch.randn(size.n, size.d, generator=generator, device=device)

    def normalise(layer: nn.Module) -> Callable[[], object]:
        layer.to(device)
        return lambda: torch.autograd.grad(layer(batch), [batch, *layer.parameters()], arriving)

    def regularise(method: Method) -> Callable[[], object]:
        slices = {"slices": size.k} if "slices" in method.defaults else {}
        loss = method.build(**slices)
        return lambda: torch.autograd.grad(loss(batch, generator=generator), batch)

    workloads = {BATCH_NORM: normalise(nn.BatchNorm1d(size.d))}
    for method in list_methods():
        workloads[method.key] = normalise(method.build(size.d)) if method.kind == "normaliser" else regularise(method)
    return workloads

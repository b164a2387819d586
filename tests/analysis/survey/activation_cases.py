"""Activations whose state is known: of real little networks, trained or as initialised, and made by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as f

Matrix = NDArray[np.float32]
N, D = 800, 64
ROWS = 600  # of the digits
SEQUENCES, TOKENS, WIDTH, HEADS = 40, 24, 64, 4
MASSIVE_UNIT, MASSIVE_LAYER = 5, 2  # of the transformer, whose first token has 2,000 there from that block on


@lru_cache(maxsize=1)
def digits() -> tuple[Tensor, Tensor]:
    """Images (600, 64) from 0 to 1, and their classes."""
    images, classes = load_digits(return_X_y=True)
    return torch.tensor(images[:ROWS] / 16, dtype=torch.float32), torch.tensor(classes[:ROWS])


@lru_cache(maxsize=1)
def classifier() -> dict[str, Matrix]:
    """A ReLU network of hidden layers of 96 and 512 units, trained on the digits until it makes no error."""
    torch.manual_seed(0)
    images, classes = digits()
    layers = nn.ModuleDict({"hidden": nn.Linear(64, 96), "features": nn.Linear(96, 512), "logits": nn.Linear(512, 10)})
    optimizer = torch.optim.AdamW(layers.parameters(), lr=1e-2, weight_decay=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        found = _classify(layers, images)
        f.cross_entropy(found["logits"], classes).backward()
        optimizer.step()
    with torch.no_grad():
        found = _classify(layers, images)
    assert (found["logits"].argmax(dim=1) == classes).all()
    return {name: numbers(values) for name, values in found.items()}


def _classify(layers: nn.ModuleDict, images: Tensor) -> dict[str, Tensor]:
    found = {"pixels": images, "before": layers["hidden"](images)}
    found["hidden"] = found["before"].relu()
    found["features"] = layers["features"](found["hidden"]).relu()
    found["logits"] = layers["logits"](found["features"])
    found["softmax"] = found["logits"].softmax(dim=1)
    return found


@torch.no_grad()
def initial(activation: Callable[[Tensor], Tensor], *, gain: float = 1.0) -> Matrix:
    """The second hidden layer of a network as initialised, on the digits; `gain` multiplies its weights."""
    torch.manual_seed(1)
    images, _ = digits()
    first, second = nn.Linear(64, 128), nn.Linear(128, 96)
    standardised = (images - images.mean()) / images.std()
    return numbers(activation(gain * 3 * second(activation(3 * first(standardised)))))


@lru_cache(maxsize=1)
@torch.no_grad()
def transformer() -> dict[str, Matrix]:
    """Four blocks of a transformer as initialised; from block 2 on the first token has 2,000 in one unit.

    Blocks write into the residual stream as those of trained models do, see Sun et al. (2024); positions are rows.
    """
    torch.manual_seed(2)
    stream = torch.randn(SEQUENCES, TOKENS, WIDTH)
    mask = torch.full((TOKENS, TOKENS), -math.inf).triu(1)
    found = {"embedding": stream.flatten(0, 1)}
    for number in range(4):
        norm, attend = nn.LayerNorm(WIDTH), nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        expand, contract = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        normal = norm(stream)
        mixed, weights = attend(normal, normal, normal, attn_mask=mask, average_attn_weights=False)
        stream = stream + mixed
        expanded = f.gelu(expand(norm(stream)))
        stream = stream + contract(expanded)
        if number == MASSIVE_LAYER:
            stream[:, 0, MASSIVE_UNIT] += 2000
        found |= {
            f"block_{number}": stream.flatten(0, 1),
            f"norm_{number}": normal.flatten(0, 1),
            f"mlp_{number}": expanded.flatten(0, 1),
            f"attention_{number}": weights.flatten(0, 2),  # a row a query
            f"attention_of_samples_{number}": weights.flatten(1),  # all heads and queries of a sample in a row
        }
    return {name: numbers(values) for name, values in found.items()}


@lru_cache(maxsize=1)
@torch.no_grad()
def convolution() -> dict[str, Matrix]:
    """Convolutions of the digits, which all have an empty border, with batch normalisation and ReLU."""
    torch.manual_seed(3)
    images = f.pad(digits()[0].reshape(-1, 1, 8, 8), (2, 2, 2, 2))
    maps = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU())(images)
    return {"positions": numbers(maps.permute(0, 2, 3, 1).flatten(0, 2)), "samples": numbers(maps.flatten(1))}


@torch.no_grad()
def embeddings() -> Matrix:
    """Tokens looked up in a table of 50 rows: many rows are the same."""
    torch.manual_seed(4)
    return numbers(nn.Embedding(50, D)(torch.randint(0, 50, (N,))))


def quantised(values: Matrix, levels: int) -> Matrix:
    """Rounded to a grid of so many levels between the smallest and the largest value, as int8 inference does."""
    step = (values.max() - values.min()) / (levels - 1)
    return np.float32(np.round((values - values.min()) / step) * step + values.min())


def numbers(values: Tensor) -> Matrix:
    return np.ascontiguousarray(values.detach().float().numpy())


def gaussian(n: int = N, d: int = D, seed: int = 5) -> Matrix:
    return np.float32(np.random.default_rng(seed).normal(size=(n, d)))


def made_by_hand() -> dict[str, Matrix]:
    """Values with one known property each."""
    random = np.random.default_rng(6)
    normal = gaussian()
    unit, row = np.arange(D), np.arange(N)[:, None]
    classes = np.eye(10, dtype=np.float32)[np.arange(N) % 10]
    ranked = normal[:, :3] @ gaussian(3, 300, seed=7) / 2
    made = {
        "normal": normal,
        "large": 300 * normal,
        "far away": 2 * normal + 150,
        "shifted": normal + 10,
        "shifted units": normal + random.normal(size=D) * 4,
        "huge": 1e6 * normal,
        "alike": normal / 500 + 1,
        "small": normal / 1000,
        "one unit at 2000": np.where(unit == 9, normal + 2000, normal),
        "one unit times 2000": np.where(unit == 9, 2000 * normal, normal),
        "one row at 2000": np.where(row == 17, normal + 2000, normal),
        "one token with a norm of 20 medians": np.where(row == 17, 20 * normal, normal),
        "an outlier channel of 60": np.where(unit == 9, 60 + normal, normal / 2),
        "heavy tails": random.standard_t(3, size=(N, D)),
        "units of falling size": normal / (1 + unit),
        "a tenth dead": normal * (unit >= 6),
        "a quarter dead": normal * (unit >= 16),
        "all but ten dead": normal * (unit < 10),
        "constant": np.full((N, D), 0.1),
        "zeros": np.zeros((N, D)),
        "constant but for rounding": np.float32(0.1) * (1 + random.integers(-1, 2, size=(N, D)) * 2.0**-24),
        "tanh at both sides": np.tanh(30 * normal),
        "tanh at +1": np.tanh(5 + normal),
        "tanh at +1, a third of units": np.where(unit < 22, np.tanh(5 + normal), np.tanh(normal)),
        "tanh at -1": np.tanh(normal - 5),
        "sigmoid at 0": 1 / (1 + np.exp(8 - 2 * normal - 8 * (unit < 8))),
        "elu at -1": np.where(normal > 1, normal - 1, np.expm1(np.minimum(8 * (normal - 1), 0))),
        "sparse relu": np.maximum(normal - 1, 0),
        "relu with dropout": np.maximum(normal, 0) * (random.random((N, D)) < 0.5) * 2,
        "settled at -0.85": -0.85 + 0.22 * normal,
        "one direction": normal[:, :1] * gaussian(1, D, seed=8),
        "three directions": ranked,
        "ten classes": classes @ gaussian(10, 512, seed=9) + gaussian(N, 512, seed=10) / 20,
        "two classes": classes[:, :2] @ gaussian(2, 512, seed=9) * 2 + gaussian(N, 512, seed=10) / 20,
        "the same rows many times": normal[np.arange(N) % 40],
        "one-hot": classes,
        "binary": np.float32(normal > 0),
        "signs": np.sign(normal),
        "uniform": random.uniform(-1, 1, size=(N, D)),
        "more units than rows": gaussian(100, 900),
        "few rows": np.maximum(normal[:4], 0),
        "one row": normal[:1],
        "two units": normal[:, :1] * np.ones(2),
        "one unit": normal[:, :1],
        "beyond float16": np.where((row == 3) & (unit < 2), 7e4, 90 * normal),
    }
    return {name: np.float32(values) for name, values in made.items()}


def of_networks() -> dict[str, Matrix]:
    """Values of little networks, by name."""
    relu = initial(torch.relu)
    return {
        **{f"classifier, {name}": values for name, values in classifier().items()},
        **{f"transformer, {name}": values for name, values in transformer().items()},
        **{f"convolution, {name}": values for name, values in convolution().items()},
        "embeddings": embeddings(),
        "relu": relu,
        "relu in 8 bits": quantised(relu, 256),
        "relu in 4 bits": quantised(relu, 16),
        "leaky relu": initial(f.leaky_relu),
        "elu": initial(f.elu),
        "selu": initial(f.selu),
        "gelu": initial(f.gelu),
        "silu": initial(f.silu),
        "tanh": initial(torch.tanh),
        "sigmoid": initial(torch.sigmoid),
        "relu6": initial(f.relu6, gain=10),
        "hard sigmoid": initial(f.hardsigmoid, gain=10),
        "hard tanh": initial(f.hardtanh, gain=10),
        "softmax of little": initial(lambda x: x.softmax(dim=1)),
        "softmax of much": initial(lambda x: x.softmax(dim=1), gain=30),
        "tanh, weights times 30": initial(torch.tanh, gain=30),
        "tanh in bfloat16, weights times 30": numbers(torch.from_numpy(initial(torch.tanh, gain=30)).bfloat16()),
        "sigmoid, weights times 30": initial(torch.sigmoid, gain=30),
    }

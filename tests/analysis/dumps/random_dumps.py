"""Random dumps, names and shapes alone, of which it is known how they were made: what a plan has to find again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from random import Random

WORDED = (
    "layer_{}",
    "layer{}",
    "blocks.{}.mlp",
    "model.layers.{}",
    "encoder.layer.{}.output",
    "block_{:02d}",
    "layer-{}",
)
MODULES = (
    ("fc1", "fc2", "fc3"),
    ("conv1", "conv2", "fc"),
    ("features.0", "features.3", "features.6", "classifier.1"),
    ("layer1.0.conv1", "layer1.0.conv2", "layer4.1.conv2"),
    ("dense", "dense_1", "dense_2"),
    ("encoder", "decoder"),
    ("embed", "blocks.0.attn", "blocks.0.mlp", "blocks.1.attn", "blocks.1.mlp"),
)
EPOCHS = ("epoch_{}", "epoch{}", "ep{}", "epoch-{}", "epoch_{:03d}", "epoch={}", "e{}", "after_epoch_{}")
STEPS = ("step_{}", "step{}", "step-{}", "checkpoint-{}", "it_{}", "iter_{:06d}", "global_step{}", "ckpt_{}")
FRACTIONS = ("epoch_{:.2f}", "epoch{:.2f}", "ep_{:05.2f}")
SPLITS = (("train", "test"), ("train", "val"), ("train", "val", "test"), ("train", "dev"))
PARTS = ("part_{}", "part{:02d}", "shard_{:05d}", "chunk_{}", "shard-{}")
SAMPLES = ("sample_{}", "sample_{:04d}", "prompt_{}", "image_{}", "img_{:06d}", "sentence_{}")
SEEDS = ("seed_{}", "seed{}")
PREFIXES = ("acts", "activations", "features", "run")
FILES = {"npy": 0, "pt": 0, "npz": 1, "safetensors": 1, "h5": 3}
"""Suffix -> how many parts of a name can be in the file."""

MOST_ARRAYS = 250


@dataclass(frozen=True)
class Array:
    """One array of the dump.

    Attributes:
        name: folders, file and keys, joined by "/".
        inner: how many parts of the name are keys.
    """

    name: str
    inner: int
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class RandomCell:
    """What belongs together.

    Attributes:
        layer: a text for it; what is found may call it otherwise, but all of its cells alike.
        names: of the arrays, in the order in which they are joined.
    """

    layer: str
    epoch: float | None
    split: str
    seed: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class RandomDump:
    """A dump: its arrays in no order, its cells, and names of what is no activation."""

    arrays: tuple[Array, ...]
    cells: tuple[RandomCell, ...]
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Role:
    """One thing that names tell, and the texts for its values."""

    name: str
    texts: tuple[str, ...]
    values: tuple[object, ...] = field(default=(None,))


def random_dump(random: Random) -> RandomDump:
    """A dump in which every number has its word: nothing in it needs a question."""
    while len((dump := _any_dump(random)).arrays) > MOST_ARRAYS:
        pass
    return dump


def _any_dump(random: Random) -> RandomDump:
    layers = _layers(random)
    roles = [layers, _epochs(random), _splits(random), _seeds(random)]
    kind = random.choice(("whole", "parts", "vectors", "sequences"))
    if kind != "whole":
        roles.append(_parts(random) if kind == "parts" else _samples(random))
    roles = [role for role in roles if role.texts]
    suffix = random.choice(list(FILES))
    path = _path(random, roles, suffix)
    shape = _shapes(random, kind, len(layers.texts))
    has_labels = kind in ("whole", "parts") and suffix in ("npz", "h5") and random.random() < 0.5
    arrays: dict[str, Array] = {}
    found: dict[tuple[object, ...], list[str]] = {}
    for chosen in product(*(range(len(role.texts)) for role in roles)):
        at = {role.name: index for role, index in zip(roles, chosen, strict=True)}
        name, inner = path({role.name: role.texts[at[role.name]] for role in roles})
        arrays[name] = Array(name, inner, shape(at))
        told = {role.name: role.values[at[role.name]] for role in roles}
        key = tuple(told.get(role) for role in ("layer", "epoch", "split", "seed"))
        found.setdefault(key, []).append(name)
        if has_labels:
            labels = "/".join([*name.split("/")[:-1], "labels"])
            arrays[labels] = Array(labels, inner, arrays[name].shape[:1], "int64")
    cells = tuple(
        RandomCell(str(layer), epoch, split or "", seed or "", tuple(names))
        for (layer, epoch, split, seed), names in found.items()
    )
    order = sorted(arrays.values(), key=lambda array: array.name)
    taken = {name for cell in cells for name in cell.names}
    return RandomDump(tuple(order), cells, frozenset(arrays) - taken)


def _layers(random: Random) -> _Role:
    if random.random() < 0.5:
        texts = random.choice(MODULES)
    else:
        form = random.choice(WORDED)
        numbers = sorted(random.sample(range(13), random.randint(2, 6)))
        texts = tuple(form.format(number) for number in numbers)
    return _Role("layer", texts, texts)


def _epochs(random: Random) -> _Role:
    kind = random.choice(("none", "epochs", "steps", "fractions"))
    if kind == "none":
        return _Role("epoch", ())
    if kind == "epochs":
        values = sorted(random.sample(range(31), random.randint(2, 5)))
        form = random.choice(EPOCHS)
    elif kind == "steps":
        values = sorted(random.sample((0, 1, 2, 4, 100, 512, 1000, 2000, 10000, 143000), random.randint(2, 5)))
        form = random.choice(STEPS)
    else:
        values = [0.0, 0.25, 0.5, 1.0, 2.5][: random.randint(3, 5)]
        form = random.choice(FRACTIONS)
    return _Role("epoch", tuple(form.format(value) for value in values), tuple(map(float, values)))


def _splits(random: Random) -> _Role:
    texts = random.choice(SPLITS) if random.random() < 0.4 else ()
    return _Role("split", texts, texts)


def _seeds(random: Random) -> _Role:
    form = random.choice(SEEDS)
    texts = tuple(form.format(seed) for seed in range(random.randint(2, 4))) if random.random() < 0.15 else ()
    return _Role("seed", texts, texts)


def _parts(random: Random) -> _Role:
    form, first = random.choice(PARTS), random.choice((0, 0, 1))
    count = random.randint(2, 12)
    return _Role("part", tuple(form.format(first + part) for part in range(count)), (None,) * count)


def _samples(random: Random) -> _Role:
    form, first = random.choice(SAMPLES), random.choice((0, 0, 1))
    count = random.randint(8, 14)
    return _Role("part", tuple(form.format(first + sample) for sample in range(count)), (None,) * count)


def _shapes(random: Random, kind: str, layers: int) -> Callable[[dict[str, int]], tuple[int, ...]]:
    """Units may differ from layer to layer, rows from split to split, the last part may be smaller."""
    equal = random.choice((16, 24, 64))
    units = [random.choice((8, 10, 16, 32)) if kind == "whole" and random.random() < 0.5 else equal] * layers
    if random.random() < 0.5:
        units = [random.choice((8, 10, 16, 32, 48)) for _ in range(layers)]
    rows = [random.choice((20, 25, 30, 64, 100)) for _ in range(3)]
    lengths = [random.randint(5, 19) for _ in range(14)]

    def shape(at: dict[str, int]) -> tuple[int, ...]:
        last = units[at["layer"]]
        if kind == "vectors":
            return (last,)
        if kind == "sequences":
            return (lengths[at["part"]], last)
        return (rows[at.get("split", 0)], last)

    return shape


def _path(random: Random, roles: Sequence[_Role], suffix: str) -> Callable[[dict[str, str]], tuple[str, int]]:
    """How the texts of all roles make a name: which are folders, which the file's name, which keys."""
    order = [role.name for role in roles]
    random.shuffle(order)
    most_keys = min(FILES[suffix], len(order))
    keys = random.randint(min(1, most_keys), most_keys)
    in_file, in_keys = order[: len(order) - keys], order[len(order) - keys :]
    folders = random.randint(0, len(in_file))
    prefix = random.choice(PREFIXES)
    has_prefix = random.random() < 0.4
    glue = random.choice(("_", "_", "-"))

    def path(texts: dict[str, str]) -> tuple[str, int]:
        stem = [texts[role] for role in in_file[folders:]]
        if has_prefix or not stem:
            stem = [prefix, *stem]
        file = f"{glue.join(stem)}.{suffix}"
        way = [*(texts[role] for role in in_file[:folders]), file, *(texts[role] for role in in_keys)]
        return "/".join(way), len(in_keys)

    return path


def summary(dump: RandomDump, most: int = 6) -> str:
    """A dump in a line: its first names with their shapes."""
    some = ", ".join(f"{array.name} {array.shape}" for array in dump.arrays[:: math.ceil(len(dump.arrays) / most)])
    return f"{len(dump.arrays)} arrays, {len(dump.cells)} cells: {some}"

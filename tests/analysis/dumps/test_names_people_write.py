"""Forms of names that public code writes, as names and shapes alone: what is of one layer is found, or asked about."""

import re
from collections.abc import Iterable
from itertools import product

import pytest

from tests.analysis.dumps.found_again import difference, pooled
from tests.analysis.dumps.random_dumps import Array, RandomCell, RandomDump

ROWS, UNITS = 20, 16
WITHIN = re.compile(r"\.(?:npz|h5|pt|safetensors)/(.*)$")

EPOCHS = (1, 2, 10)
CHECKPOINTS = (0, 100, 20000)
BLOCKS = (0, 1, 2, 5)
NAMED = ("fc1", "fc2", "fc3")
PAIR = ("train", "test")

CLEAR = {
    "{split}_layer{layer}_ep{epoch}.npy": {"split": ("train", "val"), "layer": BLOCKS, "epoch": EPOCHS},
    "model_epoch{epoch}_layer{layer}_acts.npy": {"epoch": EPOCHS, "layer": BLOCKS},
    "resnet18_seed{seed}_epoch{epoch}_layer{layer}.npy": {"seed": range(3), "epoch": EPOCHS, "layer": BLOCKS},
    "L{layer}.npy": {"layer": range(12)},
    "L{layer:02d}_mlp.npy": {"layer": range(12)},
    "step_{epoch}/h.{layer}.mlp.npy": {"epoch": CHECKPOINTS, "layer": range(12)},
    "transformer.h.{layer}.ln_1.npy": {"layer": range(12)},
    "epoch{epoch}/batch{part}.npz/{layer}": {"epoch": EPOCHS, "part": range(12), "layer": NAMED},
    "ckpt-{epoch}/rank{part}/layer{layer}.pt": {"epoch": CHECKPOINTS, "part": range(4), "layer": BLOCKS},
    "checkpoints/step-{epoch:08d}/acts/{layer}.npy": {"epoch": CHECKPOINTS, "layer": NAMED},
    "epoch_{epoch}.npz/{layer}": {"epoch": EPOCHS, "layer": ("block1_conv1", "block1_conv2", "block2_conv1", "fc")},
    "epoch_{epoch}.h5/{layer}": {"epoch": EPOCHS, "layer": ("conv2d", "conv2d_1", "conv2d_2", "dense", "dense_1")},
    "epoch_{epoch}/{layer}.npy": {"epoch": EPOCHS, "layer": ("layer1.0", "layer1.1", "layer2.0", "layer2.1")},
    "step_{epoch}.pt/blocks.{layer}.hook_resid_post": {"epoch": CHECKPOINTS, "layer": range(12)},
    "vit/blocks_{layer}/cls_token.npy": {"layer": range(12)},
    "acts/layer_{layer}.npy": {"layer": ("0_pre", "0_post", "1_pre", "1_post")},
    "model.layers.{layer}.npy": {"layer": ("0.self_attn.q_proj", "0.self_attn.k_proj", "1.self_attn.q_proj")},
    "{layer}.npy": {"layer": ("encoder_0", "encoder_1", "decoder_0", "decoder_1")},
    "{layer}_batch{part}.npy": {"layer": NAMED, "part": range(12)},
    "mlp_out/layer{layer}/shard{part}.safetensors/acts": {"layer": BLOCKS, "part": range(3)},
    "gpt2-small/blocks.{layer}.npy": {"layer": range(12)},
    "llama-7b_layer{layer}_truthful_qa.npy": {"layer": range(32)},
    "layer_{layer}.npy": {"layer": ("0_head_0", "0_head_1", "1_head_0", "1_head_1")},
    "{split}/{layer}/batch_{part:04d}.npy": {"split": ("train", "val"), "layer": NAMED, "part": range(11)},
    "{layer}_{split}.npy": {"layer": ("encoder", "decoder"), "split": ("train", "valid")},
    "epoch_{epoch}_{split}.npz/{layer}": {"epoch": EPOCHS, "split": PAIR, "layer": NAMED},
    "activations/{method}/{layer}/epoch_{epoch}.npy": {"method": ("sgd", "adam"), "layer": NAMED, "epoch": EPOCHS},
    "acts_layer{layer}_part{part}of4.npy": {"layer": BLOCKS, "part": (1, 2, 3, 4)},
    "layer{layer}-{part:05d}-of-00003.safetensors/acts": {"layer": BLOCKS, "part": range(3)},
    "data.h5/epoch_{epoch}/layer_{layer}/activations": {"epoch": EPOCHS, "layer": BLOCKS},
    "data.h5/layer_{layer}/epoch_{epoch}": {"layer": BLOCKS, "epoch": EPOCHS},
    "acts.h5/{split}/epoch{epoch}/{layer}": {"split": PAIR, "epoch": EPOCHS, "layer": NAMED},
    "ViT-B-16_layer_{layer}.npy": {"layer": range(12)},
    "features.{layer}.npy": {"layer": (0, 3, 6, 8, 10)},
    "epoch_{epoch}/features.{layer}.npy": {"epoch": EPOCHS, "layer": (0, 3, 6, 8, 10)},
    "inception_{layer}.npy": {"layer": ("3a", "3b", "4a", "4b", "4c")},
    "stage{layer}.npy": {"layer": ("1_block0", "1_block1", "2_block0", "2_block1")},
    "{layer}_e{epoch}.npy": {"layer": NAMED, "epoch": EPOCHS},
    "snapshot_iter_{epoch}/{layer}.npy": {"epoch": CHECKPOINTS, "layer": NAMED},
    "layer.{layer}.output.npy": {"layer": range(12)},
    "bert-base-uncased_layer{layer}_cls.npy": {"layer": range(13)},
    "pythia-{method}/step{epoch}/layer_{layer}.npy": {
        "method": ("70m", "160m", "410m"),
        "epoch": CHECKPOINTS,
        "layer": BLOCKS,
    },
    "lr_{method}/epoch_{epoch}/{layer}.npy": {"method": ("0.1", "0.01", "0.001"), "epoch": EPOCHS, "layer": NAMED},
    "bs{method}/epoch_{epoch}/{layer}.npy": {"method": (128, 256, 512), "epoch": EPOCHS, "layer": NAMED},
    "{method}_epoch_{epoch}.npz/{layer}": {"method": ("bn", "ln", "none"), "epoch": EPOCHS, "layer": NAMED},
    "{method}.npz/{layer}": {"method": ("bn", "ln", "none"), "layer": NAMED},
}
"""Forms in which everything has its word: nothing is asked."""

UNCLEAR = {
    "{layer}/{epoch}.npy": {"layer": NAMED, "epoch": EPOCHS},
    "{epoch}/{layer}.npy": {"epoch": CHECKPOINTS, "layer": NAMED},
    "{epoch}.h5/{split}/{layer}": {"epoch": EPOCHS, "split": PAIR, "layer": NAMED},
    "data.h5/{layer}/{epoch}": {"layer": NAMED, "epoch": CHECKPOINTS},
    "e{epoch}_{layer}.npy": {"epoch": EPOCHS, "layer": NAMED},
    "{layer}-{epoch}.npy": {"layer": NAMED, "epoch": CHECKPOINTS},
    "{layer}@{epoch}.npy": {"layer": NAMED, "epoch": CHECKPOINTS},
    "model-{epoch}.ckpt/{layer}.npy": {"epoch": CHECKPOINTS, "layer": NAMED},
    "fold_{seed}/epoch_{epoch}/fc.npy": {"seed": range(5), "epoch": EPOCHS},
    "run{seed}/epoch_{epoch}/{layer}.npy": {"seed": (1, 2, 3), "epoch": EPOCHS, "layer": NAMED},
    "exp_{seed}/epoch_{epoch}.npz/{layer}": {"seed": (1, 2, 3), "epoch": EPOCHS, "layer": NAMED},
    "client_{seed}/round_{epoch}/{layer}.npy": {"seed": range(4), "epoch": CHECKPOINTS, "layer": NAMED},
    "task_{seed}/epoch_{epoch}/{layer}.npy": {"seed": range(4), "epoch": EPOCHS, "layer": NAMED},
    "severity_{seed}/{layer}.npy": {"seed": (1, 2, 3, 4, 5), "layer": NAMED},
    "hidden_{layer}.npy": {"layer": range(6)},
    "hs_{layer}.npy": {"layer": range(25)},
    "x{layer}.npy": {"layer": range(5)},
}
"""Forms that may be asked about; as proposed they are right all the same, and never join what is apart."""


@pytest.mark.parametrize("form", CLEAR)
def test_a_form_with_words_is_read_without_a_question(form):
    assert difference(_dump(form, CLEAR[form])) == ""


@pytest.mark.parametrize("form", UNCLEAR)
def test_a_form_without_words_is_read_apart(form):
    dump = _dump(form, UNCLEAR[form])
    assert pooled(dump) == []
    assert difference(dump, may_ask=True) == ""


def _dump(form: str, values: dict[str, Iterable[str | int]]) -> RandomDump:
    """All names of a form, (20, 16) each; the last part of several has fewer rows."""
    arrays: list[Array] = []
    cells: dict[tuple[str, float | None, str, str], list[str]] = {}
    last = max((int(part) for part in values.get("part", ())), default=None)
    for chosen in product(*values.values()):
        at = dict(zip(values, chosen, strict=True))
        name = form.format(**at)
        within = WITHIN.search(name)
        rows = ROWS - 7 if last is not None and last > 4 and at["part"] == last else ROWS
        arrays.append(Array(name, within[1].count("/") + 1 if within else 0, (rows, UNITS)))
        epoch = float(at["epoch"]) if "epoch" in at else None
        training = f"{at.get('method', '')}/{at.get('seed', '')}"
        key = str(at.get("layer", "")), epoch, str(at.get("split", "")), training
        cells.setdefault(key, []).append(name)
    found = tuple(RandomCell(*key, tuple(names)) for key, names in cells.items())
    return RandomDump(tuple(sorted(arrays, key=lambda array: array.name)), found)

"""Layouts of .npy and .npz files."""

from pathlib import Path

import numpy as np

from tests.analysis.dumps.layouts.layout import Cell, Layout, Values, joined, normal


def unpacked_list_an_epoch(folder: Path, rng: np.random.Generator) -> Layout:
    """A Keras callback that saves `np.savez(path, *outputs)`."""
    cells = []
    for epoch in range(12):
        outputs = [normal(rng, 64, *rest) for rest in ((8, 8, 4), (4, 4, 8), (32,), (10,))]
        np.savez(folder / f"activations_at_epoch_{epoch}.npz", *outputs)
        cells += [Cell(f"arr_{index}", joined([output]), epoch) for index, output in enumerate(outputs)]
    return Layout(tuple(cells), questions=("arr_",))


def fractional_epochs(folder: Path, rng: np.random.Generator) -> Layout:
    """The decimal point of the epoch is an underscore in the file's name."""
    cells = []
    for split in ("train", "test"):
        (folder / split).mkdir()
        for epoch in (0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 10.5):
            layers = {"fc1": normal(rng, 100, 16), "fc2": normal(rng, 100, 8)}
            file = folder / split / f"epoch_{epoch:05.2f}".replace(".", "_")
            arrays = {f"act_{layer}": values for layer, values in layers.items()}
            np.savez_compressed(file, **arrays, labels=rng.integers(0, 10, 100))
            cells += [Cell(f"{layer} or act_{layer}", values, epoch, split) for layer, values in layers.items()]
    return Layout(tuple(cells), {"labels": "labels"})


def embedding_parts(folder: Path, rng: np.random.Generator) -> Layout:
    """Image and text embeddings in half precision, twelve parts each, with a table of captions for each part."""
    import pandas as pd

    kinds = ("img_emb", "text_emb")
    for kind in (*kinds, "metadata"):
        (folder / kind).mkdir()
    parts: dict[str, list[Values]] = {kind: [] for kind in kinds}
    for number in range(12):
        for kind in kinds:
            half = normal(rng, 100, 64).astype(np.float16)
            np.save(folder / kind / f"{kind}_{number:02d}.npy", half)
            parts[kind].append(half.astype(np.float32))
        captions = {"image_path": ["a.jpg"] * 100, "caption": ["a cat"] * 100, "similarity": rng.random(100)}
        pd.DataFrame(captions).to_parquet(folder / "metadata" / f"metadata_{number:02d}.parquet")
    return Layout(tuple(Cell(kind, joined(parts[kind])) for kind in kinds), {"metadata": "table or text"})


def bfloat16_as_bytes(folder: Path, rng: np.random.Generator) -> Layout:
    """Intermediates of a flax model; numpy writes bfloat16 as two bytes without a type."""
    cells = []
    for step in (0, 100, 1000, 10000):
        arrays = {}
        for layer, shape in {"Conv_0": (64, 8, 8, 4), "Dense_0": (64, 32), "Dense_1": (64, 10)}.items():
            bits = (normal(rng, *shape).view(np.uint32) >> 16).astype(np.uint16)
            key = f"intermediates/{layer}/__call__"
            arrays[key] = bits.view("V2")
            values = (bits.astype(np.uint32) << 16).view(np.float32)
            cells.append(Cell(f"{layer} or {key} or intermediates/{layer}", joined([values]), step))
        np.savez(folder / f"intermediates_step_{step}.npz", **arrays)
    return Layout(tuple(cells), questions=("Conv_0",))


def step_folders(folder: Path, rng: np.random.Generator) -> Layout:
    """Checkpoints of a language model: one folder a step, one file a module."""
    cells = []
    for step in (0, 1, 2, 4, 512, 1000, 143000):
        place = folder / "pythia-70m-deduped" / f"step{step}"
        place.mkdir(parents=True)
        for block in (0, 1, 2, 5):
            for module in ("attention.dense", "mlp.dense_4h_to_h"):
                layer = f"gpt_neox.layers.{block}.{module}"
                values = normal(rng, 64, 24)
                np.save(place / f"{layer}.npy", values)
                cells.append(Cell(layer, values, step))
    return Layout(tuple(cells))


def one_key_a_layer_file(folder: Path, rng: np.random.Generator) -> Layout:
    """`layer_03.npz` with the same two keys in each."""
    cells = []
    for layer in range(4):
        values = normal(rng, 40, 24)
        np.savez(folder / f"layer_{layer:02d}.npz", activations=values, labels=rng.integers(0, 5, 40))
        cells.append(Cell(str(layer), values))
    return Layout(tuple(cells), {"labels": "labels"})


def batch_folders(folder: Path, rng: np.random.Generator) -> Layout:
    """A folder a batch, a file a layer; the last batch is smaller."""
    parts: dict[int, list[Values]] = {0: [], 6: [], 12: []}
    for batch in range(11):
        place = folder / "hidden_states" / f"batch_{batch:03d}"
        place.mkdir(parents=True)
        for layer, found in parts.items():
            found.append(normal(rng, 8 if batch < 10 else 3, 32))
            np.save(place / f"layer_{layer}.npy", found[-1])
    return Layout(tuple(Cell(str(layer), joined(found)) for layer, found in parts.items()))


def features_and_labels(folder: Path, rng: np.random.Generator) -> Layout:
    """Three splits of one layer as the prefix of the file's name."""
    cells = []
    for split, rows in {"train": 60, "val": 20, "test": 25}.items():
        values = normal(rng, rows, 32)
        np.save(folder / f"{split}_features.npy", values)
        np.save(folder / f"{split}_labels.npy", rng.integers(0, 10, rows))
        cells.append(Cell("features", values, split=split))
    return Layout(tuple(cells), {"labels": "labels"})


def design_matrices(folder: Path, rng: np.random.Generator) -> Layout:
    """`X_train.npy` and `y_train.npy`, the split behind."""
    cells = []
    for split, rows in {"train": 50, "test": 20}.items():
        values = normal(rng, rows, 12)
        np.save(folder / f"X_{split}.npy", values)
        np.save(folder / f"y_{split}.npy", rng.integers(0, 3, rows))
        cells.append(Cell("X", values, split=split))
    return Layout(tuple(cells), {"y_": "labels or integers"})


def keras_layer_folders(folder: Path, rng: np.random.Generator) -> Layout:
    """`dense`, `dense_1`, `dense_2` are names of layers: the numbers are no parts."""
    cells = []
    for layer, units in {"dense": 16, "dense_1": 16, "dense_2": 10}.items():
        (folder / layer).mkdir()
        for epoch in (1, 2, 10):
            values = normal(rng, 30, units)
            np.save(folder / layer / f"epoch_{epoch:03d}.npy", values)
            cells.append(Cell(layer, values, epoch))
    return Layout(tuple(cells))


def numbered_hooks(folder: Path, rng: np.random.Generator) -> Layout:
    """The number in front is the place in the network; conv1, bn1 and relu1 are alike in shape and are three layers."""
    cells = []
    for number, (layer, units) in enumerate({"conv1": 24, "bn1": 24, "relu1": 24, "fc": 10}.items()):
        values = normal(rng, 30, units)
        np.save(folder / f"{number:02d}_{layer}.npy", values)
        cells.append(Cell(f"{layer} or {number:02d}_{layer}", values))
    return Layout(tuple(cells))


def nameless_array_an_epoch(folder: Path, rng: np.random.Generator) -> Layout:
    """`np.savez(path, values)` without a name."""
    cells = []
    for epoch in (0, 1, 2, 3):
        values = normal(rng, 30, 20)
        np.savez(folder / f"activations_epoch_{epoch}.npz", values)
        cells.append(Cell("arr_0 or activations", values, epoch))
    return Layout(tuple(cells))


def samples_layers_units(folder: Path, rng: np.random.Generator) -> Layout:
    """The last token of each prompt at every layer: (n, layers, d)."""
    values = normal(rng, 50, 6, 32)
    np.savez(folder / "activations_last_token.npz", activations=values, labels=rng.integers(0, 2, 50))
    cells = tuple(Cell(str(layer), np.ascontiguousarray(values[:, layer])) for layer in range(6))
    return Layout(cells, {"labels": "labels"}, None)


def attention_beside_features(folder: Path, rng: np.random.Generator) -> Layout:
    """Attention maps of a vision transformer beside its features."""
    cells = []
    for epoch in (1, 2):
        scores = np.exp(normal(rng, 20, 4, 9, 9))
        features = normal(rng, 20, 16)
        attention = scores / scores.sum(axis=-1, keepdims=True)
        np.savez(folder / f"epoch_{epoch}.npz", features=features, attn_maps=attention, labels=rng.integers(0, 5, 20))
        cells.append(Cell("features", features, epoch))
    return Layout(tuple(cells), {"attn_maps": "attention", "labels": "labels"}, None)


def labels_alone(folder: Path, rng: np.random.Generator) -> Layout:
    """Nothing to look at, and each file says what it is."""
    np.save(folder / "y_train.npy", rng.integers(0, 10, 50))
    np.save(folder / "test_labels.npy", rng.integers(0, 10, 20))
    (folder / "file_names.txt").write_text("cat.jpg\ndog.jpg\n")
    left_out = {"y_train": "labels or integers", "test_labels": "labels", "file_names": "text or log or nothing"}
    return Layout((), left_out)


def conditions_of_a_layer(folder: Path, rng: np.random.Generator) -> Layout:
    """Two kinds of prompts at every layer; `safe` and `unsafe` have different numbers of rows."""
    cells = []
    for layer in (8, 9, 10, 11):
        place = folder / "layers" / f"layer_{layer:02d}"
        place.mkdir(parents=True)
        for condition, rows in {"safe": 20, "unsafe": 14}.items():
            values = normal(rng, rows, 16)
            np.save(place / f"{condition}.npy", values)
            cells.append(Cell(str(layer), values, None, None, (condition,)))
    return Layout(tuple(cells))


def features_and_logits(folder: Path, rng: np.random.Generator) -> Layout:
    """What an image classifier gives at a checkpoint: two layers and two lists of classes."""
    cells = []
    for epoch in (50, 100, 200):
        for split, rows in {"train": 40, "test": 16}.items():
            layers = {"features": normal(rng, rows, 32), "logits": normal(rng, rows, 10)}
            classes = {"labels": rng.integers(0, 10, rows), "preds": rng.integers(0, 10, rows)}
            np.savez(folder / f"cifar10_resnet18_ep{epoch}_{split}.npz", **layers, **classes)
            cells += [Cell(layer, values, epoch, split) for layer, values in layers.items()]
    return Layout(tuple(cells), {"labels": "labels", "preds": "labels or integers"})


def layers_from_the_end(folder: Path, rng: np.random.Generator) -> Layout:
    """Layers counted backwards: `layer_-1` is the last."""
    cells = []
    for layer in (-1, -2, -4, -8):
        values = normal(rng, 30, 24)
        np.save(folder / f"embeddings_layer_{layer}.npy", values)
        cells.append(Cell(str(-layer), values))
    return Layout(tuple(cells))


def stack_of_layers(folder: Path, rng: np.random.Generator) -> Layout:
    """All layers of a model in one array, (layers, n, d)."""
    values = normal(rng, 13, 50, 32)
    np.save(folder / "all_layers.npy", values)
    return Layout(tuple(Cell(str(layer), values[layer]) for layer in range(13)), questions=("all_layers",))


def one_sequence(folder: Path, rng: np.random.Generator) -> Layout:
    """One array of three axes says nothing of them: ask."""
    values = normal(rng, 6, 11, 16)
    np.save(folder / "hidden.npy", values)
    return Layout((Cell("hidden", joined([values])),), questions=("hidden",))


def matrix_and_classes(folder: Path, rng: np.random.Generator) -> Layout:
    """`X.npy` and `y.npy`."""
    values = normal(rng, 40, 12)
    np.save(folder / "X.npy", values)
    np.save(folder / "y.npy", rng.integers(0, 3, 40))
    return Layout((Cell("X", values),), {"y": "labels"})


def two_towers(folder: Path, rng: np.random.Generator) -> Layout:
    """Features of images and texts beside the one number that scales their product."""
    layers = {"image_features": normal(rng, 30, 24), "text_features": normal(rng, 45, 24)}
    np.savez(folder / "clip.npz", **layers, logit_scale=np.float32(100.0))
    return Layout(tuple(Cell(layer, values) for layer, values in layers.items()), {"logit_scale": "scalar"})


def dictionary_of_features(folder: Path, rng: np.random.Generator) -> Layout:
    """A sparse autoencoder: weights, whatever the folder is called."""
    place = folder / "layer_20" / "width_16k" / "average_l0_71"
    place.mkdir(parents=True)
    matrices = {"W_enc": normal(rng, 24, 64), "W_dec": normal(rng, 64, 24)}
    vectors = {"b_enc": normal(rng, 64), "b_dec": normal(rng, 24), "threshold": normal(rng, 64)}
    np.savez(place / "params.npz", **matrices, **vectors)
    return Layout((), {"params": "weights"})


LAYOUTS = (
    unpacked_list_an_epoch,
    fractional_epochs,
    embedding_parts,
    bfloat16_as_bytes,
    step_folders,
    one_key_a_layer_file,
    batch_folders,
    features_and_labels,
    design_matrices,
    keras_layer_folders,
    numbered_hooks,
    nameless_array_an_epoch,
    samples_layers_units,
    attention_beside_features,
    labels_alone,
    conditions_of_a_layer,
    features_and_logits,
    layers_from_the_end,
    stack_of_layers,
    one_sequence,
    matrix_and_classes,
    two_towers,
    dictionary_of_features,
)

"""Layouts of files that `torch.save` wrote."""

from pathlib import Path

import numpy as np
import torch

from tests.analysis.dumps.layouts.layout import Cell, Layout, Values, joined, normal


def parts_by_their_first_row(folder: Path, rng: np.random.Generator) -> Layout:
    """One file a layer and batch, named by the batch's first row, in half the precision."""
    place = folder / "acts" / "llama-2-7b" / "cities"
    place.mkdir(parents=True)
    cells = []
    for layer in (0, 1, 2, 10, 11):
        parts = []
        for start in range(0, 200, 25):
            part = tensor(rng, 25, 64).to(torch.bfloat16)
            torch.save(part, place / f"layer_{layer}_{start}.pt")
            parts.append(part.float().numpy())
        cells.append(Cell(str(layer), joined(parts)))
    return Layout(tuple(cells))


def proteins(folder: Path, rng: np.random.Generator) -> Layout:
    """One file a protein: vectors of all its residues, their mean, and that of the first token, for three layers."""
    found: dict[str, list[Values]] = {}
    for number in range(10000, 10030):
        shapes = {"representations": (int(rng.integers(20, 60)), 32)}
        shapes |= {"mean_representations": (32,), "bos_representations": (32,)}
        saved: dict[str, object] = {"label": f"P{number}"}
        for kind, shape in shapes.items():
            saved[kind] = {layer: tensor(rng, *shape) for layer in (0, 5, 6)}
            for layer, values in saved[kind].items():
                found.setdefault(f"{kind}/{layer}", []).append(values.numpy())
        torch.save(saved, folder / f"P{number}.pt")
    return Layout(tuple(Cell(layer, joined(parts)) for layer, parts in found.items()), {"label": "text"})


def tuple_of_hidden_states(folder: Path, rng: np.random.Generator) -> Layout:
    """`torch.save(outputs.hidden_states)`: the place in the tuple is the layer; three files of samples."""
    parts: list[list[Values]] = [[] for _ in range(13)]
    for name in ("1", "2", "10"):
        states = tuple(tensor(rng, 8, 17, 32).requires_grad_() for _ in parts)
        torch.save(states, folder / f"{name}.pt")
        for part, state in zip(parts, states, strict=True):
            part.append(state.detach().numpy())
    return Layout(
        tuple(Cell(str(index), joined(part)) for index, part in enumerate(parts)), questions=("names", "axes")
    )


def cache_of_hooks(folder: Path, rng: np.random.Generator) -> Layout:
    """All hooks of a small transformer: (b, p, d), (b, p, heads, d / heads) and (b, p, 1), with attention."""
    batch, positions, heads, width = 6, 12, 4, 8
    units = heads * width
    shapes = {"hook_resid_pre": (units,), "ln1.hook_scale": (1,), "ln1.hook_normalized": (units,)}
    shapes |= {"attn.hook_q": (heads, width), "mlp.hook_post": (4 * units,), "hook_resid_post": (units,)}
    cells = []
    for step in (0, 512, 143000):
        cache = {"hook_embed": tensor(rng, batch, positions, units)}
        cache["hook_pos_embed"] = tensor(rng, positions, units).expand(batch, positions, units)
        for block in range(12):
            cache |= {f"blocks.{block}.{hook}": tensor(rng, batch, positions, *rest) for hook, rest in shapes.items()}
        rows = batch * positions
        cells += [Cell(hook, values.numpy().reshape(rows, -1), step) for hook, values in cache.items()]
        for block in range(12):
            scores = tensor(rng, batch, heads, positions, positions).softmax(-1)
            cache[f"blocks.{block}.attn.hook_pattern"] = scores
        torch.save(cache, folder / f"cache_step{step}.pt")
    asked = ("hook_embed", "hook_pos_embed", *shapes, "hook_pattern")
    return Layout(tuple(cells), {"hook_pattern": "attention"}, asked)


def lightning_states(folder: Path, rng: np.random.Generator) -> Layout:
    """States that a callback saves beside the log and the checkpoint of the training."""
    place = folder / "lightning_logs" / "version_0"
    (place / "checkpoints").mkdir(parents=True)
    cells = []
    for epoch in (0, 4, 9, 19):
        states = {"s": tensor(rng, 64, 32), "t": tensor(rng, 64, 32)}
        torch.save(states, place / f"st-{epoch}.pt")
        cells += [Cell(layer, values.numpy(), epoch) for layer, values in states.items()]
    (place / "hparams.yaml").write_text("{}\n")
    (place / "metrics.csv").write_text("epoch,step,train_loss,val_loss\n0,10,1.2,\n0,10,,1.3\n1,20,0.9,\n")
    checkpoint = {"epoch": 19, "global_step": 10, "state_dict": {"net.0.weight": tensor(rng, 32, 32)}}
    torch.save(checkpoint, place / "checkpoints" / "epoch=19-step=10.ckpt")
    left_out = {"metrics.csv": "log", "ckpt": "weights or scalar", "hparams": "text or log or nothing"}
    return Layout(tuple(cells), left_out)


def list_of_batches(folder: Path, rng: np.random.Generator) -> Layout:
    """`activations[name].append(output)`: a list of batches is one layer."""
    cells = []
    for epoch in range(3):
        found = {name: [tensor(rng, n, d) for n in (64, 64, 64, 23)] for name, d in (("fc1", 32), ("fc2", 16))}
        torch.save(found, folder / f"activations_epoch_{epoch}.pt")
        cells += [Cell(name, torch.cat(parts).numpy(), epoch) for name, parts in found.items()]
    return Layout(tuple(cells))


def model_outputs(folder: Path, rng: np.random.Generator) -> Layout:
    """Outputs of a language model, a file a batch; batches are padded to lengths of their own."""
    states, pooled = [], []
    for batch, length in enumerate((9, 7, 12, 9, 8)):
        output = {"last_hidden_state": tensor(rng, 4, length, 32), "pooler_output": tensor(rng, 4, 32)}
        torch.save(output | {"input_ids": torch.ones(4, length, dtype=torch.int64)}, folder / f"batch_{batch}.pt")
        states.append(output["last_hidden_state"].numpy())
        pooled.append(output["pooler_output"].numpy())
    cells = (Cell("last_hidden_state", joined(states)), Cell("pooler_output", joined(pooled)))
    return Layout(cells, {"input_ids": "token ids or integers"}, None)


def split_and_epoch_in_the_name(folder: Path, rng: np.random.Generator) -> Layout:
    """`val_acts_ep12.pt`: a dict of layers, with the classes among them."""
    cells = []
    for epoch in (1, 2, 12):
        for split, rows in {"train": 30, "val": 12}.items():
            layers = {"fc1": tensor(rng, rows, 16), "fc2": tensor(rng, rows, 8)}
            torch.save(layers | {"targets": torch.arange(rows) % 5}, folder / f"{split}_acts_ep{epoch}.pt")
            cells += [Cell(layer, values.numpy(), epoch, split) for layer, values in layers.items()]
    return Layout(tuple(cells), {"targets": "labels or integers"})


def frames_of_videos(folder: Path, rng: np.random.Generator) -> Layout:
    """One file a video, whose name is no number; videos are of different length."""
    parts = []
    for name in ("apple_pie", "baby_crawling", "cricket_shot", "diving", "fencing"):
        frames = int(rng.integers(20, 40))
        parts.append(normal(rng, frames, 48))
        video = {"feats": torch.from_numpy(parts[-1]), "frame_ids": torch.arange(frames) * 8}
        torch.save(video, folder / f"v_{name}.pt")
    return Layout((Cell("feats", joined(parts)),), {"frame_ids": "integers or labels or coordinates"})


def list_of_dicts(folder: Path, rng: np.random.Generator) -> Layout:
    """One dict a batch: each layer is all batches below each other."""
    rows = (16, 16, 16, 5)
    batches = [{"fc1": tensor(rng, n, 24), "fc2": tensor(rng, n, 8), "labels": torch.arange(n)} for n in rows]
    torch.save(batches, folder / "activations.pt")
    cells = tuple(Cell(layer, joined([batch[layer].numpy() for batch in batches])) for layer in ("fc1", "fc2"))
    return Layout(cells, {"labels": "labels"})


def weights_alone(folder: Path, rng: np.random.Generator) -> Layout:
    """The state of a model and that of its optimizer: matrices, and no activation among them."""
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.Linear(16, 4))
    optimizer = torch.optim.Adam(model.parameters())
    model(tensor(rng, 6, 8)).sum().backward()
    optimizer.step()
    torch.save(model.state_dict(), folder / "model_best.pt")
    checkpoint = {"epoch": 7, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(checkpoint, folder / "checkpoint_7.pt")
    kinds = "weights or scalar or integers"
    return Layout((), {"model_best": kinds, "checkpoint_7": kinds})


def epoch_and_step(folder: Path, rng: np.random.Generator) -> Layout:
    """Both in one name, and both growing: the epoch is the epoch."""
    cells = []
    for epoch in range(4):
        layers = {"encoder": tensor(rng, 20, 16), "head": tensor(rng, 20, 4)}
        torch.save(layers, folder / f"epoch={epoch}-step={400 * (epoch + 1)}.pt")
        cells += [Cell(layer, values.numpy(), epoch) for layer, values in layers.items()]
    return Layout(tuple(cells))


def epoch_batch_and_layer(folder: Path, rng: np.random.Generator) -> Layout:
    """Three numbers in one name, each with its word."""
    cells = []
    for epoch in (0, 1, 2):
        for layer, units in enumerate((20, 20, 10)):
            parts = [normal(rng, 16, units) for _ in range(12)]
            for batch, part in enumerate(parts):
                torch.save(torch.from_numpy(part), folder / f"epoch_{epoch}_batch_{batch}_layer_{layer}.pt")
            cells.append(Cell(str(layer), joined(parts), epoch))
    return Layout(tuple(cells))


def embeddings_and_masks(folder: Path, rng: np.random.Generator) -> Layout:
    """A mask of padding beside each batch of a layer."""
    parts: dict[int, list[Values]] = {0: [], 1: [], 2: []}
    for batch in range(4):
        for layer, found in parts.items():
            found.append(normal(rng, 4, 7, 16))
            torch.save(torch.from_numpy(found[-1]), folder / f"batch_{batch}_layer_{layer}_embeds.pth")
            torch.save(torch.ones(4, 7, dtype=torch.bool), folder / f"batch_{batch}_layer_{layer}_attn_mask.pth")
    cells = tuple(Cell(str(layer), joined(found)) for layer, found in parts.items())
    return Layout(cells, {"attn_mask": "integers or labels or attention"}, ("embeds",))


def pair_of_features_and_labels(folder: Path, rng: np.random.Generator) -> Layout:
    """`torch.save([features, labels])`: places in a list that are neither layers nor batches."""
    cells = []
    for split, rows in {"train": 40, "test": 15}.items():
        values = normal(rng, rows, 24)
        torch.save([torch.from_numpy(values), torch.arange(rows) % 7], folder / f"resnet18_{split}_feats.pt")
        cells.append(Cell("", values, split=split))
    return Layout(tuple(cells), {"": "integers or labels"})


def run_with_checkpoints(folder: Path, rng: np.random.Generator) -> Layout:
    """Activations, checkpoints and the log of one training in one folder."""
    (folder / "checkpoints").mkdir()
    (folder / "activations").mkdir()
    cells = []
    for epoch in (1, 2, 3):
        layers = {"layer1": tensor(rng, 20, 16), "layer2": tensor(rng, 20, 8)}
        torch.save(layers, folder / "activations" / f"after_epoch_{epoch}.pt")
        weights = {"layer1.weight": tensor(rng, 16, 8), "layer1.bias": tensor(rng, 16)}
        torch.save(weights, folder / "checkpoints" / f"model_epoch_{epoch}.pt")
        cells += [Cell(layer, values.numpy(), epoch) for layer, values in layers.items()]
    (folder / "train.log").write_text("epoch 1 loss 0.9\n")
    (folder / "history.csv").write_text("epoch,loss,accuracy\n1,0.9,0.5\n2,0.7,0.6\n3,0.6,0.7\n")
    (folder / "config.json").write_text("{}\n")
    left_out = {"checkpoints": "weights", "history": "log or labels", "train.log": "log or text or nothing"}
    return Layout(tuple(cells), left_out | {"config.json": "text or log or nothing"})


def ranks(folder: Path, rng: np.random.Generator) -> Layout:
    """A file a process of a distributed run: lists of layers, whose rows belong together."""
    parts: list[list[Values]] = [[] for _ in range(5)]
    for rank in range(2):
        for part in parts:
            part.append(normal(rng, 10 - rank, 24))
        states = [torch.from_numpy(part[-1]) for part in parts]
        torch.save(states, folder / f"rank_{rank}_hidden_states.pth")
    return Layout(tuple(Cell(str(layer), joined(part)) for layer, part in enumerate(parts)))


def queries_and_values(folder: Path, rng: np.random.Generator) -> Layout:
    """A folder a layer, a file a projection: each of them a layer of its own."""
    cells = []
    for layer in (0, 1, 2):
        place = folder / "layers" / f"layer_{layer:02d}"
        place.mkdir(parents=True)
        for name in ("query", "key", "value", "layer_input"):
            values = normal(rng, 30, 16)
            torch.save(torch.from_numpy(values), place / f"{name}.pt")
            cells.append(Cell(str(layer), values, None, None, (name,)))
    return Layout(tuple(cells))


def router_beside_states(folder: Path, rng: np.random.Generator) -> Layout:
    """Two kinds of arrays with the same numbers: hidden states and the logits of a router."""
    cells = []
    for layer in (0, 1, 2, 3):
        for kind, units in {"hidden_states": 32, "router_logits": 8}.items():
            values = normal(rng, 40, units)
            torch.save(torch.from_numpy(values), folder / f"{kind}_layer_{layer}.pt")
            cells.append(Cell(str(layer), values, None, None, (kind,)))
    return Layout(tuple(cells))


def predictions_of_ranks(folder: Path, rng: np.random.Generator) -> Layout:
    """Outputs of a distributed prediction, and which samples they are."""
    parts = []
    for rank in range(3):
        parts.append(normal(rng, 20, 16))
        torch.save(torch.from_numpy(parts[-1]), folder / f"predictions_rank{rank}.pt")
        torch.save(torch.arange(rank, 60, 3), folder / f"batch_indices_rank{rank}.pt")
    return Layout((Cell("predictions", joined(parts)),), {"batch_indices": "integers or labels"})


def nodes_of_a_graph(folder: Path, rng: np.random.Generator) -> Layout:
    """Embeddings of nodes after some epochs, with the edges between them."""
    (folder / "embeddings").mkdir()
    cells = []
    for epoch in (10, 20, 100):
        values = normal(rng, 34, 16)
        torch.save(torch.from_numpy(values), folder / "embeddings" / f"epoch_{epoch:03d}.pt")
        cells.append(Cell("", values, epoch))
    torch.save(torch.from_numpy(rng.integers(0, 34, (2, 78))), folder / "edge_index.pt")
    return Layout(tuple(cells), {"edge_index": "integers"})


def tensor(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.from_numpy(normal(rng, *shape))


LAYOUTS = (
    parts_by_their_first_row,
    proteins,
    tuple_of_hidden_states,
    cache_of_hooks,
    lightning_states,
    list_of_batches,
    model_outputs,
    split_and_epoch_in_the_name,
    frames_of_videos,
    list_of_dicts,
    weights_alone,
    epoch_and_step,
    epoch_batch_and_layer,
    embeddings_and_masks,
    pair_of_features_and_labels,
    run_with_checkpoints,
    ranks,
    queries_and_values,
    router_beside_states,
    predictions_of_ranks,
    nodes_of_a_graph,
)

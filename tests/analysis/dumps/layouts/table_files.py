"""Layouts of safetensors files, Arrow, Parquet, CSV and lines of JSON."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from tests.analysis.dumps.layouts.layout import Cell, Layout, Values, joined, normal


def arrow_streams(folder: Path, rng: np.random.Generator) -> Layout:
    """A folder of the datasets library: nested lists by the name of a hook, and the tokens."""
    parts = []
    for shard in range(2):
        values = normal(rng, 20, 16, 32)
        tokens = rng.integers(0, 9, (20, 16)).astype(np.int32)
        columns = {"blocks.0.hook_mlp_out": pa.array(values.tolist(), pa.list_(pa.list_(pa.float32())))}
        table = pa.table(columns | {"token_ids": pa.array(tokens.tolist(), pa.list_(pa.int32()))})
        path = folder / f"data-{shard:05d}-of-00002.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        parts.append(values)
    (folder / "state.json").write_text('{"_data_files": []}')
    (folder / "dataset_info.json").write_text("{}")
    left_out = {"token_ids": "token ids or integers", ".json": "text or log or table or nothing"}
    return Layout((Cell("blocks.0.hook_mlp_out", joined(parts)),), left_out, None)


def lists_in_a_table(folder: Path, rng: np.random.Generator) -> Layout:
    """Reviews with an embedding that is written as the text of a list."""
    values = normal(rng, 100, 64)
    columns = {"ProductId": [f"B{row}" for row in range(100)], "Score": rng.integers(1, 6, 100)}
    columns |= {"Summary": ["nice, really"] * 100, "n_tokens": rng.integers(10, 90, 100)}
    columns["embedding"] = [str([float(number) for number in row]) for row in values]
    pd.DataFrame(columns).to_csv(folder / "reviews_with_embeddings.csv")
    return Layout((Cell("embedding", values),), {"reviews": "table or integers or text or labels"})


def step_folders_of_safetensors(folder: Path, rng: np.random.Generator) -> Layout:
    """Paths of modules as keys, a folder a step."""
    cells = []
    for step in (0, 3, 30, 300):
        (folder / f"step-{step}").mkdir()
        layers = {f"model.layers.{block}.mlp": normal(rng, 24, 16) for block in (0, 1, 11)}
        save_file(layers, folder / f"step-{step}" / "activations.safetensors")
        cells += [Cell(layer, values, step) for layer, values in layers.items()]
    return Layout(tuple(cells))


def shards_of_splits(folder: Path, rng: np.random.Generator) -> Layout:
    """`train/shard_00000.safetensors` with a manifest."""
    cells = []
    for split, rows in {"train": (30, 30, 12), "val": (20, 5)}.items():
        (folder / split).mkdir()
        parts = [normal(rng, count, 24) for count in rows]
        for number, part in enumerate(parts):
            save_file({"activations": part}, folder / split / f"shard_{number:05d}.safetensors")
        cells.append(Cell("", joined(parts), split=split))
    (folder / "manifest.json").write_text('{"version": "1.0", "shards": 5}')
    return Layout(tuple(cells), {"manifest": "text or log or nothing"})


def chunks_of_a_buffer(folder: Path, rng: np.random.Generator) -> Layout:
    """`acts_0` to `acts_11`: chunk 10 comes behind chunk 9."""
    parts = [normal(rng, 25, 32) for _ in range(12)]
    for number, part in enumerate(parts):
        save_file({"acts": part}, folder / f"acts_{number}.safetensors")
    return Layout((Cell("", joined(parts)),))


def layer_files_of_a_hook(folder: Path, rng: np.random.Generator) -> Layout:
    """The layer in the file's name, the split and the rows' range in that of the folder."""
    cells = []
    for layer in (2, 5, 19):
        parts: list[Values] = []
        for start in (0, 40, 80):
            place = folder / f"rows_{start}_{start + 40}"
            place.mkdir(exist_ok=True)
            parts.append(normal(rng, 40, 16))
            save_file({"resid_post": parts[-1]}, place / f"layer{layer}.safetensors")
        cells.append(Cell(str(layer), joined(parts)))
    return Layout(tuple(cells))


def parquet_parts(folder: Path, rng: np.random.Generator) -> Layout:
    """A column of lists in two parts of one table."""
    parts = [normal(rng, 40, 24), normal(rng, 15, 24)]
    for number, part in enumerate(parts):
        columns = {"id": pa.array(range(len(part))), "text": pa.array(["a sentence"] * len(part))}
        columns["embedding"] = pa.array(part.tolist(), pa.list_(pa.float32()))
        pq.write_table(pa.table(columns), folder / f"part-{number:05d}.parquet")
    return Layout((Cell("embedding", joined(parts)),), {"part-": "table or integers or text or labels"})


def columns_of_units(folder: Path, rng: np.random.Generator) -> Layout:
    """A table an epoch, one column a unit."""
    cells = []
    for epoch in (1, 2, 3):
        values = normal(rng, 30, 12)
        names = [f"unit_{unit}" for unit in range(12)]
        pd.DataFrame(values, columns=names).to_csv(folder / f"fc1_epoch{epoch}.csv", index=False)
        cells.append(Cell("fc1", values, epoch))
    return Layout(tuple(cells))


def partitioned_table(folder: Path, rng: np.random.Generator) -> Layout:
    """Folders that are columns: `layer=3/epoch=2/part-0.parquet`."""
    cells = []
    for layer in (0, 3, 11):
        for epoch in (1, 2):
            place = folder / f"layer={layer}" / f"epoch={epoch}"
            place.mkdir(parents=True)
            parts = [normal(rng, 20, 6), normal(rng, 7, 6)]
            for number, part in enumerate(parts):
                table = pd.DataFrame(part, columns=[f"unit_{unit}" for unit in range(6)])
                table.to_parquet(place / f"part-{number}.parquet")
            cells.append(Cell(str(layer), joined(parts), epoch))
    return Layout(tuple(cells))


def projector(folder: Path, rng: np.random.Generator) -> Layout:
    """Vectors separated by tabs, and a table of words for them."""
    values = normal(rng, 40, 12)
    np.savetxt(folder / "vectors.tsv", values, delimiter="\t")
    words = "".join(f"word{row}\t{row % 3}\n" for row in range(40))
    (folder / "metadata.tsv").write_text(f"Word\tClass\n{words}")
    return Layout((Cell("vectors", values),), {"metadata": "table or text or labels or integers"})


def lines_of_json(folder: Path, rng: np.random.Generator) -> Layout:
    """Two vectors a line, with words beside them."""
    cells = []
    for layer in (3, 16):
        pair = {"secure": normal(rng, 20, 16), "vulnerable": normal(rng, 20, 16)}
        with (folder / f"activations_layer_{layer}.jsonl").open("w") as file:
            for row in range(20):
                vectors = {name: values[row].tolist() for name, values in pair.items()}
                file.write(json.dumps({"vuln_id": f"CWE-{row}", **vectors}) + "\n")
        cells += [Cell(str(layer), values, None, None, (name,)) for name, values in pair.items()]
    return Layout(tuple(cells), {"jsonl": "text or table"})


LAYOUTS = (
    arrow_streams,
    lists_in_a_table,
    step_folders_of_safetensors,
    shards_of_splits,
    chunks_of_a_buffer,
    layer_files_of_a_hook,
    parquet_parts,
    columns_of_units,
    lines_of_json,
    partitioned_table,
    projector,
)

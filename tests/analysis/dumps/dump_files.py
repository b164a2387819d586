"""Good files of every format, as other libraries write them, all of the same two layers."""

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pyarrow.feather import write_feather
from safetensors.torch import save_file
from scipy.io import savemat

from analysis.dumps import ArrayRule, Inspection, ReadingPlan, list_arrays
from analysis.dumps.plan.name_form import LONGEST_FORM, MOST_FIELDS, literal
from analysis.dumps.plan.plan import Axes
from per_core.errors import InvalidInputError
from per_core.recording.layer_record import Allowance, LayerDigest
from per_core.recording.run_directory import RunWriter

RANDOM = np.random.default_rng(7)
LAYERS = {name: RANDOM.normal(size=(6, d)).astype(np.float32) for name, d in (("features.6", 4), ("features.8", 3))}
TENSORS = {name: torch.from_numpy(values) for name, values in LAYERS.items()}
FIRST = LAYERS["features.6"]


def npy(path: Path) -> None:
    np.save(path, FIRST)


def npz(path: Path) -> None:
    np.savez(path, **LAYERS)


def npz_compressed(path: Path) -> None:
    np.savez_compressed(path, **LAYERS)


def safetensors(path: Path) -> None:
    save_file(TENSORS, path)


def torch_zip(path: Path) -> None:
    torch.save({"activations": dict(TENSORS)}, path)


def torch_legacy(path: Path) -> None:
    torch.save(dict(TENSORS), path, _use_new_zipfile_serialization=False)


def hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name, values in LAYERS.items():
            file.create_group(name).create_dataset("activations", data=values, compression="gzip")


def parquet(path: Path) -> None:
    pq.write_table(table_of_fixed_lists(), path)


def arrow_file(path: Path) -> None:
    table = table_of_fixed_lists()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=4)


def arrow_stream(path: Path) -> None:
    """As the datasets library writes its folders: lists of any length, a batch after another."""
    table = pa.table({name: pa.array(values.tolist(), pa.list_(pa.float32())) for name, values in LAYERS.items()})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=4)


def feather(path: Path) -> None:
    write_feather(table_of_fixed_lists(), path, compression="zstd")


def table_of_fixed_lists() -> pa.Table:
    return pa.table(
        {name: pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1]) for name, values in LAYERS.items()}
    )


def csv(path: Path) -> None:
    pd.DataFrame(FIRST, columns=list("abcd")).to_csv(path, index=False)


def csv_of_lists(path: Path) -> None:
    pd.DataFrame({name: values.tolist() for name, values in LAYERS.items()}).to_csv(path, index=False)


def text_matrix(path: Path) -> None:
    np.savetxt(path, FIRST)


def json_document(path: Path) -> None:
    path.write_text(json.dumps({"activations": {name: values.tolist() for name, values in LAYERS.items()}}))


def json_lines(path: Path) -> None:
    rows = zip(*(values.tolist() for values in LAYERS.values()), strict=True)
    path.write_text("".join(json.dumps(dict(zip(LAYERS, row, strict=True))) + "\n" for row in rows))


def matlab(path: Path) -> None:
    savemat(path, LAYERS, do_compression=True)


def matlab_73(path: Path) -> None:
    """As MATLAB does: axes reversed, a text of 512 bytes in front."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in LAYERS.items():
            file.create_dataset(name, data=values.T, compression="gzip").attrs["MATLAB_class"] = np.bytes_("single")
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def zip_of_files(path: Path) -> None:
    inner = path.with_name("inner")
    inner.mkdir(exist_ok=True)
    npy(inner / "layer_1.npy")
    torch_zip(inner / "layer_2.pt")
    hdf5(inner / "layer_3.h5")
    safetensors(inner / "layer_4.safetensors")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(inner.iterdir()):
            archive.write(file, f"epoch_5/{file.name}")
            file.unlink()
    inner.rmdir()


def zip_of_a_zip(path: Path) -> None:
    inner = path.with_name("inner.zip")
    with zipfile.ZipFile(inner, "w") as archive:
        for name, writer in (("layer_1.pt", torch_zip), ("layer_2.npy", npy), ("layer_3.csv", csv)):
            writer(path.with_name(name))
            archive.write(path.with_name(name), name)
            path.with_name(name).unlink()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inner, "inner.zip")
    inner.unlink()


def tar(path: Path, mode: Literal["w", "w:gz"] = "w") -> None:
    """Two samples as webdataset writes them."""
    with tarfile.open(path, mode) as archive:
        for key, values in zip(("000000", "000001"), LAYERS.values(), strict=True):
            for suffix, content in (("features.npy", npy_bytes(values)), ("cls", b"3")):
                info = tarfile.TarInfo(f"{key}.{suffix}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def tar_gzip(path: Path) -> None:
    tar(path, "w:gz")


WRITERS = {
    "layer.npy": npy,
    "layers.npz": npz,
    "packed.npz": npz_compressed,
    "layers.safetensors": safetensors,
    "layers.pt": torch_zip,
    "legacy.pt": torch_legacy,
    "layers.h5": hdf5,
    "layers.parquet": parquet,
    "layers.mat": matlab,
    "newer.mat": matlab_73,
    "layers.arrow": arrow_file,
    "data-00000-of-00001.arrow": arrow_stream,
    "layers.feather": feather,
    "layer.csv": csv,
    "lists.csv": csv_of_lists,
    "matrix.txt": text_matrix,
    "document.json": json_document,
    "lines.jsonl": json_lines,
    "folder.zip": zip_of_files,
    "nested.zip": zip_of_a_zip,
    "shard.tar": tar,
    "shard.tar.gz": tar_gzip,
}


def write(folder: Path, name: str) -> Path:
    """A good file of that name."""
    path = folder / name
    WRITERS[name](path)
    return path


def run_directory(path: Path) -> dict[tuple[str, int], np.ndarray]:
    """A run of two layers and two records; (layer, epoch) -> the rows that it kept."""
    allowance = Allowance(slices=2, units=3, tracked=1)
    writer, digest = RunWriter(path, allowance=allowance, title="A run"), LayerDigest(allowance)
    kept = {}
    for epoch in (0, 4):
        layers = {name: digest(tensor + epoch) for name, tensor in TENSORS.items()}
        writer.append(epoch, layers)
        kept |= {(name, epoch): arrays.rows for name, (_, arrays) in layers.items()}
    return kept


def npy_bytes(values):
    """What numpy.save writes."""
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def only(inspection):
    """The one array, which is refused or no activation."""
    if inspection.left_out:
        (left_out,) = inspection.left_out
        return left_out.reason
    (member,) = inspection.members
    assert member.verdict == "refused"
    with pytest.raises(InvalidInputError):
        inspection.load()
    return member.reason


def inspect_each(path: Path) -> Inspection:
    """Every array a member of its own."""
    found = list_arrays(path)
    return found.with_plan(every_array(found))


def every_array(found: Inspection) -> ReadingPlan:
    """A plan by which every array of numbers is a layer of its own, last axes are units and all others rows."""
    positions: dict[int, Axes] = {1: ("sample",), 2: ("sample", "unit")}
    rules = []
    for array in found.arrays:
        axes = len(array.entry.shape or ())
        if axes and not array.entry.refusal and array.entry.dtype != "text":
            spread: Axes = ("sample", *["position"] * (axes - 2), "unit")
            parts = [f"{{layer:{literal(part)}}}" if part else part for part in array.name.split("/")]
            form = "/".join(parts) if len(parts) < MOST_FIELDS else literal(array.name)
            if len(form) <= LONGEST_FORM:
                rules.append(ArrayRule(form, positions.get(axes, spread)))
    return ReadingPlan(tuple(rules))

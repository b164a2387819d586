"""Arrays of dumps as the formats' own libraries read them, without a line of what is tested."""

import csv
import json
import re
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file
from scipy.io import loadmat

SEPARATORS = {"commas": ",", "semicolons": ";", "tabs": "\t", "vertical bars": "|", "spaces": " "}


def stored(path: Path, location: tuple[str, ...], note: str = "") -> np.ndarray:
    """The array at a location: the files in archives, then the key in the file. Of text, the columns that hold numbers.

    Args:
        note: of a text table, the dialect that was taken.
    """
    if path.is_dir():
        return _of_run(path, location[0])
    match path.suffix.lower():
        case ".npy":
            return np.load(path, allow_pickle=False)
        case ".npz" | ".zip":
            with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
                inner = Path(folder) / f"inner{PurePosixPath(location[0]).suffix}"
                inner.write_bytes(archive.read(location[0]))
                return stored(inner, location[1:], note)
        case ".tar" | ".gz":
            with tarfile.open(path) as archive, tempfile.TemporaryDirectory() as folder:
                inner = Path(folder) / f"inner{PurePosixPath(location[0]).suffix}"
                member = archive.extractfile(next(info for info in archive if info.name == location[0]))
                assert member is not None
                inner.write_bytes(member.read())
                return stored(inner, location[1:], note)
        case ".safetensors":
            return _of_tensor(load_file(path)[location[0]])
        case ".pt" | ".pth":
            return _of_torch(path, "/".join(location))
        case ".h5":
            with h5py.File(path) as file:
                return np.asarray(file[location[0]][()])
        case ".mat":
            if h5py.is_hdf5(path):
                with h5py.File(path) as file:
                    found = file[location[0]]
                    by_matlab = "MATLAB_class" in found.attrs  # says that the axes are reversed; a mutation may take it
                    return np.asarray(found[()]).T if by_matlab else np.asarray(found[()])
            return np.asarray(loadmat(path, variable_names=[location[0]])[location[0]])
        case ".parquet":
            if location:
                return np.array(pq.read_table(path, columns=[location[0]]).column(0).to_pylist(), np.float64)
            schema = pq.read_schema(path)
            names = [field.name for field in schema if str(field.type) in ("halffloat", "float", "double")]
            table = pq.read_table(path, columns=names)
            return np.stack([np.array(column.to_pylist(), np.float64) for column in table.columns], axis=1)
        case ".arrow" | ".feather":
            return _of_arrow(path, location[0])
        case ".csv" | ".txt":
            return _of_text(path, note) if location in ((), ("",)) else _of_lists(path, location[0], note)
        case ".json":
            return _of_json(path, location[0])
        case ".jsonl":
            return _of_json_lines(path, location[0])
    raise ValueError(path.suffix)


def _of_arrow(path: Path, key: str) -> np.ndarray:
    with path.open("rb") as file:
        is_file = file.read(6) == b"ARROW1"
        file.seek(0)
        table = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(file).read_all()
    table.validate(full=True)
    names = [name or f"column {number}" for number, name in enumerate(table.column_names, 1)]  # a mutation may take one
    return np.array(table.column(names.index(key)).to_pylist(), np.float64)


def _of_torch(path: Path, key: str) -> np.ndarray:
    """A tensor; by its storage alone if torch refuses the file for another one's sake."""
    try:
        with warnings.catch_warnings():  # of a mutated pickle protocol, which torch reads all the same
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            loaded = torch.load(path, map_location=_where_it_is, weights_only=True)
        return _of_tensor(dict(_tensors(loaded))[key])
    except RuntimeError:
        place = {"activations/features.6": "data/0", "activations/features.8": "data/1"}[key]
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith(place))
            return np.frombuffer(archive.read(name), np.float32).reshape(6, -1)


def _where_it_is(storage: torch.UntypedStorage, _: object) -> torch.UntypedStorage:
    return storage


def _of_tensor(tensor: torch.Tensor) -> np.ndarray:
    return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().numpy())


def _tensors(part: object, key: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(part, torch.Tensor):
        yield key, part
    elif isinstance(part, dict | list | tuple):
        for name, inner in part.items() if isinstance(part, dict) else enumerate(part):
            yield from _tensors(inner, f"{key}/{name}" if key else str(name))


def _of_run(path: Path, key: str) -> np.ndarray:
    record, _, layer = key.partition("/")
    index = int(record.removeprefix("record_"))
    lines = (path / "records.jsonl").read_bytes().splitlines()
    assert index in [_index(line) for line in lines]
    return load_file(path / "arrays" / f"{index:06d}.safetensors")[f"{layer}/rows"].numpy()


def _index(line: bytes) -> int | None:
    """Of a record; None if its line was cut short, as that of the last record may be."""
    try:
        return int(json.loads(line)["index"])
    except ValueError:
        return None


def _of_text(path: Path, note: str) -> np.ndarray:
    """All columns of which every cell is a number or missing, but not all, by separator and decimal mark of the note.

    A number like 007 is a name.
    """
    _, rows = _cells(path, note)
    decimal = "," if "decimal comma" in note else "."
    columns = []
    for cells in zip(*rows, strict=True):
        if not any(cells) or any(re.match(r"[+-]?0[0-9]", cell) for cell in cells):
            continue
        try:
            columns.append([float(cell.replace(decimal, ".") or "nan") for cell in cells])
        except ValueError:
            continue
    return np.array(columns).T


def _of_lists(path: Path, key: str, note: str) -> np.ndarray:
    """A column of which every cell is a list, as Python, JSON and numpy write them."""
    names, rows = _cells(path, note)
    column = names.index(key) if key in names else int(key.removeprefix("column ")) - 1
    return np.array(
        [[float(number) for number in re.split(r"[\s,]+", row[column].strip()[1:-1].strip(" ,"))] for row in rows]
    )


def _cells(path: Path, note: str) -> tuple[list[str], list[list[str]]]:
    """Names of the columns, if the note tells of any, and the other lines of a table."""
    separator = next((sign for name, sign in SEPARATORS.items() if f"separated by {name}," in note), "\x1f")
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")]
    if separator == " ":  # which may be several
        lines = [re.sub(" +", " ", line.strip(" \r\n")) for line in lines]
    rows = list(csv.reader(lines, delimiter=separator))
    return ([name.strip() for name in rows[0]], rows[1:]) if "names the columns" in note else ([], rows)


def _of_json(path: Path, key: str) -> np.ndarray:
    """A list in a document, by the names and places on the way to it."""
    return np.array(dict(_parts(json.loads(path.read_text("utf-8-sig"))))[key], np.float64)


def _of_json_lines(path: Path, key: str) -> np.ndarray:
    """A field that every line has, or all lines."""
    rows = [json.loads(line) for line in path.read_text("utf-8-sig").split("\n") if line.strip()]
    return np.array([dict(_parts(row))[key] for row in rows], np.float64)


def _parts(part: object, key: str = "") -> Iterator[tuple[str, object]]:
    yield key, part
    for name, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from _parts(inner, f"{key}/{name}" if key else str(name))

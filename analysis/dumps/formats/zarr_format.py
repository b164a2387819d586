"""Zarr stores of versions 2 and 3, folders or zip archives, read by Zarr's own library in the reading process only.

What a store declares is read here first: only codecs that are known to turn bytes into bytes are let near the library
(one of them would unpickle), and nothing is read through a link or from anywhere but the store.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import ITEM_BYTES, Entry, is_plain_shape
from analysis.dumps.files.byte_range import ByteRange, FileRange
from analysis.dumps.formats import zip_format
from analysis.dumps.formats.safetensors_format import ONLY_IN_TORCH, as_numbers
from analysis.dumps.limits import ReadingLimits, in_words
from analysis.dumps.natural_order import by_numbers
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

ARRAY_2, GROUP_2, NODE_3 = ".zarray", ".zgroup", "zarr.json"
METADATA = frozenset({ARRAY_2, GROUP_2, NODE_3})
CODECS = frozenset(
    {"bytes", "transpose", "sharding_indexed", "crc32c", "gzip", "zlib", "zstd", "blosc", "lz4", "bz2", "lzma"}
    | {"shuffle", "delta", "fixedscaleoffset", "quantize", "bitround"}
)
TYPE_2 = re.compile(r"[<>|][biuf][1-8]")
TEXTS_2 = re.compile(r"[<>|][SU][0-9]+")
MOST_FILES = 200_000
DEEPEST = 32
LONGEST_METADATA = 2**20
MISSING = Phrase(
    N_(
        "Zarr stores are read by Zarr's own library, which is not installed here. Install it where PERscope runs,"
        ' and start it again: python -m pip install "zarr>=3.1,<4"'
    )
)


@dataclass(frozen=True, slots=True)
class _Array:
    """What a store says of one array of it.

    Attributes:
        version: of the format.
        chunk: shape of what is stored in one file.
        fill: of values in chunks that are not stored.
        told: all that it says, as it stands in its file.
    """

    version: Literal[2, 3]
    shape: tuple[int, ...]
    dtype: str
    chunk: tuple[int, ...]
    fill: str
    told: dict[str, Any]

    @property
    def chunks(self) -> int:
        """How many there are, stored or not."""
        return math.prod(-(-length // step) for length, step in zip(self.shape, self.chunk, strict=True))

    @property
    def for_library(self) -> dict[str, Any]:
        """What it says, with whole numbers of as many bits in the place of those that numpy has not."""
        if self.dtype not in ONLY_IN_TORCH:
            return self.told
        item = ITEM_BYTES[self.dtype]
        kind = {"data_type": f"uint{8 * item}"} if self.version == 3 else {"dtype": "|u1" if item == 1 else f"<u{item}"}
        return self.told | kind | {"fill_value": _bits(self.told.get("fill_value"), self.dtype)}


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a store: a group or an array itself, not only a folder of some."""
    return any((folder / name).is_file() for name in METADATA)


def is_zarr_archive(names: list[str]) -> bool:
    """Whether an archive of these files is a store, or holds the folder of one and nothing else."""
    return bool(METADATA & set(names)) or (
        len({name.partition("/")[0] for name in names}) == 1
        and any(name.partition("/")[2] in METADATA for name in names)
    )


def require_library() -> None:
    """Check that Zarr is installed; an `InvalidInputError` with the line that installs it if not."""
    if importlib.util.find_spec("zarr") is None:
        raise InvalidInputError(MISSING)


def watched_files(folder: Path, limits: ReadingLimits) -> list[Path]:
    """What changes when a store does: its folders, and what it says of its arrays.

    Raises:
        InvalidInputError: If there are too many.
    """
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        found += [Path(place), *(Path(place, name) for name in METADATA.intersection(files))]
        folders[:] = [name for name in folders if not Path(place, name).is_symlink()]
        if len(found) > limits.members:
            raise InvalidInputError(
                N_("A Zarr store may have {members} folders; this one has more. Save it with larger chunks."),
                members=limits.members,
            )
    return found


def list_entries(path: Path, limits: ReadingLimits) -> list[Entry]:
    """Every array of a store, from what it declares and the files that exist.

    Raises:
        InvalidInputError: If there is no array in it, or it has too many files.
    """
    arrays = _arrays(_contents(path, limits))
    if not arrays:
        raise InvalidInputError(
            N_("A Zarr store must hold an array; this one holds none. Write the activations into it.")
        )
    if len(arrays) > limits.members:
        raise InvalidInputError(
            N_("A store may hold {members} arrays; this one holds more. Split it."), members=limits.members
        )
    return [_entry(key, arrays[key], limits)[0] for key in sorted(arrays, key=by_numbers)]


def read_rows(path: Path, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of an array, in the byte order of this machine; what numpy has not as float32."""
    import zarr
    from zarr.storage import LocalStore, StorePath, ZipStore

    files = _arrays(_contents(path, limits, key)).get(key)
    entry, array = (None, None) if files is None else _entry(key, files, limits)
    if entry is None or array is None or entry.refusal:
        raise InvalidInputError(
            N_("There must be a readable array {key!r}; there is none now. Inspect it again."), key=key
        )
    try:
        with zarr.config.set({"threading.max_workers": 1, "async.concurrency": 1}):
            kind: Any = LocalStore if path.is_dir() else ZipStore
            store = asyncio.run(kind.open(path, mode="r", read_only=True))
            if array.dtype in ONLY_IN_TORCH:
                opened = zarr.Array.from_dict(StorePath(store, key), array.for_library)
            else:
                opened = zarr.open_array(store, path=key, mode="r", zarr_format=array.version)
            rows = np.asarray(opened[start:stop])
            store.close()
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged chunk makes the library raise
        raise InvalidInputError(
            N_("Zarr must be able to read the array; it cannot: {error!r:.200}. It is damaged: write it again."),
            error=error,
        ) from error
    rows = rows.astype(rows.dtype.newbyteorder("="), order="C")
    if array.dtype not in ONLY_IN_TORCH:
        return rows
    return as_numbers(rows.reshape(-1).view(np.uint8), array.dtype).reshape(rows.shape)


def _bits(fill: Any, dtype: str) -> int | None:
    """A value of a type that numpy has not, as a store writes it, as a whole number of the same bits."""
    import torch

    if fill is None:
        return None
    if isinstance(fill, str) and fill.startswith("0x"):
        return int(fill, 16)
    value = torch.tensor([float(fill)]).to(getattr(torch, dtype))
    return int.from_bytes(value.view(torch.uint8).numpy().tobytes(), "little")


def _contents(path: Path, limits: ReadingLimits, under: str = "") -> dict[str, ByteRange | None]:
    """Name -> bytes of every file of a store below a key; None of a link, and of what an archive lies about."""
    if not path.is_dir():
        members = zip_format.list_members(FileRange.whole(path), limits)
        return {member.name: member.data for member in members if member.name.startswith(f"{under}/" if under else "")}
    found: dict[str, ByteRange | None] = {}
    for name, file in _walk(path, under):
        found[name] = file
        if len(found) > MOST_FILES:
            raise InvalidInputError(
                N_("A Zarr store may have {most_files} files; this one has more. Save it with larger chunks."),
                most_files=MOST_FILES,
            )
    return found


def _walk(root: Path, under: str) -> Iterator[tuple[str, ByteRange | None]]:
    """Every file of a folder and below it, no link followed."""
    pending = [(under, 0)]
    while pending:
        name, depth = pending.pop()
        with os.scandir(root / name) as inner:
            for file in inner:
                key = f"{name}/{file.name}" if name else file.name
                if file.is_dir(follow_symlinks=False) and depth < DEEPEST:
                    pending.append((key, depth + 1))
                elif file.is_file(follow_symlinks=False):
                    yield key, FileRange(Path(file.path), 0, file.stat(follow_symlinks=False).st_size)
                else:
                    yield key, None


def _arrays(files: dict[str, ByteRange | None]) -> dict[str, dict[str, ByteRange | None]]:
    """Key of every array -> its files by their names within it; a group in version 3 is left out."""
    arrays: dict[str, dict[str, ByteRange | None]] = {}
    for name, data in files.items():
        folder, _, last = name.rpartition("/")
        if last == ARRAY_2 or (last == NODE_3 and not _is_group(data)):
            arrays[folder] = {}
    for name, data in files.items():
        folder, _, last = name.rpartition("/")
        while folder not in arrays and folder:
            folder, _, _ = folder.rpartition("/")
        if folder in arrays:
            arrays[folder][name.removeprefix(f"{folder}/") if folder else name] = data
    return arrays


def _is_group(data: ByteRange | None) -> bool:
    try:
        return bool(_read_json(data).get("node_type") == "group")
    except ValueError:
        return False


def _read_json(data: ByteRange | None) -> dict[str, Any]:
    """An object of JSON; a `ValueError` if it is none."""
    if data is None:
        raise ValueError(Phrase(N_("what it says of an array is a link, or no whole file")))
    if data.size > LONGEST_METADATA:
        raise ValueError(Phrase(N_("what it says of an array takes {size}"), size=in_words(data.size)))
    try:
        content = json.loads(data.read(0, data.size).tobytes())
    except RecursionError as error:
        raise ValueError(Phrase(N_("what it says of an array is nested too deep"))) from error
    if not isinstance(content, dict):
        raise ValueError(Phrase(N_("what it says of an array is no JSON object")))
    return content


def _entry(key: str, files: dict[str, ByteRange | None], limits: ReadingLimits) -> tuple[Entry, _Array | None]:
    """What is said of an array, and whether it can be true."""
    try:
        array = _read_array(files)
    except (ValueError, InvalidInputError) as error:
        unread = Phrase(
            N_("A Zarr array says what it is; this one cannot be read: {error!s:.300}. Write it again."), error=error
        )
        return Entry(key, refusal=unread), None
    chunks = {name: data for name, data in files.items() if not name.rpartition("/")[2].startswith((".z", NODE_3))}
    stored = sum(data.size for data in chunks.values() if data is not None)
    missing = max(0, array.chunks - len(chunks))
    note = (
        Phrase(
            N_("{missing} of {chunks} chunks are not stored: their values are {fill}"),
            missing=missing,
            chunks=array.chunks,
            fill=array.fill,
        )
        if missing
        else ""
    )
    item = ITEM_BYTES.get(array.dtype, 0)
    chunk_bytes = math.prod(array.chunk) * item
    refusal = ""
    if any(data is None for data in chunks.values()):
        refusal = Phrase(
            N_("Chunks are files in the store; some of these are links or damaged. Copy the store with cp -rL.")
        )
    elif item and array.chunks and not chunks:
        refusal = Phrase(
            N_("An array must hold what it declares; of this one, {shape}, no chunk is stored. Write it again."),
            shape=array.shape,
        )
    elif chunk_bytes > limits.batch_bytes:
        refusal = Phrase(
            N_("A chunk is read whole, up to {most}; here it takes {size}. Save the array with smaller chunks."),
            most=in_words(limits.batch_bytes),
            size=in_words(chunk_bytes),
        )
    elif missing * chunk_bytes > limits.unpacked_bytes:
        refusal = Phrase(
            N_(
                "What is not stored may come to {most}; of {chunks} chunks {missing} are missing. Write all of"
                " the array, or make it smaller."
            ),
            most=in_words(limits.unpacked_bytes),
            chunks=array.chunks,
            missing=missing,
        )
    return Entry(key, array.shape, array.dtype, stored, refusal, note), array


def _read_array(files: dict[str, ByteRange | None]) -> _Array:
    """What an array says of itself; a `ValueError` if that is nothing, or asks for what may not be run."""
    chunk: Any
    shape: Any
    if NODE_3 in files:
        told = _read_json(files[NODE_3])
        if told.get("storage_transformers"):
            raise ValueError(Phrase(N_("it is stored through storage transformers, which are not known here")))
        _require_codecs(told.get("codecs"))
        chunk = _chunk_3(told.get("chunk_grid"))
        kind = told.get("data_type")
        dtype = str(kind.get("name")) if isinstance(kind, dict) else str(kind)
        dtype = {"string": "text", "fixed_length_utf32": "text"}.get(dtype, dtype)
    else:
        told = _read_json(files[ARRAY_2])
        if told.get("order", "C") not in ("C", "F"):
            raise ValueError(Phrase(N_("the order is {order!r:.50}"), order=told["order"]))
        chunk, filters, compressor = told.get("chunks"), told.get("filters"), told.get("compressor")
        dtype = _type_2(told.get("dtype"))
        if dtype in ITEM_BYTES:
            _require_codecs([*(filters or ()), *([compressor] if compressor is not None else [])])
    shape = told.get("shape")
    if not is_plain_shape(shape) or not is_plain_shape(chunk) or len(shape) != len(chunk) or 0 in chunk:
        raise ValueError(
            Phrase(N_("its shape is {shape!r:.100}, in chunks of {chunk!r:.100}"), shape=shape, chunk=chunk)
        )
    return _Array(
        3 if NODE_3 in files else 2, tuple(shape), dtype, tuple(chunk), f"{told.get('fill_value')!r:.20}", told
    )


def _type_2(told: Any) -> str:
    """The name of a type of version 2; "object" is only looked at, never read."""
    if not isinstance(told, str):
        return "structured"
    if TEXTS_2.fullmatch(told):
        return "text"
    return np.dtype(told).name if TYPE_2.fullmatch(told) else {"|O": "object"}.get(told, f"{told[:20]}")


def _chunk_3(grid: Any) -> Any:
    """The shape of a chunk of a regular grid of version 3; None if it is another grid."""
    inner = grid.get("configuration") if isinstance(grid, dict) and grid.get("name") == "regular" else None
    return inner.get("chunk_shape") if isinstance(inner, dict) else None


def _require_codecs(codecs: Any) -> None:
    """Check that all codecs are known ones, those within a shard as well; a `ValueError` if not."""
    if not isinstance(codecs, list):
        raise ValueError(Phrase(N_("its codecs are no list")))
    for codec in codecs:
        name = codec.get("name", codec.get("id")) if isinstance(codec, dict) else codec
        if not isinstance(name, str) or name.removeprefix("numcodecs.") not in CODECS:
            raise ValueError(
                Phrase(
                    N_("it is stored through the codec {name!r:.50}, known are {known}"),
                    name=name,
                    known=", ".join(sorted(CODECS)),
                )
            )
        if name == "sharding_indexed":
            inner = codec.get("configuration") if isinstance(codec, dict) else None
            if not isinstance(inner, dict):
                raise ValueError(Phrase(N_("its shards are not described")))
            for part in ("codecs", "index_codecs"):
                _require_codecs(inner.get(part))

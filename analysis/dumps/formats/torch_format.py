"""Files of torch.save. Always weights_only=True, and only ever in the reading process.

With map_location="meta" torch builds the tensors without reading a value: it says where in the file each storage
begins and how long it claims to be. Rows are then read from there. What else is in the pickle, texts, numbers and lists
of them, is listed as what it is.
"""

from __future__ import annotations

import contextlib
import math
import pickle
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from analysis.dumps.entry import ITEM_BYTES, MOST_AXES, TEXT, Entry
from analysis.dumps.files.byte_range import FileRange
from analysis.dumps.files.conversion import of_torch
from analysis.dumps.files.file_stamp import Stamp, stamp
from analysis.dumps.files.likeness import LONGEST_COMPARED, FreeBytes
from analysis.dumps.formats.safetensors_format import ONLY_IN_TORCH, as_numbers
from analysis.dumps.formats.zip_format import MAGIC, free_bytes, list_members
from analysis.dumps.limits import ReadingLimits, in_words
from per_core.errors import BudgetError, InvalidInputError
from per_core.text import N_, Phrase

DEEPEST = 32  # dicts and lists within each other
MOST_EXPANDED = 2**28  # bytes that a tensor may have which stores fewer, as a bias that is the same in every sample
MOST_PARTS = 200_000  # dicts, lists, tensors and all else that is looked at
MOST_LISTED = 2**24  # numbers in a list of lists that is taken for an array
STORAGES, SERIAL = "data/", ".data/serialization_id"  # members that hold values, and a number made of their checksums
FORBIDDEN = re.compile(r"GLOBAL ([\w.]+)")
TORCH_SAYS = re.compile(r"WeightsUnpickler error:\s*(.+)|(Trying to .+)")


def list_entries(path: Path, limits: ReadingLimits) -> list[Entry]:
    """Every tensor, text and number of the file, however nested: keys and indices joined by "/".

    A list of numbers is one array, and so is a list of such lists that are equally long.

    Raises:
        InvalidInputError: If torch does not read the file under weights_only=True, or there is too much in it.
    """
    return list_alike(path, limits)[0]


def list_alike(path: Path, limits: ReadingLimits) -> tuple[list[Entry], FreeBytes | None]:
    """What `list_entries` says, and on which bytes of the file it does not depend; None of the old format.

    These are the storages, a number made of all checksums, and the name of the folder that all members are in, which
    torch makes of the file's own name. Errors as of `list_entries`.
    """
    members = _members(path, limits)
    free = None if members is None else _free_bytes(path, members, limits)
    return _entries(_room(members), tuple(_walk(_load(path, "meta"), limits.members))), free


def _free_bytes(path: Path, members: Members, limits: ReadingLimits) -> FreeBytes | None:
    """The bytes on which nothing depends, the others' checksums checked; None if these are long or in two folders."""
    folder = members[0][0].partition("/")[0] + "/"
    compared = [piece for name, piece in members if not _is_free(name.removeprefix(folder))]
    is_one_folder = folder.isascii() and all(name.startswith(folder) for name, _ in members)
    if not is_one_folder or sum(piece.size for piece in compared) > LONGEST_COMPARED:
        return None
    for piece in compared:
        piece.read(0, piece.size)  # to its end, where its checksum is checked
    return free_bytes(FileRange.opened(path), folder, _is_free, limits)


def _is_free(name: str) -> bool:
    """Whether a member, by its name within the folder, is a storage or the number made of all checksums."""
    return name.startswith(STORAGES) or name == SERIAL


def read_rows(path: Path, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of a tensor or list; bfloat16 and float8, which numpy has not, as float32."""
    room, parts = _opened(path, limits, stamp(path))
    tensor = _find(parts, key)
    if isinstance(tensor, np.ndarray) and tensor.ndim:
        return tensor[start:stop]
    if not isinstance(tensor, torch.Tensor) or not tensor.ndim or _entry(key, tensor, room).refusal:
        raise InvalidInputError(
            N_("There must be a readable tensor {key!r}; there is none now. Inspect the file again."), key=key
        )
    if room is not None:
        return _read_strided(tensor.detach()[start:stop], room, limits)
    whole = _find(_walk(_load(path, "cpu"), limits.members), key)
    assert isinstance(whole, torch.Tensor)
    rows = whole.detach()[start:stop]
    return np.asarray((rows.float() if _dtype(rows) in ONLY_IN_TORCH else rows).contiguous().numpy())


Part = torch.Tensor | NDArray[Any] | str | tuple[str, ...]
"""What is listed: a tensor, numbers of Python, a text or a list of texts."""

Parts = tuple[tuple[str, Part], ...]
Members = list[tuple[str, FileRange]]
Room = dict[int, FileRange]


def _entries(room: Room | None, parts: Parts) -> list[Entry]:
    if not parts:
        raise InvalidInputError(
            N_(
                "A file of torch.save must hold a tensor, or dicts and lists of tensors; this one holds none. Save"
                " the activations themselves."
            )
        )
    return [
        _entry(key, part, room) if isinstance(part, torch.Tensor) else _plain_entry(key, part) for key, part in parts
    ]


@lru_cache(maxsize=1)
def _opened(path: Path, limits: ReadingLimits, _stamp: Stamp) -> tuple[Room | None, Parts]:
    """Room of the storages, and all keys and parts, tensors without values; kept of one file."""
    return _room(_members(path, limits)), tuple(_walk(_load(path, "meta"), limits.members))


def _find(parts: Iterable[tuple[str, Part]], key: str) -> Part | None:
    return next((part for name, part in parts if name == key), None)


def _room(members: Members | None) -> Room | None:
    """Where storages begin -> their bytes."""
    return None if members is None else {piece.offset: piece for _, piece in members}


def _members(path: Path, limits: ReadingLimits) -> Members | None:
    """The names and bytes of what is in the archive, by its own directory; None in the old format."""
    data = FileRange.opened(path)
    if data.read(0, min(4, data.size)).tobytes() != MAGIC:
        if data.size > limits.process_bytes // 4:
            raise BudgetError(
                N_(
                    "Files of torch's old format are read whole, up to {most}; this one has {size}. Save it again"
                    " with a torch of version 1.6 or later."
                ),
                most=in_words(limits.process_bytes // 4),
                size=in_words(data.size),
            )
        return None
    members = list_members(data, limits)
    if any(member.name.rpartition("/")[2] == "constants.pkl" for member in members):
        raise InvalidInputError(
            N_(
                "Activations are tensors; this file is a TorchScript program. Save what it computes:"
                " torch.save(output, path)."
            )
        )
    if not any(member.name.endswith("/data.pkl") for member in members):
        raise InvalidInputError(
            N_(
                "A file of torch.save holds data.pkl; this one is another zip archive. Rename it to .npz or .zip if"
                " it is one."
            )
        )
    found = []
    for member in members:
        if member.refusal:
            raise InvalidInputError(N_("In {name}: {refusal}"), name=member.name, refusal=member.refusal)
        if not isinstance(member.data, FileRange):
            raise InvalidInputError(
                N_("torch.save never compresses; here {name} is compressed. Save the tensors again with torch.save."),
                name=member.name,
            )
        found.append((member.name, member.data))
    return found


def _load(path: Path, where: str) -> Any:
    try:
        return torch.load(path, map_location=where, weights_only=True)
    except pickle.UnpicklingError as error:
        raise InvalidInputError(_forbidden(path.name, str(error))) from error
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file makes torch raise
        if "not enough memory" in str(error) or "can't allocate memory" in str(error):
            raise MemoryError(str(error)) from error
        if "Quantized" in str(error):
            raise InvalidInputError(
                N_(
                    "Activations are dense tensors of real numbers; this file holds a quantised one, which torch does"
                    " not show without its values. Save tensor.dequantize() in its place."
                )
            ) from error
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise InvalidInputError(
            N_("torch must be able to read the file; it cannot: {reason}. Save the tensors again with torch.save."),
            reason=reason[:200],
        ) from error


def _forbidden(file: str, message: str) -> Phrase:
    """Why weights_only=True refuses a file, and the line that saves it in another way."""
    found = FORBIDDEN.search(message)
    name = found[1] if found else ""
    if name.startswith("numpy"):
        return Phrase(
            N_(
                "A .pt file is read with weights_only=True, which takes tensors and no numpy arrays; this one"
                " holds arrays. If you trust it, save what is in it, in its folder: {lines}"
            ),
            lines="\n" + of_torch(file),
        )
    if name:
        return Phrase(
            N_(
                "A .pt file is read with weights_only=True, which runs no code; opening this one would call"
                " {name}. If it is your own, save its tensors alone: torch.save({{name: tensor.detach() for name,"
                " tensor in ...}}, path)."
            ),
            name=name,
        )
    reason = TORCH_SAYS.search(message)
    return Phrase(
        N_(
            "A .pt file is a pickle of tensors, dicts and lists; this one is damaged or holds something else:"
            " {reason}. Save the tensors again with torch.save."
        ),
        reason=(reason[1] or reason[2] if reason else message)[:200],
    )


def _walk(root: Any, most: int) -> Iterator[tuple[str, Part]]:
    """Key and part, depth first, in the order of the file. Nothing is followed twice."""
    seen: set[int] = set()
    parts, listed = 0, 0
    pending: list[tuple[str, Any, int]] = [("", root, 0)]
    while pending:
        key, part, depth = pending.pop()
        parts += 1
        if parts > MOST_PARTS or depth > DEEPEST:
            raise InvalidInputError(
                N_(
                    "Tensors may be nested {deepest} deep among {most_parts} parts; this file goes beyond. Save a"
                    " flat dict."
                ),
                deepest=DEEPEST,
                most_parts=MOST_PARTS,
            )
        found = _as_part(part)
        if found is not None:
            listed += 1
            if listed > most:
                raise InvalidInputError(N_("A file may hold {most} members; this one holds more. Split it."), most=most)
            yield key, found
        elif isinstance(part, Mapping | list | tuple) and id(part) not in seen:
            seen.add(id(part))
            named = part.items() if isinstance(part, Mapping) else enumerate(part)
            inner = [(f"{key}/{name}" if key else str(name), value, depth + 1) for name, value in named]
            pending.extend(reversed(inner))


def _as_part(part: Any) -> Part | None:
    """What is listed as one; None of all that is looked into or passed over."""
    if isinstance(part, torch.Tensor | str):
        return part
    if isinstance(part, bool | int | float):
        return np.asarray(part)
    if not isinstance(part, list | tuple) or not part:
        return None
    if all(isinstance(one, str) for one in part):
        return tuple(part)
    return _as_array(part)


def _as_array(part: Sequence[Any]) -> NDArray[Any] | None:
    """Numbers in lists that are equally long; None of any other list."""
    shape: list[int] = []
    leaf: Any = part
    while isinstance(leaf, list | tuple) and leaf and len(shape) < MOST_AXES:
        shape.append(len(leaf))
        leaf = leaf[0]
    if not isinstance(leaf, bool | int | float) or math.prod(shape) > MOST_LISTED:
        return None
    with contextlib.suppress(ValueError, TypeError, OverflowError, RuntimeError):  # of lists that differ
        array = np.asarray(part)
        if array.dtype.kind in "biuf" and array.shape == tuple(shape):
            return array
    return None


def _plain_entry(key: str, part: NDArray[Any] | str | tuple[str, ...]) -> Entry:
    if isinstance(part, np.ndarray):
        return Entry(key, part.shape, part.dtype.name, part.nbytes)
    if isinstance(part, str):
        return Entry(key, (), TEXT, len(part))
    return Entry(key, (len(part),), TEXT, sum(map(len, part)))


def _entry(key: str, tensor: torch.Tensor, room: Room | None) -> Entry:
    dtype = _dtype(tensor)
    if tensor.is_quantized or tensor.is_nested or tensor.layout != torch.strided:  # quantised: only in the old format
        kind = "quantised" if tensor.is_quantized else "nested" if tensor.is_nested else "sparse"
        return Entry(
            key,
            dtype=dtype,
            refusal=Phrase(
                N_(
                    "Activations are dense tensors; this one is {kind}. Save tensor.to_dense(), or tensor.dequantize()."
                ),
                kind=kind,
            ),
        )
    if tensor.ndim > MOST_AXES:
        return Entry(
            key,
            dtype=dtype,
            refusal=Phrase(
                N_("Up to {most_axes} axes are read; here are {axes}. Reshape it."),
                most_axes=MOST_AXES,
                axes=tensor.ndim,
            ),
        )
    shape, storage = tuple(tensor.shape), tensor.untyped_storage()
    stored = storage.nbytes()
    begin = getattr(storage, "_checkpoint_offset", None)
    there = 0 if room is None or begin not in room else room[begin].size
    declared = math.prod(shape) * ITEM_BYTES.get(dtype, 0)
    refusal = ""
    if room is not None and stored and stored != there:
        refusal = Phrase(
            N_(
                "A storage's bytes must be those of its file in the archive; {stored} are declared, {there} are"
                " there. The file is damaged or lies: save it again."
            ),
            stored=in_words(stored),
            there=in_words(there),
        )
    elif declared > max(stored, MOST_EXPANDED if stored else 0):
        refusal = Phrase(
            N_(
                "A tensor that was expanded may have {most}; {shape} of {dtype} is {declared}, stored are"
                " {stored}. Save tensor.clone() if it fits, or what it was expanded from."
            ),
            most=in_words(MOST_EXPANDED),
            shape=shape,
            dtype=dtype,
            declared=in_words(declared),
            stored=in_words(stored),
        )
    note = (
        Phrase(N_("expanded: {stored} are stored, and repeat"), stored=in_words(stored))
        if declared > stored and not refusal
        else ""
    )
    return Entry(key, shape, dtype, stored, refusal, note)


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _read_strided(rows: torch.Tensor, room: Room, limits: ReadingLimits) -> NDArray[Any]:
    """The values of a tensor without any, read from its place in the file."""
    dtype = _dtype(rows)
    item = ITEM_BYTES[dtype]
    last = sum((length - 1) * stride for length, stride in zip(rows.shape, rows.stride(), strict=True))
    if (last + 1) * item > 2 * limits.batch_bytes:
        raise BudgetError(
            N_(
                "The rows asked for lie within {most} of the file; these are spread over {size}. Save"
                " tensor.contiguous(), or ask for fewer rows."
            ),
            most=in_words(2 * limits.batch_bytes),
            size=in_words((last + 1) * item),
        )
    storage: Any = rows.untyped_storage()
    stored = room[storage._checkpoint_offset]  # whose checksum is checked where all of it is read
    numbers = as_numbers(stored.read(int(rows.storage_offset()) * item, (last + 1) * item), dtype)
    strides = [stride * numbers.itemsize for stride in rows.stride()]
    return np.lib.stride_tricks.as_strided(numbers, tuple(rows.shape), strides, writeable=False)

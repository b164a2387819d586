"""Safetensors files. The header is parsed here: eight bytes of length, then JSON, then the values."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import ITEM_BYTES, Entry, is_plain_shape
from analysis.dumps.files.byte_range import ByteRange
from analysis.dumps.limits import ReadingLimits, in_words
from analysis.dumps.natural_order import by_numbers
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

DTYPES = {
    "BOOL": "bool", "I8": "int8", "U8": "uint8", "I16": "int16", "U16": "uint16", "I32": "int32", "U32": "uint32",
    "I64": "int64", "U64": "uint64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "F16": "float16",
    "BF16": "bfloat16", "F32": "float32", "F64": "float64",
}  # fmt: skip
NO_NUMBERS = {"F4", "F6_E2M3", "F6_E3M2", "F8_E8M0", "C64"}  # types of the format that are not read
ONLY_IN_TORCH = ("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")


def list_entries(data: ByteRange, limits: ReadingLimits) -> list[Entry]:
    """Every tensor of the file, from the header; in natural order, as the library keeps none.

    Raises:
        InvalidInputError: If the header cannot be read.
    """
    begin, tensors = _read_header(data, limits)
    size = data.size - begin
    entries = _refuse_overlaps([_entry(key, tensor, size) for key, tensor in tensors.items()], tensors)
    return sorted(_refuse_damaged(entries, tensors, size), key=lambda entry: by_numbers(entry.key))


def read_pieces(data: ByteRange, pieces: Sequence[tuple[str, int, int]], limits: ReadingLimits) -> list[NDArray[Any]]:
    """Of every key rows start to stop − 1; bfloat16 and float8, which numpy has not, as float32."""
    begin, tensors = _read_header(data, limits)
    found = []
    for key, start, stop in pieces:
        tensor = tensors.get(key)
        if tensor is None or _entry(key, tensor, data.size - begin).refusal:
            raise InvalidInputError(
                N_("There must be a readable tensor {key!r}; there is none now. Inspect the file again."), key=key
            )
        dtype, shape = DTYPES[tensor["dtype"]], tensor["shape"]
        row = math.prod(shape[1:]) * ITEM_BYTES[dtype]
        values = data.read(begin + tensor["data_offsets"][0] + start * row, (stop - start) * row)
        found.append(as_numbers(values, dtype).reshape(stop - start, *shape[1:]))
    return found


def as_numbers(values: NDArray[np.uint8], dtype: str) -> NDArray[Any]:
    """Bytes as numbers of a type of `ITEM_BYTES`; what numpy cannot hold as float32."""
    if dtype in ONLY_IN_TORCH:
        import torch  # the reading process has it only if it must

        numbers: NDArray[Any] = torch.from_numpy(values).view(getattr(torch, dtype)).float().numpy()
        return numbers
    return values.view(dtype)


def _read_header(data: ByteRange, limits: ReadingLimits) -> tuple[int, dict[str, Any]]:
    """Where the values begin, and name -> what is said of the tensor."""
    if data.size < 8:
        raise _unreadable(Phrase(N_("it is shorter than the length of a header")))
    length = int.from_bytes(data.read(0, 8).tobytes(), "little")
    if length > limits.header_bytes:
        raise _unreadable(
            Phrase(
                N_("its header is said to take {size}, read are up to {most}"),
                size=in_words(length),
                most=in_words(limits.header_bytes),
            )
        )
    if length > data.size - 8:
        raise _unreadable(
            Phrase(
                N_("its header is said to take {size}, there are {there}"),
                size=in_words(length),
                there=in_words(data.size - 8),
            )
        )
    try:
        header = json.loads(data.read(8, length).tobytes(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _unreadable(Phrase(N_("its header is not JSON: {error!s:.180}"), error=error)) from error
    if not isinstance(header, dict):
        raise _unreadable(Phrase(N_("its header is not a JSON object")))
    header.pop("__metadata__", None)
    if len(header) > limits.members:
        raise _unreadable(
            Phrase(N_("it lists {count} tensors, read are up to {members}"), count=len(header), members=limits.members)
        )
    return 8 + length, header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(Phrase(N_("a name is there twice")))
    return found


def _entry(key: str, tensor: Any, size: int) -> Entry:
    try:
        dtype, shape, (begin, end) = str(tensor["dtype"]), tensor["shape"], tensor["data_offsets"]
        if dtype not in DTYPES and dtype not in NO_NUMBERS:
            raise ValueError
        if not is_plain_shape(shape) or type(begin) is not int or type(end) is not int or not 0 <= begin <= end:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        return Entry(
            key,
            refusal=Phrase(
                N_(
                    "A tensor has a dtype, a shape and the offsets of its bytes; in the header these are damaged."
                    " Write the file again."
                )
            ),
        )
    name = DTYPES.get(dtype, dtype)
    stored = max(0, min(end, size) - begin)
    needed = math.prod(shape) * ITEM_BYTES.get(name, 0)
    refusal = ""
    if end > size:
        refusal = Phrase(
            N_(
                "A tensor's bytes must be in the file; these end at {end}, the values at {size}. The file is cut"
                " short or lies: copy or write it again."
            ),
            end=in_words(end),
            size=in_words(size),
        )
    elif name in ITEM_BYTES and needed != end - begin:
        refusal = Phrase(
            N_(
                "A tensor's shape must fit its bytes; {shape} of {name} needs {needed}, there are {there}. The"
                " header lies: write the file again."
            ),
            shape=tuple(shape),
            name=name,
            needed=in_words(needed),
            there=in_words(end - begin),
        )
    return Entry(key, tuple(shape), name, stored, refusal)


def _refuse_overlaps(entries: list[Entry], tensors: dict[str, Any]) -> list[Entry]:
    """Entries in the order of the file; one that begins before another has ended is refused."""
    refused = {}
    readable = [entry for entry in entries if not entry.refusal and entry.stored]
    last, reached = "", 0
    for entry in sorted(readable, key=lambda entry: int(tensors[entry.key]["data_offsets"][0])):
        begin, end = tensors[entry.key]["data_offsets"]
        if begin < reached:
            refused[entry.key] = Phrase(
                N_(
                    "Tensors have bytes of their own; these are shared with {last!r}. The header lies: write the"
                    " file again."
                ),
                last=last,
            )
        if end > reached:
            last, reached = entry.key, end
    return [replace(entry, refusal=refused.get(entry.key, entry.refusal)) for entry in entries]


def _refuse_damaged(entries: list[Entry], tensors: dict[str, Any], size: int) -> list[Entry]:
    """Entries of a file that is not as the format demands: then all are refused, as its own library does.

    The tensors have all bytes behind the header, one after another. A byte more or less moves the values of all behind.
    """
    bad = next((entry for entry in entries if entry.refusal), None)
    if bad is None:
        reached = 0
        for begin, end in sorted(tuple(tensors[entry.key]["data_offsets"]) for entry in entries):
            if begin != reached:
                break
            reached = end
        if reached == size:
            return entries
        what = Phrase(N_("of {size} those from byte {reached} on belong to none"), size=in_words(size), reached=reached)
    else:
        what = Phrase(N_("{key!r} does not fit"), key=bad.key)
    refusal = Phrase(
        N_(
            "The tensors of a .safetensors file have all bytes behind its header, one after another; here {what}."
            " Values may have moved: copy or write the file again."
        ),
        what=what,
    )
    return [replace(entry, refusal=entry.refusal or refusal) for entry in entries]


def _unreadable(reason: object) -> InvalidInputError:
    return InvalidInputError(
        N_(
            "A .safetensors file begins with a header; this one cannot be read: {reason}. Write it again with"
            " safetensors.torch.save_file."
        ),
        reason=reason,
    )

"""Arrays as numpy.save writes them. The header is parsed here, and nothing is ever unpickled."""

from __future__ import annotations

import ast
import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.byte_range import ByteRange
from analysis.dumps.entry import ITEM_BYTES, Entry, is_plain_shape
from analysis.dumps.limits import in_words
from per_core.errors import InvalidInputError

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 2**16
KEYS = {"descr", "fortran_order", "shape"}
TYPE = re.compile(r"[<>|=]?[?bhilqBHILQefdgbiufcFDGOSUVmM]\d{0,9}(\[\w+\])?")


def list_entries(data: ByteRange) -> list[Entry]:
    """The one array of the file, from its header.

    Raises:
        InvalidInputError: If the header cannot be read.
    """
    offset, dtype, shape, _ = _read_header(data)
    stored = data.size - offset
    name = "structured" if dtype.kind == "V" else dtype.name
    entry = Entry("", shape, name, stored)
    if dtype.hasobject:
        refusal = (
            "Object arrays are pickles, which can run code when opened, and are never read; this one is of dtype"
            " object. If it holds numbers, save it again with array.astype(float)."
        )
    elif name in ITEM_BYTES and math.prod(shape) * dtype.itemsize > stored:
        refusal = (
            f"An array's shape must fit the bytes that exist; {shape} of {name} needs"
            f" {in_words(math.prod(shape) * dtype.itemsize)}, the file holds {in_words(stored)}. It is cut short or"
            " lies: write it again."
        )
    elif name in ITEM_BYTES and math.prod(shape) * dtype.itemsize < stored:
        refusal = _too_long(data, offset + math.prod(shape) * dtype.itemsize)
    else:
        return [entry]
    return [Entry("", shape, name, stored, refusal)]


def read_rows(data: ByteRange, start: int, stop: int) -> NDArray[Any]:
    """Rows start to stop − 1 of the array, of its own type; all of an array in Fortran order is read for them."""
    offset, dtype, shape, fortran_order = _read_header(data)
    if dtype.name not in ITEM_BYTES:  # list_entries said so before: the file has changed since
        raise InvalidInputError(f"An array of numbers is expected; received dtype {dtype}. Inspect the file again.")
    if fortran_order and len(shape) > 1:
        flat = data.read(offset, math.prod(shape) * dtype.itemsize).view(dtype)
        return flat.reshape(shape, order="F")[start:stop]
    row = math.prod(shape[1:]) * dtype.itemsize
    values = data.read(offset + start * row, (stop - start) * row)
    return values.view(dtype).reshape(stop - start, *shape[1:])


def _too_long(data: ByteRange, end: int) -> str:
    """Why bytes behind the values are not passed over."""
    rest = data.size - end
    if data.read(end, min(len(MAGIC), rest)).tobytes() == MAGIC:
        return (
            "A .npy file holds one array; behind this one there is another, as after several numpy.save into one open"
            " file. Load them one by one from the open file, and save them with numpy.savez."
        )
    return (
        f"A .npy file ends with its values; {in_words(rest)} more are behind them, so that header and values may not"
        " belong together. Write it again with numpy.save."
    )


def is_fortran_ordered(data: ByteRange) -> bool:
    """Whether rows are scattered over the file, so that all of it has to be read for a few."""
    _, _, shape, fortran_order = _read_header(data)
    return fortran_order and len(shape) > 1


def _read_header(data: ByteRange) -> tuple[int, np.dtype[Any], tuple[int, ...], bool]:
    """Where the values begin, their type, the shape, and whether it is in Fortran order."""
    start = data.read(0, min(12, data.size)).tobytes()
    if not start.startswith(MAGIC) or len(start) < 12:
        raise _unreadable("it does not begin as one" if start else "it is empty")
    version, wide = start[6], start[6] > 1
    if version not in (1, 2, 3) or start[7]:
        raise _unreadable(f"its version is {version}.{start[7]}, known are 1.0, 2.0 and 3.0")
    begin = 12 if wide else 10
    length = int.from_bytes(start[8:begin], "little")
    if length > min(LONGEST_HEADER, data.size - begin):
        raise _unreadable(f"its header is said to have {length} bytes")
    text = data.read(begin, length).tobytes().decode("utf-8" if version == 3 else "latin-1", "replace")
    try:
        header = ast.literal_eval(text.strip(" \t\n"))
        if not isinstance(header, dict) or set(header) != KEYS:
            raise ValueError("its header is not a dict of descr, fortran_order and shape")
        shape, fortran_order, descr = header["shape"], header["fortran_order"], header["descr"]
        if not is_plain_shape(shape):
            raise ValueError("its shape is not one")
        if not isinstance(fortran_order, bool):
            raise ValueError("fortran_order is neither True nor False")
        if not isinstance(descr, str):
            return begin + length, np.dtype("V1"), tuple(shape), fortran_order  # structured: refused as it is
        if not TYPE.fullmatch(descr):
            raise ValueError(f"{descr[:40]!r} is no type")
        dtype = np.dtype(descr)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise _unreadable(f"{error}"[:200]) from error
    return begin + length, dtype, tuple(shape), fortran_order


def _unreadable(reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"A .npy file begins with numpy's header; this one cannot be read: {reason}. Write it again with numpy.save."
    )

"""Arrays as numpy.save writes them: numpy reads the header, and nothing is ever unpickled."""

from __future__ import annotations

import math
from io import BytesIO
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from analysis.dumps.byte_range import ByteRange
from analysis.dumps.entry import ITEM_BYTES, Entry, is_plain_shape
from analysis.dumps.limits import in_words
from per_core.errors import InvalidInputError

MAGIC = npy.MAGIC_PREFIX
LONGEST_HEADER = 10_000  # bytes; numpy evaluates no longer ones either
HEADER_READERS = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
    (3, 0): npy.read_array_header_2_0,  # they differ in how names of fields are encoded
}


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
    head = BytesIO(data.read(0, min(LONGEST_HEADER, data.size)).tobytes())
    try:
        version = npy.read_magic(head)
        if version not in HEADER_READERS:
            raise ValueError(f"its version is {version[0]}.{version[1]}, known are 1.0, 2.0 and 3.0")
        shape, fortran_order, dtype = HEADER_READERS[version](head)
        if not is_plain_shape(shape):
            raise ValueError("its shape is not one")
    except Exception as error:  # the header is a stranger's, and numpy passes on what its evaluation raises
        raise _unreadable(f"{error}"[:200]) from error
    return head.tell(), dtype, shape, fortran_order


def _unreadable(reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"A .npy file begins with numpy's header; this one cannot be read: {reason}. Write it again with numpy.save."
    )

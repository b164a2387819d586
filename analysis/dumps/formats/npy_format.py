"""Arrays as numpy.save writes them: numpy reads the header, and nothing is ever unpickled.

numpy has no bfloat16 and no float8. Libraries that add them save them as bytes without a type: `V2` and `V1`, and
`f1`, which numpy itself cannot load.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from analysis.dumps.entry import ITEM_BYTES, TEXT, Entry, is_plain_shape
from analysis.dumps.files.byte_range import ByteRange
from analysis.dumps.files.conversion import of_float8, of_object_array
from analysis.dumps.formats.safetensors_format import ONLY_IN_TORCH, as_numbers
from analysis.dumps.limits import in_words
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

MAGIC = npy.MAGIC_PREFIX
LONGEST_HEADER = 10_000  # bytes; numpy evaluates no longer ones either
HEADER_READERS = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
    (3, 0): npy.read_array_header_2_0,  # they differ in how names of fields are encoded
}


SHORT_FLOAT = re.compile(rb"('descr': *)'[<|=]f1'")  # float8_e5m2 of ml_dtypes, the only one with a letter of its own
ONE_BYTE = rb"\1'|V1'"
TAKEN_FOR = N_("numpy calls it {dtype}: taken for {name}, as ml_dtypes and JAX save it")


@dataclass(frozen=True, slots=True)
class _Header:
    """Where the values begin, what they are called and how they lie.

    Attributes:
        offset: of the first value, in bytes.
        dtype: as numpy sees them.
        name: a key of `ITEM_BYTES`, "text", or what numpy calls it.
        shape, fortran_order: as declared.
    """

    offset: int
    dtype: np.dtype[Any]
    name: str
    shape: tuple[int, ...]
    fortran_order: bool

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return math.prod(self.shape) * self.dtype.itemsize


def list_entries(data: ByteRange, name: str = "array.npy") -> list[Entry]:
    """The one array of the file, from its header.

    Args:
        data: the file, or the member of an archive.
        name: of the file, for the lines that convert what cannot be read.

    Raises:
        InvalidInputError: If the header cannot be read.
    """
    header = _read_header(data)
    stored = data.size - header.offset
    refusal, note = "", ""
    if header.dtype.hasobject:
        refusal = Phrase(
            N_(
                "Object arrays are pickles, which can run code when opened, and are never read; this one is of"
                " dtype object. If you trust it, save what is in it, in its folder: {lines}"
            ),
            lines="\n" + of_object_array(name, data, len(header.shape)),
        )
    elif header.name == "void8":
        refusal = Phrase(
            N_(
                "Numbers of one byte need a type that says what they are; numpy calls these V1, which may be any"
                " float8. Put in the type that they were saved with, in its folder: {lines}"
            ),
            lines="\n" + of_float8(name, data),
        )
    elif header.name in ITEM_BYTES and header.size > stored:
        refusal = Phrase(
            N_(
                "An array's shape must fit the bytes that exist; {shape} of {name} needs {size}, the file holds"
                " {stored}. It is cut short or lies: write it again."
            ),
            shape=header.shape,
            name=header.name,
            size=in_words(header.size),
            stored=in_words(stored),
        )
    elif header.name in ITEM_BYTES and header.size < stored:
        refusal = _too_long(data, header.offset + header.size)
    if header.name in ONLY_IN_TORCH:
        note = Phrase(TAKEN_FOR, dtype=header.dtype.str, name=header.name)
    return [Entry("", header.shape, header.name, stored, refusal, note)]


def read_rows(data: ByteRange, start: int, stop: int) -> NDArray[Any]:
    """Rows start to stop − 1 of the array, of its own type; all of an array in Fortran order is read for them.

    What numpy has no type for comes as float32.
    """
    header = _read_header(data)
    if header.name not in ITEM_BYTES:  # list_entries said so before: the file has changed since
        raise InvalidInputError(
            N_("An array of numbers is expected; received dtype {dtype}. Inspect it again."), dtype=header.dtype
        )
    if header.fortran_order and len(header.shape) > 1:
        flat = _as_numbers(data.read(header.offset, header.size), header)
        return flat.reshape(header.shape, order="F")[start:stop]
    row = math.prod(header.shape[1:]) * header.dtype.itemsize
    values = data.read(header.offset + start * row, (stop - start) * row)
    return _as_numbers(values, header).reshape(stop - start, *header.shape[1:])


def _as_numbers(values: NDArray[np.uint8], header: _Header) -> NDArray[Any]:
    return as_numbers(values, header.name) if header.name in ONLY_IN_TORCH else values.view(header.dtype)


def _too_long(data: ByteRange, end: int) -> Phrase:
    """Why bytes behind the values are not passed over."""
    rest = data.size - end
    if data.read(end, min(len(MAGIC), rest)).tobytes() == MAGIC:
        return Phrase(
            N_(
                "A .npy file holds one array; behind this one there is another, as after several numpy.save into"
                " one open file. Load them one by one from the open file, and save them with numpy.savez."
            )
        )
    return Phrase(
        N_(
            "A .npy file ends with its values; {rest} more are behind them, so that header and values may not"
            " belong together. Write it again with numpy.save."
        ),
        rest=in_words(rest),
    )


def is_fortran_ordered(data: ByteRange) -> bool:
    """Whether rows are scattered over the file, so that all of it has to be read for a few."""
    header = _read_header(data)
    return header.fortran_order and len(header.shape) > 1


def _read_header(data: ByteRange) -> _Header:
    content = data.read(0, min(LONGEST_HEADER, data.size)).tobytes()
    length_end = 10 if content[6:7] == b"\1" else 12
    return _parsed(content[: length_end + int.from_bytes(content[8:length_end], "little")])


@lru_cache(maxsize=256)
def _parsed(content: bytes) -> _Header:
    """A header by its bytes: those of the files of one dump are mostly the same."""
    known = SHORT_FLOAT.sub(ONE_BYTE, content, count=1)
    head = BytesIO(known)
    try:
        version = npy.read_magic(head)
        if version not in HEADER_READERS:
            raise ValueError(
                Phrase(
                    N_("its version is {major}.{minor}, known are 1.0, 2.0 and 3.0"), major=version[0], minor=version[1]
                )
            )
        shape, fortran_order, dtype = HEADER_READERS[version](head)
        if not is_plain_shape(shape):
            raise ValueError(Phrase(N_("its shape is not one")))
    except Exception as error:  # the header is a stranger's, and numpy passes on what its evaluation raises
        raise _unreadable(error) from error
    name = "float8_e5m2" if known != content and dtype.str == "|V1" else _type_name(dtype)
    return _Header(head.tell(), dtype, name, shape, fortran_order)


def _type_name(dtype: np.dtype[Any]) -> str:
    if dtype.kind in "US":
        return TEXT
    if dtype.kind != "V":
        return dtype.name
    if dtype.names is not None or dtype.subdtype is not None:
        return "structured"
    return "bfloat16" if dtype.itemsize == ITEM_BYTES["bfloat16"] else dtype.name


def _unreadable(reason: object) -> InvalidInputError:
    return InvalidInputError(
        N_(
            "A .npy file begins with numpy's header; this one cannot be read: {reason}. Write it again with numpy.save."
        ),
        reason=reason,
    )

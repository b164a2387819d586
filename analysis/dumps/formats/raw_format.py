"""Raw numbers, as numpy.memmap and ndarray.tofile write them: the shape stands in a JSON file beside them.

That is NAME.json, for the file NAME alone, or `metadata.json`, for all files of the folder:

    {"shape": [-1, 768], "dtype": "float32"}
    {"layer_3.bin": {"shape": [1000, 768], "dtype": "float16", "order": "F", "byte_order": "big", "offset": 128}}
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import ITEM_BYTES, Entry, is_plain_shape
from analysis.dumps.files.byte_range import ByteRange, FileRange
from analysis.dumps.files.file_stamp import Stamp, stamp
from analysis.dumps.formats.safetensors_format import as_numbers
from analysis.dumps.limits import ReadingLimits, in_words
from per_core.errors import BudgetError, InvalidInputError
from per_core.text import N_, Phrase

METADATA = "metadata.json"
SUFFIX_TYPES = {".f16": "float16", ".bf16": "bfloat16", ".f32": "float32", ".f64": "float64"}
TYPE = re.compile(r"(?:(?:torch|numpy|np|jnp|tf)\.)?([<>=|]?)([a-z]+[0-9]*(?:_e[0-9]m[0-9](?:fn)?)?)")
BYTE_ORDERS = {"little": "<", "<": "<", "big": ">", ">": ">"}
LONGEST_METADATA = 2**20
USUAL_UNITS = (768, 1024, 512, 4096, 2048, 256, 128, 64, 32, 16, 10, 8, 4, 2, 1)  # for a line that can be pasted


@dataclass(frozen=True, slots=True)
class _Description:
    """How the bytes of a file are meant."""

    shape: tuple[int, ...]
    dtype: str
    is_big_endian: bool
    is_fortran_ordered: bool
    offset: int


def metadata_files(path: Path) -> list[Path]:
    """The files beside a file of raw numbers that may say what is in it, the nearer one first; no links."""
    beside = (path.with_name(f"{path.name}.json"), path.with_name(METADATA))
    return [file for file in beside if file.is_file() and not file.is_symlink()]


def is_described(data: ByteRange, name: str) -> bool:
    """Whether a file beside it speaks of this file, rightly or wrongly."""
    try:
        return _told(data, name) is not None
    except ValueError:
        return True


def list_entries(data: ByteRange, name: str) -> list[Entry]:
    """The one array of the file; refused if nothing tells its shape, with the line that does."""
    try:
        found = _description(data, name)
    except ValueError as error:
        return [Entry("", stored=data.size, refusal=_help(data, name, error))]
    return [Entry("", found.shape, found.dtype, data.size - found.offset)]


def read_rows(data: ByteRange, name: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of the array, in the byte order of this machine; bfloat16 and float8 as float32.

    Raises:
        InvalidInputError: If nothing tells the shape, or it does not fit.
        BudgetError: If the array is in Fortran order, and too large to be read whole.
    """
    try:
        found = _description(data, name)
    except ValueError as error:
        raise InvalidInputError(_help(data, name, error)) from error
    row = math.prod(found.shape[1:]) * ITEM_BYTES[found.dtype]
    if not found.is_fortran_ordered or len(found.shape) < 2:
        values = data.read(found.offset + start * row, (stop - start) * row)
        return _numbers(values, found).reshape(stop - start, *found.shape[1:])
    if found.shape[0] * row > 2 * limits.batch_bytes:
        raise BudgetError(
            N_(
                "Arrays in Fortran order are read whole, up to {most}; this one has {size}. Save"
                " numpy.ascontiguousarray(array)."
            ),
            most=in_words(2 * limits.batch_bytes),
            size=in_words(found.shape[0] * row),
        )
    values = data.read(found.offset, found.shape[0] * row)
    return _numbers(values, found).reshape(found.shape, order="F")[start:stop]


def _numbers(values: NDArray[np.uint8], found: _Description) -> NDArray[Any]:
    if found.is_big_endian and ITEM_BYTES[found.dtype] > 1:
        values = values.view(f"u{ITEM_BYTES[found.dtype]}").byteswap().view(np.uint8)
    return as_numbers(values, found.dtype)


def _description(data: ByteRange, name: str) -> _Description:
    """What the file beside tells, made complete; a `ValueError` if that is not enough, or does not fit."""
    told = _told(data, name)
    if told is None:
        raise ValueError(Phrase(N_("no file beside it tells the shape")))
    dtype, order = _type(told.get("dtype", SUFFIX_TYPES.get(PurePosixPath(name).suffix.lower())))
    offset = told.get("offset", 0)
    if type(offset) is not int or not 0 <= offset <= data.size:
        raise ValueError(Phrase(N_("the offset is {offset!r:.100}"), offset=offset))
    is_fortran_ordered = told.get("order", "F" if told.get("fortran_order") is True else "C")
    if is_fortran_ordered not in ("C", "F"):
        raise ValueError(
            Phrase(
                N_('the order is {order!r:.100}, known are "C" and "F"'),
                order=is_fortran_ordered,
            )
        )
    said = told.get("byte_order", told.get("byteorder", order or "little"))
    if not isinstance(said, str) or said not in BYTE_ORDERS:
        raise ValueError(Phrase(N_('the byte order is {said!r:.100}, known are "little" and "big"'), said=said))
    shape = _shape(told.get("shape"), (data.size - offset) / ITEM_BYTES[dtype])
    return _Description(shape, dtype, BYTE_ORDERS[said] == ">", is_fortran_ordered == "F", offset)


def _told(data: ByteRange, name: str) -> dict[str, Any] | None:
    """What a file beside says of this one; None if none does. A `ValueError` if it cannot be read."""
    if not isinstance(data, FileRange) or not data.is_whole:
        return None
    for file in metadata_files(data.path):
        told = next(_of_file(_content(file, stamp(file)), PurePosixPath(name).name), None)
        if told is not None:
            return told
    return None


@lru_cache(maxsize=16)
def _content(file: Path, version: Stamp) -> Any:  # noqa: ARG001
    """What is in a file of JSON, read once for all files that it may speak of, and again when its stamp is another."""
    if file.stat().st_size > LONGEST_METADATA:
        raise ValueError(Phrase(N_("{name} has more than {most}"), name=file.name, most=in_words(LONGEST_METADATA)))
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(Phrase(N_("{name} is not JSON: {error!s:.100}"), name=file.name, error=error)) from error


def _of_file(content: Any, name: str) -> Iterator[dict[str, Any]]:
    """What metadata says of a file: under its name, with or without suffix, alone or in a list, or of all files.

    What stands at the top holds where the file's own lines say nothing else.
    """
    names = (name, PurePosixPath(name).stem)
    top = {key: value for key, value in content.items() if not isinstance(value, dict)} if _is_object(content) else {}
    for inner in [content, *(content.values() if _is_object(content) else ())]:
        if _is_object(inner):
            yield from (top | inner[key] for key in names if _is_object(inner.get(key)))
            yield from (top | {"shape": inner[key]} for key in names if isinstance(inner.get(key), list))
        elif isinstance(inner, list):
            lines = [line for line in inner if _is_object(line)]
            yield from (top | line for line in lines if {"name", "file", "path"} & {k for k in line if line[k] == name})
    if "shape" in top:
        yield top


def _is_object(content: Any) -> bool:
    return isinstance(content, dict)


def _type(told: Any) -> tuple[str, str]:
    """A key of `ITEM_BYTES`, and the byte order if the type says it."""
    found = TYPE.fullmatch(told) if isinstance(told, str) and len(told) < 40 else None
    if found is None:
        raise ValueError(
            Phrase(N_("no dtype is given")) if told is None else Phrase(N_("the dtype is {told!r:.100}"), told=told)
        )
    order, name = found.groups()
    if name not in ITEM_BYTES:
        try:
            name = np.dtype(name).name
        except TypeError:
            name = ""
    if name not in ITEM_BYTES:
        raise ValueError(Phrase(N_("the dtype is {told!r}, known are {known}"), told=told, known=", ".join(ITEM_BYTES)))
    return name, order if order in BYTE_ORDERS else ""


def _shape(told: Any, values: float) -> tuple[int, ...]:
    """The shape, of which one length may be −1; it must have exactly so many values."""
    shape = list(told) if isinstance(told, list) else []
    if shape.count(-1) == 1:
        rest = math.prod(length for length in shape if type(length) is int and length != -1)
        shape[shape.index(-1)] = int(values // rest) if rest > 0 else 0
    if not shape or not is_plain_shape(shape):
        raise ValueError(Phrase(N_("the shape is {told!r:.100}"), told=told))
    if math.prod(shape) != values:
        raise ValueError(
            Phrase(
                N_("a shape of {told!r:.100} does not fit the {values:.12g} values of this type in the file"),
                told=told,
                values=values,
            )
        )
    return tuple(shape)


def _help(data: ByteRange, name: str, reason: object) -> Phrase:
    """What is missing, and the line that gives it."""
    if not isinstance(data, FileRange) or not data.is_whole:
        return Phrase(
            N_(
                "Raw numbers need a file beside them that tells their shape, which in an archive nothing reads."
                " Unpack the archive, and open the folder."
            )
        )
    dtype = SUFFIX_TYPES.get(PurePosixPath(name).suffix.lower(), "float32" if data.size % 4 == 0 else "float16")
    dtype = dtype if data.size % ITEM_BYTES[dtype] == 0 else "uint8"
    values = data.size // ITEM_BYTES[dtype]
    units = next(units for units in USUAL_UNITS if values % units == 0)
    beside = f"{data.path.name}.json" if metadata_files(data.path) else METADATA
    where = beside if re.fullmatch(r"[\w.,=+-]+", beside) else f'"{beside}"'
    return Phrase(
        N_(
            "Raw numbers need a shape and a type, in a file {beside} beside them; {reason}. Write it there, with your"
            " numbers of units and your type: {line}"
        ),
        beside=beside,
        reason=reason,
        line=f'\necho \'{{"shape": [-1, {units}], "dtype": "{dtype}"}}\' > {where}',
    )

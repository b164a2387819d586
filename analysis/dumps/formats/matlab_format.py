"""MATLAB files of versions 5 to 7, only ever in the reading process; those of version 7.3 are HDF5.

scipy reads the headers of all variables without their values, and one variable with its values, which it does whole.
"""

from __future__ import annotations

import contextlib
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import ITEM_BYTES, TEXT, Entry, is_plain_shape
from analysis.dumps.files.byte_range import MOST_INFLATION, FileRange
from analysis.dumps.files.conversion import of_matlab_variable
from analysis.dumps.files.file_stamp import stamp
from analysis.dumps.limits import ReadingLimits, in_words
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

HEADER = 128  # bytes: a text, the version, and "IM" or "MI" in the order of the machine that wrote it
ORDERS: dict[bytes, Literal["little", "big"]] = {b"\x00\x01IM": "little", b"\x01\x00MI": "big"}
TAG = 8  # bytes: type and length of what follows
COMPRESSED = 15  # type of a variable that is deflated
FLAGS = 8  # bytes before the flags of a variable
COMPLEX = 0x800
SHORTEST = 1024  # bytes: the flags are within them, deflated or not
WIDEST = 8  # times: doubles that are whole numbers are stored in a byte each
CLASSES = {"double": "float64", "single": "float32", "logical": "bool", "char": TEXT}
WITHOUT_NUMBERS = {
    "sparse": Phrase(N_("Activations are dense arrays; this one is sparse. Save full(x) in its place.")),
    "object": Phrase(
        N_("Objects belong to the classes of their authors; this is one. Save the arrays in it, each by its name.")
    ),
    "opaque": Phrase(
        N_("Only MATLAB opens objects, tables and strings; this is one. Save the arrays in it: table2array(x).")
    ),
    "function": Phrase(N_("Functions are never run; this is one. Save what it computes.")),
}


def is_matlab(head: bytes) -> bool:
    """Whether a file that begins with these bytes is of versions 5 to 7."""
    return head[HEADER - 4 : HEADER] in ORDERS and 0 not in head[:4]


def list_entries(path: Path, limits: ReadingLimits) -> list[Entry]:
    """Every variable of the file, from its header; vectors are rows or columns (1, n) or (n, 1), as MATLAB has them.

    Raises:
        InvalidInputError: If the file is cut short, scipy cannot read a header, or there is no variable or too many.
    """
    from scipy.io import whosmat

    elements = list(_elements(FileRange.whole(path), limits.members))
    variables = _asked(path, lambda: whosmat(path, appendmat=False))
    if not variables:
        raise InvalidInputError(
            N_("A MATLAB file must hold a variable; this one holds none. Save the arrays: save(FILE).")
        )
    found: dict[str, Entry] = {}
    for (name, shape, kind), element in zip(variables, elements, strict=True):
        if not name.startswith("__") and name not in found:  # MATLAB's own, and what a later write left behind
            found[name] = _entry(path.name, name, tuple(map(int, shape)), kind, element, limits)
    return list(found.values())


def read_rows(path: Path, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of a variable, of the type that it has in MATLAB; all of it is read for them."""
    entry = next((entry for entry in list_entries(path, limits) if entry.key == key), None)
    if entry is None or entry.refusal or entry.dtype not in ITEM_BYTES:
        raise InvalidInputError(N_("There must be an array {key!r}; there is none now. Inspect it again."), key=key)
    values = _variable(path, key, stamp(path))
    if not isinstance(values, np.ndarray) or values.shape != entry.shape or values.dtype.kind not in "biuf":
        raise InvalidInputError(
            N_("A variable must be as its header says; {key} is not. It is damaged: save it again in MATLAB."), key=key
        )
    return values[start:stop].astype(entry.dtype, copy=False)


@lru_cache(maxsize=1)
def _variable(path: Path, key: str, _stamp: object) -> Any:
    """A variable with its values; kept of the last one, as its rows are asked for in parts."""
    from scipy.io import loadmat

    return _asked(path, lambda: loadmat(path, variable_names=[key], appendmat=False)[key])


@dataclass(frozen=True, slots=True)
class _Element:
    """A variable as it lies in the file: how many bytes, whether deflated, and whether its numbers are complex."""

    stored: int
    is_compressed: bool
    is_complex: bool

    @property
    def most(self) -> int:
        """Bytes that its values can have at most."""
        return self.stored * WIDEST * (MOST_INFLATION if self.is_compressed else 1)


def _elements(data: FileRange, most: int) -> Iterator[_Element]:
    """Every variable in the file, in its order."""
    order = ORDERS[data.read(HEADER - 4, 4).tobytes()]
    position, found = HEADER, 0
    while position < data.size:
        if found == most:
            raise InvalidInputError(N_("A file may hold {most} members; this one holds more. Split it."), most=most)
        kind, size = 0, 0
        if position + TAG <= data.size:
            tag = data.read(position, TAG).tobytes()
            kind, size = (int.from_bytes(part, order) for part in (tag[:4], tag[4:]))
        if position + TAG + size > data.size:
            raise InvalidInputError(
                N_(
                    "A MATLAB file must hold the variables that it begins; the one at byte {position} takes {size},"
                    " {left} are left. The file is cut short or damaged: copy it again, or save it again in MATLAB."
                ),
                position=position,
                size=in_words(TAG + size),
                left=in_words(data.size - position),
            )
        yield _Element(size, kind == COMPRESSED, _is_complex(data, position + TAG, size, kind == COMPRESSED, order))
        position, found = position + TAG + size, found + 1


def _is_complex(data: FileRange, begin: int, size: int, is_compressed: bool, order: Literal["little", "big"]) -> bool:
    """Whether the flags of a variable say that it has imaginary parts; of damaged bytes scipy tells."""
    head = data.read(begin, min(size, SHORTEST)).tobytes()
    if is_compressed:
        with contextlib.suppress(zlib.error):
            head = zlib.decompressobj().decompress(head, TAG + FLAGS + 4)[TAG:]
    return bool(int.from_bytes(head[FLAGS : FLAGS + 4], order) & COMPLEX)


def _asked(path: Path, ask: Any) -> Any:
    """What scipy answers, whatever a damaged file makes it raise told in words."""
    try:
        return ask()
    except MemoryError:
        raise
    except Exception as error:
        raise InvalidInputError(
            N_(
                "scipy must be able to read the variables of {name}; it cannot: {error!s:.200}. They are damaged:"
                " save them again in MATLAB."
            ),
            name=path.name,
            error=error,
        ) from error


def _entry(file: str, name: str, shape: tuple[int, ...], kind: str, element: _Element, limits: ReadingLimits) -> Entry:
    dtype, stored = CLASSES.get(kind, kind), element.stored
    if kind in ("struct", "cell"):
        refusal: str = Phrase(
            N_("Variables are arrays; this one is a {kind}. Save what is in it, in its folder: {lines}"),
            kind=kind,
            lines="\n" + of_matlab_variable(file, name, kind),
        )
        return Entry(name, dtype=kind, stored=stored, refusal=refusal)
    if dtype == TEXT:
        return Entry(name, shape, TEXT, stored)
    if dtype not in ITEM_BYTES:
        return Entry(name, dtype=kind, stored=stored, refusal=WITHOUT_NUMBERS.get(kind, WITHOUT_NUMBERS["object"]))
    if not is_plain_shape(shape):
        return Entry(
            name,
            dtype=dtype,
            stored=stored,
            refusal=Phrase(N_("A shape must fit this machine; {shape} does not."), shape=shape),
        )
    declared = math.prod(shape) * ITEM_BYTES[dtype]
    refusal = ""
    if declared > element.most:
        refusal = Phrase(
            N_(
                "A variable must hold what it declares; {shape} of {dtype} is {declared}, stored are {stored}."
                " The file lies or is damaged: save it again in MATLAB."
            ),
            shape=shape,
            dtype=dtype,
            declared=in_words(declared),
            stored=in_words(stored),
        )
    elif declared > limits.process_bytes // 4:
        refusal = Phrase(
            N_(
                "Variables of MATLAB files are read whole, up to {most}; this one has {declared}. Save it with"
                " save(FILE, '-v7.3'), of which parts can be read."
            ),
            most=in_words(limits.process_bytes // 4),
            declared=in_words(declared),
        )
    if element.is_complex:
        return Entry(name, shape, "complex", stored)
    return Entry(name, shape, dtype, stored, refusal)

"""Numbers in JSON, only ever in the reading process: lists of any depth in one document, or a sample a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import Entry
from analysis.dumps.formats.text_columns import Found, TextColumns, columns_of, gathered
from analysis.dumps.formats.written_list import UNEVEN, array_of
from analysis.dumps.limits import ReadingLimits
from per_core.errors import InvalidInputError
from per_core.text import N_

DOCUMENT = ".json"


def list_entries(path: Path, limits: ReadingLimits) -> list[Entry]:
    """Every list of numbers by the way to it; a document without one is text.

    Raises:
        InvalidInputError: If it is no JSON.
        BudgetError: If it is too large to be read whole.
    """
    return list(columns_of(path, limits, _gathered).entries)


def read_rows(path: Path, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of an array."""
    return columns_of(path, limits, _gathered).rows(key, start, stop)


def _gathered(path: Path) -> TextColumns:
    try:
        text = path.read_text("utf-8-sig")
        found = _of_document(text) if path.suffix.lower() == DOCUMENT else _of_rows(_rows(text))
    except (UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(
            N_(
                "JSON is text in UTF-8 with a few lists within another; this file is not: {error!s:.100}. Write it"
                " again with json.dump."
            ),
            error=error,
        ) from error
    if not found[1] and all(isinstance(values, int) for values in found[2].values()):
        return TextColumns([Entry("", dtype="text", stored=path.stat().st_size)], {})
    arrays = [values for values in (found[0], *found[2].values()) if isinstance(values, np.ndarray)]
    if "Infinity" not in text and any(np.isinf(values).any() for values in arrays if values.dtype.kind == "f"):
        raise InvalidInputError(
            N_("Numbers must fit float64; one in this file is beyond it. Write it in another unit.")
        )
    return gathered(*found, path.stat().st_size)


Columns = tuple[NDArray[Any] | None, tuple[str, ...], Mapping[str, Found]]
"""The matrix of single numbers or None, the names of its columns, and the other columns."""


def _of_document(text: str) -> Columns:
    try:
        document = json.loads(text)
    except ValueError:
        return _of_rows(_rows(text))
    if isinstance(document, list) and document and all(isinstance(row, dict) for row in document):
        return _of_rows(document)
    return None, (), dict(_lists_in(document, ""))


def _lists_in(value: object, key: str) -> Iterator[tuple[str, Found]]:
    """Every list of a document with the way to it: an array, why it is none, or how many words it has."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _lists_in(inner, f"{key}/{name}" if key else str(name))
    elif isinstance(value, list) and value:
        array = array_of(value)
        if array is not None:
            yield key, array
        elif all(isinstance(inner, list) for inner in value) and all(map(_is_vector, value)):
            yield key, UNEVEN
        elif any(isinstance(inner, list | dict) for inner in value):
            yield from _lists_in({str(index): inner for index, inner in enumerate(value)}, key)
        else:
            yield key, len(value)


def _rows(text: str) -> list[Any]:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise InvalidInputError(
                    N_(
                        "Each line is a list or an object of JSON; line {number} is not: {error!s:.100}. Write each"
                        " with json.dumps."
                    ),
                    number=number,
                    error=error,
                ) from error
    return rows


def _of_rows(rows: Sequence[Any]) -> Columns:
    if not all(isinstance(row, dict) for row in rows):
        array = array_of(list(rows))
        if array is None and all(map(_is_vector, rows)):
            return None, (), {"": UNEVEN}
        return None, (), {"": len(rows) if array is None else array}
    flat = [dict(_fields(row, "")) for row in rows]
    units: dict[str, NDArray[Any]] = {}
    others: dict[str, Found] = {}
    for key in dict.fromkeys(key for row in flat for key in row):
        values = [row.get(key) for row in flat]
        array = array_of(values)
        if array is None:
            is_uneven = any(isinstance(value, list) for value in values) and all(
                value is None or _is_vector(value) for value in values
            )
            others[key] = UNEVEN if is_uneven else len(values)
        elif array.ndim == 1 and array.dtype.kind == "f":
            units[key] = array
        else:
            others[key] = array
    return np.stack([*units.values()], axis=1) if units else None, tuple(units), others


def _fields(row: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    """The fields of a line, those of objects in it by the way to them."""
    for name, value in row.items():
        inner = f"{key}/{name}" if key else name
        if isinstance(value, dict):
            yield from _fields(value, inner)
        else:
            yield inner, value


def _is_vector(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(number, int | float) for number in value)

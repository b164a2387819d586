"""Kinds of arrays that are no activations, told by their types, names and neighbours."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.dumps.plan.plan import Kind
from analysis.dumps.proposal.family import Family, Named, type_of, without_suffix
from analysis.dumps.proposal.words import (
    ATTENTION,
    COORDINATES,
    FLOAT_LABELS,
    LABELS,
    LOGGED,
    TOKENS,
    WEIGHT_FOLDERS,
    WEIGHTS,
)
from per_core.text import N_

REASONS: dict[Kind, str] = {
    "labels": N_("one number a row under this name is a label, no activation"),
    "integers": N_("whole numbers are labels, indices or masks; if these are quantised activations, give them axes"),
    "coordinates": N_("whole numbers of this name are coordinates"),
    "token ids": N_("whole numbers of this name are tokens"),
    "text": N_("these are text, which has no distribution of values"),
    "log": N_("the columns are what a training logs, no units"),
    "table": N_("single columns of a table that also holds text or lists are no units of a layer"),
    "weights": N_("the name is one of a model's or optimiser's weights; save the outputs of layers instead"),
    "attention": N_("attention weights sum to 1 over their last axis: they are no activations to compare with N(0, I)"),
    "scalar": N_("a single number has no distribution"),
    "other": N_("left out by the plan"),
}
"""Why arrays of a kind are left out."""

TABLES = (".csv", ".tsv", ".parquet", ".arrow", ".jsonl", ".feather")
"""Suffixes of files whose columns of single numbers are no activations beside lists."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the whole set says of its arrays.

    Attributes:
        has_floats: whether an array of two axes or more holds floating-point numbers.
        texts: files that hold columns of text or whole numbers.
        lists: files that hold arrays of two axes or more beside columns of single numbers.
    """

    has_floats: bool
    texts: frozenset[str]
    lists: frozenset[str]

    @classmethod
    def of(cls, arrays: Sequence[Named]) -> Surroundings:
        """Of a set."""
        types = [type_of(one.entry) for one in arrays]
        has_tables = "table" in types
        return cls(
            any(
                kind in ("float", "table") and len(one.entry.shape or ()) > 1
                for one, kind in zip(arrays, types, strict=True)
            ),
            frozenset(
                file_of(one)
                for one, kind in zip(arrays, types, strict=True)
                if has_tables and kind in ("text", "integer")
            ),
            frozenset(
                file_of(one)
                for one, kind in zip(arrays, types, strict=True)
                if has_tables and kind != "table" and len(one.entry.shape or ()) > 1
            ),
        )


def kind_of(family: Family, around: Surroundings) -> Kind | None:
    """What arrays of a family are if they are no activations; None if they may be."""
    first = family.example
    if family.type == "text":
        return "text"
    if all(math.prod(shape) == 1 for shape in family.shapes):
        return "scalar"
    if family.type == "table":
        return _kind_of_table(family, around)
    if WEIGHT_FOLDERS.search(first.name) or WEIGHTS.search(first.name):
        return "weights"
    key = last_words(first.name, first.inner)
    if family.axes == 1 and file_of(first).endswith(TABLES):
        return "log" if LOGGED.search(key) else "labels" if LABELS.search(key) else "table"
    if family.type == "integer":
        return _kind_of_integers(family, key, around)
    if FLOAT_LABELS.search(key) and (family.axes == 1 or all(shape[1:] == (1,) for shape in family.shapes)):
        return "labels"
    if family.axes == 1 and LOGGED.search(key):
        return "log"
    return "attention" if is_attention(family) else None


def is_attention(family: Family) -> bool:
    """Whether arrays are attention patterns: by their name, and one square of positions for each."""
    key = last_words(family.example.name, family.example.inner)
    return (
        family.axes >= 3
        and bool(ATTENTION.search(key))
        and all(shape[-1] == shape[-2] or "pattern" in key for shape in family.shapes)
    )


def last_words(name: str, inner: int) -> str:
    """What of a name says what an array is: its keys, or the name of a file that is one array; in small letters."""
    way = name.split("/")
    return ("/".join(way[-inner:]) if inner else without_suffix(way[-1])).lower()


def file_of(one: Named) -> str:
    """The file that an array is in."""
    return "/".join(one.name.split("/")[: -one.inner]) if one.inner else one.name


def _kind_of_integers(family: Family, key: str, around: Surroundings) -> Kind | None:
    named: tuple[tuple[re.Pattern[str], Kind], ...] = (
        (LABELS, "labels"), (COORDINATES, "coordinates"), (TOKENS, "token ids"),
    )  # fmt: skip
    for pattern, kind in named:
        if pattern.search(key):
            return kind
    if family.axes == 1:
        return "labels"
    return "integers" if around.has_floats else None  # alone, they are quantised or binary activations


def _kind_of_table(family: Family, around: Surroundings) -> Kind | None:
    columns = family.example.entry.columns
    if any(LOGGED.search(column.lower()) for column in columns):
        return "log"
    files = {file_of(family.arrays[member]) for member in family.members}
    is_beside_lists = bool(files & around.lists)
    is_alone_beside_text = len(columns) == 1 and bool(files & around.texts)
    return "table" if is_beside_lists or is_alone_beside_text else None

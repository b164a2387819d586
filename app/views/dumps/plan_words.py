"""Roles of names and axes in words, and what an answer about axes makes of an array."""

from collections.abc import Sequence

from analysis.dumps.plan.axes import layers_of, matrix_shape
from analysis.dumps.plan.name_tokens import TokenRole
from analysis.dumps.plan.plan import Axes, AxisRole
from app.text.language import _, ngettext, translated
from per_core.text import N_

AXIS_TITLES: dict[AxisRole, str] = {
    "sample": N_("samples"),
    "position": N_("positions (tokens)"),
    "unit": N_("units"),
    "layer": N_("layers"),
    "head": N_("heads"),
    "channel": N_("channels"),
    "height": N_("height"),
    "width": N_("width"),
    "ignored": N_("the first alone"),
}
ROLE_TITLES: dict[TokenRole, str] = {
    "layer": N_("layer"),
    "epoch": N_("epoch or step"),
    "split": N_("split"),
    "part": N_("part, joined in order"),
    "sample": N_("sample, joined in order"),
    "method": N_("method"),
    "seed": N_("seed"),
    "ignored": N_("any text, of no meaning"),
    "": N_("this text and no other"),
}
SHORT_TITLES: dict[TokenRole, str] = {
    "layer": N_("layer"),
    "epoch": N_("epoch"),
    "split": N_("split"),
    "part": N_("part"),
    "sample": N_("sample"),
    "method": N_("method"),
    "seed": N_("seed"),
    "ignored": N_("any"),
}
COLOURS: dict[TokenRole, str] = {
    "layer": "blue",
    "epoch": "orange",
    "split": "green",
    "part": "violet",
    "sample": "violet",
    "method": "red",
    "seed": "red",
    "ignored": "gray",
}
"""Of the marks behind fields; every mark has its word too."""


def lengths_in_words(lengths: Sequence[tuple[int, int]]) -> str:
    """Lengths of axes: "5 to 16 × 64"."""
    return " × ".join(length_in_words(one) for one in lengths)


def length_in_words(length: tuple[int, int]) -> str:
    """The length of an axis, or the shortest and the longest."""
    low, high = length
    return f"{low:,}" if low == high else _("{low:,} to {high:,}").format(low=low, high=high)


def axes_answer(shape: tuple[int, ...], axes: Axes) -> str:
    """Axes in words, and the rows and units that they make of an array: "samples × units → 64 rows of 32 units"."""
    words = " × ".join(translated(AXIS_TITLES[axis]) for axis in axes)
    rows, units = matrix_shape(shape, axes)
    made = ngettext("{rows:,} row of {units:,} units", "{rows:,} rows of {units:,} units", rows).format(
        rows=rows, units=units
    )
    layers = layers_of(shape, axes)
    if layers is not None:
        made = _("{layers:,} layers, each {made}").format(layers=layers, made=made)
    return f"{words} → {made}"

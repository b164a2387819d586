"""Roles of axes: the likeliest of an array of several axes, why, and the others that it could be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.dumps.plan.plan import Axes, AxisRole
from analysis.dumps.proposal.family import Family
from analysis.dumps.proposal.kinds import last_words
from analysis.dumps.proposal.words import HIDDEN_STATES, LAYERED, ONE_TOKEN, QUERIES
from per_core.text import N_

TORCH = (".pt", ".pth", ".safetensors", ".bin")
MOST_LAYERS = 200
UNIT: AxisRole = "unit"
POSITION: AxisRole = "position"

SEQUENCE: Axes = ("sample", "position", "unit")
SAMPLES_LAYERS: Axes = ("sample", "layer", "unit")
STACKED: Axes = ("layer", "sample", "unit")
IMAGE_FIRST: Axes = ("sample", "channel", "height", "width")
IMAGE_LAST: Axes = ("sample", "height", "width", "channel")
HEADS_LAST: Axes = ("sample", "position", "head", "unit")
HEADS_FIRST: Axes = ("sample", "head", "position", "unit")


@dataclass(frozen=True, slots=True)
class AxisProposal:
    """What the axes of arrays are.

    Attributes:
        axes: the likeliest roles.
        reason: why these.
        others: what else they could be; none if nothing else makes sense.
    """

    axes: Axes
    reason: str
    others: tuple[Axes, ...] = ()


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the arrays of a set have in common.

    Attributes:
        widths: (first, second axis) -> last axes of arrays with three axes.
    """

    widths: dict[tuple[int, int], frozenset[int]]

    @classmethod
    def of(cls, families: Sequence[Family]) -> Neighbours:
        """Of the families of a set."""
        found: dict[tuple[int, int], set[int]] = {}
        for family in families:
            if family.axes == 3:
                for shape in set(family.shapes):
                    found.setdefault((shape[0], shape[1]), set()).add(shape[2])
        return cls({key: frozenset(widths) for key, widths in found.items()})


def propose_axes(family: Family, around: Neighbours, *, are_samples: bool) -> AxisProposal:
    """What the axes of a family are; `are_samples` if each of its arrays is one sample."""
    match family.axes:
        case 1:
            return _of_vectors(are_samples=are_samples)
        case 2:
            return AxisProposal(("position" if are_samples else "sample", "unit"), N_("two axes are rows and units"))
        case 3:
            return _of_three(family, are_samples=are_samples)
        case 4:
            return _of_four(family, around)
        case axes:
            units = [UNIT] * (axes - 1)
            positions = [POSITION] * (axes - 2)
            whole: Axes = ("sample", *units)
            spread: Axes = ("sample", "channel", *positions)
            last: Axes = ("sample", *positions, "unit")
            return AxisProposal(whole, N_("of so many axes, all but the first are taken for units"), (spread, last))


def _of_vectors(*, are_samples: bool) -> AxisProposal:
    if are_samples:
        return AxisProposal(("unit",), N_("each array is one sample, its values are units"), (("sample",),))
    return AxisProposal(("sample",), N_("one axis is taken for rows of one unit"), (("unit",),))


def _of_three(family: Family, *, are_samples: bool) -> AxisProposal:
    first, second = ({shape[axis] for shape in family.shapes} for axis in (0, 1))
    all_layers: Axes = ("layer", "position", "unit")
    if are_samples and first == {1}:
        reason = N_("each array is one sample, and its first axis is 1")
        return AxisProposal(SEQUENCE, reason, (("sample", "unit", "unit"),) if len(second) == 1 else ())
    if are_samples and len(first) == 1 and len(second) > 1:
        reason = N_("the first axis is the same in every sample, the second changes: layers, and tokens")
        return AxisProposal(all_layers, reason, (("position", "position", "unit"), SEQUENCE))
    shape = family.shapes[0]
    others: tuple[Axes, ...] = (
        ("sample", "unit", "unit"), SAMPLES_LAYERS, all_layers, ("sample", "channel", "position"),
    )  # fmt: skip
    key = last_words(family.example.name, family.example.inner)
    if not are_samples and len(first) == len(second) == 1:
        told = _of_layers(family.example.name.lower(), key, shape)
        if told is not None:
            return AxisProposal(*told, tuple(one for one in (SEQUENCE, *others) if one != told[0]))
    if are_samples:
        return AxisProposal(("position", "position", "unit"), N_("each array is one sample"), (all_layers,))
    return AxisProposal(SEQUENCE, N_("most arrays of three axes are samples, positions (tokens) and units"), others)


def _of_layers(name: str, key: str, shape: tuple[int, ...]) -> tuple[Axes, str] | None:
    """Which axis is that of layers, and why, if the name says that there is one; None if it does not."""
    first, second, units = shape
    if LAYERED.search(key) and 1 < min(first, second) <= MOST_LAYERS:
        if first < second:
            return STACKED, N_("the name speaks of layers, and the first axis is short")
        return SAMPLES_LAYERS, N_("the name speaks of layers, and the second axis is short")
    if HIDDEN_STATES.search(key) and 1 < second <= MOST_LAYERS < units:
        return SAMPLES_LAYERS, N_("the name speaks of hidden states, and the second axis is short")
    if ONE_TOKEN.search(name) and 1 < second <= MOST_LAYERS:
        return SAMPLES_LAYERS, N_("the name speaks of one token a sample: the second axis is that of layers")
    return None


def _of_four(family: Family, around: Neighbours) -> AxisProposal:
    shape = Counter(family.shapes).most_common(1)[0][0]
    whole: Axes = ("sample", "unit", "unit", "unit")
    heads: Axes = ("sample", "position", "position", "unit")
    others = (IMAGE_LAST, IMAGE_FIRST, whole, HEADS_LAST, HEADS_FIRST, heads)
    axes, reason = _likeliest_of_four(family, shape, around)
    return AxisProposal(axes, reason, tuple(one for one in others if one != axes))


def _likeliest_of_four(family: Family, shape: tuple[int, ...], around: Neighbours) -> tuple[Axes, str]:
    n, a, b, c = shape
    if b * c in around.widths.get((n, a), ()):
        return HEADS_LAST, N_("the last two axes multiply to the width of other arrays: heads, side by side")
    if a * c in around.widths.get((n, b), ()):
        return HEADS_FIRST, N_("the second and last axis multiply to the width of other arrays: heads, side by side")
    if QUERIES.search(last_words(family.example.name, family.example.inner)):
        return HEADS_LAST, N_("the name is that of queries, keys or values: positions, heads and units")
    if a == b != c:
        return IMAGE_LAST, N_("the second and third axis are equal: height and width, channels last")
    if b == c != a:
        return IMAGE_FIRST, N_("the third and fourth axis are equal: height and width, channels second")
    if c > max(a, b):
        return IMAGE_LAST, N_("the last axis is the longest: channels last")
    if a == b == c and not family.example.name.split("/")[-1 - family.example.inner].endswith(TORCH):
        return IMAGE_LAST, N_("three axes are equal; channels are mostly last outside of torch")
    return IMAGE_FIRST, N_("channels are mostly the second axis")

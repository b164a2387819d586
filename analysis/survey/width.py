"""Sizes of layers over the width of the network, of several dumps: the coordinate check of the μ-parametrisation.

With a parametrisation that is right for any width, activations keep their size as the network becomes wider.
Source: Yang et al. (2022), "Tensor Programs V: tuning large neural networks via zero-shot hyperparameter transfer",
appendix D.1.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from analysis.survey.cell import Epoch
from analysis.survey.layer_reading import LayerReading
from analysis.survey.overview import Overview
from per_core.errors import InvalidInputError
from per_core.text import N_

Verdict = Literal["flat", "grows", "shrinks", "unclear"]

FLAT = 0.1  # slope: the size changes by 7 % at most when the width doubles
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class WidthLine:
    """The size of one layer at several widths of the network.

    Attributes:
        layer: its name, the same in all dumps.
        widths: of the networks, ascending.
        sizes: root mean square of the layer's values at each.
        slope: of ln size over ln width, least squares: size ∝ width^slope. NaN if a size is 0.
        margin: of the slope, 95 %, by Student's t of the deviations from the line. NaN of two widths, which have none.
    """

    layer: str
    widths: tuple[int, ...]
    sizes: tuple[float, ...]
    slope: float
    margin: float

    @property
    def verdict(self) -> Verdict:
        """Whether the layer keeps its size.

        "flat" if all of slope ± margin lies within ±0.1, "grows" or "shrinks" if all of it lies above or below,
        otherwise "unclear". Of two widths the slope alone decides.
        """
        margin = 0.0 if math.isnan(self.margin) else self.margin
        if abs(self.slope) + margin <= FLAT:
            return "flat"
        if self.slope - margin > FLAT:
            return "grows"
        return "shrinks" if self.slope + margin < -FLAT else "unclear"


def shared_epochs(found: Sequence[Overview]) -> tuple[Epoch, ...]:
    """The epochs that all dumps have, in the order of the first."""
    return tuple(epoch for epoch in found[0].epochs if all(epoch in one.epochs for one in found))


def width_lines(found: Sequence[Overview], epoch: Epoch) -> tuple[WidthLine, ...]:
    """One line a layer that all dumps have at this epoch, in the order of the first dump.

    The width of a network is the median number of units of the layers that are not as wide in all dumps.

    Raises:
        InvalidInputError: If all layers are as wide in all dumps, or two networks are of one width.
    """
    shared = _shared(found, epoch)
    widths = _network_widths(shared.values(), len(found))
    if len(set(widths)) < len(widths):
        raise InvalidInputError(
            N_(
                "Width needs networks of different widths; these have {widths} units. Leave out all but one of those"
                " of equal width."
            ),
            widths=", ".join(f"{width:,}" for width in widths),
        )
    order = np.argsort(widths).tolist()
    ascending = tuple(widths[at] for at in order)
    return tuple(
        _line(layer, ascending, tuple(readings[at].root_mean_square for at in order))
        for layer, readings in shared.items()
    )


def _network_widths(shared: Collection[Sequence[LayerReading]], networks: int) -> tuple[int, ...]:
    wider = [readings for readings in shared if len({one.d for one in readings}) > 1]
    if not wider:
        raise InvalidInputError(
            N_(
                "Width needs dumps of one model at different widths; in these no layer of the same name has another"
                " number of units. Give the path of a wider or a narrower model's dump, with the same names of"
                " layers."
            )
        )
    return tuple(median_low(readings[network].d for readings in wider) for network in range(networks))


def _shared(found: Sequence[Overview], epoch: Epoch) -> Mapping[str, tuple[LayerReading, ...]]:
    """Readings of the layers that can be read in all dumps, one a dump."""
    shared = {}
    for layer in found[0].layers:
        readings = tuple(
            reading
            for one in found
            if isinstance(reading := one.cells.get((layer, epoch)), LayerReading) and reading.finite_rows
        )
        if len(readings) == len(found):
            shared[layer] = readings
    return shared


def _line(layer: str, widths: tuple[int, ...], sizes: tuple[float, ...]) -> WidthLine:
    if not all(0 < size < math.inf for size in sizes):
        return WidthLine(layer, widths, sizes, math.nan, math.nan)
    x, y = np.log(widths), np.log(sizes)
    x = x - x.mean()
    spread = float(x @ x)
    slope = float(x @ y) / spread
    free = len(widths) - 2
    deviations = y - y.mean() - slope * x
    margin = (
        float(stdtrit(free, (1 + CONFIDENCE) / 2)) * math.sqrt(float(deviations @ deviations) / free / spread)
        if free
        else math.nan
    )
    return WidthLine(layer, widths, sizes, slope, margin)

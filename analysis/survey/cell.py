"""Cells of the overview: what was read of one layer at one epoch, or why nothing was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.survey.binned_reading import BinnedReading
from analysis.survey.layer_reading import LayerReading

Epoch = float | None
LayerEpoch = tuple[str, Epoch]


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a member has no reading.

    Attributes:
        kind: "NaN" if it holds nothing else than NaN and infinite values, else "unread".
        reason: what was expected, what came, and what to do.
    """

    kind: Literal["NaN", "unread"]
    reason: str


Cell = LayerReading | BinnedReading | Unread

"""The directions of a batch that are farthest from N(0, 1), beside what a search finds in N(0, I) itself."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from analysis.batch import ActivationBatch
from analysis.distances.bound import DirectionStudy, WorstDistances, study_directions
from app.sections.statistics_table import MARK
from app.session import caches
from app.session.null_bands import null_bands
from app.text.caption import show_caption
from app.text.direction import KINDS, direction_name
from app.text.language import _, translated
from app.text.numbers import by_chance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis.statistics.null_band import NullBand

    Bands = Mapping[str, NullBand]

_WIDTHS = (88, 62, 88, 104)


def studied(batch: ActivationBatch, slices: int) -> DirectionStudy:
    """W1 and PER along many directions and the worst: a search, which takes long in more than two dimensions."""
    kept = caches.result if batch.d == 2 else caches.computed
    return kept(study_directions, batch, slices=slices)


def show_worst(table: DeltaGenerator, note: DeltaGenerator, batch: ActivationBatch, slices: int) -> None:
    """Put beside each worst direction what its kind reaches on Gaussian batches. Slow, so it comes last."""
    with note:
        bands = null_bands(WorstDistances(slices), batch.n, batch.d)
        study = studied(batch, slices)
        show_table(table, study, bands)
        draws = next(iter(bands.values())).draws
        show_caption(
            _finding(study, bands),
            _(
                "Any finite batch has worst directions. Beside each stands the largest W1 that the worst of its kind"
                " reached in {draws} Gaussian batches of this size. ≠ marks what is above it, for each kind"
                " {by_chance}."
            ).format(draws=draws, by_chance=by_chance(draws, sides=1)),
        )


def show_table(place: DeltaGenerator, study: DirectionStudy, bands: "Bands") -> None:
    """Put the table into a place; `bands` is empty as long as nothing is known of N(0, I)."""
    table = worst_table(study, bands)
    place.dataframe(
        table,
        hide_index=True,
        height="content",
        column_config={
            str(name): st.column_config.TextColumn(width=width) for name, width in zip(table, _WIDTHS, strict=True)
        },
    )


def worst_table(study: DirectionStudy, bands: "Bands") -> pd.DataFrame:
    """The named directions of the largest W1, the worst slice, and what N(0, I) reaches where it is known."""
    kinds = study.kinds
    slices = [i for i, kind in enumerate(kinds) if kind == kinds[0]]
    chosen = [i for i, kind in enumerate(kinds) if kind != kinds[0]]
    chosen.append(max(slices, key=lambda i: study.w1[i]))
    chosen = sorted(chosen, key=lambda i: -study.w1[i])[:8]
    return pd.DataFrame(
        {
            _("Direction"): [direction_name(study.names[i]) for i in chosen],
            "W1": [_marked(float(study.w1[i]), bands.get(kinds[i])) for i in chosen],
            _("N(0, I) up to"): [_reached(bands.get(kinds[i])) for i in chosen],
            _("Mostly"): [_largest_entry(study.vectors[i]) for i in chosen],
        }
    )


def _finding(study: DirectionStudy, bands: "Bands") -> str:
    """Which kinds of directions are worse than chance."""
    worst = study.worst_of_each_kind()
    beyond = [translated(KINDS[kind]) for kind, band in bands.items() if worst[kind] > band.high]
    if beyond:
        return _("Worse than in Gaussian batches: {kinds}.").format(kinds=", ".join(beyond))
    return _("None is worse than in Gaussian batches.")


def _largest_entry(vector: NDArray[np.float64]) -> str:
    """A direction in words: the unit of its largest entry, and that entry."""
    largest = int(np.argmax(np.abs(vector)))
    return _("unit {number} ({entry:+.2f})").format(number=largest + 1, entry=vector[largest])


def _marked(value: float, band: "NullBand | None") -> str:
    """W1 along a worst direction, marked where it is above what its kind reaches on Gaussian batches."""
    return f"{value:.3f}" + (MARK if band is not None and value > band.high else "")


def _reached(band: "NullBand | None") -> str:
    """The largest W1 a kind of direction reached on Gaussian batches."""
    return "…" if band is None else f"{band.high:.3f}"

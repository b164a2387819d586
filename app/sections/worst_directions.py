"""The directions of a batch that are farthest from N(0, 1), beside what a search finds in N(0, I) itself."""

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.batch import ActivationBatch
from analysis.distances.bound import DirectionStudy
from app.session import caches
from app.session.null_bands import worst_bands
from app.text import words

if TYPE_CHECKING:
    from analysis.statistics.null_band import NullBand

TABLE: dict[str, Any] = {
    "hide_index": True,
    "height": "content",
    "column_config": {
        name: st.column_config.TextColumn(width=width)
        for name, width in {"Direction": 88, "W1": 62, "N(0, I) up to": 88, "Mostly": 104}.items()
    },
}


def show_worst(table: DeltaGenerator, note: DeltaGenerator, batch: ActivationBatch, slices: int) -> None:
    """Put beside each worst direction what its kind reaches on Gaussian batches. Slow, so it comes last."""
    with note:
        bands = worst_bands(batch.n, batch.d, slices)
        study = caches.direction_study(batch, slices)
        table.dataframe(worst_table(study, bands), **TABLE)
        st.caption(words.about_worst(study, bands))


def worst_table(study: DirectionStudy, bands: "dict[str, NullBand]") -> pd.DataFrame:
    """The named directions of the largest W1, the worst slice, and what N(0, I) reaches where it is known."""
    slices = [i for i, kind in enumerate(study.kinds) if kind == study.kinds[0]]
    chosen = [i for i in range(len(study.kinds)) if i not in set(slices)]
    chosen.append(max(slices, key=lambda i: study.w1[i]))
    chosen = sorted(chosen, key=lambda i: -study.w1[i])[:8]
    return pd.DataFrame(
        {
            "Direction": [study.names[i] for i in chosen],
            "W1": [words.marked(float(study.w1[i]), bands.get(study.kinds[i])) for i in chosen],
            "N(0, I) up to": [words.reached(bands.get(study.kinds[i])) for i in chosen],
            "Mostly": [words.points_to(study.vectors[i]) for i in chosen],
        }
    )

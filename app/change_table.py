"""The table under the Methods page's densities: every statistic before and after each method."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from analysis.batch import ActivationBatch
from app import cached, method_words, words
from app.progress import CHUNK, in_chunks
from app.statistics_table import MARK, mark_style

if TYPE_CHECKING:
    from analysis.distinction import Cell, Key

    Cells = Mapping[Key, Cell]

BATCH = "Batch"


def cells_beside_gaussian(batch: ActivationBatch) -> "Cells":
    """The statistics of a batch beside what fresh draws of N(0, I) of its size gave."""
    from analysis.distinction import null_law
    from analysis.null_band import draws_that_fit
    from analysis.samples import SampleSpec

    law = null_law(SampleSpec(n=batch.n, dim=batch.d))
    chunks = in_chunks(
        draws_that_fit(batch.n, batch.d),
        CHUNK,
        lambda first, count: cached.null_chunk(law, first, count),
        "Drawing N(0, I) afresh to see what sampling alone gives",
    )
    null_draws = {key: np.concatenate([chunk[key] for chunk in chunks]) for key in chunks[0]}
    return cached.cells(batch, law, null_draws)


def show_changes(batch: ActivationBatch, mapped: Mapping[str, tuple[ActivationBatch, ActivationBatch]]) -> None:
    """Draw the table. `mapped` holds the batch before and after each method, by the method's short name."""
    whole = cells_beside_gaussian(batch)
    pairs = {
        name: (cells_beside_gaussian(before), cells_beside_gaussian(after)) for name, (before, after) in mapped.items()
    }
    table = pd.DataFrame(
        [
            {
                words.STATISTIC: words.TITLE[key],
                BATCH: words.number(cell.value, key) + (MARK if cell.differs else ""),
                **{
                    name: method_words.change(after[key], before[key], key) + (MARK if after[key].differs else "")
                    for name, (before, after) in pairs.items()
                },
                "N(0, I)": words.span(cell.null, key),
            }
            for key, cell in whole.items()
        ]
    )
    st.dataframe(
        table.style.map(mark_style, subset=[BATCH, *pairs]),
        key="methods_table",
        height="content",
        column_config={words.STATISTIC: st.column_config.TextColumn(pinned=True, width="medium")},
        hide_index=True,
        alt="Statistics of the batch before and after each method, with the change",
    )
    st.download_button(
        "Numbers as CSV",
        _numbers(whole, pairs).to_csv(index=False),
        "methods.csv",
        "text/csv",
        on_click="ignore",
        key="methods_numbers",
    )
    fewer = [before.n for before, _ in mapped.values() if before.n < batch.n]
    st.caption(method_words.about_changes(whole["mean"].null.level, fewer[0] if fewer else None))


def _numbers(whole: "Cells", pairs: "Mapping[str, tuple[Cells, Cells]]") -> pd.DataFrame:
    """Every value in full precision, one row each."""
    rows = [
        {"statistic": key, "method": "", "before": c.value, "after": c.value, "differs": c.differs}
        for key, c in whole.items()
    ]
    rows += [
        {
            "statistic": key,
            "method": name,
            "before": before[key].value,
            "after": cell.value,
            "differs": cell.differs,
        }
        for name, (before, after) in pairs.items()
        for key, cell in after.items()
    ]
    return pd.DataFrame(rows)

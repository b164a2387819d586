"""The table under Figure 1: which statistic tells which batch from the null distribution, cell by cell."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from analysis.batch import ActivationBatch
from analysis.samples import SampleSpec
from app.session import caches
from app.session.null_bands import statistics_bands
from app.text import words
from app.text.numbers import number, span

if TYPE_CHECKING:
    from analysis.distances.distinction import Cell, Key

MARK = " ≠"
_TABLE_HEIGHT = 390
_DEFAULT_ROW = 2  # correlation


def show_statistics(batches: Mapping[str, ActivationBatch], null: SampleSpec, null_name: str) -> None:
    """Draw the table, filling in while the null draws come, and explain the chosen cell.

    Args:
        batches: one column each, by title.
        null: the null distribution (its case is ignored).
        null_name: its name in words.
    """
    from analysis.distances.distinction import null_distribution

    st.subheader("What each method looks at, and what it can tell apart")
    for title, batch in batches.items():
        if not batch.is_finite:
            st.error(f"Statistics need finite values within float32; {title} holds {batch.not_finite}.")
            return
    with st.skeleton(height=_TABLE_HEIGHT):
        null = null_distribution(null)
        bands = statistics_bands(null, null_name)
        columns = {title: caches.cells(batch, null, bands) for title, batch in batches.items()}
        table = _table(columns, null_name)
        styled = table.style.map(mark_style, subset=list(columns))
        event = st.dataframe(
            styled,
            key="dist_table",
            on_select="rerun",
            selection_mode="single-cell",
            selection_default={"selection": {"cells": [(_DEFAULT_ROW, _most_telling(columns))]}},
            height="content",
            column_config={words.STATISTIC: st.column_config.TextColumn(pinned=True, width="medium")},
            hide_index=True,
            alt="Statistics of each batch beside what sampling alone gives",
        )
    st.download_button(
        "Numbers as CSV",
        _numbers(columns).to_csv(index=False),
        "statistics.csv",
        "text/csv",
        on_click="ignore",
        key="dist_numbers",
    )
    chosen = [(row, title) for row, title in event.selection.cells if title in table.columns]
    _explain(*(chosen[0] if chosen else (_DEFAULT_ROW, _most_telling(columns))), columns, null_name, null)


def _table(columns: "Mapping[str, Mapping[Key, Cell]]", null_name: str) -> pd.DataFrame:
    """Rows are statistics, columns are batches; the last column is the null range."""
    first = next(iter(columns.values()))
    rows = [
        {
            words.STATISTIC: words.TITLE[key],
            words.SEEN: words.seen_by(key),
            **{title: number(c[key].value, key) + (MARK if c[key].differs else "") for title, c in columns.items()},
            f"{null_name}, sampling alone": span(cell.null, key),
        }
        for key, cell in first.items()
    ]
    return pd.DataFrame(rows)


def _numbers(columns: "Mapping[str, Mapping[Key, Cell]]") -> pd.DataFrame:
    """Every cell in full precision, one row each."""
    return pd.DataFrame(
        [
            {
                "statistic": key,
                "batch": title,
                "value": cell.value,
                "null_low": cell.null.low,
                "null_high": cell.null.high,
                "null_draws": cell.null.draws,
                "differs": cell.differs,
            }
            for title, cells in columns.items()
            for key, cell in cells.items()
        ]
    )


def _most_telling(columns: "Mapping[str, Mapping[Key, Cell]]") -> str:
    """The batch to explain first: the first one whose correlation differs, else the first."""
    return next((title for title, cells in columns.items() if cells["correlation"].differs), next(iter(columns)))


def mark_style(text: str) -> str:
    """CSS of a cell that differs."""
    return "background-color: rgba(217, 120, 30, 0.25); font-weight: 600" if text.endswith(MARK) else ""


def _explain(
    row: int, title: str, columns: "Mapping[str, Mapping[Key, Cell]]", null_name: str, null: SampleSpec
) -> None:
    """One cell in sentences; a cell outside the batches' columns explains the statistic."""
    key = list(next(iter(columns.values())))[row]
    if title in columns:
        st.markdown(words.explain(columns[title], key, title, null_name, null.n, null.dim))
    else:
        st.markdown(f"**{words.TITLE[key]}.** {words.WHAT[key]}")
    st.caption(words.about_table(next(iter(columns.values()))["mean"].null, null_name))

"""The table under Figure 1: which statistic tells which batch from the null distribution, cell by cell."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from analysis.batch import ActivationBatch
from analysis.samples import SampleSpec
from app.session import caches
from app.session.null_bands import null_bands
from app.text.caption import show_caption
from app.text.language import _, said, translated
from app.text.numbers import by_chance, number, span
from app.text.statistic import STATISTICS, seen_by

if TYPE_CHECKING:
    import pandas as pd

    from analysis.distances.batch_statistics import Key
    from analysis.distances.distinction import Cell

    Columns = Mapping[str, Mapping[Key, Cell]]  # of each batch by title

MARK = " ≠"
_DEFAULT_ROW = 2  # correlation


def compare_statistics(batches: Mapping[str, ActivationBatch], null: SampleSpec, null_name: str) -> "Columns":
    """Every statistic of finite batches, by title, beside what fresh draws of the null distribution give.

    Args:
        batches: of one size.
        null: the null distribution (its case is ignored).
        null_name: its name in words.
    """
    from analysis.distances.batch_statistics import BatchStatistics
    from analysis.distances.distinction import compare, measure

    statistic = BatchStatistics(shift=null.shift, scale=null.scale)
    bands = null_bands(statistic, null.n, null.dim, null=null_name)
    return {title: compare(caches.result(measure, batch), bands) for title, batch in batches.items()}


def show_statistics(columns: "Columns", null_name: str, n: int) -> None:
    """Draw the table of batches of n samples, one column each, and explain the chosen cell."""
    table = _table(columns, null_name)
    event = st.dataframe(
        table.style.map(mark_style, subset=list(columns)),
        key="dist_table",
        on_select="rerun",
        selection_mode="single-cell",
        selection_default={"selection": {"cells": [(_DEFAULT_ROW, _most_telling(columns))]}},
        height="content",
        column_config={_("Statistic"): st.column_config.TextColumn(pinned=True, width="medium")},
        hide_index=True,
        alt=_("Statistics of each batch beside the sampling range"),
    )
    st.download_button(
        _("Numbers as CSV"),
        _numbers(columns).to_csv(index=False),
        "statistics.csv",
        "text/csv",
        on_click="ignore",
        key="dist_numbers",
    )
    chosen = [(row, title) for row, title in event.selection.cells if title in table.columns]
    _explain(*(chosen[0] if chosen else (_DEFAULT_ROW, _most_telling(columns))), columns, null_name, n)


def not_finite(name: str, batch: ActivationBatch) -> str:
    """Why statistics of a batch cannot be shown."""
    return _(
        "Statistics need finite values within float32; among the {count:,} of {name} are {found}. Choose another layer"
        " or epoch."
    ).format(count=batch.n * batch.d, name=name, found=said(batch.not_finite))


def _table(columns: "Columns", null_name: str) -> "pd.DataFrame":
    """Rows are statistics, columns are batches; the last column is the null range."""
    import pandas as pd  # after the chart above the table

    first = next(iter(columns.values()))
    rows = [
        {
            _("Statistic"): translated(STATISTICS[key].title),
            _("Seen by"): seen_by(key),
            **{title: number(cells[key].value, key) + MARK * cells[key].differs for title, cells in columns.items()},
            _("{null}, sampling range").format(null=null_name): span(first[key].null, key),
        }
        for key in first
    ]
    return pd.DataFrame(rows)


def _numbers(columns: "Columns") -> "pd.DataFrame":
    """Every cell in full precision, one row each."""
    import pandas as pd

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


def _most_telling(columns: "Columns") -> str:
    """The batch to explain first: the first one whose correlation differs, else the first."""
    return next((title for title, cells in columns.items() if cells["correlation"].differs), next(iter(columns)))


def mark_style(text: object) -> str:
    """CSS of a cell that differs."""
    return "background-color: rgba(217, 120, 30, 0.25); font-weight: 600" if str(text).endswith(MARK) else ""


def _explain(row: int, title: str, columns: "Columns", null_name: str, n: int) -> None:
    """One cell in sentences; a cell outside the batches' columns explains the statistic."""
    key = list(next(iter(columns.values())))[row]
    statistic, cells = STATISTICS[key], columns.get(title)
    lines = [f"**{translated(statistic.title)}.**"] if cells is None else [_finding(cells[key], title, null_name, n)]
    st.markdown(" ".join([*lines, translated(statistic.about)]))
    range_of = next(iter(columns.values()))["mean"].null
    show_caption(
        _("≠ marks values outside the sampling range. Click a cell for its explanation."),
        "\n\n".join(
            [
                _(
                    "The sampling range is that of {draws} batches of {null} of this size. A batch of {null} leaves"
                    " it {by_chance}, in one of the nine cells of a column more often. With fewer samples the range is"
                    " wider and hides more."
                ).format(draws=range_of.draws, null=null_name, by_chance=by_chance(range_of.draws)),
                translated(statistic.precise),
            ]
        ),
    )


def _finding(cell: "Cell", column: str, null_name: str, n: int) -> str:
    """What a batch has, and whether that differs from the null distribution."""
    title = translated(STATISTICS[cell.key].title)
    if cell.value != cell.value:
        return _("**{title} of {column} is undefined:** a unit that never changes has none.").format(
            title=title, column=column
        )
    if cell.differs:
        text = _("**{title} of {column}: {value}.** It differs: the sampling range of {null} is {range}.")
    else:
        text = _(
            "**{title} of {column}: {value}.** It cannot be told from {null} at n = {n:,}: the sampling range is"
            " {range}."
        )
    return text.format(
        title=title,
        column=column,
        value=number(cell.value, cell.key),
        null=null_name,
        range=span(cell.null, cell.key),
        n=n,
    )

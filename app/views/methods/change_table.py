"""The table under the Methods page's densities: every statistic before and after each method."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from analysis.batch import ActivationBatch
from app.sections.statistics_table import MARK, mark_style
from app.session import caches
from app.session.null_bands import null_bands
from app.text.caption import show_caption
from app.text.language import _, translated
from app.text.numbers import by_chance, number, span
from app.text.statistic import STATISTICS

if TYPE_CHECKING:
    from analysis.distances.batch_statistics import Key
    from analysis.distances.distinction import Cell

    Cells = Mapping[Key, Cell]

GAUSSIAN = "N(0, I)"


def cells_beside_gaussian(batch: ActivationBatch) -> "Cells":
    """The statistics of a batch beside what fresh draws of N(0, I) of its size gave."""
    from analysis.distances.batch_statistics import BatchStatistics
    from analysis.distances.distinction import compare, measure

    bands = null_bands(BatchStatistics(), batch.n, batch.d, null=GAUSSIAN)
    return compare(caches.result(measure, batch), bands)


def show_changes(batch: ActivationBatch, mapped: Mapping[str, tuple[ActivationBatch, ActivationBatch]]) -> None:
    """Draw the table. `mapped` holds the batch before and after each method, by the method's short name."""
    befores = {one.fingerprint: one for one in [batch, *(before for before, _ in mapped.values())]}
    cells = {key: cells_beside_gaussian(one) for key, one in befores.items()}
    whole = cells[batch.fingerprint]
    pairs = {
        name: (cells[before.fingerprint], cells_beside_gaussian(after)) for name, (before, after) in mapped.items()
    }
    fewer = next((before for before, _ in mapped.values() if before.n < batch.n), None)
    columns = {
        _("Statistic"): [translated(STATISTICS[key].title) for key in whole],
        _("Batch"): _values(whole),
        **{name: _changes(before, after) for name, (before, after) in pairs.items()},
        GAUSSIAN if fewer is None else f"{GAUSSIAN}, n = {batch.n:,}": _spans(whole),
    }
    if fewer is not None:
        first = cells[fewer.fingerprint]
        columns |= {
            _("First {rows:,} rows").format(rows=fewer.n): _values(first),
            f"{GAUSSIAN}, n = {fewer.n:,}": _spans(first),
        }
    table = pd.DataFrame(columns)
    st.dataframe(
        table.style.map(mark_style),
        key="methods_table",
        height="content",
        column_config={_("Statistic"): st.column_config.TextColumn(pinned=True, width="medium")},
        hide_index=True,
        alt=_("Statistics of the batch before and after each method, with the change"),
    )
    st.download_button(
        _("Numbers as CSV"),
        _numbers(whole, pairs).to_csv(index=False),
        "methods.csv",
        "text/csv",
        on_click="ignore",
        key="methods_numbers",
    )
    show_caption(
        _("In brackets is the change by the method; ≠ marks values outside the sampling range."),
        _precise(whole["mean"].null.draws, None if fewer is None else fewer.n),
    )


def _precise(draws: int, fewer_rows: int | None) -> str:
    """What the marks and the values are."""
    paragraphs = [
        _(
            "The sampling range is that of {draws} batches of N(0, I) of the same size; a Gaussian batch leaves it"
            " {by_chance}. Of a statistic that every unit has, the unit furthest from N(0, 1) is shown, which may be"
            " another one after the method. The variance of batch variances is in the unit of the activations to the"
            " fourth power."
        ).format(draws=draws, by_chance=by_chance(draws))
    ]
    if fewer_rows is not None:
        paragraphs.append(
            _(
                "A regulariser's flow follows the first {rows:,} rows: its change and its ≠ refer to the two columns on"
                " the right, not to the whole batch."
            ).format(rows=fewer_rows)
        )
    return "\n\n".join(paragraphs)


def _values(cells: "Cells") -> list[str]:
    return [number(cell.value, key) + (MARK if cell.differs else "") for key, cell in cells.items()]


def _changes(before: "Cells", after: "Cells") -> list[str]:
    return [_change(cell, before[key], key) + (MARK if cell.differs else "") for key, cell in after.items()]


def _change(after: "Cell", before: "Cell", key: "Key") -> str:
    """A statistic after a method, with how much it changed."""
    text = number(after.value, key)
    if after.value != after.value or before.value != before.value:
        return text
    difference = after.value - before.value
    if abs(difference) < 5e-4:
        return f"{text} (0)"
    return f"{text} ({'+' if difference > 0 else '−'}{number(abs(difference), key)})"


def _spans(cells: "Cells") -> list[str]:
    return [span(cell.null, key) for key, cell in cells.items()]


def _numbers(whole: "Cells", pairs: "Mapping[str, tuple[Cells, Cells]]") -> pd.DataFrame:
    """Every value in full precision, one row each."""
    rows = [
        {
            "statistic": key,
            "method": "",
            "before": cell.value,
            "after": cell.value,
            "null_low": cell.null.low,
            "null_high": cell.null.high,
            "differs": cell.differs,
        }
        for key, cell in whole.items()
    ]
    rows += [
        {
            "statistic": key,
            "method": name,
            "before": before[key].value,
            "after": cell.value,
            "null_low": cell.null.low,
            "null_high": cell.null.high,
            "differs": cell.differs,
        }
        for name, (before, after) in pairs.items()
        for key, cell in after.items()
    ]
    return pd.DataFrame(rows)

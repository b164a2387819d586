"""What a plan makes of a dump, before anything is computed: a sentence, the table of cells, and what is left out."""

from collections import Counter
from typing import Literal

import pandas as pd
import streamlit as st

from analysis.dumps import Inspection, Member
from analysis.dumps.summary import KIND_TITLES, Summary
from app.text.language import _, ngettext, translated, visitor_texts
from app.text.plain import escaped
from app.views.dumps.dump_map import evenly

MOST_ROWS, MOST_COLUMNS = 500, 200  # of the preview
LOW = 8  # rows that are shown without scrolling
ROW_PIXELS = 35
MOST_NAMED = 3


def show_sentence(inspection: Inspection) -> None:
    """What was found, and what was joined, cut and left out."""
    found, *made = Summary.of(inspection).clauses(visitor_texts())
    st.markdown("; ".join([f"**{escaped(found)}**", *map(escaped, made)]) + ".")


def show_preview(inspection: Inspection) -> None:
    """The table of layers over epochs and splits: the rows and units of every cell."""
    members = inspection.readable
    if not members:
        return
    layers = list(dict.fromkeys(map(_layer, members)))
    columns = sorted({(member.group, member.epoch) for member in members}, key=_column_order)
    rows, kept = layers[:MOST_ROWS], evenly(columns, MOST_COLUMNS)
    has_groups = len({group for group, _ in columns}) > 1
    cells = {(_layer(member), member.group, member.epoch): _cell(member) for member in reversed(members)}
    titles = [_title(group, epoch, has_groups=has_groups) for group, epoch in kept]
    first = _("Layer") if columns == [("", None)] else _("Layer ↓ epoch →")
    table = pd.DataFrame(
        [[layer, *(cells.get((layer, *column), "") for column in kept)] for layer in rows], columns=[first, *titles]
    )
    st.dataframe(
        table,
        hide_index=True,
        width="content",
        height="auto" if len(rows) <= LOW else ROW_PIXELS * (LOW + 1) + 2,
        column_config={first: st.column_config.TextColumn(pinned=True)},
        alt=_("Rows and units of every layer at every epoch"),
    )
    if len(rows) < len(layers) or len(kept) < len(columns):
        st.caption(
            _("Shown are {rows:,} of {layers:,} layers and {kept:,} of {columns:,} columns.").format(
                rows=len(rows), layers=len(layers), kept=len(kept), columns=len(columns)
            )
        )


def cells_table(inspection: Inspection) -> pd.DataFrame:
    """Every cell in a row of its own."""
    return pd.DataFrame(
        [
            {
                _("Layer"): _layer(member),
                _("Epoch"): member.epoch,
                _("Split"): member.group,
                _("Rows"): member.rows,
                _("Units"): member.units,
                _("Parts"): len(member.parts),
                _("Member"): member.name,
            }
            for member in inspection.readable
        ]
    )


def show_left_out(inspection: Inspection) -> None:
    """Arrays that are no activations, rows that are cut and files that are not read, each kind with its reason."""
    rows = []
    kinds = Counter((one.kind, one.reason) for one in inspection.left_out)
    for (kind, reason), count in kinds.items():
        names = [one.name for one in inspection.left_out if (one.kind, one.reason) == (kind, reason)]
        arrays = ngettext("{n:,} array", "{n:,} arrays", count).format(n=count)
        rows.append([translated(KIND_TITLES[kind]), arrays, translated(reason), _named(names)])
    cut = [member for member in inspection.readable if member.unused]
    if cut:
        count = sum(member.unused for member in cut)
        rows.append(
            [
                _("rows not in use"),
                ngettext("{n:,} row", "{n:,} rows", count).format(n=count),
                _("a count in the file says how many rows are in use"),
                _named([member.name for member in cut]),
            ]
        )
    if inspection.ignored:
        count = len(inspection.ignored)
        rows.append(
            [
                _("other files"),
                ngettext("{n:,} file", "{n:,} files", count).format(n=count),
                _("they are of no kind that is read"),
                _named(list(inspection.ignored)),
            ]
        )
    if not rows:
        return
    table = pd.DataFrame(rows, columns=[_("Left out"), _("Number"), _("Why"), _("Such as")])
    height: int | Literal["content"] = "content" if len(rows) <= LOW else ROW_PIXELS * LOW
    st.table(table.map(escaped), height=height, hide_index=True, alt=_("What is no activation, and why"))


def _layer(member: Member) -> str:
    return member.layer or member.name


def _cell(member: Member) -> str:
    if member.is_binned:
        return _("{n:,} binned").format(n=member.rows)
    size = f"{member.rows or 0:,} × {member.units or 0:,}"
    if len(member.parts) == 1:
        return size
    return _("{size}, {n:,} parts").format(size=size, n=len(member.parts))


def _title(group: str, epoch: float | None, *, has_groups: bool) -> str:
    """What a column is called."""
    if epoch is None:
        return group or (_("none") if has_groups else _("Rows × units"))
    return f"{group}, {epoch}" if has_groups else str(epoch)


def _column_order(column: tuple[str, float | None]) -> tuple[str, float]:
    group, epoch = column
    return group, -1.0 if epoch is None else epoch


def _named(names: list[str]) -> str:
    """The first names."""
    return ", ".join(names[:MOST_NAMED]) + (", …" if names[MOST_NAMED:] else "")

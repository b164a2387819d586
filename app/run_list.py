"""The runs in the library: a table, and what can be done with the rows that are selected."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from app import service
from app import training_words as words
from app.training_form import fill_form, method_title
from per_core.errors import PerError

if TYPE_CHECKING:
    from analysis.runs import RunEntry

RUN, BESIDE = "run", "beside"
DELETED = "train_deleted"
ERROR = "train_error"


def show_runs() -> None:
    """The table of all runs, newest first, with actions for the selected ones."""
    st.subheader("Runs")
    _show_undo()
    entries = service.manager().list_runs()
    if not entries:
        st.info(words.NO_RUNS)
        return
    event = st.dataframe(
        pd.DataFrame([_row(entry) for entry in entries]),
        key="train_runs",
        on_select="rerun",
        selection_mode="multi-row",
        hide_index=True,
        height="auto" if len(entries) <= 8 else 320,
        column_config={"Size": st.column_config.NumberColumn(format="%.1f MB")},
        alt="All runs with title, state, methods and size",
    )
    chosen = [entries[row] for row in event.selection.rows if row < len(entries)]
    if not chosen:
        st.caption(words.SELECT_RUNS)
        return
    _show_actions(chosen)


def _row(entry: "RunEntry") -> dict[str, object]:
    epochs = f"{entry.epoch:g}" + ("" if entry.epochs is None else f" of {entry.epochs}")
    return {
        "Title": entry.title,
        "State": entry.state,
        "Epoch": epochs,
        "Methods": ", ".join(method_title(method) for method in entry.methods) or "recorded by a script",
        "Device": entry.device,
        "Begun": datetime.fromtimestamp(entry.created).strftime("%Y-%m-%d %H:%M"),
        "Size": entry.size / 1e6,
        "Remark": entry.message,
    }


def _show_actions(chosen: Sequence["RunEntry"]) -> None:
    first, only = chosen[0], len(chosen) == 1
    places = st.columns([1, 1, 1, 1, 1, 2])
    places[0].button(
        "Open" if only else "Compare",
        on_click=open_runs,
        args=([entry.id for entry in chosen],),
        key="train_open",
        type="primary",
        width="stretch",
        help=words.HELP_OPEN,
    )
    if only and first.kind == "comparison" and first.state != "damaged":
        places[1].button(
            "Again", on_click=_again, args=(first.id,), key="train_again", width="stretch", help=words.HELP_AGAIN
        )
    if only:
        with places[2].popover("Rename", width="stretch"):
            title = st.text_input("Title", first.title, key=f"train_title_{first.id}", max_chars=120)
            st.button("Rename", on_click=_rename, args=(first.id, title), key="train_rename")
        if first.state != "damaged":
            places[3].link_button("Zip", f"perscope/runs/{first.id}.zip", width="stretch", help=words.HELP_ZIP)
    places[4].button(
        "Delete", on_click=_delete, args=([entry.id for entry in chosen],), key="train_delete", width="stretch"
    )


def open_runs(ids: list[str]) -> None:
    """Put the runs into the address: the first is followed, the others stand beside it."""
    st.query_params[RUN] = ids[0]
    if len(ids) > 1:
        st.query_params[BESIDE] = ids[1:]
    else:
        st.query_params.pop(BESIDE, None)


def _again(run: str) -> None:
    from analysis.runs import open_comparison
    from analysis.training.spec import TrainingSpec

    try:
        fill_form(TrainingSpec.from_dict(open_comparison(service.library().path(run)).spec))
    except PerError as error:
        st.session_state[ERROR] = str(error)


def _rename(run: str, title: str) -> None:
    try:
        service.library().rename(run, title)
    except PerError as error:
        st.session_state[ERROR] = str(error)


def _delete(ids: list[str]) -> None:
    deleted = []
    for run in ids:
        try:
            service.library().delete(run)
            deleted.append(run)
        except PerError as error:
            st.session_state[ERROR] = str(error)
    st.session_state[DELETED] = deleted
    if st.query_params.get(RUN) in deleted:
        st.query_params.pop(RUN)


def _show_undo() -> None:
    deleted = st.session_state.get(DELETED)
    if deleted:
        left, right = st.columns([5, 1])
        left.info(f"Deleted {len(deleted)} {'run' if len(deleted) == 1 else 'runs'}.")
        right.button("Undo", on_click=_undo, key="train_undo", width="stretch")


def _undo() -> None:
    for run in st.session_state.pop(DELETED, []):
        try:
            service.library().undo_delete(run)
        except PerError as error:
            st.session_state[ERROR] = str(error)

"""The runs in the library: a table, and what can be done with the rows that are selected."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd
import streamlit as st

from analysis.plain_text import message, plain
from analysis.runs.folder import LONGEST_TITLE
from analysis.runs.remark import explain
from app.sections import followed
from app.session import permissions, services
from app.session.keys import (
    RUNS_CHANGED,
    RUNS_DELETED,
    RUNS_LISTED,
    RUNS_TABLES,
    RUNS_UNREADABLE,
    TRAIN_ERROR,
    runs_table,
)
from app.session.press import acting_button
from app.text.language import _, ngettext, translated
from app.text.plain import escaped, harmless
from app.views.train.titles import method_title
from app.views.train.training_fields import summary
from app.views.train.training_form import fill_form
from per_core.errors import PerError
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.runs.library import RunEntry

RUN, BESIDE = "run", "beside"
STATES = {
    "queued": N_("queued"),
    "starting": N_("starting"),
    "running": N_("running"),
    "stopping": N_("stopping"),
    "finished": N_("finished"),
    "stopped": N_("stopped"),
    "failed": N_("failed"),
    "interrupted": N_("interrupted"),
    "recorded": N_("recorded"),
    "damaged": N_("damaged"),
}
UNDER_WAY = {"queued", "starting", "running", "stopping"}
LIVE_SECONDS, IDLE_SECONDS = 2.0, 10.0
MOST_DELETED = 20


def show_runs() -> None:
    """The table of all runs, newest first, kept up to date, with actions for the selected ones."""
    st.header(_("Runs"))
    st.session_state.pop(RUNS_CHANGED, None)
    followed.follow("train_list", _glance, _show_table)


def _glance() -> followed.Glance:
    """What there is, and how far it has come."""
    try:
        entries = services.manager().list_runs()
        deleted = services.run_library().list_deleted()
    except PerError as error:  # said below, until it is over
        return followed.Glance(str(error), LIVE_SECONDS)
    live = any(entry.state in UNDER_WAY or entry.kind == "recording" for entry in entries)
    told = [(one.id, one.title, one.state, one.epoch, one.remark, one.device) for one in entries]
    return followed.Glance(repr((told, deleted)), LIVE_SECONDS if live else IDLE_SECONDS)


def _show_table() -> None:
    if st.session_state.pop(RUNS_CHANGED, False):  # what is above the table shows it too
        st.rerun()
    try:
        entries = services.manager().list_runs()
    except PerError as error:
        st.session_state[RUNS_UNREADABLE] = True
        st.error(escaped(error))
        return
    if st.session_state.pop(RUNS_UNREADABLE, False):  # what is above could not be shown either
        st.rerun()
    _show_undo()
    if not entries:
        st.info(_("Nothing has been trained here yet. “Start your own” above is filled in: press Start."))
    else:
        _choose_runs(_in_order(entries))
    _show_trash()


def _choose_runs(entries: "Sequence[RunEntry]") -> None:
    event = st.dataframe(
        pd.DataFrame([_row(entry) for entry in entries]),
        key=runs_table(st.session_state.get(RUNS_TABLES, 0)),
        on_select="rerun",
        selection_mode="multi-row",
        hide_index=True,
        height="auto" if len(entries) <= 8 else 320,
        column_config={
            _("Size"): st.column_config.NumberColumn(format="%.1f MB", width="small"),
            _("State"): st.column_config.TextColumn(width="small"),
            _("Epoch"): st.column_config.TextColumn(width="small"),
        },
        alt=_("All runs with title, state, methods, settings and size"),
    )
    chosen = [entries[row] for row in event.selection.rows if row < len(entries)]
    if chosen:
        _show_actions(chosen)
    else:
        st.caption(
            _("Select a run to open or download it; select several to compare them.")
            if permissions.is_limited()
            else _("Select a run to open, rename, download or delete it; select several to compare them.")
        )


def _in_order(entries: "Sequence[RunEntry]") -> "list[RunEntry]":
    """The runs as they were listed while some are selected, new ones below: a selection is of rows.

    Where a listed run has gone, the rows are no longer what was selected, and a new table begins.
    """
    listed = st.session_state.get(RUNS_LISTED, [])
    if set(listed) - {entry.id for entry in entries}:
        st.session_state[RUNS_TABLES] = st.session_state.get(RUNS_TABLES, 0) + 1
    table = st.session_state.get(runs_table(st.session_state.get(RUNS_TABLES, 0)))
    if table is not None and table["selection"]["rows"]:
        places = {run: place for place, run in enumerate(listed)}
        entries = sorted(entries, key=lambda entry: places.get(entry.id, len(places)))
    st.session_state[RUNS_LISTED] = [entry.id for entry in entries]
    return list(entries)


def run_title(entry: "RunEntry") -> str:
    """What a run is called; where nobody has said it, its methods as a person reads them, and not their labels."""
    said = entry.title != plain(", ".join(entry.methods), LONGEST_TITLE)
    return entry.title if said else ", ".join(harmless(method_title(method)) for method in entry.methods)


def _row(entry: "RunEntry") -> dict[str, object]:
    epochs = _("{epoch} of {epochs}") if entry.epochs is not None else "{epoch}"
    methods = ", ".join(method_title(method) for method in entry.methods)
    return {
        _("Title"): run_title(entry),
        _("State"): translated(STATES.get(entry.state, entry.state)),
        _("Epoch"): epochs.format(epoch=entry.epoch, epochs=entry.epochs),
        _("Methods"): methods or _("recorded by a script"),
        _("Begun"): datetime.fromtimestamp(entry.created).strftime("%Y-%m-%d %H:%M"),
        _("Asked for"): summary(entry.spec),
        _("Size"): entry.size / 1e6,
        _("Device"): entry.device,
        _("Remark"): message(explain(entry, translated)),
    }


def _show_actions(chosen: Sequence["RunEntry"]) -> None:
    first, only = chosen[0], len(chosen) == 1
    places = st.columns([1, 1, 1, 1, 1, 1, 1])
    ids = [entry.id for entry in chosen]
    acting_button(
        _("Open") if only else _("Compare"),
        _act,
        open_runs,
        ids,
        place=places[0],
        key="train_open",
        type="primary",
        width="stretch",
        help=_("Networks of several runs are drawn together; those of the first go by their method alone."),
    )
    if only and first.spec and first.state != "damaged" and not permissions.is_limited():
        acting_button(
            _("Again"),
            _act,
            _again,
            first.id,
            place=places[1],
            key="train_again",
            width="stretch",
            help=_("Fills the form with the settings of this run."),
        )
    may_change = not permissions.is_limited()
    if only and may_change:
        with places[2].popover(_("Rename"), width="stretch"):
            title = st.text_input(_("Title"), first.title, key=f"train_title_{first.id}", max_chars=120)
            acting_button(_("Rename"), _act, _rename, first.id, title, key="train_rename")
    if only and first.state != "damaged":
        places[3].link_button(
            _("Zip"),
            f"perscope/runs/{quote(first.id)}.zip",
            width="stretch",
            help=_("All records of the run. Unpacked into another server's folder of runs, they open there."),
        )
        places[4].link_button(
            "CSV",
            f"perscope/runs/{quote(first.id)}.csv",
            width="stretch",
            help=_("Distances and moments of every layer at every epoch, and the loss: one row each."),
        )
    if may_change:
        acting_button(_("Delete"), _act, _delete, ids, place=places[5], key="train_delete", width="stretch")


def _act(do: "Callable[..., None]", *arguments: object) -> None:
    """Do something that the whole page shows; what is refused is said on it."""
    try:
        do(*arguments)
    except PerError as error:
        st.session_state[TRAIN_ERROR] = escaped(error)
    st.session_state[RUNS_CHANGED] = True


def open_runs(ids: list[str]) -> None:
    """Put the runs into the address: the first is followed, the others stand beside it."""
    st.query_params[RUN] = ids[0]
    if len(ids) > 1:
        st.query_params[BESIDE] = ids[1:]
    else:
        st.query_params.pop(BESIDE, None)


def _again(run: str) -> None:
    from analysis.runs.spec import TrainingSpec

    fill_form(TrainingSpec.from_dict(services.run_library().entry(run).spec))


def _rename(run: str, title: str) -> None:
    services.rename(run, title)


def _delete(ids: list[str]) -> None:
    """Delete what can be deleted, and take it out of the address."""
    st.session_state[RUNS_DELETED] = deleted = []
    try:
        for run in ids:
            services.delete(run)
            deleted.append(run)
    finally:
        if st.query_params.get(RUN) in deleted:
            st.query_params.pop(RUN)
            st.query_params.pop(BESIDE, None)
        elif BESIDE in st.query_params:
            left = [run for run in st.query_params.get_all(BESIDE) if run not in deleted]
            st.query_params.update({BESIDE: left}) if left else st.query_params.pop(BESIDE)


def _show_undo() -> None:
    deleted = st.session_state.get(RUNS_DELETED)
    if deleted:
        left, right = st.columns([5, 1])
        left.info(ngettext("{count} run deleted.", "{count} runs deleted.", len(deleted)).format(count=len(deleted)))
        right.button(_("Undo"), on_click=_act, args=(_restore, deleted), key="train_undo", width="stretch")


def _restore(runs: list[str]) -> None:
    st.session_state.pop(RUNS_DELETED, None)
    for run in runs:
        services.restore(run)


def _show_trash() -> None:
    """What was deleted in the last days, by whomever, each with a way back."""
    try:
        deleted = services.run_library().list_deleted()[:MOST_DELETED]
    except PerError as error:
        st.error(escaped(error))
        return
    if not deleted or permissions.is_limited():
        return
    with st.expander(_("Deleted in the last week")):
        for one in deleted:
            left, right = st.columns([5, 1], vertical_alignment="center")
            left.markdown(f"{escaped(one.title)}, {datetime.fromtimestamp(one.deleted):%Y-%m-%d %H:%M}")
            key = f"train_restore_{one.id}_{one.deleted}"
            right.button(_("Restore"), on_click=_act, args=(_restore, [one.id]), key=key, width="stretch")

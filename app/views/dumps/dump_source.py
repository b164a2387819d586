"""The dump that is open: dropped or named by a path, its arrays listed, followed while it grows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from analysis.dumps import Inspection, Upload, list_arrays
from analysis.dumps.reasons import group_reasons
from analysis.plain_text import plain
from app.sections.export import offer_table
from app.session import caches, permissions, services
from app.session.keys import DUMP_PLACES, newest_source
from app.session.progress import waits_shown
from app.text.language import _, ngettext, said, translated, visitor_texts
from app.text.plain import escaped
from per_core.errors import BudgetError, PerError
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.survey.overview import Overview

FOLLOW_SECONDS = 2
_KEPT_OVERVIEWS = 8
MOST_FILES = 1000
MOST_REASONS = 8  # that are said outside the table


@dataclass(frozen=True, slots=True)
class OpenDump:
    """A dump with what was read of it."""

    name: str
    inspection: Inspection
    overview: "Overview"


def open_dump(slot: str, otherwise: str | None = None) -> Inspection | None:
    """A dump that a visitor drops or names, its arrays listed; it stays open until it is closed or another is brought.

    Args:
        slot: tells the dumps apart that are open side by side.
        otherwise: the path of a dump that is open as long as the visitor brings none.

    Returns:
        None if there is none, or with an error on the page.
    """
    place = st.session_state.setdefault(DUMP_PLACES, {})
    left, right = st.columns(2, gap="large")
    limited = permissions.is_limited()
    files = left.file_uploader(
        _("Files"),
        accept_multiple_files=True,
        key=f"{slot}_files",
        on_change=_note_newest,
        args=(slot, "files"),
        max_upload_size=permissions.UPLOAD_MB if limited else None,
    )
    folders = services.dump_folders()
    path = right.text_input(
        _("Or a path on the server"),
        key=f"{slot}_path",
        bind="query-params",
        on_change=_note_newest,
        args=(slot, "path"),
        placeholder=None if limited else plain(folders[0]),
        help=permissions.rule("name_path")
        if limited
        else _("A file or a folder on the server, in one that its operator allows: {folders}.").format(
            folders=", ".join(map(escaped, folders))
        ),
        disabled=limited,
    )
    try:
        upload = _kept(slot, files)
        if upload is not None and files and not (path and st.session_state.get(newest_source(slot)) == "path"):
            place[slot] = upload
        elif path:
            place[slot] = path
        brought = place.get(slot, otherwise)
        if brought is None:
            return None
        with waits_shown():
            if isinstance(brought, Upload):
                inspection = list_arrays(brought)
            else:
                named, allowed = services.dump_place(brought)
                inspection = list_arrays(named, allowed=allowed)
    except PerError as error:
        place.pop(slot, None)
        st.error(escaped(error))
        return None
    if slot in place and not files and not path:
        name, close = st.columns([5, 1], vertical_alignment="center")
        name.markdown(_("Open: **{name}**").format(name=escaped(inspection.title)))
        close.button(_("Close"), key=f"{slot}_close", on_click=_close, args=(slot,), width="stretch")
    return inspection


def is_brought(slot: str) -> bool:
    """Whether the dump that is open is one that the visitor brought."""
    return slot in st.session_state[DUMP_PLACES]


def _note_newest(slot: str, source: str) -> None:
    """Of a file and a path the newer one is meant."""
    st.session_state[newest_source(slot)] = source


def _kept(slot: str, files: list[Any]) -> Upload | None:
    held = caches.uploads()
    ids = tuple(file.file_id for file in files)
    if files and (slot not in held or held[slot][0] != ids):
        _release(slot)
        if len(files) > MOST_FILES:
            raise BudgetError(
                N_("An upload may have {most_files} files; this one has {received}. Put them into a .zip."),
                most_files=MOST_FILES,
                received=len(files),
            )
        kept = sum(upload.size for _, upload in held.values())
        if kept + sum(file.size for file in files) > permissions.UPLOAD_MB * 1e6:
            permissions.require("upload_much")
        held[slot] = ids, Upload({file.name: file for file in files}, most_bytes=services.upload_bytes(kept))
    return held[slot][1] if slot in held else None


def _release(slot: str) -> None:
    held = caches.uploads()
    if slot in held:
        held.pop(slot)[1].release()


def _close(slot: str) -> None:
    st.session_state[DUMP_PLACES].pop(slot, None)
    _release(slot)


def show_members(inspection: Inspection, slot: str) -> None:
    """The inspection table: what there is and why something is refused."""
    rows = [
        {
            _("Member"): member.name,
            _("Shape"): " × ".join(map(str, member.shape)) if member.shape else "",
            _("Type"): member.dtype,
            _("Declared"): member.declared,
            _("Stored"): member.stored,
            _("Layer"): member.layer or "",
            _("Epoch"): member.epoch,
            _("Verdict"): translated(member.verdict),
            _("Reason"): said(member.reason or member.note),
        }
        for member in inspection.members
    ]
    with st.expander(_members_found(inspection), expanded=not inspection.readable or bool(inspection.refused)):
        _show_reasons(inspection)
        table = pd.DataFrame(rows)
        st.dataframe(
            table,
            hide_index=True,
            height="auto" if len(rows) < 8 else 280,
            column_config={
                _("Declared"): st.column_config.NumberColumn(format="bytes"),
                _("Stored"): st.column_config.NumberColumn(format="bytes"),
                _("Reason"): st.column_config.TextColumn(width="large"),
            },
            alt=_("All members of the dump"),
        )
        offer_table(table, _("Members"), st.columns(5)[:2], key=f"{slot}_members")


def _show_reasons(inspection: Inspection) -> None:
    """Why members are refused, each reason once, with the lines that convert the first of them."""
    from analysis.survey.sentences import reason_title

    for shared in group_reasons(((one.name, one.reason) for one in inspection.refused), translated)[:MOST_REASONS]:
        st.markdown(f"**{escaped(reason_title(shared, visitor_texts()))}**  \n{escaped(shared.sentence)}")
        if shared.lines:
            st.code("\n".join(shared.lines), language="python", wrap_lines=True)
            if len(shared.names) > 1:
                first = escaped(shared.names[0])
                st.caption(_("The lines are for {name}; put in the names of the others.").format(name=first))


def _members_found(inspection: Inspection) -> str:
    """The line above the table of members."""
    parts = [_("{n:,} can be read").format(n=len(inspection.readable))]
    if refused := len(inspection.refused):
        parts.append(_("{n:,} refused").format(n=refused))
    members = len(inspection.members)
    return ngettext("{n:,} member: {parts}", "{n:,} members: {parts}", members).format(
        n=members, parts=", ".join(parts)
    )


def read_all(inspection: Inspection) -> "Overview":
    """The overview, with progress; of a dump that has grown only what is new is read."""
    from analysis.survey.overview import overview

    known = caches.overviews()
    key = f"{inspection.path}|{hash(inspection.plan)}"
    bar = st.empty()

    def show_progress(done: int, total: int) -> None:
        if total:
            bar.progress(done / total, _("Read {done:,} of {total:,} members").format(done=done, total=total))

    with waits_shown():
        found = overview(inspection, earlier=known.get(key), on_progress=show_progress)
    bar.empty()
    known.pop(key, None)
    known[key] = found
    while len(known) > _KEPT_OVERVIEWS:
        known.pop(next(iter(known)))
    return found


@st.fragment(run_every=FOLLOW_SECONDS)
def follow(inspection: Inspection, written: int) -> None:
    """Read the page again when a run in the dump has a new record, whoever writes it."""
    if inspection.written != written:
        st.rerun()
    st.caption(_("New records of this run are read by themselves."))

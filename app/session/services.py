"""What the server has one of: the library of runs, and the manager that trains them."""

import os
import secrets
import shutil
import tempfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app.session.keys import RUNS_SUBMITTED, RUNS_WATCHED
from app.text.language import _
from per_core.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.runs.jobs import JobManager
    from analysis.runs.library import RunLibrary
    from analysis.runs.spec import TrainingSpec

EXAMPLE = "example"  # the path that means the dump that ships, in the address too
EXAMPLE_DUMP = Path(__file__).resolve().parents[2] / "assets" / "runs" / "digits_dying"
FOLDERS_VARIABLE = "PERSCOPE_FOLDERS"
RUNS_VARIABLE, GRACE_VARIABLE = "PERSCOPE_RUNS", "PERSCOPE_GRACE_SECONDS"
WEEK_SECONDS = 7 * 86_400.0
SECONDS_VARIABLE, MEMORY_VARIABLE = "PERSCOPE_MAX_SECONDS", "PERSCOPE_MAX_MEMORY_MB"
WAITING_VARIABLE, UPLOAD_VARIABLE = "PERSCOPE_MAX_WAITING", "PERSCOPE_MAX_UPLOAD_MB"
DAY_SECONDS, MEMORY_SHARE, MOST_WAITING, UPLOAD_MB = 86_400.0, 0.5, 20.0, 2_000.0  # where the operator says nothing
MOST_OWN_WAITING = 5  # of those that wait, one visitor's
UNLIMITED = "none"


@lru_cache(maxsize=1)
def run_library() -> "RunLibrary":
    """All runs in the folder that PERSCOPE_RUNS names, by default `runs` where the server was started."""
    from analysis.runs.library import RunLibrary

    runs = RunLibrary(os.environ.get(RUNS_VARIABLE) or "runs")
    runs.empty_trash(older_than=WEEK_SECONDS)
    return runs


@lru_cache(maxsize=1)
def manager() -> "JobManager":
    """Trains what is submitted, within the limits that the operator set in the environment."""
    from analysis.runs.jobs import JobManager, find_devices
    from analysis.training.plan import disk_bytes

    return JobManager(
        run_library(),
        disk_bytes,
        max_seconds=_limit(SECONDS_VARIABLE, DAY_SECONDS),
        max_memory_mb=_limit(MEMORY_VARIABLE, _memory_mb() * MEMORY_SHARE / len(find_devices())),
        grace_seconds=_limit(GRACE_VARIABLE, None),
    )


def submit(spec: "TrainingSpec", token: str) -> str:
    """Put a visitor's training into the queue and return its id.

    Raises:
        InvalidInputError: If it cannot be trained, its data lie outside the allowed folders, or too many wait already.
    """
    from analysis.dumps.files.source import within

    if spec.data.folder and spec.data.name.startswith("cifar"):
        spec = replace(spec, data=replace(spec.data, folder=str(within(spec.data.folder, dump_folders()))))
    own = st.session_state.setdefault(RUNS_SUBMITTED, [])
    _require_place(sum(manager().position(run) is not None for run in own), MOST_OWN_WAITING, own=True)
    _require_place(manager().waiting, _limit(WAITING_VARIABLE, MOST_WAITING), own=False)
    run = manager().submit(spec.as_dict(), token=token)
    st.session_state[RUNS_SUBMITTED] = [*own, run]
    return run


def _require_place(waiting: int, most: float | None, *, own: bool) -> None:
    if most is not None and waiting >= most:
        raise InvalidInputError(
            f"At most {most:g} trainings {'of yours ' if own else ''}may wait for a device, and {waiting} do. Start"
            " this one when another has begun, or stop one that waits."
        )


def upload_bytes(held: int) -> int:
    """How much more a visitor may upload who has so many bytes here: their own limit, and half of the free disk."""
    limit, free = _limit(UPLOAD_VARIABLE, UPLOAD_MB), shutil.disk_usage(tempfile.gettempdir()).free // 2
    return free if limit is None else max(0, min(free, int(limit * 1e6) - held))


def limits_in_words() -> str:
    """What a training may take, for the page."""
    seconds, memory = manager().max_seconds, manager().max_memory_mb
    limits = []
    if memory is not None:
        limits.append(_("A training may take {memory:,.0f} MB of memory.").format(memory=memory))
    if seconds is not None:
        limits.append(_("It is stopped after {hours:,.3g} hours and can be resumed.").format(hours=seconds / 3600))
    return " ".join(limits)


def _memory_mb() -> float:
    """What the machine has, or the container it is in, of which psutil does not know."""
    from distributed.system import memory_limit

    return float(memory_limit() / 1e6)


def dump_folders() -> list[Path]:
    """Folders whose files may be named by their path: the runs, and what PERSCOPE_FOLDERS lists."""
    listed = [Path(part) for part in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if part]
    return [run_library().root, *listed]


def dump_place(path: str) -> tuple[str | Path, list[Path]]:
    """Where the dump is that a visitor names, and the folders in which it must be."""
    return (EXAMPLE_DUMP, [EXAMPLE_DUMP]) if path == EXAMPLE else (path, dump_folders())


def watch_runs(runs: "Sequence[str]") -> None:
    """Say that this session looks at these runs and no others; when its connection ends, it looks at none.

    Raises:
        InvalidInputError: If there is no such run.
    """
    watched = st.session_state.get(RUNS_WATCHED, ())
    for run in set(watched) - set(runs):
        manager().detach(run, _viewer())
    st.session_state[RUNS_WATCHED] = tuple(runs)
    for run in runs:
        manager().attach(run, _viewer())


def _leave(viewer: str) -> None:
    manager().leave(viewer)


@st.cache_resource(scope="session", on_release=_leave, show_spinner=False)
def _viewer() -> str:
    return secrets.token_urlsafe(8)


def _limit(variable: str, default: float | None) -> float | None:
    """What the operator set, "none" for no limit, or the default."""
    text = os.environ.get(variable, "").strip().lower()
    if text == UNLIMITED:
        return None
    try:
        return float(text) if text else default
    except ValueError as error:
        raise InvalidInputError(
            f'{variable} must be a number, or "{UNLIMITED}"; received {text!r}. Set it anew, or unset it.'
        ) from error

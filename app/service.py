"""What the server has one of: the library of runs, and the manager that trains them."""

import os
import secrets
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from per_core.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.jobs import JobManager
    from analysis.runs import RunLibrary

FOLDERS_VARIABLE = "PERSCOPE_FOLDERS"
RUNS_VARIABLE, GRACE_VARIABLE = "PERSCOPE_RUNS", "PERSCOPE_GRACE_SECONDS"
WEEK_SECONDS = 7 * 86_400.0
WATCHED = "watched_runs"
SECONDS_VARIABLE, MEMORY_VARIABLE = "PERSCOPE_MAX_SECONDS", "PERSCOPE_MAX_MEMORY_MB"


@lru_cache(maxsize=1)
def run_library() -> "RunLibrary":
    """All runs in the folder that PERSCOPE_RUNS names, by default `runs` where the server was started."""
    from analysis.runs import RunLibrary

    runs = RunLibrary(os.environ.get(RUNS_VARIABLE) or "runs")
    runs.empty_trash(older_than=WEEK_SECONDS)
    return runs


@lru_cache(maxsize=1)
def manager() -> "JobManager":
    """Trains what is submitted, within the limits that the operator set in the environment."""
    from analysis.jobs import JobManager

    return JobManager(
        run_library(),
        max_seconds=_limit(SECONDS_VARIABLE),
        max_memory_mb=_limit(MEMORY_VARIABLE),
        grace_seconds=_limit(GRACE_VARIABLE),
    )


def dump_folders() -> list[Path]:
    """Folders in which dumps may be named by their path: the runs, and what PERSCOPE_FOLDERS lists."""
    listed = [Path(part) for part in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if part]
    return [run_library().root, *listed]


def watch_runs(runs: "Sequence[str]") -> None:
    """Say that this session looks at these runs and no others; when its connection ends, it looks at none.

    Raises
    ------
    InvalidInputError
        If there is no such run.
    """
    watched = st.session_state.get(WATCHED, ())
    for run in set(watched) - set(runs):
        manager().detach(run, _viewer())
    st.session_state[WATCHED] = tuple(runs)
    for run in runs:
        manager().attach(run, _viewer())


def _leave(viewer: str) -> None:
    manager().leave(viewer)


@st.cache_resource(scope="session", on_release=_leave, show_spinner=False)
def _viewer() -> str:
    return secrets.token_urlsafe(8)


def _limit(variable: str) -> float | None:
    text = os.environ.get(variable, "")
    try:
        return float(text) if text else None
    except ValueError as error:
        raise InvalidInputError(f"{variable} must be a number; received {text!r}. Set it anew, or unset it.") from error

"""What the server has one of: the library of runs, the manager that trains them, and the classes."""

import math
import os
import secrets
import shutil
import tempfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from analysis.command_line import IS_INSTALLED
from analysis.runs.shipped import EXAMPLE as EXAMPLE
from analysis.runs.shipped import EXAMPLE_DUMP as EXAMPLE_DUMP
from analysis.runs.shipped import EXAMPLE_RUN as EXAMPLE_RUN
from app.session import permissions
from app.session.keys import RUNS_SUBMITTED, RUNS_WATCHED
from app.text.language import _
from per_core.errors import InvalidInputError
from per_core.text import N_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.runs.jobs import JobManager
    from analysis.runs.library import RunLibrary
    from analysis.runs.spec import TrainingSpec
    from app.session.class_store import ClassStore

FOLDERS_VARIABLE = "PERSCOPE_FOLDERS"
RUNS_VARIABLE, GRACE_VARIABLE = "PERSCOPE_RUNS", "PERSCOPE_GRACE_SECONDS"
CLASSES_VARIABLE, HOURS_VARIABLE = "PERSCOPE_CLASSES", "PERSCOPE_CLASS_HOURS"
CLASSES_FILE = ".classes.sqlite3"  # in the folder of the runs, where a leading dot says that it is none
WEEK_SECONDS = 7 * 86_400.0
SECONDS_VARIABLE, MEMORY_VARIABLE = "PERSCOPE_MAX_SECONDS", "PERSCOPE_MAX_MEMORY_MB"
WAITING_VARIABLE, UPLOAD_VARIABLE = "PERSCOPE_MAX_WAITING", "PERSCOPE_MAX_UPLOAD_MB"
DAY_SECONDS, MEMORY_SHARE, MOST_WAITING, UPLOAD_MB = 86_400.0, 0.5, 20.0, 2_000.0  # where the operator says nothing
CLASS_HOURS = 24.0
MOST_OWN_WAITING = 5  # of those that wait, one visitor's
UNLIMITED = "none"


@lru_cache(maxsize=1)
def run_library() -> "RunLibrary":
    """All runs in the folder that PERSCOPE_RUNS names, by default `runs` where the server was started.

    Where PERscope is installed and there is no such folder, it is one in the folder for data of programs of this user.
    """
    from analysis.runs.library import RunLibrary

    runs = RunLibrary(os.environ.get(RUNS_VARIABLE) or _usual_runs())
    runs.empty_trash(older_than=WEEK_SECONDS)
    return runs


def _usual_runs() -> Path:
    here = Path("runs")
    if not IS_INSTALLED or here.is_dir():
        return here
    from platformdirs import user_data_path

    return user_data_path("perscope", appauthor=False) / "runs"


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


@lru_cache(maxsize=1)
def classes() -> "ClassStore":
    """The classes, in the file that PERSCOPE_CLASSES names, by default beside the runs.

    Raises:
        InvalidInputError: If they are to be kept for a time that is none.
        StorageError: If the file cannot be used.
    """
    from app.session.class_store import ClassStore

    hours = _limit(HOURS_VARIABLE, CLASS_HOURS)
    if hours is not None and not hours > 0:
        raise InvalidInputError(
            N_("{hours_variable} must be above 0; received {hours:g}. Set it anew, or unset it."),
            hours_variable=HOURS_VARIABLE,
            hours=hours,
        )
    file = os.environ.get(CLASSES_VARIABLE) or run_library().root / CLASSES_FILE
    return ClassStore(Path(file), math.inf if hours is None else hours)


def submit(spec: "TrainingSpec", token: str) -> str:
    """Put a visitor's training into the queue and return its id.

    Raises:
        NotAllowedError: If it is no preset, and this visitor trains only these.
        InvalidInputError: If it cannot be trained, its data lie outside the allowed folders, or too many wait already.
    """
    from analysis.dumps.files.source import within
    from analysis.training.presets import PRESETS

    if spec not in [preset.spec for preset in PRESETS.values()]:
        permissions.require("train_anything")
    if spec.data.folder and spec.data.is_published:
        spec = replace(spec, data=replace(spec.data, folder=str(within(spec.data.folder, dump_folders()))))
    own = _submitted()
    if token not in own:
        _require_places()
        own[token] = manager().submit(spec.as_dict(), token=token)
    return own[token]


def stop(run: str) -> None:
    """Stop a training.

    Raises:
        NotAllowedError: If it is somebody else's, and this visitor may stop none of these.
        PerError: As of `JobManager.stop`.
    """
    _require_own(run)
    manager().stop(run)


def resume(run: str) -> None:
    """Go on with a training that was stopped; errors as of `stop` and `JobManager.resume`."""
    _require_own(run)
    _require_places()
    manager().resume(run)


def delete(run: str) -> None:
    """Delete a run, so that it can be restored; a `PerError` if this is not allowed, or there is none."""
    permissions.require("change_runs")
    run_library().delete(run)


def restore(run: str) -> None:
    """Take a deletion back; errors as of `delete`."""
    permissions.require("change_runs")
    run_library().undo_delete(run)


def rename(run: str, title: str) -> None:
    """Give a run another title; errors as of `delete`."""
    permissions.require("change_runs")
    run_library().rename(run, title)


def may_lead(run: str) -> bool:
    """Whether this visitor may stop and resume a training."""
    return run in _submitted().values() or not permissions.is_limited()


def _require_own(run: str) -> None:
    if run not in _submitted().values():
        permissions.require("stop_run")


def _submitted() -> dict[str, str]:
    """The trainings that this visitor has started, by the token of the start: a double click starts one."""
    runs: dict[str, str] = st.session_state.setdefault(RUNS_SUBMITTED, {})
    return runs


def _require_places() -> None:
    """Refuse another training where too many of this visitor or of all of them wait already."""
    most_own = permissions.WAITING if permissions.is_limited() else MOST_OWN_WAITING
    _require_place(sum(manager().position(run) is not None for run in _submitted().values()), most_own, own=True)
    _require_place(manager().waiting, _limit(WAITING_VARIABLE, MOST_WAITING), own=False)


def _require_place(waiting: int, most: float | None, *, own: bool) -> None:
    if most is not None and waiting >= most:
        raise InvalidInputError(
            N_(
                "At most {most:g} of your trainings may wait for a device; waiting now: {waiting}. Start this one when"
                " another has begun, or stop one that waits."
            )
            if own
            else N_(
                "At most {most:g} trainings may wait for a device; waiting now: {waiting}. Start this one when another"
                " has begun, or stop one that waits."
            ),
            most=most,
            waiting=waiting,
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
    """Where the dump is that a visitor names, and the folders in which it must be.

    Raises:
        NotAllowedError: If this visitor may name none but the example.
    """
    if path != EXAMPLE:
        permissions.require("name_path")
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
            N_('{variable} must be a number, or "{unlimited}"; received {text!r}. Set it anew, or unset it.'),
            variable=variable,
            unlimited=UNLIMITED,
            text=text,
        ) from error

"""How far a comparison has come: its status file, checked against the process that wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from analysis.process import is_running
from analysis.runs import folder
from analysis.runs.folder import ComparisonFolder
from analysis.runs.remark import Remark, explain, read_remark
from per_core.errors import InvalidInputError
from per_core.text import N_, from_json

RunState = folder.TrainingState | Literal["queued", "stopping", "recorded", "damaged"]

LIVE = ("starting", "running")
WITHOUT_A_WORD = {  # of the process that wrote the state and is no more
    "starting": Remark("never begun"),
    "running": Remark("without a word"),
}


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What a run does, or how it ended.

    Attributes:
        state: "starting", "running", "finished", "stopped", "failed" or "interrupted" (its files could not be written,
            the process has gone, or an exception ended somebody else's training); "recorded" if somebody else's
            Recorder wrote it, who does not say whether there is more to come.
        epoch: of the last checkpoint, from where it goes on.
        epochs: of the whole training; None if nobody said.
        remark: why it is in that state; None if there is nothing to say.
        device: what it is trained on, or empty.
        updated: seconds since 1970.
        diverged: name of a run -> in which epoch it stopped being finite, and why.
    """

    state: RunState
    epoch: float
    epochs: int | None
    remark: Remark | None
    device: str
    updated: float
    diverged: dict[str, tuple[int, str]]

    @property
    def message(self) -> str:
        """Why it is in that state, in English, or empty."""
        return explain(self)

    @property
    def is_live(self) -> bool:
        """Whether a process works on it."""
        return self.state in LIVE


def read_status(path: Path) -> RunStatus:
    """Read the status of a comparison's folder; "interrupted" if it says that it runs and its process does not.

    Raises:
        InvalidInputError: If there is none, or it is damaged.
    """
    comparison = ComparisonFolder(path)
    values = comparison.read_status()
    try:
        if values["state"] not in get_args(folder.TrainingState):
            raise ValueError(f"no such state: {values['state']!r}")
        state: RunState = values["state"]
        epoch, epochs = int(values["epoch"]), int(values["epochs"])
        remark = read_remark(values.get("remark"), str(values["message"]))
        updated = datetime.fromisoformat(values["updated"]).timestamp()
        if state in LIVE and not is_running(int(values["pid"]), str(values.get("birth", ""))):
            state, remark = "interrupted", WITHOUT_A_WORD[state]
        diverged = {
            name: (int(run["diverged"]), from_json(run.get("phrase", run["reason"])))
            for name, run in values.get("runs", {}).items()
            if run["diverged"] is not None
        }
        device = str(values.get("device", ""))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(
            N_("{status_file} must be a training's status; it is damaged: {error!r}. Delete the run."),
            status_file=comparison.status_file,
            error=error,
        ) from error
    return RunStatus(state, epoch, epochs, remark, device, updated, diverged)


def change_status(path: Path, state: folder.TrainingState, remark: Remark | None, *, epochs: int = 0) -> None:
    """Write another state and remark, for a worker that cannot; the rest stays.

    Until a worker writes its own, the status is that of this process: when this ends, the run is interrupted.

    Args:
        path: the folder of a comparison that no process works on.
        state, remark: see `RunStatus`.
        epochs: of the whole training, where no status was written yet.
    """
    comparison = ComparisonFolder(path)
    try:
        values = comparison.read_status()
    except InvalidInputError:
        values = {}
    kept = {name: values[name] for name in ("device", "started", "runs") if name in values}
    comparison.write_status(
        state, epoch=values.get("epoch", 0), epochs=values.get("epochs", epochs), remark=remark, **kept
    )

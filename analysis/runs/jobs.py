"""Training jobs: one process each, one at a time on a device, the rest in a queue."""

from __future__ import annotations

import atexit
import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from analysis.runs import folder
from analysis.runs.comparison import is_run_directory, status_of
from analysis.runs.folder import ComparisonFolder
from analysis.runs.library import DiskBytes, RunEntry, RunLibrary
from analysis.runs.remark import Remark, explain
from analysis.runs.spec import TrainingSpec, read_spec
from analysis.runs.status import LIVE, RunState, change_status
from analysis.runs.worker_process import ExitStatus, WorkerProcess, last_lines
from per_core.errors import InvalidInputError, PerError, StorageError
from per_core.recording.whole_file import told
from per_core.text import N_, phrase_of

# Seconds.
WATCH_PERIOD = 0.5  # between two looks at all workers
PATIENCE = 10.0  # from a request to stop until the worker is terminated
LAST_PATIENCE = 5.0  # from there until it is killed


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What the page says of a job; of one that this manager has not, what is on disk.

    Attributes:
        state: "queued", "starting", "running", "stopping", "finished", "stopped", "failed" or "interrupted".
        epoch: of the last checkpoint.
        epochs: of the whole training; None if nobody said.
        remark: why it is in that state; None if there is nothing to say.
        device: what it is trained on, or empty.
        position: in the queue, from 1, if it is queued.
    """

    state: RunState
    epoch: float
    epochs: int | None
    remark: Remark | None
    device: str
    position: int | None = None

    @property
    def message(self) -> str:
        """Why it is in that state, in English, or empty."""
        return explain(self)


@dataclass(slots=True, eq=False)
class _Job:
    """A run that waits for a device or has one. Times are of the monotonic clock."""

    id: str
    resume: bool
    alone_since: float = field(default_factory=time.monotonic)
    device: str = ""
    worker: WorkerProcess | None = None
    asked: float | None = None  # to stop
    terminated: float | None = None
    reason: Remark | None = None  # for stopping, if it was not a person's wish


class JobManager:
    """Trains runs of a library, each in a process of its own. One manager per server; threads may share it.

    The worker looks after itself: it checkpoints every epoch and ends when the process of its manager has gone,
    whatever ended that. A run that was cut short can be resumed, by this manager or a later one.

    Args:
        library: where the runs are.
        disk_bytes: what training a spec takes on disk, `analysis.training.plan.disk_bytes`.
        devices: one slot for each job that may run at a time, "cpu", "cuda:0", ...; by default every GPU or else the
            CPU.
        max_seconds: how long a worker may take, > 0; None is no limit.
        max_memory_mb: how much main memory it may take, > 0; None is no limit.
        grace_seconds: a job without viewers is stopped after this time, > 0; None lets it go on.

    Raises:
        InvalidInputError: If there is no such kind of device, or a limit is not above 0.

    Example:
        >>> manager = JobManager(RunLibrary("runs"), lambda spec: 10**6)  # 1 MB of disk for any spec
        >>> manager.list_runs()  # `submit` adds one
        ()
        >>> manager.close()
    """

    def __init__(
        self,
        library: RunLibrary,
        disk_bytes: DiskBytes,
        *,
        devices: Sequence[str] | None = None,
        max_seconds: float | None = None,
        max_memory_mb: float | None = None,
        grace_seconds: float | None = None,
    ) -> None:
        self.run_library = library
        self._disk_bytes = disk_bytes
        self.devices = tuple(find_devices() if devices is None else devices)
        if not self.devices or not all(re.fullmatch(r"cpu|cuda:\d+", device) for device in self.devices):
            raise InvalidInputError(
                N_(
                    'devices must be at least one, "cpu" or "cuda:0", "cuda:1", ...; received {devices!r}. Leave them'
                    " out for those that there are."
                ),
                devices=self.devices,
            )
        self.max_seconds, self.max_memory_mb = max_seconds, max_memory_mb
        self._grace = grace_seconds
        limits = {"--max-seconds": max_seconds, "--max-memory": max_memory_mb}
        if not all(value is None or value > 0 for value in (*limits.values(), grace_seconds)):
            raise InvalidInputError(
                N_(
                    "Limits of time and memory are numbers above 0, or None; received max_seconds {max_seconds!r},"
                    " max_memory_mb {max_memory_mb!r}, grace_seconds {grace_seconds!r}. Use None for no limit."
                ),
                max_seconds=max_seconds,
                max_memory_mb=max_memory_mb,
                grace_seconds=grace_seconds,
            )
        self._limits = [part for name, value in limits.items() if value is not None for part in (name, str(value))]
        self._lock = threading.RLock()
        self._queue: list[_Job] = []
        self._running: list[_Job] = []
        self._submitted: dict[str, str] = {}  # token -> id
        self._unsaid: dict[
            str, tuple[folder.TrainingState, Remark | None]
        ] = {}  # id -> what its status does not say yet
        self._viewers: defaultdict[str, set[str]] = defaultdict(set)
        self._closed = False
        self._wake = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="jobs", daemon=True)
        self._watcher.start()
        atexit.register(self.close)

    def submit(self, spec: Mapping[str, Any], title: str = "", *, token: str | None = None) -> str:
        """Put a training into the queue and return its id, which nobody can guess.

        Args:
            spec: see `TrainingSpec.from_dict`.
            title: what a person calls it; the spec's own if empty.
            token: of this submission; a second one with the same token, of a double click, is the first.

        Raises:
            InvalidInputError: If the spec cannot be trained here.
            StorageError: If the disk has no room for it and what other trainings will still write, or cannot be
                written.
        """
        checked = TrainingSpec.from_dict(spec)
        checked = replace(checked, title=title or checked.title)
        with self._lock:
            self._require_open()
            if token is not None and token in self._submitted:
                return self._submitted[token]
            self.run_library.require_room(checked, self._disk_bytes)
            id = self.run_library.create(checked)
            if token is not None:
                self._submitted[token] = id
            self._enqueue(_Job(id, resume=False))
        return id

    def resume(self, id: str) -> None:
        """Put a run into the queue that has not finished, to go on from its last checkpoint. Once is enough.

        Raises:
            InvalidInputError: If there is no such run, it has finished, somebody else trains it, or it was not made by
                a training.
            StorageError: If the disk has no room for what is still to come of it, or cannot be written.
        """
        with self._lock:
            self._require_open()
            path = self.run_library.path(id)
            self._look_after_ended()
            if self._find(id) is not None:
                return
            if is_run_directory(path):
                raise InvalidInputError(N_("The run was recorded by somebody else's training. Go on with it there."))
            status = status_of(path)
            if status.is_live:
                raise InvalidInputError(N_("The run is trained by another process already. Wait for it, or stop it."))
            if status.state == "finished":
                raise InvalidInputError(
                    N_("The run has all its {epochs} epochs. Start another one with more."), epochs=status.epochs
                )
            self.run_library.require_room(read_spec(ComparisonFolder(path).spec_file), self._disk_bytes, id)
            change_status(path, "starting", None)
            self._unsaid.pop(id, None)
            self._enqueue(_Job(id, resume=True))

    def stop(self, id: str) -> None:
        """Ask a run to stop: after its current step, by force if it takes too long. Nothing happens if it has ended.

        Raises:
            InvalidInputError: If there is no such run.
            StorageError: If another server trains it, and its folder cannot be written.
        """
        with self._lock:
            path = self.run_library.path(id)
            self._look_after_ended()
            job = self._find(id)
            if job is not None:
                self._stop(job)
            elif status_of(path).is_live:  # another server's, or somebody's own
                with told(path):
                    ComparisonFolder(path).stop_file.touch()

    def status(self, id: str) -> JobStatus:
        """How a run is doing.

        Raises:
            InvalidInputError: If there is no such run, or nothing can be read of it.
        """
        path = self.run_library.path(id)
        with self._lock:
            self._look_after_ended()
            job, position = self._find(id), self.position(id)
            on_disk = status_of(path)
            state, remark = self._unsaid.get(id, (on_disk.state, on_disk.remark))
        if job is not None and job.worker is None:
            state = "queued"
        elif job is not None and job.asked is not None:
            state, remark = "stopping", None
        elif job is not None and not on_disk.is_live:
            # Its last word is written, and the process about to end: only then can it be resumed.
            state, remark = "running", None
        return JobStatus(state, on_disk.epoch, on_disk.epochs, remark, on_disk.device, position)

    def position(self, id: str) -> int | None:
        """Place in the queue, from 1; None if it does not wait."""
        with self._lock:
            return next((place for place, job in enumerate(self._queue, start=1) if job.id == id), None)

    @property
    def waiting(self) -> int:
        """How many wait in the queue."""
        with self._lock:
            return len(self._queue)

    def list_runs(self) -> tuple[RunEntry, ...]:
        """The library's runs, newest first, with "queued" and "stopping" for this manager's own."""
        entries = self.run_library.list_runs()
        with self._lock:
            own = {job.id for job in (*self._queue, *self._running)} | set(self._unsaid)
        return tuple(self._with_status(entry) if entry.id in own else entry for entry in entries)

    def last_output(self, id: str, lines: int = 20) -> tuple[str, ...]:
        """The last lines that the workers of a run printed, oldest first; none before it begins.

        Raises:
            InvalidInputError: If there is no such run.
        """
        return last_lines(self.run_library.path(id), lines)

    def attach(self, id: str, viewer: str) -> JobStatus:
        """Note that somebody looks at a run, for as long as it takes until `detach` or `leave`; say how it is doing.

        Raises:
            InvalidInputError: If there is no such run.
        """
        status = self.status(id)
        with self._lock:
            self._viewers[id].add(viewer)
        return status

    def detach(self, id: str, viewer: str) -> None:
        """Note that somebody looks at a run no longer. Nothing happens if they did not, or there is no such run."""
        with self._lock:
            if viewer not in self._viewers.get(id, ()):
                return
            self._viewers[id].discard(viewer)
            if not self._viewers[id]:
                del self._viewers[id]
                if (job := self._find(id)) is not None:
                    job.alone_since = time.monotonic()

    def leave(self, viewer: str) -> None:
        """Note that somebody has gone, whatever they looked at."""
        with self._lock:
            for id in tuple(self._viewers):
                self.detach(id, viewer)

    def close(self) -> None:
        """End all workers and wait for them; they are interrupted and can be resumed. Nothing runs after this."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for job in self._queue:
                self._change(job.id, "interrupted", Remark("server ended before"))
            self._queue.clear()
            for job in self._running:
                job.reason = Remark("server ended")
                self._terminate(job)
        atexit.unregister(self.close)
        self._wake.set()
        self._watcher.join()
        deadline = time.monotonic() + LAST_PATIENCE
        for job in tuple(self._running):
            if job.worker is not None and not job.worker.wait(max(0.0, deadline - time.monotonic())):
                job.worker.kill()
                job.worker.wait(LAST_PATIENCE)
        with self._lock:
            self._look_after_ended()

    def _watch(self) -> None:
        """Look after all jobs, now and whenever somebody wakes it."""
        while not self._closed:
            with self._lock:
                self._look_after_ended()
                self._insist()
                self._stop_unwatched()
                self._say_again()
            self._wake.wait(WATCH_PERIOD)
            self._wake.clear()

    def _enqueue(self, job: _Job) -> None:
        self._queue.append(job)
        self._start_next()

    def _start_next(self) -> None:
        """Give every free device the job that has waited longest."""
        free = list(self.devices)
        for job in self._running:
            free.remove(job.device)
        while free and self._queue and not self._closed:
            job = self._queue.pop(0)
            try:
                self._start(job, free[0])
            except (OSError, PerError) as error:
                self._change(job.id, "failed", Remark("not started", {"error": phrase_of(error) or str(error)}))
            else:
                self._running.append(job)
                free.pop(0)

    def _start(self, job: _Job, device: str) -> None:
        path = self.run_library.path(job.id)
        comparison = ComparisonFolder(path)
        comparison.stop_file.unlink(missing_ok=True)  # of a worker that was killed before it saw it
        resume = ["--resume"] if job.resume else []
        job.worker = WorkerProcess(comparison.spec_file, path, device, [*self._limits, *resume])
        job.device = device

    def _look_after_ended(self) -> None:
        """Note how workers ended that did, and give their devices to others."""
        ended = [job for job in self._running if job.worker is not None and job.worker.has_ended]
        for job in ended:
            self._running.remove(job)
            self._conclude(job)
        if ended:
            self._start_next()

    def _conclude(self, job: _Job) -> None:
        """Write into the run how it ended, where the worker could not or does not know why."""
        assert job.worker is not None
        unwritable = job.worker.exit_status == ExitStatus.UNWRITABLE
        try:
            state = ComparisonFolder(self.run_library.path(job.id)).read_status().get("state")
        except StorageError:  # the folder of all runs is gone, and may come back
            state = "running"
        except InvalidInputError:  # this one is gone or damaged: there is nowhere to say it
            return
        if state in ("finished", "failed"):
            return
        spoke = state not in LIVE
        if unwritable and not spoke:
            self._change(job.id, "interrupted", job.worker.last_words())
        elif self._closed and not unwritable:
            self._change(job.id, "interrupted", job.reason)
        elif job.asked is not None and (job.reason or not spoke):
            self._change(job.id, "stopped", job.reason or Remark("by force"))
        elif not spoke:
            self._change(job.id, "failed", job.worker.last_words())

    def _stop(self, job: _Job, reason: Remark | None = None) -> None:
        if job.worker is None:
            self._queue.remove(job)
            self._change(job.id, "stopped", reason or Remark("left the queue"))
        elif job.asked is None:
            job.asked, job.reason = time.monotonic(), reason
            try:
                ComparisonFolder(self.run_library.path(job.id)).stop_file.touch()
            except (OSError, PerError):  # no place to ask in
                self._terminate(job)

    def _insist(self) -> None:
        """Terminate, then kill workers that were asked to stop and do not."""
        now = time.monotonic()
        for job in self._running:
            if job.terminated is not None and now - job.terminated > LAST_PATIENCE and job.worker is not None:
                job.worker.kill()
            elif job.terminated is None and job.asked is not None and now - job.asked > PATIENCE:
                self._terminate(job)

    def _terminate(self, job: _Job) -> None:
        if job.worker is not None:
            job.terminated = time.monotonic()
            job.worker.terminate()

    def _stop_unwatched(self) -> None:
        if self._grace is None:
            return
        limit = time.monotonic() - self._grace
        for job in (*self._queue, *self._running):
            if job.id not in self._viewers and job.alone_since < limit:
                self._stop(job, Remark("unwatched", {"seconds": self._grace}))

    def _change(self, id: str, state: folder.TrainingState, remark: Remark | None) -> None:
        """Write a status; what cannot be written now is remembered, said by `status`, and tried again."""
        self._unsaid.pop(id, None)
        try:
            change_status(self.run_library.path(id), state, remark)
        except StorageError:
            self._unsaid[id] = state, remark
        except InvalidInputError:  # deleted by hand: there is nowhere to say it
            return

    def _say_again(self) -> None:
        """Write what could not be written before, unless somebody else has taken the run up since."""
        for id, (state, remark) in tuple(self._unsaid.items()):
            try:
                path = self.run_library.path(id)
                taken_up = status_of(path).is_live and ComparisonFolder(path).read_status()["pid"] != os.getpid()
            except PerError:
                taken_up = False
            if taken_up:
                del self._unsaid[id]
            else:
                self._change(id, state, remark)

    def _with_status(self, entry: RunEntry) -> RunEntry:
        try:
            status = self.status(entry.id)
        except PerError:
            return entry
        return replace(entry, state=status.state, remark=status.remark)

    def _find(self, id: str) -> _Job | None:
        return next((job for job in (*self._running, *self._queue) if job.id == id), None)

    def _require_open(self) -> None:
        if self._closed:
            raise InvalidInputError(N_("Jobs can be started while the server runs; it is ending. Start it again."))


def find_devices() -> tuple[str, ...]:
    """One slot for every GPU that torch can use; one for the CPU where there is none."""
    return tuple(f"cuda:{index}" for index in range(torch.cuda.device_count())) or ("cpu",)

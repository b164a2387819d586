"""Training a comparison: all methods and seeds advance together, epoch by epoch, each watched by a recorder."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from copy import deepcopy
from dataclasses import asdict, replace
from functools import partial
from typing import Any, NoReturn

import psutil
import torch
from torch import Tensor

from analysis.checkpoint import read_checkpoint, write_checkpoint
from analysis.process import resident_memory
from analysis.runs.folder import ComparisonFolder, TrainingState, now
from analysis.runs.perplexity import perplexity
from analysis.runs.remark import Remark
from analysis.runs.room import bytes_to_come, require_room
from analysis.runs.spec import Part, TrainingSpec
from analysis.training.data_source import load
from analysis.training.dataset import PARTS, Batch, DataSet
from analysis.training.device import device_name, find_device, is_out_of_memory
from analysis.training.footprint import advice, footprint
from analysis.training.learner import Learner, Score, width_on
from analysis.training.models import hidden_layers
from analysis.training.plan import allowance_of, disk_bytes, require_batch
from analysis.training.watch import TrainingLimits, Watch
from per_core.errors import BudgetError, InvalidInputError
from per_core.recording.background import Background
from per_core.recording.layer_record import Allowance
from per_core.recording.recorder import Recorder
from per_core.recording.run_directory import open_run
from per_core.text import N_, Phrase, as_json

USABLE = 0.9  # of a GPU's memory; the rest goes to libraries and fragments


class Trainer:
    """Trains what a spec says into a folder.

    Args:
        spec: what to train.
        folder: where to.
        resume: go on with what is in the folder, if there is anything.
        limits: of time and memory.
        report: called with a line of text for every epoch, and while data are fetched.

    Raises:
        InvalidInputError: If the folder holds a comparison that is not to be resumed or is another one, or there is no
            such device.
        StorageError: If the disk has no room for it.
    """

    def __init__(
        self,
        spec: TrainingSpec,
        folder: ComparisonFolder,
        *,
        resume: bool = False,
        limits: TrainingLimits | None = None,
        report: Callable[[str], None] = print,
    ) -> None:
        self._spec = spec
        self._folder = folder
        self._limits = limits or TrainingLimits()
        self._report = report
        self._device = find_device(spec)
        self._baseline = resident_memory()
        self._started = now()
        self._telling = threading.Lock()
        self._learners: list[Learner] = []
        self._recorders: dict[str, Recorder] = {}
        self._background = Background()  # writes records and checkpoints, in their order
        self._saved: Future[None] | None = None
        self._parts: list[Part] = []
        self._resume = resume
        self._require_folder()
        to_come = bytes_to_come(folder.path, disk_bytes(spec))
        self._goes_on = folder.comparison_file.exists() and folder.checkpoint_file.exists()
        self._epoch = int(folder.read_status()["epoch"]) if self._goes_on else 0
        if not self._goes_on or self._epoch < spec.epochs:
            require_room(folder.path, to_come)

    def train(self, watch: Watch) -> None:
        """Train to the last epoch.

        Raises:
            StopRequested: If the watch asks for it; the folder can be taken up again.
            InvalidInputError: If the spec cannot be trained: data or layers that do not exist, samples of the wrong
                shape.
            BudgetError: If memory does not suffice; the message says what would fit.
            StorageError: If a record, the checkpoint or another file cannot be written. What is there is whole, and the
                folder can be taken up again.
        """
        spec = self._spec
        data = load(spec.data, self._report).to(self._device)
        require_batch(spec.batch_size, data.samples)
        self._require_memory(data)
        self._parts = [part for part in PARTS if data.has(part)]
        try:
            self._prepare(data)
            probe = data.probe(spec.probe_size)
            with self._background:
                if not self._goes_on:
                    self._begin(probe)
                for epoch in range(self._epoch + 1, spec.epochs + 1):
                    self._advance(epoch, probe[0], watch)
        except BudgetError as error:
            raise BudgetError(N_("{error} {advice}"), error=error, advice=self._advice(data)) from error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise BudgetError(
                N_("Out of memory on {device}. {advice}"), device=device_name(self._device), advice=self._advice(data)
            ) from error

    def write_status(self, state: TrainingState, remark: Remark | None = None) -> None:
        """Say how far it has come."""
        with self._telling:
            self._write_status(state, remark)

    def leave(self, state: TrainingState, remark: Remark, code: int) -> NoReturn:
        """Say so, if that can be written, and end the process at once, from whatever thread; every file is whole."""
        try:
            self._telling.acquire()  # for good: nothing may be said after it
            self._folder.release_reserve()
            self._write_status(state, remark)
        finally:
            os._exit(code)

    def _write_status(self, state: TrainingState, remark: Remark | None) -> None:
        self._folder.write_status(
            state,
            epoch=self._epoch,
            epochs=self._spec.epochs,
            remark=remark,
            device=device_name(self._device),
            started=self._started,
            runs={
                learner.name: {
                    "diverged": learner.diverged,
                    "reason": learner.reason,
                    "phrase": as_json(learner.reason),
                }
                for learner in self._learners
            },
        )

    def _prepare(self, data: DataSet) -> None:
        """Build the learners, and take them to the epoch of the checkpoint."""
        spec = self._spec
        self._learners = [
            Learner(spec, method, seed, data)
            for seed in range(spec.seed, spec.seed + spec.seeds)
            for method in spec.methods
        ]
        if self._goes_on:
            state = read_checkpoint(self._folder.checkpoint_file, self._device)
            self._epoch = state["epoch"]
            for learner in self._learners:
                learner.load_state_dict(state["learners"][learner.name])
        elif self._folder.comparison_file.exists():  # cut short before the first checkpoint
            shutil.rmtree(self._folder.runs, ignore_errors=True)
        resolved = self._resolved(data)
        self._folder.write_comparison({"spec": spec.as_dict(), "created": self._started, "resolved": resolved})
        for learner in self._learners:
            self._recorders[learner.name] = Recorder(
                learner.network,
                self._folder.run(learner.name),
                layers=list(hidden_layers(learner.network)),
                **asdict(self._allowance(learner)),
                title=" ".join(filter(None, (spec.title, learner.name))),
                description={"method": learner.method.label, "seed": learner.seed, "spec": spec.as_dict(), **resolved},
                on_write_error="raise",
                resume=self._goes_on,
                last_epoch=self._epoch if self._goes_on else None,
                background=self._background,
            )
            if self._goes_on:
                self._require_records(learner)

    def _allowance(self, learner: Learner) -> Allowance:
        """What is recorded of every layer; a run that an earlier version began goes on as it began."""
        if self._goes_on:
            return open_run(self._folder.run(learner.name)).allowance
        return allowance_of(self._spec, len(hidden_layers(learner.network)))

    def _require_records(self, learner: Learner) -> None:
        """Refuse to go on after a checkpoint that the records do not reach."""
        run = open_run(self._folder.run(learner.name))
        last, due = (run.records[-1].epoch if run.records else None), learner.diverged or self._epoch
        if last != due:
            raise InvalidInputError(
                N_(
                    "A comparison goes on where the records and the checkpoint agree; {path} should have its last"
                    " record at epoch {due}, and has it at {last}. Start anew in another folder."
                ),
                path=run.path,
                due=due,
                last=last,
            )

    def _begin(self, probe: Batch) -> None:
        """Record every network before training; loss and accuracy are those of the probe."""
        for learner in self._learners:
            self._record(learner, probe[0], 0, learner.evaluate([probe]))
        self._save(0, f"epoch 0 of {self._spec.epochs}: recorded before training")

    def _advance(self, epoch: int, probe: Tensor, watch: Watch) -> None:
        """Train every network that has not diverged for one epoch."""
        begun = time.perf_counter()
        lines = []
        for learner in self._learners:
            watch.check()
            if learner.diverged is None:
                start = time.perf_counter()
                score = learner.learn(epoch, watch.check)
                tested = self._record(learner, probe, epoch, score, seconds=time.perf_counter() - start)
                lines.append(f"{learner.name} loss {score.loss:.4f}, test {self._told(tested)}")
            if learner.diverged is not None:
                lines.append(f"{learner.name} diverged at epoch {learner.diverged}")
        seconds = time.perf_counter() - begun
        self._save(epoch, f"epoch {epoch} of {self._spec.epochs} ({seconds:.2f} s): {'; '.join(lines)}")

    def _record(self, learner: Learner, probe: Tensor, epoch: int, score: Score, **scalars: float) -> Score:
        scores = {part: learner.score(part) for part in self._parts}
        for part, held_out in scores.items():
            scalars |= {f"{part}_loss": held_out.loss, f"{part}_accuracy": held_out.accuracy}
        self._recorders[learner.name].record(epoch, inputs=probe, loss=score.loss, accuracy=score.accuracy, **scalars)
        return scores["test"]

    def _told(self, score: Score) -> str:
        return f"perplexity {perplexity(score.loss):.1f}" if self._spec.data.is_text else f"{score.accuracy:.1%}"

    def _save(self, epoch: int, line: str) -> None:
        """Let a copy of everything needed to go on be written, after the records before it, and the line be told."""
        if self._saved is not None:
            self._saved.result()
        learners = {learner.name: deepcopy(learner.state_dict()) for learner in self._learners}
        self._saved = self._background.submit(partial(self._write_checkpoint, epoch, learners, line))

    def _write_checkpoint(self, epoch: int, learners: dict[str, Any], line: str) -> None:
        write_checkpoint(self._folder.checkpoint_file, {"epoch": epoch, "learners": learners})
        self._epoch = epoch
        self.write_status("running")
        self._report(line)

    def _resolved(self, data: DataSet) -> dict[str, Any]:
        return {
            "device": self._device.type,
            "device_name": device_name(self._device),
            "precision": self._spec.mixed_precision,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "width": width_on(self._spec, self._device),
            "data": data.title,
            "runs": [learner.name for learner in self._learners],
            "parameters": {learner.name: learner.parameters for learner in self._learners},
        }

    def _require_folder(self) -> None:
        """Refuse a folder with another comparison in it; go on only with what was begun in the same way."""
        if not self._folder.comparison_file.exists():
            return
        if not self._resume:
            raise InvalidInputError(
                N_(
                    "A comparison needs a folder of its own; there is one in {path} already. Go on with it"
                    " (--resume), or name another folder."
                ),
                path=self._folder.path,
            )
        kept = self._folder.read_comparison()
        spec, device = TrainingSpec.from_dict(kept["spec"]), kept["resolved"]["device"]
        if replace(spec, title=self._spec.title) != self._spec or device != self._device.type:
            raise InvalidInputError(
                N_(
                    "A comparison goes on with the spec and on the device that it was begun with (here {device});"
                    " received another one. Use the spec of {comparison_file}, or name another folder."
                ),
                device=device,
                comparison_file=self._folder.comparison_file,
            )

    def _require_memory(self, data: DataSet) -> None:
        """Refuse before it starts what would not fit."""
        width = width_on(self._spec, self._device)
        whole = footprint(self._spec, data.shape, data.classes, width)
        if whole.total(self._spec.batch_size) > self._available():
            raise BudgetError(N_("Training would not fit into memory. {advice}"), advice=self._advice(data))

    def _available(self) -> int:
        """Bytes that training may take, beside what the process had before it."""
        if self._device.type == "cuda":
            return int(USABLE * torch.cuda.get_device_properties(self._device).total_memory)
        whole = self._limits.memory or psutil.virtual_memory().total
        return whole - self._baseline

    def _advice(self, data: DataSet) -> Phrase:
        width = width_on(self._spec, self._device)
        return advice(self._spec, data.shape, data.classes, width, self._available())

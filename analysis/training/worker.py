"""The process that trains what a spec says, side by side.

It prints a line an epoch, and its exit status is 0 when training finished, 1 after a message on stderr, 2 after a wrong
command line, 3 when it was stopped and can go on with --resume, 4 when its parent had gone, 5 when the disk was full or
its folder could not be written for another reason: it goes on with --resume once it can. `status.json` in the folder
says the same in a word and a sentence.

Of a spec in JSON, a number may be a list: each of its values is trained, {"learning_rate": [0.01, 0.001]} every method
twice. A run is checkpointed every epoch, and one that was cut off goes on to the same bits as without a break.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Literal

import torch

from analysis.command_line import command
from analysis.runs.folder import ComparisonFolder
from analysis.runs.remark import Remark
from analysis.runs.spec import TrainingSpec
from analysis.runs.status import change_status, read_status
from analysis.runs.worker_process import ExitStatus
from analysis.training.presets import PRESETS, find_spec
from analysis.training.trainer import Trainer
from analysis.training.watch import StopRequested, TrainingLimits, Watch
from per_core.errors import PerError, StorageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("spec", metavar="SPEC", help=f"a JSON file, or a preset: {', '.join(PRESETS)}")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the comparison goes")
    parser.add_argument("--resume", action="store_true", help="go on with the comparison in FOLDER, if there is one")
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process, the parent, has gone")
    parser.add_argument("--max-seconds", type=_positive, metavar="S", help="stop after so many seconds")
    parser.add_argument("--max-memory", type=_positive, metavar="MB", help="fail when more memory is needed")


def run(options: argparse.Namespace) -> int:
    """Train as the arguments say; return the exit status.

    Raises:
        PerError: What is wrong with the spec or the machine.
    """
    spec = find_spec(options.spec)
    folder = ComparisonFolder(options.out)
    _be_repeatable()
    memory = None if options.max_memory is None else int(options.max_memory * 1e6)
    limits = TrainingLimits(options.max_seconds, memory, options.parent)
    try:
        with folder.held():
            try:
                return _begin(spec, folder, limits, resume=options.resume)
            except StorageError as error:
                folder.release_reserve()
                _interrupt(folder, spec, Remark.told(error))
                raise
            finally:
                folder.release_reserve()
    except StorageError as error:
        _say(f"{command('train')}: {error} Then go on with --resume.", "stderr")
        return ExitStatus.UNWRITABLE


def _interrupt(folder: ComparisonFolder, spec: TrainingSpec, remark: Remark) -> None:
    """Say why it ended, if that can be written; a finished training that was called once more is finished still."""
    with contextlib.suppress(StorageError):
        if not folder.status_file.exists() or read_status(folder.path).state != "finished":
            change_status(folder.path, "interrupted", remark, epochs=spec.epochs)


def _begin(spec: TrainingSpec, folder: ComparisonFolder, limits: TrainingLimits, *, resume: bool) -> int:
    is_new = not folder.comparison_file.exists()
    if is_new or not folder.spec_file.exists():
        folder.write_spec(spec.as_dict())
    try:
        trainer = Trainer(spec, folder, resume=resume, limits=limits, report=_say)
        folder.reserve()
    except StorageError:
        raise
    except PerError as error:
        if is_new:
            folder.write_status("failed", epoch=0, epochs=spec.epochs, remark=Remark.told(error))
        raise
    return _train(trainer, folder, limits)


def _train(trainer: Trainer, folder: ComparisonFolder, limits: TrainingLimits) -> int:
    def orphaned() -> None:
        trainer.leave("interrupted", Remark("parent gone"), ExitStatus.ORPHANED)

    trainer.write_status("starting")
    watch = Watch(folder.stop_file, limits, orphaned)

    def requested(number: int, _frame: FrameType | None) -> None:
        watch.request(Remark("signal", {"signal": signal.Signals(number).name}))

    handlers = {number: signal.signal(number, requested) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with watch:
            trainer.train(watch)
    except StopRequested as request:
        trainer.write_status("stopped", request.remark)
        _say(f"{request}; go on with --resume")
        return ExitStatus.STOPPED
    except StorageError:
        raise
    except PerError as error:
        trainer.write_status("failed", Remark.told(error))
        raise
    except Exception as error:
        trainer.write_status("failed", Remark.told(f"{type(error).__name__}: {error}"))
        _say(traceback.format_exc(), "stderr")
        return ExitStatus.FAILED
    finally:
        with contextlib.suppress(OSError):
            folder.stop_file.unlink(missing_ok=True)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    trainer.write_status("finished")
    return ExitStatus.FINISHED


def _be_repeatable() -> None:
    """One thread unless the environment says otherwise, and the same bits on a GPU from run to run.

    Layers as small as these gain little from a second thread, and lose much where the cores are busy.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 1))
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def _say(line: str, stream: Literal["stdout", "stderr"] = "stdout") -> None:
    try:
        print(line, file=getattr(sys, stream), flush=True)
    except OSError:  # nobody listens any more, or the log's disk is full: neither decides whether to go on
        setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0; received {text}")
    return value

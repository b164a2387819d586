"""A comparison read back: its spec, how far it has come, and one run for every method and seed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.runs.folder import ComparisonFolder
from analysis.runs.remark import Remark
from analysis.runs.status import RunStatus, read_status
from per_core.errors import InvalidInputError, PerError
from per_core.recording.run_directory import Run, open_run
from per_core.recording.run_files import ending, is_run
from per_core.text import N_, Phrase, together

MOST_NAMED = 8  # epochs in a sentence

RunKey = tuple[str, int]  # method and seed


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison as it was when read; `refresh` gives a newer one. Somebody's run directory is one of a single run.

    Attributes:
        path: the folder.
        spec: what was asked for, see `TrainingSpec.from_dict`; empty for somebody's run directory.
        resolved: what became of it: device, width, numbers of parameters, ...; empty before it begins.
        status: how far it has come.
        runs: (label of the method, seed) -> run, in the order of the spec; those that have begun and can be read.
        problems: name of a run -> why it cannot be read.
    """

    path: Path
    spec: dict[str, Any]
    resolved: dict[str, Any]
    status: RunStatus
    runs: dict[RunKey, Run]
    problems: dict[str, str]

    @property
    def title(self) -> str:
        """What a person calls it: since, or when it was asked for; or else its methods. As it was written."""
        given = ComparisonFolder(self.path).title or self.spec.get("title")
        return str(given or ", ".join(self.methods) or self.path.resolve().name)

    @property
    def methods(self) -> tuple[str, ...]:
        """Labels of the methods that have begun, in the order of the spec."""
        return tuple(dict.fromkeys(method for method, _ in self.runs))

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that have begun, increasing."""
        return tuple(sorted({seed for _, seed in self.runs}))

    @property
    def diverged(self) -> dict[RunKey, tuple[int, str]]:
        """Method and seed -> the epoch in which it stopped being finite, and why."""
        return {
            key: self.status.diverged[run.path.name]
            for key, run in self.runs.items()
            if run.path.name in self.status.diverged
        }

    def refresh(self) -> Comparison:
        """The comparison as it is now, the same object if nothing happened; of records, only new ones are read.

        Raises:
            InvalidInputError: If the folder is gone or damaged, see `open_comparison`.
        """
        new = _read(self.path, {run.path.name: run for run in self.runs.values()})
        unchanged = new.status == self.status and new.problems == self.problems and list(new.runs) == list(self.runs)
        if unchanged and all(new.runs[key] is run for key, run in self.runs.items()):
            return self
        return new


def open_comparison(path: str | Path) -> Comparison:
    """Read a comparison, finished, under way or waiting to begin, or a run directory that any Recorder wrote.

    Raises:
        InvalidInputError: If there is neither, or it is damaged. A damaged run of a comparison is left out and its
            reason given.
    """
    return _read(Path(path), {})


def is_run_directory(path: Path) -> bool:
    """Whether a single Recorder wrote there, by itself."""
    return is_run(path) and not ComparisonFolder(path).exists


def status_of(path: Path) -> RunStatus:
    """How far a comparison or somebody's run directory has come; errors as of `open_comparison`."""
    return _recording_status(open_run(path)) if is_run_directory(path) else read_status(path)


def _recording_status(run: Run) -> RunStatus:
    epoch, updated = (run.records[-1].epoch, run.records[-1].time) if run.records else (0, run.created)
    device = str(run.description.get("device", ""))
    count = Phrase(N_("{count} records"), count=len(run.records)) if len(run.records) != 1 else Phrase(N_("1 record"))
    remark = Remark.told(together(count, _missing(run), _repeated(run)))
    return RunStatus(ending(run.path) or "recorded", epoch, None, remark, device, updated, {})


def _missing(run: Run) -> str:
    """Since when records are missing, to be added to how many there are."""
    if run.missing is None:
        return ""
    first, last = run.missing
    if last > first:
        return Phrase(
            N_("records are missing from epoch {first} to epoch {last}, as they could not be written"),
            first=first,
            last=last,
        )
    return Phrase(N_("records are missing at epoch {epoch}, as they could not be written"), epoch=first)


def _repeated(run: Run) -> str:
    """Which epochs were recorded more than once, to be added as well."""
    if not run.repeated:
        return ""
    some = ", ".join(map(str, run.repeated[:MOST_NAMED])) + ", ..." * (len(run.repeated) > MOST_NAMED)
    return Phrase(N_("of epoch {some} several records were written, of which the last counts"), some=some)


def read_spec_and_resolved(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The spec of a comparison, and what became of it: nothing before it begins.

    Raises:
        InvalidInputError: If there is none, or it is damaged.
    """
    folder = ComparisonFolder(path)
    if folder.comparison_file.exists():
        values = folder.read_comparison()
        spec, resolved = values.get("spec"), values.get("resolved")
    else:
        spec, resolved = _read_spec(folder), {}
    if not isinstance(spec, Mapping) or not isinstance(resolved, Mapping):
        raise InvalidInputError(
            N_("{path} must hold a training's spec; the one in it is damaged. Delete the run."), path=path
        )
    return dict(spec), dict(resolved)


def _read_spec(folder: ComparisonFolder) -> Any:
    try:
        return json.loads(folder.spec_file.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            N_(
                "A run is a folder that a training or a Recorder wrote; {path} is none that can be read: {error}."
                " Name another folder."
            ),
            path=folder.path,
            error=error,
        ) from error


def _read(path: Path, known: Mapping[str, Run]) -> Comparison:
    if is_run_directory(path):
        run = _read_run(path, known)
        return Comparison(path, {}, {}, _recording_status(run), {(run.title or path.name, 0): run}, {})
    spec, resolved = read_spec_and_resolved(path)
    # The status first: what it speaks of has been written before it.
    status = read_status(path)
    runs: dict[tuple[str, int], Run] = {}
    problems: dict[str, str] = {}
    for folder in _run_folders(ComparisonFolder(path), resolved):
        try:
            run = _read_run(folder, known)
        except InvalidInputError as error:
            problems[folder.name] = error.phrase
        else:
            runs[_key(run)] = run
    return Comparison(path, spec, resolved, status, runs, problems)


def _run_folders(folder: ComparisonFolder, resolved: Mapping[str, Any]) -> list[Path]:
    """Those that have begun, in the order of the spec."""
    names = resolved.get("runs", [])
    if not isinstance(names, list):
        raise InvalidInputError(
            N_("{comparison_file} must list its runs; it has {names!r}. Delete the run."),
            comparison_file=folder.comparison_file,
            names=names,
        )
    return [run for name in names if is_run(run := folder.run(str(name)))]


def _read_run(path: Path, known: Mapping[str, Run]) -> Run:
    try:
        run = known[path.name].refresh() if path.name in known else open_run(path)
    except PerError:
        raise
    except Exception as error:  # whatever a damaged file makes it raise
        raise InvalidInputError(
            N_("{path} cannot be read: {error!r:.200}. Delete the run."), path=path, error=error
        ) from error
    if not isinstance(run.description, dict):
        raise InvalidInputError(
            N_("A run's description is a JSON object; that of {path} is not. Delete the run."), path=path
        )
    return run


def _key(run: Run) -> RunKey:
    method, seed = run.description.get("method", run.path.name), run.description.get("seed", 0)
    return str(method), seed if isinstance(seed, int) else 0

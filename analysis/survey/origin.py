"""What a report is made from: the command that writes it again, and what was asked for of the runs in the dump."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.command_line import command
from analysis.dumps import Inspection
from analysis.plain_text import plain
from analysis.runs.comparison import read_spec_and_resolved
from analysis.runs.folder import ComparisonFolder
from analysis.translations import ENGLISH
from per_core.errors import InvalidInputError
from per_core.recording.run_files import header_file

MOST_SPECS, MOST_LINES, LONGEST_LINE = 5, 400, 1000
MOST_BYTES = 1 << 20  # of a file that says what was asked for


@dataclass(frozen=True, slots=True)
class Origin:
    """Of what, when and how a report was asked for.

    Attributes:
        path: the dump, as it was named; its title alone if nobody named it here.
        out: the file that was to be written.
        date: as it was given; empty if nobody gave one.
        plan: the file of the reading plan, if one was named.
        language: of the report.
    """

    path: str = ""
    out: str = "report.html"
    date: str = ""
    plan: str = ""
    language: str = ENGLISH

    def command(self, inspection: Inspection) -> str:
        """What to type for the same report, where the files are the same."""
        words = ["report", _typed(self.path or inspection.path.name)]
        words += ["--plan", _typed(self.plan)] if self.plan else []
        for question, answer in inspection.answers:
            words += ["--set", f"{question}={answer}"]
        words += ["--language", self.language] if self.language != ENGLISH else []
        words += ["--date", self.date] if self.date else []
        return command(*words, "--out", _typed(self.out))


def _typed(path: str) -> str:
    """A path as it is typed; one that begins with "-" would be taken for an option."""
    return f"./{path}" if path.startswith("-") else path


def specs_of(inspection: Inspection) -> tuple[tuple[str, str], ...]:
    """What the runs of a dump were asked for: the name of each, the first five, and JSON in safe signs."""
    found = []
    for name, values in _specs(inspection):
        found.append((name, shown(json.dumps(values, indent=1))))
        if len(found) == MOST_SPECS:
            break
    return tuple(found)


def shown(text: str) -> str:
    """Lines of a file, fit to be shown; what is too long is cut."""
    lines = text.splitlines()
    cut = ["..."] if len(lines) > MOST_LINES else []
    return "\n".join([*(plain(line, LONGEST_LINE) for line in lines[:MOST_LINES]), *cut])


def _specs(inspection: Inspection) -> Iterator[tuple[str, Any]]:
    """The spec of a comparison; of anybody's run directories what their Recorders were told."""
    if ComparisonFolder(inspection.path).exists:
        try:
            yield plain(inspection.path.name), read_spec_and_resolved(inspection.path)[0]
        except InvalidInputError:  # it has none that can be read
            return
        return
    for run in inspection.runs:
        header = _read(header_file(run))
        if header is not None:
            yield plain(run.name), header


def _read(file: Path) -> Any:
    try:
        if file.stat().st_size > MOST_BYTES:
            return None
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):  # the overview says what is wrong with the run
        return None

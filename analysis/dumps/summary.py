"""What a plan makes of a dump, in numbers and in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from gettext import NullTranslations

from analysis.dumps.inspection import Inspection
from per_core.text import N_

ENGLISH = NullTranslations()
KIND_TITLES = {
    "labels": N_("labels"),
    "integers": N_("whole numbers"),
    "coordinates": N_("coordinates"),
    "token ids": N_("token ids"),
    "text": N_("text"),
    "log": N_("columns of a log"),
    "table": N_("columns of a table"),
    "weights": N_("weights"),
    "attention": N_("attention weights"),
    "scalar": N_("single numbers"),
    "other": N_("others"),
}
"""What kinds of arrays that are left out are called."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a plan makes of a dump.

    Attributes:
        files, runs, arrays: that were found; files aside from those of runs.
        layers, epochs, groups: of the table; epochs are 1 if no name tells one, groups (splits, methods, seeds) too.
        most_parts, rows: of the member that is joined from the most arrays: how many, and its rows; 1 if none is.
        part_rows: rows of each part, where every member that is joined has as many parts of as many rows; else None.
        joined: members that are joined from several arrays.
        unused: rows that files say are not in use.
        left_out: arrays that are no activations, by kind.
        refused: what cannot be read.
        binned: members that are histograms, without values.
    """

    files: int
    runs: int
    arrays: int
    layers: int
    epochs: int
    groups: int
    most_parts: int
    rows: int
    part_rows: int | None
    joined: int
    unused: int
    left_out: Mapping[str, int]
    refused: int
    binned: int

    @classmethod
    def of(cls, inspection: Inspection) -> Summary:
        """Of a dump as it is read."""
        members = inspection.readable
        largest = max(members, key=lambda member: len(member.parts), default=None)
        joined = [member for member in members if len(member.parts) > 1]
        alike = {(len(member.parts), part.rows) for member in joined for part in member.parts}
        runs = {run.relative_to(inspection.path).as_posix() for run in inspection.runs}
        places = runs  # of arrays: files of a folder, or the one that the dump is
        if "." not in runs:
            within = inspection.path.is_dir()
            places = {array.location[0] if within and array.location else "" for array in inspection.arrays}
        return cls(
            files=len(places - runs),
            runs=len(runs),
            arrays=len(inspection.arrays),
            layers=len({member.layer or member.name if member.epoch is None else member.layer for member in members}),
            epochs=len({member.epoch for member in members}) or 1,
            groups=len({member.group for member in members}) or 1,
            most_parts=len(largest.parts) if largest else 1,
            rows=largest.rows or 0 if largest else 0,
            part_rows=next(iter(alike))[1] if len(alike) == 1 else None,
            joined=len(joined),
            unused=sum(member.unused for member in members),
            left_out=dict(Counter(one.kind for one in inspection.left_out)),
            refused=len(inspection.refused),
            binned=sum(member.is_binned for member in members),
        )

    def sentence(self, texts: NullTranslations = ENGLISH) -> str:
        """What was found, joined, cut and left out, in a line."""
        return "; ".join(self.clauses(texts)) + "."

    def clauses(self, texts: NullTranslations = ENGLISH) -> list[str]:
        """The parts of the sentence, what was found and what it makes first."""
        _ = texts.gettext
        places = []
        if self.files:
            places.append(texts.ngettext("{n:,} file", "{n:,} files", self.files).format(n=self.files))
        if self.runs:
            places.append(texts.ngettext("{n:,} run", "{n:,} runs", self.runs).format(n=self.runs))
        if self.arrays != self.files:
            places.append(texts.ngettext("{n:,} array", "{n:,} arrays", self.arrays).format(n=self.arrays))
        found = ", ".join(places)
        table = texts.ngettext("{n:,} layer", "{n:,} layers", self.layers).format(n=self.layers)
        table += " × " + texts.ngettext("{n:,} epoch", "{n:,} epochs", self.epochs).format(n=self.epochs)
        if self.groups > 1:
            table += " × " + _("{n:,} splits").format(n=self.groups)
        said = [_("{found} → {table}").format(found=found, table=table)]
        if self.binned:
            said.append(
                texts.ngettext("{n:,} is binned: a histogram", "{n:,} are binned: histograms", self.binned).format(
                    n=self.binned
                )
            )
        if self.joined:
            if self.part_rows is None:
                joined = _("up to {parts:,} parts joined to {rows:,} rows (ordered by the number in the name)")
            else:
                joined = _(
                    "{parts:,} parts of {part_rows:,} rows joined to {rows:,} rows (ordered by the number in the name)"
                )
            said.append(joined.format(parts=self.most_parts, part_rows=self.part_rows, rows=self.rows))
        if self.unused:
            said.append(
                texts.ngettext(
                    "{n:,} row that is not in use cut", "{n:,} rows that are not in use cut", self.unused
                ).format(n=self.unused)
            )
        if self.left_out:
            kinds = ", ".join(
                f"{count:,} ({texts.gettext(KIND_TITLES[kind])})" for kind, count in self.left_out.items()
            )
            said.append(_("left out: {kinds}").format(kinds=kinds))
        if self.refused:
            said.append(
                texts.ngettext("{n:,} cannot be read", "{n:,} cannot be read", self.refused).format(n=self.refused)
            )
        return said

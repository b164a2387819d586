"""Inspect a dump before anything of it is read, then load what was chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.dumps.cells import FLOAT_BYTES, DumpArray, read_by_plan
from analysis.dumps.contents import list_dump
from analysis.dumps.entry import Entry
from analysis.dumps.file_kind import SUFFIXES
from analysis.dumps.files.file_stamp import joined
from analysis.dumps.files.source import Upload, resolve
from analysis.dumps.kept_arrays import KEPT_ARRAYS
from analysis.dumps.limits import DEFAULT_LIMITS, ReadingLimits, in_words
from analysis.dumps.member import LeftOut, Location, Member, Verdict
from analysis.dumps.plan.plan import PLAN_FILE, ReadingPlan
from analysis.dumps.plan.plan_file import kept_plan
from analysis.dumps.proposal import Proposal, Question, propose_plan
from analysis.dumps.proposal.family import Named
from analysis.dumps.rows import read_parts
from analysis.dumps.tree import FileVersion, file_version, is_folder_of_files
from analysis.plain_text import plain, plain_names
from per_core.errors import BudgetError, InvalidInputError
from per_core.recording.run_files import header_file, records_file
from per_core.text import N_, Phrase

NESTED = (".zip", ".tar", ".gz", ".tgz")  # files that hold files
GONE: FileVersion = (0, 0, 0, 0)

__all__ = ["FileVersion", "Inspection", "LeftOut", "Member", "NothingFiniteError", "Verdict", "inspect", "load"]


class NothingFiniteError(InvalidInputError):
    """All values of what was read are NaN or infinite."""


@dataclass(frozen=True)
class Inspection:
    """What is in a dump, and how it is read, before any value is.

    Attributes:
        path: the file or folder, links followed.
        plan: by which arrays become layers over epochs.
        questions: what is uncertain about a plan that was proposed; none of a plan that was given.
        members: the cells of the table layer x epoch x split, in the order of the dump, and what cannot be read.
        left_out: arrays that are no activations.
        ignored: files of the folder that are of no kind that is read.
        limits: within which everything is read.
        allowed: folders that may be read; None for all.
        arrays: that were found.
        answers: that were given to questions.
    """

    path: Path
    plan: ReadingPlan
    questions: tuple[Question, ...]
    members: tuple[Member, ...]
    left_out: tuple[LeftOut, ...] = ()
    ignored: tuple[str, ...] = ()
    limits: ReadingLimits = DEFAULT_LIMITS
    allowed: tuple[Path, ...] | None = None
    arrays: tuple[DumpArray, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """The name of the file or folder, fit to be shown."""
        return plain(self.path.name)

    @property
    def readable(self) -> tuple[Member, ...]:
        """Members that can be read: rows of values, and histograms, of which there are bins alone."""
        return tuple(member for member in self.members if member.verdict == "ok")

    @property
    def loadable(self) -> tuple[Member, ...]:
        """Members whose values `load` reads."""
        return tuple(member for member in self.members if not member.obstacle)

    @property
    def refused(self) -> tuple[Member, ...]:
        """Members that cannot be read."""
        return tuple(member for member in self.members if member.verdict == "refused")

    @cached_property
    def _by_name(self) -> dict[str, Member]:
        return {member.name: member for member in self.members}

    def member(self, name: str) -> Member:
        """The member of a name.

        Raises:
            InvalidInputError: If there is none.
        """
        found = self._by_name.get(name)
        if found is None:
            raise InvalidInputError(
                N_("No member {name!r} in {title}. It has: {members}."),
                name=name,
                title=self.title,
                members=_some(self.members),
            )
        return found

    def version(self, member: Member) -> FileVersion:
        """The stamp of the files that hold a member, all of them together.

        What was read of the member holds as long as it is the same. Records of a run do not change once they are there:
        their file is the run's description. (0, 0, 0, 0) if a file is gone.
        """
        return self.versions((member,))[0]

    def versions(self, members: Iterable[Member]) -> list[FileVersion]:
        """The `version` of each member; a file is looked at once, however many parts are in it."""
        known: dict[str, FileVersion | None] = {}
        has_files = is_folder_of_files(self.path)
        found = []
        for member in members:
            stamps = []
            for name in dict.fromkeys([part.location[0] if has_files else "" for part in member.parts]):
                if name not in known:
                    known[name] = file_version(self.path / name if name else self.path, self.limits)
                stamps.append(known[name])
            there = [one for one in stamps if one is not None]
            found.append(joined(there) if len(there) == len(stamps) else GONE)
        return found

    @cached_property
    def runs(self) -> tuple[Path, ...]:
        """Folders of the runs in the dump, with records or without."""
        # Arrays of a run state their layers, and a run without a record is refused: no other file is looked at.
        places = {
            one.location[0]
            for one in self.arrays
            if one.location and (one.entry.layer is not None or one.entry.refusal)
        }
        folders = {self.path, *(self.path / place for place in places)}
        return tuple(sorted(folder for folder in folders if header_file(folder).is_file()))

    @property
    def written(self) -> int:
        """Bytes of the records of all runs in the dump as of now; it grows with every record."""
        return sum(file.stat().st_size for file in map(records_file, self.runs) if file.is_file())

    @property
    def is_as_proposed(self) -> bool:
        """Whether its plan is the one that is proposed, with the answers that were given, and not another one."""
        return _propose(self.arrays, dict(self.answers)).plan == self.plan

    def with_plan(self, plan: ReadingPlan) -> Inspection:
        """The same dump read by another plan; nothing is listed again, and no question is left."""
        members, left_out = read_by_plan(self.arrays, plan, self.limits)
        return replace(self, plan=plan, questions=(), members=members, left_out=left_out)

    def answer(self, answers: Mapping[str, str]) -> Inspection:
        """The same dump with questions answered, in addition to those that were, see `propose_plan`."""
        given = dict(self.answers) | dict(answers)
        return _proposed(self, given)

    def load(
        self, name: str | None = None, *, rows: range | None = None, require_finite: bool = True
    ) -> ActivationBatch:
        """Read one member; see `load`. Rows without a finite value are refused, unless they need not have one."""
        member = self._chosen(name)
        if member.obstacle:
            raise InvalidInputError(N_("{name}: {obstacle}"), name=member.name, obstacle=member.obstacle)
        assert member.rows is not None
        assert member.units is not None
        start, stop = _bounds(member, rows)
        size = (member.first_row(stop) - member.first_row(start)) * member.units * FLOAT_BYTES
        if size > self.limits.batch_bytes:
            fitting = max(1, self.limits.batch_bytes * (stop - start) // size)
            raise BudgetError(
                N_(
                    "A batch may take {most} of memory; {rows} samples of {name} take {size}. Load {fitting} of them"
                    " at once: rows=range({fitting})."
                ),
                most=in_words(self.limits.batch_bytes),
                rows=stop - start,
                name=member.name,
                size=in_words(size),
                fitting=fitting,
            )
        path = resolve(self.path, self.allowed)
        pieces = list(read_parts(path, member.cut(start, stop), self.limits, KEPT_ARRAYS))
        matrix = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        batch = ActivationBatch(matrix, member.name, layer=member.layer, epoch=member.epoch, source=self.title)
        if require_finite and batch.n_nan + batch.n_inf == batch.n * batch.d:
            where = Phrase(N_("samples {first} to {last} of {name}"), first=start, last=stop - 1, name=member.name)
            raise NothingFiniteError(
                N_(
                    "A batch must have a finite value; all {values} values of {where} are NaN or infinite"
                    " ({not_finite}). The layer had diverged: look at an earlier epoch."
                ),
                values=batch.n * batch.d,
                where=member.name if stop - start == member.items else where,
                not_finite=batch.not_finite,
            )
        return batch

    def load_bins(self, name: str) -> NDArray[np.float64]:
        """Left edge, right edge and count of every bin of a histogram, (bins, 3), see `binned_statistics`.

        Raises:
            InvalidInputError: If the member is no histogram, or cannot be read.
        """
        member = self.member(name)
        if not member.is_binned:
            raise InvalidInputError(
                N_("Bins are those of a histogram; {name} is {dtype}. Read it by load."),
                name=member.name,
                dtype=member.dtype or "unknown",
            )
        (bins,) = read_parts(resolve(self.path, self.allowed), member.cut(0, member.items), self.limits)
        return bins

    def _chosen(self, name: str | None) -> Member:
        if name is not None:
            return self.member(name)
        if len(self.members) == 1:
            return self.members[0]
        if len(self.loadable) == 1:
            return self.loadable[0]
        raise InvalidInputError(
            N_("{title} has {count} members; say which one is to be loaded: {members}."),
            title=self.title,
            count=len(self.members),
            members=_some(self.members),
        )


def inspect(
    dump: str | Path | Upload,
    *,
    plan: ReadingPlan | None = None,
    answers: Mapping[str, str] | None = None,
    limits: ReadingLimits = DEFAULT_LIMITS,
    allowed: Sequence[Path] | None = None,
) -> Inspection:
    """List what is in a dump, from headers alone, and propose how it is read.

    Args:
        dump: a file or a folder of any kind that is read, an archive of such, a run directory; or an upload.
        plan: by which it is read; None for the one that is kept beside the dump, see `plan_file`, or else for the one
            that fits the whole set, see `propose_plan`.
        answers: to questions about the plan that is proposed.
        limits: within which everything is read.
        allowed: folders that may be read, links followed; None for all. Uploads are always allowed.

    Raises:
        InvalidInputError: If there is nothing at the path or it is not allowed, or an answer is to no question.
            Whatever is wrong in a file is told member by member.

    Example:
        >>> np.savez("epoch_1.npz", fc1=np.zeros((100, 8)), labels=np.zeros(100, dtype=int))
        >>> inspection = inspect("epoch_1.npz")
        >>> [(member.layer, member.epoch, member.rows, member.units) for member in inspection.members]
        [('fc1', 1, 100, 8)]
        >>> [one.kind for one in inspection.left_out]
        ['labels']
        >>> inspection.load("fc1").values.shape
        (100, 8)
    """
    found = list_arrays(dump, limits=limits, allowed=allowed)
    if plan is not None and answers:
        raise InvalidInputError(
            N_(
                "Answers are to questions about a plan that is proposed; here a plan is given, and {count} answers."
                " Edit the plan, or leave it out."
            ),
            count=len(answers),
        )
    if plan is None and not answers and not isinstance(dump, Upload):
        plan = kept_plan(found.path)
    return found.with_plan(plan) if plan is not None else _proposed(found, dict(answers or {}))


def list_arrays(
    dump: str | Path | Upload, *, limits: ReadingLimits = DEFAULT_LIMITS, allowed: Sequence[Path] | None = None
) -> Inspection:
    """All arrays of a dump, from headers alone, without a plan: nothing is a member yet. Errors as of `inspect`."""
    if isinstance(dump, Upload):
        path, folders = resolve(dump.path, None), None
    else:
        path, folders = resolve(dump, allowed), None if allowed is None else tuple(allowed)
    found, ignored = list_dump(path, limits)
    found = found or [((), Entry("", refusal=_nothing(path)))]
    return Inspection(
        path,
        ReadingPlan(),
        (),
        (),
        ignored=tuple(plain(name) for name in ignored if not name.endswith(PLAN_FILE)),
        limits=limits,
        allowed=folders,
        arrays=_named(path, found),
    )


def load(
    dump: str | Path | Upload,
    member: str | None = None,
    *,
    rows: range | None = None,
    plan: ReadingPlan | None = None,
    answers: Mapping[str, str] | None = None,
    limits: ReadingLimits = DEFAULT_LIMITS,
    allowed: Sequence[Path] | None = None,
) -> ActivationBatch:
    """Read one member of a dump. `inspect(dump).load(member)` is the same, and inspects once for many members.

    Args:
        dump, plan, answers, limits, allowed: see `inspect`.
        member: its name; may be left out if the dump has but one, or but one that can be read.
        rows: of its samples, the first axis of rows; all if not given.

    Raises:
        InvalidInputError: If the member cannot be read; NothingFiniteError if no value of it is finite.
        BudgetError: If it needs more memory than the limits allow; the message says how many rows fit.
    """
    inspection = inspect(dump, plan=plan, answers=answers, limits=limits, allowed=allowed)
    return inspection.load(member, rows=rows)


def _proposed(inspection: Inspection, answers: Mapping[str, str]) -> Inspection:
    """The dump read by the plan that its arrays and the answers propose."""
    proposal = _propose(inspection.arrays, answers)
    members, left_out = read_by_plan(inspection.arrays, proposal.plan, inspection.limits)
    return replace(
        inspection,
        plan=proposal.plan,
        questions=proposal.questions,
        members=members,
        left_out=left_out,
        answers=tuple(sorted(answers.items())),
    )


def _propose(arrays: Sequence[DumpArray], answers: Mapping[str, str]) -> Proposal:
    """Runs say themselves what they are, and what is refused is nothing."""
    named = [
        Named(array.name, array.entry, array.inner)
        for array in arrays
        if not array.entry.refusal and array.entry.layer is None
    ]
    return propose_plan(named, answers)


def _named(path: Path, found: Sequence[tuple[Location, Entry]]) -> tuple[DumpArray, ...]:
    """Every array with the names by which it is shown and read."""
    is_folder = path.is_dir()
    ways = [_way(path, location, is_folder=is_folder) for location, _ in found]
    true = ["/".join(way if is_folder or len(way) == 1 else way[1:]) for way in ways]
    shown = plain_names(true)
    return tuple(
        DumpArray(location, entry, shown[name], "/".join(way), _keys(way), not is_folder)
        for (location, entry), way, name in zip(found, ways, true, strict=True)
    )


def _way(path: Path, location: Location, *, is_folder: bool) -> tuple[str, ...]:
    """Files and keys on the way to an array; those within an .npz are keys, and have no suffix."""
    way = location if is_folder else (path.name, *location)
    if len(way) > 1 and way[-2].lower().endswith(".npz"):
        return (*way[:-1], way[-1].removesuffix(".npy"))
    return way


def _keys(way: tuple[str, ...]) -> int:
    """How many parts of the name, from its end, are keys within a file."""
    files = 1
    while files < len(way) and _is_nested(way[files - 1]):
        files += 1
    return sum(key.count("/") + 1 for key in way[files:])


@lru_cache(maxsize=64)  # a file is asked about for every array in it
def _is_nested(file: str) -> bool:
    return PurePosixPath(file).suffix.lower() in NESTED


def _bounds(member: Member, rows: range | None) -> tuple[int, int]:
    n = member.items
    if rows is None:
        return 0, n
    if rows.step != 1 or not 0 <= rows.start < rows.stop <= n:
        raise InvalidInputError(
            N_("Rows are a range without gaps within 0 to {n}; received {rows}. Pass range(0, {n}) or a part of it."),
            n=n,
            rows=rows,
        )
    return rows.start, rows.stop


def _some(members: Sequence[Member]) -> str:
    return ", ".join(member.name for member in members[:8]) + (", ..." if members[8:] else "")


def _nothing(path: Path) -> str:
    kinds = ", ".join(SUFFIXES)
    return Phrase(
        N_("A dump holds files that are {kinds}, or run directories; {name} holds none. Name another folder."),
        kinds=kinds,
        name=path.name,
    )

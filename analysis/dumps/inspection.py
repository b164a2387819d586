"""Inspect a dump before anything of it is read, then load what was chosen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from analysis.batch import ActivationBatch
from analysis.dumps.entry import ITEM_BYTES, Entry
from analysis.dumps.file_kind import SUFFIXES
from analysis.dumps.layout import Layout
from analysis.dumps.limits import DEFAULT_LIMITS, ReadingLimits, in_words
from analysis.dumps.member_names import contexts_of, member_name, run_names
from analysis.dumps.name_pattern import DEFAULT_PATTERN, NamePattern, ParsedName, fitting_pattern, parse_names
from analysis.dumps.source import Upload, resolve
from analysis.dumps.tree import Found, Location, ignored_files, list_entries, read_rows
from analysis.plain_text import message, plain, plain_names
from per_core.errors import BudgetError, InvalidInputError
from per_core.recording.run_directory import header_file, records_file

Verdict = Literal["ok", "ambiguous", "refused"]
FileVersion = tuple[int, int]
FLOAT_BYTES = 4
WHOLE_NUMBERS = "whole numbers: labels, indices or coordinates rather than activations"
TWICE = "Names are unique within a dump; this one was there before. Rename one of them."


class NothingFiniteError(InvalidInputError):
    """All values of what was read are NaN or infinite."""


@dataclass(frozen=True, slots=True)
class Member:
    """One array of a dump: a line of the table.

    Attributes:
        name: the way to it: folders, file, file in the archive and key, joined by "/". Unique in the dump, and as all
            text of a member fit to be shown, see `analysis.plain_text`; `location` has the names as they are.
        shape: as stored; None if unknown.
        dtype: of its values, as its file calls it.
        declared: bytes that shape and type come to; None if unknown.
        stored: bytes that it takes in the file, compressed or not; of what is in an archive its share of the compressed
            bytes; None if unknown.
        layer, epoch, split: read from the name, or stated by the file; None or empty if unknown.
        verdict: "ok"; "ambiguous", it has three or more axes and needs a layout; "refused".
        reason: if refused, why and what to do; if ambiguous, what to choose from.
        note: what else is worth knowing.
        rows, units: n and d of the matrix that it is loaded as; None until that is clear.
        location: the way to it in parts, see `analysis.dumps.tree`.
        file: the file of the folder or .zip that it is in; empty if the dump is one file.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str
    declared: int | None
    stored: int | None
    layer: str | None
    epoch: float | None
    split: str
    verdict: Verdict
    reason: str
    note: str
    rows: int | None
    units: int | None
    location: Location
    file: str = ""

    @property
    def axes(self) -> int:
        """How many axes it has as stored; 0 if unknown."""
        return len(self.shape or ())


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is in a dump, before any value is read.

    Attributes:
        path: the file or folder, links followed.
        members: in the order of the dump; at least one, if only a refused one that stands for the file.
        ignored: files of the folder that are of no kind that is read.
        layout: how arrays of three or more axes are meant, once somebody has said so.
        layouts: (file, number of axes) -> how these are meant, where somebody has said so of them alone.
        pattern: by which names were parsed.
        limits: within which everything is read.
        allowed: folders that may be read; None for all.
    """

    path: Path
    members: tuple[Member, ...]
    ignored: tuple[str, ...] = ()
    layout: Layout | None = None
    pattern: NamePattern = DEFAULT_PATTERN
    limits: ReadingLimits = DEFAULT_LIMITS
    allowed: tuple[Path, ...] | None = None
    _found: tuple[Found, ...] = ()
    layouts: Mapping[tuple[str, int], Layout] = field(default_factory=dict, hash=False)

    @property
    def title(self) -> str:
        """The name of the file or folder, fit to be shown."""
        return plain(self.path.name)

    @property
    def readable(self) -> tuple[Member, ...]:
        """Members that can be loaded as they are."""
        return tuple(member for member in self.members if member.verdict == "ok")

    @property
    def ambiguous(self) -> tuple[Member, ...]:
        """Members that can be loaded once there is a layout."""
        return tuple(member for member in self.members if member.verdict == "ambiguous")

    @property
    def refused(self) -> tuple[Member, ...]:
        """Members that cannot be loaded."""
        return tuple(member for member in self.members if member.verdict == "refused")

    def member(self, name: str) -> Member:
        """The member of a name.

        Raises:
            InvalidInputError: If there is none.
        """
        found = next((member for member in self.members if member.name == name), None)
        if found is None:
            some = ", ".join(member.name for member in self.members[:8]) + (", ..." if self.members[8:] else "")
            raise InvalidInputError(f"No member {name!r} in {self.title}. It has: {some}.")
        return found

    def version(self, member: Member) -> FileVersion:
        """Time of the last change, in nanoseconds, and size of the file that holds a member.

        What was read of the member holds as long as they are the same. Records of a run do not change once they are
        there: their file is the run's description. (0, 0) if the file is gone.
        """
        place = self.path
        for part in member.location:
            if not place.is_dir() or not (place / part).exists():
                break
            place = place / part
        if place.is_dir():
            place = header_file(place)
        try:
            found = place.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_size

    @property
    def runs(self) -> tuple[Path, ...]:
        """Folders of the runs in the dump, with records or without."""
        folders = {self.path, *(self.path / member.location[0] for member in self.members if member.location)}
        return tuple(sorted(folder for folder in folders if header_file(folder).is_file()))

    @property
    def written(self) -> int:
        """Bytes of the records of all runs in the dump as of now; it grows with every record."""
        return sum(file.stat().st_size for file in map(records_file, self.runs) if file.is_file())

    def layout_of(self, member: Member) -> Layout | None:
        """How a member is meant; None if it has three or more axes and nobody has said so."""
        return self.layouts.get((member.file, member.axes), self.layout)

    def with_layout(self, layout: Layout | None, *, file: str | None = None, axes: int | None = None) -> Inspection:
        """The same dump with its arrays of three or more axes meant in this way; nothing is read again.

        Args:
            layout: how they are meant; None to be asked again.
            file: `Member.file` of those that are meant; None for those of every file.
            axes: how many axes those have that are meant; None for any number. (n, length, channels) and (n, channels,
                height, width) beside each other have different layouts.
        """
        if file is None and axes is None:
            return _judged(replace(self, layout=layout, layouts={}))
        chosen = {
            (member.file, member.axes)
            for member in self.members
            if member.axes > 2 and file in (None, member.file) and axes in (None, member.axes)
        }
        layouts = {key: known for key, known in self.layouts.items() if key not in chosen}
        if layout is not None:
            layouts |= dict.fromkeys(chosen, layout)
        return _judged(replace(self, layouts=layouts))

    def with_pattern(self, pattern: NamePattern) -> Inspection:
        """The same dump with its names parsed by another rule; nothing is read again.

        Raises:
            InvalidInputError: If the rule takes longer than five seconds.
        """
        return _judged(replace(self, pattern=pattern))

    def load(
        self, name: str | None = None, *, rows: range | None = None, require_finite: bool = True
    ) -> ActivationBatch:
        """Read one member; see `load`. Rows without a finite value are refused, unless they need not have one."""
        member = self._chosen(name)
        _require_loadable(member)
        assert member.shape is not None
        assert member.units is not None
        start, stop = _bounds(member, rows)
        samples = math.prod(member.shape[1:])
        if (stop - start) * samples * FLOAT_BYTES > self.limits.batch_bytes:
            fitting = self.limits.batch_bytes // (samples * FLOAT_BYTES)
            raise BudgetError(
                f"A batch may take {in_words(self.limits.batch_bytes)} of memory; {stop - start} rows of {member.name}"
                f" take {in_words((stop - start) * samples * FLOAT_BYTES)}. Load {fitting} rows at once:"
                f" rows=range({fitting})."
            )
        path = resolve(self.path, self.allowed)
        values = read_rows(path, member.location, start, stop, self.limits)
        if values.shape != (stop - start, *member.shape[1:]):
            raise InvalidInputError(
                f"{member.name} must be as it was when inspected, {member.shape}; it has changed. Inspect the dump"
                " again."
            )
        matrix = (self.layout_of(member) or Layout("sample")).to_matrix(values)
        batch = ActivationBatch(matrix, member.name, layer=member.layer, epoch=member.epoch, source=self.title)
        if require_finite and batch.n_nan + batch.n_inf == batch.n * batch.d:
            part = "" if stop - start == member.shape[0] else f"rows {start} to {stop - 1} of "
            raise NothingFiniteError(
                f"A batch must have a finite value; all {batch.n * batch.d} values of {part}{member.name} are NaN or"
                f" infinite ({batch.not_finite}). The layer had diverged: look at an earlier epoch."
            )
        return batch

    def _chosen(self, name: str | None) -> Member:
        if name is not None:
            return self.member(name)
        if len(self.members) == 1:
            return self.members[0]
        if len(self.readable) == 1:
            return self.readable[0]
        some = ", ".join(member.name for member in self.members[:8]) + (", ..." if self.members[8:] else "")
        raise InvalidInputError(f"{self.title} has {len(self.members)} members; say which one is to be loaded: {some}.")


def inspect(
    dump: str | Path | Upload,
    *,
    layout: Layout | None = None,
    pattern: NamePattern | None = None,
    limits: ReadingLimits = DEFAULT_LIMITS,
    allowed: Sequence[Path] | None = None,
) -> Inspection:
    """List what is in a dump, from headers alone; only text and .pt files of torch's old format are read for it.

    Args:
        dump: a run directory, a .npy, .npz, .safetensors, .pt, .h5, .parquet or .csv file, a folder or .zip of them; or
            an upload of such.
        layout: how arrays of three or more axes are meant; None to be asked: they are "ambiguous".
        pattern: by which names are parsed; None for the one that fits all names together, see `fitting_pattern`.
        limits: within which everything is read.
        allowed: folders that may be read, links followed; None for all. Uploads are always allowed.

    Raises:
        InvalidInputError: If there is nothing at the path or it is not allowed. Whatever is wrong in a file is told
            member by member.
    """
    if isinstance(dump, Upload):
        path, folders = resolve(dump.path, None), None
    else:
        path, folders = resolve(dump, allowed), None if allowed is None else tuple(allowed)
    found = tuple(list_entries(path, limits))
    if not found:
        found = (((), Entry("", refusal=_nothing(path))),)
    ignored = tuple(map(plain, ignored_files(path, limits)))
    pattern = pattern or fitting_pattern(contexts_of(path, found))
    return _judged(Inspection(path, (), ignored, layout, pattern, limits, folders, found))


def load(
    dump: str | Path | Upload,
    member: str | None = None,
    *,
    layout: Layout | None = None,
    rows: range | None = None,
    pattern: NamePattern | None = None,
    limits: ReadingLimits = DEFAULT_LIMITS,
    allowed: Sequence[Path] | None = None,
) -> ActivationBatch:
    """Read one member of a dump. `inspect(dump).load(member)` is the same, and inspects once for many members.

    Args:
        dump, layout, pattern, limits, allowed: see `inspect`.
        member: its name; None if there is only one, or only one that can be read.
        rows: of the first axis, without gaps; None for all. Nothing else of the file is read, where the format allows.

    Returns:
        ActivationBatch (n, d) with layer, epoch and source set. NaN and infinite values, and those beyond float32, are
        kept and counted.

    Raises:
        InvalidInputError: If there is no such member, it is refused or needs a layout, or holds no finite value.
        BudgetError: If it takes more memory or time than the limits allow; the message says how many rows fit.
    """
    inspection = inspect(dump, layout=layout, pattern=pattern, limits=limits, allowed=allowed)
    return inspection.load(member, rows=rows)


def _judged(inspection: Inspection) -> Inspection:
    """The inspection with its members made anew from what was found."""
    is_folder = inspection.path.is_dir()
    true_names = [member_name(inspection.path, location, is_folder=is_folder) for location, _ in inspection._found]
    shown = plain_names(true_names)
    names = [shown[name] for name in true_names]
    contexts = contexts_of(inspection.path, inspection._found)
    parsed = _parsed(inspection, contexts)
    seen: Counter[str] = Counter()
    members = []
    layers = plain_names(told.layer for told in parsed if told.layer is not None)
    for (location, entry), name, told in zip(inspection._found, names, parsed, strict=True):
        seen[name] += 1
        if seen[name] > 1:
            entry = replace(entry, refusal=entry.refusal or TWICE)
            name = f"{name} ({seen[name]})"
        told = replace(told, layer=told.layer and layers[told.layer], split=plain(told.split))
        members.append(_member(name, location, entry, told, inspection))
    return replace(inspection, members=tuple(members))


def _parsed(inspection: Inspection, contexts: list[tuple[str, str]]) -> list[ParsedName]:
    """What names tell; where two tell the same, each is called by all that is left of its name, or by its run's."""
    parsed = parse_names(contexts, inspection.pattern, inspection.limits)
    stated = [
        replace(told, layer=entry.layer, epoch=entry.epoch) if entry.layer is not None else told
        for told, (_, entry) in zip(parsed, inspection._found, strict=True)
    ]
    count = Counter((told.layer, told.epoch, told.split) for told in stated)
    runs = run_names({location[0] for location, entry in inspection._found if _is_in_run(location, entry)})
    return [
        told
        if count[told.layer, told.epoch, told.split] == 1
        else replace(told, split=runs[location[0]])
        if _is_in_run(location, entry)
        else replace(told, layer=told.rest)
        if entry.layer is None and told.rest
        else told
        for told, (location, entry) in zip(stated, inspection._found, strict=True)
    ]


def _is_in_run(location: Location, entry: Entry) -> bool:
    """Whether it is a layer of one of the runs in a folder."""
    return entry.layer is not None and len(location) > 1


def _member(name: str, location: Location, entry: Entry, told: ParsedName, inspection: Inspection) -> Member:
    member = Member(
        name=name,
        shape=entry.shape,
        dtype=plain(entry.dtype),
        declared=entry.declared,
        stored=entry.stored,
        layer=told.layer,
        epoch=told.epoch,
        split=told.split,
        verdict="refused",
        reason=message(entry.refusal or _refusal(entry, inspection.limits)),
        note="; ".join(filter(None, (message(entry.note), _kind_note(entry), told.note))),
        rows=None,
        units=None,
        location=location,
        file=_file(inspection.path, location),
    )
    if member.reason:
        return member
    verdict, reason, rows, units = _verdict(member, inspection.layout_of(member))
    return replace(member, verdict=verdict, reason=reason, rows=rows, units=units)


def _file(path: Path, location: Location) -> str:
    """The files on the way to an array, those within .zip archives included."""
    within = path.is_dir() or path.suffix.lower() == ".zip"
    parts: list[str] = []
    for part in location:
        if not within:
            break
        parts.append(part)
        within = part.lower().endswith(".zip")
    return "/".join(parts)


def _verdict(member: Member, layout: Layout | None) -> tuple[Verdict, str, int | None, int | None]:
    """That of a member which nothing speaks against, the reason, and its rows and units."""
    assert member.shape is not None
    if member.axes > 2 and layout is None:
        return "ambiguous", _question(member.shape), None, None
    try:
        return "ok", "", *(layout or Layout("sample")).matrix_shape(member.shape)
    except InvalidInputError as error:
        return "ambiguous", str(error), None, None


def _refusal(entry: Entry, limits: ReadingLimits) -> str:
    """Why an entry that its format does not object to is no batch, or nothing."""
    if entry.dtype.startswith("complex"):
        return (
            f"Activations are real numbers; these are {entry.dtype}. Save their absolute values, or both parts apart."
        )
    if entry.dtype not in ITEM_BYTES:
        return (
            f"Activations are real numbers; these are {entry.dtype or 'unknown'}. Save them as floating-point numbers."
        )
    shape = entry.shape
    if not shape:
        return "Activations have rows and units; this is a single number. Save the array that it was computed from."
    if 0 in shape:
        return f"A batch has at least one row and one unit; this one has shape {shape}. Record some samples."
    if len(shape) == 1 and not entry.dtype.startswith(("float", "bfloat")):
        return (
            f"One whole number a row is a label or an index, not an activation; this is {shape} of {entry.dtype}. Save"
            " it as floating-point numbers to look at it."
        )
    row = math.prod(shape[1:]) * FLOAT_BYTES
    if row > limits.batch_bytes:
        return (
            f"One row may take {in_words(limits.batch_bytes)}; here it takes {in_words(row)}. Save fewer units a row."
        )
    return ""


def _kind_note(entry: Entry) -> str:
    return WHOLE_NUMBERS if _holds_whole_numbers(entry) else ""


def _holds_whole_numbers(entry: Entry) -> bool:
    """Whether values are whole and larger than quantised ones, which have 8 bits."""
    return not entry.refusal and entry.dtype.removeprefix("u") in ("int16", "int32", "int64")


def _question(shape: tuple[int, ...]) -> str:
    """What an array of several axes could be."""
    found = [f'"sample": {_matrix(Layout("sample"), shape)}']
    found += [
        f'"position" with channel axis {axis}: {_matrix(Layout("position", axis), shape)}'
        for axis in range(1, len(shape))
    ]
    return f"{shape} can be read as rows and units in more than one way; choose a layout: {'; '.join(found)}."


def _matrix(layout: Layout, shape: tuple[int, ...]) -> str:
    rows, units = layout.matrix_shape(shape)
    return f"{rows} x {units}"


def _require_loadable(member: Member) -> None:
    if member.verdict != "ok":
        raise InvalidInputError(f"{member.name}: {member.reason}")


def _bounds(member: Member, rows: range | None) -> tuple[int, int]:
    assert member.shape is not None
    n = member.shape[0]
    if rows is None:
        return 0, n
    if rows.step != 1 or not 0 <= rows.start < rows.stop <= n:
        raise InvalidInputError(
            f"Rows are a range without gaps within 0 to {n}; received {rows}. Pass range(0, {n}) or a part of it."
        )
    return rows.start, rows.stop


def _nothing(path: Path) -> str:
    kinds = ", ".join(SUFFIXES)
    return f"A dump holds files that are {kinds}, or run directories; {path.name} holds none. Name another folder."

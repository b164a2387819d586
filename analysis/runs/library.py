"""The library of runs on disk: listing, naming, deleting with undo, taking away as a zip file."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote_from_bytes, unquote_to_bytes

from analysis.plain_text import file_stem, message, plain
from analysis.runs import room
from analysis.runs.archive import RunArchive
from analysis.runs.comparison import Comparison, is_run_directory, open_comparison, read_spec_and_resolved
from analysis.runs.folder import LONGEST_TITLE, ComparisonFolder
from analysis.runs.remark import Remark, explain
from analysis.runs.spec import TrainingSpec
from analysis.runs.status import LIVE, RunState, change_status, read_status
from per_core.errors import InvalidInputError, PerError, StorageError
from per_core.recording.run_files import records_file
from per_core.recording.whole_file import told, write_whole
from per_core.text import N_

__all__ = ["Comparison", "DeletedRun", "RunArchive", "RunEntry", "RunLibrary", "open_comparison"]

TRASH = ".trash"
SECRET_BYTES = 12  # of an id: who has the id has the run

RunKind = Literal["comparison", "recording"]
DiskBytes = Callable[[TrainingSpec], int]
"""Bytes that training a spec takes on disk; refuses a spec that cannot be trained here."""


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One line of the list of runs.

    Attributes:
        id: name of its folder; percent-encoded if that is no UTF-8, so that it fits into an address.
        title: what a person calls it; as all text of an entry fit to be shown, see `analysis.plain_text`.
        kind: "comparison", trained by `python -m analysis train`, or "recording", of somebody's own training.
        state: see `RunStatus`; "damaged" if it cannot be read.
        epoch: the last one.
        epochs: of the whole training; None if nobody said.
        device: what it is trained on, or empty.
        methods: labels, in the order of the spec; none in a recording.
        spec: what was asked for, see `TrainingSpec.as_dict`; empty for a recording.
        created: seconds since 1970.
        remark: how it ended, or what is wrong with it; None if there is nothing to say.
        size: bytes on disk.
    """

    id: str
    title: str
    kind: RunKind
    state: RunState
    epoch: float
    epochs: int | None
    device: str
    methods: tuple[str, ...]
    created: float
    remark: Remark | None
    size: int
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The remark in English, or empty; fit to be shown."""
        return message(explain(self))


@dataclass(frozen=True, slots=True)
class DeletedRun:
    """A run in the trash: the name of its folder, what a person called it, and when it went there, since 1970."""

    id: str
    title: str
    deleted: float


class RunLibrary:
    """All runs below one folder. Threads may share it.

    Every sub-folder is a run, of `python -m analysis train` or of anybody's Recorder, unless its name begins with a
    dot. An id comes from outside, so it is checked wherever it is taken: it must be the name of a real sub-folder.

    Args:
        root: the folder; made if it is missing.

    Raises:
        InvalidInputError: From every method that is given the id of no run.
        StorageError: If the folder cannot be made, and from every method while it cannot be read, or written where that
            is needed: somebody may delete or unmount it. All works again once it is back.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).resolve()
        self._make_root()
        self._lock = threading.Lock()
        self._opened: dict[str, Comparison] = {}  # recordings, of which only new records are read again
        self._sizes: dict[str, tuple[int, int]] = {}  # id -> time of the last change, and bytes

    def list_runs(self) -> tuple[RunEntry, ...]:
        """All runs, newest first. What cannot be read is listed with its reason."""
        with told(self.root, "read"):
            folders = [path for path in self.root.iterdir() if path.is_dir() and not path.name.startswith(".")]
        with self._lock:
            for id in (self._opened.keys() | self._sizes.keys()) - {path.name for path in folders}:
                self._opened.pop(id, None)
                self._sizes.pop(id, None)
        entries = [entry for path in folders if (entry := self._entry_or_reason(path))]
        return tuple(sorted(entries, key=lambda entry: (-entry.created, entry.id)))

    def entry(self, id: str) -> RunEntry:
        """One run's line of the list; as there, what cannot be read is "damaged" and has its reason."""
        entry = self._entry_or_reason(self.path(id))
        if entry is None:
            raise _no_run(id)
        return entry

    def path(self, id: str) -> Path:
        """The folder of a run."""
        name = _folder_name(id)
        if not name or name.startswith(".") or set(name) & {"/", "\\", "\0"}:
            raise _no_run(id)
        path = self.root / name
        try:
            real = path.is_dir() and path.resolve() == path
        except (OSError, ValueError):  # a name that the disk does not take
            real = False
        if not real:
            self._require_root()
            raise _no_run(id)
        return path

    def require_room(self, spec: TrainingSpec, disk_bytes: DiskBytes, id: str | None = None) -> None:
        """Refuse a training that does not fit on the disk beside what the trainings under way will still write.

        Args:
            spec: what is to be trained.
            disk_bytes: what a spec takes on disk.
            id: of the run, if it is one that goes on.

        Raises:
            InvalidInputError: If the spec cannot be trained here.
            StorageError: If it does not fit.
        """
        self._make_root()
        others = [entry for entry in self.list_runs() if entry.state in LIVE and entry.id != id]
        whole = disk_bytes(spec)
        needed = whole if id is None else room.bytes_to_come(self.path(id), whole)
        room.require_room(self.root, needed, sum(self._promised(entry, disk_bytes) for entry in others))

    def _promised(self, entry: RunEntry, disk_bytes: DiskBytes) -> int:
        try:
            return room.bytes_to_come(self.path(entry.id), disk_bytes(TrainingSpec.from_dict(entry.spec)))
        except PerError:  # it will fail and write nothing, or has just gone
            return 0

    def _make_root(self) -> None:
        with told(self.root):
            self.root.mkdir(parents=True, exist_ok=True)

    def _require_root(self) -> None:
        with told(self.root, "read"):
            next(self.root.iterdir(), None)

    def create(self, spec: TrainingSpec) -> str:
        """Make the folder of a comparison that is to be trained, and return its id, which nobody can guess.

        Its status is "starting", by this process: whoever wants it trained starts a worker in it.
        """
        id = f"{datetime.now():%Y-%m-%d-%H%M}-{secrets.token_urlsafe(SECRET_BYTES)}"
        # Filled under another name, so that it appears in the list as a whole.
        path = self.root / f".{id}"
        self._make_root()
        try:
            with told(self.root / id):
                path.mkdir()
                ComparisonFolder(path).write_spec(spec.as_dict())
                change_status(path, "starting", None, epochs=spec.epochs)
                path.rename(self.root / id)
        except StorageError:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return id

    def rename(self, id: str, title: str) -> None:
        """Call a run something else. The id stays, and with it all links.

        Raises:
            InvalidInputError: If the title is empty, too long or of several lines.
        """
        path, title = self.path(id), title.strip()
        if not title or len(title) > LONGEST_TITLE or not title.isprintable():
            raise InvalidInputError(
                N_("A title is one line of 1 to {longest_title} characters; received {title!r}. Shorten it."),
                longest_title=LONGEST_TITLE,
                title=title[: LONGEST_TITLE + 1],
            )
        write_whole(ComparisonFolder(path).title_file, title.encode())

    def delete(self, id: str) -> None:
        """Move a run to the trash.

        Raises:
            InvalidInputError: If a process works on it.
        """
        path = self.path(id)
        entry = self._entry_or_reason(path)
        if entry is not None and entry.state in LIVE:
            raise InvalidInputError(
                N_("{title!r} cannot be deleted while it is trained. Stop it first."), title=entry.title
            )
        with told(path, "deleted"):
            (self.root / TRASH).mkdir(exist_ok=True)
            # After all that are there, whatever the clock says now.
            newest = max((_deletion_time(other) for other in self._trash()), default=0)
            path.rename(self.root / TRASH / f"{max(time.time_ns(), newest + 1)}-{path.name}")

    def undo_delete(self, id: str) -> None:
        """Take a run out of the trash; of several with that id, the one deleted last.

        Raises:
            InvalidInputError: If there is none, or another run has its place now.
        """
        name = _folder_name(id)
        deleted = [path for path in self._trash() if path.name.partition("-")[2] == name]
        if not deleted:
            raise InvalidInputError(
                N_("There is no deleted run {id} any more; it was restored or is gone."), id=_shown(id)
            )
        if (self.root / name).exists():
            raise InvalidInputError(N_("Another run is called {id} now. Delete that one first."), id=_shown(id))
        with told(self.root / name, "restored"):
            deleted[-1].rename(self.root / name)

    def list_deleted(self) -> tuple[DeletedRun, ...]:
        """The runs in the trash, the one deleted last first."""
        deleted = []
        for path in reversed(self._trash()):
            name = path.name.partition("-")[2]
            entry = self._entry_or_reason(path)
            if entry is not None:
                title = entry.title if entry.title != plain(path.name, LONGEST_TITLE) else plain(name, LONGEST_TITLE)
                deleted.append(DeletedRun(_id(name), title, _deletion_time(path) / 1e9))
        return tuple(deleted)

    def empty_trash(self, *, older_than: float = 0.0) -> int:
        """Remove for good what was deleted more than so many seconds ago; return how many runs that were."""
        limit = time.time_ns() - int(older_than * 1e9)
        expired = [path for path in self._trash() if _deletion_time(path) <= limit]
        for path in expired:
            shutil.rmtree(path, ignore_errors=True)
        return len(expired)

    def zip_run(self, id: str, *, checkpoint: bool = False) -> RunArchive:
        """The run as the bytes of a zip file, without what it takes to go on with it unless asked for.

        The archive is named after title and day, not after the id, which would give away the run itself.
        """
        entry = self.entry(id)
        words = file_stem(entry.title.lower(), 40)
        day = f"{datetime.fromtimestamp(entry.created):%Y-%m-%d}"
        return RunArchive(self.path(id), f"{words}-{day}", checkpoint)

    def _trash(self) -> list[Path]:
        """What is in the trash, in the order in which it was deleted."""
        trash = self.root / TRASH
        with told(trash, "read"):
            found = (
                [path for path in trash.iterdir() if path.name.partition("-")[0].isdigit()] if trash.is_dir() else []
            )
        return sorted(found, key=_deletion_time)

    def _entry_or_reason(self, path: Path) -> RunEntry | None:
        """The entry of a folder, damaged or not; None if it has just gone."""
        try:
            if path.resolve() != path:
                raise InvalidInputError(
                    N_("{name} is a link to another place. Move the run itself here."), name=path.name
                )
            return self._recording(path) if is_run_directory(path) else self._comparison(path)
        except Exception as error:  # whatever is wrong with one run, the others are listed
            try:
                created = path.lstat().st_mtime
            except OSError:
                return None
            title = plain(path.name, LONGEST_TITLE)
            return RunEntry(
                _id(path.name), title, _kind(path), "damaged", 0, None, "", (), created, Remark.told(error), 0
            )

    def _comparison(self, path: Path) -> RunEntry:
        spec, _ = read_spec_and_resolved(path)
        status = read_status(path)
        methods = tuple(map(plain, _labels(spec)))
        return RunEntry(
            id=_id(path.name),
            title=plain(ComparisonFolder(path).title or spec.get("title") or ", ".join(methods), LONGEST_TITLE),
            kind="comparison",
            state=status.state,
            epoch=status.epoch,
            epochs=status.epochs,
            device=plain(status.device),
            methods=methods,
            created=_created(path),
            remark=status.remark,
            size=self._size(path),
            spec=spec,
        )

    def _recording(self, path: Path) -> RunEntry:
        with self._lock:
            known = self._opened.get(path.name)
        comparison = known.refresh() if known else open_comparison(path)
        with self._lock:
            self._opened[path.name] = comparison
        ((title, _), run), *_ = comparison.runs.items()
        status = comparison.status
        return RunEntry(
            id=_id(path.name),
            title=plain(ComparisonFolder(path).title or title, LONGEST_TITLE),
            kind="recording",
            state=status.state,
            epoch=status.epoch,
            epochs=None,
            device=plain(status.device),
            methods=(),
            created=run.created,
            remark=status.remark,
            size=self._size(path),
        )

    def _size(self, path: Path) -> int:
        """Bytes of all files; counted again when there is a new record or status."""
        signs = (ComparisonFolder(path).status_file, records_file(path))
        changed = max(file.stat().st_mtime_ns for file in signs if file.exists())
        with self._lock:
            stamp, size = self._sizes.get(path.name, (-1, 0))
        if stamp != changed:
            size = RunArchive(path, path.name, checkpoint=True).size
            with self._lock:
                self._sizes[path.name] = changed, size
        return size


def _deletion_time(path: Path) -> int:
    """Of a run in the trash, nanoseconds since 1970."""
    return int(path.name.partition("-")[0])


def _kind(path: Path) -> RunKind:
    """What a damaged run was, as far as its folder may be looked into."""
    try:
        return "recording" if is_run_directory(path) else "comparison"
    except OSError:
        return "comparison"


def _id(name: str) -> str:
    """The name of a run's folder, percent-encoded where it would not fit into an address as it is."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return quote_from_bytes(os.fsencode(name))
    return name.replace("%", "%25")


def _folder_name(id: object) -> str:
    """The other way round; empty if there can be no such folder."""
    try:
        return os.fsdecode(unquote_to_bytes(id)) if isinstance(id, str) else ""
    except UnicodeEncodeError:
        return ""


def _created(path: Path) -> float:
    """When a comparison was asked for; a folder without a spec says when it was last begun."""
    folder = ComparisonFolder(path)
    return (folder.spec_file if folder.spec_file.exists() else folder.comparison_file).stat().st_mtime


def _labels(spec: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        return tuple(m["name"] or m["combination"] for m in spec["methods"])
    except (KeyError, TypeError) as error:
        raise InvalidInputError(
            N_("A training's spec names its methods; this one does not: {error!r}."), error=error
        ) from error


def _no_run(id: object) -> InvalidInputError:
    return InvalidInputError(
        N_("There is no run {id}. It may have been deleted or renamed; choose one from the list of runs."),
        id=_shown(id),
    )


def _shown(id: object) -> str:
    """An id for a message, however long it came."""
    text = repr(id)
    return text if len(text) <= 100 else f"{text[:97]}..."

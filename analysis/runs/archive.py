"""A run as a zip file, made while it is sent."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.checkpoint import CHECKPOINT
from analysis.runs.folder import WHILE_IT_TRAINS
from per_core.recording.whole_file import TEMPORARY, told

CHUNK = 1 << 20  # bytes read at a time


@dataclass(frozen=True, slots=True)
class RunArchive:
    """Iterate over it for the bytes of the zip file; a megabyte or so is in memory at a time.

    A run that is still being written gives a whole run, as it was at the beginning of the iteration or a little later.

    Attributes:
        path: the run's folder.
        name: of the folder in the archive; the archive is called the same, with ".zip".
        checkpoint: whether it is in, which is what it takes to go on elsewhere.
    """

    path: Path
    name: str
    checkpoint: bool = False

    @property
    def size(self) -> int:
        """Bytes of all files together, now and before compression: the archive is a little smaller."""
        return sum(map(_size, self._files()))

    def __iter__(self) -> Iterator[bytes]:
        """Compress one file after the other."""
        sink = _Sink()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            # A record's line is written after its arrays: whoever reads lines first finds the arrays of all of them.
            for arrays in (False, True):
                for file in self._files():
                    if (file.suffix == ".safetensors") == arrays:
                        yield from self._add(file, archive, sink)
        yield sink.take()

    def _add(self, file: Path, archive: zipfile.ZipFile, sink: _Sink) -> Iterator[bytes]:
        try:
            source = file.open("rb")
        except FileNotFoundError:  # dropped since it was listed
            return
        with source:
            name = f"{self.name}/{file.relative_to(self.path).as_posix()}"
            entry = zipfile.ZipInfo.from_file(file, name, strict_timestamps=False)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as target:
                while part := source.read(CHUNK):
                    target.write(part)
                    yield sink.take()

    def _files(self) -> list[Path]:
        """Every file; `StorageError` if a folder cannot be read, rather than an archive without what is in it."""
        found = (Path(folder) / name for folder, _, names in os.walk(self.path, onerror=_refuse) for name in names)
        return [
            file
            for file in sorted(found)
            if file.is_file()
            and not file.is_symlink()
            and not file.name.startswith(".")
            and file.suffix != TEMPORARY
            and file.name not in WHILE_IT_TRAINS
            and (self.checkpoint or file.name != CHECKPOINT)
        ]


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # dropped since it was listed
        with told(Path(error.filename), "read"):
            raise error


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # dropped since it was listed
        return 0


class _Sink:
    """A file to write to, from which the bytes are taken away; it cannot seek, which zipfile respects."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits: `take` has it all."""

    def close(self) -> None:
        """Nothing to close."""

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data

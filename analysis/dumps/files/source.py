"""Where dumps come from: a path inside a folder that the operator allows, or an upload."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from per_core.errors import BudgetError, InvalidInputError
from per_core.recording.whole_file import told
from per_core.text import N_

CHUNK = 2**20
SUFFIX = re.compile(r"(?:\.[A-Za-z0-9]{1,12})?$")
LONGEST_STEM = 100


class Upload:
    """Files of a browser, or of anybody's bytes, kept in temporary files until they are released.

    Use it as a context manager, call `release`, or forget it: the files go when the object does.

    Args:
        files: name -> bytes, or an open binary file, which is copied piece by piece from where it stands. One file is
            the dump itself, several are a folder of them.
        most_bytes: that all of them may have together.

    Attributes:
        path: the file or folder.
        size: bytes of the files together.

    Raises:
        InvalidInputError: If there is no file.
        BudgetError: If they are larger than `most_bytes`.
        StorageError: If the disk for temporary files has no room for them.
    """

    def __init__(self, files: Mapping[str, bytes | IO[bytes]], *, most_bytes: int = 2**31) -> None:
        if not files:
            raise InvalidInputError(N_("An upload has at least one file; received none. Choose one."))
        with told(Path(tempfile.gettempdir())):
            self._folder = Path(tempfile.mkdtemp(prefix="perscope-"))
        self._finalizer = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        left = most_bytes
        try:
            names = _unique([_plain_name(name) for name in files])
            folder = self._folder if len(names) == 1 else self._folder / f"{len(names)} files"
            folder.mkdir(exist_ok=True)
            for name, content in zip(names, files.values(), strict=True):
                left -= _copy(content, folder / name, left, most_bytes)
        except BaseException:
            self.release()
            raise
        self.size = most_bytes - left
        self.path = folder / names[0] if len(names) == 1 else folder

    def release(self) -> None:
        """Remove the files. May be called again."""
        self._finalizer()

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def resolve(path: str | Path, allowed: Sequence[Path] | None) -> Path:
    """The real place of a dump: links are followed first, then it must be in an allowed folder.

    Args:
        path: of a file or folder.
        allowed: folders of which anything may be read; None for everywhere.

    Raises:
        InvalidInputError: If there is nothing there, it is outside, or it is neither a file nor a folder. What is
            outside and what is not there are told apart only for paths inside.
    """
    if not str(path).strip():
        raise InvalidInputError(
            N_('A dump is a file or a folder; received an empty path. Name one, "." for the folder that you are in.')
        )
    try:
        real = Path(path).expanduser().resolve(strict=False) if allowed is None else within(path, allowed)
        mode = os.stat(real).st_mode
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(
            N_("A dump is a file or a folder; {path} cannot be opened: {error!s:.200}. Check the path."),
            path=_shown(path),
            error=error,
        ) from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InvalidInputError(
            N_("A dump is a file or a folder; {path} is neither. Name another one."), path=_shown(path)
        )
    return real


def within(path: str | Path, allowed: Sequence[Path]) -> Path:
    """The real place of what is there or may be made, links followed, which must be in an allowed folder.

    Raises:
        InvalidInputError: If it is elsewhere, or no path at all.
    """
    try:
        real = Path(path).resolve(strict=False)
        inside = any(real.is_relative_to(folder.resolve()) for folder in allowed)
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidInputError(
            N_("A path is of at most 4,095 bytes; {path} is none. Check the path."), path=_shown(path)
        ) from error
    if not inside:
        named = ", ".join(str(folder) for folder in allowed) or "none"
        raise InvalidInputError(
            N_(
                "Files of the server are used in the folders that the operator allows: {named}; received {path},"
                " which is elsewhere. Move it there, or upload it."
            ),
            named=named,
            path=_shown(path),
        )
    return real


def _shown(path: str | Path) -> str:
    return repr(str(path))[:300]


def _plain_name(name: str) -> str:
    """A name of letters, digits and a few signs, without folders, that keeps its suffix."""
    last = re.split(r"[/\\]", name)[-1]
    found = SUFFIX.search(last)
    suffix = found[0] if found else ""
    stem = re.sub(r"[^\w.,=+() -]", "_", last.removesuffix(suffix)).strip(". ")[:LONGEST_STEM]
    return (stem or "upload") + suffix


def _unique(names: list[str]) -> list[str]:
    """The names, those that were there before with a number."""
    found: list[str] = []
    for name in names:
        path, number = Path(name), 2
        while name in found:
            name, number = f"{path.stem}-{number}{path.suffix}", number + 1
        found.append(name)
    return found


def _copy(content: bytes | IO[bytes], path: Path, left: int, most_bytes: int) -> int:
    """Write a file of at most `left` bytes; how many it has."""
    size = 0
    with told(path), path.open("xb") as file:
        pieces = [content] if isinstance(content, bytes) else iter(lambda: content.read(CHUNK), b"")
        for piece in pieces:
            size += len(piece)
            if size > left:
                raise BudgetError(
                    N_(
                        "Uploads may have {most_bytes} bytes together; these have more. Put the file into a folder"
                        " that the operator allows, and give its path."
                    ),
                    most_bytes=most_bytes,
                )
            file.write(piece)
    return size

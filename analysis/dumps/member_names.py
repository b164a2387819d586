"""What members of a dump are called, and what of it is parsed: folders, files and keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from analysis.dumps.file_kind import SUFFIXES
from analysis.dumps.tree import Found, Location


def run_names(places: set[str]) -> dict[str, str]:
    """The last folder of each run, or the whole way to it where several end in the same."""
    count = Counter(PurePosixPath(place).name for place in places)
    return {place: name if count[name := PurePosixPath(place).name] == 1 else place for place in places}


def member_name(path: Path, location: Location, *, is_folder: bool) -> str:
    """What a member is called: the way to it, or the name of a dump that is one array."""
    if not location:
        return path.name
    parts = list(location)
    if (not is_folder and path.suffix.lower() == ".npz") or (len(parts) > 1 and parts[-2].lower().endswith(".npz")):
        parts[-1] = parts[-1].removesuffix(".npy")
    return "/".join(parts)


def contexts_of(path: Path, found: Sequence[Found]) -> list[tuple[str, str]]:
    """Of every member the name to parse and what is around it."""
    is_folder = path.is_dir()
    return [_context(path, location, is_folder=is_folder) for location, _ in found]


def _context(path: Path, location: Location, *, is_folder: bool) -> tuple[str, str]:
    """The name to parse and what is around it, without the suffixes of files."""
    parts = [_without_suffix(part) for part in (location if is_folder else (path.name, *location))]
    if not parts:
        return path.name, ""
    return parts[-1], "/".join(parts[:-1])


def _without_suffix(part: str) -> str:
    pure = PurePosixPath(part)
    return part.removesuffix(pure.suffix) if pure.suffix.lower() in SUFFIXES else part

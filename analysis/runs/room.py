"""Whether the disk has room for what a training will write, before it begins."""

from __future__ import annotations

import shutil
from pathlib import Path

from per_core.errors import StorageError
from per_core.recording.whole_file import told
from per_core.text import N_, Phrase


def bytes_to_come(folder: Path, whole: int) -> int:
    """What a training that will take `whole` bytes has still to write in a folder, which need not exist yet."""
    there = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return max(0, whole - there)


def require_room(folder: Path, needed: int, promised: int = 0) -> None:
    """Refuse what does not fit on the disk of a folder.

    Args:
        folder: where it is to be written, there already.
        needed: bytes.
        promised: bytes that others will still write there.

    Raises:
        StorageError: If less is free than both together.
    """
    with told(folder, "read"):
        free = shutil.disk_usage(folder).free
    if needed + promised <= free:
        return
    others = Phrase(N_(", of which other trainings will take {size}"), size=_megabytes(promised)) if promised else ""
    raise StorageError(
        N_(
            "The training will write about {needed}, and the disk of {folder} has {free} free{others}. Free some"
            " space, or ask for fewer epochs, methods, values or seeds, or a smaller probe_size."
        ),
        needed=_megabytes(needed),
        folder=folder,
        free=_megabytes(free),
        others=others,
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"

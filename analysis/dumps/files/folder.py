"""A folder of files, walked without following a link and without a look into a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.dumps.limits import ReadingLimits
from analysis.dumps.natural_order import by_numbers
from per_core.errors import InvalidInputError
from per_core.text import N_

DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Place:
    """A file of a folder, or a folder in it that is one dump.

    Attributes:
        name: the way to it from the folder that was walked.
        path: of it.
        is_folder, is_plain: what it is; neither of a link, a pipe or a device.
    """

    name: str
    path: Path
    is_folder: bool
    is_plain: bool


def walk(root: Path, limits: ReadingLimits, is_one: Callable[[Path], bool]) -> Iterator[Place]:
    """Every file below and every folder that is one dump, in natural order; hidden ones and linked folders left out.

    Args:
        root: the folder.
        limits: how many files may be in it.
        is_one: whether a folder is one dump, in which nothing is looked for.

    Raises:
        InvalidInputError: If there are too many.
    """
    real, found = root.resolve(), 0
    pending = [("", root, 0)]
    while pending:
        prefix, folder, depth = pending.pop()
        if not folder.resolve().is_relative_to(real):  # it has become a link since
            continue
        inner = []
        with os.scandir(folder) as entries:
            names = sorted((one for one in entries if one.name[:1] != "."), key=lambda one: by_numbers(one.name))
        found += len(names)
        if found > limits.files:
            raise InvalidInputError(
                N_("A folder may hold {files} files; {name} holds more. Name a folder in it."),
                files=limits.files,
                name=root.name,
            )
        for one in names:
            name, path = prefix + one.name, folder / one.name
            is_folder = one.is_dir(follow_symlinks=False)
            if not is_folder or is_one(path):
                yield Place(name, path, is_folder, one.is_file(follow_symlinks=False))
            elif depth < DEEPEST:
                inner.append((f"{name}/", path, depth + 1))
        pending.extend(reversed(inner))

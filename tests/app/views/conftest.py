"""Dumps that pages open."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.views.dumped import write_dump


@pytest.fixture
def dump(runs_folder: Path) -> Iterator[Path]:
    """A dump in a folder that the server allows; it goes with the test, and so does another one beside it."""
    yield write_dump(runs_folder / "dump_of_a_test")
    for name in ("dump_of_a_test", "other_of_a_test"):
        shutil.rmtree(runs_folder / name, ignore_errors=True)


@pytest.fixture
def wider(runs_folder: Path) -> Path:
    """The same layers, twice as wide."""
    return write_dump(runs_folder / "other_of_a_test", width=12)

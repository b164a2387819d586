"""Who waits for a file reads which one and how long; who has moved on keeps no reading process busy."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from streamlit.runtime.scriptrunner import get_script_run_ctx

from analysis.dumps.limits import DEFAULT_LIMITS
from analysis.dumps.reader.pool import READER, SMALL, FileWait
from app.session import progress
from tests.app.conftest import OpenPage
from tests.app.views.test_pages import all_text

pytestmark = pytest.mark.long

ROWS = SMALL // 8 + 1


def set_going(pids: tuple[int, ...]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
def slow_table(runs_folder: Path) -> Iterator[Path]:
    """A table that no reading process comes to an end with: all of them stand still."""
    folder = runs_folder / "waits_of_a_test"
    folder.mkdir()
    (folder / "known.csv").write_text("1.5;2.5\n")
    READER.list_entries("csv_format", folder / "known.csv", DEFAULT_LIMITS)
    (folder / "known.csv").unlink()
    np.savetxt(folder / "slow_one.csv", np.random.default_rng(1).normal(size=(ROWS, 2)), "%.3f", ";")
    pids = READER.pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield folder / "slow_one.csv"
    set_going(pids)
    (folder / "slow_one.csv").unlink()
    folder.rmdir()


@pytest.fixture
def at_a_line(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], list[str]]:
    """Have something done when a line is to be drawn; the lines."""

    def watch(act: Callable[[], None]) -> list[str]:
        lines: list[str] = []
        written = progress.waiting_line

        def line(wait: FileWait) -> str:
            lines.append(written(wait))
            act()
            return lines[-1]

        monkeypatch.setattr(progress, "waiting_line", line)
        return lines

    return watch


def test_who_waits_reads_for_which_file_and_how_long(
    open_page: OpenPage, slow_table: Path, at_a_line: Callable[[Callable[[], None]], list[str]]
) -> None:
    stopped = READER.pids
    lines = at_a_line(lambda: set_going(stopped))
    page = open_page("dumps", dumps_look="true", dumps_path=str(slow_table))
    assert lines[0] == r"Reading slow\_one\.csv: 1 s"
    assert not page.exception
    assert not page.error
    assert "One layer" in all_text(page)
    assert "Reading slow" not in all_text(page)


def test_what_nobody_waits_for_any_more_is_dropped(
    open_page: OpenPage, slow_table: Path, at_a_line: Callable[[Callable[[], None]], list[str]]
) -> None:
    """As Streamlit asks a page to end: by a newer interaction, another page or a closed window."""

    def move_on() -> None:
        context = get_script_run_ctx()
        assert context is not None
        assert context.script_requests is not None
        context.script_requests.request_stop()

    stopped = set(READER.pids)
    lines = at_a_line(move_on)
    page = open_page("dumps", dumps_look="true", dumps_path=str(slow_table))
    assert len(lines) == 1
    assert "One layer" not in all_text(page)
    assert len(stopped - set(READER.pids)) == 1
    set_going(tuple(stopped))
    assert READER.list_entries("csv_format", slow_table, DEFAULT_LIMITS)[0].shape == (ROWS, 2)


def test_many_files_are_named_by_their_first_and_those_of_others_never() -> None:
    alone = FileWait(12.9, None, "a.pt", 1, (("secret.csv", 3.0),))
    assert progress.waiting_line(alone) == r"Reading a\.pt: 12 s"
    many = FileWait(12.0, None, "a.pt", 256, ())
    assert progress.waiting_line(many) == r"Reading a\.pt and 255 other files: 12 s"
    second = FileWait(12.0, 0, "a.pt", 2, (("secret.csv", 3.0),))
    assert progress.waiting_line(second) == r"Waiting to read a\.pt and 1 other file: 12 s; 1 file is read before it"
    third = FileWait(1.0, 1, "a.pt", 1, (("secret.csv", 3.0),))
    assert progress.waiting_line(third) == r"Waiting to read a\.pt: 1 s; 2 files are read before it"

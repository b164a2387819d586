"""Progress: one line where somebody looks, lines for a log, silence where nobody asked."""

import io
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from analysis.dumps import inspect
from analysis.one_pass import run_pass
from analysis.progress import progress_line
from analysis.survey.overview import overview


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    for epoch in range(3):
        np.save(tmp_path / f"layer_epoch{epoch}.npy", np.random.default_rng(epoch).normal(size=(40, 3)))
    return tmp_path


def test_a_terminal_has_one_line_that_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    for done in range(4):
        progress_line("members")(done, 3)
    shown = terminal.getvalue()
    assert shown.count("\n") == 1
    assert [part.strip() for part in shown.split("\r")[1:]] == [
        f"[{'#' * 10 * done}{'.' * 10 * (3 - done)}] {done}/3 members" for done in range(4)
    ]


def test_a_log_has_a_line_at_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    for done in range(101):
        progress_line("pieces")(done, 100)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line.split()[1] for line in printed.err.splitlines()] == [f"{n}/100" for n in range(0, 101, 10)]


def test_nothing_to_do_is_nothing_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    progress_line("members")(0, 0)
    assert capsys.readouterr() == ("", "")


def test_an_interactive_session_sees_long_calls_without_asking(
    dump: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inspection = inspect(dump)
    overview(inspection)
    run_pass(inspection, members=[inspection.members[0].name])
    assert capsys.readouterr() == ("", "")  # a script or a server
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    seen = overview(inspection)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1] == f"[{'#' * 30}] 3/3 members"
    run_pass(inspection, members=[inspection.members[0].name])
    assert capsys.readouterr().err.endswith("pieces\n")
    told: list[tuple[int, int]] = []
    overview(inspection, earlier=seen, on_progress=lambda *now: told.append(now))
    assert told == [(0, 0)]
    overview(inspection, earlier=seen)
    assert capsys.readouterr() == ("", "")


class Outputs:
    """The outputs of a cell, as a kernel shows them."""

    def __init__(self) -> None:
        self.lines: list[list[str]] = []

    def display(self, data: dict[str, str], *, raw: bool, display_id: bool) -> "Outputs":
        assert raw
        assert display_id
        self.lines.append([data["text/plain"]])
        return self

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.lines[-1].append(data["text/plain"])


def test_a_notebook_has_one_output_that_is_updated(
    dump: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = Outputs()
    monkeypatch.setattr(sys, "ps1", "In : ", raising=False)
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", ModuleType("IPython.display"))
    monkeypatch.setattr(sys.modules["IPython.display"], "display", cell.display, raising=False)
    overview(inspect(dump))
    assert [[line.split()[1] for line in one] for one in cell.lines] == [["0/3", "1/3", "2/3", "3/3"]]
    assert capsys.readouterr() == ("", "")

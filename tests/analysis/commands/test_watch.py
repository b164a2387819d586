"""The command that watches a run: a picture that fits, exit statuses, JSON for scripts, and no stranger's escapes."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import sys
import termios
from collections import OrderedDict
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from analysis.__main__ import main
from analysis.commands import watch
from analysis.commands.standing_picture import StandingPicture, needs_ascii
from analysis.runs.library import RunLibrary
from analysis.runs.spec import TrainingSpec
from analysis.survey.standing import Follower, Standing
from per_core import Recorder
from tests import processes
from tests.waiting import wait_for

pytestmark = pytest.mark.long

ASSETS = Path(__file__).parents[3] / "assets" / "runs"
DYING, HEALTHY, COMPARISON = "digits_dying", "digits_elu", "digits_figure2"
PROBE = torch.randn(64, 3, generator=torch.Generator().manual_seed(1))
EVIL = "\x1b]0;owned\x07\x1b[2J[bold red]loud[/]\u202e"


def drawn(standing: Standing, width: int, height: int | None, **options) -> list[str]:
    """The lines of a picture."""
    out = StringIO()
    console = Console(file=out, width=width, height=height or 25, highlight=False, markup=False, emoji=False)
    console.print(StandingPicture(standing, height, **options))
    return out.getvalue().splitlines()


def many_layers(folder: Path, count: int = 200) -> Path:
    model = torch.nn.Sequential(*(torch.nn.Hardtanh(-0.1 * i, 0.1 * i) for i in range(1, count + 1)))
    with Recorder(model, folder, title="deep") as recorder:
        recorder.record(0, inputs=PROBE)
    return folder


def test_a_network_that_dies_is_told_in_words_and_fails(capsys) -> None:
    assert main(["watch", str(ASSETS / DYING), "--once"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("Digits ReLU network, learning rate 0.14")
    first = next(line for line in out.splitlines() if line.startswith("layer 5"))
    assert "▁▁█▃▁▁▁" in first
    assert "▁▂▁▃███ 100 %" in first
    assert first.endswith("dead")
    assert "dead  layer 5, layer 4, layer 3 and 2 more. In layer 5: 100% of the 24 units" in out
    assert "\x1b" not in out


def test_colour_is_on_a_terminal_alone_and_of_what_it_says(monkeypatch) -> None:
    standing = Follower(ASSETS / DYING).look()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def printed() -> str:
        out = StringIO()
        Console(file=out, width=100, force_terminal=True, markup=False, highlight=False).print(
            StandingPicture(standing)
        )
        return out.getvalue()

    assert "\x1b[1;31mdead\x1b[0m  layer 5, layer 4" in printed()
    assert "\x1b[36m▁▁█▃▁▁▁ \x1b[0m       0" in printed()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[\d;]*3\d", printed())


@pytest.mark.parametrize(
    ("name", "fail_on", "status"),
    [
        (DYING, "dead", 1),
        (DYING, "Dead , massive", 1),
        (DYING, "any", 1),
        (DYING, "none", 0),
        (DYING, "saturated,NaN", 0),
        (HEALTHY, "any", 0),
        (COMPARISON, "any", 0),
    ],
)
def test_the_exit_status_is_that_of_the_warnings_that_are_named(name: str, fail_on: str, status: int, capsys) -> None:
    assert main(["watch", str(ASSETS / name), "--once", "--fail-on", fail_on]) == status
    assert capsys.readouterr().out


def test_a_warning_that_does_not_exist_is_refused_with_those_that_do(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["watch", str(ASSETS / DYING), "--fail-on", "dead,sleepy"])
    assert end.value.code == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "received 'sleepy'" in error
    assert "exploding, massive, collapsed, alike, dead, saturated, rank-deficient" in error


def test_json_says_the_same_for_scripts(capsys) -> None:
    assert main(["watch", str(ASSETS / DYING), "--json", "--fail-on", "dead"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert (said["state"], said["is_live"], said["epoch"], said["exit_status"]) == ("recorded", False, 6, 1)
    worst = said["layers"][0]
    assert (worst["layer"], worst["dead"], worst["variance"]) == ("layer 5", 1.0, 0.0)
    assert [warning["kind"] for warning in worst["warnings"]] == ["dead"]
    assert worst["warnings"][0]["sentence"].startswith("100% of the 24 units never change")


def test_a_folder_without_a_run_says_what_to_do(tmp_path: Path, capsys, monkeypatch) -> None:
    assert main(["watch", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert f"train default --out {tmp_path}/first" in error
    assert "per_core.Recorder" in error
    monkeypatch.chdir(tmp_path)
    assert main(["watch", "."]) == 2
    assert f"at or below {tmp_path}. Start one" in capsys.readouterr().err  # not "below .."
    assert main(["watch", str(tmp_path / "none")]) == 2
    assert f"there is none at {tmp_path}/none" in capsys.readouterr().err


def test_the_newest_run_below_a_folder_is_meant(tmp_path: Path, capsys) -> None:
    shutil.copytree(ASSETS / DYING, tmp_path / "old")
    os.utime(tmp_path / "old" / "records.jsonl", (1.0, 1.0))
    os.utime(tmp_path / "old" / "run.json", (1.0, 1.0))
    many_layers(tmp_path / "new", 3)
    assert main(["watch", str(tmp_path), "--once"]) == 0
    assert capsys.readouterr().out.startswith("deep")


@pytest.mark.parametrize(("ending", "reasons"), [("finished", 0), ("interrupted", 1)])
def test_only_a_run_that_ended_badly_needs_a_reason(tmp_path: Path, ending: str, reasons: int, capsys) -> None:
    shutil.copytree(ASSETS / HEALTHY, tmp_path / "run")
    (tmp_path / "run" / "closed").write_text(ending)
    assert main(["watch", str(tmp_path / "run"), "--once"]) == reasons
    assert capsys.readouterr().out.count("8 records") == reasons


def test_a_run_that_has_not_begun_has_nothing_to_read(tmp_path: Path, capsys) -> None:
    id = RunLibrary(tmp_path).create(TrainingSpec(title="waiting"))
    assert main(["watch", str(tmp_path / id), "--once"]) == 2
    out = capsys.readouterr().out
    assert re.search(r"^waiting +starting$", out, re.MULTILINE)
    assert "no record yet" in out


def test_a_killed_training_fails_and_says_so(tmp_path: Path, capsys) -> None:
    run = shutil.copytree(ASSETS / COMPARISON, tmp_path / "run")
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps(status | {"state": "running", "epoch": 12, "pid": 2**22 - 1}))
    assert main(["watch", str(run), "--fail-on", "none"]) == 1
    out = capsys.readouterr().out
    assert "interrupted on cpu" in out
    said = " ".join(out.split())
    assert "interrupted at epoch 12 of 20: the process that trained it has ended without a word" in said


def test_a_network_that_diverged_is_severe(tmp_path: Path, capsys) -> None:
    run = shutil.copytree(ASSETS / COMPARISON, tmp_path / "run")
    status = json.loads((run / "status.json").read_text())
    runs = {"bn-s1": {"diverged": 7, "reason": "the loss is nan"}}
    (run / "status.json").write_text(json.dumps(status | {"runs": runs}))
    assert main(["watch", str(run)]) == 1
    assert "NaN  bn-s1: training diverged in epoch 7: the loss is nan" in capsys.readouterr().out
    assert main(["watch", str(run), "--fail-on", "dead"]) == 0


@pytest.mark.parametrize(("file", "text"), [("run.json", "{"), ("records.jsonl", "no record\n")])
def test_a_damaged_run_cannot_be_read(tmp_path: Path, file: str, text: str, capsys) -> None:
    run = shutil.copytree(ASSETS / DYING, tmp_path / "run")
    (run / file).write_text(text)
    assert main(["watch", str(run)]) == 2
    assert str(run) in capsys.readouterr().err


def test_values_that_are_lost_are_seen(tmp_path: Path, capsys) -> None:
    with Recorder(torch.nn.Sequential(torch.nn.Linear(3, 3)), tmp_path / "run") as recorder:
        recorder.record(0, inputs=PROBE)
        recorder.record(1, inputs=PROBE * torch.nan)
        recorder.record(2, inputs=PROBE * torch.nan)
    assert main(["watch", str(tmp_path / "run"), "--once"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"█!! +NaN +▁!! +NaN +█!! +NaN +NaN", out)
    assert "NaN  0. 192 values are NaN" in out
    assert main(["watch", str(tmp_path / "run"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["layers"][0]["sw1"] is None


def test_a_strangers_escape_sequences_do_not_reach_the_terminal(tmp_path: Path, capsys) -> None:
    model = torch.nn.Sequential(OrderedDict([(EVIL, torch.nn.ReLU())]))
    with Recorder(model, tmp_path / f"run{EVIL.replace('/', '')}", title=EVIL) as recorder:
        recorder.record(0, inputs=0 * PROBE)
    for words in ([], ["--json"], ["--ascii"]):
        assert main(["watch", str(tmp_path), "--once", *words]) == 1
        said = capsys.readouterr()
        assert not {"\x1b", "\x07", "\u202e"} & set(said.out + said.err)
        assert "[bold red]loud" in said.out  # no markup either
    out = StringIO()
    console = Console(file=out, width=120, force_terminal=True, color_system="truecolor", markup=False)
    console.print(StandingPicture(Follower(watch.newest_run(tmp_path)).look()))
    assert "\x1b" not in re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())  # colours alone
    (tmp_path / "other").mkdir()
    assert main(["watch", str(tmp_path / "other" / "\x1b[2J")]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_a_picture_fits_its_terminal_and_counts_what_does_not(tmp_path: Path) -> None:
    deep = Follower(many_layers(tmp_path / "run")).look()
    names = [layer.layer for layer in deep.layers]
    assert len(names) == 200
    for standing in (deep, Follower(ASSETS / DYING).look(), Follower(ASSETS / COMPARISON).look()):
        for width in (40, 80, 140, 300):
            for height in (10, 24, 50, 90):
                lines = drawn(standing, width, height, hint="Ctrl+C")
                assert len(lines) <= height
                assert max(map(len, lines)) <= width
                if standing is deep:
                    cut = next(i for i, line in enumerate(lines) if "more layers do not fit" in line)
                    first = next(i for i, line in enumerate(lines) if line.startswith("layer")) + 1
                    shown = [line.split()[0] for line in lines[first:cut]]
                    assert shown == names[: len(shown)]
                    assert int(lines[cut].split()[0]) == 200 - len(shown)
    assert [line.split()[0] for line in drawn(deep, 80, None)[4:204]] == names


def test_a_terminal_without_unicode_gets_ascii(tmp_path: Path, monkeypatch) -> None:
    model = torch.nn.Sequential(OrderedDict([("층", torch.nn.Hardtanh(-100, 100))]))
    with Recorder(model, tmp_path / "run", title="숫자") as recorder:
        recorder.record(0, inputs=PROBE)
        recorder.record(1, inputs=30 * PROBE)
    lines = drawn(Follower(tmp_path / "run").look(), 140, None, is_ascii=True)
    assert "\n".join(lines).isascii()
    assert any("_#" in line and "\\uce35" in line for line in lines)
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert not needs_ascii("utf-8")
    assert needs_ascii("iso-8859-1")
    monkeypatch.setenv("LANG", "C")
    assert needs_ascii("utf-8")
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    assert not needs_ascii("utf-8")


def test_a_run_is_followed_to_its_end(tmp_path: Path, monkeypatch, capsys) -> None:
    recorder = Recorder(torch.nn.Sequential(torch.nn.Hardtanh(-9, 9)), tmp_path / "run", title="live")
    recorder.record(0, inputs=PROBE)
    steps = iter(
        [
            lambda: recorder.record(1, inputs=PROBE),
            lambda: None,
            lambda: recorder.record(2, inputs=0 * PROBE),
            recorder.close,
        ]
    )
    monkeypatch.setattr(watch.time, "sleep", lambda _: next(steps)())
    assert main(["watch", str(tmp_path / "run"), "--json"]) == 1
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["epoch"], one["is_live"], one["exit_status"]) for one in said] == [
        (0, True, 0),
        (1, True, 0),
        (2, True, 1),
        (2, False, 1),
    ]


def test_ctrl_c_ends_with_the_status_of_what_was_seen(tmp_path: Path, monkeypatch, capsys) -> None:
    def press(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", press)
    recorder = Recorder(torch.nn.Sequential(torch.nn.Hardtanh(-9, 9)), tmp_path / "run", title="live")
    recorder.record(0, inputs=PROBE)
    assert main(["watch", str(tmp_path / "run")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"epoch 0 · .* · last record .* ago: no warning", lines[0])  # the log
    assert re.fullmatch(r"live +recording on .*", lines[1])  # and the picture at the end
    recorder.record(1, inputs=0 * PROBE)
    assert main(["watch", str(tmp_path / "run")]) == 1


def test_a_terminal_is_drawn_on_and_left_as_it_was(tmp_path: Path) -> None:
    recorder = Recorder(torch.nn.Sequential(torch.nn.Hardtanh(-9, 9)), tmp_path / "run", title="on a screen")
    recorder.record(0, inputs=0 * PROBE)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    os.set_blocking(ours, False)
    seen = b""

    def shows(text: bytes) -> bool:
        nonlocal seen
        with contextlib.suppress(BlockingIOError):
            seen += os.read(ours, 1 << 16)
        return text in seen

    command = [sys.executable, "-m", "analysis", "watch", str(tmp_path / "run")]
    environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    with processes.running(command, stdout=theirs, stdin=theirs, env=environment) as process:
        wait_for(lambda: shows(b"Ctrl+C ends the view"))
        os.kill(process.pid, signal.SIGINT)
        process.wait()
    wait_for(lambda: shows(b"\x1b[?1049l"))
    assert process.returncode == 1
    assert seen.count(b"\x1b[?1049h") == seen.count(b"\x1b[?1049l") == 1
    assert b"on a screen" in seen.partition(b"\x1b[?1049l")[2]  # the last picture stays
    os.close(ours)
    os.close(theirs)

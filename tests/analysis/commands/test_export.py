"""The command that writes a run for other programs."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.__main__ import main
from app.session.services import EXAMPLE_DUMP, EXAMPLE_RUN
from per_core import open_run
from per_core.recording.summary_table import COLUMNS

pytestmark = pytest.mark.long


def test_a_run_is_written_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = {"--csv": tmp_path / "a.csv", "--parquet": tmp_path / "a.parquet", "--tensorboard": tmp_path / "tb"}
    words = [str(word) for pair in places.items() for word in pair]
    assert main(["export", str(EXAMPLE_DUMP), *words]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [f"wrote {place}" for place in places.values()]
    run = open_run(EXAMPLE_DUMP)
    rows = [(record.epoch, layer) for record in run.records for layer in record.layers]
    for table in (pd.read_csv(tmp_path / "a.csv"), pd.read_parquet(tmp_path / "a.parquet")):
        assert list(zip(table["epoch"], table["layer"], strict=True)) == rows
    assert len(list((tmp_path / "tb").glob("events.out.tfevents.*"))) == 1


def test_a_comparison_is_one_table_and_a_folder_a_run(
    tmp_path: Path, example_comparison: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--csv", str(tmp_path / "a.csv"), "--tensorboard", str(tmp_path / "tb")]
    assert main(["export", str(example_comparison), *words]) == 0
    table = pd.read_csv(tmp_path / "a.csv")
    runs = sorted(path.name for path in (example_comparison / "runs").iterdir())
    assert {f"{method}-s{seed}" for method, seed in zip(table["method"], table["seed"], strict=True)} == set(runs)
    assert sorted(path.name for path in (tmp_path / "tb").iterdir()) == runs
    (example_comparison / "runs" / runs[0] / "run.json").write_text("{")
    assert main(["export", str(example_comparison), "--csv", str(tmp_path / "b.csv")]) == 1
    assert f"left out: {runs[0]}: " in capsys.readouterr().err
    assert len(pd.read_csv(tmp_path / "b.csv")) == len(table) * (len(runs) - 1) / len(runs)


@pytest.fixture
def example_comparison(tmp_path: Path) -> Path:
    return shutil.copytree(EXAMPLE_RUN, tmp_path / "comparison")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "none is named. Add --csv FILE, --parquet FILE or --tensorboard FOLDER"),
        (["--csv", "."], "is a folder. Name a file in it"),
        (["--parquet", "nowhere/a.parquet"], "there is none at nowhere. Make it"),
    ],
)
def test_what_cannot_be_done_is_said(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(EXAMPLE_DUMP), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("python -m analysis export: ")
    assert said in error


@pytest.mark.parametrize("option", ["--csv", "--parquet", "--tensorboard"])
def test_nothing_is_written_into_a_comparison(
    example_comparison: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime for path in example_comparison.rglob("*")}
    assert main(["export", str(example_comparison), option, str(example_comparison / "spec.json")]) == 2
    assert "lies in that of" in capsys.readouterr().err
    assert {path: path.stat().st_mtime for path in example_comparison.rglob("*")} == before


def test_the_run_that_ships_has_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "example", "--csv", "a.csv"]) == 0
    assert set(pd.read_csv("a.csv")["layer"]) == set(open_run(EXAMPLE_DUMP).layers)


def test_what_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path), "--csv", str(tmp_path / "a.csv")]) == 2
    assert "A run is a folder that a training or a Recorder wrote" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_help_says_what_each_column_holds(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    said = capsys.readouterr().out
    assert all(name in said and text in said for name, text in COLUMNS.items())

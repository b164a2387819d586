"""The table of summaries: other programs read what was recorded, and nothing is overwritten by accident."""

import builtins
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pyarrow import parquet

from per_core import InvalidInputError, StorageError, open_run
from per_core.extra_package import MissingPackageError
from per_core.recording.layer_record import Allowance, LayerDigest
from per_core.recording.run_directory import Run, RunWriter
from per_core.recording.summary_table import COLUMNS, write_csv, write_parquet
from tests.per_core.recording.recorded import draw, largest_file

DIGEST = LayerDigest(Allowance(slices=16, units=4, tracked=1))
WRITERS = {"csv": (Run.to_csv, pd.read_csv), "parquet": (Run.to_parquet, pd.read_parquet)}
ODD = 'a "quoted", =SUM(1)\nlayer \ud800 é'
CUT = "a\r=SUM(2)"  # some programs begin a row after it


def recorded(path: Path, epochs: tuple[float, ...] = (0, 0.5, 2), **options: object) -> Run:
    writer = RunWriter(path, allowance=DIGEST.allowance, **options)
    for epoch in epochs:
        layers = {"a": DIGEST(draw(20, 3, seed=int(2 * epoch))), "b": DIGEST(torch.full((4, 2), math.nan))}
        scalars = {"loss": math.inf if epoch else 0.1} | ({"late": 1.0} if epoch > 1 else {})
        writer.append(epoch, layers, scalars=scalars)
    return open_run(path)


@pytest.mark.parametrize("kind", WRITERS)
def test_pandas_reads_what_was_recorded(tmp_path: Path, kind: str) -> None:
    write, read = WRITERS[kind]
    run = recorded(tmp_path / "run", title="T", description={"method": "per", "seed": 7})
    assert write(run, str(tmp_path / f"t.{kind}")) == tmp_path / f"t.{kind}"
    table = read(tmp_path / f"t.{kind}")
    assert list(table.columns) == [*COLUMNS, "scalar_loss", "scalar_late"]
    assert table[["epoch", "layer"]].to_numpy().tolist() == [[e, n] for e in (0, 0.5, 2) for n in ("a", "b")]
    assert (set(table["run"]), set(table["method"]), set(table["seed"])) == ({"T"}, {"per"}, {7})
    for (_, row), (record, name) in zip(table.iterrows(), [(r, n) for r in run.records for n in r.layers], strict=True):
        summary = record.layers[name]
        assert row["seconds"] == record.seconds
        for column in ("n", "d", "n_finite", "n_nan", "variance", "per", "sw1", "sw1_margin", "dead", "mean_square"):
            np.testing.assert_equal(float(row[column]), float(getattr(summary, column)))  # to the last digit
    assert table["scalar_loss"].tolist() == [0.1, 0.1, *[math.inf] * 4]
    assert table["scalar_late"].isna().tolist() == [True] * 4 + [False] * 2
    assert (str(table["n"].dtype), str(table["sw1_controlled"].dtype)) == ("int64", "bool")


def test_parquet_says_what_its_columns_hold(tmp_path: Path) -> None:
    recorded(tmp_path / "run").to_parquet(tmp_path / "t.parquet")
    schema = parquet.read_schema(tmp_path / "t.parquet")
    assert schema.field("per").metadata == {b"description": COLUMNS["per"].encode()}
    assert all(COLUMNS.values())


@pytest.mark.parametrize("kind", WRITERS)
def test_names_come_back_as_they_are(tmp_path: Path, kind: str) -> None:
    write, read = WRITERS[kind]
    writer = RunWriter(tmp_path / "run", allowance=DIGEST.allowance, title=CUT)
    writer.append(0, {ODD.replace("\ud800", ""): DIGEST(draw(5, 2))})
    text = (tmp_path / "run/records.jsonl").read_text(encoding="utf-8").replace("layer  ", "layer \\ud800 ")
    (tmp_path / "run/records.jsonl").write_text(text, encoding="utf-8")
    write(open_run(tmp_path / "run"), tmp_path / "t")
    table = read(tmp_path / "t")
    assert table["layer"].tolist() == [ODD.replace("\ud800", "\\ud800")]
    assert table["run"].tolist() == [CUT]


@pytest.mark.parametrize(("kind", "sign"), [("csv", "'"), ("parquet", "")])
def test_a_name_that_a_spreadsheet_would_compute_has_an_apostrophe_in_csv(tmp_path: Path, kind: str, sign: str) -> None:
    write, read = WRITERS[kind]
    writer = RunWriter(tmp_path / "run", allowance=DIGEST.allowance, title="@SUM(A1)")
    writer.append(0, {"=1+1": DIGEST(draw(5, 2) - 9), "-": DIGEST(draw(5, 2))})
    table = read(write(open_run(tmp_path / "run"), tmp_path / "t"))
    assert table["layer"].tolist() == [f"{sign}=1+1", "-"]
    assert set(table["run"]) == {f"{sign}@SUM(A1)"}
    assert table["mean"][0] < -5, "a negative number stays one"


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(("seed", "written"), [(2**63 - 1, 2**63 - 1), (2**63, None), ("seven", None)])
def test_a_seed_is_a_whole_number_of_64_bits_or_none(
    tmp_path: Path, kind: str, seed: object, written: int | None
) -> None:
    write, read = WRITERS[kind]
    table = read(write(recorded(tmp_path / "run", (0,), description={"seed": seed}), tmp_path / "t"))
    assert [None if pd.isna(one) else int(one) for one in table["seed"]] == [written] * 2


def test_a_run_in_the_current_folder_has_that_folder_s_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(tmp_path / "mine", (0,))
    monkeypatch.chdir(tmp_path / "mine")
    run = open_run(".")
    assert run.name == "mine"
    assert set(pd.read_csv(run.to_csv("../t.csv"))["run"]) == {"mine"}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_run_without_records_has_columns_and_no_rows(tmp_path: Path, kind: str) -> None:
    write, read = WRITERS[kind]
    RunWriter(tmp_path / "run", allowance=DIGEST.allowance)
    write(open_run(tmp_path / "run"), tmp_path / "t")
    table = read(tmp_path / "t")
    assert (list(table.columns), len(table)) == (list(COLUMNS), 0)


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_several_runs_stand_below_each_other(tmp_path: Path, write: object) -> None:
    runs = [recorded(tmp_path / name, (0,), description={"seed": seed}) for seed, name in enumerate(("x", "y"))]
    write(runs, tmp_path / "t")
    table = (pd.read_csv if write is write_csv else pd.read_parquet)(tmp_path / "t")
    assert table[["run", "seed", "layer"]].to_numpy().tolist() == [[n, s, i] for s, n in enumerate("xy") for i in "ab"]


@pytest.mark.parametrize("kind", WRITERS)
def test_where_it_cannot_be_written_is_said_and_nothing_is_left(tmp_path: Path, kind: str) -> None:
    write, read = WRITERS[kind]
    run = recorded(tmp_path / "run")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidInputError, match=r"folder is a folder. Name a file in it, .*folder/summaries.csv"):
        write(run, tmp_path / "folder")
    before = (tmp_path / "run/records.jsonl").read_bytes()
    with pytest.raises(InvalidInputError, match=r"lies in that of .*run. Name a place elsewhere"):
        write(run, tmp_path / "run/records.jsonl")
    assert (tmp_path / "run/records.jsonl").read_bytes() == before
    with pytest.raises(InvalidInputError, match=r"there is none at .*nowhere. Make it, or name another"):
        write(run, tmp_path / "nowhere/t.csv")
    write(run, tmp_path / "t")
    with largest_file(100), pytest.raises(StorageError, match="ulimit -f"):
        write(run, tmp_path / "t")
    assert len(read(tmp_path / "t")) == 6  # the earlier one is still whole
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "run", "t"]


def test_a_missing_package_is_named_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, real = recorded(tmp_path / "run"), builtins.__import__

    def without(name: str, *args: object, **options: object) -> object:
        if name.partition(".")[0] in ("pyarrow", "tensorboard") or name == "torch.utils.tensorboard":
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    for write, package in ((run.to_parquet, "pyarrow"), (run.to_tensorboard, "tensorboard")):
        with pytest.raises(MissingPackageError, match=f"needs the package {package}.*pip install {package}$"):
            write(tmp_path / "t")
    run.to_csv(tmp_path / "t.csv")  # needs nothing
    assert sorted(one.name for one in tmp_path.iterdir()) == ["run", "t.csv"]

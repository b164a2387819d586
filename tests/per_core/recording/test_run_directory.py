"""The run directory: what is written is what is read, whatever happens to the writer."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from per_core import InvalidInputError, StorageError, open_run
from per_core.recording.layer_record import Allowance, LayerDigest
from per_core.recording.run_directory import Run, RunWriter
from tests import processes
from tests.per_core.recording.recorded import largest_file

pytestmark = pytest.mark.long

ALLOWANCE = Allowance(slices=4, units=3, tracked=2, budget=20_000, seed=5)
DIGEST = LayerDigest(ALLOWANCE)


def layers_of(index: int, n: int = 8) -> dict:
    return {"a": DIGEST(torch.full((n, 3), float(index))), "b.c": DIGEST(torch.full((n, 5), -float(index)))}


def written(path: Path, records: int = 3, **options: object) -> RunWriter:
    writer = RunWriter(path, allowance=ALLOWANCE, **options)
    for index in range(records):
        writer.append(index, layers_of(index), scalars={"loss": 1 / (index + 1)})
    return writer


@pytest.fixture
def run(tmp_path: Path) -> Path:
    written(tmp_path / "run")
    return tmp_path / "run"


def lines(run: Path) -> list[bytes]:
    return (run / "records.jsonl").read_bytes().splitlines(keepends=True)


def epochs(run: Run) -> list[float]:
    return [record.epoch for record in run.records]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written(tmp_path / "run", 2, layout="position", title="T", description={"spec": [1, "é"]})
    run = open_run(tmp_path / "run")
    assert (run.title, run.description, run.layout, run.allowance) == ("T", {"spec": [1, "é"]}, "position", ALLOWANCE)
    assert run.layers == {"a": 3, "b.c": 5}
    first, second = run.records
    assert (first.index, first.epoch, first.sampling, first.training) == (0, 0, "probe", False)
    assert second.scalars == {"loss": 0.5}
    assert 0 <= first.seconds <= second.seconds
    assert second.seconds == second.time - run.created
    expected = layers_of(1)
    for name, kept in run.arrays(1).items():
        summary, arrays = expected[name]
        assert second.layers[name].to_json() == summary.to_json()
        for part in ("norms", "projections", "tracked", "tracked_units", "rows", "row_units", "directions"):
            np.testing.assert_array_equal(getattr(kept, part), getattr(arrays, part))
    assert list(run.arrays(0, layers=["b.c"])) == ["b.c"]


def test_a_run_without_records_is_a_run(tmp_path: Path) -> None:
    RunWriter(tmp_path / "run", allowance=ALLOWANCE)
    run = open_run(tmp_path / "run")
    assert run.records == ()
    assert run.layers == {}
    assert run.refresh().records == ()


def test_numbers_that_json_does_not_know_come_back(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", allowance=ALLOWANCE)
    scalars = {"a": float("nan"), "b": float("inf"), "c": float("-inf")}
    writer.append(0, {"a": DIGEST(torch.full((4, 3), float("nan")))}, scalars=scalars)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    json.loads(lines(tmp_path / "run")[0], parse_constant=refuse)
    record = open_run(tmp_path / "run").records[0]
    np.testing.assert_equal(record.scalars, scalars)
    assert np.isnan(record.layers["a"].per)


def test_a_torn_last_line_and_files_without_a_line_are_ignored(run: Path) -> None:
    whole = lines(run)
    for cut in (1, len(whole[-1]) // 2, len(whole[-1]) - 1):
        (run / "records.jsonl").write_bytes(b"".join(whole[:-1]) + whole[-1][:cut])
        assert epochs(open_run(run)) == [0, 1]
    (run / "arrays" / "000003.safetensors").write_bytes(b"half")
    (run / "arrays" / "000004.safetensors.tmp").write_bytes(b"")
    assert epochs(open_run(run)) == [0, 1]


@pytest.mark.parametrize(("field", "said"), [("kept_rows", "1 × "), ("kept_norms", "and 1 norms of a")])
def test_arrays_that_are_not_as_the_record_says_are_refused(run: Path, field: str, said: str) -> None:
    file = run / "records.jsonl"
    file.write_text(re.sub(rf'"{field}": ?\d+', f'"{field}": 1', file.read_text()))
    with pytest.raises(
        InvalidInputError, match=rf"arrays of record 1 must be as records.jsonl says.*{said}.*copy the run"
    ):
        open_run(run).arrays(1)


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty"])
def test_a_record_whose_arrays_are_damaged_keeps_its_summary(run: Path, damage: str) -> None:
    file = run / "arrays" / "000001.safetensors"
    content = file.read_bytes()
    file.unlink()
    if damage != "missing":
        file.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"")
    opened = open_run(run)
    assert opened.records[1].layers["a"].mean == 1
    with pytest.raises(InvalidInputError, match=r"record 1 must be in .*000001.*missing or damaged.*other records"):
        opened.arrays(1)
    assert opened.arrays(2)["a"].rows[0, 0] == 2


def test_damage_in_the_middle_is_named(run: Path) -> None:
    first, _, last = lines(run)
    for damaged in (b"{]\n", b"7\n", b'{"index": 1}\n', last):
        (run / "records.jsonl").write_bytes(first + damaged + last)
        with pytest.raises(InvalidInputError, match=r"line 2 is damaged.*keep the 1 records above"):
            open_run(run)


def test_what_is_no_run_is_refused(tmp_path: Path, run: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"has no run.json. Name the folder"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match=r"has no run.json"):
        open_run(tmp_path)
    header = run / "run.json"
    good = json.loads(header.read_text())
    header.write_text(json.dumps(good | {"schema": 3}))
    with pytest.raises(InvalidInputError, match=r"schema up to 2; .* has schema 3, of a newer version. Update"):
        open_run(run)
    header.write_text("{")
    with pytest.raises(InvalidInputError, match=r"must be a readable run directory"):
        open_run(run)
    del good["created"]
    header.write_text(json.dumps(good))
    with pytest.raises(InvalidInputError, match=r"run.json lacks 'created'"):
        open_run(run)
    (run / "records.jsonl").unlink()
    with pytest.raises(InvalidInputError, match=r"has no records.jsonl"):
        open_run(run)


def test_what_is_not_there_is_named(run: Path) -> None:
    opened = open_run(run)
    for index in (-1, 3):
        with pytest.raises(InvalidInputError, match=r"has 3 records, of index 0, 1, 2; received"):
            opened.arrays(index)
    with pytest.raises(InvalidInputError, match=r"has the layers a, b.c; received c"):
        opened.arrays(0, layers=["c"])


def test_refresh_reads_only_what_was_added(tmp_path: Path) -> None:
    run = tmp_path / "run"
    writer = written(run, 2)
    before = open_run(run)
    assert before.refresh() is before
    writer.append(2, layers_of(2))
    # Damage in what was read already goes unnoticed: it is not read again.
    content = (run / "records.jsonl").read_bytes()
    (run / "records.jsonl").write_bytes(b"#" + content[1:])
    after = before.refresh()
    assert epochs(after) == [0, 1, 2]
    assert after.records[:2] == before.records
    assert epochs(before) == [0, 1]
    with (run / "records.jsonl").open("ab") as file:
        file.write(b'{"index": 3, ')
    assert after.refresh() is after


def test_refresh_notices_a_run_that_was_cut_back(tmp_path: Path) -> None:
    run = tmp_path / "run"
    written(run, 4)
    before = open_run(run)
    writer = RunWriter(run, allowance=ALLOWANCE, resume=True, last_epoch=1)
    assert epochs(before.refresh()) == [0, 1]
    for epoch in (20, 30, 40, 50):  # longer than before
        writer.append(epoch, layers_of(epoch))
    assert epochs(before.refresh()) == [0, 1, 20, 30, 40, 50]


def test_resume_drops_the_torn_tail_and_later_epochs(run: Path) -> None:
    with (run / "records.jsonl").open("ab") as file:
        file.write(b'{"index": 3, "ep')
    for name in ("000003.safetensors", "000003.safetensors.tmp"):
        (run / "arrays" / name).write_bytes(b"half")
    RunWriter(run, allowance=ALLOWANCE, resume=True).append(3, layers_of(3))
    assert epochs(open_run(run)) == [0, 1, 2, 3]
    assert open_run(run).arrays(3)["a"].rows[0, 0] == 3
    writer = RunWriter(run, allowance=ALLOWANCE, resume=True, last_epoch=1)
    assert epochs(open_run(run)) == [0, 1]
    assert len(list((run / "arrays").iterdir())) == 2
    writer.append(2, layers_of(7))
    assert open_run(run).arrays(2)["a"].rows[0, 0] == 7


def test_resume_begins_a_run_where_there_is_none(tmp_path: Path) -> None:
    RunWriter(tmp_path / "run", allowance=ALLOWANCE, resume=True).append(0, layers_of(0))
    assert epochs(open_run(tmp_path / "run")) == [0]


def test_a_run_is_not_overwritten_nor_mixed(run: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"already holds one. Choose another folder, or pass resume=True"):
        RunWriter(run)
    with pytest.raises(InvalidInputError, match=r"goes on as it began, with Allowance.*seed=5.*received.*seed=0"):
        RunWriter(run, resume=True)
    with pytest.raises(InvalidInputError, match=r"layout 'sample'; received .* layout 'position'"):
        RunWriter(run, allowance=ALLOWANCE, layout="position", resume=True)
    assert len(open_run(run).records) == 3


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/run cannot be written: Not a directory\. Name another folder"):
        RunWriter(tmp_path / "file" / "run")
    with pytest.raises(InvalidInputError, match=r"description must be JSON"):
        RunWriter(tmp_path / "run", description={"model": object()})
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_full_disk_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    run = tmp_path / "run"
    writer = written(run, 3)
    before = (run / "records.jsonl").read_bytes()
    arrays = (run / "arrays" / "000002.safetensors").stat().st_size
    assert arrays < len(before) + 100
    for size in (arrays - 1, len(before) + 100):  # in the array file; in the line
        with largest_file(size), pytest.raises(StorageError, match="File too large"):
            writer.append(3, layers_of(3))
        assert (run / "records.jsonl").read_bytes() == before
    assert not list(run.rglob("*.tmp"))
    writer.append(3, layers_of(3))
    assert epochs(open_run(run)) == [0, 1, 2, 3]


def test_what_could_not_be_written_is_said_once_there_is_a_first_failure(tmp_path: Path) -> None:
    run = tmp_path / "run"
    writer = written(run, 3)
    opened = open_run(run)
    assert opened.missing is None
    with largest_file(100):  # below the size of a record, above that of the note
        for epoch in (3, 4.5):
            with pytest.raises(StorageError, match="ulimit -f"):
                writer.append(epoch, layers_of(3))
            writer.note_missing(epoch)
    assert opened.refresh().missing == open_run(run).missing == (3, 4.5)
    writer.append(5, layers_of(3))
    assert (open_run(run).missing, epochs(opened.refresh())) == ((3, 4.5), [0, 1, 2, 5])
    for last_epoch, missing in ((None, (3, 4.5)), (4, (3, 4)), (2, None)):
        RunWriter(run, allowance=writer.allowance, resume=True, last_epoch=last_epoch)
        assert open_run(run).missing == missing
    for damaged in ("{", "[]", '{"first": "no"}'):
        (run / "missing.json").write_text(damaged)
        assert open_run(run).missing is None


KILLER = """
import os, random, select, signal, sys, time
from pathlib import Path
import torch
from per_core import open_run
from per_core.errors import InvalidInputError
from per_core.recording.layer_record import Allowance, LayerDigest
from per_core.recording.run_directory import RunWriter

run, kills = Path(sys.argv[1]), int(sys.argv[2])
allowance = Allowance(slices=4, units=3, tracked=2, budget=20_000)
random.seed(0)

def write_until_killed(acknowledge):
    digest = LayerDigest(allowance)
    writer = RunWriter(run, allowance=allowance, resume=True)
    index = len(open_run(run).records)
    while True:
        writer.append(index, {"a": digest(torch.full((8, 3), float(index % 97)))})
        os.write(acknowledge, b".")
        index += 1

known = strays = 0
for kill in range(kills):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            write_until_killed(writing)
        finally:
            os._exit(1)
    os.close(writing)
    if kill:  # the first may die before the run is one
        select.select([reading], [], [])
    time.sleep(random.uniform(0, 0.01))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the writer ended by itself"
    acknowledged = 0
    while data := os.read(reading, 65536):
        acknowledged += len(data)
    os.close(reading)
    try:
        opened = open_run(run)
    except InvalidInputError as error:
        assert known + acknowledged == 0, error
        continue
    count = len(opened.records)
    assert known + acknowledged <= count <= known + acknowledged + 1, (known, acknowledged, count)
    for record in opened.records[known:]:
        assert record.epoch == record.index
        assert (opened.arrays(record.index)["a"].rows == record.index % 97).all()
        assert record.layers["a"].mean == record.index % 97
    strays += len(list((run / "arrays").iterdir())) > count
    known = count
print(known, strays)
"""


def test_a_killed_writer_leaves_whole_records(tmp_path: Path) -> None:
    """SIGKILL at 80 random moments, each time resumed: no record that was acknowledged is lost, none is damaged."""
    ended = processes.run([sys.executable, "-c", KILLER, tmp_path / "run", "80"])
    assert ended.returncode == 0, ended.stderr
    records, strays = map(int, ended.stdout.split())
    assert records >= 80
    assert strays > 0  # some were killed between the arrays and the line
    assert epochs(open_run(tmp_path / "run")) == list(range(records))


WRITER = """
import sys, torch
from per_core.recording.layer_record import Allowance, LayerDigest
from per_core.recording.run_directory import RunWriter
allowance = Allowance(slices=4, units=3, tracked=2, budget=20_000)
digest, writer = LayerDigest(allowance), RunWriter(sys.argv[1], allowance=allowance)
print("ready", flush=True)
for index in range(300):
    writer.append(index, {"a": digest(torch.full((8, 3), float(index)))})
"""


def test_a_reader_follows_a_writer(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", WRITER, str(tmp_path / "run")]
    with processes.running(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        run, seen = open_run(tmp_path / "run"), set()
        while process.poll() is None:
            run = run.refresh()
            seen.add(len(run.records))
            if run.records:
                last = run.records[-1].index
                assert (run.arrays(last)["a"].rows == last).all()
    assert process.returncode == 0
    assert epochs(run.refresh()) == list(range(300))
    assert len(seen) > 1

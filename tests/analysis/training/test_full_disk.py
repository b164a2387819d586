"""A disk that takes no more, at any file of a comparison: it is interrupted, says why, and goes on where there is room.

A link to /dev/full in the place of a file that is about to be written makes the system answer "no space left"; when the
failed attempt is removed, there is room again.
"""

import shutil
import sys
import types
from dataclasses import replace

import pytest
import torch

from analysis.checkpoint import read_checkpoint, write_checkpoint
from analysis.runs.folder import ComparisonFolder
from analysis.runs.room import bytes_to_come
from analysis.runs.status import read_status
from analysis.training.plan import plan
from per_core.errors import StorageError
from per_core.recording.run_directory import open_run
from tests.analysis.training.workers import TINY, assert_same_comparison, finish, start, status, work_here
from tests.per_core.recording.recorded import largest_file

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The same comparison on a disk with room."""
    out = tmp_path_factory.mktemp("training") / "done"
    assert work_here(TINY, out) == 0
    return out


class Fills(types.SimpleNamespace):
    """A standard output that does something when a line is printed; the worker prints one an epoch."""

    def write(self, text):
        if self.line in text:
            self.act()
        return len(text)

    def flush(self):
        """Nothing waits."""


def fill(file):
    """Let the next attempt to write this file end at a full disk."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_name(f"{file.name}.tmp").symlink_to("/dev/full")


def weights(out):
    """What a comparison has learnt."""
    return torch.load(out / "checkpoint.pt", weights_only=True)["learners"]


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    for name, learner in one.items():
        for key, value in learner["network"].items():
            assert torch.equal(value, other[name]["network"][key])


@pytest.mark.parametrize(
    ("file", "epoch"),
    [
        ("spec.json", None),
        ("reserve", None),
        ("comparison.json", None),
        ("runs/vanilla-s3/run.json", None),
        ("runs/per_sampled-s3/arrays/000000.safetensors", None),
        ("checkpoint.pt", None),
        ("runs/per_sampled-s3/arrays/000003.safetensors", 2),
        ("runs/bn+vcl-s3/arrays/000002.safetensors", 1),
        ("runs/bn+vcl-s3/arrays/000004.safetensors", 3),
        ("checkpoint.pt", 0),
        ("checkpoint.pt", 3),
        ("status.json", 1),
        ("status.json", 4),
    ],
)
def test_a_full_disk_interrupts_and_room_ends_bit_identical(done, tmp_path, monkeypatch, capsys, file, epoch):
    out = tmp_path / "full"
    if epoch is None:
        fill(out / file)
    else:
        monkeypatch.setattr(sys, "stdout", Fills(line=f"epoch {epoch} of 4", act=lambda: fill(out / file)))
    assert work_here(TINY, out) == 5
    monkeypatch.undo()
    reached, said = read_status(out), capsys.readouterr().err
    reason = f"{out / file} cannot be written: No space left on device. Free some space on that disk."
    assert said == f"python -m analysis train: {reason} Then go on with --resume.\n"
    assert (reached.state, reached.message) == ("interrupted", f"interrupted at epoch {reached.epoch} of 4: {reason}")
    assert reached.epoch == (epoch or 0)
    assert not list(out.rglob("*.tmp"))
    assert not (out / "reserve").exists()
    assert work_here(TINY, out, "--resume") == 0
    assert status(out)["state"] == "finished"
    assert_same_comparison(done, out)
    assert_same_weights(weights(done), weights(out))


def test_a_disk_that_stays_full_is_said_every_time(tmp_path, capsys):
    out = tmp_path / "full"
    spec = replace(TINY, epochs=20)  # 50 kB of records a network
    with largest_file(30_000):
        for _ in range(2):
            assert work_here(spec, out, "--resume") == 5
            assert "records.jsonl cannot be written" in capsys.readouterr().err
            reached = read_status(out)
            assert reached.state == "interrupted"
            assert 5 < reached.epoch < 15
            assert "File too large" in reached.message
            assert [record.epoch for record in open_run(out / "runs" / "bn+vcl-s3").records] == list(
                range(reached.epoch + 1)
            )
    assert work_here(spec, out, "--resume") == 0
    assert work_here(spec, tmp_path / "undisturbed") == 0
    assert_same_comparison(tmp_path / "undisturbed", out)
    assert_same_weights(weights(tmp_path / "undisturbed"), weights(out))


def test_half_a_checkpoint_is_none(tmp_path):
    file = ComparisonFolder(tmp_path).checkpoint_file
    write_checkpoint(file, {"epoch": 1})
    with largest_file(100_000), pytest.raises(StorageError, match=r"checkpoint\.pt cannot be written: File too large"):
        write_checkpoint(file, {"epoch": 2, "weights": torch.zeros(100_000)})
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert read_checkpoint(file, torch.device("cpu")) == {"epoch": 1}


def test_a_folder_that_goes_while_it_trains(tmp_path):
    out = tmp_path / "runs" / "gone"
    out.parent.mkdir()
    process = start(replace(TINY, epochs=10_000), out)
    while "epoch 2 of" not in process.stdout.readline():
        pass
    out.parent.rename(tmp_path / "away")
    code, _, errors = finish(process)
    assert code == 5
    assert "cannot be written: No such file or directory. Bring the folder back. Then go on with --resume." in errors
    (tmp_path / "away").rename(out.parent)
    reached = read_status(out)
    assert reached.state == "interrupted"  # though nobody could write it down
    assert reached.epoch >= 2


def test_an_output_that_takes_nothing_does_not_end_a_training(tmp_path):
    with open("/dev/full", "w") as full:
        process = start(TINY, tmp_path / "silent", stdout=full, stderr=full)
    assert process.wait() == 0
    assert status(tmp_path / "silent")["state"] == "finished"


def test_what_does_not_fit_is_not_begun(done, tmp_path, monkeypatch, capsys):
    needed = plan(TINY).disk_bytes
    usage = types.SimpleNamespace(free=needed // 2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    out = tmp_path / "tight"
    assert work_here(TINY, out) == 5
    message = capsys.readouterr().err
    sizes = f"write about {needed / 1e6:.1f} MB, and the disk of {out} has {usage.free / 1e6:.1f} MB free."
    assert f"{sizes} Free some space, or ask for fewer" in message
    assert read_status(out).state == "interrupted"
    fill(out / "status.json")  # as it is interrupted already, this changes nothing
    assert work_here(TINY, out, "--resume") == 5
    assert read_status(out).state == "interrupted"
    usage.free = needed
    assert work_here(TINY, out, "--resume") == 0
    assert_same_comparison(done, out)
    usage.free = 0
    assert work_here(TINY, out, "--resume") == 0  # it lacks nothing


def test_what_is_there_already_needs_no_room(done):
    files = [path for path in done.rglob("*") if path.is_file()]
    whole = plan(TINY).disk_bytes
    assert bytes_to_come(done, whole) == whole - sum(path.stat().st_size for path in files)


def test_records_that_do_not_reach_the_checkpoint_are_not_gone_on_with(done, tmp_path, capsys):
    out = tmp_path / "cut"
    shutil.copytree(done, out)
    records = out / "runs" / "vanilla-s3" / "records.jsonl"
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:3]))
    assert work_here(TINY, out, "--resume") == 1
    assert "should have its last record at epoch 4, and has it at 2. Start anew" in capsys.readouterr().err
    assert status(out)["state"] == "failed"

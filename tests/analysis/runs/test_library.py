import io
import json
import os
import re
import shutil
import threading
import time
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch
from torch import nn

from analysis.process import birth_of
from analysis.runs import folder
from analysis.runs.library import RunLibrary, open_comparison
from analysis.runs.remark import Remark
from analysis.runs.spec import MethodSpec, TrainingSpec
from analysis.runs.status import change_status, read_status
from per_core import Recorder
from per_core.errors import InvalidInputError, StorageError
from tests.analysis.training.workers import TINY, finish, start, work_here

METHODS = ("per_sampled", "vanilla", "bn+vcl")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder that a worker made, started by hand."""
    out = tmp_path_factory.mktemp("trained") / "by hand"
    code, _, errors = finish(start(TINY, out))
    assert (code, errors) == (0, "")
    return out


@pytest.fixture
def library(tmp_path):
    return RunLibrary(tmp_path / "runs")


@pytest.fixture
def comparison(library, trained):
    """A copy of it in the library."""
    shutil.copytree(trained, library.root / "by hand")
    return "by hand"


def record(path, epochs, first=0, **options):
    """Somebody's own training, watched."""
    model = nn.Sequential(nn.Linear(3, 4), nn.ELU())
    with Recorder(model, path, **options) as recorder:
        for epoch in range(first, first + epochs):
            recorder.record(epoch, inputs=torch.ones(5, 3), loss=float(epoch))


def write_status(path, **changes):
    process = {"pid": os.getpid(), "birth": birth_of(os.getpid())}
    values = {"state": "running", "epoch": 2, "epochs": 9, "message": "", "updated": datetime.now(UTC).isoformat()}
    values |= process
    (path / "status.json").write_text(json.dumps(values | changes))


def test_an_empty_library_is_made(tmp_path):
    assert RunLibrary(tmp_path / "new" / "runs").list_runs() == ()
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file/runs cannot be written: Not a directory\. Name another folder"):
        RunLibrary(tmp_path / "file" / "runs")


def test_the_entry_of_a_comparison(library, comparison):
    (entry,) = library.list_runs()
    assert entry == library.entry(comparison)
    assert (entry.id, entry.title, entry.kind) == ("by hand", "per_sampled, vanilla, bn+vcl", "comparison")
    assert (entry.state, entry.epoch, entry.epochs, entry.message) == ("finished", 4, 4, "")
    assert (entry.device, entry.methods) == ("CPU", METHODS)
    files = [path for path in library.path(comparison).rglob("*") if path.is_file()]
    assert entry.size == sum(path.stat().st_size for path in files)


def test_the_entry_of_somebodys_own_training(library):
    record(library.root / "mine", 3, title="My network", description={"device": "a big GPU"})
    (entry,) = library.list_runs()
    assert (entry.title, entry.kind, entry.state, entry.device) == ("My network", "recording", "finished", "a big GPU")
    assert (entry.epoch, entry.epochs, entry.methods, entry.message) == (2, None, (), "3 records")
    assert abs(entry.created - time.time()) < 60
    size = entry.size
    record(library.root / "mine", 5, first=3, title="My network", resume=True)
    (entry,) = library.list_runs()
    assert (entry.epoch, entry.message) == (7, "8 records")
    assert entry.size > 2 * size


def test_newest_first(library, comparison):
    record(library.root / "old", 1)
    new = library.create(TINY)
    for age, name in ((3000, "old/run.json"), (2000, "by hand/spec.json")):
        file = library.root / name
        if name.startswith("old"):
            header = json.loads(file.read_text())
            file.write_text(json.dumps(header | {"created": time.time() - age}))
        else:
            os.utime(file, (time.time() - age,) * 2)
    assert [entry.id for entry in library.list_runs()] == [new, comparison, "old"]


def test_ids_are_dated_and_cannot_be_guessed(library):
    ids = [library.create(TrainingSpec(title="Twins")) for _ in range(2)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d-\d{4}-[\w-]{16}", id) for id in ids)
    assert ids[0][16:] != ids[1][16:]
    entries = library.list_runs()
    assert [(entry.title, entry.state, entry.epoch, entry.epochs) for entry in entries] == [
        ("Twins", "starting", 0, 60)
    ] * 2
    assert entries[0].methods == ("per", "vanilla", "bn")


@pytest.mark.parametrize(
    "id",
    [
        "",
        ".",
        "..",
        "../outside",
        "../runs/mine",
        "mine/arrays",
        "mine/",
        "/etc",
        "..\\outside",
        ".trash",
        ".hidden",
        "mine\0",
        "nothing",
        "file",
        "link",
        "inner",
        "loop",
        "x" * 300,
        "\ud800",
        None,
        7,
    ],
)
def test_only_names_of_real_subfolders_are_ids(library, tmp_path, id):
    record(library.root / "mine", 1)
    record(tmp_path / "outside", 1)
    (library.root / ".hidden").mkdir()
    (library.root / "file").touch()
    (library.root / "link").symlink_to(tmp_path / "outside")
    (library.root / "inner").symlink_to(library.root / "mine")
    (library.root / "loop").symlink_to(library.root / "loop")
    calls = (
        library.path,
        library.entry,
        library.delete,
        library.zip_run,
        lambda bad: library.rename(bad, "New"),
    )
    for call in calls:
        with pytest.raises(InvalidInputError, match="There is no run") as caught:
            call(id)
        assert len(str(caught.value)) < 300
    with pytest.raises(InvalidInputError, match="There is no deleted run"):
        library.undo_delete(id)
    assert (tmp_path / "outside" / "run.json").exists()


def test_damaged_folders_are_listed_with_their_reasons(library, trained, tmp_path):
    def damage(name, change):
        folder = library.root / name
        shutil.copytree(trained, folder)
        change(folder)

    damage("no status", lambda folder: (folder / "status.json").unlink())
    damage("torn status", lambda folder: (folder / "status.json").write_text('{"state": "run'))
    damage("strange status", lambda folder: write_status(folder, state="dancing"))
    damage("status without time", lambda folder: write_status(folder, updated=None))
    damage("status list", lambda folder: (folder / "status.json").write_text("[]"))
    damage("other version", lambda folder: (folder / "comparison.json").write_text('{"version": 99}'))
    damage("spec of no methods", lambda folder: (folder / "comparison.json").write_text(
        '{"version": 1, "spec": {"methods": 3}, "resolved": {}}'))  # fmt: skip
    damage("spec list", lambda folder: (folder / "comparison.json").write_text(
        '{"version": 1, "spec": [], "resolved": {}}'))  # fmt: skip
    (library.root / "empty").mkdir()
    (library.root / "torn run").mkdir()
    (library.root / "torn run" / "run.json").write_text("{")
    (library.root / "torn run" / "records.jsonl").touch()
    record(library.root / "strange run", 1)
    header = json.loads((library.root / "strange run" / "run.json").read_text())
    (library.root / "strange run" / "run.json").write_text(json.dumps(header | {"created": "yesterday"}))
    (library.root / "link").symlink_to(tmp_path)
    (library.root / "file").touch()

    entries = {entry.id: entry for entry in library.list_runs()}
    assert entries.keys() == {path.name for path in library.root.iterdir()} - {"file"}
    assert {entry.state for entry in entries.values()} == {"damaged"}
    assert {id for id, entry in entries.items() if entry.kind == "recording"} == {"torn run", "strange run"}
    reasons = {
        "no status": "No such file",
        "torn status": "not a readable JSON file",
        "strange status": "no such state: 'dancing'",
        "other version": "of version 1; it is of 99",
        "spec of no methods": "names its methods",
        "empty": "A run is a folder that a training or a Recorder wrote",
        "link": "link to another place",
    }
    for id, reason in reasons.items():
        assert reason in entries[id].message
    assert all(entry.message for entry in entries.values())
    library.delete("torn run")
    assert "torn run" not in {entry.id for entry in library.list_runs()}


@pytest.mark.parametrize("hours", [-1, 1, -24 * 365])
def test_a_clock_that_is_set_does_not_end_a_process(library, comparison, monkeypatch, hours):
    path = library.path(comparison)
    set_clock = datetime.now(UTC) + timedelta(hours=hours)
    with monkeypatch.context() as clock:
        clock.setattr(folder, "now", set_clock.isoformat)
        change_status(path, "running", None)
    assert library.entry(comparison).state == "running"
    assert read_status(path).updated == pytest.approx(set_clock.timestamp(), abs=1)


def test_a_run_whose_process_is_gone_is_interrupted(library, comparison):
    path = library.path(comparison)
    write_status(path)
    assert (library.entry(comparison).state, library.entry(comparison).message) == ("running", "")
    gone = {"birth": "of another process"}  # its number was given to this one since
    write_status(path, **gone)
    entry = library.entry(comparison)
    reason = "the process that trained it has ended without a word"
    assert (entry.state, entry.epoch, entry.message) == ("interrupted", 2, f"interrupted at epoch 2 of 9: {reason}")
    write_status(path, state="starting", **gone)
    assert library.entry(comparison).message.endswith("it waited, and the process that was to train it has ended")
    write_status(path, state="interrupted", message="the process that started it has gone")
    assert library.entry(comparison).message.endswith("epoch 2 of 9: the process that started it has gone")
    write_status(path, state="failed", message="no memory", pid=1)
    assert (library.entry(comparison).state, library.entry(comparison).message) == ("failed", "no memory")


def test_changing_a_status_keeps_the_rest(library, comparison):
    path = library.path(comparison)
    before = read_status(path)
    change_status(path, "failed", Remark.told("why"))
    after = read_status(path)
    assert (after.state, after.message) == ("failed", "why")
    assert (after.epoch, after.epochs, after.device, after.diverged) == (4, 4, before.device, before.diverged)


def test_rename(library, comparison):
    record(library.root / "mine", 1, title="My network")
    for id in (comparison, "mine"):
        library.rename(id, "  Früh: λ = 1e-3 ")
        assert (library.entry(id).id, library.entry(id).title) == (id, "Früh: λ = 1e-3")
    for title in ("", "  ", "two\nlines", "x" * 121):
        with pytest.raises(InvalidInputError, match="one line of 1 to 120 characters"):
            library.rename(comparison, title)
    assert library.entry(comparison).title == "Früh: λ = 1e-3"


def test_a_title_that_cannot_be_written_leaves_the_old_one(library, comparison):
    library.rename(comparison, "Old")
    (library.path(comparison) / "title.txt.tmp").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"title\.txt cannot be written: No space left on device\. Free some space"):
        library.rename(comparison, "New")
    assert library.entry(comparison).title == "Old"


def test_a_trash_that_cannot_be_made_deletes_nothing(library, comparison):
    (library.root / ".trash").touch()
    with pytest.raises(StorageError, match="by hand cannot be deleted: File exists"):
        library.delete(comparison)
    assert library.entry(comparison).state == "finished"


def test_a_run_needs_its_folder_as_a_whole(library):
    library.root.rmdir()
    library.root.touch()
    with pytest.raises(StorageError, match=r"runs cannot be written: File exists"):
        library.create(TINY)
    with pytest.raises(StorageError, match=r"runs cannot be read: Not a directory"):
        library.list_runs()


def test_delete_and_undo(library, comparison):
    before = library.entry(comparison)
    library.delete(comparison)
    assert library.list_runs() == ()
    with pytest.raises(InvalidInputError, match="may have been deleted"):
        library.entry(comparison)
    library.undo_delete(comparison)
    assert library.list_runs() == (before,)
    with pytest.raises(InvalidInputError, match="no deleted run"):
        library.undo_delete(comparison)


def test_the_trash_is_listed_with_titles_the_last_deleted_first(library, comparison):
    record(library.root / "mine", 1, title="My network")
    library.rename(comparison, "Renamed")
    begun = time.time()
    for id in (comparison, "mine"):
        library.delete(id)
    deleted = library.list_deleted()
    assert [(one.id, one.title) for one in deleted] == [("mine", "My network"), (comparison, "Renamed")]
    assert begun <= deleted[1].deleted <= deleted[0].deleted <= time.time()
    library.undo_delete("mine")
    assert [one.id for one in library.list_deleted()] == [comparison]


def test_an_entry_holds_what_was_asked_for(library, comparison):
    record(library.root / "mine", 1)
    assert TrainingSpec.from_dict(library.entry(comparison).spec).epochs == 4
    assert library.entry("mine").spec == {}


def test_a_training_that_fails_by_hand_is_listed_with_its_reason(library):
    spec = replace(TINY, layers=("layer 99",))
    assert work_here(spec, library.root / "failed") == 1
    entry = library.entry("failed")
    assert (entry.kind, entry.state, entry.epochs) == ("comparison", "failed", spec.epochs)
    assert "received layer 99" in entry.message
    assert TrainingSpec.from_dict(entry.spec) == spec
    assert open_comparison(library.path("failed")).runs == {}


def test_of_two_deleted_runs_of_one_name_the_last_comes_back(library, monkeypatch):
    for title in ("first", "second"):
        record(library.root / "mine", 1, title=title)
        library.delete("mine")
        monkeypatch.setattr(time, "time_ns", lambda: 0)  # somebody sets the clock
    monkeypatch.undo()
    library.undo_delete("mine")
    assert library.entry("mine").title == "second"
    with pytest.raises(InvalidInputError, match="Delete that one first"):
        library.undo_delete("mine")
    library.delete("mine")
    assert library.empty_trash(older_than=3600) == 0
    assert library.empty_trash() == 2
    with pytest.raises(InvalidInputError, match="no deleted run"):
        library.undo_delete("mine")
    assert list((library.root / ".trash").iterdir()) == []


def test_what_is_trained_cannot_be_deleted(library, comparison):
    write_status(library.path(comparison))
    with pytest.raises(InvalidInputError, match="while it is trained"):
        library.delete(comparison)
    assert library.entry(comparison).state == "running"


def test_the_zip_holds_a_run_that_can_be_read_and_gone_on_with(library, comparison, trained, tmp_path):
    library.rename(comparison, "PER / vanilla!")
    path = library.path(comparison)
    (tmp_path / "secret").write_text("not yours")
    (path / "runs" / "link").symlink_to(tmp_path / "secret")
    (path / "runs" / "folder").symlink_to(tmp_path)
    (path / ".status.json.part").touch()
    (path / "runs" / "vanilla-s3" / "arrays" / "000009.safetensors.tmp").touch()

    archive = library.zip_run(comparison)
    assert re.fullmatch(r"per-vanilla-\d{4}-\d\d-\d\d", archive.name)
    data = b"".join(archive)
    assert len(data) < archive.size
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        names = [name.removeprefix(f"{archive.name}/") for name in file.namelist()]
        assert sum(entry.file_size for entry in file.infolist()) == archive.size
        file.extractall(tmp_path / "unpacked")
    expected = {str(p.relative_to(trained)) for p in trained.rglob("*") if p.is_file()} - {"checkpoint.pt", "lock"}
    assert set(names) == expected | {"title.txt"}
    assert len(names) == len(set(names))
    unpacked = open_comparison(tmp_path / "unpacked" / archive.name)
    original = open_comparison(trained)
    assert unpacked.spec == original.spec
    for key, run in original.runs.items():
        assert unpacked.runs[key].records == run.records
        for name, arrays in run.arrays(4).items():
            np.testing.assert_array_equal(unpacked.runs[key].arrays(4)[name].norms, arrays.norms)

    with zipfile.ZipFile(io.BytesIO(b"".join(library.zip_run(comparison, checkpoint=True)))) as file:
        checkpoint = file.read(f"{archive.name}/checkpoint.pt")
    assert checkpoint == (trained / "checkpoint.pt").read_bytes()


def test_a_zip_is_never_whole_in_memory(library):
    record(library.root / "large", 1)
    (library.root / "large" / "noise.bin").write_bytes(np.random.default_rng(0).bytes(20 << 20))
    sizes = [len(part) for part in library.zip_run("large")]
    assert sum(sizes) > 20 << 20
    assert max(sizes) < 3 << 20


def test_a_comparison_by_method_and_seed(trained):
    comparison = open_comparison(trained)
    assert TrainingSpec.from_dict(comparison.spec) == TINY
    assert comparison.resolved["device"] == "cpu"
    assert list(comparison.runs) == [(method, 3) for method in METHODS]
    assert (comparison.methods, comparison.seeds) == (METHODS, (3,))
    assert (comparison.status.state, comparison.status.epoch, comparison.status.is_live) == ("finished", 4, False)
    assert [record.epoch for record in comparison.runs["vanilla", 3].records] == [0, 1, 2, 3, 4]
    assert (comparison.diverged, comparison.problems) == ({}, {})
    assert comparison.refresh() is comparison


def test_refresh_reads_what_is_new(library, comparison):
    path = library.path(comparison)
    records = path / "runs" / "vanilla-s3" / "records.jsonl"
    whole = records.read_bytes()
    lines = whole.splitlines(keepends=True)
    records.write_bytes(b"".join(lines[:3]) + lines[3][:50])
    runs = {"vanilla-s3": {"diverged": 3, "reason": "the training loss is not finite"}}
    write_status(path, epoch=2, runs=runs)
    first = open_comparison(path)
    assert len(first.runs["vanilla", 3].records) == 3
    assert first.diverged == {("vanilla", 3): (3, "the training loss is not finite")}
    assert first.refresh() is first
    records.write_bytes(whole)
    second = first.refresh()
    assert [record.epoch for record in second.runs["vanilla", 3].records] == [0, 1, 2, 3, 4]
    assert second.runs["bn+vcl", 3] is first.runs["bn+vcl", 3]
    write_status(path, epoch=4)
    third = second.refresh()
    assert (third.status.epoch, third.runs) == (4, second.runs)
    shutil.rmtree(path)
    with pytest.raises(InvalidInputError):
        third.refresh()


def test_one_damaged_run_leaves_the_others(library, comparison):
    path = library.path(comparison)
    (path / "runs" / "vanilla-s3" / "records.jsonl").write_text("{}\n")
    (path / "runs" / "bn+vcl-s3" / "run.json").unlink()  # as before it has begun
    opened = open_comparison(path)
    assert list(opened.runs) == [("per_sampled", 3)]
    assert list(opened.problems) == ["vanilla-s3"]
    assert "line 1 is damaged" in opened.problems["vanilla-s3"]


def test_before_it_begins_a_comparison_has_its_spec(library):
    spec = TrainingSpec(methods=(MethodSpec("bn"),), title="Soon")
    opened = open_comparison(library.path(library.create(spec)))
    assert TrainingSpec.from_dict(opened.spec) == spec
    assert (opened.resolved, opened.runs, opened.status.state) == ({}, {}, "starting")
    assert (opened.methods, opened.seeds) == ((), ())


def test_a_recording_is_a_comparison_of_one(library):
    record(library.root / "mine", 2, title="My network")
    opened = open_comparison(library.path("mine"))
    assert (opened.spec, opened.methods, opened.seeds) == ({}, ("My network",), (0,))
    assert (opened.status.state, opened.status.epoch) == ("finished", 1)
    assert opened.refresh() is opened
    record(library.root / "mine", 1, first=2, title="My network", resume=True)
    assert opened.refresh().status.message == "3 records"


def test_how_a_recording_has_ended(library):
    run = library.root / "mine"
    recorder = Recorder(nn.Linear(2, 2), run)
    recorder.record(3, inputs=torch.ones(4, 2))
    assert library.entry("mine").state == "recorded"  # there may be more
    with pytest.raises(KeyboardInterrupt), recorder:
        raise KeyboardInterrupt
    entry = library.entry("mine")
    assert (entry.state, entry.message) == ("interrupted", "interrupted after epoch 3: 1 record")
    (run / "closed").write_bytes(b"")  # as earlier versions did, whatever had happened
    assert library.entry("mine").state == "recorded"


def test_threads_share_a_library(library):
    record(library.root / "mine", 2)
    errors = []

    def use():
        try:
            for _ in range(20):
                library.list_runs()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(10):
        record(library.root / f"another {number}", 1)
        library.delete(f"another {number}")
    for thread in threads:
        thread.join()
    assert errors == []

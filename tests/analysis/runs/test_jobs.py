"""Jobs with real processes: the worker as it is, on a comparison that takes no time."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from analysis.process import is_running
from analysis.runs import jobs
from analysis.runs.folder import ComparisonFolder
from analysis.runs.jobs import JobManager, find_devices
from analysis.runs.library import RunLibrary, open_comparison
from analysis.runs.spec import MethodSpec, TrainingSpec
from analysis.runs.status import LIVE
from analysis.runs.worker_process import last_lines
from analysis.training.plan import disk_bytes, plan
from per_core.errors import InvalidInputError, StorageError
from per_core.recording.run_directory import open_run
from tests import processes
from tests.analysis.training.workers import TINY, finish, start
from tests.waiting import wait_for

pytestmark = pytest.mark.long

SHORT = replace(TINY, methods=(MethodSpec(),), epochs=2).as_dict()
LONG = replace(TINY, methods=(MethodSpec(),), epochs=10_000).as_dict()


@pytest.fixture
def library(tmp_path):
    return RunLibrary(tmp_path / "runs")


@pytest.fixture
def managers(library):
    """Makes managers of the library, and closes them."""
    made = []

    def make(**options):
        made.append(JobManager(library, disk_bytes, **{"devices": ("cpu",)} | options))
        return made[-1]

    yield make
    for manager in made:
        manager.close()


def state(manager, id):
    return manager.status(id).state


def worker_of(library, id):
    """Number and birth of the process that last wrote the status."""
    values = ComparisonFolder(library.path(id)).read_status()
    return values["pid"], values["birth"]


def wait_until_it_learns(manager, id):
    wait_for(lambda: manager.status(id).epoch >= 1)
    assert state(manager, id) == "running"


def test_a_job_from_submission_to_its_end(managers, library):
    manager = managers()
    token = "of one click"
    id = manager.submit(SHORT | {"epochs": 100}, "A first try", token=token)
    assert manager.submit(SHORT, "A first try", token=token) == id  # a double click
    status = manager.status(id)
    assert status.state in LIVE
    assert (status.epochs, status.position) == (100, None)
    waiting = [manager.submit(SHORT), manager.submit(SHORT), manager.submit(LONG)]
    assert [manager.position(other) for other in waiting] == [1, 2, 3]
    assert [state(manager, other) for other in waiting] == ["queued"] * 3
    assert manager.status(waiting[2]).position == 3
    listed = {entry.id: entry.state for entry in manager.list_runs()}
    assert listed.pop(id) in LIVE
    assert listed == dict.fromkeys(waiting, "queued")
    with pytest.raises(InvalidInputError, match="while it is trained"):
        library.delete(waiting[2])
    manager.stop(waiting[2])
    manager.stop(waiting[0])
    assert [manager.position(other) for other in waiting] == [None, 1, None]
    assert (state(manager, waiting[0]), state(manager, waiting[2])) == ("stopped", "stopped")
    assert "while it waited" in manager.status(waiting[0]).message

    wait_for(lambda: state(manager, id) == "finished")
    assert library.entry(id).title == "A first try"
    assert (manager.status(id).epoch, manager.status(id).device) == (100, "CPU")
    assert [line.partition(" (")[0] for line in manager.last_output(id, 2)] == ["epoch 99 of 100", "epoch 100 of 100"]
    with pytest.raises(InvalidInputError, match="has all its 100 epochs"):
        manager.resume(id)
    manager.stop(id)  # nothing to stop
    assert state(manager, id) == "finished"

    wait_for(lambda: state(manager, waiting[1]) == "finished")  # it came up by itself
    first, second = (open_comparison(library.path(other)).runs["vanilla", 3] for other in (id, waiting[1]))
    assert first.records[-1].time <= second.created  # one after the other
    assert manager.last_output(waiting[0]) == ()


def test_stop_and_resume(managers, library):
    manager = managers()
    id = manager.submit(LONG)
    next_one = manager.submit(LONG)
    wait_until_it_learns(manager, id)
    manager.stop(id)
    manager.stop(id)
    assert state(manager, id) in ("stopping", "stopped")
    wait_for(lambda: state(manager, id) == "stopped")
    assert manager.status(id).message == "stopped on request"
    reached = manager.status(id).epoch

    wait_for(lambda: state(manager, next_one) in ("starting", "running"))
    manager.resume(id)
    manager.resume(id)
    assert (state(manager, id), manager.position(id), manager.status(id).epoch) == ("queued", 1, reached)
    manager.stop(next_one)
    wait_for(lambda: state(manager, id) == "running" and manager.status(id).epoch > reached)
    epochs = [record.epoch for record in open_run(library.path(id) / "runs" / "vanilla-s3").records]
    assert epochs == list(range(len(epochs)))
    worker = worker_of(library, id)
    manager.close()
    assert (state(manager, id), state(manager, next_one)) == ("interrupted", "stopped")
    assert not is_running(*worker)
    with pytest.raises(InvalidInputError, match="it is ending"):
        manager.resume(id)


def test_a_killed_worker_is_noticed(managers, library):
    assert jobs.WATCH_PERIOD <= 1  # it must be noticed within two seconds
    manager = managers()
    id, next_one = manager.submit(LONG), manager.submit(SHORT)
    wait_until_it_learns(manager, id)
    os.kill(worker_of(library, id)[0], signal.SIGKILL)
    folder = ComparisonFolder(library.path(id))
    wait_for(lambda: folder.read_status()["state"] == "failed")  # nobody asked the manager
    status = manager.status(id)
    assert "The worker was killed by signal 9 (SIGKILL). Its last words: epoch " in status.message
    assert status.epoch >= 1
    assert library.entry(id).message == status.message
    wait_for(lambda: state(manager, next_one) == "finished")  # the device is free for the next


def test_a_worker_that_fails_by_itself(managers, library):
    manager = managers(max_memory_mb=100)
    id = manager.submit(SHORT)
    wait_for(lambda: state(manager, id) == "failed")
    assert "memory" in manager.status(id).message
    assert "memory" in manager.last_output(id)[-1]

    # It cannot even say so in its status, which is that of the manager still.
    (library.path(id) / "comparison.json").write_text("{")
    manager.resume(id)
    wait_for(lambda: state(manager, id) == "failed")
    assert "ended with exit status 1" in manager.status(id).message
    assert "not a readable JSON file" in manager.status(id).message


def test_a_worker_that_does_not_stop_is_ended_by_force(managers, library, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE", 0.0)
    monkeypatch.setattr(jobs, "LAST_PATIENCE", 0.0)
    manager = managers()
    id = manager.submit(LONG)
    wait_until_it_learns(manager, id)
    worker = worker_of(library, id)
    os.kill(worker[0], signal.SIGSTOP)  # it hears neither the file nor SIGTERM
    manager.stop(id)
    assert state(manager, id) == "stopping"
    wait_for(lambda: state(manager, id) == "stopped")
    assert "did not stop in time" in manager.status(id).message
    assert not is_running(*worker)


def test_a_run_that_nobody_watches_is_stopped(managers):
    manager = managers(grace_seconds=1.0, devices=("cpu", "cpu"))
    watched, unwatched = manager.submit(LONG), manager.submit(LONG)
    for viewer in ("a tab", "another"):
        assert manager.attach(watched, viewer).state in LIVE
    manager.detach(watched, "another")
    manager.detach(watched, "a stranger")
    manager.detach("no run", "a tab")
    wait_for(lambda: state(manager, unwatched) == "stopped")
    assert manager.status(unwatched).message == "stopped after 1 seconds without anybody watching"
    wait_until_it_learns(manager, watched)
    manager.leave("a tab")
    wait_for(lambda: state(manager, watched) == "stopped")
    with pytest.raises(InvalidInputError, match="There is no run"):
        manager.attach("no run", "a tab")


SERVER = """
import sys, time
from analysis.runs.jobs import JobManager
from analysis.runs.status import LIVE
from analysis.runs.library import RunLibrary
from analysis.training.plan import disk_bytes
library = RunLibrary(sys.argv[1])
manager = JobManager(library, disk_bytes, devices=("cpu",))
"""


def serve(library, script):
    """A small server, which does what the script says."""
    command = [sys.executable, "-c", SERVER + script, str(library.root)]
    return processes.running(command, stdout=subprocess.PIPE, text=True)


def test_servers_end_and_leave_no_worker_but_runs_that_can_be_resumed(managers, library):
    spec = replace(TINY, methods=(MethodSpec(),), epochs=300).as_dict()
    with serve(
        library, f"print(manager.submit({spec}), manager.submit({spec}), flush=True); time.sleep(1e6)"
    ) as server:
        training, waiting = server.stdout.readline().split()
        wait_for(lambda: library.entry(training).epoch >= 1)
        worker = worker_of(library, training)
        server.kill()
        server.wait()
        wait_for(lambda: not is_running(*worker))
    killed = library.entry(training)
    assert killed.state == "interrupted"
    assert killed.message.startswith(f"interrupted at epoch {killed.epoch} of 300")
    waited = "interrupted at epoch 0 of 300: it waited, and the process that was to train it has ended"
    assert library.entry(waiting).message == waited

    script = f"""
manager.resume({training!r})
manager.resume({waiting!r})
while library.entry({training!r}).epoch <= {killed.epoch}:
    time.sleep(0.02)
"""
    with serve(library, script) as server:
        assert server.wait() == 0  # in peace, at its end
    ended = library.entry(training)
    assert ended.message == f"interrupted at epoch {ended.epoch} of 300: the server ended"
    assert ended.epoch > killed.epoch
    assert library.entry(waiting).message == (
        "interrupted at epoch 0 of 300: the server ended while it waited in the queue"
    )

    manager = managers()
    manager.resume(training)
    wait_for(lambda: state(manager, training) == "finished")
    run = open_comparison(library.path(training)).runs["vanilla", 3]
    assert [record.epoch for record in run.records] == list(range(301))


def test_what_somebody_else_trains(managers, library):
    """A worker started by hand, or by another server on the same folder."""
    manager = managers(max_seconds=0.01)  # for its own workers
    out = library.root / "by hand"
    process = start(replace(TINY, epochs=10_000), out)
    wait_for(lambda: (out / "status.json").exists())
    wait_until_it_learns(manager, "by hand")
    with pytest.raises(InvalidInputError, match="trained by another process"):
        manager.resume("by hand")
    manager.stop("by hand")
    assert finish(process)[0] == 3
    assert state(manager, "by hand") == "stopped"
    epoch = manager.status("by hand").epoch
    manager.resume("by hand")
    wait_for(lambda: state(manager, "by hand") == "stopped")
    status = manager.status("by hand")
    assert status.message == "stopped at the limit of 0.01 seconds"
    assert status.epoch >= epoch


@pytest.mark.gpu
def test_a_job_has_the_gpu_of_its_slot(library):
    manager = JobManager(library, disk_bytes)
    id = manager.submit(SHORT | {"device": "auto"})
    wait_for(lambda: state(manager, id) == "finished")
    assert manager.devices[0] == "cuda:0"
    assert manager.status(id).device == torch.cuda.get_device_name(0)
    manager.close()


def test_many_clicks_at_once_are_one_job(managers):
    manager = managers()
    ids = []
    threads = [threading.Thread(target=lambda: ids.append(manager.submit(LONG, token="same"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    assert len(manager.list_runs()) == 1


def test_what_cannot_be_submitted_or_found(managers, library):
    manager = managers()
    with pytest.raises(InvalidInputError, match="received epoch"):
        manager.submit({"epoch": 3})
    assert library.list_runs() == ()
    for call in (manager.status, manager.stop, manager.resume, manager.last_output):
        for id in ("../runs", "", "nothing"):
            with pytest.raises(InvalidInputError, match="There is no run"):
                call(id)
    (library.root / "empty").mkdir()
    for call in (manager.status, manager.resume):
        with pytest.raises(InvalidInputError):
            call("empty")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"devices": ()}, "at least one"),
        ({"devices": ("gpu",)}, "received \\('gpu',\\)"),
        ({"max_seconds": 0}, "max_seconds 0"),
        ({"max_memory_mb": -1}, "max_memory_mb -1"),
        ({"grace_seconds": 0.0}, "grace_seconds 0.0"),
    ],
)
def test_settings_that_make_no_sense(library, options, message):
    with pytest.raises(InvalidInputError, match=message):
        JobManager(library, disk_bytes, **options)


def test_one_slot_a_device():
    devices = find_devices()
    assert len(devices) == max(1, torch.cuda.device_count())
    assert devices[0] == ("cuda:0" if torch.cuda.is_available() else "cpu")


def test_last_lines_of_much_output(tmp_path):
    (tmp_path / "output.log").write_bytes(b"\xff\n" * 100_000 + b"end")
    assert last_lines(tmp_path, 2) == ("�", "end")
    assert last_lines(tmp_path, 0) == ()
    assert len(last_lines(tmp_path, 50_000)) < 50_000


def test_what_does_not_fit_beside_others_is_refused(managers, library, monkeypatch):
    manager = managers()
    whole = plan(TrainingSpec.from_dict(LONG)).disk_bytes
    usage = SimpleNamespace(free=whole - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match=r"will write about [\d.]+ MB, and the disk of .* has [\d.]+ MB free\. Free"):
        manager.submit(LONG)
    assert library.list_runs() == ()
    usage.free = int(1.5 * whole)
    first = manager.submit(LONG)
    with pytest.raises(StorageError, match=r"MB free, of which other trainings will take [\d.]+ MB\. Free some space"):
        manager.submit(LONG)
    manager.stop(first)
    wait_for(lambda: state(manager, first) == "stopped")
    second = manager.submit(LONG)
    with pytest.raises(StorageError, match="of which other trainings"):
        manager.resume(first)
    assert state(manager, first) == "stopped"
    manager.stop(second)


def test_the_folder_of_all_runs_goes_and_comes_back(managers, library, tmp_path):
    manager = managers()
    training, waiting = manager.submit(LONG), manager.submit(LONG)
    wait_until_it_learns(manager, training)
    library.root.rename(tmp_path / "away")
    gone = r"runs cannot be read: No such file or directory\. Bring the folder back\."
    for call in (manager.list_runs, library.list_runs, lambda: manager.status(training), lambda: manager.stop(waiting)):
        with pytest.raises(StorageError, match=gone):
            call()
    wait_for(lambda: manager.position(waiting) is None)  # its turn came, and there was nothing to train
    (tmp_path / "away").rename(library.root)
    ends = {entry.id: (entry.state, entry.message) for entry in manager.list_runs()}
    assert ends[training][0] == "interrupted"
    assert "The worker ended with exit status 5" in ends[training][1]
    assert ends[waiting][0] == "failed"
    assert "The worker could not be started" in ends[waiting][1]
    wait_for(lambda: library.entry(waiting).state == "failed")  # written down, as it can be now
    manager.resume(training)
    wait_for(lambda: state(manager, training) == "running")
    manager.stop(training)
    wait_for(lambda: state(manager, training) == "stopped")

    shutil.rmtree(library.root)
    assert library.entry(manager.submit(SHORT)).epochs == 2  # a start makes it anew


def test_a_worker_that_cannot_write_is_interrupted(managers, library):
    manager = managers()
    id = manager.submit(LONG)
    wait_until_it_learns(manager, id)
    arrays = library.path(id) / "runs" / "vanilla-s3" / "arrays"
    arrays.rename(arrays.with_name("away"))
    wait_for(lambda: state(manager, id) == "interrupted")
    status = manager.status(id)
    reason = r"cannot be written: No such file or directory\. Bring the folder back\.$"
    assert re.search(
        rf"^interrupted at epoch {status.epoch} of 10000: .*arrays/\d+\.safetensors {reason}", status.message
    )
    assert "Then go on with --resume" in manager.last_output(id)[-1]
    arrays.with_name("away").rename(arrays)
    manager.resume(id)
    wait_for(lambda: manager.status(id).epoch > status.epoch)
    manager.stop(id)

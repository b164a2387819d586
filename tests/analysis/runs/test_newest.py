"""The newest run below a folder: by what was written to last, wherever it lies, and never into what is no run."""

import os
import shutil
from pathlib import Path

from analysis.runs.newest import newest_run

ASSETS = Path(__file__).parents[3] / "assets" / "runs"
DYING, HEALTHY, COMPARISON = "digits_dying", "digits_elu", "digits_figure2"


def put(name: str, place: Path, *, written: float) -> Path:
    shutil.copytree(ASSETS / name, place)
    for file in [*place.glob("*.json"), *place.glob("*.jsonl")]:
        os.utime(file, (written, written))
    return place


def test_the_one_written_to_last_is_found(tmp_path: Path) -> None:
    assert newest_run(tmp_path) is None
    first = put(HEALTHY, tmp_path / "first", written=1_000.0)
    assert newest_run(tmp_path) == newest_run(first) == first
    deeper = put(COMPARISON, tmp_path / "of_monday" / "second", written=2_000.0)
    assert newest_run(tmp_path) == deeper
    assert newest_run(deeper / "runs").parent == deeper / "runs"  # one of its networks
    records = first / "records.jsonl"
    os.utime(records, (3_000.0, 3_000.0))  # another record
    assert newest_run(tmp_path) == first


def test_the_trash_links_and_what_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    put(DYING, tmp_path / ".trash" / "1-gone", written=9_000.0)
    elsewhere = put(HEALTHY, tmp_path / "elsewhere" / "run", written=1_000.0)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to(elsewhere)
    (tmp_path / "runs" / "loop").symlink_to(tmp_path / "runs")
    assert newest_run(tmp_path / "runs") is None
    assert newest_run(tmp_path / "none") is None
    assert newest_run(tmp_path) == elsewhere

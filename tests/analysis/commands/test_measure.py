"""`python -m analysis measure`: text for people, JSON and exit statuses for scripts."""

import json
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import stats

from analysis.__main__ import main
from per_core import per_loss
from tests import processes
from tests.waiting import LIMIT, wait_for

pytestmark = pytest.mark.long

ROWS = np.random.default_rng(8).gamma(3.0, size=(400, 6)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    shards = tmp_path / "shards"
    (shards / "layer_1").mkdir(parents=True)
    for number, part in enumerate(np.split(ROWS, (90, 200))):
        np.save(shards / "layer_1" / f"part-{number}.npy", part)
    return shards


def test_zero_and_a_table_if_all_was_read(folder, capsys):
    assert main(["measure", str(folder), "--directions", "32"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0] == "400 rows of 6 units in 1 member; 0 rows left out"
    assert lines[1].startswith("read 9.6 kB in ")
    assert lines[3].startswith("SW1 to N(0, I)    between ")
    assert lines[3].endswith(" on the 32 directions drawn")
    assert re.fullmatch(r" +± 0\.\d+ for all directions \(95 %\)", lines[4])
    assert "0.0644 for Gaussian data of as many rows" in lines[5]
    assert lines[-1].split()[:2] == ["excess", "kurtosis"]
    assert captured.err.splitlines()[-1] == f"[{'#' * 30}] 1/1 pieces"


def test_json_tells_the_same_on_stdout_and_in_the_file(folder, tmp_path, capsys):
    out = tmp_path / "result.json"
    assert main(["measure", str(folder), "--json", "--out", str(out), "--workers", "1"]) == 0
    found = json.loads(out.read_text())
    assert json.loads(capsys.readouterr().out) == found
    assert (found["rows"], found["units"], found["rows_left_out"], found["directions"]) == (400, 6, 0, 256)
    assert found["members"] == ["layer_1/part-*.npy"]
    assert 0 < found["sw1"]["lower"] < found["sw1"]["upper"] < found["sw1"]["lower"] + 1 / 256 + 1e-4
    assert found["per"]["value"] == pytest.approx(per_loss(ROWS.astype(np.float64)).item(), rel=1e-9)
    np.testing.assert_allclose(found["per_unit"]["skewness"], stats.skew(ROWS.astype(np.float64)), rtol=1e-7)


def test_one_if_rows_or_members_are_left_out(folder, capsys):
    np.save(folder / "layer_1" / "part-3.npy", np.array([[np.nan] * 6, [np.inf] * 6, [0.0] * 6]))
    assert main(["measure", str(folder)]) == 1
    out = capsys.readouterr().out
    assert "401 rows of 6 units in 1 member; 2 rows left out" in out
    assert "special values    6 NaN, 6 infinite" in out
    (folder / "layer_1" / "part-3.npy").unlink()
    np.save(folder / "labels\x1b.npy", np.array([None]))
    assert main(["measure", str(folder)]) == 1
    assert "left out: labels\\x1b.npy: Object arrays are pickles" in capsys.readouterr().out


def test_several_layers_are_not_pooled_unless_they_are_named(folder, capsys):
    (folder / "layer_2").mkdir()
    np.save(folder / "layer_2" / "part-0.npy", ROWS + 1)
    assert main(["measure", str(folder)]) == 2
    assert "these are 2 layers or moments: layer_1/part-*.npy, layer_2/part-" in capsys.readouterr().err
    for named in ("layer_1", "layer_1/*"):
        assert main(["measure", str(folder), "--member", named]) == 0
        assert "400 rows of 6 units in 1 member" in capsys.readouterr().out
    assert main(["measure", str(folder), "--member", "*"]) == 0
    assert "800 rows of 6 units in 2 members" in capsys.readouterr().out
    np.save(folder / "layer_2" / "part-0.npy", ROWS[:, :4].copy())
    assert main(["measure", str(folder), "--member", "*"]) == 2
    assert "Choose the members of one layer" in capsys.readouterr().err
    assert main(["measure", str(folder), "--member", "layer_1/*", "layer_7/*"]) == 2
    assert "No member 'layer_7/*'" in capsys.readouterr().err


def test_axes_as_they_are_said(tmp_path, capsys):
    np.save(tmp_path / "images.npy", ROWS.reshape(100, 4, 3, 2))
    assert main(["measure", str(tmp_path), "--set", "axes/images=sample,channel,height,width"]) == 0
    assert "600 rows of 4 units in 1 member;" in capsys.readouterr().out
    assert main(["measure", str(tmp_path), "--set", "axes/images=sample,unit,unit,unit"]) == 0
    assert "100 rows of 24 units in 1 member;" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["not there"], "cannot be opened"),
        (["shards", "--directions", "0"], "slices is a whole number from 1"),
        (["shards", "--workers", "0"], "workers"),
        (["shards", "--seed", "-1"], "seed is a whole number from 0"),
        (["shards", "--plan", "nowhere.toml"], "A plan is a file of TOML"),
        (["shards", "--out", "nowhere/result.json"], "A result is a file in a folder that exists"),
    ],
)
def test_two_if_nothing_can_be_measured(folder, arguments, told, capsys, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert main(["measure", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert "Traceback" not in captured.err


def test_rows_without_a_finite_value(tmp_path, capsys):
    np.save(tmp_path / "nan.npy", np.full((3, 2), np.nan))
    assert main(["measure", str(tmp_path / "nan.npy")]) == 2
    assert "at least one row of finite values" in capsys.readouterr().err


def test_constant_units_have_no_skewness(tmp_path, capsys):
    np.save(tmp_path / "one.npy", np.full((3, 2), 1.5))
    assert main(["measure", str(tmp_path / "one.npy"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["per_unit"]["skewness"] == [None, None]


def test_ctrl_c_ends_everything(tmp_path):
    """The reading process of .pt files is started as well, and goes."""
    torch.save({"h": torch.zeros(5, 256)}, tmp_path / "shard.pt")
    with (tmp_path / "zeros.npy").open("wb") as file:  # 256 GB that take no space, and are not read to their end
        header = {"descr": "<f4", "fortran_order": False, "shape": (2**28, 256)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 2**38)
    # A signal that comes while a module is imported leaves that module's file open: Python's own, and shown to nobody.
    warnings = ["-W", "error", "-W", "ignore:unclosed file:ResourceWarning"]
    command = [sys.executable, *warnings, "-m", "analysis", "measure", str(tmp_path), "--member", "*"]
    with processes.running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert "] 0/2049 pieces" in process.stderr.readline()
        wait_for(lambda: processes.children(process.pid))
        children = processes.children(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "python -m analysis measure: stopped"
    assert "Traceback" not in err
    assert children
    assert not any(map(processes.is_alive, children))


def test_a_result_that_cannot_be_kept_is_printed(folder, tmp_path, capsys):
    out = tmp_path / "result.json"
    out.with_name("result.json.tmp").symlink_to("/dev/full")
    assert main(["measure", str(folder), "--json", "--out", str(out), "--workers", "1"]) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["rows"] == 400
    assert f"measure: {out} cannot be written: No space left on device. Free some space" in captured.err
    assert list(tmp_path.glob("result*")) == []

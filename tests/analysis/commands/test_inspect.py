"""`python -m analysis inspect`: a table for people, JSON and exit statuses for scripts."""

import json
import sys

import numpy as np
import pytest

from analysis.__main__ import main
from tests import processes
from tests.analysis.dumps.dump_files import FIRST, LAYERS, write

pytestmark = pytest.mark.long


def test_the_table_tells_everything_and_zero_means_all_is_well(tmp_path, capsys):
    assert main(["inspect", str(write(tmp_path, "layers.npz"))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["member", "shape", "dtype", "declared", "stored", "layer", "epoch", "verdict"]
    assert lines[1].split() == [
        "features.6", "6", "x", "4", "float32", "96", "bytes", "96", "bytes", "features.6", "-", "ok",
    ]  # fmt: skip
    assert lines[-1] == "2 members: 2 ok, 0 ambiguous, 0 refused; 0 other files passed over"


def test_one_means_some_are_refused_and_two_that_nothing_is_left(tmp_path, capsys):
    np.savez(tmp_path / "some.npz", labels=np.array([None]), **LAYERS)
    assert main(["inspect", str(tmp_path / "some.npz")]) == 1
    assert "labels: Object arrays are pickles" in capsys.readouterr().out
    np.savez(tmp_path / "none.npz", labels=np.array([None]))
    assert main(["inspect", str(tmp_path / "none.npz")]) == 2
    assert main(["inspect", str(tmp_path / "not there")]) == 2
    assert "cannot be opened" in capsys.readouterr().err


def test_an_empty_path_is_none_and_not_the_folder_that_one_is_in(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(write(tmp_path, "layer.npy").parent)
    assert main(["inspect", ""]) == 2
    assert main(["report", "", "--out", str(tmp_path.parent / "r.html")]) == 2
    assert capsys.readouterr().err.count("received an empty path") == 2
    assert main(["inspect", "."]) == 0


def test_layout_patterns_and_json(tmp_path, capsys):
    np.savez(tmp_path / "d.npz", **{"conv1@7": np.ones((2, 3, 4))})
    arguments = ["inspect", str(tmp_path / "d.npz"), "--json", "--epoch-pattern", r"@(\d+)"]
    assert main(arguments) == 0
    (member,) = json.loads(capsys.readouterr().out)["members"]
    assert (member["verdict"], member["layer"], member["epoch"]) == ("ambiguous", "conv1", 7)
    assert main([*arguments, "--layout", "position", "--channel-axis", "1"]) == 0
    (member,) = json.loads(capsys.readouterr().out)["members"]
    assert (member["verdict"], member["rows"], member["units"]) == ("ok", 8, 3)
    assert main([*arguments, "--layout", "position", "--channel-axis", "0"]) == 2
    with pytest.raises(SystemExit):
        main(["inspect", "--layout", "rows", "x"])


def test_arrays_of_different_axes_have_layouts_of_their_own(tmp_path, capsys):
    np.savez(tmp_path / "d.npz", sequence=np.ones((2, 3, 4)), image=np.ones((2, 3, 4, 5)))
    arguments = ["inspect", str(tmp_path / "d.npz"), "--json", "--layout-of", "4=position:1"]
    for more, units in (([], [None, 3]), (["--layout-of", "3=position"], [4, 3]), (["--layout", "sample"], [12, 3])):
        assert main([*arguments, *more]) == 0
        assert [member["units"] for member in json.loads(capsys.readouterr().out)["members"]] == units
    for wrong in ("position", "4=rows", "x=sample", "4=position:"):
        with pytest.raises(SystemExit):
            main(["inspect", str(tmp_path / "d.npz"), "--layout-of", wrong])
    assert main(["inspect", str(tmp_path / "d.npz"), "--layout-of", "4=position:0"]) == 2


def test_names_from_a_file_give_the_terminal_no_commands(tmp_path, capsys):
    np.savez(tmp_path / "d.npz", **{"\x1b[2Jgone": FIRST, "long" * 50: FIRST})
    assert main(["inspect", str(tmp_path / "d.npz")]) == 0
    out = capsys.readouterr().out
    assert "\\x1b[2Jgone" in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) < 250


def test_in_a_process_of_its_own(tmp_path):
    command = [sys.executable, "-m", "analysis", "inspect", str(write(tmp_path, "layers.pt"))]
    run = processes.run(command)
    assert (run.returncode, run.stderr) == (0, "")
    assert "activations/features.8" in run.stdout

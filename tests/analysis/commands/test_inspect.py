"""`python -m analysis inspect`: a table for people, JSON and exit statuses for scripts."""

import json
import pickle
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
    assert lines[0] == "1 file, 2 arrays → 2 layers × 1 epoch."
    assert lines[2].split() == ["layer", "epoch", "split", "rows", "x", "units", "parts", "array"]
    assert lines[3].split() == ["features.6", "-", "-", "6", "x", "4", "1", "features.6"]


def test_one_means_some_are_refused_and_two_that_nothing_is_left(tmp_path, capsys):
    np.savez(tmp_path / "some.npz", labels=np.array([None]), **LAYERS)
    assert main(["inspect", str(tmp_path / "some.npz")]) == 1
    assert "1 member cannot be read: labels\nObject arrays are pickles" in capsys.readouterr().out
    np.savez(tmp_path / "none.npz", labels=np.array([None]))
    assert main(["inspect", str(tmp_path / "none.npz")]) == 2
    assert main(["inspect", str(tmp_path / "not there")]) == 2
    assert "cannot be opened" in capsys.readouterr().err


def test_a_reason_is_said_once_and_its_lines_work_when_they_are_pasted(tmp_path, capsys):
    for number in range(12):
        (tmp_path / f"batch_{number}.pkl").write_bytes(pickle.dumps({"h": np.full((2, 3), number)}))
    assert main(["inspect", str(tmp_path)]) == 2
    out = capsys.readouterr().out
    assert "\n12 members cannot be read: batch_0.pkl, batch_1.pkl, batch_2.pkl and 9 more\n" in out
    assert out.count("import pickle") == 1
    pasted = out[out.index("import pickle") :]
    assert "put in the names of the others" in pasted.partition("# ")[2]
    processes.run([sys.executable, "-c", pasted], cwd=tmp_path, check=True)
    assert main(["inspect", str(tmp_path / "batch_0.npz")]) == 0
    assert main(["inspect", str(tmp_path)]) == 1


def test_what_is_left_out_is_said_once(tmp_path, capsys):
    for epoch in range(5):
        np.savez(tmp_path / f"epoch_{epoch}.npz", h=np.random.default_rng(epoch).normal(size=(4, 3)), y=np.arange(4))
    assert main(["inspect", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "\n5 arrays are left out: epoch_0.npz/y, epoch_1.npz/y, epoch_2.npz/y and 2 more\nlabels: " in out
    assert out.count("labels: ") == 1


def test_an_empty_path_is_none_and_not_the_folder_that_one_is_in(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(write(tmp_path, "layer.npy").parent)
    assert main(["inspect", ""]) == 2
    assert main(["report", "", "--out", str(tmp_path.parent / "r.html")]) == 2
    assert capsys.readouterr().err.count("received an empty path") == 2
    assert main(["inspect", "."]) == 0


def as_json(capsys, *arguments: str, status: int = 0):
    assert main(["inspect", *arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_the_example_that_ships_has_a_word_unless_something_here_is_called_so(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["inspect", "example"]) == 0
    assert capsys.readouterr().out.startswith("1 run, 35 arrays → 5 layers × 7 epochs.")
    np.save(tmp_path / "example", LAYERS["features.6"])
    (tmp_path / "example.npy").rename(tmp_path / "example")
    assert main(["inspect", "example"]) == 0
    assert capsys.readouterr().out.startswith("1 file")


def test_json_holds_layers_what_is_left_out_and_questions(tmp_path, capsys):
    for epoch in (1, 2):
        np.savez(tmp_path / f"epoch_{epoch}.npz", conv1=np.ones((2, 3, 4, 4)), labels=np.arange(2))
    (tmp_path / "notes.md").write_text("about it")
    found = as_json(capsys, str(tmp_path))
    assert found["layers"] == [
        {"layer": "conv1", "epoch": epoch, "split": "", "rows": 32, "units": 3, "parts": 1} for epoch in (1, 2)
    ]
    assert [(one["name"], one["kind"]) for one in found["left_out"]] == [
        ("epoch_1.npz/labels", "labels"), ("epoch_2.npz/labels", "labels"), ("notes.md", "other file"),
    ]  # fmt: skip
    (question,) = found["questions"]
    assert (question["chosen"], question["shape"]) == ("sample,channel,height,width", [2, 3, 4, 4])
    answered = as_json(capsys, str(tmp_path), "--set", f"{question['id']}=sample,unit,unit,unit")
    assert [(one["rows"], one["units"]) for one in answered["layers"]] == [(2, 48)] * 2


def test_a_plan_is_kept_beside_the_dump_and_found_again(tmp_path, capsys):
    np.savez(tmp_path / "d.npz", **{"conv1@7": np.ones((2, 3, 4))})
    dump = str(tmp_path / "d.npz")
    before = as_json(capsys, dump)
    assert main(["inspect", dump, "--keep-plan"]) == 0
    capsys.readouterr()
    kept = tmp_path / "d.npz.perscope.toml"
    assert as_json(capsys, dump)["layers"] == before["layers"]
    kept.write_text('[[arrays]]\nname = "d.npz/{layer}@{epoch}"\naxes = ["sample", "channel", "position"]\n')
    (layer,) = as_json(capsys, dump)["layers"]
    assert (layer["layer"], layer["epoch"], layer["rows"], layer["units"]) == ("conv1", 7, 8, 3)
    assert as_json(capsys, dump, "--plan", str(kept))["questions"] == []
    kept.write_text("[[arrays]]\nname = 3\n")
    assert main(["inspect", dump]) == 2
    assert "d.npz.perscope.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("axes/nothing=sample,unit", "is to a question of this dump"),
        ("axes/image=sample,rows,unit,unit", "An axis is one of"),
        ("axes/image=sample,unit", "Give a role to each"),
        ("layer=image", "by the text before it"),
    ],
)
def test_an_answer_that_is_none_says_what_can_be_answered(tmp_path, capsys, given, told):
    np.savez(tmp_path / "d.npz", image=np.ones((2, 3, 4, 5)))
    assert main(["inspect", str(tmp_path / "d.npz"), "--set", given]) == 2
    assert told in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["inspect", str(tmp_path / "d.npz"), "--set", "nothing"])


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

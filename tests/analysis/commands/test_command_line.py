"""The command line as a whole: its arguments, and what a command loads."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analysis.__main__ import COMMANDS, main
from tests import processes


def loaded_by(*arguments: str) -> set[str]:
    """Top-level packages that the process of a command has loaded when it ends."""
    script = (
        "import sys\nfrom analysis.__main__ import main\n"
        "try:\n    main()\n"
        "finally:\n    print('loaded', *{name.partition('.')[0] for name in sys.modules})"
    )
    said = processes.run([sys.executable, "-c", script, *arguments], check=True).stdout
    return set(said.rpartition("loaded ")[2].split())


def test_what_is_wrong_with_the_arguments_is_said_on_stderr(tmp_path, capsys):
    assert main(["train", str(tmp_path / "none.json"), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("python -m analysis train: ")
    with pytest.raises(SystemExit):
        main(["paint"])
    assert "invalid choice: 'paint'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("inspect", "example"), ("watch", "example", "--once", "--json")])
def test_who_reads_no_further_ends_a_command_without_a_word(words):
    read, write = os.pipe()
    os.close(read)
    try:
        command = [sys.executable, "-m", "analysis", *words]
        ended = processes.run(command, capture_output=False, stdout=write, stderr=subprocess.PIPE)
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_help_names_every_command_and_loads_none(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert all(f"{name} {line[:20]}" in said for name, (_, line) in COMMANDS.items())
    assert not {"numpy", "torch"} & loaded_by("--help")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_tells_of_itself_and_its_arguments(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    first_line = sys.modules[f"analysis{COMMANDS[command][0]}"].__doc__.splitlines()[0]
    assert said.startswith(f"usage: python -m analysis {command} ")
    assert first_line in said


@pytest.mark.parametrize("name", ["dump.npy", "dump.npz", "dump.csv", "dump.safetensors"])
def test_inspect_needs_no_torch_where_the_file_is_not_of_torch(name: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    path = tmp_path / name
    if name.endswith(".npy"):
        np.save(path, values)
    elif name.endswith(".npz"):
        np.savez(path, layer=values)
    elif name.endswith(".csv"):
        np.savetxt(path, values, delimiter=",")
    else:
        from safetensors.numpy import save_file

        save_file({"layer": values}, path)
    loaded = loaded_by("inspect", str(path))
    assert "numpy" in loaded
    assert not {"torch", "scipy"} & loaded

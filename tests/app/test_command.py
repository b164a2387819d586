"""`python -m app`: the dashboard, or a command of the studies."""

import sys
from pathlib import Path

import pytest

from app.__main__ import main
from per_core import __version__
from tests import processes


def test_a_command_is_one_of_the_studies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path / "none.npy")]) == 2
    assert capsys.readouterr().err.startswith("python -m analysis inspect: ")
    with pytest.raises(SystemExit) as end:
        main(["paint"])
    assert end.value.code == 2
    assert "invalid choice: 'paint' (choose from" in capsys.readouterr().err


def test_the_help_tells_of_the_dashboard_and_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert "--no-browser" in said
    assert "inspect   list what is in a dump" in said


def test_the_version_names_what_the_numbers_depend_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"PERscope {__version__}, Python {sys.version.split()[0]}, torch ")


def test_the_library_alone_says_what_to_install(tmp_path: Path) -> None:
    """As if the first of the dashboard's packages that is asked for were not there."""
    (tmp_path / "loky.py").write_text("raise ModuleNotFoundError('No module named loky', name='loky')")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from app.__main__ import main; sys.exit(main([]))"
    ended = processes.run([sys.executable, "-c", script])
    assert ended.returncode == 1
    assert ended.stderr == (
        "python -m app: loky is not installed, which the dashboard and its commands need."
        ' Install them by pip install "perscope[app]".\n'
    )

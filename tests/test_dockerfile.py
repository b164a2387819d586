"""What can be said of the image without an engine: its instructions, and that what it copies runs alone."""

import json
import re
import shutil
import sys
from pathlib import Path

from tests import processes

ROOT = Path(__file__).parents[1]


def instructions() -> list[tuple[str, str]]:
    """(keyword, argument) of every instruction, continuation lines joined."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def values(keyword: str) -> list[str]:
    return [argument for name, argument in instructions() if name == keyword]


def test_the_image_is_slim_unprivileged_and_starts_the_app_directly() -> None:
    assert re.fullmatch(r"python:3\.\d+-slim", values("FROM")[0])
    assert values("USER") == ["perscope"]
    order = [name for name, _ in instructions()]
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert json.loads(values("ENTRYPOINT")[0]) == ["python", "-m", "app"]
    assert "0.0.0.0" in json.loads(values("CMD")[0])


def test_the_torch_wheel_is_a_build_argument() -> None:
    assert values("ARG")[0].startswith("TORCH_INDEX=")
    assert any("$TORCH_INDEX" in run and "torch==" in run for run in values("RUN"))


def test_the_health_check_is_valid_python_and_asks_the_only_meaningful_path() -> None:
    check = values("HEALTHCHECK")[0]
    command = json.loads(check[check.index("CMD") + 3 :].strip())
    assert command[:2] == ["python", "-c"]
    compile(command[2], "healthcheck", "exec")
    assert "/_stcore/health" in command[2]


def test_the_health_check_fails_where_nothing_listens_and_the_copied_folders_suffice(tmp_path: Path) -> None:
    for copy in values("COPY"):
        source, target = copy.split()
        path = ROOT / source
        if path.is_dir():
            shutil.copytree(path, tmp_path / target)
        else:
            shutil.copy(path, tmp_path)
    imported = processes.run(
        [sys.executable, "-c", "import app.server; app.server.build_server(['localhost']); print(app.__file__)"],
        cwd=tmp_path,
        check=True,
    )
    assert Path(imported.stdout.strip()).is_relative_to(tmp_path)
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not {copy.split()[0] for copy in values("COPY")} & set(ignored)

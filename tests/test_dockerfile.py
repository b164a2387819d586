"""What can be said of the image without an engine: its instructions, and that what it copies runs alone."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests import processes
from tests.waiting import LIMIT, wait_for

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


@pytest.mark.slow
def test_the_instructions_lead_from_an_empty_root_to_an_answering_server(tmp_path: Path) -> None:
    """Each is done in turn, in a folder in place of the root and an environment in place of the image's Python.

    Not done are what needs an engine, FROM, USER and the user's making; the port is a free one.
    """
    venv.create(tmp_path / "python", with_pip=True, symlinks=True)
    home = tmp_path / "root"
    environment = {**os.environ, "PATH": f"{tmp_path / 'python' / 'bin'}:{os.environ['PATH']}"}
    environment |= {"TORCH_INDEX": os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")}
    here = home
    for keyword, argument in instructions():
        if keyword == "WORKDIR":
            here = home / argument.lstrip("/")
            here.mkdir(parents=True)
        elif keyword == "COPY":
            source, target = argument.split()
            path = ROOT / source
            shutil.copytree(path, here / target) if path.is_dir() else shutil.copy(path, here)
        elif keyword == "ENV":
            environment |= dict(pair.split("=", 1) for pair in shlex.split(argument.replace("/home/", f"{home}/home/")))
        elif keyword == "RUN" and not argument.startswith("useradd"):
            command = argument.replace("/home/perscope", f"{home}/home/perscope").replace("mkdir", "mkdir -p")
            processes.run(["sh", "-ec", command], cwd=here, env=environment, check=True)
    port = "8531"
    words = [*json.loads(values("ENTRYPOINT")[0]), *json.loads(values("CMD")[0])]
    words = ["127.0.0.1" if word == "0.0.0.0" else port if word == "8501" else word for word in words]
    words[0] = str(tmp_path / "python" / "bin" / "python")
    check = json.loads(values("HEALTHCHECK")[0].partition("CMD")[2].strip())
    health = [words[0], "-c", check[2].replace("8501", port)]
    with processes.running(words, cwd=here, env=environment, stdout=subprocess.DEVNULL) as server:
        wait_for(lambda: server.poll() is not None or processes.run(health, cwd=tmp_path).returncode == 0, every=0.5)
        assert server.poll() is None
        server.terminate()
        assert server.wait(LIMIT) == 128 + 15

"""`pip install .` installs the library alone, with ranges instead of pins."""

import sys
import zipfile
from pathlib import Path

import pytest

from tests import processes

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel that `pip install .` builds, from a copy, so that the working tree stays clean."""
    source = tmp_path_factory.mktemp("source")
    packaged = ["per_core", "app", "analysis", "pyproject.toml", "README.md", "LICENSE"]
    for line in processes.run(["git", "ls-files", *packaged], check=True).stdout.splitlines():
        target = source / line
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / line).read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "dist", "."]
    processes.run(build, cwd=source, check=True)
    return zipfile.ZipFile(next((source / "dist").glob("*.whl")))


def test_the_wheel_holds_per_core_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    folders = {name.split("/")[0] for name in wheel.namelist()}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"per_core"}
    assert "per_core/py.typed" in wheel.namelist()


def test_it_needs_four_packages_in_ranges(wheel: zipfile.ZipFile) -> None:
    metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
    needs = [line.removeprefix("Requires-Dist: ") for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    always = [need for need in needs if "extra ==" not in need]
    assert {need.split(">=")[0] for need in always} == {"torch", "numpy", "scipy", "safetensors"}
    assert all(">=" in need and "==" not in need for need in always)

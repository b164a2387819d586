"""PERscope as `pip install` leaves it: a wheel, and an environment of its own that cannot see the clone."""

import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import processes


@dataclass(frozen=True)
class Installed:
    """An environment in which a wheel is installed; what it depends on is the test runner's."""

    wheel: Path
    folder: Path

    @property
    def python(self) -> Path:
        """The environment's Python."""
        return self.folder / "bin" / "python"

    @property
    def command(self) -> Path:
        """The command `perscope`."""
        return self.folder / "bin" / "perscope"

    def run(self, *arguments: str | Path, **options: Any) -> "subprocess.CompletedProcess[Any]":
        """Run its Python to the end."""
        return processes.run([self.python, *arguments], **options)


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build a "wheel" or an "sdist" of a tree into a folder; the file."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", folder]
    processes.run(command, cwd=source, check=True)
    (built,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


def install(wheel: Path, folder: Path) -> Installed:
    """Install a wheel in a new environment. Its packages are found after its own; no `.pth` of theirs is read."""
    venv.create(folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet", "--no-deps"]
    processes.run([*pip, "--ignore-installed", wheel], check=True)
    return Installed(wheel, folder)

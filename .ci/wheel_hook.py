"""How the wheel is built: `app`, `analysis` and `assets` lie inside the one package `perscope`, beside `per_core`.

In a clone the three are top-level packages. Under these names they would shadow, or be shadowed by, what others call
`app` and `analysis`; so their imports of each other get the prefix, and nothing else of them is changed.
"""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("analysis", "app", "assets")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.pot", "GLOSSARY.md", "pictures", "docs")
IMPORT = re.compile(r"^([ >.]*(?:from|import) )(?=(?:analysis|app)\b)", re.MULTILINE)  # in examples of docstrings too


class PackageHook(BuildHookInterface):  # type: ignore[type-arg,misc]
    """Lays the tree of the package `perscope` in a temporary folder, from which the wheel is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the package to a wheel; an editable one shows the clone as it is."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory()
        package = Path(self._folder.name)
        for folder in FOLDERS:
            shutil.copytree(Path(self.root, folder), package / folder, ignore=LEFT_OUT)
        shutil.copytree(Path(self.root, ".ci", "wheel", "perscope"), package, dirs_exist_ok=True, ignore=LEFT_OUT)
        for file in package.rglob("*.py"):
            file.write_text(IMPORT.sub(r"\1perscope.", file.read_text("utf-8")), "utf-8")
        build_data["force_include"][str(package)] = "perscope"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Take the temporary folder away."""
        if version != "editable":
            self._folder.cleanup()

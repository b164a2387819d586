"""What is loaded before the pages is all that they need of scipy, whose parts must not be loaded by two threads."""

import sys

from tests import processes
from tests.app.conftest import ROOT

FOLDERS = ("app/charts", "app/sections", "app/views", "analysis/statistics", "analysis/distances", "analysis/survey")
SCRIPT = """
import importlib, sys

def parts():
    return {".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("scipy.")}

import app.session.libraries
before = parts()
for name in %r:
    importlib.import_module(name)
print("numpy" in sys.modules, "ot" in sys.modules, sorted(parts() - before))
"""


def test_no_page_loads_a_part_of_scipy_that_is_not_there() -> None:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    pages = [file for file in files if file.stem == file.parent.name]  # scripts, which import what they show
    names = [str(file.relative_to(ROOT).with_suffix("")).replace("/", ".") for file in files if file not in pages]
    assert len(pages) == 6
    run = processes.run([sys.executable, "-c", SCRIPT % names], check=True)
    assert run.stdout.split("\n")[0] == "True False []"

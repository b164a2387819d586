"""The layers: app -> analysis -> per_core, never upwards, and the top level as it is promised."""

import ast
import sys
from pathlib import Path

import pytest

from tests import processes

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "per_core": {"streamlit", "plotly", "ot", "analysis", "app", "pandas"},
    "analysis": {"streamlit", "plotly", "app"},
}

STUDIES = (  # from the bottom; modules directly in analysis, the batch and the samples say, lie below them all
    {"statistics"},
    {"distances"},
    {"methods"},
    {"dumps", "runs"},
    {"survey", "training", "one_pass"},
    {"lesson"},
    {"commands"},
    {"__main__"},
)


def imported_packages(file: Path) -> set[str]:
    """Top-level names of every import statement in a file, at whatever depth, and of what `find_spec` looks for."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                found |= {alias.name.split(".")[0] for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                found.add(module.split(".")[0])
            case ast.Call(func=ast.Name(id="find_spec"), args=[ast.Constant(value=str(module))]):
                found.add(module.split(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_import_points_upwards(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    offenders = {f.name: imported_packages(f) & FORBIDDEN[package] for f in files}
    assert {name: found for name, found in offenders.items() if found} == {}


def folder_of(module: str) -> str:
    """The folder below analysis that a module lies in; empty directly in it."""
    part = module.split(".")[1] if "." in module else ""
    return part if any(part in folders for folders in STUDIES) else ""


def imported_folders(file: Path) -> set[str]:
    """Folders of analysis that a file imports from, at whatever depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {folder_of(alias.name) for alias in node.names if alias.name.startswith("analysis.")}
        elif isinstance(node, ast.ImportFrom) and node.module == "analysis":
            found |= {folder_of(f"analysis.{alias.name}") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("analysis."):
            found.add(folder_of(node.module))
    return found


def test_within_analysis_imports_point_down() -> None:
    rank = {"": 0} | {folder: place for place, folders in enumerate(STUDIES, start=1) for folder in folders}
    offenders = set()
    for file in (ROOT / "analysis").rglob("*.py"):
        name = file.relative_to(ROOT / "analysis")
        own = folder_of(".".join(("analysis", *name.with_suffix("").parts)))
        offenders |= {(name.as_posix(), other) for other in imported_folders(file) - {own} if rank[other] >= rank[own]}
    assert offenders == set()


def test_every_folder_of_analysis_has_its_place() -> None:
    folders = {path.parent.name for path in (ROOT / "analysis").glob("*/__init__.py")}
    assert folders == set().union(*STUDIES) - {"__main__"}


LOWER = [
    "per_core",
    "analysis.__main__",
    "analysis.distances.distinction",
    "analysis.distances.bound",
    "analysis.training.worker",
]
LOADED = """
import importlib, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
    print(module, *sorted({'streamlit', 'plotly', 'app'} & {name.partition('.')[0] for name in sys.modules}))
"""


def test_importing_the_lower_layers_loads_neither_streamlit_nor_plotly() -> None:
    """One after the other in one process: what one loads is said from there on."""
    run = processes.run([sys.executable, "-c", LOADED, *LOWER], check=True)
    assert run.stdout.splitlines() == LOWER


def test_no_file_of_the_app_shadows_a_standard_or_top_level_module() -> None:
    taken = sys.stdlib_module_names | {
        "per_core",
        "analysis",
        "app",
        "tests",
        "streamlit",
        "plotly",
        "torch",
        "ot",
    }
    modules = [one for one in (ROOT / "app").iterdir() if one.suffix == ".py" or (one / "__init__.py").is_file()]
    names = {one.stem for one in modules} - {"__init__", "__main__"}
    assert names & taken == set()


def test_top_level_is_the_promised_one() -> None:
    tracked = processes.run(["git", "ls-files"], check=True).stdout.split()
    top = {name.split("/")[0] for name in tracked}
    assert top == {
        "app", "per_core", "analysis", "assets", "tests", "requirements.txt", "Dockerfile", "README.md", "LICENSE",
        "CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml", "Makefile", ".gitignore", ".dockerignore", ".ci",
        ".pre-commit-config.yaml",
    }  # fmt: skip


def test_every_pinned_requirement_is_imported_and_pinned_exactly() -> None:
    lines = [
        line.strip()
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    assert all("==" in line and not set("<>~*,") & set(line) for line in lines)
    modules = {"pot": "ot", "scikit-learn": "sklearn", "google-re2": "re2"}
    wanted = {modules.get(name, name) for name in (line.split("==")[0] for line in lines)}
    imported = set()
    for package in ("app", "analysis", "per_core"):
        for file in (ROOT / package).rglob("*.py"):
            imported |= imported_packages(file)
    assert wanted - imported == set()

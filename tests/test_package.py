"""The wheel: the library `per_core`, and the dashboard with its commands in the one package `perscope`."""

import ast
import configparser
import re
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from per_core import __version__
from tests.installed import Installed, build

ROOT = Path(__file__).parents[1]
LIBRARY = {"torch", "numpy", "scipy", "safetensors"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(installed: Installed) -> zipfile.ZipFile:
    return zipfile.ZipFile(installed.wheel)


def metadata(wheel: zipfile.ZipFile, name: str) -> str:
    return wheel.read(f"perscope-{__version__}.dist-info/{name}").decode()


def test_the_wheel_holds_two_packages_and_the_data_that_they_need(wheel: zipfile.ZipFile) -> None:
    folders = {name.split("/")[0] for name in wheel.namelist()}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"per_core", "perscope"}
    assert {
        "per_core/py.typed",
        "perscope/app/.streamlit/config.toml",
        "perscope/app/locale/ko/LC_MESSAGES/perscope.po",
        "perscope/assets/null_bands.json",
        "perscope/assets/runs/digits_elu/run.json",
    } <= set(wheel.namelist())
    assert not [name for name in wheel.namelist() if name.endswith((".pyc", ".pot", ".png"))]


def test_nothing_in_it_asks_for_a_package_called_app_or_analysis(wheel: zipfile.ZipFile) -> None:
    asked = [
        (name, module)
        for name in wheel.namelist()
        if name.endswith(".py")
        for node in ast.walk(ast.parse(wheel.read(name)))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in ([node.module] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
        if module and module.split(".")[0] in {"app", "analysis"}
    ]
    assert asked == []


def test_no_module_is_named_in_a_string_which_the_wheel_could_not_follow(wheel: zipfile.ZipFile) -> None:
    named = [
        (name, node.value)
        for name in wheel.namelist()
        if name.endswith(".py")
        for node in ast.walk(ast.parse(wheel.read(name)))
        if isinstance(node, ast.Constant) and re.fullmatch(r"(app|analysis)(\.\w+)+", str(node.value))
    ]
    assert named == []


def test_the_library_needs_four_packages_in_ranges(wheel: zipfile.ZipFile) -> None:
    needs = re.findall(r"^Requires-Dist: (.+)$", metadata(wheel, "METADATA"), re.MULTILINE)
    always = [need for need in needs if "extra ==" not in need]
    assert {need.split(">=")[0] for need in always} == LIBRARY
    assert all(">=" in need and "==" not in need for need in always)


def test_the_dashboard_needs_what_requirements_txt_pins() -> None:
    pinned = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert set(PROJECT["optional-dependencies"]["app"]) == {one for one in pinned if one.split("==")[0] not in LIBRARY}


def test_the_command_is_perscope(wheel: zipfile.ZipFile) -> None:
    scripts = configparser.ConfigParser()
    scripts.read_string(metadata(wheel, "entry_points.txt"))
    assert dict(scripts["console_scripts"]) == {"perscope": "perscope.__main__:main"}


def test_the_version_is_that_of_the_newest_entry_of_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    entries = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", changelog, re.MULTILINE)
    assert entries[0] == __version__


def test_the_source_distribution_builds_the_same_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    source = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    again = zipfile.ZipFile(build("wheel", tmp_path / source.name.removesuffix(".tar.gz"), tmp_path / "wheel"))
    assert again.namelist() == wheel.namelist()
    assert [name for name in again.namelist() if again.read(name) != wheel.read(name)] == []


def test_every_module_can_be_imported_beside_others_of_the_same_names(installed: Installed, tmp_path: Path) -> None:
    for name in ("app", "analysis"):
        (tmp_path / f"{name}.py").write_text("raise AssertionError('somebody else\\'s module was imported')")
    script = (
        "import importlib, pkgutil, re, perscope, per_core\n"
        "names = [one.name for package in (perscope, per_core)"
        " for one in pkgutil.walk_packages(package.__path__, f'{package.__name__}.')]\n"
        "scripts = re.compile(r'.+(__main__|app\\.main|views\\.(\\w+)\\.\\2)"
        "|.+\\.callbacks\\.(lightning|transformers|keras|keras_layers|fastai)')\n"  # which import a framework
        "[importlib.import_module(name) for name in names if not scripts.fullmatch(name)]\n"
        "print(len(names), perscope.__file__)"
    )
    said = installed.run("-c", script, cwd=tmp_path, check=True).stdout.split()
    assert int(said[0]) > 250
    assert Path(said[1]).is_relative_to(installed.folder)

"""What a session holds is listed in one place: keys of the state come from there, or are a widget's own."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.session import keys
from tests.app.conftest import ROOT, OpenPage

pytestmark = pytest.mark.long

LISTED = {value for name, value in vars(keys).items() if name.isupper()}


def keys_in(tree: ast.AST) -> Iterator[ast.expr]:
    """The expressions by which a module reads and writes the session's state."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Attribute(attr="session_state"), slice=key):
                yield key
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="session_state"), attr=method), args=[key, *_]):
                if method != "update":  # which takes values by key: held by fields
                    yield key
            case ast.Compare(left=key, comparators=[ast.Attribute(attr="session_state")]):
                yield key


def is_listed(key: ast.expr, imported: set[str]) -> bool:
    """Whether an expression is a name of the list, one of its functions, or a variable: a widget's key handed over."""
    match key:
        case ast.Name(id=name):
            return name in imported or name.islower()
        case ast.Call(func=ast.Name(id=name)):
            return name in imported
        case _:
            return False


def test_the_state_is_asked_for_keys_of_the_list_only() -> None:
    found, strange = 0, []
    for file in sorted((ROOT / "app").rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        imports = [
            one for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) and one.module == "app.session.keys"
        ]
        imported = {alias.name for one in imports for alias in one.names}
        for key in keys_in(tree):
            found += 1
            if not is_listed(key, imported):
                strange.append(f"{file.relative_to(ROOT)}:{key.lineno}: {ast.unparse(key)}")
    assert strange == []
    assert found > 40


def test_no_key_is_listed_twice_and_each_is_used() -> None:
    names = [name for name in vars(keys) if name.isupper()]
    assert len(names) == len(LISTED)
    source = "".join(file.read_text() for file in (ROOT / "app").rglob("*.py") if file.name != "keys.py")
    assert [name for name in names if name not in source] == []


@pytest.fixture
def dump(runs_folder: Path) -> Path:
    file = runs_folder / "keys.npy"
    np.save(file, np.random.default_rng(0).standard_normal((40, 4)))
    return file


def widget_ids(page: AppTest) -> list[str]:
    def below(node: Any) -> Iterator[str]:
        for child in getattr(node, "children", {}).values():
            yield getattr(getattr(child, "proto", None), "id", "")
            yield from below(child)

    return [one for one in below(page._tree) if one]


@pytest.mark.parametrize("name", ["distributions", "methods", "train", "dumps"])
def test_what_a_page_leaves_in_the_state_is_listed_or_a_widget_s(
    open_page: OpenPage, dump: Path, finished_run: str, name: str
) -> None:
    query = {"train": {"run": finished_run}, "dumps": {"dumps_path": str(dump)}}.get(name, {})
    page = open_page(name, data_n="32", **query)
    assert [*page.exception, *page.error] == []
    ids = widget_ids(page)
    left = {key for key in page.session_state if not any(one.endswith(f"-{key}") for one in ids)}
    assert left - LISTED == set()

"""Whatever an address says, a page or a message comes, never "This page failed".

The parameters are collected from the running pages: every widget that is bound to the address, in each of the states
that show others, takes part by itself.
"""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.app.conftest import OpenPage
from tests.browser.pages import asked

pytestmark = pytest.mark.long

LONG = "9" * 5000
NONSENSE: list[str | list[str]] = [
    *("", " ", "nan", "NaN", "inf", "-inf", "1e999", "-1e999", "1e308", "-1", "0", "1", "0.5", "1e-320", "007", "+1"),
    *("true", "false", "None", "null", "[]", "{}", '{"a": 1}', "[1, 2]", '"', "'", "\\", "%", "%00", "%zz", "\x00"),
    *("../../etc/passwd", "/", "~root", "file:///etc/passwd", "<script>alert(1)</script>", "$x$", ":red[x]", "`", "|"),
    *("Run", "Dump", "Recording", "cifar10", "spirals", "bn+per", "per+per", "+", ",", ";", "2 6 9", "layer 1"),
    *("\u202e", "\u200b", "\u0661\u0662", "\U0001f600", "\u00e9", "e\u0301", "\ufffd", "١", "½", "Ⅷ", "1,5", "1_000"),
    *("9" * 20, "-" + "9" * 400, LONG, "x" * 100_000, "[" * 5000, "1e" + "9" * 300, "0x10", "1j", "--", "1 2"),
    [],
    ["", ""],
    ["1", "2"],
    ["nan", "1e999", ""],
    ["vanilla"] * 100,
    [f"{i}" for i in range(300)],
]
SLOW = {"bound", "methods"}  # of which the quick test tries the empty value alone
SMALL = {"data_n": "32", "data_dim": "4"}
STATES: list[tuple[str, dict[str, Any]]] = [
    ("distributions", SMALL | asked("distributions")),
    ("distributions", {"data_source": "Recording"}),
    ("distributions", {"data_source": "Run"}),
    ("distributions", {"data_source": "Drawn", "data_n": "32", "data_drawn": "One unit"}),
    ("bound", SMALL | asked("bound")),
    ("methods", SMALL | {"methods_chosen": ["BN", "PER, Algorithm 1"], "methods_steps": "60"}),
    ("methods", SMALL | asked("methods") | {"methods_chosen": "BN"}),
    ("train", {"train_data": "cifar10", "train_model": "mlp"}),
    ("train", {"train_data": "spirals", "train_methods": ["bn+per", "vcl", "sigreg"], "train_more": "{}"}),
    ("train", {"run": "tiny"}),
    ("dumps", {"dumps_path": "<dump>", "dumps_look": "true"}),
    ("dumps", {"dumps_path": "<dump>", "dumps_editor": "true"}),
]
OURS = {"InvalidInputError", "BudgetError", "StorageError"}  # which the server shows as messages
FREE = {
    "distributions": {"data_cloud", "data_density"},
    "train": {"run", "beside"},
    "dumps": {"dumps_set", "dumps_plan"},
}  # in the address, and of no widget


@pytest.fixture(scope="module", autouse=True)
def dump(runs_folder: Path, finished_run: str) -> Path:
    """A dump of two layers at two epochs, beside a run."""
    assert finished_run == "tiny"
    folder = runs_folder / "a dump"
    folder.mkdir()
    for epoch in (1, 2):
        rng = np.random.default_rng(epoch)
        np.savez(folder / f"epoch_{epoch}.npz", a=rng.standard_normal((40, 4)), b=rng.standard_normal((40, 4)))
    return folder


def bound_keys(page: AppTest) -> set[str]:
    """The parameters that the widgets of a page are bound to."""

    def below(node: Any) -> Iterable[Any]:
        for child in getattr(node, "children", {}).values():
            yield child
            yield from below(child)

    found = [one for part in (page.main, page.sidebar) for one in below(part)]
    return {key for one in found if (key := getattr(getattr(one, "proto", None), "query_param_key", ""))}


def opened(open_page: OpenPage, dump: Path, name: str, query: dict[str, Any]) -> AppTest:
    page = open_page(name, **{key: str(dump) if value == "<dump>" else value for key, value in query.items()})
    broken = [(one.proto.type, one.value) for one in page.exception if one.proto.type not in OURS]
    assert broken == [], {key: repr(value)[:80] for key, value in query.items()}
    return page


@pytest.fixture(scope="module")
def known() -> dict[int, set[str]]:
    """State -> its parameters, collected once."""
    return {}


def keys_of(state: int, known: dict[int, set[str]], open_page: OpenPage, dump: Path) -> set[str]:
    if state not in known:
        name, query = STATES[state]
        known[state] = bound_keys(opened(open_page, dump, name, query)) | FREE.get(name, set())
    return known[state]


def mixes(keys: Iterable[str], seed: int, count: int) -> Iterator[dict[str, str | list[str]]]:
    """Every parameter with a value of its own, another one each time; a third of them is left as it is."""
    rng = random.Random(seed)
    for _ in range(count):
        yield {key: rng.choice(NONSENSE) for key in sorted(keys) if rng.random() < 0.67}


@pytest.mark.parametrize("state", range(len(STATES)))
def test_nonsense_gives_a_page_or_a_message(
    open_page: OpenPage, dump: Path, known: dict[int, set[str]], state: int
) -> None:
    name, query = STATES[state]
    keys = keys_of(state, known, open_page, dump)
    for mix in [dict.fromkeys(keys, "")] if name in SLOW else mixes(keys, seed=state, count=1):
        opened(open_page, dump, name, query | mix)


def test_the_collected_parameters_are_those_of_all_pages(
    open_page: OpenPage, dump: Path, known: dict[int, set[str]]
) -> None:
    found: set[str] = set().union(*(keys_of(state, known, open_page, dump) for state in range(len(STATES))))
    assert {
        "data_source",
        "bound_slices",
        "bound_check",
        "methods_chosen",
        "train_more",
        "train_view_layers",
        "dumps_layer",
    } <= found
    assert len(found) > 80


@pytest.mark.slow
@pytest.mark.parametrize("state", range(len(STATES)))
def test_each_nonsense_for_each_parameter(
    open_page: OpenPage, dump: Path, known: dict[int, set[str]], state: int
) -> None:
    """All parameters at once with each value, and mixes, in which fewer of them hide others."""
    name, query = STATES[state]
    keys = keys_of(state, known, open_page, dump)
    queries = [dict.fromkeys(keys, value) for value in NONSENSE] + list(mixes(keys, seed=100 + state, count=40))
    print(f"{name}: {len(keys)} parameters, {sum(map(len, queries))} values")
    for mix in queries:
        opened(open_page, dump, name, query | mix)

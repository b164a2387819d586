"""The examples in docstrings give what they show, and every public name has one."""

import doctest
import importlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import per_core
from analysis.batch import ActivationBatch
from analysis.dumps import inspect
from analysis.one_pass import run_pass
from analysis.samples import figure1
from analysis.survey.overview import overview
from analysis.survey.warnings import list_warnings

ROOT = Path(__file__).parents[1]
PUBLIC = {name: getattr(per_core, name) for name in per_core.__all__} | {
    one.__name__: one for one in (ActivationBatch, figure1, inspect, list_warnings, overview, run_pass)
}
READER = {"torch": torch, "nn": nn, "np": np, **PUBLIC}  # what whoever tries an example has imported
PLACES = {f"{one.__module__}.{one.__qualname__}": name for name, one in PUBLIC.items()}
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("per_core", "analysis")
    for file in sorted((ROOT / package).rglob("*.py"))
    if "    >>> " in (text := file.read_text(encoding="utf-8")) or "\n>>> " in text
]


def examples(module: str) -> list[doctest.DocTest]:
    """The docstrings of a module that have examples; those of public names know what a reader knows."""
    loaded = importlib.import_module(module)
    found = doctest.DocTestFinder(exclude_empty=True).find(loaded, module)
    for one in found:
        one.globs = dict(READER) if one.name in PLACES else READER | vars(loaded)
    return [one for one in found if one.examples]


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_show(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for example in examples(module):
        torch.manual_seed(0)
        told = io.StringIO()
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        runner.run(example, out=told.write, clear_globs=False)
        assert not runner.failures, told.getvalue()


def test_every_public_name_has_an_example_that_is_run() -> None:
    found = [one for module in MODULES for one in examples(module)]
    assert [one.name for one in found if any(doctest.SKIP in line.options for line in one.examples)] == []
    assert sorted(set(PUBLIC) - {PLACES.get(one.name) for one in found}) == []

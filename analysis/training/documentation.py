"""A text that every installation has: the documentation strings of SciPy, read from its sources without importing it.

Of every module, in the order of their paths, come its documentation strings in the order of its lines: those of
modules, classes and functions, and those that `add_newdoc(name, string)` gives compiled functions. A string that occurs
again is taken once. Left out are

* the folders "tests" and "_lib" (helpers, and packages of others that SciPy brings along), and the two modules that a
  build writes, "__config__.py" and "version.py";
* in a string, what is no prose: examples of code and their output, tables, literal blocks, directives (displayed
  formulas, references and notes on versions among them), addresses, and placeholders of templates. A formula within a
  sentence is the word "<math>".

Whole modules are for validation or for testing, one in twelve each by a hash of their paths, so that a function and its
near relations stay together. Documentation repeats itself all the same. Of SciPy 1.17.1, 32 % of the lines for testing
(with 16 % of their words) are lines of the training part too, most of them headings and parameters with their types. Of
the lines of eight words or more, 11 % are, with 7 % of all words; with strings dealt out singly it would be 17 %.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import math
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from analysis.training.tokens import FORMULA, Parts, tokenise
from per_core.errors import InvalidInputError
from per_core.text import N_

FOLDERS_LEFT_OUT = {"tests", "_lib"}
MODULES_LEFT_OUT = {"__config__.py", "version.py"}
SHARES = 12  # one is for validation, one for testing

_FORMULA = re.compile(r":math:`[^`]*`")
_NO_WORDS = re.compile(r":\w+(?::\w+)*:(?=`)|%\(\w+\)s|https?://\S+")
_RULE = re.compile(r"([^\w\s])\1{2,}")  # below a heading
_TABLE = re.compile(r"={2,}(?: +={2,})+")
_ITEM = r"[*-] |\d+[.)] "
_STARTS = re.compile(rf"\n(?:{_ITEM}|(?=[\w.*, ]+ : ))")  # an item of a list without its mark, or a parameter
_INDENT = re.compile(rf" *(?:{_ITEM})?")


@cache
def read_documentation() -> Parts:
    """The documentation strings of the SciPy that is installed, kept, as it takes seconds to read them.

    Raises:
        InvalidInputError: If there is none.
    """
    found = find_spec("scipy")
    if found is None or found.origin is None:
        raise InvalidInputError(
            N_("The documentation ships with SciPy, which is not installed. Install requirements.txt.")
        )
    parts = Parts([], [], [])
    for module, strings in documentation_strings(Path(found.origin).parent).items():
        part = {0: parts.validation, 1: parts.test}.get(_share(module), parts.training)
        for string in strings:
            for paragraph in paragraphs(string):
                part += tokenise(paragraph)
    return parts


def documentation_strings(package: Path) -> dict[str, list[str]]:
    """Of the modules of a package, by their paths below it: their documentation strings that did not occur before."""
    modules = sorted(path.relative_to(package).as_posix() for path in package.rglob("*.py"))
    known = {""}
    strings: dict[str, list[str]] = {}
    for module in modules:
        if FOLDERS_LEFT_OUT.isdisjoint(module.split("/")) and module not in MODULES_LEFT_OUT:
            found = dict.fromkeys(_strings(ast.parse((package / module).read_bytes())))
            strings[module] = [string for string in found if string not in known]
            known.update(found)
    return strings


def paragraphs(string: str) -> Iterator[str]:
    """The prose of a documentation string: lines of one indentation, up to the next item or parameter, are one."""
    for indent, lines in groupby(_prose(string), _indent):
        if indent >= 0:
            for paragraph in _STARTS.split("".join(f"\n{line.strip()}" for line in lines)):
                yield _NO_WORDS.sub(" ", _FORMULA.sub(f" {FORMULA} ", paragraph))


def _share(module: str) -> int:
    return int(hashlib.sha256(module.encode()).hexdigest(), 16) % SHARES


def _strings(node: ast.AST) -> Iterator[str]:
    """The documentation strings of a module, or of what is defined in a statement, in the order of its lines."""
    match node:
        case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            yield ast.get_docstring(node) or ""
        case ast.Expr(ast.Call(ast.Name("add_newdoc"), [_, ast.Constant(str(string))])):
            yield inspect.cleandoc(string)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler):  # nothing is defined in an expression
            yield from _strings(child)


def _prose(string: str) -> Iterator[str]:
    """The lines of a documentation string, blank where they are no prose."""
    depth = math.inf  # deeper lines belong to a block that is left out
    stops = False  # such a block goes on to the next blank line
    for line in string.expandtabs().splitlines():
        text, indent = line.strip(), len(line) - len(line.lstrip())
        if not text:
            stops = False
        elif indent <= depth:
            stops = stops or text.startswith(">>>") or _TABLE.fullmatch(text) is not None
            directive = text.startswith(".. ")
            depth = indent if directive or text.endswith("::") else math.inf
            if not (stops or directive or _RULE.fullmatch(text)):
                yield line
                continue
        yield ""


def _indent(line: str) -> int:
    """Where the text of a line begins, behind the mark of a list's item; -1 if there is none."""
    found = _INDENT.match(line)
    return found.end() if found and line.strip() else -1

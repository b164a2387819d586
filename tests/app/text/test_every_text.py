"""All text that a person reads goes through gettext, can be collected, and its translations fill in the same values."""

import ast
import re
import shutil
import string
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from tests import processes

ROOT = Path(__file__).parents[3]
DOMAINS = {"app/locale": ["app"], "analysis/locale": ["analysis", "per_core"]}  # what is collected for each
CATALOGUES = sorted(file for folder in DOMAINS for file in (ROOT / folder).rglob("*.po"))

COMMAND_LINE = {"app/__main__.py", "app/hosts.py", "app/listening.py"}  # what a terminal shows
TEXT_FUNCTIONS = {"_", "ngettext", "N_"}  # their arguments are literals
TRANSLATING = TEXT_FUNCTIONS | {"translated"}
CODE = {"code", "execute", "executescript"}  # their arguments are Python or SQL
SHOWN = {  # arguments that a person reads, whatever the function
    "label", "body", "help", "hint", "title", "name", "text", "caption", "captions", "about", "alt", "placeholder",
    "xaxis_title", "yaxis_title", "ticktext", "legendgroup_title",
}  # fmt: skip
SHOWING = {  # functions whose first argument a person reads
    "markdown", "caption", "title", "header", "subheader", "write", "text", "error", "info", "warning", "success",
    "toast", "status", "spinner", "button", "download_button", "form_submit_button", "metric", "slider",
    "select_slider", "selectbox", "radio", "multiselect", "toggle", "checkbox", "number_input", "text_input",
    "text_area", "expander", "popover", "segmented_control", "pills", "file_uploader", "whole_number", "one_of",
    "on_request",
}  # fmt: skip
WORD = re.compile(r"(?<![\w%{\-])[A-Za-z]?[a-z]{2,}(?![\w}\-])")  # "Layer"; not PER, SW1, N(0, I), min-width
SENTENCE = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}(?![\w\-])")
MARKUP = re.compile(r"<[^>]*>|%\{[^}]*\}")


def name_of(call: ast.Call) -> str:
    """The last part of what is called."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def literals(node: ast.AST) -> Iterator[ast.Constant]:
    """Strings in an expression that are neither translated, nor keys, formats or comparisons, nor calls' own affair."""
    match node:
        case ast.Constant(value=str()):
            yield node
        case ast.JoinedStr(values=parts):
            for part in parts:
                yield from literals(part)
        case ast.BinOp(left=left, right=right):
            yield from (*literals(left), *literals(right))
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                yield from literals(part)
        case ast.IfExp(body=body, orelse=other):
            yield from (*literals(body), *literals(other))
        case ast.FormattedValue(value=value):
            yield from literals(value)
        case ast.Call(func=ast.Attribute(value=text, attr="format" | "join")):
            yield from literals(text)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and key.value in SHOWN:
                    yield from literals(value)


def spoken(tree: ast.Module) -> Iterator[ast.Constant]:
    """Every string of a file that may be text: no docstring, type, code, translated text or its key, error or log."""
    silent = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }

    def below(node: ast.AST) -> Iterator[ast.Constant]:
        if id(node) in silent or isinstance(node, ast.Raise | ast.Assert):
            return
        if isinstance(node, ast.Call) and (name_of(node) in TRANSLATING | CODE or _logs(node)):
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node
        if isinstance(node, ast.Dict):
            named = zip(node.keys, node.values, strict=True)
            silent.update(id(key) for key, value in named if isinstance(value, ast.Call) and name_of(value) == "_")
        for field, child in ast.iter_fields(node):
            if field not in ("annotation", "returns", "format_spec"):
                for one in child if isinstance(child, list) else [child]:
                    if isinstance(one, ast.AST):
                        yield from below(one)

    yield from below(tree)


def _logs(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value).lower().endswith("_log")


def untranslated(source: str) -> list[tuple[int, str]]:
    """Line and text of what a person would read in English in every language."""
    tree = ast.parse(source)
    found = {(one.lineno, one.value) for one in spoken(tree) if SENTENCE.search(MARKUP.sub(" ", one.value))}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        shown = [keyword.value for keyword in call.keywords if keyword.arg in SHOWN]
        if name_of(call) in SHOWING and not _logs(call):
            shown += call.args[:1]
        for argument in shown:
            found |= {(one.lineno, one.value) for one in literals(argument) if WORD.search(MARKUP.sub(" ", one.value))}
    return sorted(found)


def app_files() -> list[Path]:
    return sorted((ROOT / "app").rglob("*.py"))


def calls(file: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]


@pytest.mark.parametrize(
    "source",
    [
        'st.button("Reset")',
        'place.metric(f"{n} layers", 1)',
        'figure.add_scatter(name="closed form")',
        'figure.update_xaxes(title={"text": "number of slices"})',
        'show_chart(figure, alt="Number of " + text)',
        'HELP = "Numbers of the hidden layers."',
        'TABLE = {"rho": ("the correlation", 0, 1)}',
        'st.caption("Batch {name}".format(name=name))',
        'st.info(_("Yes") if well else "No layer")',
    ],
)
def test_text_that_is_not_translated_is_found(source: str) -> None:
    assert untranslated(source)


@pytest.mark.parametrize(
    "source",
    [
        'st.button(_("Reset"), width="stretch", key="data_reset")',
        'st.metric("SW1", "± 0.1")',
        'figure.add_scatter(name="N(0, I)", mode="lines", hovertemplate="%{x:.2f}<extra></extra>")',
        'raise InvalidInputError("One of these is no name.")',
        '_LOG.error("A page failed")',
        'st.code("from analysis.dumps import Layout, inspect", language="python")',
        'database.execute("SELECT step, answer FROM answers WHERE code = ?", (code,))',
        '"""What this file says."""',
        '{"Zoom out": _("Zoom out")}',
        'TABLE = {"rho": (N_("the correlation"), 0, 1)}',
        'def f(batch: "dict[Key, str] | None or so") -> "a name of a type": ...',
    ],
)
def test_what_is_no_text_is_left_alone(source: str) -> None:
    assert untranslated(source) == []


def test_every_text_goes_through_gettext() -> None:
    found = {}
    for file in app_files():
        name = file.relative_to(ROOT).as_posix()
        if name not in COMMAND_LINE and (texts := untranslated(file.read_text(encoding="utf-8"))):
            found[name] = texts
    assert found == {}


def test_what_is_translated_is_written_out_where_it_stands() -> None:
    """Only literals can be collected; what a table holds is marked there and shown by `translated`."""
    for folder in ("app", "analysis", "per_core"):
        for file in (ROOT / folder).rglob("*.py"):
            for call in calls(file):
                if name_of(call) in TEXT_FUNCTIONS and file.name not in ("language.py", "translations.py"):
                    texts = call.args[: 2 if name_of(call) == "ngettext" else 1]
                    written = [isinstance(one, ast.Constant) and isinstance(one.value, str) for one in texts]
                    assert written == [True] * len(texts) != [], f"{file.name}:{call.lineno}"


def test_reasons_of_what_is_read_how_are_marked_where_they_stand() -> None:
    """The pages show them by `translated`."""
    for file in (ROOT / "analysis" / "dumps").rglob("*.py"):
        for call in calls(file):
            if name_of(call) in ("AxisProposal", "LeftOut", "NumberRole"):
                bare = [one.value for argument in call.args for one in literals(argument)]
                assert [text for text in bare if SENTENCE.search(text)] == [], f"{file.name}:{call.lineno}"


def test_no_cached_function_asks_for_texts() -> None:
    """It would keep one visitor's language for all."""
    for file in app_files():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            if any("cache" in ast.unparse(decorator) for decorator in function.decorator_list):
                called = {name_of(node) for node in ast.walk(function) if isinstance(node, ast.Call)}
                asked = called & (TRANSLATING - {"N_"})  # a mark is the same in every language
                assert asked == set(), f"{file.name}: {function.name}"


def messages(file: Path) -> Catalog:
    with file.open("rb") as lines:
        return read_po(lines)


def fillings(text: str) -> list[tuple[str, str, str | None]]:
    """What a text fills in: names, with the formats of their numbers."""
    parts = string.Formatter().parse(text)
    return sorted((name, form or "", conversion) for _, name, form, conversion in parts if name is not None)


def in_both(message: Message) -> list[tuple[str, str]]:
    """English and its translations, of a text with a plural one for each form."""
    english = message.id if isinstance(message.id, str) else message.id[-1]
    others = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return [(english, other) for other in others if message.id]


@pytest.mark.parametrize("folder", DOMAINS)
def test_the_catalogues_are_those_that_the_code_gives(folder: str, tmp_path: Path) -> None:
    """If this fails: make texts."""

    def babel(*command: str) -> None:
        processes.run([sys.executable, "-m", "babel.messages.frontend", "--quiet", *command], cwd=ROOT, check=True)

    fresh, copy = tmp_path / "perscope.pot", tmp_path / "locale"
    shutil.copytree(ROOT / folder, copy)
    babel("extract", "--output", str(fresh), *DOMAINS[folder])
    assert fresh.read_text("utf-8") == (ROOT / folder / "perscope.pot").read_text("utf-8")
    babel("update", "--domain", "perscope", "--input-file", str(fresh), "--output-dir", str(copy))
    for file in (ROOT / folder).rglob("*.po"):
        assert file.read_text("utf-8") == copy.joinpath(file.relative_to(ROOT / folder)).read_text("utf-8"), file


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: "/".join(file.parts[-4:]))
def test_every_text_is_translated_and_fills_in_the_same_values(file: Path) -> None:
    """Nothing is guessed by babel or out of use either; Markdown would take two wave dashes for a deletion."""
    catalogue = messages(file)
    assert len(catalogue) > 100
    assert [message.id for message in catalogue if message.fuzzy and message.id] == [] == list(catalogue.obsolete)
    for english, other in (pair for message in catalogue for pair in in_both(message)):
        assert other.strip(), english
        assert fillings(other) == fillings(english), english
        assert "~" not in other, english


def test_texts_are_filled_in_by_name() -> None:
    for folder in DOMAINS:
        for message in messages(ROOT / folder / "perscope.pot"):
            for text in [message.id] if isinstance(message.id, str) else message.id:
                assert all(re.match(r"[a-z]", name) for name, *_ in fillings(text)), text

"""Errors are raised with marked templates, and pages say them in the visitor's language."""

import ast
import io
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.dumps import list_arrays
from analysis.dumps.cells import WHOLE_NUMBERS
from analysis.dumps.plan.plan_file import read_plan
from analysis.translations import LOCALE, translations
from app.session.class_store import ClassStore
from app.text.language import LOCALE as LOCALE_OF_APP
from per_core.errors import InvalidInputError, PerError
from per_core.text import phrase_of, say
from tests.app.conftest import OpenPage, shown
from tests.app.text.test_every_text import ROOT, name_of

HANGUL = re.compile("[가-힣]")
SENTENCES = {"PerError", "Phrase"}  # what is made of a template and values, and the subclasses found below


def sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("per_core", "analysis", "app"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def errors() -> set[str]:
    """Names of the exceptions of PERscope, in all its packages."""
    found, before = set(SENTENCES), set()
    classes = [node for _, tree in sources() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while found != before:
        before = set(found)
        found |= {node.name for node in classes if {ast.unparse(base) for base in node.bases} & found}
    return found


def templates(call: ast.Call) -> list[ast.expr]:
    """The template, or both of two."""
    first = call.args[0]
    return [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]


def test_every_error_and_every_phrase_is_made_of_a_marked_template_and_its_values() -> None:
    """Texts that stand elsewhere, in a table or an entry, are names here and marked there."""
    wrong, kinds, count = [], errors(), 0
    assert {"InvalidInputError", "StorageError", "NoClassError", "DialectError", "NothingFiniteError"} <= kinds
    for file, tree in sources():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args):
            of_same_kind = isinstance(call.func, ast.Call) and ast.unparse(call.func) == "type(error)"
            if name_of(call) not in kinds and not of_same_kind:
                continue
            for template in templates(call):
                count += 1
                marked = isinstance(template, ast.Call) and name_of(template) == "N_"
                if marked:
                    text = ast.literal_eval(template.args[0])
                    names = {name for _, name, *_ in string.Formatter().parse(text) if name} if call.keywords else set()
                    if names != {keyword.arg for keyword in call.keywords}:
                        wrong.append(f"{file}:{call.lineno}: placeholders and values")
                elif isinstance(template, ast.Constant | ast.JoinedStr | ast.BinOp):
                    wrong.append(f"{file}:{call.lineno}: no mark")
    assert wrong == []
    assert count > 300


def test_a_placeholder_is_formatted_in_one_way() -> None:
    """A phrase keeps one text of each."""
    for file, tree in sources():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and name_of(node) == "N_"):
            parts = {part[1:] for part in string.Formatter().parse(ast.literal_eval(call.args[0])) if part[1]}
            assert len({name for name, *_ in parts}) == len(parts), f"{file}:{call.lineno}"


def test_an_error_within_an_error_is_korean_in_full(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text("arrays = 3")
    with pytest.raises(InvalidInputError) as caught:
        read_plan(file)
    texts = translations("ko", LOCALE)
    assert "Correct the file" in str(caught.value)
    text = caught.value.sentence(texts.gettext)
    assert str(file) in text
    assert not re.search(r"[A-Za-z]{3,} [a-z]{3,}", text.replace(str(file), "")), text


def test_what_the_reading_process_says_of_a_file_is_korean(tmp_path: Path) -> None:
    file = tmp_path / "acts.pt"
    file.write_bytes(b"PK\3\4 this is no archive")
    entry = list_arrays(file).arrays[0].entry
    assert HANGUL.search(say(entry.refusal, translations("ko").gettext)), entry.refusal
    assert HANGUL.search(say(WHOLE_NUMBERS, translations("ko").gettext))


def test_a_file_that_cannot_be_read_is_refused_in_korean(open_page: OpenPage) -> None:
    page = open_page("dumps", lang="ko")
    page.file_uploader(key="dumps_files").set_value([("acts.npy", io.BytesIO(b"no array").getvalue(), "")]).run()
    assert page.exception == []
    (table,) = [one.value for one in page.dataframe if "멤버" in one.value.columns]
    assert HANGUL.search(table["이유"][0])
    assert any("acts" in one.value and HANGUL.search(one.value) for one in page.markdown)


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("dumps", {"dumps_plan": "nonsense", "dumps_path": "assets/example_dump"}),
        ("dumps", {"dumps_path": "/no/such/place"}),
        ("train", {"train_rate": "0"}),
        ("train", {"train_more": '{"momentum": 2}'}),
    ],
)
def test_what_an_address_has_wrong_is_said_in_korean(open_page: OpenPage, page: str, query: dict[str, str]) -> None:
    opened = open_page(page, lang="ko", **query)
    assert opened.exception == []
    assert opened.error
    for error in opened.error:
        assert HANGUL.search(error.value), error.value
        assert not re.search(r"\b(must|received|Choose)\b", shown(error.value)), error.value


def test_a_class_refuses_in_korean(tmp_path: Path) -> None:
    store = ClassStore(tmp_path / "classes.sqlite")
    with pytest.raises(PerError) as caught:
        store.join("ABCD")
    text = caught.value.sentence(translations("ko", LOCALE_OF_APP, LOCALE).gettext)
    assert "'ABCD'" in text
    assert HANGUL.search(text)
    assert phrase_of(caught.value) == str(caught.value)

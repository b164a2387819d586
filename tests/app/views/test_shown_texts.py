"""What the pages show: through gettext to the last word, and two sentences at most without a click."""

import itertools
import json
import re
from collections.abc import Iterator
from gettext import NullTranslations
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from streamlit.testing.v1 import AppTest

from analysis.fields import choices_of
from analysis.runs.spec import TrainingSpec
from app.session import caches
from app.session.kept import Kept
from app.text import language
from per_core.methods import BASELINE, list_methods
from tests.app.conftest import OpenPage
from tests.browser.pages import asked

pytestmark = pytest.mark.long

STATES: list[tuple[str, dict[str, str]]] = [
    ("distributions", {"data_n": "256", **asked("distributions")}),
    ("distributions", {"data_source": "Recording"}),
    ("bound", {"data_n": "256", **asked("bound")}),
    ("bound", {"data_n": "256", "data_dim": "8"}),
    ("train", {"train_data": "Spirals (synthetic)", "train_model": "Fully connected"}),
    ("train", {"run": "tiny"}),
    ("methods", {"data_n": "256", "methods_steps": "60", **asked("methods")}),
    ("dumps", {"dumps_path": "tiny"}),
]
LABELS = {"data_source", "train_data", "train_model"}  # of which the address has the words that are shown
JSON = '{"momentum": 0.8}'
TEXT = {"label", "body", "help", "placeholder", "options", "text", "caption", "captions", "alt", "delta"}  # of protos
UNREAD = re.compile(r"<(script|style)>.*?</\1>", re.DOTALL)
WORD = re.compile(r"(?<!\w)[A-Za-z]?[a-z]{2,}(?!\w)")
SENTENCE_END = re.compile(r"[.!?]\**\s+(?=[A-Z≠])|[.!?]\**$")
OPTIONS = [choices_of(TrainingSpec, field) for field in ("schedule", "device", "mixed_precision")]  # as JSON says them
METHODS = [BASELINE.key, BASELINE.short, *(name for method in list_methods() for name in (method.key, method.short))]
REFERENCES = [re.escape(method.reference) for method in list_methods()]
ICONS = ["br", "view", "expand_more", "material", "png", "svg", "csv"]
OTHERS = ["Tiny", "Leaky ReLU", r"layer \d+", r"layer \d+, epoch \d+", *ICONS]
LONGEST_FIRST = sorted([*itertools.chain(*OPTIONS), *METHODS, *REFERENCES, *OTHERS], key=len, reverse=True)
NAMES = re.compile(rf"\b({'|'.join(LONGEST_FIRST)})\b", re.IGNORECASE)


class Marking(NullTranslations):
    """A language that puts every text into brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


def mark_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text in brackets but what addresses say; charts that were drawn before, in English, are not taken."""
    charts = Kept(caches.MOST_ENCODED)
    monkeypatch.setattr(language, "_catalogue", Marking)
    monkeypatch.setattr(language, "translate_address", lambda: None)
    monkeypatch.setattr(caches, "_encoded", lambda: charts)


def blocks(node: Any, opened: bool = True) -> Iterator[tuple[Any, bool]]:
    """Every element of a page, and whether it is seen without a click."""
    for child in getattr(node, "children", {}).values():
        yield child, opened
        yield from blocks(child, opened and not _is_closed(child))


def _is_closed(node: Any) -> bool:
    kind = getattr(node, "type", "")
    return kind == "popover" or (kind == "expander" and not node.proto.expanded)


def texts(value: Any, named: bool = False) -> Iterator[str]:
    """Strings below the keys of `TEXT`."""
    if isinstance(value, str) and named:
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from texts(one, named)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from texts(one, key in TEXT)


def of_figure(figure: dict[str, Any]) -> Iterator[str]:
    """Names of traces, titles of axes and annotations."""
    yield from (trace["name"] for trace in figure["data"] if "name" in trace)
    layout = figure["layout"]
    yield from (axis["title"]["text"] for key, axis in layout.items() if "axis" in key and "title" in axis)
    yield from (note["text"] for note in layout.get("annotations", []))


def shown(page: AppTest) -> Iterator[str]:
    for node, _ in blocks(page._tree):
        if (proto := getattr(node, "proto", None)) is None:
            continue
        if getattr(node, "type", "") == "json":
            continue
        if getattr(node, "type", "") == "bidi_component":
            if proto.WhichOneof("data") != "bytes":
                continue  # not a chart, and nothing to read
            data = json.loads(proto.bytes)
            yield data["alt"]
            yield from data["texts"].values()
            yield from of_figure(data["figure"])
        else:
            yield from (UNREAD.sub("", text) for text in texts(MessageToDict(proto)))
    for table in page.dataframe:
        yield from map(str, table.value.columns)


def outside_brackets(text: str) -> str:
    while text != (text := re.sub(r"⟦[^⟦⟧]*⟧", " ", text)):
        pass
    return text


def in_folder(query: dict[str, str], folder: Path) -> dict[str, str]:
    return {key: str(folder / value) if key == "dumps_path" else value for key, value in query.items()}


@pytest.mark.usefixtures("finished_run")
@pytest.mark.parametrize(("name", "query"), STATES, ids=[f"{name} {query}" for name, query in STATES])
def test_no_word_of_a_page_misses_its_translation(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, runs_folder: Path, name: str, query: dict[str, str]
) -> None:
    mark_texts(monkeypatch)
    marked = {key: f"⟦{value}⟧" if key in LABELS else value for key, value in query.items()}
    texts_of_page = list(shown(open_page(name, **in_folder(marked, runs_folder))))
    left = [outside_brackets(text.replace(str(runs_folder), "")) for text in texts_of_page if text != JSON]
    assert len(texts_of_page) > 40
    assert [text for text in left if WORD.search(NAMES.sub("", text))] == []


@pytest.mark.usefixtures("finished_run")
@pytest.mark.parametrize(("name", "query"), STATES, ids=[f"{name} {query}" for name, query in STATES])
def test_two_sentences_at_most_are_read_without_a_click(
    open_page: OpenPage, runs_folder: Path, name: str, query: dict[str, str]
) -> None:
    page = open_page(name, **in_folder(query, runs_folder))
    captions = [node.value for node, opened in blocks(page._tree) if opened and getattr(node, "type", "") == "caption"]
    assert captions
    assert [text for text in captions if len(SENTENCE_END.findall(text)) > 2] == []

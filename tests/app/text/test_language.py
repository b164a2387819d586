"""Each visitor's language: taken from the address, kept between pages, and nobody else's."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analysis.translations import languages, translations
from app.text.language import LOCALE, _, language, ngettext, translated
from per_core.text import N_
from tests.app.conftest import OpenPage
from tests.waiting import LIMIT

CATALOGUE = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

msgid "Layer"
msgstr "층"

msgid "Epoch"
msgstr ""

#, fuzzy
msgid "Unit"
msgstr "유닛"

msgid "{n} row"
msgid_plural "{n} rows"
msgstr[0] "행 {n}개"

msgid "{n} layer"
msgid_plural "{n} layers"
msgstr[0] ""
"""


KOREAN = "분포"
VISITOR = """
import streamlit as st
from app.text.language import _, choose_language

@st.fragment
def part():
    st.caption(_("Distributions"))
    st.button("again", key="again", on_click=lambda: st.session_state.update(called=_("Distributions")))

choose_language()
st.title(_("Distributions"))
part()
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """A folder with a half-empty Korean catalogue."""
    file = tmp_path / "ko" / "LC_MESSAGES" / "perscope.po"
    file.parent.mkdir(parents=True)
    file.write_text(CATALOGUE, encoding="utf-8")
    return tmp_path


def visitor(**query: str) -> AppTest:
    page = AppTest.from_string(VISITOR, default_timeout=LIMIT)
    for key, value in query.items():
        page.query_params[key] = value
    return page.run()


def test_what_is_not_translated_or_only_guessed_is_english(catalogue: Path) -> None:
    korean = translations("ko", catalogue)
    assert korean.gettext("Layer") == "층"
    assert [korean.gettext(text) for text in ("Epoch", "Unit", "Never seen")] == ["Epoch", "Unit", "Never seen"]
    assert [korean.ngettext("{n} row", "{n} rows", n) for n in (1, 3)] == ["행 {n}개"] * 2
    assert [korean.ngettext("{n} layer", "{n} layers", n) for n in (1, 3)] == ["{n} layer", "{n} layers"]


def test_a_second_folder_says_what_the_first_does_not(catalogue: Path) -> None:
    assert translations("ko", LOCALE, catalogue).gettext("Layer") == "층"
    assert translations("ko", catalogue, LOCALE).gettext("Distributions") == KOREAN
    assert translations("ko", LOCALE).gettext("Distributions") == KOREAN, "a chain changes none of its parts"


@pytest.mark.parametrize("name", ["xx", "", "en", "KO", "../ko", "ko/../ko"])
def test_an_unknown_language_is_english(catalogue: Path, name: str) -> None:
    assert translations(name, catalogue).gettext("Layer") == "Layer"


def test_languages_are_those_that_have_a_catalogue(catalogue: Path) -> None:
    assert languages(catalogue) == languages(LOCALE) == ("en", "ko")


def test_where_nobody_waits_for_a_page_text_is_english() -> None:
    assert language() == "en"
    assert [_("Distributions"), translated(N_("Distributions")), translated("")] == ["Distributions"] * 2 + [""]
    assert [ngettext("{n} row", "{n} rows", n) for n in (1, 2)] == ["{n} row", "{n} rows"]


def test_a_fragment_and_a_callback_speak_the_language_of_their_visitor() -> None:
    page = visitor(lang="ko")
    assert [page.title[0].value, page.caption[0].value] == [KOREAN, KOREAN]
    del page.query_params["lang"]
    page.button(key="again").click().run()
    assert page.caption[0].value == page.session_state["called"] == KOREAN


def test_visitors_at_the_same_time_have_a_language_each() -> None:
    pages = [visitor(lang=lang) for lang in ("ko", "en", "xx")]
    for page in pages * 2:
        page.query_params.clear()
        page.run()
    assert [page.title[0].value for page in pages] == [KOREAN, "Distributions", "Distributions"]


def test_the_language_stays_in_the_address_on_every_page(open_page: OpenPage) -> None:
    page = open_page("train", lang="ko")
    for name in ("dumps", "train"):
        page.query_params.clear()  # as a click on the navigation does
        page.switch_page(f"views/{name}/{name}.py").run()
        assert page.query_params["lang"] == "ko"
        assert re.search("[가-힣]", page.title[0].value)


def test_a_batch_is_called_in_the_language_of_its_visitor(open_page: OpenPage) -> None:
    said = [open_page("bound", data_n="32", data_case="d", **query) for query in ({"lang": "ko"}, {})]
    assert "(d) 이봉성, n = 32, d = 2." in [one.value for one in said[0].caption]
    assert "(d) bimodal, n = 32, d = 2." in [one.value for one in said[1].caption]


@pytest.mark.parametrize(
    ("browser", "query", "spoken", "address"),
    [
        (None, {}, "en", None),
        ("en-GB", {}, "en", None),
        ("ko-KR", {}, "ko", "ko"),
        ("ko", {}, "ko", "ko"),
        ("fr-FR", {}, "en", None),
        ("ko-KR", {"lang": "en"}, "en", "en"),
        ("en-GB", {"lang": "ko-KR"}, "ko", "ko"),
    ],
)
def test_the_address_decides_on_the_language_else_the_browser(
    browser: str | None, query: dict[str, str], spoken: str, address: str | None
) -> None:
    page = AppTest.from_string(VISITOR, default_timeout=LIMIT)
    if browser:
        page.context = {"locale": browser}
    page.query_params = dict(query)
    page.run()
    assert page.title[0].value == {"en": "Distributions", "ko": KOREAN}[spoken]
    page.query_params.clear()  # as a click on the navigation does
    page.run()
    assert page.title[0].value == {"en": "Distributions", "ko": KOREAN}[spoken]
    kept = page.query_params.get("lang")
    assert kept == address


def test_the_switch_changes_every_text_and_keeps_what_is_chosen(open_page: OpenPage) -> None:
    page = open_page("bound", data_source="Recording", data_layer="layer 9")
    assert page.radio(key="data_layer").value == "layer 9"
    for chosen, reset, source in (("ko", "초기화", "기록"), ("en", "Reset", "Recording")):
        page.segmented_control(key="language_chosen").set_value(chosen).run()
        assert page.query_params["lang"] == chosen
        assert reset in [button.label for button in page.button]
        assert page.radio(key="data_layer").value == "layer 9"
        assert page.query_params["data_source"] == source, "a reload finds the same option"


def test_a_link_made_in_english_opens_in_korean(open_page: OpenPage) -> None:
    page = open_page("bound", data_source="Recording", data_layer="layer 9", lang="ko")
    assert page.radio(key="data_layer").value == "layer 9"


def test_english_needs_no_word_in_the_address(open_page: OpenPage) -> None:
    page = open_page("train")
    assert "lang" not in page.query_params
    page.query_params["lang"] = "ko"
    page.run()
    page.query_params["lang"] = "en"
    assert "lang" not in page.run().query_params or page.query_params["lang"] == "en"


@pytest.mark.parametrize("key", ["run", "beside", "dumps_path", "dumps_layer", "data_run", "train_title"])
def test_what_somebody_has_named_is_not_translated(open_page: OpenPage, key: str) -> None:
    assert translations("ko", LOCALE).gettext("Layer") != "Layer"
    page = open_page("learn", lang="ko", **{key: "Layer"})
    assert page.query_params[key] == "Layer"

"""What a page gives to whoever cites it: enough to see the same, and nobody's place in a class."""

import re
from datetime import date

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from analysis.citation import BIBTEX, PAPER, SOFTWARE
from per_core import __version__
from tests.waiting import LIMIT

SCRIPT = """
import streamlit as st
from analysis.samples import SampleSpec
from app.sections.cite import citation
from app.session.address import keep_in_address
from app.session.batch_choice import Choice

keep_in_address("class", "seat", "teacher")
st.text(citation("bound", Choice(SampleSpec("d", seed=3))))
st.text(citation("train", None))
"""


def test_a_citation_has_version_settings_seed_and_link_and_no_place_in_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ContextProxy, "url", property(lambda _: "http://lecture:8501/bound"))
    page = AppTest.from_string(SCRIPT, default_timeout=LIMIT)
    page.query_params.update({"class": "QRST", "seat": "secret", "data_seed": "3", "bound_layer": "a b&c"})
    page.run()
    assert [*page.exception] == []
    of_batch, without = (one.value for one in page.text)
    head, batch, own, link = of_batch.splitlines()
    assert head == f"PERscope {__version__}, bound, {date.today().isoformat()}"
    assert batch.startswith("case=d, n=4096, dim=2, seed=3, ")
    assert own == "bound_layer=a b&c"
    assert link == "http://lecture:8501/bound?data_seed=3&bound_layer=a+b%26c"
    assert "data_seed=3, bound_layer=a b&c" in without
    assert "secret" not in of_batch + without


def test_every_page_offers_it_and_prepares_nothing(open_page) -> None:
    page = open_page("learn")
    assert [one.proto.popover.label for one in page.get("popover")][:1] == ["Cite"]
    assert not any("@software" in one.value for one in page.code)
    assert [one.proto.popover.label for one in open_page("learn", lang="ko").get("popover")][:1] == ["인용"]
    shown = open_page("learn", present="1").get("popover")
    assert "Cite" not in [one.proto.popover.label for one in shown]


@pytest.mark.parametrize("entry", [SOFTWARE, PAPER])
def test_the_entries_are_bibtex(entry: str) -> None:
    assert re.fullmatch(r"@(software|inproceedings)\{\w+,\n(  \w+ += \{.*\},\n)+\}", entry)
    assert entry.count("{") == entry.count("}")
    assert entry in BIBTEX

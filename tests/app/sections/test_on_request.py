"""Sections on request: nothing before somebody asks, and nothing but the section then."""

from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.testing.v1 import AppTest

from tests.waiting import LIMIT

SCRIPT = """
import streamlit as st
from app.sections.on_request import on_request

def show(name, number):
    st.session_state["computed"] = st.session_state.get("computed", 0) + 1
    st.text(f"{name} {number}")

on_request("POT", show, "slices", 8, key="demo_pot")
on_request("Cost", show, "seconds", 3, key="demo_cost")
"""


def opened(**query: str) -> AppTest:
    page = AppTest.from_string(SCRIPT, default_timeout=LIMIT)
    page.query_params.update(query)
    page.run()
    assert [*page.exception] == []
    return page


def click(page: AppTest, number: int, *, open_it: bool) -> None:
    """What the browser sends when a visitor clicks the heading of a section: its state."""
    section = page.expander[number]
    states = WidgetStates()
    states.widgets.add(id=section.proto.id, bool_value=open_it)
    page._run(states)
    assert [*page.exception] == []


def shown(page: AppTest) -> list[str]:
    return [one.value for one in page.text]


def test_closed_sections_show_their_headings_and_compute_nothing() -> None:
    page = opened()
    assert [one.label for one in page.expander] == ["POT", "Cost"]
    assert shown(page) == []
    assert "computed" not in page.session_state


def test_the_address_opens_a_section_and_no_other() -> None:
    page = opened(demo_cost="true")
    assert shown(page) == ["seconds 3"]
    assert page.session_state["computed"] == 1


def test_an_address_that_says_nonsense_opens_nothing() -> None:
    assert shown(opened(demo_cost="perhaps")) == []


def test_a_click_opens_a_section_and_another_closes_it() -> None:
    page = opened()
    click(page, 0, open_it=True)
    assert shown(page) == ["slices 8"]
    click(page, 0, open_it=False)
    assert shown(page) == []
    assert page.session_state["computed"] == 1

"""What the address says of a visitor stays there from page to page, names that belong together as one."""

from streamlit.testing.v1 import AppTest

from tests.waiting import LIMIT

SCRIPT = """
import streamlit as st
from app.session.address import keep_in_address, kept_in_address, say_in_address

st.session_state["said"] = keep_in_address("class", "seat", "teacher")
st.session_state["other"] = keep_in_address("lang")
st.button("Say", on_click=say_in_address, args=("class", {"class": "D", "teacher": "t"}))
st.button("Forget", on_click=say_in_address, args=("class", {}))
st.session_state["links"] = kept_in_address()
"""


def visitor(**query: str) -> AppTest:
    page = AppTest.from_string(SCRIPT, default_timeout=LIMIT)
    for name, value in query.items():
        page.query_params[name] = value
    return page.run()


def address(page: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[-1] for name, value in page.query_params.items()}


def test_it_is_put_back_where_the_address_says_nothing() -> None:
    page = visitor(**{"class": "B", "seat": "s", "lang": "ko"})
    page.query_params.clear()  # as a click on the navigation does
    page.run()
    assert address(page) == page.session_state["links"] == {"class": "B", "seat": "s", "lang": "ko"}
    assert page.session_state["said"] == {"class": "B", "seat": "s"}


def test_another_class_in_the_address_has_no_seat_of_the_one_before() -> None:
    page = visitor(**{"class": "B", "seat": "s"})
    page.query_params.clear()
    page.query_params["class"] = "C"
    page.run()
    assert page.session_state["said"] == {"class": "C"}
    assert address(page) == {"class": "C"}


def test_a_name_alone_means_nothing_without_the_first() -> None:
    page = visitor(seat="s", teacher="t")
    assert page.session_state["said"] == page.session_state["links"] == {}


def test_what_is_said_replaces_the_whole_and_what_is_forgotten_goes() -> None:
    page = visitor(**{"class": "B", "seat": "s", "lang": "ko"})
    page.button[0].click().run()
    assert address(page) == {"class": "D", "teacher": "t", "lang": "ko"}
    page.button[1].click().run()
    assert address(page) == page.session_state["links"] == {"lang": "ko"}


def test_values_are_of_a_bounded_length() -> None:
    page = visitor(**{"class": "x" * 10_000, "seat": ""})
    assert page.session_state["said"] == page.session_state["links"] == {}

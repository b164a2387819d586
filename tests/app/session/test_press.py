"""Buttons do what the page says at the press, even where it was not drawn again since the last change."""

import json
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.session import services
from app.session.keys import LESSON_STEP, PRESSED
from app.session.press import LONGEST_SECONDS
from tests.app.conftest import OpenPage
from tests.app.views.test_train_page import fill_tiny, press, record_run, runs_table, select
from tests.waiting import LIMIT

pytestmark = pytest.mark.long

SCRIPT = """
import streamlit as st
from app.session.press import acting_button, do_pressed, forget_press

def take(value):
    st.session_state["taken"] = [*st.session_state.get("taken", []), value]
    st.session_state["number"] = 0  # as a callback may

do_pressed()
number = st.slider("Number", 0, 9, key="number")
if number != 8:
    acting_button("Take", take, number, key="take", disabled=number == 9)
forget_press()
"""


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_string(SCRIPT, default_timeout=LIMIT).run()


def press_at(page: AppTest, number: int) -> list[int]:
    """Move the slider and press before anything is drawn; what was taken so far."""
    page.slider[0].set_value(number)
    page.button[0].click().run()
    assert [*page.exception] == []
    return list(page.session_state["taken"]) if "taken" in page.session_state else []


def test_a_press_takes_what_is_set_now_once(page: AppTest) -> None:
    assert press_at(page, 4) == [4]
    assert page.slider[0].value == 0
    page.run()
    assert press_at(page, 7) == [4, 7]


@pytest.mark.parametrize("number", [8, 9], ids=["gone", "disabled"])
def test_a_press_does_nothing_once_its_button_is_gone_or_disabled(page: AppTest, number: int) -> None:
    assert press_at(page, number) == []
    page.slider[0].set_value(3).run()
    assert "taken" not in page.session_state, "nor later, when the button is back"
    assert press_at(page, 5) == [5]


@pytest.mark.parametrize(("seconds", "counts"), [(LONGEST_SECONDS / 2, True), (LONGEST_SECONDS * 2, False)])
def test_a_press_waits_for_its_button_and_not_for_ever(page: AppTest, seconds: float, counts: bool) -> None:
    page.session_state[PRESSED] = "take", time.monotonic() - seconds  # as a run leaves it that did not reach the button
    page.slider[0].set_value(6).run()
    assert ("taken" in page.session_state) is counts


def test_check_answers_for_the_settings_and_the_answer_on_the_screen(open_page: OpenPage) -> None:
    page = open_page("learn", step="7")
    page.segmented_control(key="learn_collapse_case").set_value("c")
    page.slider(key="learn_collapse_answer").set_value(1.5)
    page.button(key="learn_check").click().run()
    assert json.loads(page.query_params["said"]) == {"collapse": [1.5, {"case": "c", "scale": 1.0}]}
    assert len(page.warning) == 1, "the answer to this prediction, not to another's settings"


def test_two_turns_at_once_are_two_steps(open_page: OpenPage) -> None:
    page = open_page("learn")
    page.session_state[LESSON_STEP] = "2"  # as a first turn leaves it whose picture was not drawn
    page.button(key="learn_next").click().run()
    assert page.title[0].value.startswith("3. ")


def test_start_trains_the_number_that_was_typed_last(open_page: OpenPage) -> None:
    page = fill_tiny(open_page("train"))
    page.number_input(key="train_epochs").set_value(2.0)
    page = press(page, "train_start")
    run = page.query_params["run"]
    entry = services.run_library().entry(run if isinstance(run, str) else run[0])
    assert entry.epochs == 2
    press(page, "train_stop")


def test_rename_takes_the_title_that_was_typed_last(open_page: OpenPage, runs_folder: Path) -> None:
    record_run(runs_folder / "typed", [0], title="Before")
    page = select(open_page("train"), ["Before"])
    page.text_input(key="train_title_typed").set_value("After")
    assert "After" in runs_table(press(page, "train_rename")).index

"""Learn: predictions are kept, answers are revealed, and steps are turned."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.views.learn.predictions import Prediction, read, written
from app.views.learn.sheet import entry_of
from app.views.learn.step import Options, Place
from app.views.learn.steps import STEPS
from tests.app.conftest import OpenPage

SCALARS = st.one_of(
    st.text(max_size=24), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53) + 1, 2**53 - 1)
)
SETTINGS = st.dictionaries(st.text(max_size=12), SCALARS, max_size=4)
SAID = st.dictionaries(st.text(max_size=12), st.builds(Prediction, SCALARS, SETTINGS), max_size=2)


@given(SAID)
def test_what_was_predicted_comes_back_from_the_address(said: dict[str, Prediction]) -> None:
    text = written(said)
    if len(text) <= 2000:
        assert read(text) == said


@given(
    st.one_of(
        st.text(),
        st.recursive(SCALARS | st.none(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)).map(json.dumps),
    )
)
def test_an_address_can_hold_anything(text: str) -> None:
    for prediction in read(text).values():
        assert isinstance(prediction.answer, str | float | int)


@pytest.mark.parametrize("text", ['{"clouds":["b"]}', '{"clouds":[[],{}]}', '{"a":["b",{"c":[]}]}', "[" * 1500, "NaN"])
def test_what_is_no_prediction_is_left_out(text: str) -> None:
    assert read(text) == {}


def test_infinite_and_endless_answers_are_left_out() -> None:
    assert read('{"a":[Infinity,{}],"b":[NaN,{}],"c":["x",{}]}') == {"c": Prediction("x", {})}
    assert read(json.dumps({"a": ["x" * 25, {}], "b": [2**60, {}]})) == {}
    assert read(json.dumps({f"step {i}": ["x" * 24, {}] for i in range(100)})) == {}


def test_a_place_is_right_within_its_tolerance() -> None:
    place = Place(text="", because="", low=0, high=2, step=0.01, right=0.8, tolerance=0.1)
    assert [place.is_right(answer) for answer in (0.69, 0.71, 0.8, 0.89, 0.91)] == [False, True, True, True, False]
    assert [place.accepts(answer) for answer in (0, 2.0, 2.1, -1, "1", True, math.inf)] == [True, True, *[False] * 5]


def test_only_keys_of_options_are_answers() -> None:
    asked = Options(text="", because="", options={"yes": "Yes", "no": "No"}, right="no")
    assert [asked.accepts(answer) for answer in ("yes", "no", "Yes", 1, None)] == [True, True, False, False, False]
    assert [asked.is_right("no"), asked.is_right("yes"), asked.in_words("yes"), asked.right_in_words] == [
        True,
        False,
        "Yes",
        "No",
    ]


def said_in(page: Any) -> dict[str, Any]:
    """What the address says was predicted."""
    found: dict[str, Any] = json.loads(page.query_params["said"])
    return found


def test_a_prediction_is_asked_for_then_answered_and_can_be_made_again(open_page: OpenPage) -> None:
    page = open_page("learn")
    assert page.button(key="learn_check").disabled, "there is nothing to check yet"
    assert not page.success, "the answer is not given away"
    assert not page.warning
    page.radio[0].set_value("none").run()
    page.button(key="learn_check").click().run()
    assert len(page.success) == 1
    assert said_in(page)["clouds"][0] == "none"
    page.button(key="learn_again").click().run()
    assert page.radio[0].value is None
    assert "said" not in page.query_params


def test_an_answer_comes_back_from_the_address_with_its_settings(open_page: OpenPage) -> None:
    page = open_page("learn", said='{"clouds":["one",{"rho":0.25}],"other":["x",{}]}')
    assert page.slider(key="learn_clouds_rho").value == 0.25
    assert len(page.warning) == 1, "a wrong prediction is answered"
    page.slider(key="learn_clouds_rho").set_value(0.5).run()
    assert not page.warning, "it was predicted for other settings"
    assert len(page.info) == 1


@pytest.mark.parametrize(
    "said", ['{"clouds":["sideways",{}]}', '{"clouds":["one",{"rho":7}]}', "{", '{"clouds":[0.5,{}]}']
)
def test_settings_and_answers_that_do_not_exist_are_ignored(open_page: OpenPage, said: str) -> None:
    page = open_page("learn", said=said)
    assert not page.exception
    assert page.slider(key="learn_clouds_rho").value == 0.7


def test_steps_have_keys_of_their_own() -> None:
    assert len({step.key for step in STEPS}) == len(STEPS)
    for step in STEPS:
        assert all(field.key.startswith(f"learn_{step.key}_") for field in step.fields())
        assert 1 <= len(step.fields()) <= 2
        assert len(step.explanation.split()) <= 60
        assert len(step.title.split()) <= 8


def test_who_only_clicks_through_needs_twelve_minutes() -> None:
    """200 words a minute, two looks of 15 seconds at a picture, three clicks of two seconds: no step takes long."""
    minutes = []
    for step in STEPS:
        entry = entry_of(step)
        asked = [entry.title, entry.invitation, entry.question, *entry.options, *(one.label for one in step.fields())]
        words = " ".join([*asked, entry.right, entry.because, entry.explanation]).split()
        minutes.append(len(words) / 200 + (2 * 15 + 3 * 2) / 60)
    assert sum(minutes) <= 12
    assert max(minutes) <= 1.1 * 12 / len(STEPS)
    assert sum(step.minutes for step in STEPS) == 45, "with the plays"


def test_presenter_mode_stays_in_the_address_of_every_page(open_page: OpenPage) -> None:
    page = open_page("learn", present="1")
    assert page.toggle(key="learn_present").value
    assert any("--perscope-type" in html.proto.body for html in page.get("html"))
    page.query_params.clear()  # as a click on the navigation does
    page.switch_page("views/bound/bound.py").run()
    assert page.query_params["present"] == "1"
    page.switch_page("views/learn/learn.py").run()
    page.toggle(key="learn_present").set_value(False).run()
    assert "present" not in page.query_params
    assert not any("--perscope-type" in html.proto.body for html in page.get("html"))


def test_a_page_in_a_slide_has_no_frame(open_page: OpenPage) -> None:
    page = open_page("learn")
    page.context = {"is_embedded": True}
    styles = [html.proto.body for html in page.run().get("html")]
    assert any("stSidebar" in style and "font-size" not in style for style in styles)

"""Steps of the lesson as a student sees them: asked, answered, and the page that they lead on to."""

import json
from collections.abc import Mapping
from typing import Any

from streamlit.testing.v1 import AppTest

from analysis.drawing import DrawnSpec
from analysis.samples import SampleSpec
from app.session.batch_choice import Choice
from app.session.keys import CHOICE
from app.views.learn.step import Onward
from app.views.learn.steps import STEPS
from tests.app.conftest import OpenPage

NUMBERS = {step.key: str(number) for number, step in enumerate(STEPS, start=1)}
BY_KEY = {step.key: step for step in STEPS}
Settings = Mapping[str, Any]


def asked(open_page: OpenPage, key: str, settings: Settings) -> AppTest:
    """A step before its question is answered."""
    fields = {field.path: field for field in BY_KEY[key].fields()}
    page = open_page(
        "learn",
        step=NUMBERS[key],
        **{fields[path].key: fields[path].linked(value) for path, value in settings.items()},
    )
    assert not page.exception
    assert not page.success
    assert not page.warning
    return page


def answered(open_page: OpenPage, key: str, answer: str | float, settings: Settings) -> AppTest:
    """A step whose question was answered at these settings."""
    page = open_page("learn", step=NUMBERS[key], said=json.dumps({key: [answer, dict(settings)]}))
    assert not page.exception
    return page


def is_right(page: AppTest) -> bool:
    """Whether the prediction was called right."""
    assert len(page.success) + len(page.warning) == 1
    return bool(page.success)


def figure(page: AppTest, name: str) -> dict[str, Any]:
    """A chart of a page as the browser gets it."""
    sent = [
        json.loads(one.proto.bytes) for one in page.get("bidi_component") if one.proto.WhichOneof("data") == "bytes"
    ]
    found: dict[str, Any] = {one["name"]: one["figure"] for one in sent}[name]
    return found


def opened(open_page: OpenPage, onward: Onward) -> AppTest:
    """The page that a step leads on to."""
    page = open_page(onward.page, **onward.query)
    assert not page.exception
    return page


def spec_of(page: AppTest) -> SampleSpec | DrawnSpec | None:
    """The batch that a page shows."""
    choice: Choice = page.session_state[CHOICE]
    return choice.spec or choice.drawn

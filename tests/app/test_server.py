"""What the server does around the pages."""

import logging

import pytest
from streamlit.testing.v1 import AppTest

from tests.waiting import LIMIT

SCRIPT = """
from app.server import show_error
from per_core.errors import InvalidInputError
show_error({error})
"""


def test_an_error_of_ours_is_shown_in_full() -> None:
    page = AppTest.from_string(
        SCRIPT.format(error="InvalidInputError('n must be at least 1; received 0.')"), default_timeout=LIMIT
    ).run()
    assert [error.value for error in page.error] == [
        r"n must be at least 1; received 0\."
    ]  # the dot is escaped, as all text


def test_any_other_error_goes_to_the_log_and_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="app.server"):
        page = AppTest.from_string(SCRIPT.format(error="KeyError('secret path')"), default_timeout=LIMIT).run()
    assert "secret path" not in page.error[0].value
    assert "Reset" in page.error[0].value
    assert "secret path" in caplog.text

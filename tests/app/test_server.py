"""What the server does around the pages."""

import logging
import os
import sys

import pytest
from streamlit.testing.v1 import AppTest

from analysis.compute import PROCESSES_VARIABLE
from tests import processes
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


def test_a_number_of_processes_that_is_none_is_said_at_the_start() -> None:
    environment = os.environ | {PROCESSES_VARIABLE: "two"}
    ended = processes.run([sys.executable, "-m", "app", "--port", "1"], env=environment)
    assert ended.returncode == 2
    assert (
        "PERSCOPE_PROCESSES must be a whole number, 0 to compute in the server itself; received 'two'" in ended.stderr
    )

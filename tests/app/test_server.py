"""What the server does around the pages."""

import io
import json
import logging
import os
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from starlette.requests import Request
from streamlit.testing.v1 import AppTest

from analysis.compute import PROCESSES_VARIABLE
from app.server import _send_table
from app.session.services import EXAMPLE_DUMP
from per_core import open_run
from per_core.recording.summary_table import COLUMNS
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


def test_a_run_is_taken_away_as_a_table_without_formulas(runs_folder: Path) -> None:
    shutil.copytree(EXAMPLE_DUMP, runs_folder / "a b")
    header = runs_folder / "a b" / "run.json"
    header.write_text(json.dumps(json.loads(header.read_bytes()) | {"title": "=SUM(1)"}))
    try:
        answer = _send_table(Request({"type": "http", "path_params": {"run": "a b"}}))
    finally:
        shutil.rmtree(runs_folder / "a b")
    assert answer.headers["content-disposition"] == 'attachment; filename="a-b.csv"'
    table = pd.read_csv(io.BytesIO(answer.body))
    assert list(table.columns) == [*COLUMNS, "scalar_test_accuracy"]
    assert set(table["run"]) == {"'=SUM(1)"}
    assert len(table) == sum(len(record.layers) for record in open_run(EXAMPLE_DUMP).records)
    assert _send_table(Request({"type": "http", "path_params": {"run": "a b"}})).status_code == 404


def test_a_number_of_processes_that_is_none_is_said_at_the_start() -> None:
    environment = os.environ | {PROCESSES_VARIABLE: "two"}
    ended = processes.run([sys.executable, "-m", "app", "--port", "1"], env=environment)
    assert ended.returncode == 2
    assert (
        "PERSCOPE_PROCESSES must be a whole number, 0 to compute in the server itself; received 'two'" in ended.stderr
    )

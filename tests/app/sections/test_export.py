"""Tables that are taken away, opened by the programs they are for."""

import csv
import io
import json

from streamlit.testing.v1 import AppTest

from tests.waiting import LIMIT

SCRIPT = """
import pandas as pd
import streamlit as st
from app.sections.export import offer_table

class Column:
    def download_button(self, title, write, name, kind, **_):
        st.text(write())

names = ["=1+1", "+1", "-cmd", "@SUM(A1)", "-", "plain", "\\ta"]
offer_table(pd.DataFrame({"Layer": names, "Value": [-1.5] * len(names)}), "T", [Column(), Column()], key="t")
"""


def test_no_cell_of_a_csv_is_a_formula_and_json_says_all_as_it_is() -> None:
    page = AppTest.from_string(SCRIPT, default_timeout=LIMIT).run()
    assert [*page.exception] == []
    table, records = (one.value for one in page.text)
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["Layer"] for row in rows] == ["'=1+1", "'+1", "'-cmd", "'@SUM(A1)", "-", "plain", "'\ta"]
    assert {float(row["Value"]) for row in rows} == {-1.5}
    assert [row["Layer"] for row in json.loads(records)][:2] == ["=1+1", "+1"]

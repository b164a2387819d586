"""What a fresh process loads for the opening page, and which page that is."""

import sys
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests import processes
from tests.waiting import LIMIT

MAIN = Path(__file__).parents[2] / "app" / "main.py"
SCRIPT = f"""
import sys
from streamlit.testing.v1 import AppTest
from app.charts import chart

draw = chart.show_chart

def show_chart(*arguments, **options):
    drawn = draw(*arguments, **options)
    print("loaded", *{{name.partition(".")[0] for name in sys.modules}}, flush=True)
    return drawn

chart.show_chart = show_chart
page = AppTest.from_file({str(MAIN)!r}, default_timeout={LIMIT}).run()
assert not page.exception, page.exception
"""


def test_the_first_chart_waits_neither_for_torch_nor_for_pot() -> None:
    said = processes.run([sys.executable, "-c", SCRIPT], check=True).stdout
    loaded = set(next(line for line in said.splitlines() if line.startswith("loaded ")).split())
    assert {"plotly", "scipy"} <= loaded
    assert not {"torch", "ot", "sklearn", "dask", "distributed", "networkx"} & loaded


def test_an_address_without_a_page_opens_distributions() -> None:
    page = AppTest.from_file(str(MAIN), default_timeout=LIMIT)
    page.query_params["data_case"] = "c"
    page.run()
    assert [*page.exception, *page.error] == []
    assert "Four distributions" in page.title[0].value
    assert page.segmented_control(key="data_case").value == "c"

"""What a fresh process loads for the opening page."""

import sys
from pathlib import Path

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

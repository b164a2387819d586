"""What plotly makes of the ranges of one chart while its data change."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import plotly
from playwright.sync_api import Page
from plotly.utils import PlotlyJSONEncoder

from analysis.survey.history import UnitHistory
from app.charts.chart import style
from app.charts.training import awaited_figure2, figure2

SCRIPT = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
REDRAW = """async figure => {
    await Plotly.react('chart', figure.data, figure.layout)
    return document.getElementById('chart')._fullLayout.yaxis2.range
}"""


def redrawn(page: Page, figure: Any) -> list[float]:
    """The range of the mean, drawn in place of the figure before."""
    found: list[float] = page.evaluate(REDRAW, json.loads(json.dumps(style(figure, 400), cls=PlotlyJSONEncoder)))
    return found


def of_means(*means: float) -> Any:
    mean = np.array(means)
    unit = UnitHistory(np.arange(len(mean)), mean - 1, mean, mean + 1, mean, mean * 0 + 1)
    return figure2({"layer 2": {"PER": unit}}, epochs=9)


def test_an_empty_figure_2_leaves_no_range_behind(page: Page) -> None:
    """Of the first record the range of the mean is given; from the second one on plotly finds it."""
    page.set_content('<div id="chart"></div>')
    page.add_script_tag(path=SCRIPT)
    assert redrawn(page, awaited_figure2(["PER"], 9, rows=1)) == [-1, 4]
    assert redrawn(page, of_means(0.2)) == [-0.3, 0.7]
    low, high = redrawn(page, of_means(0.2, 0.3))
    assert 0.1 < low < 0.2
    assert 0.3 < high < 0.4
    page.evaluate("() => Plotly.relayout('chart', {'yaxis2.range': [0.25, 0.3]})")
    assert redrawn(page, of_means(0.2, 0.3, 0.35)) == [0.25, 0.3]

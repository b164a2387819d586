"""The chart component's Python side, and the figures' colours."""

import json
import re
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import pytest

from analysis.density import joint_density
from analysis.samples import CASES, figure1
from app import palette
from app.chart import MAX_STATIC_BYTES, show_chart, style
from app.figures.joint import joint_panels

THEME = re.compile(r"^var\(--st-[a-z-]+(\[\d+\])?(, [\d.]+)?\)$")


def colours(node: object) -> set[str]:
    """Every string in a figure that stands where a colour stands."""
    found: set[str] = set()
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and key.lower().endswith("color"):
                found.add(value)
            elif key == "colorscale":
                found |= {colour for _, colour in value}
            else:
                found |= colours(value)
    elif isinstance(node, list):
        for value in node:
            found |= colours(value)
    return found


def test_a_chart_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="text alternative"):
        show_chart(go.Figure(), key="x", alt="  ", height=100)


def test_a_chart_that_would_send_raw_samples_is_refused() -> None:
    raw = go.Figure(go.Scattergl(y=np.random.default_rng(0).standard_normal(MAX_STATIC_BYTES // 4)))
    with pytest.raises(ValueError, match="Bin or thin its data"):
        show_chart(raw, key="x", alt="many points", height=100)


def test_every_colour_follows_the_theme() -> None:
    figure = joint_panels({case: joint_density(*figure1(case, 500).values.T) for case in CASES})
    used = colours(json.loads(style(figure, 400).to_json()))
    assert used
    assert all(THEME.match(colour) or colour == palette.CLEAR for colour in used), used


def test_the_density_scale_is_ordered_and_ends_at_one() -> None:
    stops = [stop for stop, _ in palette.filled_contours()]
    assert stops[0] == 0
    assert stops[-1] == 1
    assert stops == sorted(stops)


def test_the_house_style_never_overrides_what_a_figure_says() -> None:
    figure = go.Figure(layout={"margin": {"l": 1}, "xaxis": {"gridcolor": palette.ALARM}})
    styled = style(figure, 300)
    assert styled.layout.margin.l == 1
    assert styled.layout.margin.b == 48
    assert styled.layout.xaxis.gridcolor == palette.ALARM
    assert styled.layout.height == 300


def test_panels_share_their_axes() -> None:
    figure = joint_panels({case: joint_density(*figure1(case, 500).values.T) for case in CASES})
    joints = [figure.layout[f"xaxis{3 * i + 1 if i else ''}"] for i in range(4)]
    assert {tuple(axis.range) for axis in joints} == {(-4.0, 4.0)}
    assert [axis.matches for axis in joints] == [None, "x", "x", "x"]
    domains = [axis.domain for axis in joints]
    assert all(left[1] < right[0] for left, right in pairwise(domains))

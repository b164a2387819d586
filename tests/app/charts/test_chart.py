"""The chart component's Python side, and the figures' colours."""

import json
import re
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.io import to_json
from streamlit.testing.v1 import AppTest

from analysis.samples import CASES, figure1
from analysis.statistics.density import joint_density
from app.charts import palette
from app.charts.chart import MAX_STATIC_BYTES, _encode, show_chart, style
from app.charts.joint import joint_panels
from tests.waiting import LIMIT

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
        show_chart(partial(go.Figure), key="x", alt="  ", height=100)


def test_a_chart_that_would_send_raw_samples_is_refused() -> None:
    raw = partial(go.Scattergl, y=np.random.default_rng(0).standard_normal(MAX_STATIC_BYTES // 4))
    with pytest.raises(ValueError, match="Bin or thin its data"):
        show_chart(partial(go.Figure, raw()), key="x", alt="many points", height=100)


SCRIPT = """
from functools import partial
import plotly.graph_objects as go
import streamlit as st
from app.charts.chart import show_chart
from app.text.language import _, choose_language

def bars(heights):
    st.session_state["drawn"] = st.session_state.get("drawn", 0) + 1
    return go.Figure(go.Bar(y=heights), layout={"title": {"text": _("Units d")}})

choose_language()
last = st.number_input("last", 0, 9, 3, key="last")
show_chart(partial(bars, [1, 2, last]), key="demo_bars", alt="Three bars", height=200 + 10 * (last == 7))
"""


def sent(page: AppTest) -> dict[str, Any]:
    assert [*page.exception] == []
    (component,) = page.get("bidi_component")
    message: dict[str, Any] = json.loads(component.proto.bytes)
    return message


def test_a_chart_is_drawn_when_what_it_is_drawn_from_changes() -> None:
    page = AppTest.from_string(SCRIPT, default_timeout=LIMIT).run()
    first = sent(page)
    assert first["figure"]["data"][0]["y"] == [1, 2, 3]
    assert (first["alt"], first["name"], first["height"]) == ("Three bars", "demo_bars", 200)
    assert sent(page.run()) == first
    assert page.session_state["drawn"] == 1
    assert sent(page.number_input(key="last").set_value(5).run())["figure"]["data"][0]["y"] == [1, 2, 5]
    assert sent(page.number_input(key="last").set_value(3).run()) == first
    assert page.session_state["drawn"] == 2
    korean = AppTest.from_string(SCRIPT, default_timeout=LIMIT)
    korean.query_params["lang"] = "ko"
    assert sent(korean.run())["figure"]["layout"]["title"] != first["figure"]["layout"]["title"]


def panels(n: int) -> dict[str, Any]:
    """The four cases, with arrows in the last, beside the first."""
    densities = {case: joint_density(*figure1(case, n).values.T) for case in CASES}
    arrows = figure1("d", 20).values
    return joint_panels(densities, before=densities["a"], fields={"d": (arrows, -arrows)})


def test_a_plain_figure_is_one_that_plotly_accepts_and_sends_alike() -> None:
    """Graph objects refuse a setting that does not exist or a value that it cannot have."""
    plain = panels(300)
    checked = go.Figure(panels(300))
    assert json.loads(_encode(plain, "x", 250)) == json.loads(_encode(checked, "x", 250))
    with pytest.raises(ValueError, match="Invalid property"):
        go.Figure({"data": [{"type": "contour", "zmaximum": 1}]})


def test_every_colour_follows_the_theme() -> None:
    figure = panels(500)
    used = colours(style(figure, 400))
    assert used
    assert all(THEME.match(colour) or colour == palette.CLEAR for colour in used), used


def test_the_density_scale_is_ordered_and_ends_at_one() -> None:
    stops = [stop for stop, _ in palette.filled_contours()]
    assert stops[0] == 0
    assert stops[-1] == 1
    assert stops == sorted(stops)


def test_the_house_style_never_overrides_what_a_figure_says() -> None:
    own = {"margin": {"l": 1}, "xaxis": {"gridcolor": palette.ALARM}, "legend": {"y": 2}, "font": {"size": 9}}
    layout = style(go.Figure(layout=own), 300)["layout"]
    house = style(go.Figure(), 300)["layout"]
    assert layout["margin"] == house["margin"] | {"l": 1}
    assert layout["xaxis"]["gridcolor"] == palette.ALARM
    assert layout["xaxis"]["automargin"] is layout["yaxis"]["automargin"] is True
    assert layout["legend"] == house["legend"] | {"y": 2}
    assert layout["font"] == house["font"] | {"size": 9}
    assert layout["height"] == 300
    assert "template" not in layout


def test_styling_is_what_plotlys_own_update_makes() -> None:
    """By graph objects, setting by setting: slow, but plotly's own rules of what an update is."""
    figure = go.Figure(panels(300))
    house = style(go.Figure(), 250)["layout"]
    expected = go.Figure(figure)
    expected.layout = go.Layout({k: v for k, v in house.items() if "axis" not in k}).update(figure.layout)
    expected.update_layout(template=None)
    given = {"uirevision": "given"}
    for axes, name in ((expected.for_each_xaxis, "xaxis"), (expected.for_each_yaxis, "yaxis")):
        axes(lambda a, axis=house[name]: a.update(axis | (given if a.range else {}) | a.to_plotly_json()))
    by_plotly = json.loads(expected.to_json())
    assert by_plotly["layout"].pop("template") == {}
    assert json.loads(to_json(style(figure, 250), validate=False)) == by_plotly


def test_panels_share_their_axes() -> None:
    figure = go.Figure(panels(500))
    joints = [figure.layout[f"xaxis{3 * i + 1 if i else ''}"] for i in range(4)]
    assert {tuple(axis.range) for axis in joints} == {(-4.0, 4.0)}
    assert [axis.matches for axis in joints] == [None, "x", "x", "x"]
    domains = [axis.domain for axis in joints]
    assert all(left[1] < right[0] for left, right in pairwise(domains))
    assert {round(right - left, 9) for left, right in domains} == {round(domains[0][1], 9)}


def test_panels_are_square_so_that_the_standard_normal_is_a_circle() -> None:
    """One scale for x and y in the first panel, which the others match; what is too much of a domain stays empty."""
    layout = go.Figure(panels(500)).layout
    assert layout.yaxis.scaleanchor == "x"
    assert layout.yaxis.scaleratio is None
    assert {layout[name].constrain for name in ("xaxis", "yaxis", "xaxis4", "yaxis4")} == {"domain"}
    assert (layout.xaxis4.matches, layout.yaxis4.matches) == ("x", "y")

"""The dashboard on a phone and from the keyboard: nothing is cut, every control is reached, named and seen."""

from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.pages import PAGES, all_charts, asked, assert_fits, drawn_chart, open_page, wait_until_idle
from tests.waiting import LIMIT

NARROWEST = 90  # pixels of a panel that can be read
PHONE = {"width": 390, "height": 844}
OPENINGS = {name: (name, urlencode(asked(name)), all_charts(name)) for name in PAGES} | {
    "learn": ("learn", "", ["learn_clouds"]),
    "dump": ("dumps", "dumps_path=example", ["dumps_overview", "dumps_histogram", "dumps_parts"]),
}
# Of a chart: the widths of its panels, texts that reach out of it, and titles or legends that lie on one another.
CHART_STATE = """plot => {
    const box = element => element.getBoundingClientRect()
    const whole = box(plot)
    const layout = plot._fullLayout
    const panels = Object.values(layout._plots ?? {})
        .filter(({ xaxis, yaxis }) => xaxis.visible && yaxis.visible).map(({ xaxis }) => xaxis._length)
    const texts = [...plot.querySelectorAll('svg.main-svg text')].filter(text => box(text).width > 0)
    const out = texts.filter(text => {
        const { left, right, top, bottom } = box(text)
        return left < whole.left - 1 || right > whole.right + 1 || top < whole.top - 1 || bottom > whole.bottom + 1
    })
    const labels = [...plot.querySelectorAll('.annotation-text, .legendtext')].filter(text => box(text).width > 0)
    const over = labels.flatMap((one, i) => labels.slice(i + 1).filter(other => {
        const a = box(one), b = box(other)
        return Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2
    }).map(other => [one.textContent, other.textContent]))
    return { panels, out: out.map(text => text.textContent), over }
}"""


@pytest.fixture(scope="module")
def phone(browser: Browser) -> Any:
    """One page as wide as a phone, for all tests: what is opened in it one after the other."""
    page = browser.new_page(viewport=PHONE, has_touch=True, color_scheme="light")
    page.context.set_default_timeout(1000 * LIMIT)
    errors: list[str] = []
    page.context.on("weberror", lambda error: errors.append(str(error.error)))
    yield page
    page.close()
    assert errors == []


@pytest.mark.parametrize("opening", OPENINGS)
def test_on_a_phone_nothing_is_cut(phone: Page, server: str, opening: str) -> None:
    name, query, charts = OPENINGS[opening]
    open_page(phone, server, name, query, charts)
    wait_until_idle(phone)
    assert_fits(phone)
    main = phone.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 0
    for key in charts:
        state = drawn_chart(phone, key).evaluate(CHART_STATE)
        assert min(state["panels"], default=NARROWEST) >= NARROWEST, key
        assert state["out"] == [], key
        assert state["over"] == [], key

"""The dashboard on a phone and from the keyboard: nothing is cut, every control is reached, named and seen."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.pages import (
    PAGES,
    all_charts,
    asked,
    assert_accessible,
    assert_fits,
    drawn_chart,
    open_page,
    wait_until_idle,
)
from tests.waiting import LIMIT

NARROWEST = 90  # pixels of a panel that can be read
PHONE = {"width": 390, "height": 844}
SAID = {  # an answer to each of the first steps of the lesson, so that all of their pictures is drawn
    "clouds": ["some", {"rho": 0.7, "scale": 1.0}],
    "whitening": ["both", {"cloud": "ring"}],
    "vcl": ["less", {"distance": 2.0, "share": 0.5}],
    "transport": [0.5, {}],
    "slices": ["near", {"case": "d", "degrees": 45.0}],
}
OPENINGS = {name: (name, urlencode(asked(name)), all_charts(name)) for name in PAGES} | {
    "learn": ("learn", "", ["learn_clouds"]),
    **{
        f"learn {step}": ("learn", urlencode({"step": number, "said": json.dumps(SAID)}), [f"learn_{step}"])
        for number, step in enumerate(SAID, start=1)
    },
    "dumps": ("dumps", "dumps_look=true", ["dumps_overview", "dumps_histogram", "dumps_parts"]),
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
def test_on_a_phone_nothing_is_cut_and_axe_finds_nothing(phone: Page, server: str, opening: str) -> None:
    name, query, charts = OPENINGS[opening]
    open_page(phone, server, name, query, charts)
    wait_until_idle(phone)
    assert_fits(phone)
    main = phone.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 0
    assert_accessible(phone)
    for key in charts:
        state = drawn_chart(phone, key).evaluate(CHART_STATE)
        assert min(state["panels"], default=NARROWEST) >= NARROWEST, key
        assert state["out"] == [], key
        assert state["over"] == [], key


# What has the focus: its name, whether it is seen, and whether what had it before looked different with it.
FOCUS = """() => {
    const element = document.activeElement
    const { left, right, top, bottom } = element.getBoundingClientRect()
    const around = []
    for (let one = element; one && around.length < 6; one = one.parentElement) around.push(one)
    let opacity = 1
    for (let one = element; one; one = one.parentElement) opacity *= Number(getComputedStyle(one).opacity)
    const look = () => around.map(one => {
        const { outline, boxShadow, borderColor, backgroundColor, color } = getComputedStyle(one)
        return [outline, boxShadow, borderColor, backgroundColor, color].join()
    }).join(";")
    const drawnBeside = element.matches("input[type=range], input[type=checkbox], input[type=radio]")
    const labels = [...(element.labels ?? [])].map(label => label.textContent).join()
    const before = window.before
    const html = element.outerHTML.slice(0, 300)
    const isDrawn = element.matches(".stDataFrame *")
    window.before = isDrawn ? null : { look, seen: look(), html }
    window.reached = (window.reached ?? new Set()).add(element)
    return {
        html,
        isEnd: element === document.body,
        isDrawn,
        name: element.getAttribute("aria-label") || labels || element.innerText || element.title || "",
        isSeen: (drawnBeside || opacity > 0.5) && right > 0 && left < innerWidth && bottom > 0 && top < innerHeight,
        unmarked: before && before.look() === before.seen ? before.html : "",
    }
}"""
# Controls that Tab should have reached and has not; of a group of choices it reaches one, and the arrows the others.
MISSED = """() => [...document.querySelectorAll("a[href], button, input, summary, canvas")].filter(one =>
    one.checkVisibility({ visibilityProperty: true }) && one.tabIndex >= 0 && !one.disabled
        && !one.matches("[type=radio], [role=radio]") && !window.reached.has(one)
).map(one => one.outerHTML.slice(0, 300))"""
STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"
MOST_STOPS = 200


@pytest.mark.parametrize("opening", ["distributions", "learn", "dumps"])
def test_tab_reaches_every_control_and_each_is_named_and_seen(page: Page, server: str, opening: str) -> None:
    """Tables are left out where they are reached: a canvas draws which cell has the focus."""
    name, query, charts = OPENINGS[opening]
    open_page(page, server, name, query, charts)
    wait_until_idle(page)
    page.add_style_tag(content=STILL)
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop["isEnd"]:
            break
        if not stop["isDrawn"]:
            assert stop["name"].strip(), stop["html"]
            assert stop["isSeen"], stop["html"]
            assert not stop["unmarked"]
    assert stop["isEnd"], f"after {MOST_STOPS} stops: {stop['html']}"
    assert page.evaluate(MISSED) == []

"""The Methods page in a real browser: pictures of every case, and a flow that is scrubbed and played."""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import (
    all_charts,
    asked,
    assert_fits,
    change_theme,
    chart,
    look_at_both_themes,
    open_page,
    wait_until_idle,
)

PER_ALONE = "data_n=256&methods_chosen=PER&methods_steps=60&methods_follow_per=true"
FLOW = "methods_flow_per"
# Every step of a flow waits for `held` once it is drawn, so that what happens between two steps is the test's choice.
HOLD = """plot => {
    const restyle = window.Plotly.restyle
    plot.held = new Promise(go => { plot.go = go })
    window.Plotly.restyle = async (...all) => { await restyle(...all); await plot.held }
}"""


@pytest.mark.parametrize("case", ["b", "c", "d"])
def test_pictures_of_the_other_cases_in_light_and_dark(page: Page, server: str, case: str) -> None:
    query = {"data_n": "512", "data_case": case, "methods_steps": "60", **asked("methods")}
    open_page(page, server, "methods", urlencode(query), all_charts("methods"))
    assert_fits(page)
    look_at_both_themes(page, f"methods-case-{case}")


def test_a_flow_is_scrubbed_and_played_in_the_browser_without_asking_the_server(page: Page, server: str) -> None:
    open_page(page, server, "methods", PER_ALONE, [FLOW])
    plot = chart(page, FLOW)
    player = plot.locator("xpath=..").locator(".perscope-player")
    slider, button, label = (player.locator(name) for name in ("input", "button", "output"))
    spread = "plot => { const x = Array.from(plot._fullData[1].x); return Math.max(...x) - Math.min(...x) }"
    plot.evaluate("plot => { plot.sameNode = true }")
    expect(label).to_have_text("step 60 of 60")
    collapsed = plot.evaluate(spread)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    slider.focus()
    page.keyboard.press("Home")
    expect(label).to_have_text("step 0 of 60")
    start = plot.evaluate(spread)
    assert start > 4
    assert collapsed < start / 5
    page.keyboard.press("ArrowRight")
    expect(label).to_have_text("step 3 of 60")
    assert collapsed < plot.evaluate(spread) < start
    plot.evaluate(HOLD)
    button.click()
    expect(button).to_have_text("Pause")
    expect(label).to_have_text("step 6 of 60")
    button.click()
    expect(button).to_have_text("Play")
    plot.evaluate("plot => plot.go()")
    page.wait_for_timeout(400)  # some steps' time
    assert label.text_content() == "step 6 of 60"
    button.click()
    expect(label).to_have_text("step 60 of 60")
    expect(button).to_have_text("Play")
    assert plot.evaluate(spread) == pytest.approx(collapsed)
    assert plot.evaluate("plot => plot.sameNode") is True
    assert requests == []


def test_another_theme_keeps_the_step_that_is_shown_and_goes_on_playing(page: Page, server: str) -> None:
    open_page(page, server, "methods", PER_ALONE, [FLOW])
    plot = chart(page, FLOW)
    player = plot.locator("xpath=..").locator(".perscope-player")
    slider, button, label = (player.locator(name) for name in ("input", "button", "output"))
    shown = "plot => Array.from(plot._fullData[1].x)"
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(label).to_have_text("step 12 of 60")
    kept = plot.evaluate(shown)
    change_theme(page, "dark")
    expect(player.locator("output")).to_have_text("step 12 of 60")
    expect(player.locator("input")).to_have_value("4")
    page.wait_for_function(
        "([plot, kept]) => Math.abs(plot._fullData[1].x[0] - kept) < 1e-6", arg=[plot.element_handle(), kept[0]]
    )
    plot.evaluate(HOLD)
    button.click()
    change_theme(page, "light")
    expect(button).to_have_text("Pause")
    plot.evaluate("plot => plot.go()")
    expect(label).to_have_text("step 60 of 60")
    expect(button).to_have_text("Play")


def test_playing_shows_every_step_in_turn_however_slow_a_step_is(page: Page, server: str) -> None:
    open_page(page, server, "methods", PER_ALONE, [FLOW])
    plot = chart(page, FLOW)
    player = plot.locator("xpath=..").locator(".perscope-player")
    plot.evaluate(
        """plot => {
            const restyle = window.Plotly.restyle
            plot.drawing = plot.overlaps = 0
            plot.steps = []
            window.Plotly.restyle = async (...all) => {
                plot.overlaps += plot.drawing > 0
                plot.drawing += 1
                plot.steps.push(plot.parentElement.querySelector('output').textContent)
                await restyle(...all)
                await new Promise(done => setTimeout(done, 150))
                plot.drawing -= 1
            }
        }"""
    )
    player.locator("button").click()
    expect(player.locator("output")).to_have_text("step 60 of 60")
    expect(player.locator("button")).to_have_text("Play")
    assert plot.evaluate("plot => plot.steps") == [f"step {step} of 60" for step in range(0, 61, 3)]
    assert plot.evaluate("plot => plot.overlaps") == 0


def test_a_normalisers_setting_changes_the_charts_in_place(page: Page, server: str) -> None:
    open_page(page, server, "methods", "data_n=256&methods_chosen=BN&methods_removed=true", ["methods_parts"])
    plot = chart(page, "methods_parts")
    plot.evaluate("plot => { plot.sameNode = true }")
    removed = "plot => Array.from(plot._fullData.find(t => t.name === 'removed by BN').y)[1]"
    before = plot.evaluate(removed)
    page.get_by_role("button", name="BN", exact=True).click()
    field = page.get_by_role("spinbutton", name="Added to the variance")
    field.fill("0.1")
    page.keyboard.press("Enter")
    plot.scroll_into_view_if_needed()  # out of view it waits
    page.wait_for_function(
        """before => Array.from(document.querySelector('[data-chart="methods_parts"]')._fullData
            .find(t => t.name === 'removed by BN').y)[1] !== before""",
        arg=before,
    )
    wait_until_idle(page)
    assert plot.evaluate("plot => plot.sameNode") is True

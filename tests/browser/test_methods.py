"""The Methods page in a real browser: pictures of every case, and a flow that is scrubbed and played."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_pages import PICTURES, chart, open_page, wait_until_idle

CASES = {case: f"data_case={case}" for case in "abcd"} | {"recording": "data_source=Recording&data_layer=layer+9"}


@pytest.mark.parametrize("case", CASES)
def test_pictures_of_every_case_in_light_and_dark(browser: Browser, server: str, case: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    open_page(page, server, "methods", CASES[case])
    assert page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').count() == 0
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": 1280, "height": height + 20})
    PICTURES.mkdir(exist_ok=True)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_timeout(700)
        page.screenshot(path=PICTURES / f"methods-case-{case}-{theme}.png")
    page.close()


def test_a_flow_is_scrubbed_and_played_in_the_browser_without_asking_the_server(page: Page, server: str) -> None:
    open_page(page, server, "methods", "data_n=512")
    plot = chart(page, "methods_flow_per")
    player = plot.locator("xpath=..").locator(".perscope-player")
    slider, button, label = (player.locator(name) for name in ("input", "button", "output"))
    spread = "plot => { const x = Array.from(plot._fullData[1].x); return Math.max(...x) - Math.min(...x) }"
    plot.evaluate("plot => { plot.sameNode = true }")
    expect(label).to_have_text("step 120 of 120")
    collapsed = plot.evaluate(spread)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    slider.focus()
    page.keyboard.press("Home")
    expect(label).to_have_text("step 0 of 120")
    start = plot.evaluate(spread)
    assert start > 4
    assert collapsed < start / 5
    page.keyboard.press("ArrowRight")
    expect(label).to_have_text("step 3 of 120")
    assert collapsed < plot.evaluate(spread) < start
    button.click()
    expect(button).to_have_text("Pause")
    page.wait_for_function("label => label.textContent !== 'step 3 of 120'", arg=label.element_handle())
    button.click()
    expect(button).to_have_text("Play")
    stopped = label.text_content()
    page.wait_for_timeout(400)
    assert label.text_content() == stopped
    button.click()
    expect(label).to_have_text("step 120 of 120", timeout=20_000)
    expect(button).to_have_text("Play")
    assert plot.evaluate(spread) == pytest.approx(collapsed)
    assert plot.evaluate("plot => plot.sameNode") is True
    assert requests == []


def test_another_theme_keeps_the_step_that_is_shown_and_goes_on_playing(page: Page, server: str) -> None:
    open_page(page, server, "methods", "data_n=256")
    plot = chart(page, "methods_flow_per")
    player = plot.locator("xpath=..").locator(".perscope-player")
    slider, button, label = (player.locator(name) for name in ("input", "button", "output"))
    colour = "plot => plot._fullLayout.font.color"
    shown = "plot => Array.from(plot._fullData[1].x)"

    def change_theme(theme: str) -> None:
        before = plot.evaluate(colour)
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(f"([plot, before]) => ({colour})(plot) !== before", arg=[plot.element_handle(), before])

    slider.focus()
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(label).to_have_text("step 12 of 120")
    kept = plot.evaluate(shown)
    change_theme("dark")
    expect(player.locator("output")).to_have_text("step 12 of 120")
    expect(player.locator("input")).to_have_value("4")
    page.wait_for_function(
        "([plot, kept]) => Math.abs(plot._fullData[1].x[0] - kept) < 1e-6", arg=[plot.element_handle(), kept[0]]
    )
    button.click()
    change_theme("light")
    expect(button).to_have_text("Pause")
    expect(label).to_have_text("step 120 of 120", timeout=30_000)
    expect(button).to_have_text("Play")


def test_playing_shows_every_step_in_turn_however_slow_a_step_is(page: Page, server: str) -> None:
    open_page(page, server, "methods", "data_n=256")
    plot = chart(page, "methods_flow_per")
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
    expect(player.locator("output")).to_have_text("step 120 of 120", timeout=60_000)
    expect(player.locator("button")).to_have_text("Play")
    assert plot.evaluate("plot => plot.steps") == [f"step {step} of 120" for step in range(0, 121, 3)]
    assert plot.evaluate("plot => plot.overlaps") == 0


def test_a_normalisers_setting_changes_the_charts_in_place(page: Page, server: str) -> None:
    open_page(page, server, "methods", "data_n=512")
    plot = chart(page, "methods_parts")
    plot.evaluate("plot => { plot.sameNode = true }")
    removed = "plot => Array.from(plot._fullData.find(t => t.name === 'removed by BN').y)[1]"
    before = plot.evaluate(removed)
    page.get_by_role("button", name="BN", exact=True).click()
    field = page.get_by_role("spinbutton", name="Added to the variance")
    field.fill("0.1")
    page.keyboard.press("Enter")
    page.wait_for_function(
        """before => Array.from(document.querySelector('[data-chart="methods_parts"]')._fullData
            .find(t => t.name === 'removed by BN').y)[1] !== before""",
        arg=before,
    )
    wait_until_idle(page)
    assert plot.evaluate("plot => plot.sameNode") is True

"""The lesson in a real browser: keys turn it, Back leads where one came from, and a projector shows it whole."""

import json
import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from app.views.learn.steps import STEPS
from tests.browser.pages import CHARTS, drawn_chart, wait_until_drawn, wait_until_idle

WRONG = {  # a prediction of each step that the numbers do not agree with: what is told then is longest
    "clouds": "some",
    "whitening": "independent",
    "vcl": "more",
    "transport": 3.9,
    "slices": "close",
    "ranks": 31,
    "collapse": 1.9,
    "seeds": "three",
    "probe": 0,
}
PROJECTOR = {"width": 1280, "height": 720}
SCROLLED = "main => main.scrollHeight - main.clientHeight"


def wait_for_step(page: Page, number: int) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(f"^{number}. "))
    drawn_chart(page, f"learn_{STEPS[number - 1].key}")
    wait_until_idle(page)


def test_back_leads_to_the_step_one_came_from(page: Page, server: str) -> None:
    page.goto(f"{server}/learn")
    wait_for_step(page, 1)
    page.keyboard.press("ArrowRight")
    wait_for_step(page, 2)
    page.get_by_role("radio", name="7", exact=True).click()
    wait_for_step(page, 7)
    page.get_by_role("radio", name="skewed").click()  # a setting, which the link takes along
    page.get_by_role("button", name="Check").click()
    link = page.get_by_role("link", name="The same cloud with PER, SW1 and the gap")
    expect(link).to_be_visible()
    wait_until_idle(page)
    link.click()
    wait_until_drawn(page, CHARTS["bound"])
    page.get_by_role("link", name="Methods", exact=True).click()
    wait_until_drawn(page, CHARTS["methods"])
    page.go_back()
    wait_until_drawn(page, CHARTS["bound"])
    expect(page).to_have_url(re.compile("data_case=c"))
    page.go_back()
    wait_for_step(page, 7)
    expect(page.get_by_role("radio", name="skewed")).to_be_checked()
    expect(page.get_by_text("You predicted: 1.00.")).to_be_visible()
    page.go_back()
    wait_for_step(page, 2)
    page.go_back()
    wait_for_step(page, 1)
    page.go_forward()
    wait_for_step(page, 2)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_step_fits_a_projector_before_and_after_its_answer(page: Page, server: str, language: str) -> None:
    page.set_viewport_size(PROJECTOR)
    for said in ({}, {step: [answer, {}] for step, answer in WRONG.items()}):
        page.goto(f"{server}/learn?{urlencode({'present': 1, 'lang': language, 'said': json.dumps(said)})}")
        for number in range(1, len(STEPS) + 1):
            wait_for_step(page, number)
            assert page.get_by_test_id("stMain").evaluate(SCROLLED) == 0, (number, said)
            assert (page.locator(".st-key-learn_told").count() == 1) == bool(said)
            page.keyboard.press("PageDown")

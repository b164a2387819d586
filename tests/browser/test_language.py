"""The language in a real browser: the switch, the address after it, and the browser's own language."""

import re
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.pages import open_page, wait_until_idle

HANGUL = re.compile("[가-힣]")


def test_the_switch_changes_all_words_and_a_reload_finds_what_was_chosen(page: Page, server: str) -> None:
    open_page(page, server, "bound", "data_source=Recording&data_layer=layer+9")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_text("한국어", exact=True).click()
    for _ in range(2):
        expect(page.locator("html")).to_have_attribute("lang", "ko")
        expect(page.get_by_role("heading", level=1)).to_have_text(HANGUL)
        expect(page.get_by_role("radio", name="layer 9")).to_be_checked()
        expect(page).to_have_url(re.compile(re.escape(f"data_source={quote('기록')}")))
        page.reload()
    wait_until_idle(page)
    page.get_by_text("English", exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page).to_have_url(re.compile("data_source=Recording"))


def test_a_korean_browser_is_answered_in_korean(new_page: NewPage, server: str) -> None:
    page = new_page(locale="ko-KR")
    page.goto(f"{server}/dumps")
    expect(page.get_by_role("heading", level=1)).to_have_text(HANGUL)
    expect(page).to_have_url(re.compile("lang=ko"))

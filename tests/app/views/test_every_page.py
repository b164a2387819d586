"""Every page opens, on a small batch: the quick test of what the others test at length."""

import pytest

from tests.app.conftest import OpenPage
from tests.app.views.test_pages import small_and_described
from tests.browser.pages import CHARTS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_and_draws_its_charts(open_page: OpenPage, name: str) -> None:
    page = open_page(name, data_n="64")
    small_and_described(page, CHARTS[name])
    assert page.title[0].value

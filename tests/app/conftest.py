"""Pages run in process, without a browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

MAIN = Path(__file__).parents[2] / "app" / "main.py"
VIEWS = {"distributions": None, "bound": "views/bound.py", "methods": "views/methods.py"}
OpenPage = Callable[..., AppTest]


@pytest.fixture
def open_page() -> OpenPage:
    """Run a page with query parameters: open_page("bound", data_case="c")."""

    def run(name: str, **query: str) -> AppTest:
        page = AppTest.from_file(str(MAIN), default_timeout=120)
        for key, value in query.items():
            page.query_params[key] = value
        page.run()
        view = VIEWS[name]
        return page if view is None else page.switch_page(view).run()

    return run


@pytest.fixture(scope="session", autouse=True)
def _clean_caches() -> None:
    st.cache_data.clear()
    st.cache_resource.clear()

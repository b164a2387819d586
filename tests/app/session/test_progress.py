"""Long work in chunks shows what is known already, once, and only where it takes long."""

import pytest
from streamlit.testing.v1 import AppTest

from app.session import progress
from tests.waiting import LIMIT

SCRIPT = """
import streamlit as st
from app.session.progress import in_chunks

found = in_chunks(7, 3, lambda first, count: (first, count), "Counting", meanwhile=lambda: st.text("known"))
st.markdown(str(found))
"""


@pytest.mark.parametrize(("quiet", "said"), [(-1.0, ["known"]), (1e9, [])])
def test_what_is_known_is_shown_once_where_work_takes_long(
    monkeypatch: pytest.MonkeyPatch, quiet: float, said: list[str]
) -> None:
    monkeypatch.setattr(progress, "_QUIET_SECONDS", quiet)
    page = AppTest.from_string(SCRIPT, default_timeout=LIMIT).run()
    assert [*page.exception] == []
    assert [one.value for one in page.text] == said
    assert page.markdown[0].value == "[(1, 3), (4, 3), (7, 1)]"

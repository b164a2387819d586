"""Long work in chunks gives all results, and tells how far it is where it takes long."""

import pytest
from streamlit.testing.v1 import AppTest

from app.session import progress
from tests.waiting import LIMIT

SCRIPT = """
import streamlit as st
from app.session.progress import in_chunks

told = st.empty()
progress = st.delta_generator.DeltaGenerator.progress
st.delta_generator.DeltaGenerator.progress = lambda self, done, text: st.text(text)
found = in_chunks(7, 3, lambda first, count: (first, count), "Counting")
st.delta_generator.DeltaGenerator.progress = progress
st.markdown(str(found))
"""


@pytest.mark.parametrize(("quiet", "said"), [(-1.0, [f"Counting: {done} of 7" for done in (0, 3, 6)]), (1e9, [])])
def test_progress_is_told_where_work_takes_long(monkeypatch: pytest.MonkeyPatch, quiet: float, said: list[str]) -> None:
    monkeypatch.setattr(progress, "_QUIET_SECONDS", quiet)
    page = AppTest.from_string(SCRIPT, default_timeout=LIMIT).run()
    assert [*page.exception] == []
    assert [one.value for one in page.text] == said
    assert page.markdown[0].value == "[(1, 3), (4, 3), (7, 1)]"

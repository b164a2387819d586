"""A part that follows something: drawn once more where it is asked for, and what it looks like goes out as a hash."""

import json
import re

import pytest
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.testing.v1 import AppTest

from tests.waiting import LIMIT

SCRIPT = """
import streamlit as st
from app.sections import followed

state = st.session_state
state.setdefault("value", "secret one")
state["whole"] = state.get("whole", 0) + 1

def draw():
    state["drawn"] = state.get("drawn", 0) + 1
    st.text(state["value"])

def change():
    state["value"] = "secret two"
    st.rerun("thing")

followed.follow("thing", lambda: followed.Glance(state["value"], 60.0), draw)
st.button("Change", on_click=change)
"""


def version(page: AppTest) -> str:
    (sent,) = (component.proto.json for component in page.get("bidi_component"))
    return json.loads(sent)["version"]


def test_it_is_drawn_alone_and_tells_a_hash_of_what_it_looks_like() -> None:
    page = AppTest.from_string(SCRIPT, default_timeout=LIMIT).run()
    assert [*page.exception] == []
    before = version(page)
    assert re.fullmatch(r"[0-9a-f]{16}", before)
    page.button[0].click().run()
    assert [*page.exception] == []
    assert page.text[0].value == "secret two"
    assert version(page) != before
    assert (page.session_state["whole"], page.session_state["drawn"]) == (1, 2)


def test_what_asks_for_the_next_picture_is_sent_after_all_of_this_one() -> None:
    """Streamlit drops what it has not yet sent of a fragment that runs again, but not what is within it."""
    sent = []
    with pytest.MonkeyPatch.context() as patch:
        enqueue = ForwardMsgQueue.enqueue
        patch.setattr(
            ForwardMsgQueue, "enqueue", lambda queue, message: (sent.append(message), enqueue(queue, message))
        )
        AppTest.from_string(SCRIPT, default_timeout=LIMIT).run()
    kinds = [message.delta.new_element.WhichOneof("type") for message in sent if message.HasField("delta")]
    assert kinds.index("bidi_component") > kinds.index("text")


def test_what_changes_while_it_is_drawn_is_not_taken_for_drawn() -> None:
    script = SCRIPT.replace('    st.text(state["value"])', '    st.text(state["value"])\n    state["value"] = "later"')
    page = AppTest.from_string(script, default_timeout=LIMIT).run()
    first = AppTest.from_string(SCRIPT, default_timeout=LIMIT).run()
    assert version(page) == version(first)

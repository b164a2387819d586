"""A part of a page that follows something which changes by itself: a timer looks, and draws when it has changed.

While a fragment runs, Streamlit fades whatever the fragment itself has drawn, and a timer that redraws every second
leaves a page grey for as long as that takes. So three fragments share the work, one in the other. The outer one has
nothing of its own to be faded: it is run when something has changed, and draws the inner one, which holds all that is
seen and is faded only where a visitor has used a control in it. The third is run by the timer. It says what the thing
looks like now to the browser, which asks for the outer fragment where it looked otherwise before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import streamlit as st

_CHANGES = st.components.v2.component(
    "perscope_changes",
    js=Path(__file__).parent.joinpath("frontend", "changes.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


@dataclass(frozen=True, slots=True)
class Glance:
    """What something looks like at a moment.

    Attributes:
        version: any text, another one whenever it has to be drawn again; a visitor's browser gets its hash.
        seconds: after which to look again.
    """

    version: str
    seconds: float


def follow(key: str, look: Callable[[], Glance], draw: Callable[[], None]) -> None:
    """Draw something, and draw it again whenever it has changed.

    Args:
        key: of the part, for `st.rerun(key)` in a callback: to draw it at once and look as often as is right now.
        look: called by a timer beside all that visitors do, so it takes a few milliseconds.
        draw: may write into the page, and not into containers that it has not made. It makes no fragment: when it runs
            again, Streamlit drops what it has not yet sent of the last run but for fragments within it, and these then
            have no place in the browser, which stops there ("Bad delta path").
    """

    def part() -> None:
        drawn = [look()]  # before it draws: what changes meanwhile is drawn once more
        timer, place = st.container(), st.container()
        with place:
            st.fragment(draw)()

        def report() -> None:
            glance = drawn.pop() if drawn else look()
            _CHANGES(
                key=f"{key}_changes",
                data={"version": blake2b(glance.version.encode(errors="backslashreplace"), digest_size=8).hexdigest()},
                height=1,
                on_version_change=lambda: st.rerun(key),
            )

        def watch() -> None:
            st.fragment(report)()

        # Sent last: what asks for the next picture is in the browser once all of this one is. Streamlit would drop what
        # it has not yet sent of this fragment, the containers, but not what is drawn into them.
        with timer:
            st.fragment(watch, run_every=drawn[0].seconds)()

    st.fragment(part, key=key)()

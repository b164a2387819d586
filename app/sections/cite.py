"""What it takes to cite a page: the version, what was chosen, a link to it, and BibTeX."""

from dataclasses import asdict
from datetime import date
from urllib.parse import urlencode

import streamlit as st

from analysis.citation import BIBTEX
from analysis.plain_text import message
from app.session.address import kept_in_address
from app.session.batch_choice import Choice
from app.text.language import _
from per_core import __version__

OF_BATCH = "data_"  # how the names of the sidebar's controls begin


@st.fragment
def offer_citation(page: str, choice: Choice | None) -> None:
    """A button that opens what can be copied; nothing is prepared before.

    Args:
        page: its name in the address.
        choice: the batch that it shows, if it shows one.
    """
    with st.popover(_("Cite"), type="tertiary", on_change="rerun") as opened:
        if opened.open:
            st.caption(_("This page as it is: version, settings and link."))
            st.code(citation(page, choice), language=None, wrap_lines=True)
            st.caption(_("PERscope and the paper, as BibTeX."))
            st.code(BIBTEX, language=None, wrap_lines=True)


def citation(page: str, choice: Choice | None) -> str:
    """The page with its settings, a line each: the batch with its seed, the page's own, and the link to all of it."""
    places = kept_in_address()  # whose place in a class, and how it is shown: of nobody else's concern
    said = [(name, value) for name in st.query_params for value in st.query_params.get_all(name) if name not in places]
    own = [f"{name}={value}" for name, value in said if choice is None or not name.startswith(OF_BATCH)]
    lines = [f"PERscope {__version__}, {page}, {date.today().isoformat()}"]
    lines += [] if choice is None else [message(_settings(choice))]
    lines += [message(", ".join(own))] if own else []
    here = st.context.url
    if here is not None:  # whole, however long it is: a drawing is in it
        lines.append(f"{here}?{urlencode(said)}" if said else here)
    return "\n".join(lines)


def _settings(choice: Choice) -> str:
    """How the batch was drawn, or where it is from."""
    spec = choice.spec or choice.drawn
    if spec is None:
        return f"layer={choice.layer}, epoch={choice.epoch:g}"
    values: dict[str, object] = {} if choice.drawn is None else {"drawing": choice.drawn.drawing.kind}
    values |= {name: value for name, value in asdict(spec).items() if isinstance(value, int | float | str)}
    return ", ".join(f"{name}={value}" for name, value in values.items())

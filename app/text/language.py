"""The visitor's language, and the functions that all text for people goes through.

`_("English text")` stands where the text is used, with placeholders by name. The language is kept with the visitor's
session, so that fragments, callbacks and other threads of it find it, and no visitor changes another's. A cached
function must not ask for texts: it would keep one visitor's language for all.
"""

from gettext import NullTranslations
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from analysis.translations import ENGLISH, languages, translations
from analysis.translations import LOCALE as LOCALE_OF_ANALYSIS
from app.session.keys import LANGUAGE

LOCALE = Path(__file__).parents[1] / "locale"
ADDRESS = "lang"


def choose_language() -> None:
    """Take the language from the address, ?lang=ko, and keep it there when the visitor goes to another page."""
    asked = st.query_params.get(ADDRESS)
    if asked is not None:
        st.session_state[LANGUAGE] = asked if asked in languages(LOCALE) else ENGLISH
    else:
        st.query_params.update(language_in_address())


def language_in_address() -> dict[str, str]:
    """What a link to this server says, so that it is read in the visitor's language."""
    return {} if language() == ENGLISH else {ADDRESS: language()}


def language() -> str:
    """The language of the visitor for whom this runs, "ko" for example; English where nobody waits for a page."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return ENGLISH
    return str(st.session_state.get(LANGUAGE, ENGLISH))


def _(text: str) -> str:
    """A literal in the visitor's language: `_("{n:,} rows of {name}").format(n=batch.n, name=batch.name)`."""
    return translated(text)


def ngettext(one: str, more: str, count: int) -> str:
    """The first literal for one, the second for more: `ngettext("{n} row", "{n} rows", rows).format(n=rows)`."""
    return _catalogue().ngettext(one, more, count)


def translated(text: str) -> str:
    """A text that a table holds, marked there by `N_("English text")`, in the visitor's language."""
    return _catalogue().gettext(text) if text else ""  # gettext answers "" with the head of the catalogue


def visitor_texts() -> NullTranslations:
    """The visitor's language, for what analysis writes in it."""
    return _catalogue()


def _catalogue() -> NullTranslations:
    return translations(language(), LOCALE, LOCALE_OF_ANALYSIS)

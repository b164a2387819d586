"""The visitor's language, and the functions that all text for people goes through.

`_("English text")` stands where the text is used, with placeholders by name. The language is kept with the visitor's
session, so that fragments, callbacks and other threads of it find it, and no visitor changes another's. A cached
function must not ask for texts: it would keep one visitor's language for all.
"""

import re
from gettext import NullTranslations
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from analysis.translations import ENGLISH, languages, translations
from analysis.translations import LOCALE as LOCALE_OF_ANALYSIS
from app.session.address import keep_in_address, say_in_address
from app.session.keys import LANGUAGE
from per_core.text import say

LOCALE = Path(__file__).parents[1] / "locale"
ADDRESS = "lang"
# Parameters that say what somebody has called a run, a folder or a layer, which may be a word of ours.
NAMED = re.compile(r"run|beside|said|\w+_(path|plan|title|folder|more|run|member|dumped|layers?|beside)")


def choose_language() -> bool:
    """Take the language from the address, ?lang=ko, else from the browser, and keep it in the address of every page.

    Returns:
        Whether the visitor has just come.
    """
    begins = LANGUAGE not in st.session_state
    asked = keep_in_address(ADDRESS).get(ADDRESS)
    st.session_state[LANGUAGE] = _of_browser() if asked is None else _spoken(asked)
    if (asked or ENGLISH) != language():
        say_in_address(ADDRESS, {ADDRESS: language()})
    return begins


def choose_in_address(chosen: str) -> None:
    """Let the address say another language, and its words be of that language: those of the options on the page."""
    for key in st.query_params:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]  # a value that is set has its address written anew
    st.query_params[ADDRESS] = chosen


def offered_languages() -> tuple[str, ...]:
    """The languages that the dashboard speaks."""
    return languages(LOCALE)


def _of_browser() -> str:
    return _spoken(st.context.locale or ENGLISH)


def _spoken(tag: str) -> str:
    """The language of a tag as browsers have it, "ko-KR", if the dashboard speaks it; else English."""
    name = tag.partition("-")[0].lower()
    return name if name in offered_languages() else ENGLISH


def translate_address() -> None:
    """Read a link that was made in English: options stand in the address in words, which are the visitor's here.

    Before `st.navigation` has found the page, the run that follows would be one of the page that opens by itself.
    """
    said = {key: st.query_params.get_all(key) for key in st.query_params}
    words = {key: said[key] if NAMED.fullmatch(key) else [translated(word) for word in said[key]] for key in said}
    if words != said:
        st.query_params.from_dict(words)
        st.rerun()  # widgets take their values from the address that a run begins with


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


def said(text: object) -> str:
    """What an error or a phrase says, in the visitor's language; any other text as it is."""
    return say(text, translated)


def visitor_texts() -> NullTranslations:
    """The visitor's language, for what analysis writes in it."""
    return _catalogue()


def _catalogue() -> NullTranslations:
    return translations(language(), LOCALE, LOCALE_OF_ANALYSIS)

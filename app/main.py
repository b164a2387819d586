"""The entry script: runs on every interaction, draws the frame and the sidebar, then the page."""

from pathlib import Path

import streamlit as st

from app.sections.cite import offer_citation
from app.sections.language_switch import language_switch
from app.sections.presenting import choose_presenting, is_presenting
from app.session import libraries, services  # noqa: F401  libraries before all that pages import
from app.session.address import keep_history
from app.session.batch_choice import choose_batch
from app.session.classroom import keep_place
from app.session.keys import CHOICE
from app.session.press import do_pressed, forget_press
from app.session.progress import waits_shown
from app.text.language import _, choose_language, translate_address

_ASSETS = Path(__file__).parents[1] / "assets"
_STYLE = Path(__file__).with_name("style.css")

st.set_page_config(
    page_title="PERscope",
    page_icon=str(_ASSETS / "icon.svg"),
    layout="wide",
    initial_sidebar_state="auto",
)
st.logo(str(_ASSETS / "logo.svg"), icon_image=str(_ASSETS / "icon.svg"), size="large")
st.html(_STYLE)

has_just_come = choose_language()
choose_presenting()
keep_place()
do_pressed()
learn = st.Page("views/learn/learn.py", title=_("Learn"), url_path="learn")
distributions = "views/distributions/distributions.py"
of_a_batch = [
    st.Page(distributions, title=_("Distributions"), url_path="distributions"),
    st.Page("views/bound/bound.py", title=_("Bound"), url_path="bound"),
    st.Page("views/methods/methods.py", title=_("Methods"), url_path="methods"),
    # Streamlit wants a page without a name, to which the logo leads; the server sends who asks for / to the first.
    st.Page(distributions, title=_("Distributions"), url_path="", default=True, visibility="hidden"),
]
of_files = [
    st.Page("views/train/train.py", title=_("Train"), url_path="train"),
    st.Page("views/dumps/dumps.py", title=_("Dumps"), url_path="dumps"),
]
page = st.navigation([learn, *of_a_batch, *of_files], position="top")
if has_just_come:
    translate_address()
with st.container(key="frame", horizontal=True, vertical_alignment="center", gap="small"):
    cited = st.container(width="content")
    language_switch()
    keep_history()
with waits_shown():
    chosen = choose_batch(st.sidebar.container()) if page in of_a_batch else None
    if chosen is not None:
        st.session_state[CHOICE] = chosen
    if not is_presenting() and not st.context.is_embedded:
        with cited:
            offer_citation(page.url_path or "distributions", chosen)
    if page.url_path != "train":
        services.watch_runs([])
    page.run()
forget_press()

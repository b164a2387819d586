"""The entry script: runs on every interaction, draws the frame and then the page."""

import streamlit as st

st.set_page_config(page_title="PERscope", layout="wide", initial_sidebar_state="expanded")

page = st.navigation(
    [st.Page("views/distributions.py", title="Distributions", url_path="distributions", default=True)],
    position="top",
)
page.run()

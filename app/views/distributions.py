"""The page that opens: the four distributions of Figure 1."""

import streamlit as st

from analysis.density import joint_density
from analysis.samples import CASE_TITLES, CASES, figure1
from app.chart import show_chart
from app.figures.joint import joint_panels

st.title("Four distributions that simple statistics cannot tell apart")
densities = {f"({case}) {CASE_TITLES[case]}": joint_density(*figure1(case, 4096).values.T) for case in CASES}
show_chart(
    joint_panels(densities),
    key="dist_joint",
    height=380,
    alt="Joint density and marginals of the isotropic, correlated, skewed and bimodal case.",
)

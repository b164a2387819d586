"""Distributions: the cases of Figure 1, or a recorded layer or a drawing beside N(0, I), and what tells them apart."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.batch import ActivationBatch
from analysis.samples import CASE_TITLES, CASES, SampleSpec, draw
from analysis.statistics.density import pair_density, pair_limits
from app.charts.chart import show_chart
from app.charts.joint import about_joint, joint_panels, precise_joint
from app.sections.on_request import on_request
from app.sections.pair import axis_names, choose_pair
from app.sections.pot_check import show_pot_check
from app.sections.statistics_table import compare_statistics, not_finite, show_statistics
from app.session import caches
from app.session.batch_choice import Choice
from app.session.keys import CHOICE
from app.text.caption import show_statement
from app.text.language import _, translated
from app.text.plain import harmless
from app.views.distributions.statement import about_statement, cases_statement, layer_statement

if TYPE_CHECKING:
    from analysis.distances.distinction import ToldApart


def show_cases(choice: Choice, spec: SampleSpec) -> None:
    """The four cases of Figure 1 with the settings of a spec, beside case (a)."""
    st.title(_("Four distributions that simple statistics cannot tell apart"))
    lead = st.container()
    batches = {f"({case}) {translated(CASE_TITLES[case])}": choice.with_case(case).batch() for case in CASES}
    alt = _(
        "Joint densities with marginals of {n} samples on the same axes: isotropic; correlated with ρ = {rho:g}; x"
        " skewed to the right by {skewness:g}; x a mixture of a left normal of weight {weight:g} and a right one."
        " Shift {shift:g}, scale {scale:g}."
    ).format(
        n=spec.n,
        rho=spec.rho,
        skewness=spec.skewness,
        weight=spec.left_weight,
        shift=spec.shift,
        scale=spec.scale,
    )
    about = _("Mean and variance do not see the tilt of (b), the edge of (c) and the two modes of (d).")
    if (spec.shift, spec.scale) != (0, 1):
        about = _("Every unit is shifted by {shift:g} and scaled by {scale:g}, which BN removes.").format(
            shift=spec.shift, scale=spec.scale
        )
    show_densities(batches, alt, f"{about_joint()} {about}")
    show_numbers(lead, batches, spec, _("case (a)"), cases_statement)


def show_beside(choice: Choice) -> None:
    """A layer of a run or a dump, or what a visitor drew, beside a Gaussian batch."""
    if choice.drawn is not None:
        title, label = _("Your drawing beside N(0, I)"), _("the drawing")
    else:
        title = _("A trained network's activations beside N(0, I)")
        label = harmless(choice.layer)
        if choice.epochs:  # files of a dump may say none
            label = _("{layer}, epoch {epoch}").format(layer=label, epoch=choice.epoch)
    st.title(title)
    lead = st.container()
    batch = choice.batch()
    st.caption(_("{name}, beside a Gaussian batch of the same size.").format(name=choice.title))
    gaussian = SampleSpec(n=batch.n, dim=batch.d)
    batches = {label: batch, _("N(0, I), same n and d"): caches.shared(draw, gaussian)}
    alt = _("Joint density with marginals of {name}, beside that of a Gaussian batch of the same size.")
    show_densities(batches, alt.format(name=choice.title), about_joint())
    show_numbers(lead, batches, gaussian, "N(0, I)", lambda told, _null: layer_statement(told, label))


def show_numbers(
    lead: DeltaGenerator,
    batches: dict[str, ActivationBatch],
    null: SampleSpec,
    null_name: str,
    statement: "Callable[[ToldApart, str], str]",
) -> None:
    """What is told apart, in a statement at the head of the page; on request every statistic, and a check of SW1."""
    from analysis.distances.distinction import told_apart

    for title, batch in batches.items():
        if not batch.is_finite:
            lead.error(not_finite(title, batch))
            return
    with lead, st.skeleton(height=60):
        columns = compare_statistics(batches, null, null_name)
        told = told_apart(columns)
        show_statement(statement(told, null_name), about_statement(told, null_name))
    on_request(_("What each statistic tells apart"), show_statistics, columns, null_name, null.n, key="dist_statistics")
    on_request(_("Check of SW1 by POT"), show_pot_check, batches, key="dist_pot")


def show_densities(batches: dict[str, ActivationBatch], alt: str, about: str) -> None:
    """The joint densities side by side on the same axes."""
    d = next(iter(batches.values())).d
    pair = choose_pair(d, "dist")
    lows, highs = zip(*(caches.result(pair_limits, batch, pair) for batch in batches.values()), strict=True)
    limits = min(lows), max(highs)
    densities = {title: caches.shared(pair_density, batch, pair, limits) for title, batch in batches.items()}
    show_chart(
        partial(joint_panels, densities, units=axis_names(pair, d)),
        key="dist_joint",
        height=256 if len(batches) > 2 else 400,
        aspect=0.27 if len(batches) > 2 else 0.45,
        alt=alt,
        about=about,
        precise=precise_joint(densities),
    )


choice: Choice = st.session_state[CHOICE]
if choice.spec is not None:
    show_cases(choice, choice.spec)
else:
    show_beside(choice)

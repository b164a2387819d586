"""Regularisers that take seconds: the page is drawn without them, and again when their flows have ended."""

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from analysis.batch import ActivationBatch
from app.session import caches
from app.session.progress import in_chunks
from app.text.enumeration import enumerated
from app.text.language import _, ngettext
from app.views.methods.flow_section import FlowSettings
from app.views.methods.method_choice import ChosenMethod
from per_core.errors import PerError

if TYPE_CHECKING:
    from analysis.methods.flow import FlowSpec


@dataclass(frozen=True, slots=True)
class SlowFlow:
    """The flow of a regulariser whose gradient no formula has: it takes seconds.

    Attributes:
        rows: fingerprint of what follows it.
    """

    one: ChosenMethod
    spec: "FlowSpec"
    rows: str


def slow_flows(batch: ActivationBatch, chosen: list[ChosenMethod], settings: FlowSettings) -> list[SlowFlow]:
    """Those of the chosen methods."""
    return [
        SlowFlow(one, settings.spec(one, settings.end), batch.fingerprint)
        for one in chosen
        if one.method.kind == "regulariser" and one.method.mean_gradient is None
    ]


def follow_later(rows: ActivationBatch, due: list[SlowFlow]) -> None:
    """Follow slow flows to their end, while the page without them can be read."""
    from analysis.methods.flow import end_flow

    names = enumerated([flow.one.method.short for flow in due])
    st.caption(
        ngettext(
            "{methods} joins the charts when its flow has ended.",
            "{methods} join the charts when their flows have ended.",
            len(due),
        ).format(methods=names)
    )

    def follow(number: int, _count: int) -> None:
        with contextlib.suppress(PerError):  # what is refused is said where it is applied
            caches.computed(end_flow, rows, due[number - 1].spec)

    in_chunks(len(due), 1, follow, _("Following {methods}").format(methods=names))

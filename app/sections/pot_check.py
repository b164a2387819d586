"""SW1 by POT beside the closed form: the independent check, made when somebody asks for it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from analysis.batch import ActivationBatch
from app.session import caches
from app.session.progress import in_chunks
from app.text.caption import show_caption
from app.text.enumeration import enumerated
from app.text.language import _

if TYPE_CHECKING:
    from analysis.distances.pot_distance import PotCheck

SLICES = 16  # of each batch: every one is checked for itself


def show_pot_check(batches: Mapping[str, ActivationBatch]) -> None:
    """SW1 of every batch, by title, in closed form and by POT on the same slices; batches are finite."""
    import pandas as pd

    from analysis.distances.pot_distance import GRID_POINTS, check_by_pot

    found = in_chunks(
        len(batches),
        1,
        lambda first, _count: caches.computed(check_by_pot, list(batches.values())[first - 1], slices=SLICES),
        _("SW1 by POT"),
    )
    checks = dict(zip(batches, found, strict=True))
    st.markdown(agreement(checks))
    rows = [
        {
            _("Batch"): title,
            _("SW1, exact"): f"{check.exact:.5f}",
            _("SW1, by POT"): f"{check.by_pot.value:.5f}",
            _("Difference"): f"{check.by_pot.value - check.exact:+.1e}",
        }
        for title, check in checks.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="content", alt=_("SW1 of each batch, exact and by POT"))
    show_caption(
        _("Both are the mean of W1 along the same {slices} directions, fewer than in the table.").format(slices=SLICES),
        _(
            "POT compares with a grid of {points:,} quantiles of N(0, 1). By the triangle inequality the exact distance"
            " is within W1 of the grid to N(0, 1), ±{error:.5f}. Each direction is checked for itself: more of them"
            " check more data, not more closely."
        ).format(points=GRID_POINTS, error=found[0].by_pot.grid_error),
    )
    st.download_button(
        _("Check as CSV"),
        pd.DataFrame(
            [
                {
                    "batch": title,
                    "slices": SLICES,
                    "sw1_exact": check.exact,
                    "sw1_pot": check.by_pot.value,
                    "pot_error": check.by_pot.grid_error,
                    "agrees": check.agrees,
                }
                for title, check in checks.items()
            ]
        ).to_csv(index=False),
        "pot_check.csv",
        "text/csv",
        on_click="ignore",
        key="dist_pot_numbers",
    )


def agreement(checks: "Mapping[str, PotCheck]") -> str:
    """Whether POT and the closed form say the same of every batch, by title."""
    error = next(iter(checks.values())).by_pot.grid_error
    apart = [title for title, check in checks.items() if not check.agrees]
    if apart:
        text = _("**POT does NOT agree with the exact value of {batches}** within the error of its grid, ±{error:.4f}.")
    else:
        text = _("**POT agrees with the exact value of every batch** within the error of its grid, ±{error:.4f}.")
    return text.format(batches=enumerated(apart), error=error)

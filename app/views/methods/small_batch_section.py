"""The small-batch effect: statistics from few rows flatter those rows, and less the ones that were held out."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import streamlit as st

from analysis.batch import ActivationBatch
from analysis.statistics.null_band import NullBand
from app.charts.chart import show_chart
from app.charts.methods import SmallBatchCurve, small_batches
from app.session import caches
from app.session.null_bands import null_bands
from app.session.progress import in_chunks
from app.text.enumeration import enumerated
from app.text.language import _, ngettext
from app.text.numbers import span
from app.views.methods.method_choice import ChosenMethod

SIZES = [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]
SPLITS = 5
GAUSSIANS = 39  # batches of N(0, I)
SLICES = 64
FEW_ROWS_A_UNIT = 5


def show_small_batches(batch: ActivationBatch, chosen: list[ChosenMethod]) -> None:
    """Statistics from few rows, applied to rows that were held out."""
    from analysis.distances.bound import Distances
    from analysis.methods.normalisation import normalise_held_out

    sizes = [rows for rows in SIZES if rows <= batch.n // 2]
    normalisers = [one for one in chosen if one.method.kind == "normaliser"]
    by_row = [one.method.short for one in normalisers if one.method.scope == "row"]
    by_batch = [one for one in normalisers if one.method.scope == "batch"]
    if not normalisers:
        st.info(_("Choose a normaliser above: only normalisers take statistics from the batch."))
    elif by_row:
        st.info(
            ngettext(
                "{methods} maps each row by its own statistics, so it has no small-batch effect.",
                "{methods} map each row by its own statistics, so they have no small-batch effect.",
                len(by_row),
            ).format(methods=enumerated(by_row))
        )
    if not by_batch or not sizes:
        return
    rows = st.select_slider(
        _("Rows b that give the statistics"),
        sizes,
        value=min(16, sizes[-1]),
        key="methods_rows",
        bind="query-params",
        width=420,
    )
    work = [(one, size) for one in by_batch for size in sizes]
    results = in_chunks(
        len(work),
        1,
        lambda i, _count: caches.computed(
            normalise_held_out,
            batch,
            work[i - 1][0].method.key,
            dict(work[i - 1][0].parameters),
            rows=work[i - 1][1],
            splits=SPLITS,
        ),
        _("Statistics from few rows"),
    )
    gaussian = [null_bands(Distances(SLICES), size, batch.d, draws=GAUSSIANS)["sw1"] for size in sizes]
    warn_of_whitening(by_batch, rows, batch.d)
    curves = {}
    for i, one in enumerate(by_batch):
        own = results[i * len(sizes) : (i + 1) * len(sizes)]
        curves[one.method.short] = SmallBatchCurve(
            sizes, np.stack([result.seen for result in own]), np.stack([result.held_out for result in own])
        )
    band = gaussian[sizes.index(rows)]
    show_chart(
        partial(small_batches, curves, gaussian, rows),
        key="methods_trap",
        height=380,
        alt=_("SW1 to N(0, I) over the number of rows that give the statistics, on those rows and on held-out ones."),
        about=_about(curves, band, rows),
        precise=_precise(band, rows),
    )


def warn_of_whitening(chosen: list[ChosenMethod], rows: int, d: int) -> None:
    """Say where so few rows whiten so many units that almost any batch comes out as Gaussian."""
    for one in chosen:
        group = one.method.in_role("group")
        if group is None:
            continue
        together = min(round(dict(one.parameters)[group.name]), d)
        if rows >= FEW_ROWS_A_UNIT * together:
            continue
        text = (
            _("{method} whitens {d} units by statistics of {rows:,} rows: {ratio:.1f} rows a unit.")
            if together == d
            else _(
                "{method} whitens groups of {together} of the {d} units by statistics of {rows:,} rows: {ratio:.1f}"
                " rows a unit."
            )
        )
        found = text.format(method=one.method.short, together=together, d=d, rows=rows, ratio=rows / together)
        advice = _(
            "Below about {enough}, most batches then look closer to N(0, I) than a Gaussian batch does. Use more rows"
            " or smaller groups, and look at held-out rows."
        ).format(enough=FEW_ROWS_A_UNIT)
        st.warning(f"{found} {advice}")


def _about(curves: Mapping[str, SmallBatchCurve], gaussian: NullBand, rows: int) -> str:
    """The distances with statistics from so many rows, where N(0, I) itself has `gaussian`."""
    said, too_close = [], []
    for name, curve in curves.items():
        at = list(curve.rows).index(rows)
        seen, held_out = float(np.median(curve.seen[at])), float(np.median(curve.held_out[at]))
        said.append(_("{method} {seen:.3f} and {held_out:.3f}").format(method=name, seen=seen, held_out=held_out))
        if seen < gaussian.low:
            too_close.append(name)
    distances = _("SW1 at b = {rows}, on the rows that give the statistics and on held-out rows: {distances}.").format(
        rows=rows, distances=", ".join(said)
    )
    if too_close:
        notice = ngettext(
            "{methods} takes the former closer to N(0, I) than any Gaussian batch of {rows} rows.",
            "{methods} take the former closer to N(0, I) than any Gaussian batch of {rows} rows.",
            len(too_close),
        ).format(methods=enumerated(too_close), rows=rows)
    else:
        notice = _("Gaussian batches of {rows} rows have {range}.").format(rows=rows, range=span(gaussian))
    return f"{distances} {notice}"


def _precise(gaussian: NullBand, rows: int) -> str:
    """How the rows were drawn, and what whitening with few rows does."""
    drawn = _(
        "b random rows give the statistics; the same layer, then in evaluation mode, maps rows that were held out. SW1"
        " is read on b rows at a time, because fewer rows are further from N(0, I) by chance: grey is the range of"
        " {draws} Gaussian batches of b rows, {range} at b = {rows}. Points are medians and bars ranges of {splits}"
        " draws."
    ).format(draws=gaussian.draws, range=span(gaussian), rows=rows, splits=SPLITS)
    whitened = _(
        "Whitened by few rows, uniform, bimodal and exponential units look closer to N(0, I) than a Gaussian batch;"
        " sparse units and rows of very different size do not."
    )
    return f"{drawn}\n\n{whitened}"

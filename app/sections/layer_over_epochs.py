"""One layer over the epochs, of the networks of runs or of dumps: distances beside N(0, I), and distributions."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from analysis.plain_text import plain
from analysis.statistics.histogram import histogram
from app.charts.chart import show_chart
from app.charts.epochs import VIEWS, DensitySeries
from app.charts.training import conditioning, distances
from app.session.controls import one_of
from app.text.language import _, translated
from app.text.numbers import by_chance
from app.text.plain import escaped, label
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.survey.history import ConditioningHistory, LayerHistory

BINS = 80
HEIGHT = 340
GAUSSIAN_DRAWS = 39  # of the grey range
CONDITIONING = N_("One layer over the epochs: conditioning")
HOW = (  # to read each of the views, in their order
    N_("All curves are of one epoch; slider and Play run through the epochs in your browser."),
    N_("Each column is the histogram of one epoch, as a density."),
    N_("Each curve is the histogram of one epoch, the newest on top."),
)


def show_distances(
    histories: "Mapping[str, Sequence[LayerHistory]]",
    bands: Mapping[str, Mapping[str, tuple[float, float]]],
    layer: str,
    *,
    epochs: float,
    key: str,
    note: str = "",
) -> None:
    """SW1, PER and variance of a layer, beside what `GAUSSIAN_DRAWS` batches of N(0, I) have.

    Args:
        histories: by the name of the curve, one of each seed.
        bands: name of a range of N(0, I) -> "sw1" and "per" -> its low and high end.
        layer: its name, as it is.
        epochs: the end of the axis.
        key: of the chart.
        note: added to what is said on request.
    """
    first = next(iter(histories.values()))[0]
    ends = ", ".join(f"{name} {seeds[0].sw1[-1]:.3f}" for name, seeds in histories.items())
    most_seeds = max(map(len, histories.values()))
    spread = (
        _("median and range over up to {seeds} seeds").format(seeds=most_seeds)
        if most_seeds > 1
        else _("95 % interval over directions")
    )
    precise = _("SW1 on {slices} slices of {n:,} rows with its {spread}; PER is exact, of all {d:,} units.").format(
        slices=first.slices, n=first.n, d=first.d, spread=spread
    )
    show_chart(
        partial(distances, histories, bands, epochs),
        key=key,
        height=320,
        alt=_("SW1, PER and variance of {layer} over the epochs. Last SW1: {ends}.").format(
            layer=plain(layer), ends=ends
        ),
        about=_(
            "{layer} over the epochs; grey is what N(0, I) has. PER falls with the variance as well: only SW1 tells"
            " Gaussian from collapsed."
        ).format(layer=escaped(layer)),
        precise=f"{precise} {_about_grey()}{note}",
    )


def _about_grey() -> str:
    """What the range of N(0, I) is of."""
    return _(
        "Grey is the range of {draws} Gaussian batches of the same size, which another one leaves {by_chance}."
    ).format(draws=GAUSSIAN_DRAWS, by_chance=by_chance(GAUSSIAN_DRAWS))


def show_conditioning(
    histories: "Mapping[str, Sequence[ConditioningHistory]]",
    bands: Mapping[str, Mapping[str, tuple[float, float]]],
    layer: str,
    *,
    units: int,
    epochs: float,
    key: str,
    note: str = "",
) -> None:
    """How far the second moments of a layer are from I, beside what `GAUSSIAN_DRAWS` batches of N(0, I) have.

    Args:
        histories: by the name of the curve, one of each seed, of some units of the layer.
        bands: name of a range of N(0, I) -> "distance" and "condition" -> its low and high end.
        layer: its name, as it is.
        units: of the whole layer.
        epochs: the end of the axis.
        key: of the chart.
        note: added to what is said on request.
    """
    first = next(iter(histories.values()))[0]
    ends = "; ".join(
        f"{name} {seeds[0].distance[-1]:.3g}, {f'{seeds[0].condition[-1]:.3g}'.replace('inf', '∞')}"
        for name, seeds in histories.items()
    )
    precise = [
        _(
            "M = E[h hᵀ] of {d} of the {units:,} units, over {n:,} rows, is not centred. ‖M − I‖_F / √d is the root"
            " mean square of λ − 1 over its eigenvalues λ: 0 at I, 1 for a layer that is 0."
        ).format(d=first.d, units=units, n=first.n),
        _(
            "The condition number is the largest λ over the smallest; ∞ is a matrix without full rank, as of dead"
            " units or of fewer rows than units. On the same rows, that of all units is at least as large (interlacing"
            " of eigenvalues)."
        ),
        _(
            "The Fisher matrix of a fully connected layer that reads h is E[h hᵀ] ⊗ E[δ δᵀ], if h is independent of"
            " the gradient δ of its outputs. At E[h hᵀ] = I, only E[δ δᵀ] distinguishes the natural gradient from the"
            " gradient (Desjardins et al. 2015)."
        ),
        _about_grey(),
    ]
    show_chart(
        partial(conditioning, histories, bands, epochs),
        key=key,
        height=320,
        alt=_("Distance of E[h hᵀ] from I and its condition number, of {layer} over the epochs. Last: {ends}.").format(
            layer=plain(layer), ends=ends
        ),
        about=_(
            "How far E[h hᵀ] of {layer} is from I, and its condition number; grey is what N(0, I) has. The nearer to"
            " I, the nearer a gradient step is to a natural one: the authors' reason for N(0, I)."
        ).format(layer=escaped(layer)),
        precise=" ".join(precise) + note,
    )


def choose_view(default: str, *, key: str, place: DeltaGenerator | None = None) -> str:
    """How the distributions over the epochs are drawn: a name of `VIEWS`."""
    return one_of(_("Distributions as"), list(VIEWS), default, key=key, place=place, show=translated)


def show_densities(
    values: Mapping[str, Mapping[float, NDArray[np.floating]]],
    name: str,
    view: str,
    *,
    limits: tuple[float, float],
    key: str,
    note: str = "",
) -> None:
    """The distributions over the epochs, all on the same bins.

    Args:
        values: by the name of the panel or curve, and by epoch: vectors (n,), n ≥ 1.
        name: of what has the values, a unit or a layer, as it is.
        view: see `choose_view`.
        limits: ends of the axis, low < high.
        key: of the chart, to which the view is added.
        note: added to what is said on request.
    """
    counted = {
        title: {epoch: histogram(one, bins=BINS, range=limits) for epoch, one in own.items()}
        for title, own in values.items()
    }
    series = {
        title: DensitySeries(list(own), np.stack([one.density for one in own.values()]))
        for title, own in counted.items()
    }
    every = [one for own in counted.values() for one in own.values()]
    lost = sum(one.n_nan + one.n_inf for one in every)
    outside = sum(one.n_below + one.n_above for one in every) / max(sum(one.n for one in every) - lost, 1)
    precise = _("The bins of {name} are equal throughout.").format(name=escaped(name))
    if lost:
        precise += _(" {lost:,} NaN or infinite values are not drawn.").format(lost=lost)
    edges = np.linspace(*limits, BINS + 1)
    show_series(series, edges, name, view, outside=outside, key=key, precise=precise + note)


def show_series(
    series: Mapping[str, DensitySeries],
    edges: NDArray[np.float64],
    name: str,
    view: str,
    *,
    outside: float,
    key: str,
    precise: str,
) -> None:
    """Densities over the epochs on the same bins.

    Args:
        series: by the name of the panel or curve.
        edges: of the bins.
        name: of what has the values, a unit or a layer, as it is.
        view: see `choose_view`.
        outside: share of the values that lie outside the axis.
        key: of the chart, to which the view is added.
        precise: what exactly is drawn, said on request.
    """
    number = list(VIEWS).index(view)
    show_chart(
        partial(VIEWS[view], series, (edges[:-1] + edges[1:]) / 2, label(name)),
        key=f"{key}_{number}",
        height=HEIGHT,
        alt=_("Distributions of {name} over {epochs} epochs, of {curves}.").format(
            name=plain(name), epochs=max(len(one.epochs) for one in series.values()), curves=plain(", ".join(series))
        ),
        about=_("{how} {outside:.1%} of the values lie outside the axis.").format(
            how=translated(HOW[number]), outside=outside
        ),
        precise=precise,
    )

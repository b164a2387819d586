"""One layer of a dump: its numbers, its distribution now and over the epochs, its worst directions and its parts."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import streamlit as st

from analysis.batch import ActivationBatch
from analysis.distances.bound import Distances
from analysis.methods.normalisation import normalise
from analysis.plain_text import plain
from analysis.statistics.conditioning import Conditioning
from analysis.statistics.histogram import Histogram, histogram, thinned
from analysis.survey.binned_reading import BinnedReading
from analysis.survey.cell import Epoch, Unread
from analysis.survey.layer_reading import MOST_ROWS, SLICES, LayerReading
from analysis.survey.overview import Overview
from app.charts.chart import show_chart
from app.charts.dumps import honest_histograms
from app.charts.epochs import HEAT_MAP
from app.sections import layer_over_epochs
from app.sections.decomposition import show_removed
from app.sections.on_request import when_open
from app.sections.worst_directions import show_table, show_worst, studied
from app.session import caches
from app.session.address import kept_in_address
from app.session.batch_fields import DUMP, source_field
from app.session.controls import choose_offered
from app.session.dump_plan import plan_in_python
from app.session.dumped import DumpMember
from app.session.keys import DATA_SOURCE, DUMP_MEASURED, DUMPS_EPOCH, DUMPS_LAYER, DUMPS_QUANTITY, LOOKED_AT
from app.session.null_bands import null_bands
from app.text.language import _, translated
from app.text.plain import escaped, label
from app.views.dumps.binned_view import show_binned
from app.views.dumps.dump_map import column, epoch_name, evenly
from app.views.dumps.dump_source import OpenDump, is_brought
from app.views.dumps.reading import AllRows, show_reading
from per_core.errors import PerError
from per_core.methods import opening_methods

MOST_EPOCHS = 200
EPOCH_VALUES, RANGE_VALUES = 50_000, 200_000
MOST_BINS = 512
MOST_WIDER = 20  # times: by how much the range of one epoch may be that of another on an axis of both
WORST_SLICES = 64
STUDIED_VALUES = 2**19  # of the rows whose distance is decomposed: the null distribution is drawn up to 199 times


def choose_cell(found: Overview) -> tuple[str, Epoch]:
    """The layer and the epoch to open: the worst at the latest that can be read, until somebody chooses."""
    left, right = st.columns(2)
    layers = list(found.worst(st.session_state[DUMPS_QUANTITY]))
    choose_offered(DUMPS_LAYER, layers)
    layer = left.selectbox(_("Layer, worst first"), layers, key=DUMPS_LAYER, bind="query-params")
    epochs = {column(epoch): epoch for epoch, _ in found.history(layer)}
    readable = [i for i, (_, reading) in enumerate(found.history(layer)) if not isinstance(reading, Unread)]
    latest = readable[-1] if readable else len(epochs) - 1
    choose_offered(DUMPS_EPOCH, list(epochs), list(epochs)[latest])
    default = 0 if DUMPS_EPOCH in st.session_state else latest  # a default beside a value is warned of
    chosen = right.selectbox(_("Epoch"), list(epochs), index=default, key=DUMPS_EPOCH, bind="query-params")
    return layer, epochs[chosen]


def show_layer(dump: OpenDump, layer: str, epoch: Epoch, other: OpenDump | None) -> None:
    """One layer at one epoch: its numbers, distributions now and over the epochs, worst directions and parts."""
    reading = dump.overview.cells[layer, epoch]
    if isinstance(reading, BinnedReading):
        show_binned(dump, layer, epoch, reading, other)
        return
    batch = None
    if isinstance(reading, Unread):
        st.error(_("This layer could not be read at this epoch: {reason}").format(reason=escaped(reading.reason)))
    else:
        show_reading(reading, dump.inspection.member(dump.overview.members[layer, epoch]).row)
        if reading.n < reading.total:
            _offer_all_rows(dump, dump.overview.members[layer, epoch], reading.total)
        try:
            batch = DumpMember(dump.inspection, dump.overview.members[layer, epoch]).batch()
        except PerError as error:
            st.error(escaped(error))
    if batch is not None:
        _show_histogram(dump, layer, epoch, batch, other)
    series = {
        label(one.name): values
        for one in (dump, other)
        if one is not None and (values := _values_over_epochs(one, layer))
    }
    if any(len(values) > 1 for values in series.values()):
        _show_history({label(one.name): one for one in (dump, other) if one is not None}, layer, series)
    if batch is not None:
        _show_study(_rows_to_study(batch))


def _offer_all_rows(dump: OpenDump, member: str, rows: int) -> None:
    """Measure every row of a member of which the page has looked at some, in one pass."""
    measured: dict[str, AllRows] = st.session_state.setdefault(DUMP_MEASURED, {})
    key = DumpMember(dump.inspection, member).key
    if st.button(
        _("Measure all {rows:,} rows").format(rows=rows),
        key="dumps_measure",
        help=_("One pass over the whole member, in pieces: bounds of SW1 that hold for all rows."),
    ):
        from analysis.one_pass import run_pass

        bar = st.progress(0.0, _("Reading all rows"))

        def show_progress(done: int, total: int) -> None:
            bar.progress(done / total, _("Read {done:,} of {total:,} pieces").format(done=done, total=total))

        try:
            found = run_pass(dump.inspection, members=[member], on_progress=show_progress)
            measured[key] = AllRows.of(found.statistics)
        except PerError as error:
            st.error(escaped(error))
        bar.empty()
    if key in measured:
        measured[key].show()


def _show_study(rows: ActivationBatch | None) -> None:
    """What the distance is made of, and the directions in which it is largest, of at least two rows."""
    if rows is None:
        st.info(
            _(
                "No row of this layer fits float32, in which directions are computed. Divide the activations by their"
                " scale to see the worst directions and the parts of the distance."
            )
        )
        return
    if rows.n < 2:
        return
    st.caption(_("Below: {rows:,} finite rows of the layer, evenly spread.").format(rows=rows.n))
    left, right = st.columns([4, 3], gap="large")
    with left:
        st.markdown("**{title}**".format(title=_("Parts of the distance, and what each method removes")))
        parts = st.container()
    with right:
        st.markdown("**{title}**".format(title=_("The worst directions")))
        table, note = st.empty(), st.container()
        show_table(table, studied(rows, WORST_SLICES), {})
    with parts:
        _show_parts(rows)
    show_worst(table, note, rows, WORST_SLICES)


def show_links(dump: OpenDump, layer: str, epoch: Epoch) -> None:
    """The way to the other pages with the layer that is open here, if it has values.

    Of a dump that the visitor brought they begin with it in any case; of the example, only by these links.
    """
    if isinstance(dump.overview.cells[layer, epoch], BinnedReading):
        st.session_state.pop(LOOKED_AT, None)
        return
    st.session_state[LOOKED_AT] = dump.overview.members[layer, epoch], is_brought("dumps")
    st.markdown("**{title}**".format(title=_("Look at this layer on another page")))
    titles = {"distributions": _("Distributions"), "bound": _("Bound"), "methods": _("Methods")}
    query = {DATA_SOURCE: source_field().linked(DUMP), **kept_in_address()}
    for place, (view, title) in zip(st.columns(6)[:3], titles.items(), strict=True):
        place.page_link(f"views/{view}/{view}.py", label=title, query_params=query, width="stretch")


def show_code(dump: OpenDump, layer: str, epoch: Epoch) -> None:
    """The lines of Python that give the numbers of one layer."""
    inspection = dump.inspection
    place = inspection.title if inspection.allowed is None else str(inspection.path)  # an upload has no place
    name = dump.overview.members[layer, epoch]
    names, options = plan_in_python(inspection)
    opened = f"dump = inspect({place!r}{options})"
    with st.expander(_("The same in Python")):
        st.code(
            f"from analysis.dumps import {', '.join((*names, 'inspect'))}\n"
            + (
                "from analysis.survey.binned_reading import BinnedReading\n\n"
                f"{opened}\n"
                f"print(BinnedReading.of(dump.load_bins({name!r})))"
                if isinstance(dump.overview.cells[layer, epoch], BinnedReading)
                else "from analysis.survey.layer_reading import survey\n"
                "from analysis.survey.member_rows import read_member, rows_read\n\n"
                f"{opened}\n"
                f"member = dump.member({name!r})\n"
                "print(survey(read_member(dump, member), total=member.rows, rows=rows_read(member)))"
            ),
            language="python",
        )


def _show_histogram(dump: OpenDump, layer: str, epoch: Epoch, batch: ActivationBatch, other: OpenDump | None) -> None:
    """The layer's values, and beside them those of another epoch or layer, or of the same layer in another dump."""
    nothing = _("nothing")
    left, middle, right = st.columns([3, 2, 2], vertical_alignment="bottom")
    cells = {
        f"{name}, {epoch_name(at)}": (name, at)
        for (name, at), one in dump.overview.cells.items()
        if (name, at) != (layer, epoch) and not isinstance(one, BinnedReading)
    }
    ordered = sorted(cells, key=lambda label: cells[label][0] != layer)
    choose_offered("dumps_beside", [nothing, *ordered])
    beside = left.selectbox(_("Beside it"), [nothing, *ordered], key="dumps_beside", bind="query-params")
    log_density = middle.toggle(_("Logarithmic density"), key="dumps_log_density", bind="query-params")
    log_values = right.toggle(
        _("Logarithmic values"),
        key="dumps_log_values",
        bind="query-params",
        help=_("Only positive activations have a place on a logarithmic axis."),
    )
    mark = f"{dump.name}: " if other else ""
    batches = {f"{mark}{layer}, {epoch_name(epoch)}": batch}
    try:
        if beside != nothing:
            batches[mark + beside] = DumpMember(dump.inspection, dump.overview.members[cells[beside]]).batch()
        there = [at for at, one in other.overview.history(layer) if not isinstance(one, BinnedReading)] if other else []
        if other is not None and there:
            at = epoch if epoch in there else there[-1]
            beside_it = DumpMember(other.inspection, other.overview.members[layer, at]).batch()
            batches[f"{other.name}: {layer}, {epoch_name(at)}"] = beside_it
    except PerError as error:
        st.error(escaped(error))
    values = {name: one.precise.ravel() for name, one in batches.items()}
    positive = {}
    if log_values:
        values = {name: np.log10(one[one > 0]) for name, one in values.items() if (one > 0).any()}
        positive = {name: (one.size, batches[name].values.size) for name, one in values.items()}
    if not values:
        st.info(_("No value is positive: there is nothing to show on a logarithmic axis."))
        return
    histograms = _shared_histograms(values)
    show_chart(
        partial(
            honest_histograms,
            {label(name): one for name, one in histograms.items()},
            log_density=log_density,
            log_values=log_values,
        ),
        key="dumps_histogram",
        height=340,
        alt=_("Histogram of {names}.").format(names=plain("; ".join(histograms))),
        about=_("The density of the values beside N(0, 1), dotted. Hatched bars hold what lies beyond the axis.")
        if not log_values
        else _("The density a decade of the positive values; dotted, that of the positive half of N(0, 1)."),
        precise=_about_histograms(histograms, positive),
    )


def _about_histograms(histograms: Mapping[str, Histogram], positive: Mapping[str, tuple[int, int]]) -> str:
    """What is counted, to the last value; `positive` holds how many values of how many a logarithmic axis shows."""
    said = [
        _("{bins:,} equal bins over the robust range of all that is shown.").format(
            bins=len(next(iter(histograms.values())).counts)
        )
    ]
    said += [
        _(
            "{name}: {n:,} values, {below:,} below the axis, {above:,} above, {nan:,} NaN, {infinite:,} infinite."
        ).format(name=escaped(name), n=one.n, below=one.n_below, above=one.n_above, nan=one.n_nan, infinite=one.n_inf)
        for name, one in histograms.items()
    ]
    said += [
        _("{name}: {positive:,} of {n:,} are positive.").format(name=escaped(name), positive=shown, n=n)
        for name, (shown, n) in positive.items()
    ]
    return " ".join(said)


def _shared_histograms(values: Mapping[str, np.ndarray]) -> dict[str, Histogram]:
    """Histograms on the same bins, as wide as the narrowest batch asks for, over the robust range of all of them."""
    few = [thinned(one, RANGE_VALUES) for one in values.values()]
    low, high = histogram(np.concatenate(few)).edges[[0, -1]]
    own = [histogram(one).edges for one in few]
    width = min(float(edges[1] - edges[0]) for edges in own)
    bins = max(1, min(MOST_BINS, round((high - low) / width)))
    return {name: histogram(one, bins=bins, range=(float(low), float(high))) for name, one in values.items()}


def _show_history(dumps: Mapping[str, OpenDump], layer: str, series: Mapping[str, Mapping[float, np.ndarray]]) -> None:
    """The layer over the epochs: distances with what N(0, I) has, and distributions. `series` holds values by epoch."""
    from analysis.survey.history import read_history

    histories = {name: read_history(dumps[name].overview, layer) for name in series}
    first = next(iter(histories.values()))
    bands = null_bands(Distances(SLICES), first.n, first.d, draws=layer_over_epochs.GAUSSIAN_DRAWS)
    layer_over_epochs.show_distances(
        {name: [history] for name, history in histories.items()},
        {_("N(0, I) of this size"): {key: (band.low, band.high) for key, band in bands.items()}},
        layer,
        epochs=max(float(history.epochs[-1]) for history in histories.values()),
        key="dumps_distances",
    )
    when_open(translated(layer_over_epochs.CONDITIONING), _show_conditioning, dumps, layer, key="dumps_conditioning")
    view = layer_over_epochs.choose_view(HEAT_MAP, key="dumps_as")
    there = max(len(one.overview.history(layer)) for one in dumps.values())
    layer_over_epochs.show_densities(
        series,
        layer,
        view,
        limits=_history_limits([thinned(part, EPOCH_VALUES // 10) for own in series.values() for part in own.values()]),
        key="dumps_history",
        note=_about_drawn(max(map(len, series.values())), there),
    )


def _show_conditioning(dumps: Mapping[str, OpenDump], layer: str) -> None:
    """Second moments of the layer over the epochs, beside I."""
    from analysis.survey.history import conditioning_history

    found = {
        name: {
            epoch: moments
            for epoch in _epochs_drawn(dump, layer)
            if (moments := DumpMember(dump.inspection, dump.overview.members[layer, epoch]).second_moments())
        }
        for name, dump in dumps.items()
    }
    histories = {name: conditioning_history(own) for name, own in found.items() if own}
    if not histories:
        return
    first = next(iter(histories.values()))
    bands = null_bands(Conditioning(), first.n, first.d, draws=layer_over_epochs.GAUSSIAN_DRAWS)
    layer_over_epochs.show_conditioning(
        {name: [history] for name, history in histories.items()},
        {_("N(0, I) of this size"): {key: (band.low, band.high) for key, band in bands.items()}},
        layer,
        units=max(_units(dumps[name].overview, layer) for name in histories),
        epochs=max(float(history.epochs[-1]) for history in histories.values()),
        key="dumps_conditions",
    )


def _units(found: Overview, layer: str) -> int:
    """Of the layer, at the last epoch that could be read."""
    return next(one.d for _epoch, one in reversed(found.history(layer)) if isinstance(one, LayerReading))


def _history_limits(epochs: Sequence[np.ndarray]) -> tuple[float, float]:
    """The ends of an axis for the values of all epochs: what lies beyond is counted under the chart.

    Where a layer explodes, the axis of its last epochs would leave nothing to see of the others: that of the middle
    epoch is taken.
    """
    ends = np.array([histogram(one).edges[[0, -1]] for one in epochs])
    widths = ends[:, 1] - ends[:, 0]
    if widths.max() > MOST_WIDER * widths.min():
        low, high = np.median(ends, axis=0)
    else:
        low, high = histogram(np.concatenate(epochs)).edges[[0, -1]]
    return float(low), float(high)


def _about_drawn(drawn: int, there: int) -> str:
    """How much of every epoch, and how many of the epochs, the distributions show; to be added to what is said."""
    values = _(" At most {values:,} values of each epoch, drawn at random.").format(values=EPOCH_VALUES)
    if drawn == there:
        return values
    return values + _(" {drawn:,} of {there:,} epochs are drawn.").format(drawn=drawn, there=there)


def _values_over_epochs(dump: OpenDump, layer: str) -> Mapping[float, np.ndarray]:
    """Values of the layer by epoch, of those that can be read."""
    found = {}
    for epoch in _epochs_drawn(dump, layer):
        values = DumpMember(dump.inspection, dump.overview.members[layer, epoch]).values(EPOCH_VALUES)
        if values.size:
            found[epoch] = values
    return found


def _epochs_drawn(dump: OpenDump, layer: str) -> Sequence[float]:
    """Epochs with a number at which the layer could be read, of too many some that are spread evenly."""
    readable = [e for e, one in dump.overview.history(layer) if e is not None and isinstance(one, LayerReading)]
    return evenly(readable, MOST_EPOCHS) if readable else []


def _rows_to_study(batch: ActivationBatch) -> ActivationBatch | None:
    """Finite rows, evenly spread: as many as the overview takes, fewer of a wide layer. None if float32 holds none."""
    values = batch.values if batch.is_finite else batch.values[np.isfinite(batch.values).all(axis=1)]
    if not len(values):
        return None
    most = max(2, min(len(values), MOST_ROWS, STUDIED_VALUES // batch.d))
    rows = np.linspace(0, len(values) - 1, min(len(values), most)).astype(int)
    return ActivationBatch(values[rows], batch.name)


def _show_parts(batch: ActivationBatch) -> None:
    mapped = {}
    for method in opening_methods("normaliser"):
        try:
            mapped[method.short] = batch, caches.shared(normalise, batch, method.key, {})
        except PerError as error:
            st.caption(f"{method.short}: {escaped(error)}")
    show_removed(batch, mapped, key="dumps_parts")

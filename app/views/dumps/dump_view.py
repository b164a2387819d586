"""What is wrong with which layer of a dump: the overview, one layer in full, and two dumps side by side."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from analysis.batch import ActivationBatch
from analysis.distances.bound import Distances, study_directions
from analysis.methods.normalisation import normalise
from analysis.plain_text import file_stem, plain
from analysis.statistics.histogram import Histogram, histogram, thinned
from analysis.survey.overview import MOST_ROWS, QUANTITIES, SLICES, Epoch, LayerReading, Overview, Unread
from app.charts.chart import show_chart
from app.charts.dumps import honest_histograms, matched_layers, overview_map
from app.charts.epochs import HEAT_MAP
from app.sections import layer_over_epochs
from app.sections.decomposition import show_removed
from app.sections.export import offer_table
from app.sections.worst_directions import show_table, show_worst
from app.session import caches
from app.session.dumped import DumpMember
from app.session.keys import DUMP_MEASURED, DUMPS_EPOCH, DUMPS_LAYER, DUMPS_QUANTITY, LOOKED_AT
from app.session.null_bands import null_bands
from app.text.language import _, language, translated, visitor_texts
from app.text.plain import escaped, label
from app.views.dumps.dump_source import OpenDump
from app.views.dumps.reading import AllRows, gaussian_ratios_of, show_reading
from per_core.errors import PerError
from per_core.methods import opening_methods

LAYER_PIXELS, FEW_LAYERS = 22, 28  # of a row of the map, and how many have so much
DENSE_PIXELS, MOST_LAYERS = 14, 100  # of each row beyond, and how many are drawn
MOST_CELLS, MOST_EPOCHS = 8_000, 200
EPOCH_VALUES, RANGE_VALUES = 50_000, 200_000
MOST_BINS = 512
WORST_SLICES = 64
STUDIED_VALUES = 2**19  # of the rows whose distance is decomposed: the null distribution is drawn up to 199 times
T = TypeVar("T")
MOST_MATCHED = 40
MOST_NAMED = 6  # of the layers in a sentence


def show_overview(dump: OpenDump) -> None:
    """The map, worst layers first, and warnings in words."""
    found = dump.overview
    titles = {name: translated(one.title) for name, one in QUANTITIES.items()}
    quantity = st.selectbox(
        _("Colour"),
        list(titles),
        format_func=titles.__getitem__,
        key=DUMPS_QUANTITY,
        bind="query-params",
        width=320,
    )
    order = found.worst(quantity)
    shown = order[:MOST_LAYERS]
    epochs = _evenly(found.epochs, MOST_CELLS // len(shown))
    names_shown = {label(layer): layer for layer in shown}

    def open_cell(x: str, y: str) -> None:
        st.session_state[DUMPS_LAYER], st.session_state[DUMPS_EPOCH] = names_shown[y], x

    show_chart(
        overview_map(
            _cells(found, shown, epochs), list(names_shown), [_column(e) for e in epochs], QUANTITIES[quantity]
        ),
        key="dumps_overview",
        height=max(
            260, 100 + LAYER_PIXELS * min(len(shown), FEW_LAYERS) + DENSE_PIXELS * max(0, len(shown) - FEW_LAYERS)
        ),
        alt=_("{quantity} of {layers:,} layers at {epochs:,} epochs. The worst layer is {worst}.").format(
            quantity=titles[quantity], layers=len(order), epochs=len(found.epochs), worst=plain(order[0])
        ),
        about=_(
            "{quantity} of each layer (row, worst first) at each epoch (column); the stronger the colour, the worse."
            " Click a field to open it."
        ).format(quantity=titles[quantity]),
        precise=_about_map(found, layers=len(order) - len(shown), epochs=len(found.epochs) - len(epochs)),
        on_point=open_cell,
    )
    warnings = _show_warnings(found)
    places = st.columns(5)
    offer_table(pd.DataFrame(found.as_rows()), _("Overview"), places[:2], key="dumps_numbers")
    offer_table(warnings, _("Warnings"), places[2:4], key="dumps_troubles")
    with places[4]:
        _offer_report(dump)


def _about_map(found: Overview, *, layers: int, epochs: int) -> str:
    """What exactly the map shows; so many better layers and epochs between are left out of it."""
    said = [
        _(
            "Of each member at most {rows:,} rows are read. SW1 is divided by its mean over Gaussian batches of as many"
            " rows."
        ).format(rows=MOST_ROWS),
        gaussian_ratios_of({reading.d for reading in found.cells.values() if isinstance(reading, LayerReading)}),
        _("Colours change by ratio where they span more than a factor of 20."),
        _("**!** could not be read; an empty field has no member."),
    ]
    if layers:
        said.append(_("{n:,} better layers are in the tables only.").format(n=layers))
    if epochs:
        said.append(_("{n:,} epochs between are in the tables only.").format(n=epochs))
    return " ".join(filter(None, said))


def _offer_report(dump: OpenDump) -> None:
    """The whole dump as one file."""
    from analysis.survey.report import report_html

    spoken = language()
    st.download_button(
        _("Report as HTML"),
        lambda: report_html(dump.inspection, dump.overview, spoken),
        f"{file_stem(dump.inspection.path.stem)}.html",
        "text/html",
        on_click="ignore",
        key="dumps_report",
        help=_("One HTML file: warnings, overview, a histogram of each layer, and the members."),
        width="stretch",
    )


def _show_warnings(found: Overview) -> pd.DataFrame:
    """What the rules found, in words; the table with the names as they are."""
    from analysis.survey.sentences import warning_sentence, warning_title
    from analysis.survey.warnings import FEWEST_ROWS, list_warnings, unjudged

    texts = visitor_texts()
    rows = [
        [
            one.layer,
            f"{warning_title(one.warning.kind, texts)}, {warning_title(one.warning.severity, texts)}",
            _span(one.epochs, len(found.epochs)),
            warning_sentence(one.warning.kind, one.warning.figures, texts),
        ]
        for one in list_warnings(found)
    ]
    table = pd.DataFrame(rows, columns=[_("Layer"), _("Warning"), _("At epoch"), _("What was found, and what to try")])
    too_short = unjudged(found)
    if rows:
        st.markdown("**{title}**".format(title=_("Warnings")))
        with st.container(height="content" if len(rows) <= 8 else 420, border=False):
            st.table(table.map(escaped), hide_index=True, alt=_("Warnings about the layers in words"))
    elif len(too_short) < len(found.layers):
        st.success(
            _(
                "No issue found: no layer is dead, saturated, exploding, collapsed, rank-deficient or NaN. None has"
                " massive activations, samples that look alike, or values beyond float16."
            )
        )
    if too_short:
        named = ", ".join(map(escaped, too_short[:MOST_NAMED])) + (_(" and others") if too_short[MOST_NAMED:] else "")
        st.info(
            _("Not judged: {layers}. The rules need {rows} finite rows, and these have fewer.").format(
                layers=named, rows=FEWEST_ROWS
            )
        )
    return table


def _span(epochs: Sequence[Epoch], total: int) -> str:
    """Epochs of a warning in few signs: the first to the last, and how many of all they are."""
    named = [epoch for epoch in epochs if epoch is not None]
    if not named:
        return "–"
    ends = str(named[0]) if len(named) == 1 else _("{first} to {last}").format(first=named[0], last=named[-1])
    return _("{ends} ({n} of {total})").format(ends=ends, n=len(epochs), total=total) if total > 1 else ends


def _cells(found: Overview, layers: Sequence[str], epochs: Sequence[Epoch]) -> list[list[LayerReading | Unread | None]]:
    """Readings, or why there is none, or None where the dump has nothing: a row a layer, a column an epoch."""
    return [[found.cells.get((layer, epoch)) for epoch in epochs] for layer in layers]


def _evenly(epochs: Sequence[T], most: int) -> list[T]:
    """At most so many of them, the first and the last included."""
    chosen = np.unique(np.linspace(0, len(epochs) - 1, min(len(epochs), max(most, 2))).astype(int))
    return [epochs[i] for i in chosen]


def _column(epoch: Epoch) -> str:
    return _("none") if epoch is None else str(epoch)


def _epoch_name(epoch: Epoch) -> str:
    """An epoch behind the name of a layer."""
    return _("no epoch") if epoch is None else _("epoch {epoch}").format(epoch=epoch)


def choose_cell(found: Overview) -> tuple[str, Epoch]:
    """The layer and the epoch to open: the worst at the latest that can be read, until somebody chooses."""
    left, right = st.columns(2)
    layers = list(found.worst(st.session_state[DUMPS_QUANTITY]))
    _forget(DUMPS_LAYER, layers)
    layer = left.selectbox(_("Layer, worst first"), layers, key=DUMPS_LAYER, bind="query-params")
    epochs = {_column(epoch): epoch for epoch, _ in found.history(layer)}
    _forget(DUMPS_EPOCH, list(epochs))
    readable = [i for i, (_, reading) in enumerate(found.history(layer)) if isinstance(reading, LayerReading)]
    latest = readable[-1] if readable else len(epochs) - 1
    default = 0 if DUMPS_EPOCH in st.session_state else latest  # a default beside a value is warned of
    chosen = right.selectbox(_("Epoch"), list(epochs), index=default, key=DUMPS_EPOCH, bind="query-params")
    return layer, epochs[chosen]


def _forget(key: str, options: list[str]) -> None:
    """Drop what was chosen where it is not on offer any more."""
    if st.session_state.get(key, options[0]) not in options:
        del st.session_state[key]


def show_layer(dump: OpenDump, layer: str, epoch: Epoch, other: OpenDump | None) -> None:
    """One layer at one epoch: its numbers, distributions now and over the epochs, worst directions and parts."""
    reading = dump.overview.cells[layer, epoch]
    batch = None
    if isinstance(reading, Unread):
        st.error(_("This layer could not be read at this epoch: {reason}").format(reason=escaped(reading.reason)))
    else:
        show_reading(reading)
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
        _show_history({label(one.name): one.overview for one in (dump, other) if one is not None}, layer, series)
    if batch is not None:
        _show_study(_studied(batch))


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
        show_table(table, caches.result(study_directions, rows, slices=WORST_SLICES), {})
    with parts:
        _show_parts(rows)
    show_worst(table, note, rows, WORST_SLICES)


def show_links(dump: OpenDump, layer: str, epoch: Epoch) -> None:
    """The way to the other pages, which show the layer that is open here."""
    st.session_state[LOOKED_AT] = dump.overview.members[layer, epoch]
    st.markdown("**{title}**".format(title=_("Look at this layer on another page")))
    titles = {"distributions": _("Distributions"), "bound": _("Bound"), "methods": _("Methods")}
    for place, (view, title) in zip(st.columns(6)[:3], titles.items(), strict=True):
        place.page_link(f"views/{view}/{view}.py", label=title, width="stretch")


def show_code(dump: OpenDump, layer: str, epoch: Epoch) -> None:
    """The lines of Python that give the numbers of one layer."""
    inspection = dump.inspection
    place = inspection.title if inspection.allowed is None else str(inspection.path)  # an upload has no place
    name = dump.overview.members[layer, epoch]
    member = inspection.member(name)
    layout = inspection.layout_of(member)
    options = "" if member.axes < 3 or layout is None else f", layout={layout!r}"
    with st.expander(_("The same in Python")):
        st.code(
            "from analysis.dumps import Layout, inspect\n"
            "from analysis.survey.overview import read_member, rows_read, survey\n\n"
            f"dump = inspect({place!r}{options})\n"
            f"member = dump.member({name!r})\n"
            "print(survey(read_member(dump, member), total=member.rows, rows=rows_read(member)))",
            language="python",
        )


def show_matched(dump: OpenDump, other: OpenDump) -> None:
    """Every layer that both dumps have, by the quantity that the overview shows."""
    quantity = QUANTITIES[st.session_state[DUMPS_QUANTITY]]
    shared = [layer for layer in dump.overview.worst(quantity.name) if layer in set(other.overview.layers)]
    if not shared:
        st.warning(_("The two dumps have no layer of the same name. Edit the rule for names above until they agree."))
        return
    names = [label(dump.name), label(other.name)]
    values: dict[str, dict[str, float]] = {name: {} for name in names}
    for layer in shared[:MOST_MATCHED]:
        for name, reading in zip(names, _together(dump.overview, other.overview, layer), strict=True):
            values[name][label(layer)] = getattr(reading, quantity.name) if reading else float("nan")
    title = translated(quantity.title)
    show_chart(
        matched_layers(values, title),
        key="dumps_matched",
        height=110 + LAYER_PIXELS * min(len(shared), MOST_MATCHED),
        alt=_("{quantity} of {n:,} layers in {first} and in {second}.").format(
            quantity=title, n=len(shared), first=plain(dump.name), second=plain(other.name)
        ),
        about=_("{quantity} of the layers that both dumps have, worst first.").format(quantity=title),
        precise=_about_matched(dump, other, shared),
    )


def _about_matched(dump: OpenDump, other: OpenDump, shared: Sequence[str]) -> str:
    """At which epochs layers are compared, and which are not."""
    said = [_("Each at its latest epoch that both have, else at its latest.")]
    if (left_out := len(shared) - MOST_MATCHED) > 0:
        said.append(_("{n:,} layers that are better in the first dump are left out.").format(n=left_out))
    only = {one.name: [layer for layer in one.overview.layers if layer not in shared] for one in (dump, other)}
    missing = [
        _("only in {dump}: {layers}").format(dump=escaped(name), layers=", ".join(map(escaped, layers[:MOST_NAMED])))
        for name, layers in only.items()
        if layers
    ]
    if missing:
        said.append(_("Not compared, {missing}.").format(missing="; ".join(missing)))
    return " ".join(said)


def _together(first: Overview, second: Overview, layer: str) -> tuple[LayerReading | None, LayerReading | None]:
    """Readings of a layer at the latest epoch that both have, else at the latest of each."""
    readable = [{e: r for e, r in one.history(layer) if isinstance(r, LayerReading)} for one in (first, second)]
    both = [epoch for epoch in readable[0] if epoch in readable[1]]
    if both:
        return readable[0][both[-1]], readable[1][both[-1]]
    latest = [next(reversed(one.values()), None) for one in readable]
    return latest[0], latest[1]


def _show_histogram(dump: OpenDump, layer: str, epoch: Epoch, batch: ActivationBatch, other: OpenDump | None) -> None:
    """The layer's values, and beside them those of another epoch or layer, or of the same layer in another dump."""
    nothing = _("nothing")
    left, middle, right = st.columns([3, 2, 2], vertical_alignment="bottom")
    cells = {
        f"{name}, {_epoch_name(at)}": (name, at) for name, at in dump.overview.cells if (name, at) != (layer, epoch)
    }
    ordered = sorted(cells, key=lambda label: cells[label][0] != layer)
    _forget("dumps_beside", [nothing, *ordered])
    beside = left.selectbox(_("Beside it"), [nothing, *ordered], key="dumps_beside", bind="query-params")
    log_density = middle.toggle(_("Logarithmic density"), key="dumps_log_density", bind="query-params")
    log_values = right.toggle(
        _("Logarithmic values"),
        key="dumps_log_values",
        bind="query-params",
        help=_("Only positive activations have a place on a logarithmic axis."),
    )
    mark = f"{dump.name}: " if other else ""
    batches = {f"{mark}{layer}, {_epoch_name(epoch)}": batch}
    try:
        if beside != nothing:
            batches[mark + beside] = DumpMember(dump.inspection, dump.overview.members[cells[beside]]).batch()
        if other is not None and other.overview.history(layer):
            at = epoch if (layer, epoch) in other.overview.members else other.overview.history(layer)[-1][0]
            there = DumpMember(other.inspection, other.overview.members[layer, at]).batch()
            batches[f"{other.name}: {layer}, {_epoch_name(at)}"] = there
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
        honest_histograms(
            {label(name): one for name, one in histograms.items()}, log_density=log_density, log_values=log_values
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


def _show_history(found: Mapping[str, Overview], layer: str, series: Mapping[str, Mapping[float, np.ndarray]]) -> None:
    """The layer over the epochs: distances with what N(0, I) has, and distributions. `series` holds values by epoch."""
    from analysis.survey.history import read_history

    histories = {name: read_history(found[name], layer) for name in series}
    first = next(iter(histories.values()))
    bands = null_bands(Distances(SLICES), first.n, first.d, draws=layer_over_epochs.GAUSSIAN_DRAWS)
    layer_over_epochs.show_distances(
        {name: [history] for name, history in histories.items()},
        {_("N(0, I) of this size"): {key: (band.low, band.high) for key, band in bands.items()}},
        layer,
        epochs=max(float(history.epochs[-1]) for history in histories.values()),
        key="dumps_distances",
    )
    view = layer_over_epochs.choose_view(HEAT_MAP, key="dumps_as")
    some = np.concatenate([thinned(part, EPOCH_VALUES // 10) for own in series.values() for part in own.values()])
    low, high = map(float, histogram(some).edges[[0, -1]])
    there = max(len(one.history(layer)) for one in found.values())
    layer_over_epochs.show_densities(
        series,
        layer,
        view,
        limits=(low, high),
        key="dumps_history",
        note=_about_drawn(max(map(len, series.values())), there),
    )


def _about_drawn(drawn: int, there: int) -> str:
    """How much of every epoch, and how many of the epochs, the distributions show; to be added to what is said."""
    values = _(" At most {values:,} values of each epoch, drawn at random.").format(values=EPOCH_VALUES)
    if drawn == there:
        return values
    return values + _(" {drawn:,} of {there:,} epochs are drawn.").format(drawn=drawn, there=there)


def _values_over_epochs(dump: OpenDump, layer: str) -> Mapping[float, np.ndarray]:
    """Values of the layer by epoch, of those that can be read."""
    found = {}
    readable = [e for e, one in dump.overview.history(layer) if e is not None and isinstance(one, LayerReading)]
    for epoch in _evenly(readable, MOST_EPOCHS) if readable else []:
        values = DumpMember(dump.inspection, dump.overview.members[layer, epoch]).values(EPOCH_VALUES)
        if values.size:
            found[epoch] = values
    return found


def _studied(batch: ActivationBatch) -> ActivationBatch | None:
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

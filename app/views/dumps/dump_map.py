"""All layers of a dump at all epochs: the map, the warnings in words, and what can be taken away."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Literal, Self, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from analysis.dumps.plan.plan import PLAN_FILE
from analysis.plain_text import file_stem, plain
from analysis.survey.cell import Epoch
from analysis.survey.layer_reading import MOST_ROWS, LayerReading
from analysis.survey.overview import Overview
from analysis.survey.warnings import FEWEST_ROWS, ListedWarning, list_warnings, unjudged
from app.charts.chart import show_chart
from app.charts.dumps import Field, map_height, overview_map
from app.sections.export import offer_table
from app.session.controls import choose_offered, one_of
from app.session.keys import DUMPS_EPOCH, DUMPS_LAYER, DUMPS_LOOK, DUMPS_QUANTITY, DUMPS_VIEW
from app.text.caption import show_statement
from app.text.language import _, language, translated, visitor_texts
from app.text.plain import escaped, label, tick_labels
from app.views.dumps.dump_source import OpenDump
from app.views.dumps.statement import about_statement, dump_statement

MOST_LAYERS, MOST_CELLS, MOST_GROUPS = 100, 5_000, 4  # of the map
MOST_WARNINGS, WARNINGS_PIXELS = 8, 420  # more of them scroll
MOST_NAMED = 6  # of the layers in a sentence
RELATIVE = "sw1_in_bands"  # the quantity that is given over what N(0, I) has
LAYERS = "layers"  # the view that a click on the map opens
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facets:
    """The groups of a dump side by side: splits, seeds, methods.

    Attributes:
        found: the overview.
        groups: those that have columns of their own; one without a name where there are none, or too many.
        rows: group and layer -> row of the overview.
    """

    found: Overview
    groups: tuple[str, ...]
    rows: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, found: Overview) -> Self:
        """Of an overview: two to four groups lie side by side, more are told by the names of the rows."""
        rows = {found.group_of(row): row for row in found.layers}
        groups = tuple(dict.fromkeys(group for group, _ in rows))
        if not 1 < len(groups) <= MOST_GROUPS:
            return cls(found, ("",), {("", row): row for row in found.layers})
        return cls(found, groups, rows)

    def layers(self, rows: Sequence[str]) -> list[str]:
        """The layers of these rows, each once."""
        layer_of = {row: layer for (_, layer), row in self.rows.items()}
        return list(dict.fromkeys(layer_of[row] for row in rows))

    def columns(self, epochs: Sequence[Epoch]) -> dict[str, tuple[str, Epoch]]:
        """Name of a column -> its group, and one of these epochs that the group has."""
        there = {(group, epoch) for (group, _), row in self.rows.items() for epoch, _ in self.found.history(row)}
        return {
            label(f"{group}, {column(epoch)}") if group else column(epoch): (group, epoch)
            for group in self.groups
            for epoch in epochs
            if (group, epoch) in there
        }

    def widths(self, columns: Mapping[str, tuple[str, Epoch]]) -> dict[str, int]:
        """What stands above the columns of each group, and how many it has; nothing where there is one group."""
        if len(self.groups) == 1:
            return {}
        count = Counter(group for group, _ in columns.values())
        return {label(group) or _("others"): count[group] for group in self.groups}

    def field(self, layer: str, group: str, epoch: Epoch) -> Field:
        """What is known of a layer there, and how many arrays its member joins."""
        cell = self.rows.get((group, layer), ""), epoch
        return self.found.cells.get(cell), self.found.joined.get(cell, 0)


def show_overview(dump: OpenDump) -> None:
    """What is said first of a dump, the map, and warnings in words."""
    found = dump.overview
    warnings = list_warnings(found)
    show_statement(dump_statement(found, warnings), about_statement())
    quantities = found.quantities
    titles = {name: translated(one.title) for name, one in quantities.items()}
    left, right = st.columns([1, 2])
    choose_offered(DUMPS_QUANTITY, list(titles))
    quantity = left.selectbox(
        _("Colour"), list(titles), format_func=titles.__getitem__, key=DUMPS_QUANTITY, bind="query-params"
    )
    orders = {"worst": _("worst first"), "network": _("in network order")}
    order = one_of(_("Rows"), list(orders), "worst", key="dumps_order", place=right, show=orders.__getitem__)
    facets = Facets.of(found)
    worst_first = facets.layers(found.worst(quantity))
    kept = set(worst_first[:MOST_LAYERS])
    shown = [layer for layer in (facets.layers(found.layers) if order == "network" else worst_first) if layer in kept]
    columns = facets.columns(evenly(found.epochs, MOST_CELLS // (len(shown) * len(facets.groups))))
    names_shown = {label(layer): layer for layer in shown}
    ordinary = _ordinary(found) if quantity == RELATIVE else {}

    def open_cell(x: str, y: str) -> None:
        group, epoch = columns[x]
        st.session_state[DUMPS_LAYER] = facets.rows.get((group, names_shown[y]), found.layers[0])
        st.session_state[DUMPS_EPOCH], st.session_state[DUMPS_VIEW] = column(epoch), LAYERS
        st.session_state[DUMPS_LOOK] = True

    show_chart(
        partial(
            overview_map,
            [[facets.field(layer, *place) for place in columns.values()] for layer in shown],
            tick_labels(shown),
            {name: column(epoch) for name, (_, epoch) in columns.items()},
            quantities[quantity],
            ordinary,
            facets.widths(columns),
            has_epochs=found.epochs != (None,),
        ),
        key="dumps_overview",
        height=map_height(len(shown), groups=len(facets.groups) - 1),
        alt=_("{quantity} of {layers:,} layers at {epochs:,} epochs. The worst layer is {worst}.").format(
            quantity=titles[quantity], layers=len(worst_first), epochs=len(found.epochs), worst=plain(worst_first[0])
        ),
        about=_about_map(titles[quantity], ordinary, is_pooled=quantities[quantity].is_pooled),
        precise=_map_in_detail(
            found,
            layers=len(worst_first) - len(shown),
            epochs=len(found.epochs) - len({epoch for _, epoch in columns.values()}),
        ),
        on_point=open_cell,
    )
    table = _show_warnings(found, warnings)
    places = st.columns(5)
    offer_table(pd.DataFrame(found.as_rows()), _("Overview"), places[:2], key="dumps_numbers")
    offer_table(table, _("Warnings"), places[2:4], key="dumps_troubles")
    with places[4]:
        _offer_report(dump)


def _ordinary(found: Overview) -> dict[int, float]:
    """Number of units -> the largest SW1 of Gaussian batches of as many, over its mean."""
    from analysis.distances.shipped_bands import gaussian_ratios

    units = {reading.d for reading in found.cells.values() if isinstance(reading, LayerReading)}
    return {d: gaussian_ratios(d)[1] for d in units}


def _about_map(quantity: str, ordinary: Mapping[int, float], *, is_pooled: bool) -> str:
    """What is drawn, and what is grey."""
    drawn = _(
        "{quantity}: the further up the colour scale, the worse; a click on a field, or arrow keys and Enter, open it."
    ).format(quantity=quantity)
    if is_pooled:
        pooled = _("Binned: the middle of the bounds, of all values pooled and not of the rows.")
        return f"{drawn} {pooled}"
    if not ordinary:
        return drawn
    narrow, wide = min(ordinary), max(ordinary)
    if ordinary[narrow] == ordinary[wide]:
        grey = _("Grey cannot be told from N(0, I): up to {most:.2f}.").format(most=ordinary[wide])
    else:
        grey = _(
            "Grey cannot be told from N(0, I): up to {most:.2f} for d = {d:,}, {least:.2f} for d = {wide:,}."
        ).format(most=ordinary[narrow], d=narrow, least=ordinary[wide], wide=wide)
    return f"{drawn} {grey}"


def _map_in_detail(found: Overview, *, layers: int, epochs: int) -> str:
    """What exactly the map shows; so many better layers and epochs between are left out of it."""
    said = [
        _(
            "Of each member at most {rows:,} rows are read. SW1 is divided by its mean over Gaussian batches of as many"
            " rows."
        ).format(rows=MOST_ROWS)
        if found.has_rows
        else "",
        _gaussian_ratios({reading.d for reading in found.cells.values() if isinstance(reading, LayerReading)}),
        _("Colours change by ratio where they span more than a factor of 20."),
        _("**!** could not be read; an empty field has no member."),
        _("Network order is the order of the names, numbers in them counted as numbers."),
    ]
    if found.has_bins:
        said.append(
            _(
                "Binned members are histograms: W1, mean and variance of all their values are known within bounds, and"
                " – stands for what bins do not tell."
            )
        )
    if layers:
        said.append(_("{n:,} better layers are in the tables only.").format(n=layers))
    if epochs:
        said.append(_("{n:,} epochs between are in the tables only.").format(n=epochs))
    return " ".join(filter(None, said))


def _gaussian_ratios(units: Collection[int]) -> str:
    """What N(0, I) itself has, of the narrowest and of the widest layer; empty without units."""
    from analysis.distances.shipped_bands import DRAWS, gaussian_ratios

    if not units:
        return ""
    spans = {d: gaussian_ratios(d) for d in sorted({min(units), max(units)})}
    named = [
        _("{low:.2f} to {high:.2f} at d = {d:,}").format(low=low, high=high, d=d) for d, (low, high) in spans.items()
    ]
    return _("{draws:,} batches of N(0, I) had {spans}, with 1,000 rows and alike with others.").format(
        draws=DRAWS, spans="; ".join(named)
    )


def _offer_report(dump: OpenDump) -> None:
    """The whole dump as one file."""
    st.download_button(
        _("Report as HTML"),
        partial(_report, dump, language()),
        f"{file_stem(dump.inspection.path.stem)}.html",
        "text/html",
        on_click="ignore",
        key="dumps_report",
        help=_("One HTML file: warnings, overview, a histogram of each layer, and the members."),
        width="stretch",
    )


def _report(dump: OpenDump, spoken: str) -> str:
    """The report, when somebody asks for it; a plan that was edited is the file that it shows."""
    from analysis.survey.origin import Origin
    from analysis.survey.report import report_html

    plan = "" if dump.inspection.is_as_proposed else PLAN_FILE
    origin = Origin(date=date.today().isoformat(), plan=plan, language=spoken)
    return report_html(dump.inspection, dump.overview, origin)


def _show_warnings(found: Overview, warnings: Sequence[ListedWarning]) -> pd.DataFrame:
    """What the rules found, in words; the table with the names as they are."""
    from analysis.survey.sentences import warning_sentence, warning_title

    texts = visitor_texts()
    rows = [
        [
            one.layer,
            f"{warning_title(one.warning.kind, texts)}, {warning_title(one.warning.severity, texts)}",
            _span(one.epochs, len(found.epochs)),
            warning_sentence(one.warning.kind, one.warning.figures, texts),
        ]
        for one in warnings
    ]
    table = pd.DataFrame(rows, columns=[_("Layer"), _("Warning"), _("At epoch"), _("What was found, and what to try")])
    too_short = unjudged(found)
    if rows:
        st.markdown("**{title}**".format(title=_("Warnings")))
        height: int | Literal["content"] = "content" if len(rows) <= MOST_WARNINGS else WARNINGS_PIXELS
        st.table(table.map(escaped), height=height, hide_index=True, alt=_("Warnings about the layers in words"))
    elif found.has_rows and len(too_short) < len(found.layers):
        st.success(
            _(
                "No issue found: no layer is dead, saturated, exploding, collapsed, rank-deficient or NaN. None has"
                " massive activations, samples that look alike, or values beyond float16."
            )
        )
    if found.has_bins:
        st.info(
            _("Of binned layers, size alone is judged: whether they explode or collapse, where the bounds say so.")
            if rows
            else _("No binned layer is certain to explode or to have collapsed. Bins tell no other issue.")
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


def evenly(epochs: Sequence[T], most: int) -> list[T]:
    """At most so many of them, the first and the last included."""
    chosen = np.unique(np.linspace(0, len(epochs) - 1, min(len(epochs), max(most, 2))).astype(int))
    return [epochs[i] for i in chosen]


def epoch_name(epoch: Epoch) -> str:
    """An epoch behind the name of a layer."""
    return _("no epoch") if epoch is None else _("epoch {epoch}").format(epoch=epoch)


def column(epoch: Epoch) -> str:
    """What a column of the map is called."""
    return _("none") if epoch is None else str(epoch)

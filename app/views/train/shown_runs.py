"""What of one or several comparisons is drawn on the Train page: which networks, which seed, which layers and unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from analysis.plain_text import plain_names
from analysis.survey.history import not_finite_since
from app.session.keys import VIEW_CLIP, VIEW_LAYERS, VIEW_NETWORKS, VIEW_OWN, VIEW_SEED, VIEW_UNIT
from app.text.language import _, said
from app.text.plain import harmless
from app.views.train.differences import read_spec
from app.views.train.titles import method_title

if TYPE_CHECKING:
    from analysis.runs.comparison import Comparison
    from per_core.recording.run_directory import Run

MOST_NETWORKS, MOST_LAYERS = 6, 5


@dataclass(frozen=True, slots=True)
class Network:
    """One method of one comparison, as often as it was repeated.

    Attributes:
        comparison: the title of its comparison.
        label: of the method there.
        runs: by seed, those that have a record.
        lost: seed -> since when and why its numbers are no longer finite, in words.
        complete: up to this epoch all methods of its comparison have been recorded.
        is_text: whether it learns a text.
    """

    comparison: str
    label: str
    runs: "Mapping[int, Run]"
    lost: Mapping[int, str]
    complete: float
    is_text: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What is looked at.

    Attributes:
        networks: those that are drawn, by name, which is fit for any place.
        seed: the one of which single runs are drawn; a network that has not got it shows its first.
        layers: names, as they are.
        unit: position among the tracked units, from 0.
        epochs: the end of the axes.
    """

    networks: Mapping[str, Network]
    seed: int
    layers: Sequence[str]
    unit: int
    epochs: float

    @property
    def is_text(self) -> bool:
        """Whether the networks learn a text, of several comparisons the first."""
        return next(iter(self.networks.values())).is_text

    @property
    def runs(self) -> "dict[str, Run]":
        """One run of each network."""
        return {name: _run_of(network, self.seed) for name, network in self.networks.items()}

    def having(self, layer: str) -> "dict[str, Run]":
        """Those of the runs that have the layer."""
        return {name: run for name, run in self.runs.items() if layer in run.layers}

    def tracked_units(self, layer: str, position: int) -> list[int]:
        """Which unit of a layer is followed at a position, in each of the runs that have the layer; mostly the same."""
        latest = (
            next(record.layers[layer] for record in reversed(run.records) if layer in record.layers)
            for run in self.having(layer).values()
        )
        return list(dict.fromkeys(summary.tracked[position].unit for summary in latest))

    def row_title(self, layer: str) -> str:
        """The layer and the unit that is drawn, as the records call it."""
        units = " / ".join(map(str, self.tracked_units(layer, self.unit)))
        return _("{layer}, unit {unit}").format(layer=layer, unit=units)


def networks_of(comparisons: "Sequence[tuple[str, Comparison]]") -> dict[str, Network]:
    """The networks of comparisons with their titles, by unique names.

    Those of the first go by their method alone, a script's run by its title.
    """
    found: dict[str, Network] = {}
    for place, (title, comparison) in enumerate(comparisons):
        by_label: dict[str, dict[int, Run]] = {}
        for (label, seed), run in comparison.runs.items():
            if run.records:
                by_label.setdefault(label, {})[seed] = run
        spec = read_spec(comparison)
        is_text = spec is not None and spec.data.is_text
        complete = comparison.status.epoch if comparison.status.is_live else float("inf")
        for label, runs in by_label.items():
            name = _name(method_title(label), title, beside=place > 0) if comparison.spec else title
            reasons = {seed: _loss(comparison.diverged.get((label, seed)), run) for seed, run in runs.items()}
            lost = {seed: reason for seed, reason in reasons.items() if reason}
            found[_unused(harmless(name), found)] = Network(title, label, runs, lost, complete, is_text)
    return found


def _name(method: str, title: str, *, beside: bool) -> str:
    return f"{method} ({title})" if beside else method


def _loss(diverged: tuple[int, str] | None, run: "Run") -> str:
    """Why a run is lost, or nothing."""
    if diverged is not None:
        return _("diverged at epoch {epoch}: {reason}").format(epoch=diverged[0], reason=said(diverged[1]))
    since = not_finite_since(run)
    if since is None:
        return ""
    text = _("holds NaN or infinite values from epoch {epoch} on, first in {layer}")
    return text.format(epoch=since[0], layer=since[1])


def _unused(name: str, taken: Mapping[str, object]) -> str:
    number = 2
    unused = name
    while unused in taken:
        unused = f"{name}, {number}"
        number += 1
    return unused


def _run_of(network: Network, seed: int) -> "Run":
    return network.runs.get(seed) or next(iter(network.runs.values()))


def choose_shown(networks: Mapping[str, Network], epochs: float) -> Shown:
    """Networks, seed, layers and unit; an early, a middle and a late layer to begin with."""
    chosen = list(networks)[:MOST_NETWORKS]
    if len(networks) > MOST_NETWORKS:
        chosen = (
            st.multiselect(
                _("Networks"),
                list(networks),
                default=chosen,
                key=VIEW_NETWORKS,
                bind="query-params",
                max_selections=MOST_NETWORKS,
                help=_("At most {most} are drawn together; the table of results has all.").format(most=MOST_NETWORKS),
            )
            or chosen
        )
    left, middle, right, last = st.columns([4, 2, 2, 1], vertical_alignment="bottom")
    seeds = sorted({seed for network in networks.values() for seed in network.runs})
    seed = seeds[0]
    if len(seeds) > 1:
        seed = last.selectbox(
            _("Seed"),
            seeds,
            key=VIEW_SEED,
            bind="query-params",
            help=_("Figure 2 and the distributions show one seed; a network without it shows its first."),
        )
    some = Shown({name: networks[name] for name in chosen}, seed, (), 0, epochs)
    names = list(next(iter(some.runs.values())).layers)
    common = [name for name in names if all(name in run.layers for run in some.runs.values())] or names
    opening = [common[i] for i in sorted({min(1, len(common) - 1), len(common) // 2, max(0, len(common) - 2)})]
    layers = (
        left.multiselect(
            _("Layers"),
            names,
            default=opening,
            format_func=plain_names(names).__getitem__,
            key=VIEW_LAYERS,
            max_selections=MOST_LAYERS,
            bind="query-params",
        )
        or opening
    )
    units = {
        position: _tracked_unit(position, [some.tracked_units(layer, position) for layer in layers])
        for position in range(_tracked(some, layers))
    }
    unit = middle.selectbox(
        _("Tracked unit"),
        list(units),
        format_func=units.__getitem__,
        key=VIEW_UNIT,
        bind="query-params",
        help=_("A few random units of each layer are recorded in full, each at every epoch."),
    )
    with right:
        st.toggle(
            _("Clip variance"),
            value=True,
            key=VIEW_CLIP,
            bind="query-params",
            help=_("The axis of the variance ends at 5, as in the paper. One diverging unit would flatten the others."),
        )
        st.toggle(
            _("Own scales"),
            key=VIEW_OWN,
            bind="query-params",
            help=_("Each network has a vertical axis of its own. Widths can be compared on a shared one only."),
        )
    return Shown(some.networks, seed, layers, unit, epochs)


def _tracked_unit(position: int, units: Sequence[Sequence[int]]) -> str:
    """One of the tracked units: its number, and its place in each of the layers, once where they agree."""
    own = list(dict.fromkeys(" / ".join(map(str, of_layer)) for of_layer in units))
    places = own if len(own) == 1 else [" / ".join(map(str, of_layer)) for of_layer in units]
    return _("{number}: unit {units}").format(number=position + 1, units=", ".join(places))


def _tracked(shown: Shown, layers: Sequence[str]) -> int:
    """How many units every network follows in every one of the layers."""
    return min(
        len(summary.tracked)
        for layer in layers
        for run in shown.having(layer).values()
        for record in run.records
        if (summary := record.layers.get(layer)) is not None
    )

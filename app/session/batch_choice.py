"""The batch a visitor looks at: chosen once in the sidebar, kept on every page and in the address.

Widget keys start with `data_` and are public: they are the names in the URL. The values a client sends are checked
again on the server, because a link or a modified client can hold anything.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

from analysis.batch import ActivationBatch
from analysis.plain_text import plain, plain_names
from analysis.samples import CASE_TITLES, CASES, DIMENSIONS, FILLS, SIZES, Case, SampleSpec, draw
from app.session import caches, services
from app.session.controls import one_of, whole_number
from app.session.dumped import DumpMember
from app.text.language import _, language_in_address, translated
from app.text.plain import escaped, harmless
from per_core.errors import PerError
from per_core.recording.epoch import parse_epoch
from per_core.recording.run_directory import Run, open_run
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.dumps import Inspection, Member

MAX_VALUES = 1_048_576
FIGURE1, RECORDING, RUN, DUMP = "Figure 1", "Recording", "Run", "Dump"
_SOURCES = {FIGURE1: N_("Figure 1"), RECORDING: N_("Recording"), RUN: N_("Run"), DUMP: N_("Dump")}
SHIPPED_RUN = Path(__file__).parents[2] / "assets" / "runs" / "digits_elu"
OPENED = "opened_dump"  # the inspection of the dump that this session looks at
LOOKED_AT = "looked_at"  # the member of it that is open on Dumps; the other pages begin with it
_DEFAULT = SampleSpec(
    seed=5,  # a typical draw: by every statistic it says of each case what the population says
    skewness=1.41,
    left_weight=0.44,
    left_mean=-0.93,
    left_sd=0.68,
    right_mean=0.73,
    right_sd=0.47,
)
_SHAPE = {
    "rho": (N_("(b) correlation ρ"), -1.0, 1.0),
    "skewness": (N_("(c) skewness of x"), 0.05, 4.0),
    "left_weight": (N_("(d) weight of the left mode"), 0.01, 0.99),
    "left_mean": (N_("(d) mean of the left mode"), -4.0, 0.0),
    "left_sd": (N_("(d) width of the left mode"), 0.05, 3.0),
    "right_mean": (N_("(d) mean of the right mode"), 0.0, 4.0),
    "right_sd": (N_("(d) width of the right mode"), 0.05, 3.0),
}
_PLACE = {"shift": (N_("Shift of every unit"), -4.0, 4.0), "scale": (N_("Scale of every unit"), 0.0, 4.0)}
_CASES = {
    "a": N_("x and y are independent N(0, 1): the target."),
    "b": N_("x and y are N(0, 1) with correlation ρ."),
    "c": N_("x is a standardised Gamma variable, y is N(0, 1)."),
    "d": N_("x is a mixture of two normals, y is N(0, 1)."),
}
_FILLS = {"independent": N_("N(0, 1) each"), "pairs": N_("the structure of the first two, repeated")}


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen: a sample's spec, or a layer and an epoch of a run or of a dump."""

    spec: SampleSpec | None
    layer: str = ""
    epoch: float = 0
    run: Run | None = None
    dump: "Inspection | None" = None
    member: str = ""

    def batch(self) -> ActivationBatch:
        """The chosen batch (cached)."""
        if self.spec is not None:
            return caches.shared(draw, self.spec)
        return self.at_epoch(self.epoch) if self.dump is None else DumpMember(self.dump, self.member).view()

    @property
    def epochs(self) -> list[float]:
        """The epochs that a run or a dump has of the layer."""
        if self.dump is not None:
            return sorted(self._members_by_epoch())
        assert self.run is not None
        return [record.epoch for record in self.run.records if self.layer in record.layers]

    def at_epoch(self, epoch: float) -> ActivationBatch:
        """The same layer at another epoch."""
        if self.dump is not None:
            return DumpMember(self.dump, self._members_by_epoch()[epoch]).view()
        assert self.run is not None
        index = next(record.index for record in self.run.records if record.epoch == epoch)
        return caches.shared(run_batch, self.run, index, self.layer)

    def _members_by_epoch(self) -> dict[float, str]:
        assert self.dump is not None
        own = self.dump.member(self.member)
        return {
            one.epoch: one.name
            for one in self.dump.readable
            if one.epoch is not None and (one.layer, one.split, one.units) == (own.layer, own.split, own.units)
        }

    def with_case(self, case: Case) -> "Choice":
        """The same sample settings with another case of Figure 1."""
        return self if self.spec is None else replace(self, spec=replace(self.spec, case=case))


def run_batch(run: Run, index: int, layer: str) -> ActivationBatch:
    """The recorded rows and units of one layer in one record."""
    arrays = run.arrays(index, [layer])[layer]
    epoch = run.record(index).epoch
    some = "" if arrays.rows.shape[1] == arrays.d else f", {arrays.rows.shape[1]} of {arrays.d} units"
    name = f"{run.title or run.path.name}, {layer}, epoch {epoch}{some}"
    return ActivationBatch(arrays.rows, harmless(name), layer=layer, epoch=epoch, source="run")


def choose_batch(*, on_dumps: bool) -> Choice:
    """Draw the sidebar's controls and return what they say; stop the page with a message if it cannot be drawn.

    Who comes from Dumps sees the layer that is open there.
    """
    if not on_dumps and LOOKED_AT in st.session_state:
        st.session_state["data_source"] = DUMP
        st.session_state["data_dumped"] = st.session_state.pop(LOOKED_AT)
    with st.sidebar:
        source = one_of(
            _("Batch"), list(_SOURCES), FIGURE1, key="data_source", show=lambda name: translated(_SOURCES[name])
        )
        choose = {FIGURE1: _choose_sample, RECORDING: _choose_recorded, RUN: _choose_run, DUMP: _choose_dumped}
        choice = choose[source]()
        st.button(_("Reset"), on_click=_reset, help=_("Back to the batch that the dashboard opens with."))
    return choice


def _choose_sample() -> Choice:
    case = one_of(
        _("Case of Figure 1"),
        CASES,
        _DEFAULT.case,
        key="data_case",
        hint=_("Distributions shows all four; the other pages look at this one."),
    )
    st.caption(f"({case}) {translated(CASE_TITLES[case])}: {translated(_CASES[case])}")
    n = st.select_slider(_("Samples n"), SIZES, value=_DEFAULT.n, key="data_n", bind="query-params")
    dim = st.select_slider(_("Units d"), DIMENSIONS, value=_DEFAULT.dim, key="data_dim", bind="query-params")
    fill = _DEFAULT.fill
    if dim > 2:
        fill = st.radio(
            _("Units beyond the first two"),
            FILLS,
            captions=[translated(_FILLS[fill]) for fill in FILLS],
            key="data_fill",
            bind="query-params",
        )
    about_seed = _("The page opens on a typical draw. With other seeds some statistics change sides: see which.")
    seed = whole_number(_("Seed"), 0, 999_999, _DEFAULT.seed, key="data_seed", hint=about_seed)
    with st.expander(_("Shape of the cases")):
        shape = _sliders(_SHAPE)
        st.caption(_("Every unit is standardised to mean 0 and variance 1 in population."))
    with st.expander(_("Shift and scale")):
        place = _sliders(_PLACE)
        st.caption(_("Applied to all four cases. BN removes both."))
    if n * dim > MAX_VALUES:
        fits = max(size for size in SIZES if size * dim <= MAX_VALUES)
        st.error(
            _(
                "A batch may hold at most {most:,} values; n = {n:,} with d = {d} is {values:,}. Choose n = {fits:,} or"
                " fewer, or fewer units."
            ).format(most=MAX_VALUES, n=n, d=dim, values=n * dim, fits=fits)
        )
        st.stop()
    try:
        return Choice(SampleSpec(case=case, n=n, dim=dim, seed=seed, fill=fill, **shape, **place))
    except PerError as error:
        st.error(escaped(error))
        st.stop()


def _sliders(table: dict[str, tuple[str, float, float]]) -> dict[str, Any]:
    """One slider for each field of the sample spec in the table."""
    return {
        name: st.slider(
            translated(label), low, high, getattr(_DEFAULT, name), 0.01, key=f"data_{name}", bind="query-params"
        )
        for name, (label, low, high) in table.items()
    }


def _choose_recorded() -> Choice:
    """A layer of the run that ships with the dashboard."""
    run = open_run(SHIPPED_RUN)
    layers, accuracies = tuple(run.layers), {record.epoch: record.scalars["test_accuracy"] for record in run.records}
    layer = st.radio(_("Layer"), layers, index=_middle(layers), key="data_layer", bind="query-params")
    epoch = st.select_slider(_("Epoch"), list(accuracies), value=max(accuracies), key="data_epoch", bind="query-params")
    st.caption(
        _(
            "A deep network without normalisation while it learns to read handwritten digits. Test accuracy at epoch"
            " {epoch}: {accuracy:.1%}."
        ).format(epoch=epoch, accuracy=accuracies[epoch])
    )
    return Choice(None, layer, epoch, run)


def _choose_run() -> Choice:
    """A layer of a run in the library; without one, say where runs come from and show the opening sample."""
    from analysis.runs.library import open_comparison

    try:
        entries = [entry for entry in services.run_library().list_runs() if entry.state != "damaged"]
    except PerError as error:
        st.error(escaped(str(error)))
        return Choice(_DEFAULT)
    if not entries:
        st.info(_("No run yet: train one on Train, or write one with the Recorder. Shown is the opening sample."))
        return Choice(_DEFAULT)
    ids = {run_label(entry.id, entry.title): entry.id for entry in entries}
    run_id = ids[st.selectbox(_("Run"), list(ids), key="data_run", bind="query-params")]
    try:
        runs = {
            member_name(key): run
            for key, run in open_comparison(services.run_library().path(run_id)).runs.items()
            if run.records
        }
    except PerError as error:
        st.error(escaped(error))
        return Choice(_DEFAULT)
    if not runs:
        st.info(_("This run has no record yet. Shown is the opening sample."))
        return Choice(_DEFAULT)
    run = runs[st.selectbox(_("Network"), list(runs), key="data_member", bind="query-params")]
    layers = plain_names(run.layers)
    layer = st.selectbox(
        _("Layer"),
        list(layers),
        index=_middle(tuple(layers)),
        format_func=layers.__getitem__,
        key="data_run_layer",
        bind="query-params",
    )
    epochs = [str(record.epoch) for record in run.records if layer in record.layers]
    epoch = st.select_slider(_("Epoch"), epochs, value=epochs[-1], key="data_run_epoch", bind="query-params")
    summary = run.records[-1].layers[layer]
    st.caption(
        _("{rows:,} of {n:,} rows and {units} of {d:,} units: those that the record of this layer keeps.").format(
            rows=summary.kept_rows, n=summary.n, units=min(run.allowance.units, summary.d), d=summary.d
        )
    )
    return Choice(None, layer, parse_epoch(epoch), run)


def _choose_dumped() -> Choice:
    """A member of the dump that is open on Dumps."""
    inspection = st.session_state.get(OPENED)
    if inspection is None or not inspection.readable:
        st.info(_("No dump is open: open one on Dumps. Shown is the opening sample."))
        return Choice(_DEFAULT)
    names = [member.name for member in inspection.readable]
    if st.session_state.get("data_dumped", names[0]) not in names:
        del st.session_state["data_dumped"]
    labels = {member.name: _member_label(member) for member in inspection.readable}
    unique = len(set(labels.values())) == len(names)
    name = st.selectbox(
        _("Member"),
        names,
        key="data_dumped",
        format_func=labels.__getitem__ if unique else str,
        help=_("A layer of the dump that is open on Dumps, at one epoch."),
    )
    member = inspection.member(name)
    try:
        batch = DumpMember(inspection, name).view()
    except PerError as error:
        st.error(escaped(error))
        return Choice(_DEFAULT)
    if (batch.n, batch.d) != (member.rows, member.units):
        st.caption(
            _(
                "{rows:,} of {n:,} rows and {units:,} of {d:,} units, evenly spread: about a million finite values in"
                " at most 2,048 units."
            ).format(rows=batch.n, n=member.rows, units=batch.d, d=member.units)
        )
    return Choice(None, harmless(member.layer or name), member.epoch or 0, dump=inspection, member=name)


def _member_label(member: "Member") -> str:
    at_epoch = "" if member.epoch is None else _("epoch {epoch}").format(epoch=member.epoch)
    parts = [member.split, member.layer or member.name, at_epoch]
    return ", ".join(part for part in parts if part)


def member_name(key: tuple[str, int]) -> str:
    """A method and seed of a comparison as one name."""
    return f"{plain(key[0])}, seed {key[1]}"


def run_label(run_id: str, title: str) -> str:
    """A run for the eye and for the address: its title, and the end of its id, as titles can be the same."""
    return f"{title} ({run_id[-5:]})"


def run_query(run_id: str, title: str, member: str, layer: str, epoch: str) -> str:
    """The query of an address that shows one layer of a run at one epoch."""
    return urlencode(
        {
            "data_source": translated(_SOURCES[RUN]),
            "data_run": run_label(run_id, title),
            "data_member": member,
            "data_run_layer": layer,
            "data_run_epoch": epoch,
            **language_in_address(),
        }
    )


def _middle(options: tuple[str, ...]) -> int:
    return len(options) // 2


def _reset() -> None:
    """Put every control that is on the page back to its default, which also clears it from the address."""
    shipped = open_run(SHIPPED_RUN)
    layers = tuple(shipped.layers)
    defaults = {f"data_{name}": value for name, value in _DEFAULT.as_dict().items()}
    defaults |= {
        "data_source": FIGURE1,
        "data_seed": float(_DEFAULT.seed),
        "data_layer": layers[_middle(layers)],
        "data_epoch": shipped.records[-1].epoch,
    }
    for key in defaults.keys() & st.session_state.keys():
        st.session_state[key] = defaults[key]

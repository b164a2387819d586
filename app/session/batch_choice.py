"""The batch a visitor looks at: chosen once in the sidebar, kept on every page and in the address.

What the sidebar offers is in `batch_fields`. The values a client sends are checked again on the server, because a link
or a modified client can hold anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.batch import ActivationBatch
from analysis.drawing import Drawing, DrawnSpec, Kind, draw_batch
from analysis.plain_text import plain, plain_names
from analysis.runs.shipped import SHIPPED
from analysis.samples import CASE_TITLES, SIZES, Case, SampleSpec, draw
from app.session import caches, services
from app.session.address import kept_in_address
from app.session.batch_fields import (
    DEFAULT,
    DRAWN,
    DRAWN_KEYS,
    DUMP,
    FIGURE1,
    RECORDING,
    RUN,
    drawn_fields,
    middle,
    recorded_fields,
    sample_fields,
    source_field,
)
from app.session.canvas import leave_address
from app.session.dumped import DumpMember
from app.session.fields import Field, OneOf, draw_fields, held_values
from app.session.keys import DATA_DUMPED, DATA_SOURCE, LOOKED_AT, OPENED_DUMP
from app.text.language import _, translated, visitor_texts
from app.text.plain import escaped, harmless
from per_core.errors import PerError
from per_core.recording.epoch import parse_epoch
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.dumps import Inspection, Member
    from per_core.recording.run_directory import Run

T = TypeVar("T")
MAX_VALUES = 1_048_576
SHIPPED_RUN = SHIPPED / "digits_elu"
_CASES = {
    "a": N_("x and y are independent N(0, 1): the target."),
    "b": N_("x and y are N(0, 1) with correlation ρ."),
    "c": N_("x is a standardised Gamma variable, y is N(0, 1)."),
    "d": N_("x is a mixture of two normals, y is N(0, 1)."),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen: a sample's spec, a drawing's, or a layer and an epoch of a run or of a dump."""

    spec: SampleSpec | None
    drawn: DrawnSpec | None = None
    layer: str = ""
    epoch: float = 0
    run: "Run | None" = None
    dump: "Inspection | None" = None
    member: str = ""

    def batch(self) -> ActivationBatch:
        """The chosen batch (cached)."""
        if self.spec is not None:
            return caches.shared(draw, self.spec)
        if self.drawn is not None:
            return caches.shared(draw_batch, self.drawn)
        return self.at_epoch(self.epoch) if self.dump is None else DumpMember(self.dump, self.member).view()

    @property
    def title(self) -> str:
        """The chosen batch in a line."""
        if self.drawn is not None:
            text = (
                _("Drawn density, n = {n}, d = {d}")
                if self.drawn.drawing.kind == "density"
                else _("Drawn cloud, n = {n}, d = {d}")
            )
            return text.format(n=self.drawn.n, d=self.drawn.dim)
        if self.run is not None:
            place = _("{layer}, epoch {epoch}").format(layer=harmless(self.layer), epoch=self.epoch)
            return f"{harmless(translated(self.run.title) or self.run.path.name)}, {place}"
        if self.spec is None:
            return self.batch().name
        return _("({case}) {name}, n = {n}, d = {d}").format(
            case=self.spec.case, name=translated(CASE_TITLES[self.spec.case]), n=self.spec.n, d=self.spec.dim
        )

    @property
    def epochs(self) -> list[float]:
        """The epochs that a run or a dump has of the layer; a drawing has none."""
        if self.drawn is not None:
            return []
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
            for one in self.dump.loadable
            if one.epoch is not None and (one.layer, one.split, one.units) == (own.layer, own.split, own.units)
        }

    def with_case(self, case: Case) -> "Choice":
        """The same sample settings with another case of Figure 1."""
        return self if self.spec is None else replace(self, spec=replace(self.spec, case=case))


def run_batch(run: "Run", index: int, layer: str) -> ActivationBatch:
    """The recorded rows and units of one layer in one record."""
    arrays = run.arrays(index, [layer])[layer]
    epoch = run.record(index).epoch
    some = "" if arrays.rows.shape[1] == arrays.d else f", {arrays.rows.shape[1]} of {arrays.d} units"
    name = f"{run.name}, {layer}, epoch {epoch}{some}"
    return ActivationBatch(arrays.rows, harmless(name), layer=layer, epoch=epoch, source="run")


class _RefusedError(Exception):
    """Why there is no batch as it was asked for, in the visitor's language. Markdown."""


def choose_batch(place: DeltaGenerator) -> Choice:
    """Draw the controls of the sidebar and return what they say; stop the page with a message if it cannot be drawn.

    Who comes from Dumps sees the layer that is open there of a dump of their own; the example waits to be asked for.
    """
    if LOOKED_AT in st.session_state:
        st.session_state[DATA_DUMPED], is_brought = st.session_state.pop(LOOKED_AT)
        if is_brought:
            st.session_state[DATA_SOURCE] = DUMP
    with place:
        source = source_field().draw()
        if source != DRAWN:
            leave_address(*DRAWN_KEYS.values())
        choose = {
            FIGURE1: _choose_sample,
            DRAWN: _choose_drawn,
            RECORDING: _choose_recorded,
            RUN: _choose_run,
            DUMP: _choose_dumped,
        }
        choice: Choice | None = None
        refusal = ""
        try:
            choice = choose[source]()
        except _RefusedError as refused:
            refusal = str(refused)
        st.button(_("Reset"), on_click=_reset, help=_("Back to the batch that the dashboard opens with."))
    if refusal:  # on the page itself: on a phone the sidebar is folded away
        st.error(refusal)
        st.stop()
    if choice is None:
        st.info(_("Nothing is drawn yet. Draw on the canvas in the sidebar, or begin with a shape there."))
        st.stop()
    return choice


def _choose_sample() -> Choice:
    fields = sample_fields()
    values = draw_fields(fields.case)
    case: Case = values["case"]
    st.caption(f"({case}) {translated(CASE_TITLES[case])}: {translated(_CASES[case])}")
    values |= draw_fields(fields.size)
    with st.expander(_("Shape of the cases")):
        values |= draw_fields(fields.shape)
        st.caption(_("Every unit is standardised to mean 0 and variance 1 in population."))
    with st.expander(_("Shift and scale")):
        values |= draw_fields(fields.affine)
        st.caption(_("Applied to all four cases. BN removes both."))
    _check_size(values["n"], values["dim"])
    try:
        return Choice(SampleSpec.from_dict(values))
    except PerError as error:
        raise _RefusedError(escaped(error)) from error


def _choose_drawn() -> Choice | None:
    """What a visitor draws; None as long as that is nothing."""
    values = draw_fields(drawn_fields())
    kind: Kind = values["kind"]
    leave_address(*(key for other, key in DRAWN_KEYS.items() if other != kind))
    _check_size(values["n"], values["dim"])
    drawing = Drawing.from_address(kind, values["drawing"])
    return None if drawing.is_empty else Choice(None, DrawnSpec(drawing, values["n"], values["dim"], values["seed"]))


def _check_size(n: int, dim: int) -> None:
    """Refuse a batch that would be too large."""
    if n * dim > MAX_VALUES:
        fits = max(size for size in SIZES if size * dim <= MAX_VALUES)
        raise _RefusedError(
            _(
                "A batch may hold at most {most:,} values; n = {n:,} with d = {d} is {values:,}. Choose n = {fits:,} or"
                " fewer, or fewer units."
            ).format(most=MAX_VALUES, n=n, d=dim, values=n * dim, fits=fits)
        )


def _choose_recorded() -> Choice:
    """A layer of the run that ships with the dashboard."""
    run = _shipped_run()
    values = draw_fields(_shipped_fields(run))
    layer, epoch = values["layer"], values["epoch"]
    accuracy = next(record.scalars["test_accuracy"] for record in run.records if record.epoch == epoch)
    st.caption(
        _(
            "A deep network without normalisation while it learns to read handwritten digits. Test accuracy at epoch"
            " {epoch}: {accuracy:.1%}."
        ).format(epoch=epoch, accuracy=accuracy)
    )
    return Choice(None, layer=layer, epoch=epoch, run=run)


def _shipped_run() -> "Run":
    from per_core.recording.run_directory import open_run  # brings torch, which the opening chart needs not

    return open_run(SHIPPED_RUN)


def _shipped_fields(run: "Run") -> tuple[Field[Any], ...]:
    return recorded_fields(tuple(run.layers), [record.epoch for record in run.records])


def _choose_run() -> Choice:
    """A layer of a run in the library; without one, say where runs come from and show the opening sample."""
    from analysis.runs.library import open_comparison
    from analysis.survey.sentences import row_sentence

    try:
        entries = [entry for entry in services.run_library().list_runs() if entry.state != "damaged"]
    except PerError as error:
        st.error(escaped(error))
        return Choice(DEFAULT)
    if not entries:
        st.info(_("No run yet: train one on Train, or write one with the Recorder. Shown is the opening sample."))
        return Choice(DEFAULT)
    ids = {run_label(entry.id, entry.title): entry.id for entry in entries}
    run_id = ids[_one_of("data_run", _("Run"), list(ids))]
    try:
        runs = {
            key: run for key, run in open_comparison(services.run_library().path(run_id)).runs.items() if run.records
        }
    except PerError as error:
        st.error(escaped(error))
        return Choice(DEFAULT)
    if not runs:
        st.info(_("This run has no record yet. Shown is the opening sample."))
        return Choice(DEFAULT)
    run = runs[_one_of("data_member", _("Network"), list(runs), show=member_name)]
    layers = plain_names(run.layers)
    layer = _one_of("data_run_layer", _("Layer"), list(layers), middle(list(layers)), show=layers.__getitem__)
    epochs = [str(record.epoch) for record in run.records if layer in record.layers]
    epoch = _one_of("data_run_epoch", _("Epoch"), epochs, epochs[-1], look="steps")
    summary, row = run.records[-1].layers[layer], run.records[-1].rows.get(layer)
    kept = _("{rows:,} of {n:,} rows and {units} of {d:,} units: those that the record of this layer keeps.").format(
        rows=summary.kept_rows, n=summary.n, units=min(run.allowance.units, summary.d), d=summary.d
    )
    st.caption(kept + (f" {row_sentence(row, visitor_texts())}" if row else ""))
    return Choice(None, layer=layer, epoch=parse_epoch(epoch), run=run)


def _one_of(key: str, label: str, options: Sequence[T], default: T | None = None, **more: Any) -> T:
    """One of what a run has; the first, if no other is the default."""
    opening = options[0] if default is None else default
    return OneOf(path=key, key=key, label=label, default=opening, options=options, **more).draw()


def _choose_dumped() -> Choice:
    """A member of the dump that is open on Dumps."""
    inspection = st.session_state.get(OPENED_DUMP)
    if inspection is None or not inspection.readable:
        st.info(_("No dump is open: open one on Dumps. Shown is the opening sample."))
        return Choice(DEFAULT)
    if not inspection.loadable:
        st.info(_("The open dump has histograms and no values to look at here. Shown is the opening sample."))
        return Choice(DEFAULT)
    names = [member.name for member in inspection.loadable]
    if st.session_state.get(DATA_DUMPED, names[0]) not in names:
        del st.session_state[DATA_DUMPED]
    labels = {member.name: _member_label(member) for member in inspection.loadable}
    unique = len(set(labels.values())) == len(names)
    name = st.selectbox(
        _("Member"),
        names,
        key=DATA_DUMPED,
        format_func=labels.__getitem__ if unique else str,
        persist_state="session",
        help=_("A layer of the dump that is open on Dumps, at one epoch."),
    )
    member = inspection.member(name)
    try:
        batch = DumpMember(inspection, name).view()
    except PerError as error:
        st.error(escaped(error))
        return Choice(DEFAULT)
    if (batch.n, batch.d) != (member.rows, member.units):
        st.caption(
            _(
                "{rows:,} of {n:,} rows and {units:,} of {d:,} units, evenly spread: about a million finite values in"
                " at most 2,048 units."
            ).format(rows=batch.n, n=member.rows, units=batch.d, d=member.units)
        )
    layer = harmless(member.layer or name)
    return Choice(None, layer=layer, epoch=member.epoch or 0, dump=inspection, member=name)


def _member_label(member: "Member") -> str:
    at_epoch = "" if member.epoch is None else _("epoch {epoch}").format(epoch=member.epoch)
    parts = [member.split, member.layer or member.name, at_epoch]
    return ", ".join(part for part in parts if part)


def member_name(key: tuple[str, int]) -> str:
    """A method and seed of a comparison as one name."""
    return _("{method}, seed {seed}").format(method=plain(key[0]), seed=key[1])


def run_label(run_id: str, title: str) -> str:
    """A run for the eye and for the address: its title, and the end of its id, as titles can be the same."""
    return f"{title} ({run_id[-5:]})"


def run_query(run_id: str, title: str, member: str, layer: str, epoch: str) -> str:
    """The query of an address that shows one layer of a run at one epoch."""
    return urlencode(
        {
            DATA_SOURCE: source_field().linked(RUN),
            "data_run": run_label(run_id, title),
            "data_member": member,
            "data_run_layer": layer,
            "data_run_epoch": epoch,
            **kept_in_address(),
        }
    )


def _reset() -> None:
    """Put every control that is on the page back to its default, which also clears it from the address."""
    leave_address(*DRAWN_KEYS.values())
    fields: list[Field[Any]] = [
        source_field(),
        *drawn_fields(),
        *sample_fields().all(),
        *_shipped_fields(_shipped_run()),
    ]
    for key, value in held_values(fields, {}).items():
        if key in st.session_state:
            st.session_state[key] = value

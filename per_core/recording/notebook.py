"""What a notebook shows of a run and of its layers: static HTML, see `per_core.templates`. It is in English."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from per_core.plain_text import plain
from per_core.recording.layer_record import LayerSummary
from per_core.recording.recorded_layer import RecordedLayer
from per_core.recording.run_files import ending, is_closed
from per_core.sparkline import Sparkline
from per_core.templates import LONGEST_NAME, templates_in

if TYPE_CHECKING:
    from per_core.recording.run_directory import Run

MOST_LAYERS, MOST_REMARKS, MOST_SCALARS, MOST_EPOCHS = 30, 10, 8, 6
MANY_DEAD = 0.5  # of the units: a layer that hardly does its work


@dataclass(frozen=True, slots=True)
class _Quantity:
    """A number of a summary, as a column of the run or a row of a layer: what it is called, its value, and its text."""

    title: str
    of: Callable[[LayerSummary], float]
    text: Callable[[LayerSummary], str]


def _plain(title: str, name: str) -> _Quantity:
    return _Quantity(title, lambda one: float(getattr(one, name)), lambda one: f"{getattr(one, name):.3g}")


_COLUMNS = (
    _plain("variance", "variance"),
    _Quantity("SW1 to N(0, I)", lambda one: one.sw1, lambda one: f"{one.sw1:.3g} ± {one.sw1_margin:.2g}"),
    _plain("PER", "per"),
    _Quantity("dead units", lambda one: one.dead, lambda one: f"{one.dead:.0%}"),
)
_ROWS = (
    *_COLUMNS,
    _plain("mean", "mean"),
    _plain("mean square", "mean_square"),
    _Quantity("NaN or infinite", lambda one: one.n_nan + one.n_inf, lambda one: f"{one.n_nan + one.n_inf:,}"),
)


def run_html(run: Run) -> str:
    """A run: how far it has come, what is wrong, and its layers over the epochs, worst first."""
    layers = [run.layer(name) for name in run.worst_first[:MOST_LAYERS]]
    return (
        templates_in(Path(__file__).parent)
        .get_template("run.html.jinja")
        .render(
            run=run,
            counted=_counted(run),
            scalars=_scalars(run),
            remarks=_remarks(run)[:MOST_REMARKS],
            titles=[column.title for column in _COLUMNS],
            layers=[
                (layer.name, [(_line(layer, column), column.text(layer.last)) for column in _COLUMNS])
                for layer in layers
            ],
            more=len(run.layers) - len(layers),
        )
    )


def layer_html(layer: RecordedLayer) -> str:
    """A layer: its quantities over the epochs."""
    return _layer_page(
        layer.name,
        [("epochs", _span(layer.epochs[0], layer.epochs[-1])), *_size(layer.last)],
        [(row.title, row.text(layer.summaries[0]), row.text(layer.last)) for row in _ROWS],
        [_line(layer, row) for row in _ROWS],
    )


def summary_html(summary: LayerSummary) -> str:
    """A layer at one epoch: its quantities."""
    return _layer_page("", _size(summary), [(row.title, "", row.text(summary)) for row in _ROWS], [])


def _layer_page(
    name: str, counted: list[tuple[str, str]], rows: list[tuple[str, str, str]], lines: list[Sparkline]
) -> str:
    template = templates_in(Path(__file__).parent).get_template("layer.html.jinja")
    return template.render(name=name, counted=counted, rows=rows, lines=lines)


def _line(layer: RecordedLayer, quantity: _Quantity) -> Sparkline:
    return Sparkline(layer.epochs, [quantity.of(one) for one in layer.summaries])


def _size(summary: LayerSummary) -> list[tuple[str, str]]:
    return [("rows", f"{summary.n:,}"), ("units", f"{summary.d:,}")]


def _counted(run: Run) -> list[tuple[str, str]]:
    """What stands at the top."""
    said = [
        ("state", _state(run)),
        ("records", f"{len(run.records):,}"),
        ("layers", f"{len(run.layers):,}"),
    ]
    if run.records:
        said.insert(1, ("epochs", _span(run.records[0].epoch, run.records[-1].epoch)))
    told = [(name, str(run.description[name])) for name in ("method", "seed") if name in run.description]
    return said + [(name, plain(text, LONGEST_NAME)) for name, text in told]


def _state(run: Run) -> str:
    """How it has ended, if it has; earlier versions closed a run without a word."""
    return ending(run.path) or ("finished" if is_closed(run.path) else "open: being written, or cut short")


def _span(first: float, last: float) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def _scalars(run: Run) -> list[tuple[str, Sparkline, float]]:
    """The first scalars over the epochs, and their last values."""
    names = list(dict.fromkeys(name for record in run.records for name in record.scalars))[:MOST_SCALARS]
    found = []
    for name in names:
        pairs = [(record.epoch, record.scalars[name]) for record in run.records if name in record.scalars]
        epochs, values = zip(*pairs, strict=True)
        found.append((name, Sparkline(epochs, values), values[-1]))
    return found


def _remarks(run: Run) -> list[tuple[str, str]]:
    """Severity and sentence of what nobody should overlook: values and units that are lost, records that are missing.

    The layer that lost them first comes first.
    """
    layers = [run.layer(name) for name in run.layers]
    lost = sorted(
        (found for layer in layers for found in (_not_finite(layer), _dead(layer)) if found), key=lambda one: one[0]
    )
    remarks = [("severe", text) for _, text in lost]
    if run.missing is not None:
        first, last = run.missing
        when = f"at epoch {first}" if first == last else f"from epoch {first} to epoch {last}"
        remarks.append(("mild", f"Records are missing {when}, as they could not be written."))
    if run.repeated:
        some = ", ".join(map(str, run.repeated[:MOST_EPOCHS])) + ", ..." * (len(run.repeated) > MOST_EPOCHS)
        remarks.append(("mild", f"Epochs with several records, of which the last counts: {some}."))
    return remarks


def _not_finite(layer: RecordedLayer) -> tuple[float, str] | None:
    """The first epoch that has NaN or infinite values, and how many."""
    for epoch, one in zip(layer.epochs, layer.summaries, strict=True):
        if count := one.n_nan + one.n_inf:
            name = plain(layer.name, LONGEST_NAME)
            of = f"{count:,} of {one.n * one.d:,} values"
            return epoch, f"{name}: {of} are NaN or infinite at epoch {epoch}, the first that has any."
    return None


def _dead(layer: RecordedLayer) -> tuple[float, str] | None:
    """Since when, to the last epoch, half of the units or more never change."""
    alive = [not one.dead >= MANY_DEAD for one in layer.summaries]
    if alive[-1]:
        return None
    since = layer.epochs[len(alive) - alive[::-1].index(True) if True in alive else 0]
    name = plain(layer.name, LONGEST_NAME)
    share = f"{layer.last.dead:.0%} of {layer.last.d:,} units"
    return since, f"{name}: {share} never change at epoch {layer.epochs[-1]}; half or more since epoch {since}."

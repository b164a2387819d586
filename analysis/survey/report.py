"""The report of a dump: one HTML file that needs nothing else, holds aggregates only and stays below 3 MB.

Nothing of the dump gets into the file but as escaped and shortened text, and the file forbids itself every script and
every outside resource. What would make it too long is left out, and the report says how much that is.
"""

from __future__ import annotations

import html
import math
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from analysis.distances.shipped_bands import DRAWS, gaussian_ratios
from analysis.dumps import Inspection, Member, Verdict
from analysis.plain_text import plain
from analysis.statistics.histogram import Histogram
from analysis.survey.layer_words import kind_sentence, warning_title
from analysis.survey.overview import (
    BLOCKS,
    MOST_ROWS,
    QUANTITIES,
    SLICES,
    Epoch,
    LayerReading,
    Overview,
    epoch_label,
    overview,
)
from analysis.survey.warnings import FEWEST_ROWS, ListedWarning, list_warnings, unjudged
from per_core.errors import InvalidInputError

MOST_MEMBERS = 200
MOST_LAYERS = 100
MOST_EPOCHS = 40
MOST_WARNINGS = 200
MOST_NAMED = 20  # of the layers that could not be judged
LONGEST_NAME = 100
LONGEST_SENTENCE = 500
WIDTH, HEIGHT = 320, 110  # of a histogram
CURVE_POINTS = 65
SUFFIXES = (".html", ".htm")
TITLE = "PERscope report: "  # by which an earlier report is told from any other file, too
PACKAGES = ("torch", "numpy", "scipy", "safetensors")


@dataclass(frozen=True, slots=True)
class HeatScale:
    """How one quantity is coloured: seven levels of fixed limits, so that reports compare and no outlier hides others.

    Attributes:
        quantity: its name.
        meaning: what a person must know to read it.
        limits: of `Quantity.badness`, six; a value is coloured by how many of them it exceeds.
        legend: the limits in words.
        shown: the value as text.
    """

    quantity: str
    meaning: str
    limits: tuple[float, ...]
    legend: str
    shown: Callable[[float], str]


def _number(value: float) -> str:
    return f"{value:.3g}"


def _share(value: float) -> str:
    return f"{value:.1%}"


HEAT_SCALES = (
    HeatScale(
        "sw1_in_bands",
        "Sliced Wasserstein-1 distance to N(0, I), divided by what Gaussian batches of the same size have: about 1 is"
        " as close as a sample can be.",
        (1.5, 3, 6, 12, 25, 50),
        "above 1.5, 3, 6, 12, 25, 50",
        _number,
    ),
    HeatScale(
        "per",
        "The PER loss: 1.128 for N(0, I), 0.798 if everything is 0. It measures size and spread, not how Gaussian the"
        " layer is.",
        (0.9, 1.05, 1.2, 1.5, 2, 4),
        "above 0.9, 1.05, 1.2, 1.5, 2, 4",
        _number,
    ),
    HeatScale(
        "variance",
        "Mean over the units; 1 for N(0, I).",
        tuple(math.log(factor) for factor in (1.5, 3, 10, 30, 100, 1000)),
        "off 1 by a factor above 1.5, 3, 10, 30, 100, 1000, either way",
        _number,
    ),
    HeatScale(
        "dead",
        "Share of the units that never change.",
        (0.01, 0.05, 0.1, 0.2, 0.5, 0.9),
        "above 1 %, 5 %, 10 %, 20 %, 50 %, 90 %",
        _share,
    ),
    HeatScale(
        "effective_rank_share",
        "How many directions share the variance, divided by the number of units.",
        (-0.5, -0.25, -0.1, -0.05, -0.02, -0.01),
        "below 50 %, 25 %, 10 %, 5 %, 2 %, 1 %",
        _share,
    ),
)


def write_report(
    inspection: Inspection, out: str | Path, *, on_progress: Callable[[int, int], None] | None = None
) -> Overview:
    """Read a dump and write its report; the overview that it shows is returned.

    Args:
        inspection: of the dump.
        out: the file, .html or .htm, outside of the dump; an earlier report is replaced at once when this one is
            complete.
        on_progress: called as on_progress(members done, members in total).

    Raises:
        InvalidInputError: If the file cannot be written or must not be, before anything of the dump is read.
    """
    path = Path(out)
    _require_place(path, inspection.path)
    seen = overview(inspection, on_progress=on_progress)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(report_html(inspection, seen), encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _unwritable(path, error.strerror or str(error)) from error
    return seen


def _require_place(path: Path, dump: Path) -> None:
    """A report takes the place of nothing but an earlier report, and is told so before hours of reading."""
    place, source = path.resolve(), dump.resolve()
    if place.is_relative_to(source):
        raise InvalidInputError(
            f"A report is written outside of the dump, which it would overwrite or become a part of; {path} is"
            f" {'the dump itself' if place == source else f'in {dump.name}'}. Name a file elsewhere."
        )
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidInputError(
            f"A report is a web page, {' or '.join(SUFFIXES)}; received {path}. Name it {path.name or 'report'}.html."
        )
    if path.is_dir():
        raise _unwritable(path, "it is a folder")
    if not path.parent.is_dir():
        raise _unwritable(path, "there is no such folder")
    if not os.access(path.parent, os.W_OK):
        raise _unwritable(path, "nothing may be written into its folder")
    if os.path.lexists(path) and not _is_report(path):
        raise InvalidInputError(
            f"A report takes the place of an earlier report alone; {path} is another file. Name a new file, or remove"
            " this one first."
        )


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return f"<title>{TITLE}".encode() in file.read(1024)
    except OSError:
        return False


def _unwritable(path: Path, reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"A report is written to a file in a folder that exists; {path} cannot be written: {reason}. Name another file."
    )


def report_html(inspection: Inspection, seen: Overview) -> str:
    """The report as a string, from an inspection and its overview."""
    warnings = list_warnings(seen)
    layers = seen.worst("sw1_in_bands")[:MOST_LAYERS]
    parts = [
        _head(inspection.title),
        _summary(inspection, seen, warnings),
        _warning_section(warnings, len(seen.epochs), unjudged(seen)),
        *_heat_sections(seen, layers),
        _histogram_section(seen, layers),
        _member_section(inspection),
        _method_section(),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _head(name: str) -> str:
    title = f"{TITLE}{name}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_name(title)}</title><style>{STYLE}</style></head><body><main><h1>{_name(title)}</h1>"
    )


def _summary(inspection: Inspection, seen: Overview, warnings: Sequence[ListedWarning]) -> str:
    severe = sum(one.warning.severity == "severe" for one in warnings)
    unread = sum(isinstance(reading, str) for reading in seen.cells.values())
    facts = (
        ("layers", len(seen.layers)),
        ("epochs", len(seen.epochs)),
        ("members", len(inspection.members)),
        ("read", len(seen.cells) - unread),
        ("failed", unread),
        ("refused", len(inspection.refused)),
        ("without a layout", len(inspection.ambiguous)),
        ("other files", len(inspection.ignored)),
        ("severe warnings", severe),
        ("mild warnings", len(warnings) - severe),
    )
    return "<dl>" + "".join(f"<div><dt>{label}</dt><dd>{count:,}</dd></div>" for label, count in facts) + "</dl>"


def _warning_section(warnings: Sequence[ListedWarning], epochs: int, few_rows: Sequence[str]) -> str:
    items = []
    for one in warnings[:MOST_WARNINGS]:
        last = epoch_label(one.epochs[-1])
        when = last if len(one.epochs) == 1 else f"at {len(one.epochs)} of {epochs} epochs, told for {last}"
        items.append(
            f'<li class="{one.warning.severity}"><b>{_name(one.layer)}</b> {_name(warning_title(one.warning.kind))}'
            f" ({one.warning.severity}; {when}). {_sentence(one.warning.sentence)}</li>"
        )
    listed = f"<ul>{''.join(items)}</ul>" if items else "<p>No issue found by the rules.</p>"
    return f"<h2>Warnings</h2>{listed}{_left_out(len(warnings), MOST_WARNINGS, 'warnings')}{_not_judged(few_rows)}"


def _not_judged(layers: Sequence[str]) -> str:
    if not layers:
        return ""
    named = ", ".join(_name(layer) for layer in layers[:MOST_NAMED])
    more = f" and {len(layers) - MOST_NAMED:,} more" if layers[MOST_NAMED:] else ""
    return (
        f"<p>Dead, saturated and rank-deficient layers are told from {FEWEST_ROWS} finite rows on. Fewer have, and"
        f" could not be judged: {named}{more}.</p>"
    )


def _heat_sections(seen: Overview, layers: Sequence[str]) -> Iterable[str]:
    epochs = seen.epochs[-MOST_EPOCHS:]
    yield "<h2>Layers and epochs</h2><p>Worst layers first, by SW1. An empty field has no member, – is not defined,"
    yield " ! could not be read: see the warnings.</p>"
    yield _left_out(len(seen.layers), MOST_LAYERS, "layers") + _left_out(len(seen.epochs), MOST_EPOCHS, "epochs")
    heads = "".join(f'<th scope="col">{"" if epoch is None else epoch}</th>' for epoch in epochs)
    for scale in HEAT_SCALES:
        rows = "".join(
            f'<tr><th scope="row">{_name(layer)}</th>'
            + "".join(_heat_cell(seen.cells.get((layer, epoch)), scale) for epoch in epochs)
            + "</tr>"
            for layer in layers
        )
        yield (
            f"<h3>{QUANTITIES[scale.quantity].title}</h3><p>{scale.meaning} Colours: {scale.legend}.</p>"
            f'<div class="wide"><table class="heat"><thead><tr><th scope="col">layer / epoch</th>{heads}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )


def _heat_cell(reading: LayerReading | str | None, scale: HeatScale) -> str:
    if reading is None:
        return "<td></td>"
    if isinstance(reading, str):
        return "<td>!</td>"
    value = getattr(reading, scale.quantity)
    if math.isnan(value):
        return "<td>–</td>"
    badness = QUANTITIES[scale.quantity].badness(value)
    return f"<td class=l{sum(badness > limit for limit in scale.limits)}>{scale.shown(value)}</td>"


def _histogram_section(seen: Overview, layers: Sequence[str]) -> str:
    shown = [layer for layer in layers if layer in seen.histograms]
    figures = "".join(_figure(layer, *_latest(seen, layer), seen.histograms[layer]) for layer in shown)
    return (
        "<h2>Distributions</h2><p>The values that were looked at of each layer at its latest epoch that could be read:"
        " their density (filled) and that of N(0, 1) (line). The range leaves out far outliers; they are counted below"
        " and above it.</p>"
        f'<div class="figures">{figures}</div>'
    )


def _latest(seen: Overview, layer: str) -> tuple[Epoch, LayerReading]:
    return next(
        (epoch, reading) for epoch, reading in reversed(seen.history(layer)) if isinstance(reading, LayerReading)
    )


def _figure(layer: str, epoch: Epoch, reading: LayerReading, counted: Histogram) -> str:
    low, high = float(counted.edges[0]), float(counted.edges[-1])
    top = float(counted.density.max()) or 1.0
    counts = (
        f"n {counted.n:,} · below {counted.n_below:,} · above {counted.n_above:,} · NaN {counted.n_nan:,} · infinite"
        f" {counted.n_inf:,}"
    )
    kind = f"{_sentence(kind_sentence(reading.kind))} · " if reading.kind else ""
    return (
        f"<figure><figcaption><b>{_name(layer)}</b> {epoch_label(epoch)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 16}" role="img" aria-label="Histogram of {_name(layer)}">'
        f'<path class="bars" d="{_bars(counted, top)}"/><path class="curve" d="{_normal_curve(low, high, top)}"/>'
        f'<text x="0" y="{HEIGHT + 13}">{low:.4g}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 13}" text-anchor="end">{high:.4g}</text></svg>'
        f"<small>{kind}{counts}</small></figure>"
    )


def _bars(counted: Histogram, top: float) -> str:
    """The outline of the density: up and down at every edge."""
    width = WIDTH / len(counted.counts)
    steps = [f"V{HEIGHT * (1 - y / top):.1f}H{width * (i + 1):.1f}" for i, y in enumerate(counted.density.tolist())]
    return f"M0,{HEIGHT}{''.join(steps)}V{HEIGHT}Z"


def _normal_curve(low: float, high: float, top: float) -> str:
    """The density of N(0, 1) where it fits into the picture."""
    path, drawing = [], False
    for i in range(CURVE_POINTS):
        share = i / (CURVE_POINTS - 1)
        z = low + share * (high - low)
        y = math.exp(-min(z * z / 2, 700.0)) / math.sqrt(2 * math.pi) / top
        if y <= 1:
            path.append(f"{'L' if drawing else 'M'}{WIDTH * share:.1f},{HEIGHT * (1 - y):.1f}")
        drawing = y <= 1
    return "".join(path)


def _member_section(inspection: Inspection) -> str:
    order: dict[Verdict, int] = {"refused": 0, "ambiguous": 1, "ok": 2}
    members = sorted(inspection.members, key=lambda member: order[member.verdict])
    rows = "".join(_member_row(member) for member in members[:MOST_MEMBERS])
    heads = "".join(f'<th scope="col">{head}</th>' for head in MEMBER_HEADS)
    count = Counter(member.verdict for member in members)
    counts = ", ".join(f"{count[verdict]:,} {verdict}" for verdict in order if count[verdict])
    return (
        f"<h2>Members of the dump</h2><details><summary>{counts}</summary>"
        f'<div class="wide"><table class="members"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"{_left_out(len(members), MOST_MEMBERS, 'members')}</details>"
    )


MEMBER_HEADS = ("member", "shape", "type", "bytes declared", "bytes stored", "layer", "epoch", "verdict", "reason")


def _member_row(member: Member) -> str:
    cells = (
        _name(member.name),
        "?" if member.shape is None else _name(" × ".join(map(str, member.shape)) or "()"),
        _name(member.dtype or "?"),
        "?" if member.declared is None else f"{member.declared:,}",
        "?" if member.stored is None else f"{member.stored:,}",
        _name(member.layer or ""),
        "" if member.epoch is None else str(member.epoch),
        f'<span class="{member.verdict}">{member.verdict}</span>',
        _sentence(member.reason or member.note),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _method_section() -> str:
    def ratios(d: int) -> str:
        return "{:.2f} to {:.2f}".format(*gaussian_ratios(d))

    versions = [f"Python {platform.python_version()}", *(f"{package} {version(package)}" for package in PACKAGES)]
    return (
        "<h2>How the numbers were computed</h2><ul>"
        f"<li>Of every member at most {MOST_ROWS:,} rows were looked at, spread evenly; longer members were read in"
        f" {BLOCKS} blocks of rows from the first to the last. Rows with NaN or infinite values are counted and left"
        " out of everything else.</li>"
        f"<li>SW1 is the mean of the exact Wasserstein-1 distance to N(0, 1) over {SLICES} directions that are the same"
        f" for every layer of the same width; its unit is the mean over Gaussian batches of as many rows, in"
        f" closed form. N(0, I) itself had {ratios(1)} with one unit and {ratios(64)} with 64, in {DRAWS} batches.</li>"
        "<li>PER is the exact expectation over all directions, in closed form.</li>"
        "<li>Variances are biased (divided by n), per unit, then averaged. A dead unit never changes in the rows that"
        " were looked at.</li>"
        "<li>Of a layer with few rows or units that are far larger than the others (massive activations), size, spread"
        " and rank are judged without them. What kind of values a layer has is told from the values alone.</li>"
        "<li>The effective rank is exp(−Σ p log p) of the shares p of the eigenvalues of the covariance (after Roy and"
        " Vetterli, 2007). It cannot exceed the number of rows less one.</li>"
        f"</ul><p>{_sentence(', '.join(versions))}</p>"
    )


def _left_out(count: int, most: int, what: str) -> str:
    return f"<p>{count - most:,} more {what} are left out here.</p>" if count > most else ""


def _name(text: str) -> str:
    """A name, in one line: shortened in its middle, without signs that do not print, escaped."""
    return html.escape(plain(text, LONGEST_NAME))


def _sentence(text: str) -> str:
    return html.escape(plain(text, LONGEST_SENTENCE))


def _levels(colours: Sequence[str], light: str, dark: str, light_from: int, light_to: int) -> str:
    """The rules of the seven heat levels, with text that stands out from each."""
    return "".join(
        f".l{level}{{background:{colour};color:{light if light_from <= level <= light_to else dark}}}"
        for level, colour in enumerate(colours)
    )


LIGHT_LEVELS = ("#f3f6fa", "#dbe6f2", "#b9d0e8", "#8db4da", "#5f93c6", "#3a70a8", "#1f4e7f")
DARK_LEVELS = ("#1b2530", "#1f3750", "#245074", "#2d6c9c", "#4a8dc0", "#80b3dc", "#c0daf0")
STYLE = (
    ":root{color-scheme:light dark;--text:#1c2530;--soft:#5a6673;--ground:#fff;--line:#d5dce4;--bars:#8db4da;"
    "--curve:#a33b00;--bad:#a4161a;--warn:#8a5a00}"
    "@media(prefers-color-scheme:dark){:root{--text:#e6ebf0;--soft:#a3afbc;--ground:#11161c;--line:#313b46;"
    "--bars:#2d6c9c;--curve:#ffa86b;--bad:#ff8f8f;--warn:#f2c14e}}"
    "body{margin:0;background:var(--ground);color:var(--text);font:15px/1.5 system-ui,sans-serif}"
    "main{max-width:1200px;margin:auto;padding:1rem 1.5rem 3rem;overflow-wrap:anywhere}"
    "h1{font-size:1.5rem}h2{margin-top:2.2rem;font-size:1.2rem}h3{margin-bottom:0;font-size:1rem}"
    "p{max-width:46rem}small,dt,svg text{color:var(--soft);fill:var(--soft);font-size:12px}"
    "dl{display:flex;flex-wrap:wrap;gap:.5rem 1.75rem}dd{margin:0;font-size:1.25rem}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:12px;font-variant-numeric:tabular-nums}"
    "th,td{padding:3px 7px;border:1px solid var(--line);text-align:left;overflow-wrap:normal}"
    ".heat td{text-align:right;min-width:2.6rem}.heat th[scope=row]{white-space:nowrap;font-weight:400}"
    "summary{cursor:pointer}"
    ".members td{vertical-align:top}.refused,.severe b{color:var(--bad)}.ambiguous,.mild b{color:var(--warn)}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:1.25rem}figure{margin:0}"
    "svg{display:block;width:100%}.bars{fill:var(--bars)}.curve{fill:none;stroke:var(--curve);stroke-width:1.5}"
    + _levels(LIGHT_LEVELS, "#fff", "#10161d", 5, 6)
    + "@media(prefers-color-scheme:dark){"
    + _levels(DARK_LEVELS, "#fff", "#10161d", 0, 3)
    + "}"
)

"""The picture of a run in a terminal: how far it is, its layers worst first with sparklines, and warnings in words."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from analysis.commands.sparkline import sparkline
from analysis.plain_text import message, plain
from analysis.survey.history import Float64Array
from analysis.survey.sentences import warning_title
from analysis.survey.standing import LayerStanding, Standing
from analysis.survey.warnings import LayerWarning

STYLES = {
    "severe": "bold red",
    "mild": "yellow",
    "failed": "bold red",
    "interrupted": "bold red",
    "stopped": "yellow",
    "finished": "green",
}
ASCII = str.maketrans({"…": "~", "×": "x", "÷": "/", "·": "-", "–": "-", "−": "-", "━": "#", "─": "-"})
GAP = "  "  # between columns
NUMBER, SHARE, TIMES, WARNED = 8, 5, 9, 8  # columns of a number, a percentage, a multiple, of warnings at least
NARROWEST, COMFORTABLE, WIDEST = 4, 12, 40  # columns of a sparkline; beside comfortable ones there are multiples
AS_IT_SHOULD_BE = ("recorded", "finished")  # of these there is no reason to give
FEWEST_LAYERS = 5  # that stay beside warnings, however low the terminal is
NAMED = 3  # layers that a warning names


def needs_ascii(encoding: str) -> bool:
    """Whether a terminal shows ASCII alone, by the encoding of its output and the locale that somebody chose."""
    locale = next((os.environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(name)), "")
    return not encoding.lower().startswith("utf") or locale in ("C", "POSIX")


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table of layers: its title, its width in signs, and what stands in it."""

    title: str
    width: int
    cell: Callable[[LayerStanding], Text]
    is_right: bool = False


@dataclass(frozen=True, slots=True)
class StandingPicture:
    """A standing as text, in the width that the terminal has when it is drawn.

    Attributes:
        standing: what is drawn.
        height: lines that it may take; None for as many as it needs. Of what does not fit the worst is shown.
        is_ascii: whether the terminal shows ASCII alone.
        hint: what to press, below the picture.
    """

    standing: Standing
    height: int | None = None
    is_ascii: bool = False
    hint: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Its lines, as rich asks for them."""
        width = options.max_width
        head = [line for text in self._head(width) for line in _wrapped(text, console, width)]
        foot = [Text(), self._note(self.hint, width)] if self.hint else []
        warnings = [_wrapped(text, console, width) for text in self._warnings()]
        room = None if self.height is None else self.height - len(head) - len(foot) - 2  # and a space, and titles
        shown, told = _share(len(self.standing.layers), [len(lines) + 1 for lines in warnings], room)
        yield from head
        yield Text()
        yield from self._table(width, shown)
        for lines in warnings[:told]:
            yield Text()
            yield from lines
        if told < len(warnings):
            yield self._note(f"{len(warnings) - told} more kinds of warnings do not fit.", width)
        yield from foot

    def line(self) -> str:
        """How far it is and what is wrong, for a log."""
        return self._spelt(f"{self._progress()}: {', '.join(self._found()) or 'no warning'}")

    def _found(self) -> list[str]:
        by_kind = self.standing.by_kind.items()
        kinds = [f"{warning_title(kind)} ({len(layers)} of {len(self.standing.layers)})" for kind, layers in by_kind]
        return [*kinds, *(f"{plain(name)} {warning_title(one.kind)}" for name, one in self.standing.of_runs.items())]

    def _head(self, width: int) -> Iterator[Text]:
        """Title and state, progress, and why it is in that state."""
        status = self.standing.status
        state = "recording" if status.state == "recorded" and self.standing.is_live else status.state
        right = self._text(f"{state} on {plain(status.device)}" if status.device else state, STYLES.get(state, "cyan"))
        title = self._text(plain(self.standing.comparison.title), "bold")
        title.truncate(max(1, width - right.cell_len - len(GAP)))
        title.pad_right(max(len(GAP), width - title.cell_len - right.cell_len))
        yield Text.assemble(title, right)
        progress = self._text(self._progress())
        yield Text.assemble(progress, self._bar(width - progress.cell_len - len(GAP)))
        if status.remark is not None and status.state not in AS_IT_SHOULD_BE:
            yield self._text(message(status.message), STYLES.get(state, ""))

    def _progress(self) -> str:
        standing, status = self.standing, self.standing.status
        if standing.epoch is None or standing.written is None:
            return "no record yet"
        parts = [f"epoch {standing.epoch:g}" + ("" if status.epochs is None else f" of {status.epochs}")]
        parts.append(_duration(standing.seconds))
        if standing.is_live:
            left = standing.seconds_left
            parts += [] if left is None else [f"about {_duration(left)} left"]
            parts.append(f"last record {_duration(max(0.0, time.time() - standing.written))} ago")
        return " · ".join(parts)

    def _bar(self, room: int) -> Text:
        epochs, epoch, width = self.standing.status.epochs, self.standing.epoch or 0.0, min(WIDEST, room)
        if not epochs or width < NARROWEST or not self.standing.is_live:
            return Text()
        done = min(width, math.floor(width * epoch / epochs))
        return Text.assemble(GAP, self._text("━" * done, "cyan"), self._text("─" * (width - done), "dim"))

    def _table(self, width: int, shown: int) -> Iterator[Text]:
        """The titles, the worst layers, and how many more there are."""
        layers = self.standing.layers
        if not layers:
            yield self._text("No layer has been recorded yet.")
            return
        columns = self._columns(width)
        yield _row([_cell(self._text(one.title, "dim"), one) for one in columns], width)
        for layer in layers[:shown]:
            yield _row([_cell(one.cell(layer), one) for one in columns], width)
        if shown < len(layers):
            yield self._note(f"{len(layers) - shown:,} more layers do not fit; those above are the worst.", width)

    def _columns(self, width: int) -> list[_Column]:
        """Names and numbers; warnings, multiples and sparklines as far as there is room for them."""
        layers = self.standing.layers
        names = [self._names("layer", self._layer, width // 4)]
        if len(self.standing.comparison.runs) > 1:
            names.insert(0, self._names("method", self._method, width // 6))
        numbers = [  # title, width, curve over the epochs, height of the curve, and the last value
            ("variance", NUMBER, lambda one: one.history.variance, None, _number),
            ("dead", SHARE, lambda one: one.history.dead, 1.0, _percent),
            ("SW1", NUMBER, lambda one: one.history.sw1, None, _number),
        ]
        room = width - sum(one.width + len(GAP) for one in names) - sum(one[1] + len(GAP) for one in numbers)
        longest = max(self._warned(layer).cell_len for layer in layers)
        least = min(max(WARNED, longest), max(WARNED, room // 4)) if longest and room >= WARNED else 0
        room -= least
        with_times = room >= 3 * COMFORTABLE + TIMES + len(GAP)
        room -= (TIMES + len(GAP)) * with_times
        epochs = max(len(layer.history.epochs) for layer in layers)
        spark = min(WIDEST, epochs, room // 3 - 1)
        spark = spark if spark >= min(NARROWEST, epochs) else 0
        room -= 3 * (spark + 1) * (spark > 0)
        found = list(names)
        for title, digits, values, top, said in numbers:
            cell = partial(self._curve_and_value, values=values, spark=spark, digits=digits, top=top, said=said)
            found.append(_Column(title, digits + (spark + 1) * (spark > 0), cell, is_right=not spark))
        if with_times:
            found.append(_Column("÷ N(0, I)", TIMES, lambda one: self._text(_times(one.sw1_in_bands)), is_right=True))
        if least:
            warned = min(max(WARNED, longest), least + room)
            found.append(_Column("warnings", warned, partial(self._warned, width=warned)))
        return found

    def _names(self, title: str, cell: Callable[[LayerStanding], Text], most: int) -> _Column:
        width = max(len(title), *(cell(layer).cell_len for layer in self.standing.layers))
        width = min(width, max(len(title), most))
        return _Column(title, width, lambda layer: self._text(plain(cell(layer).plain, width)))

    def _layer(self, layer: LayerStanding) -> Text:
        return self._text(plain(layer.layer))

    def _method(self, layer: LayerStanding) -> Text:
        method, seed = layer.key
        return self._text(plain(method) if len(self.standing.comparison.seeds) < 2 else f"{plain(method)} s{seed}")

    def _warned(self, layer: LayerStanding, *, width: int | None = None) -> Text:
        """The kinds of its warnings; how many more there are where not all fit."""
        kinds = [self._kind(warning) for warning in layer.warnings]
        said = Text(", ").join(kinds)
        shown = len(kinds)
        while width is not None and said.cell_len > width and shown > 1:
            shown -= 1
            said = Text(", ").join(kinds[:shown]).append(f" +{len(kinds) - shown}", style="dim")
        return said

    def _kind(self, warning: LayerWarning) -> Text:
        return self._text(warning_title(warning.kind), STYLES[warning.severity])

    def _curve_and_value(
        self,
        layer: LayerStanding,
        *,
        values: Callable[[LayerStanding], Float64Array],
        spark: int,
        digits: int,
        top: float | None,
        said: Callable[[float], str],
    ) -> Text:
        """A sparkline, if there is room for one, and the last of its values."""
        curve, last = values(layer), self._text(said(float(values(layer)[-1])).rjust(digits))
        if not spark:
            return last
        drawn = Text(sparkline(curve, spark, top=top, is_ascii=self.is_ascii), style="cyan")
        drawn.pad_right(spark - drawn.cell_len + 1)
        return Text.assemble(drawn, last)

    def _warnings(self) -> Iterator[Text]:
        """What is wrong with whole runs, then a paragraph for each kind of warning, of the layer that is worst."""
        for name, warning in self.standing.of_runs.items():
            yield Text.assemble(self._kind(warning), self._text(f"  {plain(name)}: {message(warning.sentence)}"))
        for found in self.standing.by_kind.values():
            layer, worst = found[0]
            names = ", ".join(self._name(one) for one, _ in found[:NAMED])
            more = f" and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
            first = f" In {self._name(layer)}:" if len(found) > 1 else ""
            yield Text.assemble(self._kind(worst), self._text(f"  {names}{more}.{first} {message(worst.sentence)}"))

    def _name(self, layer: LayerStanding) -> str:
        """A layer with its method, where there are several."""
        name = plain(layer.layer)
        return f"{self._method(layer).plain} / {name}" if len(self.standing.comparison.runs) > 1 else name

    def _note(self, text: str, width: int) -> Text:
        """A line in small print, however narrow the terminal is."""
        return _row([self._text(text, "dim")], width)

    def _text(self, text: str, style: str = "") -> Text:
        return Text(self._spelt(text), style=style)

    def _spelt(self, text: str) -> str:
        """What the terminal can show of it."""
        return text.translate(ASCII).encode("ascii", "backslashreplace").decode() if self.is_ascii else text


def _share(layers: int, paragraphs: Sequence[int], room: int | None) -> tuple[int, int]:
    """How many layers and paragraphs of so many lines fit: paragraphs in half of the room, layers in the rest."""
    if room is None:
        return layers, len(paragraphs)
    least = min(layers, max(FEWEST_LAYERS, room // 2))
    told = len(paragraphs)
    while True:
        left = room - sum(paragraphs[:told]) - (told < len(paragraphs))  # a line says how many more there are
        shown = layers if layers <= left else left - 1
        if shown >= least or told == 0:
            return max(1, shown), told
        told -= 1


def _wrapped(text: Text, console: Console, width: int) -> list[Text]:
    lines = list(text.wrap(console, width))
    for line in lines:
        line.rstrip()
    return lines


def _cell(text: Text, column: _Column) -> Text:
    """A cell in the width of its column."""
    text.truncate(column.width)
    if column.is_right:
        text.pad_left(column.width - text.cell_len)
    else:
        text.pad_right(column.width - text.cell_len)
    return text


def _row(cells: Sequence[Text], width: int) -> Text:
    row = Text(GAP).join(cells)
    row.rstrip()
    row.truncate(width)
    return row


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else _lost(value)


def _lost(value: float) -> str:
    return "NaN" if math.isnan(value) else "infinite"


def _percent(share: float) -> str:
    """0 and 100 % only where that is exact."""
    if not math.isfinite(share):
        return _lost(share)
    if 0 < share < 0.01:
        return "<1 %"
    return f"{min(share, 0.99) if share < 1 else share:.0%}".replace("%", " %")


def _times(ratio: float) -> str:
    if not math.isfinite(ratio):
        return _lost(ratio)
    return f"{ratio:,.0f} ×" if ratio >= 10 else f"{ratio:.2g} ×"


def _duration(seconds: float) -> str:
    """Seconds in two units at most."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours / 24:.0f} days"

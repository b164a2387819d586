"""The overview of a dump: one reading of every layer at every epoch, so that nobody has to open them one by one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import blake2b

import numpy as np

from analysis.dumps import FileVersion, Inspection, Member
from analysis.dumps.inspection import NothingFiniteError
from analysis.progress import Progress, progress_or_line
from analysis.statistics.binned import Bounds
from analysis.statistics.binned_histogram import BinnedHistogram
from analysis.statistics.histogram import Histogram, histogram
from analysis.statistics.moments import Float64Array
from analysis.survey.binned_reading import BinnedReading
from analysis.survey.cell import Cell, Epoch, LayerEpoch, Unread
from analysis.survey.layer_reading import LayerReading, rows_looked_at, survey
from analysis.survey.member_rows import read_member, rows_read
from analysis.survey.quantity import POOLED_QUANTITIES, QUANTITIES, Quantity, badness, quantity_named
from per_core.errors import InvalidInputError, PerError
from per_core.text import N_

HISTOGRAM_BINS = 64
MOST_NAMED = 20  # layers, in an error
RECORDS = ("kind", "outliers", "bulk", "precision")  # of a reading, which are no numbers
ONE_LAYER = "the layer"  # of members whose names tell the epoch alone


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """Readings of all layers at all epochs. In a notebook it shows its warnings and its layers, worst first.

    Attributes:
        source: name of the dump.
        layers: the rows, in the order of the dump. Where a dump has several splits the split comes before the name; a
            member whose name tells no layer is called by its name.
        epochs: the columns, ascending; None, for members whose name tells none, comes first.
        cells: (layer, epoch) -> the reading, of rows or of bins, or why there is none; nothing where the dump has no
            member.
        members: (layer, epoch) -> name of the member.
        histograms: layer -> its values at the latest epoch that could be read, in up to 64 bins or in its own.
        versions: (layer, epoch) -> that of the file when the member was read, see `Inspection.version`.
        joined: (layer, epoch) -> how many arrays its member joins.
        groups: row -> its group, of a split say, and the layer without it; empty where all are of one group.
        fingerprints: (layer, epoch) -> hash of the values or the bins that were read, where there were any.
    """

    source: str
    layers: tuple[str, ...]
    epochs: tuple[Epoch, ...]
    cells: Mapping[LayerEpoch, Cell]
    members: Mapping[LayerEpoch, str]
    histograms: Mapping[str, Histogram | BinnedHistogram]
    versions: Mapping[LayerEpoch, FileVersion]
    joined: Mapping[LayerEpoch, int] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    fingerprints: Mapping[LayerEpoch, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits, a hash of all that was read and of where it belongs."""
        read = sorted(
            (layer, -1.0 if epoch is None else epoch, one) for (layer, epoch), one in self.fingerprints.items()
        )
        return blake2b(repr(read).encode(errors="surrogatepass"), digest_size=16).hexdigest()

    def group_of(self, layer: str) -> tuple[str, str]:
        """The group of a row, and its layer without it; the group is empty where all are of one."""
        return self.groups.get(layer, ("", layer))

    def table(self, quantity: str) -> Float64Array:
        """The values of a quantity, (layers, epochs); NaN where there is none.

        Raises:
            InvalidInputError: If there is no such quantity.
        """
        chosen = quantity_named(quantity)
        values = np.full((len(self.layers), len(self.epochs)), math.nan)
        row = {layer: position for position, layer in enumerate(self.layers)}
        column = {epoch: position for position, epoch in enumerate(self.epochs)}
        for (layer, epoch), reading in self.cells.items():
            values[row[layer], column[epoch]] = chosen.of(reading)
        return values

    def worst(self, quantity: str) -> tuple[str, ...]:
        """The layers, worst first by the worst of their epochs; equal ones in the order of the dump.

        Large SW1, PER, dead and saturated shares are bad; means, excess kurtoses and variances far from 0, 0 and 1; low
        effective ranks. Worst of all is a layer without a finite value, or with a member that could not be read.

        Raises:
            InvalidInputError: If there is no such quantity.
        """
        chosen = quantity_named(quantity)
        score = dict.fromkeys(self.layers, -math.inf)
        for (layer, _), reading in self.cells.items():
            score[layer] = max(score[layer], badness(reading, chosen))
        return tuple(sorted(self.layers, key=lambda layer: -score[layer]))

    @property
    def has_rows(self) -> bool:
        """Whether rows of some member could be read."""
        return any(isinstance(cell, LayerReading) for cell in self.cells.values())

    @property
    def has_bins(self) -> bool:
        """Whether some member is a histogram."""
        return any(isinstance(cell, BinnedReading) for cell in self.cells.values())

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        """By which its layers can be compared: those of bins where there are bins alone."""
        of_rows = QUANTITIES if self.has_rows or not self.has_bins else {}
        return {**of_rows, **(POOLED_QUANTITIES if self.has_bins else {})}

    def history(self, layer: str) -> tuple[tuple[Epoch, Cell], ...]:
        """What there is of a layer, epoch by epoch."""
        return tuple((epoch, self.cells[layer, epoch]) for epoch in self.epochs if (layer, epoch) in self.cells)

    def layer(self, name: str) -> OverviewLayer:
        """One row, to be looked at.

        Raises:
            InvalidInputError: If there is no layer of that name.
        """
        if name not in self.layers:
            raise InvalidInputError(
                N_("{path} holds the layers {layers}; received {layer!r}. Choose one of them."),
                path=self.source,
                layers=", ".join(self.layers[:MOST_NAMED]) + ", ..." * (len(self.layers) > MOST_NAMED),
                layer=name,
            )
        return OverviewLayer(self, name)

    def __repr__(self) -> str:
        unread = sum(isinstance(cell, Unread) for cell in self.cells.values())
        lost = f", {unread} not" if unread else ""
        return (
            f"<Overview of {self.source!r}: {len(self.layers)} layers, {len(self.epochs)} epochs,"
            f" {len(self.cells) - unread} members read{lost}>"
        )

    def _repr_html_(self) -> str:
        """The overview in a notebook."""
        from analysis.survey.notebook import overview_html

        return overview_html(self)

    def as_rows(self) -> list[dict[str, str | int | float | None]]:
        """One row a member, layer by layer, for a CSV or JSON file; None where a number is not defined.

        Where the dump has histograms, their bounds stand in columns behind the others.
        """
        numbers = [field.name for field in fields(LayerReading) if field.name not in RECORDS]
        rows: list[dict[str, str | int | float | None]] = []
        has_bins = self.has_bins
        for layer in self.layers:
            for epoch, reading in self.history(layer):
                row: dict[str, str | int | float | None] = {
                    "layer": layer,
                    "epoch": epoch,
                    "member": self.members[layer, epoch],
                    "reason": reading.reason if isinstance(reading, Unread) else "",
                }
                is_of_rows = isinstance(reading, LayerReading)
                for name in numbers:
                    row[name] = _finite_or_none(getattr(reading, name)) if is_of_rows else None
                row["kind"] = reading.kind.name if isinstance(reading, LayerReading) and reading.kind else ""
                rows.append(row | (_bounds_of(reading) if has_bins else {}))
        return rows


@dataclass(frozen=True, slots=True, eq=False)
class OverviewLayer:
    """One layer of an overview. In a notebook it shows its warnings, its quantities and its histogram.

    Attributes:
        overview: of the whole dump.
        name: the row.
    """

    overview: Overview
    name: str

    @property
    def history(self) -> tuple[tuple[Epoch, Cell], ...]:
        """What there is of the layer, epoch by epoch."""
        return self.overview.history(self.name)

    def __repr__(self) -> str:
        last = self.history[-1][0]
        when = "no epoch" if last is None else f"last epoch {last}"
        return f"<OverviewLayer {self.name!r} of {self.overview.source!r}: {len(self.history)} readings, {when}>"

    def _repr_html_(self) -> str:
        """The layer in a notebook."""
        from analysis.survey.notebook import layer_html

        return layer_html(self)


def overview(
    inspection: Inspection,
    *,
    earlier: Overview | None = None,
    on_progress: Progress | None = None,
) -> Overview:
    """Read every readable member of a dump, one at a time.

    Of a member of more than 2,000 rows, or of more values than fit, four blocks of rows are read, spread evenly from
    its first row to its last; every reading says how many rows it has looked at. Of arrays with many positions a
    sample at least 8 samples are read, if they fit.

    Args:
        inspection: of the dump.
        earlier: an overview of the same dump, in the same layout; what it read of files that have not changed since is
            taken over, so that a dump that grows costs only its growth.
        on_progress: called as on_progress(done, total) at the start and after every member that had to be read. If
            None, a line in an interactive session or a notebook, see `progress_line`.

    Example:
        >>> for epoch in (1, 2):
        ...     np.savez(f"epoch_{epoch}.npz", fc1=np.zeros((100, 8)), fc2=np.ones((100, 8)))
        >>> found = overview(inspect("."))
        >>> found.layers, found.epochs
        (('fc1', 'fc2'), (1, 2))
        >>> found.table("per").round(3)  # a row a layer, a column an epoch
        array([[0.798, 0.798],
               [1.137, 1.137]])
    """
    labels = _labels(inspection.readable)
    versions = dict(zip(labels, inspection.versions(labels.values()), strict=True))
    known = {} if earlier is None else _unchanged(earlier, labels, versions)
    latest_first = sorted(labels, key=lambda cell: -math.inf if cell[1] is None else cell[1], reverse=True)
    cells = dict(known)
    prints = {} if earlier is None else {cell: one for cell, one in earlier.fingerprints.items() if cell in known}
    histograms: dict[str, Histogram | BinnedHistogram] = {}
    report = progress_or_line(on_progress, "members")
    new = [cell for cell in latest_first if cell not in known]
    report(0, len(new))
    for layer, epoch in latest_first:
        if (layer, epoch) in known:
            if earlier is not None and layer not in histograms and not isinstance(known[layer, epoch], Unread):
                histograms[layer] = earlier.histograms[layer]
            continue
        member = labels[layer, epoch]
        try:
            read, drawn, prints[layer, epoch] = _read(inspection, member, is_drawn=layer not in histograms)
            cells[layer, epoch] = read
            if drawn is not None:
                histograms[layer] = drawn
        except NothingFiniteError as error:
            cells[layer, epoch] = Unread("NaN", error.phrase)
        except PerError as error:
            cells[layer, epoch] = Unread("unread", error.phrase)
        report(len(cells) - len(known), len(new))
    epochs = sorted({epoch for _, epoch in labels}, key=lambda epoch: -math.inf if epoch is None else epoch)
    return Overview(
        source=inspection.title,
        layers=tuple(dict.fromkeys(layer for layer, _ in labels)),
        epochs=tuple(epochs),
        cells={cell: cells[cell] for cell in labels},
        members={cell: member.name for cell, member in labels.items()},
        histograms=histograms,
        versions=versions,
        joined={cell: len(member.parts) for cell, member in labels.items()},
        groups=_groups(labels),
        fingerprints=prints,
    )


def _read(
    inspection: Inspection, member: Member, *, is_drawn: bool
) -> tuple[LayerReading | BinnedReading, Histogram | BinnedHistogram | None, str]:
    """The reading of a member, its histogram if that is to be drawn, and a hash; errors as of `read_member`."""
    if member.is_binned:
        bins = inspection.load_bins(member.name)
        hashed = blake2b(bins.tobytes(), digest_size=16).hexdigest()
        return BinnedReading.of(bins), BinnedHistogram.of(bins) if is_drawn else None, hashed
    batch = read_member(inspection, member)
    reading = survey(batch, total=member.rows, rows=rows_read(member))
    if not is_drawn:
        return reading, None, batch.fingerprint
    drawn = histogram(batch.precise[rows_looked_at(*batch.values.shape)].ravel(), bins=HISTOGRAM_BINS)
    return reading, drawn, batch.fingerprint


def _labels(members: tuple[Member, ...]) -> dict[LayerEpoch, Member]:
    """The row and column of every member; where two would share one, the rows say the member's name too."""
    with_group = len({member.group for member in members}) > 1
    cells = [(_layer_label(member, with_group=with_group), member.epoch) for member in members]
    count = Counter(cells)
    return {
        (f"{layer} ({member.name})" if count[layer, epoch] > 1 else layer, epoch): member
        for (layer, epoch), member in zip(cells, members, strict=True)
    }


def _groups(labels: Mapping[LayerEpoch, Member]) -> dict[str, tuple[str, str]]:
    """Row -> group, and the layer without it, where members have more than one group."""
    if len({member.group for member in labels.values()}) < 2:
        return {}
    return {layer: (member.group, layer.removeprefix(f"{member.group}/")) for (layer, _), member in labels.items()}


def _layer_label(member: Member, *, with_group: bool) -> str:
    layer = member.layer or (member.name if member.epoch is None else ONE_LAYER)
    return f"{member.group}/{layer}" if with_group and member.group else layer


def _unchanged(
    earlier: Overview, labels: Mapping[LayerEpoch, Member], versions: Mapping[LayerEpoch, FileVersion]
) -> dict[LayerEpoch, Cell]:
    """What was read of files that are as they were, of layers whose latest picture is still known."""
    return {
        cell: reading
        for cell, reading in earlier.cells.items()
        if cell in labels
        and earlier.members[cell] == labels[cell].name
        and earlier.versions[cell] == versions[cell]
        and (isinstance(reading, Unread) or cell[0] in earlier.histograms)
    }


def _finite_or_none(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _bounds_of(reading: Cell) -> dict[str, str | int | float | None]:
    """Columns of a table that say what bins tell; nothing in them of what is no histogram."""
    row: dict[str, str | int | float | None] = {
        "binned_values": reading.n if isinstance(reading, BinnedReading) else None
    }
    for name in POOLED_QUANTITIES:
        bounds = getattr(reading, name, Bounds(math.nan, math.nan))
        row |= {f"{name}_lower": _finite_or_none(bounds.lower), f"{name}_upper": _finite_or_none(bounds.upper)}
    return row

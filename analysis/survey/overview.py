"""The overview of a dump: one reading of every layer at every epoch, so that nobody has to open them one by one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np
import torch

from analysis.batch import ActivationBatch, Float32Matrix, Float64Matrix
from analysis.distances.directions import mean_over_slices, shared_directions
from analysis.dumps import FileVersion, Inspection, Member
from analysis.dumps.inspection import NothingFiniteError
from analysis.statistics.binned import Bounds
from analysis.statistics.binned_histogram import BinnedHistogram
from analysis.statistics.histogram import Histogram, histogram
from analysis.statistics.moments import Float64Array, moments
from analysis.statistics.null_band import expected_gaussian_w1
from analysis.statistics.outliers import IndexArray, Outliers, find_outliers
from analysis.statistics.precision import Precision, precisions
from analysis.statistics.row_groups import rows_are_grouped
from analysis.statistics.saturation import saturated_units
from analysis.statistics.spread import LOWEST_RANK, RANK_SHARE, Spread, centre, scale_of, spread_of, without_outliers
from analysis.statistics.value_kind import ValueKind, kind_of_values
from analysis.survey.binned_reading import BinnedReading
from per_core import per_loss, sliced_w1
from per_core.errors import InvalidInputError, PerError
from per_core.text import N_

SLICES = 64
MOST_ROWS = 2_000
MOST_VALUES = 2**23  # of one member, 32 MiB as float32
BLOCKS = 4  # a longer member is read in this many pieces
FEWEST_SAMPLES = 8  # whose positions are read, however many positions each has
SAFE_IN_FLOAT32 = 1e30  # projections and sums of smaller values stay finite
HISTOGRAM_BINS = 64
FLOAT16_OVERFLOW = 65_520.0  # float16 rounds to infinity from here on; the largest it holds is 65,504


@dataclass(frozen=True, slots=True)
class LayerReading:
    """What one layer does at one epoch, in numbers.

    Everything after `n_coarse` is computed in float64 on the rows without NaN and infinite values, and NaN if it is not
    defined. Values beyond float32 are finite: they count in all of it.

    Attributes:
        n: rows that were looked at, spread evenly over the batch.
        finite_rows: those of them that are finite.
        total: rows of the batch, or of the member of a dump that the batch is a part of.
        d: units.
        n_nan, n_inf: values of the batch that are NaN, and that are infinite.
        n_beyond_float32: values that are finite and too large for float32, above 3.4e38.
        n_coarse: units whose values float32 moves by more than a thousandth of their range, see `ActivationBatch`.
        mean, variance: means over the units of their means and of their variances (ddof = 0).
        mean_square: mean of the squared values, the mean over the units of mean² + variance. Like the variance it is
            infinite where squares leave float64, above 1e154.
        root_mean_square: its root, which is not.
        kurtosis: mean over the units that change of their excess kurtosis, at least −2, 0 for Gaussian units.
        dead: share of units that never change.
        saturated: share of units of which at least half of the rows sit where a bounded non-linearity is flat, see
            `saturated_units`. NaN for values that are made of levels (`kind`): there it says nothing.
        effective_rank: exp(−Σ p log p) of p, the eigenvalues of the covariance divided by their sum: how many
            directions share the variance; 1 to min(d, n − 1). NaN if nothing changes but by rounding: constants have no
            rank.
        effective_rank_share: effective_rank / d.
        per: the exact PER, at least √(2/π).
        sw1, sw1_margin: the sliced distance to N(0, I) on the shared directions, and its margin of error, see
            `mean_over_slices`.
        sw1_in_bands: sw1 / the mean over Gaussian batches of as many rows, in closed form. N(0, I) itself has 1 on
            average and scatters, the more the fewer the units: see `shipped_bands.gaussian_ratios`.
        row_ratio, unit_ratio, massive: the largest row and unit over the median one, and massive values, see
            `Outliers`.
        beyond_float16: values that become infinite in float16, of magnitude above 65,504.
        grouped: whether the effective rank is low because the rows form few tight groups, see `rows_are_grouped`.
        kind: what kind of values they are.
        outliers: which rows and units are far larger than the others.
        bulk: size and spread without outlying units and rows; those of all units and rows if none is.
        precision: what number formats of fewer bits would do to the values.

    Source of the effective rank: Roy and Vetterli (2007), "The effective rank: a measure of effective dimensionality",
    who take the singular values of a matrix; here they are those of the covariance, shares of the variance.
    """

    n: int
    finite_rows: int
    total: int
    d: int
    n_nan: int
    n_inf: int
    n_beyond_float32: int = 0
    n_coarse: int = 0
    mean: float = math.nan
    variance: float = math.nan
    mean_square: float = math.nan
    root_mean_square: float = math.nan
    kurtosis: float = math.nan
    dead: float = math.nan
    saturated: float = math.nan
    effective_rank: float = math.nan
    effective_rank_share: float = math.nan
    per: float = math.nan
    sw1: float = math.nan
    sw1_margin: float = math.nan
    sw1_in_bands: float = math.nan
    row_ratio: float = math.nan
    unit_ratio: float = math.nan
    massive: int = 0
    beyond_float16: int = 0
    grouped: bool = False
    kind: ValueKind | None = None
    outliers: Outliers | None = None
    bulk: Spread | None = None
    precision: tuple[Precision, ...] = ()

    @property
    def has_outliers(self) -> bool:
        """Whether rows or units are outliers. Of values made of levels, one-hot ones say, none is."""
        of_levels = self.kind is not None and self.kind.name in ("probabilities", "one-hot", "binary")
        return self.outliers is not None and bool(self.outliers.rows or self.outliers.units) and not of_levels


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a member has no reading.

    Attributes:
        kind: "NaN" if it holds nothing else than NaN and infinite values, else "unread".
        reason: what was expected, what came, and what to do.
    """

    kind: Literal["NaN", "unread"]
    reason: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of every reading by which layers are compared.

    Attributes:
        name: the attribute of `LayerReading`, or of `BinnedReading`.
        title: what a person calls it.
        badness: of a value, larger for what deserves a look sooner.
        scale: what a person calls the badness.
        at: the number that stands for a badness on that scale.
        is_pooled: whether it is one of all values of a histogram, which gives bounds of it.
    """

    name: str
    title: str
    badness: Callable[[float], float]
    scale: str
    at: Callable[[float], float] = float
    is_pooled: bool = False

    def of(self, cell: Cell | None) -> float:
        """Its value, half-way between its bounds if bins bound it; NaN where it is not defined or has no bound."""
        value = getattr(cell, self.name, math.nan)
        if isinstance(value, Bounds):
            return value.middle if math.isfinite(value.middle) else math.nan
        return float(value)


def _far_from_one(value: float) -> float:
    return abs(math.log(value)) if value > 0 else math.inf


QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        Quantity("sw1_in_bands", N_("SW1 ÷ SW1 of N(0, I)"), float, N_("SW1 ÷ SW1 of N(0, I)")),
        Quantity("per", "PER", float, "PER"),
        Quantity("mean", N_("Mean"), abs, N_("|mean|")),
        Quantity("variance", N_("Variance"), _far_from_one, N_("variance, × or ÷"), math.exp),
        Quantity("kurtosis", N_("Excess kurtosis"), abs, N_("|excess kurtosis|")),
        Quantity("dead", N_("Dead units"), float, N_("share of dead units")),
        Quantity("saturated", N_("Saturated units"), float, N_("share of saturated units")),
        Quantity("effective_rank_share", N_("Effective rank / d"), lambda value: -value, N_("effective rank / d"), abs),
    )
}

POOLED_QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        Quantity("w1", N_("W1 of all values to N(0, 1)"), float, N_("W1 of all values"), is_pooled=True),
        Quantity("pooled_mean", N_("Mean of all values"), abs, N_("|mean|"), is_pooled=True),
        Quantity(
            "pooled_variance",
            N_("Variance of all values"),
            _far_from_one,
            N_("variance, × or ÷"),
            math.exp,
            is_pooled=True,
        ),
    )
}
"""What the bins of a histogram tell, in place of the others."""

RECORDS = ("kind", "outliers", "bulk", "precision")  # of a reading, which are no numbers
Matrix = Float32Matrix | Float64Matrix
ONE_LAYER = "the layer"  # of members whose names tell the epoch alone
Epoch = float | None
LayerEpoch = tuple[str, Epoch]
Cell = LayerReading | BinnedReading | Unread


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """Readings of all layers at all epochs.

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
            score[layer] = max(score[layer], _badness(reading, chosen))
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


def overview(
    inspection: Inspection,
    *,
    earlier: Overview | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Overview:
    """Read every readable member of a dump, one at a time.

    Of a member of more than 2,000 rows, or of more values than fit, four blocks of rows are read, spread evenly from
    its first row to its last; every reading says how many rows it has looked at. Of arrays with many positions a
    sample at least 8 samples are read, if they fit.

    Args:
        inspection: of the dump.
        earlier: an overview of the same dump, in the same layout; what it read of files that have not changed since is
            taken over, so that a dump that grows costs only its growth.
        on_progress: called as on_progress(done, total) at the start and after every member that had to be read.
    """
    labels = _labels(inspection.readable)
    versions = dict(zip(labels, inspection.versions(labels.values()), strict=True))
    known = {} if earlier is None else _unchanged(earlier, labels, versions)
    latest_first = sorted(labels, key=lambda cell: -math.inf if cell[1] is None else cell[1], reverse=True)
    cells = dict(known)
    histograms: dict[str, Histogram | BinnedHistogram] = {}
    report = on_progress or _silent
    new = [cell for cell in latest_first if cell not in known]
    report(0, len(new))
    for layer, epoch in latest_first:
        if (layer, epoch) in known:
            if earlier is not None and layer not in histograms and not isinstance(known[layer, epoch], Unread):
                histograms[layer] = earlier.histograms[layer]
            continue
        member = labels[layer, epoch]
        try:
            cells[layer, epoch], drawn = _read(inspection, member, is_drawn=layer not in histograms)
            if drawn is not None:
                histograms[layer] = drawn
        except NothingFiniteError as error:
            cells[layer, epoch] = Unread("NaN", str(error))
        except PerError as error:
            cells[layer, epoch] = Unread("unread", str(error))
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
    )


def _read(
    inspection: Inspection, member: Member, *, is_drawn: bool
) -> tuple[LayerReading | BinnedReading, Histogram | BinnedHistogram | None]:
    """The reading of a member, and its histogram if that is to be drawn; errors as of `read_member`."""
    if member.is_binned:
        bins = inspection.load_bins(member.name)
        return BinnedReading.of(bins), BinnedHistogram.of(bins) if is_drawn else None
    batch = read_member(inspection, member)
    reading = survey(batch, total=member.rows, rows=rows_read(member))
    if not is_drawn:
        return reading, None
    return reading, histogram(batch.precise[_spread(*batch.values.shape)].ravel(), bins=HISTOGRAM_BINS)


def survey(batch: ActivationBatch, *, total: int | None = None, rows: IndexArray | None = None) -> LayerReading:
    """Read one layer: at most 2,000 rows of the batch, spread evenly from the first to the last.

    Args:
        batch: of any values; NaN and infinite ones are counted and their rows left out. Where float32 does not hold
            them, its `exact` values are read.
        total: rows of the member that the batch is a part of; those of the batch if not given.
        rows: the number of each row of the batch in that member, by which rows are named; 0, 1, 2, ... if not given.
    """
    some = _spread(*batch.values.shape)
    looked_at = batch.precise[some]
    is_whole = np.isfinite(looked_at).all(axis=1)
    values = looked_at[is_whole].astype(np.float64)
    n, d = values.shape
    lost = (batch.n_nan, batch.n_inf, batch.n_beyond_float32, batch.n_coarse)
    seen = (len(looked_at), n, total or batch.n, d, *lost)
    if n == 0:
        return LayerReading(*seen)
    per_unit = moments(values)
    changes = per_unit.variance > 0
    magnitude = np.abs(values)
    outliers = find_outliers(magnitude, (some if rows is None else rows[some])[is_whole])
    largest = outliers.largest
    is_plain = batch.exact is None and largest < SAFE_IN_FLOAT32
    dtype = torch.float32 if is_plain else torch.float64
    tensor = torch.from_numpy(values).to(dtype)
    distance = sliced_w1(tensor, directions=shared_directions(d, SLICES).to(dtype))
    far = max(1.0, largest)
    sw1, sw1_margin = (far * one for one in mean_over_slices(distance.per_direction.numpy() / far, d))
    scale = scale_of(largest)
    centred = centre(values, per_unit, scale)
    whole = spread_of(values, per_unit, centred, scale, is_float32=is_plain)
    bulk, centred = without_outliers(values, outliers, whole, centred, is_float32=is_plain)
    rank = whole.effective_rank
    is_low = bulk.effective_rank <= max(LOWEST_RANK, RANK_SHARE * min(n - 1, round(float(changes.sum()))))
    kind = kind_of_values(values)
    return LayerReading(
        *seen,
        mean=float(per_unit.mean.mean()),
        variance=float(per_unit.variance.mean()),
        mean_square=whole.root_mean_square * whole.root_mean_square,
        root_mean_square=whole.root_mean_square,
        kurtosis=float(per_unit.excess_kurtosis[changes].mean()) if changes.any() else math.nan,
        dead=float(1 - changes.mean()) if n > 1 else math.nan,
        saturated=float(saturated_units(values).mean()) if n > 1 and not kind.is_made_of_levels else math.nan,
        effective_rank=rank,
        effective_rank_share=rank / d,
        per=float(per_loss(tensor)),
        sw1=sw1,
        sw1_margin=sw1_margin,
        sw1_in_bands=sw1 / expected_gaussian_w1(n),
        row_ratio=outliers.row_ratio,
        unit_ratio=outliers.unit_ratio,
        massive=outliers.massive,
        beyond_float16=int((magnitude >= FLOAT16_OVERFLOW).sum()) if largest >= FLOAT16_OVERFLOW else 0,
        grouped=is_low and rows_are_grouped(centred, bulk.effective_rank),
        kind=kind,
        outliers=outliers,
        bulk=bulk,
        precision=precisions(values),
    )


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


def read_member(inspection: Inspection, member: Member, *, most_rows: int = MOST_ROWS) -> ActivationBatch:
    """Rows of a member, about `most_rows` at most, in blocks that are spread evenly from its first to its last.

    Raises:
        PerError: If it cannot be read or holds no finite value.
    """
    rows = _blocks(member, most_rows)
    if len(rows) == 1:
        return inspection.load(member.name, rows=rows[0])
    blocks = [inspection.load(member.name, rows=block, require_finite=False) for block in rows]
    joined = np.concatenate([block.precise for block in blocks])
    if not np.isfinite(joined).any():
        return inspection.load(member.name, rows=rows[0])  # which says what is wrong with it
    return ActivationBatch(joined, member.name, layer=member.layer, epoch=member.epoch, source=inspection.title)


def rows_read(member: Member, *, most_rows: int = MOST_ROWS) -> IndexArray:
    """Which rows of a member `read_member` reads, (n,): the number of each row of its batch."""
    return np.concatenate(
        [np.arange(member.first_row(one.start), member.first_row(one.stop)) for one in _blocks(member, most_rows)]
    )


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


def _blocks(member: Member, most_rows: int) -> list[range]:
    """Which samples are read: all of them, or evenly spread blocks."""
    assert member.rows is not None
    assert member.units is not None
    samples = member.items
    positions = max(1, member.rows // samples)
    wanted = max(math.ceil(most_rows / positions), FEWEST_SAMPLES)
    read = max(1, min(wanted, MOST_VALUES // (positions * member.units)))
    if read >= samples:
        return [range(samples)]
    count = min(BLOCKS, read)
    length = read // count
    return [range(start, start + length) for start in np.linspace(0, samples - length, count).astype(int).tolist()]


def _spread(n: int, d: int) -> IndexArray:
    """Which of n rows are looked at: at most 2,000, evenly from the first to the last."""
    most = max(1, min(MOST_ROWS, MOST_VALUES // d))
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)


def _badness(reading: Cell, quantity: Quantity) -> float:
    if isinstance(reading, Unread) or (isinstance(reading, LayerReading) and reading.finite_rows == 0):
        return math.inf
    badness = quantity.badness(quantity.of(reading))
    return -math.inf if math.isnan(badness) else badness


def quantity_named(name: str) -> Quantity:
    """The quantity of a name, of rows or of bins; an `InvalidInputError` if there is none."""
    known = QUANTITIES | POOLED_QUANTITIES
    if name not in known:
        raise InvalidInputError(f"A quantity is one of {', '.join(known)}; received {name!r}. Choose one of them.")
    return known[name]


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


def _silent(done: int, total: int) -> None:
    """Take the place of a callback that nobody gave."""

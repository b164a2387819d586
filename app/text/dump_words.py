"""What the Dumps page says."""

import math
from typing import TYPE_CHECKING

from analysis.survey.layer_words import kind_sentence
from app.text.numbers import over_directions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from analysis.dumps import Inspection
    from analysis.one_pass import PartialStatistics
    from analysis.statistics.histogram import Histogram
    from analysis.survey.overview import Epoch, LayerReading, Quantity
    from per_core.per import RowLayout

TITLE = "What is in a dump, and what is wrong with which layer"
LEAD = (
    "Bring the activations of your own network: .npy, .npz, .safetensors, .pt, .h5, .parquet, .csv, a folder or .zip "
    "of them, or a run directory. Nothing in a file is ever executed; what is refused says why."
)
EMPTY = (
    "Drop files above, or give the path of a file, a folder or a run directory on the server. A name such as "
    "layer_3/step-300 tells layer and epoch. To see the page at work, train something on Train and give the path of "
    "its run here."
)
STILL_OPEN = "Open: **{name}**"
HELP_PATH = "A file or folder on the server, inside the folders that its operator allows: {folders}."
HELP_PATTERN = (
    "Regular expressions; what the first group of each finds is taken. The table shows at once what they find. A "
    "key of the file that states layer and epoch needs no rule. Whether the 50 of epoch_10_50 is a decimal or a layer "
    "is decided by all names together."
)
PATTERN_PARTS = {
    "layer": "Layer: the part of the name that is the layer",
    "epoch": "Epoch: a number after a word, 3 or 0.25 or 00_25",
    "split": "Split: train, val or the like",
    "drop": "Dropped from the name of the layer",
}
LAYOUTS: "dict[RowLayout, str]" = {"sample": "a sample is a row", "position": "a position is a row of channels"}
ASK_LAYOUT = "Some members have {axes} axes. How are they meant?"
HELP_LAYOUT = (
    "The first axis is the samples. Either everything of a sample is one row, or every position, a token or a pixel, "
    "is a row of channels of its own."
)
CHANNEL_AXES = {
    -1: "the last: (n, length, channels)",
    1: "the second: (n, channels, height, width)",
    2: "the third",
    3: "the fourth",
}
QUANTITY = "Colour"
NO_WARNING = (
    "No issue found: no layer is dead, saturated, exploding, collapsed, rank-deficient or NaN by the rules, and none "
    "has massive activations, samples that look alike, or values beyond float16."
)
WARNING_TITLE = "Warnings"
FOLLOWED = "A run that is still written is followed: the page reads new records by itself."
MEASURE_ALL = "Measure all {rows:,} rows"
HELP_MEASURE_ALL = (
    "One pass over the whole member, in pieces: bounds of SW1 on the directions drawn, which hold for all rows."
)
WARNING_COLUMNS = ["Layer", "Warning", "At epoch", "What was found, and what to try"]
NOTHING_POSITIVE = "No value is positive: there is nothing to show on a logarithmic axis."
SHORT = 1e6  # larger values are written with a power of ten
NOT_STUDIED = (
    "Directions are looked at in float32, which no row of this layer fits. Divide the activations by their scale to see"
    " the worst directions and the parts of the distance."
)
STUDIED = "Below: {rows:,} of the layer's finite rows, evenly spread."
NOT_READ = "The member of this layer at this epoch could not be read: {reason}"
HELP_LOG_VALUES = "Of the activations; only positive ones have a place on a logarithmic axis."
SPLIT_TITLE = "What the distance is made of, and which method addresses which part"
WORST_TITLE = "The worst directions"
OTHER_TITLE = "A second dump beside it, matched by the names of layers"
NO_MATCH = "The two dumps have no layer of the same name. Edit the rule for names above until they agree."
REPORT_HELP = "One HTML file with the warnings, the overview, a histogram of each layer and the table of members."


def about_members(inspection: "Inspection") -> str:
    """The line above the table of members."""
    parts = [f"{len(inspection.readable)} can be read"]
    if inspection.ambiguous:
        parts.append(f"{len(inspection.ambiguous)} need a layout")
    if inspection.refused:
        parts.append(f"{len(inspection.refused)} are refused")
    return f"{len(inspection.members)} members: {', '.join(parts)}"


def about_overview(quantity: "Quantity", rows: int, units: "Collection[int]", layers: int, epochs: int) -> str:
    """What the map is. `units` are the numbers of units that occur; `layers` and `epochs` are left out of it."""
    left_out = [f"{count:,} {what}" for count, what in ((layers, "better layers"), (epochs, "epochs between")) if count]
    return (
        f"{quantity.title} of every layer (row, worst first) at every epoch (column), from at most {rows:,} rows each; "
        "the stronger the colour, the worse. Click a field to open it. SW1 is divided by its mean over "
        f"Gaussian batches of as many rows.{_gaussian_ratios(units)} Colours change by ratio where they span more than "
        "a factor of 20. **!** could not be read; an empty field has no member."
        + (f" Not drawn, but in the tables: {' and '.join(left_out)}." if left_out else "")
    )


def _gaussian_ratios(units: "Collection[int]") -> str:
    """What N(0, I) itself has in those units, of the narrowest and of the widest layer."""
    from analysis.distances.shipped_bands import DRAWS, gaussian_ratios

    if not units:
        return ""
    spans = {d: "{:.2f} to {:.2f}".format(*gaussian_ratios(d)) for d in sorted({min(units), max(units)})}
    return f" {DRAWS} batches of N(0, I) had {' and '.join(f'{span} at d = {d:,}' for d, span in spans.items())}."


def about_unjudged(layers: "Sequence[str]") -> str:
    """Which layers the rules say nothing about."""
    some = ", ".join(layers[:6]) + (" and others" if len(layers) > 6 else "")
    return f"The rules need 32 rows that are finite; {some} had fewer and were not judged."


def about_positive(counts: "Mapping[str, tuple[int, int]]") -> str:
    """How much of each batch has a place on a logarithmic axis."""
    shares = "; ".join(f"{name}: {positive:,} of {size:,}" for name, (positive, size) in counts.items())
    return f" Density a decade, of the positive values alone ({shares}); dotted, that of N(0, 1)'s positive half."


def span(epochs: "Sequence[Epoch]", total: int) -> str:
    """Epochs of a warning in few signs: the first to the last, and how many of all they are."""
    named = [epoch for epoch in epochs if epoch is not None]
    if not named:
        return "–"
    ends = f"{named[0]}" if len(named) == 1 else f"{named[0]} to {named[-1]}"
    return f"{ends} ({len(epochs)} of {total})" if total > 1 else ends


def about_histogram(histograms: "Mapping[str, Histogram]") -> str:
    """What the histogram counts, to the last value."""
    one = next(iter(histograms.values()))
    counts = "; ".join(
        f"{name}: {h.n:,} values, {h.n_below:,} below the axis, {h.n_above:,} above, {h.n_nan:,} NaN, "
        f"{h.n_inf:,} infinite"
        for name, h in histograms.items()
    )
    return (
        f"{len(one.counts)} equal bins over the robust range of all that is shown; hatched bars at the ends hold what "
        f"lies beyond. {counts}."
    )


def about_reading(reading: "LayerReading") -> str:
    """One layer in a sentence."""
    from analysis.distances.shipped_bands import gaussian_ratios

    low, high = gaussian_ratios(reading.d)
    rows = f"{reading.n:,} rows" if reading.n == reading.total else f"{reading.n:,} of {reading.total:,} rows"
    saturated = "" if math.isnan(reading.saturated) else f" · saturated {reading.saturated:.1%}"
    grouped = ", in few tight groups of rows, as classes are" if reading.grouped else ""
    kind = f" · values: {kind_sentence(reading.kind)}" if reading.kind else ""
    return (
        f"**SW1 {_short(reading.sw1)} ± {_short(reading.sw1_margin)}** {over_directions(reading.d)}, "
        f"{_short(reading.sw1_in_bands, 1)} times the mean of N(0, I), which itself has {low:.2f} to {high:.2f} · "
        f"PER {_short(reading.per)} · mean {_short(reading.mean)} · variance {reading.variance:.3g} · excess kurtosis "
        f"{reading.kurtosis:.2f} · dead {reading.dead:.1%}{saturated} · effective rank "
        f"{reading.effective_rank:.1f} of {reading.d}{grouped} · largest row norm {reading.row_ratio:.3g} and largest "
        f"magnitude of a unit {reading.unit_ratio:.3g} times the median{kind} · {rows}, "
        f"{reading.n - reading.finite_rows:,} of them not finite"
    )


def _short(value: float, decimals: int = 3) -> str:
    """The value with so many decimals, or in three digits and a power of ten."""
    return f"{value:.{decimals}f}" if abs(value) < SHORT else f"{value:.3g}"


def about_all_rows(found: "PartialStatistics") -> str:
    """What one pass over every row has found."""
    distance = found.distance()
    left_out = f", {found.n_left_out:,} more are not finite" if found.n_left_out else ""
    return (
        f"All {found.n:,} rows{left_out}: **SW1 between {distance.lower:.4f} and {distance.upper:.4f}** on "
        f"{len(distance.lower_per_direction)} slices, certified from counts "
        f"(± {distance.margin_of_error:.4f} for all directions, 95 %) · PER {found.per:.4f} ± "
        f"{found.per_margin:.4f} (95 %, over rows)"
    )


def about_drawn(values: int, drawn: int, there: int) -> str:
    """How much of every epoch, and how many of the epochs, the distributions show; to be added to what is said."""
    left_out = "" if drawn == there else f" {drawn} of {there} epochs are drawn."
    return f" At most {values:,} values of each epoch, drawn at random.{left_out}"


def about_matched(title: str, only: "Mapping[str, Sequence[str]]", left_out: int) -> str:
    """What the dots are, and which layers have no counterpart."""
    missing = "; ".join(f"only in {name}: {', '.join(layers[:6])}" for name, layers in only.items() if layers)
    return (
        f"{title} of every layer that both dumps have, each at its latest epoch that both have, else at its latest. "
        + (f"{left_out} layers that are better in the first dump are left out. " if left_out else "")
        + (f"Not compared, {missing}." if missing else "All layers have a counterpart.")
    )

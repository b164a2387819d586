"""What the Dumps page says."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.distance_parts import DistanceParts
    from analysis.histogram import Histogram

TITLE = "What is in a dump, and what is wrong with which layer"
LEAD = (
    "Bring the activations of your own network: .npy, .npz, .safetensors, .pt, .h5, .parquet, .csv, a folder or .zip "
    "of "
    "them, or a run directory. Nothing in a file is ever executed; what is refused says why."
)
EMPTY = "Drop files above, or give a path on the server. Names like layer_3/step-300 tell layer and epoch."
HELP_PATH = "A file or folder on the server, inside the folders that its operator allows: {folders}."
HELP_PATTERN = "Regular expressions; the first group of each is what is taken. The table shows at once what they find."
LAYOUTS = {"sample": "a sample is a row", "position": "a position is a row of channels"}
ASK_LAYOUT = "Some members have three or more axes. How are they meant?"
QUANTITY = "Colour"
NO_TROUBLE = "No layer is dead, saturated, exploding, collapsed, rank-deficient or NaN by the rules."
HELP_SPLIT = (
    "SW1 to N(0, I), removed in this order: location, scale, correlation, shape. BN addresses location and scale, DBN "
    "correlation too; the shape is what only a distance such as SW1 or the energy distance addresses."
)


def about_overview(title: str, rows: int) -> str:
    """What the map is."""
    return (
        f"{title} of every layer (row, worst first) at every epoch (column), from at most {rows:,} rows each. SW1 is "
        f"in "
        "units of what Gaussian batches of the same size have: about 1 is Gaussian. Empty cells hold no member or "
        "could "
        "not be read."
    )


def about_histogram(name: str, one: "Histogram") -> str:
    """What the histogram counts, to the last value."""
    return (
        f"All {one.n:,} values of {name} in {len(one.counts)} equal bins over the robust range; {one.n_below:,} lie "
        f"below "
        f"it, {one.n_above:,} above, {one.n_nan:,} are NaN and {one.n_inf:,} infinite."
    )


def split_in_words(parts: "DistanceParts") -> str:
    """The parts of the distance and who addresses the largest of them."""
    shares = {name: value for name, value in parts.values.items() if name != "floor"}
    largest = max(shares, key=lambda name: shares[name])
    who = {
        "location": "normalisation such as BN addresses it",
        "scale": "normalisation such as BN addresses it",
        "correlation": "whitening such as DBN addresses it",
        "shape": "no normalisation addresses it; a distance as a loss does",
    }[largest]
    text = ", ".join(f"{name} {value:.3f}" for name, value in parts.values.items())
    return f"**SW1 {parts.sw1:.3f}**: {text}. The largest part is {largest}: {who}."

"""What the Train page says."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis.history import LayerHistory, UnitHistory

TITLE = "Train networks and watch their activations"
LEAD = (
    "Networks with the same initial weights see the same data in the same order and differ by one method only. What "
    "their "
    "layers do is recorded before training and after every epoch, and drawn as it happens: Figure 2 of the paper, live."
)
DATA = {
    "digits": "Digits (8 × 8, real, ships with scikit-learn)",
    "spirals": "Spirals (synthetic)",
    "mixture": "Gaussian mixture (synthetic)",
    "cifar10": "CIFAR-10 (binary files)",
    "cifar100": "CIFAR-100 (binary files)",
}
ACTIVATIONS = {"elu": "ELU", "relu": "ReLU", "leaky_relu": "Leaky ReLU"}
REDUCTIONS = {"sum": "the sum", "mean": "the mean"}
HELP_FOLDER = "A folder on the server with the official binary files, data_batch_1.bin and so on, or train.bin."
HELP_DOWNLOAD = "Fetches the archive with progress, goes on where it was cut off, and checks its checksum."
NO_FOLDER = "CIFAR needs a folder on the server: where the binary files are, or where they may be downloaded to."
HELP_WIDTH = "Of the numbers of units. 0 is automatic: an eighth on a CPU, the full width on a GPU."
HELP_COMBINATIONS = "Methods joined by a plus go into one network: type bn+per, for example."
HELP_REDUCTION = (
    "Mean is equation 6, sum is Algorithm 1. Equation 6 divides the penalty by the batch size n, Algorithm 1 as "
    "printed does not: the same λ pulls n times as "
    "hard there. The published values belong to the sum."
)
HELP_LAYERS = "Numbers of the hidden layers where the methods act, 2 6 9 for example. Empty: all of them."
HELP_SEEDS = "Single runs deceive: with more seeds the table shows median and range."
HELP_DEVICE = "auto takes a GPU where there is one."
HELP_PRECISION = "bfloat16 and float16 need a GPU."
NO_RUNS = "Nothing has been trained here yet. The form above is filled in: press Start and watch."
NO_RUN_CHOSEN = "Choose a run in the list below, or start one with the form above."
STATES = {
    "queued": "queued",
    "starting": "starting",
    "running": "running",
    "stopping": "stopping",
    "finished": "finished",
    "stopped": "stopped",
    "failed": "failed",
    "interrupted": "interrupted",
}
ABOUT_FIGURE2 = (
    "One unit of each chosen layer over the epochs, on {rows} training samples: the median with the band from the "
    "0.25 to "
    "the 0.75 quantile by method, then mean and variance of all methods{clip}. Notice which band stays where it is "
    "from "
    "epoch to epoch ({movement}; mean step of its three quartiles), and whose variance grows; "
    "one unit can contradict what most of its layer does."
)
ABOUT_PROGRESS = (
    "Loss and accuracy on training batches, accuracy on the test set, and seconds an epoch of each method. All "
    "methods see "
    "the same data in the same order."
)
HELP_CLIP = "The paper cuts the variance at 5, so that one exploding unit does not flatten the others."


def about_figure2(histories: "Mapping[str, UnitHistory]", rows: int, *, clipped: bool) -> str:
    """What Figure 2 is, and whose band moves how much in the first of the layers shown."""
    movement = ", ".join(f"{name} {unit.movement:.2f}" for name, unit in histories.items())
    return ABOUT_FIGURE2.format(rows=rows, movement=movement, clip=", cut at 5" if clipped else "")


def about_distances(histories: "Mapping[str, LayerHistory]", draws: int) -> str:
    """How SW1 and PER were taken, and whose layer collapses."""
    last = next(iter(histories.values()))
    return (
        f"SW1 on {last.slices} slices of {last.n:,} rows with its standard error over them; PER is exact, of all "
        f"{last.d:,} "
        f"units. Grey is the range of {draws} Gaussian batches of this size. Notice where PER falls while SW1 does "
        f"not: "
        "that is shrinking, not becoming Gaussian."
    )


def collapse_alarm(names: "Sequence[str]", layer: str) -> str:
    """The warning of a batch that shrinks."""
    which = " and ".join(names)
    verb = "shrinks" if len(names) == 1 else "shrink"
    return (
        f"{which}: {layer} {verb} towards 0, where PER has its minimum. Its variance is below half of what it was before "
        "training and still falling while SW1 rises, or all but gone. A lower PER does not mean N(0, I) here."
    )


def about_densities(view: str, unit: str, outside: float) -> str:
    """What the distributions over the epochs show."""
    what = {
        "Heat map": "Each column is the histogram of one epoch, as a density.",
        "Ridgeline": "Each curve is the histogram of one epoch, the newest on top.",
        "One epoch": "All methods at one epoch on one axis; the slider and Play run through the epochs in your "
        "browser.",
    }[view]
    return (
        f"{what} Equal bins for all methods and epochs, of {unit}; {outside:.1%} of the values lie beyond the axis "
        f"and are "
        "counted there."
    )


def final_table_note(seeds: int) -> str:
    """What the table of results is."""
    if seeds == 1:
        text = "One seed each: differences of this size between methods can be chance. Repeat with more seeds."
    else:
        text = f"Median and range over {seeds} seeds."
    return (
        f"{text} Movement is the mean step of the quartiles from epoch to epoch, over the tracked units of the layer."
    )


def range_text(values: "Sequence[float]", form: str) -> str:
    """Median and range of the values of all seeds."""
    finite = [value for value in values if np.isfinite(value)]
    if not finite:
        return "diverged" if values else "not recorded"
    middle = format(float(np.median(finite)), form)
    lost = f", {len(values) - len(finite)} diverged" if len(finite) < len(values) else ""
    if len(finite) == 1:
        return middle + lost
    return f"{middle} ({format(min(finite), form)} … {format(max(finite), form)}){lost}"


WAITING = "Waiting for the first record. It is made before training begins, within a few seconds of its start."
SELECT_RUNS = "Select a row to open, rename, take away or delete the run; several to compare them on one axis."
HELP_OPEN = "Of several runs the first is shown in full, the others beside it in the charts over the epochs."
HELP_AGAIN = "Fills the form above with what this run was asked for, to change and start."
HELP_ZIP = "All records of the run; unpacked into the folder of runs of another server, it opens there."
ABOUT_AUTHORS = (
    "As reported by the authors: Joo, Kang and Kim, ICLR 2020, tables 1 to 3. Single runs without standard deviations; "
    "nothing here was computed by this dashboard."
)
AUTHORS_TABLES: "dict[str, list[dict[str, object]]]" = {
    "Table 1: CIFAR-10, test error in %": [
        {"Network": "ResNet-56", "Vanilla": 7.21, "BN": 6.95, "PER": 6.72},
        {"Network": "ResNet-110", "Vanilla": 6.90, "BN": 6.62, "PER": 6.19},
    ],
    "Table 2: the 11-layer network, test error in %": [
        {"Data": "CIFAR-10", "Non-linearity": "ReLU", "Vanilla": 8.43, "BN": 7.53, "VCL": 7.80, "PER": 7.21},
        {"Data": "CIFAR-10", "Non-linearity": "Leaky ReLU", "Vanilla": 6.73, "BN": 6.38, "VCL": 6.45, "PER": 6.29},
        {"Data": "CIFAR-10", "Non-linearity": "ELU", "Vanilla": 6.74, "BN": 6.69, "VCL": 6.26, "PER": 6.42},
        {"Data": "CIFAR-100", "Non-linearity": "ReLU", "Vanilla": 29.45, "BN": 29.13, "VCL": 30.30, "PER": 29.29},
        {"Data": "CIFAR-100", "Non-linearity": "Leaky ReLU", "Vanilla": 26.50, "BN": 26.83, "VCL": 26.30, "PER": 25.50},
        {"Data": "CIFAR-100", "Non-linearity": "ELU", "Vanilla": 27.53, "BN": 26.60, "VCL": 25.86, "PER": 25.73},
    ],
    "Table 3: language models, test perplexity": [
        {
            "Data": data,
            "Network": network,
            "Vanilla": vanilla,
            "L2": l2,
            "RBN": rbn,
            "PER": per,
        }
        for data, network, vanilla, l2, rbn, per in (
            ("PTB", "LSTM, reused embedding", 112.2, 108.2, 110.4, 108.5),
            ("WikiText2", "LSTM, reused embedding", 123.2, 123.3, 131.6, 117.4),
            ("PTB", "variational-dropout LSTM, reused embedding", 75.7, 75.8, 80.5, 74.9),
            ("WikiText2", "variational-dropout LSTM, reused embedding", 86.4, 86.1, 90.5, 85.9),
        )
    ],
}

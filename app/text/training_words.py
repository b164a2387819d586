"""What the Train page says."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis.survey.history import UnitHistory
    from analysis.training.plan import Plan

TITLE = "Train networks and watch their activations"
LEAD = (
    "Networks with the same initial weights see the same data in the same order, with the same dropout masks, and "
    "differ by one method only. What their layers do is recorded before training and after every epoch, and drawn as "
    "it happens: Figure 2 of the paper, live."
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
HELP_FOLDER = (
    "A folder on the server with the official binary files, data_batch_1.bin and so on, or train.bin; inside the "
    "folders that its operator allows: {folders}. In the folder of the runs take a name with a dot, .cifar for "
    "example: it is not taken for a run."
)
HELP_DOWNLOAD = "Fetches the archive with progress, goes on where it was cut off, and checks its checksum."
NO_FOLDER = "CIFAR needs a folder on the server: where the binary files are, or where they may be downloaded to."
HELP_WIDTH = "Of the numbers of units. 0 is automatic: an eighth on a CPU, the full width on a GPU."
HELP_COMBINATIONS = "Methods joined by a plus go into one network: type bn+per, for example."
HELP_REDUCTION = (
    "Of {names}. Mean is equation 6, sum is Algorithm 1. Equation 6 divides the penalty by the batch size n, "
    "Algorithm 1 as printed does not: the same λ pulls n times as hard there. The paper does not say which of the two "
    "its values of λ belong to."
)
MEASURED_TITLE = "What the presets show, measured over five seeds"
HELP_MORE = (
    "What the form has no field for, by the names of the fields of a spec: momentum, weight_decay, probe_size, "
    "tracked_units, data.limit, data.dim, or methods with names and settings of their own. It wins over the fields."
)
MORE_PLACEHOLDER = '{"momentum": 0.8}'
MORE_DECIDES = "Decided there and not by other fields: {names}."
METHODS_GIVEN = "The methods are those in “More settings”."
TITLE_PLACEHOLDER = "the names of the methods"
HELP_LAYERS = "Numbers of the hidden layers where the methods act, 2 6 9 for example. Empty: all of them."
HELP_SEEDS = "Single runs deceive: with more seeds the table shows median and range."
HELP_DEVICE = "auto takes a GPU where there is one."
HELP_PRECISION = "bfloat16 and float16 need a GPU."


def planned(plan: "Plan", networks: int) -> str:
    """What Start will leave behind."""
    size = plan.disk_bytes
    return (
        f"{networks} {'network' if networks == 1 else 'networks'} of {len(plan.layers)} hidden layers; records and "
        f"checkpoint will take up to {f'{size / 1e6:,.0f} MB' if size < 1e9 else f'{size / 1e9:,.1f} GB'} on the "
        "server's disk."
    )


SHORT_DATA = {
    "digits": "digits",
    "spirals": "spirals",
    "mixture": "mixture",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
}
SHORT_MODEL = {"mlp": "MLP", "cnn11": "11-layer CNN"}


DELETED_TITLE = "Deleted in the last week"
NO_RUNS = "Nothing has been trained here yet. The form above is filled in: press Start and watch."
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
GONE = "A run cannot be shown. {reason}"
HELP_CLIP = "The paper cuts the variance at 5, so that one exploding unit does not flatten the others."
HELP_OWN = (
    "Every network's median and band on an axis of its own. Without it a row has one axis, so that widths can be "
    "compared, and one exploding network flattens the others."
)
HELP_NETWORKS = "At most {most} are drawn together; the table below has all of them."
HELP_SEED_SHOWN = "Of which single runs are drawn; a network that was not trained with this seed shows its first."
HELP_UNIT = (
    "Some randomly chosen units of every layer are recorded in full; the number is the unit's place in its layer."
)


def tracked_unit(position: int, units: "Mapping[str, Sequence[int]]") -> str:
    """One of the tracked units: which it is in each of the layers."""
    own = [" / ".join(map(str, of_layer)) for of_layer in units.values()]
    return f"{position + 1}: unit {', '.join(own if len(set(own)) > 1 else own[:1])}"


def about_figure2(
    row: str, histories: "Mapping[str, UnitHistory]", rows: int, *, clipped: bool, own_scales: bool
) -> str:
    """What Figure 2 is, and whose band moves how much in the first of the layers shown."""
    movement = ", ".join(f"{name} {unit.movement:.3f}" for name, unit in histories.items())
    axes = "each panel on an axis of its own" if own_scales else "the panels of a row on one axis"
    clip = "; the axis of the variance ends at 5" if clipped else ""
    return (
        f"One unit of each chosen layer over the epochs, on {rows:,} samples: the median with the band from the 0.25 "
        f"to the 0.75 quantile, {axes}, then mean and variance of all{clip}. Notice which band stays where it is from "
        f"epoch to epoch (mean step of the quartiles in {row}: {movement}), and whose variance grows; one unit can "
        "contradict what most of its layer does."
    )


def about_progress(titles: "Sequence[str]", seeds: int, *, trained_here: bool) -> str:
    """What was recorded beside the layers."""
    over = f" Curves are medians over the seeds, up to {seeds}, with their range." if seeds > 1 else ""
    if not trained_here:
        return f"What the script recorded beside the layers: {', '.join(titles)}.{over}"
    return (
        "Loss and accuracy on the training batches as they were learnt (epoch 0: on the recorded samples, before "
        "training), accuracy on the test set, and seconds of training an epoch. All methods of a comparison see the "
        f"same data in the same order.{over}"
    )


def about_missing(lacking: "Mapping[str, Sequence[str]]") -> str:
    """Which networks have no such layer, to be added to what a chart says."""
    return "".join(f" Without {layer}: {', '.join(names)}." for layer, names in lacking.items() if names)


def diverged(epoch: float, reason: str) -> str:
    """What the trainer says of a network that it gave up."""
    return f"diverged at epoch {epoch}: {reason}"


def not_finite(epoch: float, where: str) -> str:
    """What the records say of a network whose numbers have gone."""
    return f"holds NaN or infinite values from epoch {epoch} on, first in {where}"


def collapse_alarm(names: "Sequence[str]", layer: str) -> str:
    """The warning of a batch that shrinks."""
    which = " and ".join(names)
    verb = "shrinks" if len(names) == 1 else "shrink"
    return (
        f"{which}: {layer} {verb} towards 0, where PER has its minimum. Its mean square is below half of what it "
        "was before training, and it is below 0.1 or still falls while SW1 rises. A lower PER does not mean N(0, I) "
        "here. Try a smaller λ, or the energy-corrected PER."
    )


def final_table_note(seeds: "Mapping[str, int]") -> str:
    """What the table of results is."""
    repeats = set(seeds.values())
    if repeats == {1}:
        text = "One seed each: differences of this size between methods can be chance. Repeat with more seeds."
    elif len(repeats) == 1:
        text = f"Median and range over {repeats.pop()} seeds."
    else:
        text = f"Median and range over the seeds: {', '.join(f'{name} {count}' for name, count in seeds.items())}."
    return (
        f"{text} Movement is the mean step of the quartiles from epoch to epoch, over the tracked units of the layer."
    )


def range_text(values: "Sequence[float]", form: str) -> str:
    """Median and range of the values of all seeds; NaN is one that diverged."""
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
HELP_OPEN = "The networks of several runs are drawn on one axis; those of the first go by their method alone."
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

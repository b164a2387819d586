"""What is recorded beside the layers, over the epochs: accuracy or perplexity, time, or whatever a script wrote."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.plain_text import plain
from analysis.runs.perplexity import perplexity
from analysis.survey.history import scalar_history
from app.charts import training as figures
from app.charts.chart import show_chart
from app.text.language import _, translated
from app.text.plain import escaped, label
from app.views.train.shown_runs import Shown
from per_core.text import N_

if TYPE_CHECKING:
    from per_core.recording.run_directory import Run

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]  # epochs and values


class Scalar(NamedTuple):
    """A number of every record.

    Attributes:
        name: under which it is recorded.
        title: what a person reads.
        read: what it is shown as.
    """

    name: str
    title: str
    read: Callable[[float], float] = float

    def curve(self, run: "Run") -> Curve:
        """Of the records that have it."""
        epochs, values = scalar_history(run, self.name)
        return epochs, np.array([self.read(value) for value in values])


MOST_SCALARS = 5
SECONDS = Scalar("seconds", N_("seconds an epoch"))
TEST = Scalar("test_accuracy", N_("test accuracy"))
TEST_OF_TEXT = Scalar("test_loss", N_("test perplexity"), perplexity)
SCALARS = (
    Scalar("loss", N_("training loss")),
    Scalar("accuracy", N_("training accuracy")),
    Scalar("validation_accuracy", N_("validation accuracy")),
    TEST,
    SECONDS,
)
SCALARS_OF_TEXT = (
    Scalar("loss", N_("training perplexity"), perplexity),
    Scalar("validation_loss", N_("validation perplexity"), perplexity),
    TEST_OF_TEXT,
    SECONDS,
)
BESIDE_THESE = ("accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")  # said by others


def scores_on_test(run: "Run", *, is_text: bool) -> Curve:
    """Epochs and test accuracy of a run, or test perplexity of one that learns a text."""
    return (TEST_OF_TEXT if is_text else TEST).curve(run)


def show_progress(shown: Shown, trained_here: bool) -> None:
    """Accuracy or perplexity and time of every network, or whatever a script recorded beside its layers."""
    scalars = _scalars(shown, trained_here)
    if not scalars:
        return
    curves = {
        title: {
            name: [scalar.curve(run) for run in network.runs.values()]
            for name, network in shown.networks.items()
            if any(scalar.name in record.scalars for run in network.runs.values() for record in run.records)
        }
        for title, scalar in scalars.items()
    }
    falling = [label(title) for title, scalar in scalars.items() if scalar.read is perplexity]
    first = next(iter(curves))
    ends = ", ".join(f"{name} {own[0][1][-1]:.4g}" for name, own in curves[first].items() if len(own[0][1]))
    show_chart(
        partial(figures.progress, {label(title): own for title, own in curves.items()}, shown.epochs, falling),
        key="train_progress",
        height=290,
        alt=plain(
            _("{curves} over the epochs. Last {first}: {ends}.").format(
                curves=", ".join(curves), first=first, ends=ends or _("none")
            )
        ),
        about=_about(list(curves), max(len(network.runs) for network in shown.networks.values()), trained_here),
        precise=_precise(shown) if trained_here else "",
    )


def _scalars(shown: Shown, trained_here: bool) -> dict[str, Scalar]:
    """What is drawn, by its title: what is known, then whatever else was recorded."""
    recorded = {name: None for run in shown.runs.values() for record in run.records for name in record.scalars}
    known = SCALARS_OF_TEXT if shown.is_text else SCALARS
    found = {translated(scalar.title): scalar for scalar in known if scalar.name in recorded}
    said = {scalar.name for scalar in known} | (set(BESIDE_THESE) if trained_here else {"test_loss"})
    found |= {name: Scalar(name, name) for name in recorded if name not in said}
    return dict(list(found.items())[:MOST_SCALARS])


def _about(titles: Sequence[str], seeds: int, trained_here: bool) -> str:
    """What is drawn, and of how many seeds."""
    names = ", ".join(map(escaped, titles))
    said = (
        _("Recorded with the layers, over the epochs: {titles}.").format(titles=names)
        if trained_here
        else _("What the script recorded beside the layers: {titles}.").format(titles=names)
    )
    if seeds > 1:
        said += _(" Curves are medians over up to {seeds} seeds, with their range.").format(seeds=seeds)
    return said


def _precise(shown: Shown) -> str:
    said = _(
        "What is said of training is of the batches as they were learnt; at epoch 0, of the recorded samples before"
        " training. All networks of a comparison see the same data in the same order."
    )
    if shown.is_text:
        said += _(
            " Perplexity is exp of the mean loss a word: the number of equally likely words it amounts to. Lower is"
            " better; its axis is logarithmic where it falls to less than a third."
        )
    return said

"""Scores of a comparison, and their differences paired by seed, in words for a table."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.runs.spec import TrainingSpec
from analysis.survey.paired import final_scores, paired_differences
from app.text.language import _
from app.text.plain import harmless
from app.views.train.titles import method_title
from per_core.errors import PerError

if TYPE_CHECKING:
    from analysis.runs.comparison import Comparison
    from analysis.survey.paired import Measure, PairedDifference, Scores

NONE = "–"


def read_spec(comparison: "Comparison") -> TrainingSpec | None:
    """What was asked for; None of a run that a script recorded, and of what cannot be read."""
    try:
        return TrainingSpec.from_dict(comparison.spec) if comparison.spec else None
    except PerError:
        return None


def differences_on_test(comparison: "Comparison") -> dict[str, str]:
    """Label of each method but the reference -> how much its test score is above the reference's, in words."""
    spec = read_spec(comparison)
    scores = None if spec is None else final_scores(comparison, spec, "test")
    if spec is None or scores is None:
        return {}
    return {label: difference_text(one, scores, label) for label, one in paired_differences(scores, spec).items()}


def about_differences(to: Collection[str], *, is_text: bool) -> str:
    """To which methods the differences are, by their labels, and which are gains: of a perplexity, those below 0."""
    if len(to) == 1:
        said = _(
            "Differences to {method} are means over the seeds, from the same initial weights and order of the data:"
            " {gain}."
        )
    else:
        said = _(
            "Differences to Vanilla with the same learning rate, momentum and weight decay are means over the seeds:"
            " {gain}."
        )
    return said.format(
        method=method_name(next(iter(to))), gain=_("below 0 is better") if is_text else _("above 0 is better")
    )


def precise_differences() -> str:
    """What the intervals are. Markdown."""
    return _(
        "In brackets is the 95 % interval of the mean difference by Student's t; where it holds 0, the two methods"
        " cannot be told apart. It holds for one method at a time: of many intervals some miss. Differences of"
        " accuracies are in points of percent. Scores are of the last epoch that all networks have; a network that has"
        " diverged is counted and left out."
    )


def method_name(label: str) -> str:
    """A method's title, fit for any place."""
    return harmless(method_title(label))


def score_text(value: float, measure: "Measure") -> str:
    """A score as it is read: an accuracy in percent, or a perplexity."""
    if math.isnan(value):
        return NONE
    return f"{value:.2%}" if measure == "accuracy" else f"{value:.2f}"


def difference_text(difference: "PairedDifference", scores: "Scores", label: str) -> str:
    """The mean with its interval, and how many of the networks have diverged."""
    ends = (difference.low, difference.high)
    said = NONE if math.isnan(difference.mean) else _signed(difference.mean, scores.measure)
    if not math.isnan(difference.low):
        said += f" ({' … '.join(_signed(end, scores.measure) for end in ends)})"
    return said + diverged_text(scores.diverged, (label, difference.reference))


def diverged_text(diverged: "Mapping[str, Sequence[int]]", labels: "Sequence[str]") -> str:
    """How many networks of some methods have diverged, to be added to what is said of the others."""
    lost = sum(len(diverged[label]) for label in labels)
    return _(", {lost} diverged").format(lost=lost) if lost else ""


def _signed(value: float, measure: "Measure") -> str:
    rounded = round(100 * value if measure == "accuracy" else value, 2) + 0.0  # without the sign of a zero
    return f"{rounded:+.2f}".replace("-", "−")

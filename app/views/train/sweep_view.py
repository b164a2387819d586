"""What a comparison says of a number that several methods differ by: the scores along it, and which value is chosen."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from analysis.plain_text import written
from analysis.runs.spec import TrainingSpec
from analysis.runs.sweep import quantity_of, references, sweeps
from analysis.survey.paired import final_scores, outcomes
from app.charts.chart import show_chart
from app.charts.sweep import ScoreLine, ScorePanel, is_drawn, score_along
from app.session.controls import one_of
from app.text.caption import show_caption
from app.text.language import _, translated
from app.views.train.authors_results import show_beside_authors
from app.views.train.differences import (
    NONE,
    about_differences,
    difference_text,
    method_name,
    precise_differences,
    read_spec,
    score_text,
)
from app.views.train.titles import method_title, number_title
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.runs.comparison import Comparison
    from analysis.runs.sweep import LineKey, Sweep
    from analysis.survey.paired import Outcome, Scores

_PARTS = {
    ("validation", "accuracy"): N_("validation accuracy"),
    ("validation", "perplexity"): N_("validation perplexity"),
    ("test", "accuracy"): N_("test accuracy"),
    ("test", "perplexity"): N_("test perplexity"),
}


def show_sweep(comparison: "Comparison") -> None:
    """The section: scores along a number, what validation chooses, and what the authors report."""
    spec = read_spec(comparison)
    test = None if spec is None else final_scores(comparison, spec, "test")
    if spec is None or test is None:
        st.info(_("Scores of methods are compared in a training that began here; this run has none."))
        return
    validation = final_scores(comparison, spec, "validation")
    found = outcomes(spec, test, validation)
    quantities = list(dict.fromkeys(quantity_of(name) for one in found for name in one.sweep.varied))
    if quantities:
        _show_scores(spec, test, validation, found, quantities)
    else:
        st.info(
            _(
                "No method of this comparison has several values of a number. Give λ several in the form, “3e-4 1e-4"
                " 3e-5” for example: each is trained."
            )
        )
    _show_outcomes(spec, test, validation, found)
    show_beside_authors(spec, test, found)


def _show_scores(
    spec: TrainingSpec,
    test: "Scores",
    validation: "Scores | None",
    found: "Sequence[Outcome]",
    quantities: Sequence[str],
) -> None:
    """The chart, along one of the numbers."""
    quantity = quantities[0]
    if len(quantities) > 1:
        quantity = one_of(_("Along"), quantities, quantity, key="train_sweep_along", show=number_title)
    chosen = {one.label for one in found if one.label is not None}
    parts = [scores for scores in (validation, test) if scores is not None]
    panels = {translated(_PARTS[one.part, one.measure]): _panel(spec, one, quantity, chosen) for one in parts}
    lines = next(iter(panels.values())).lines
    stars = [
        _("{name} at {value}").format(name=name, value=written(line.chosen))
        for name, line in lines.items()
        if line.chosen is not None
    ]
    title = number_title(quantity)
    show_chart(
        partial(score_along, panels, title, ".1%" if test.measure == "accuracy" else ".4g"),
        key="train_sweep",
        height=400,
        alt=_("{scores} over {number}, of {names}. Chosen on validation: {chosen}.").format(
            scores=", ".join(panels), number=title, names=", ".join(lines), chosen=", ".join(stars) or _("none")
        ),
        about=_("A point is one seed, a line joins the means. The star is the value that validation chooses.")
        if validation is not None
        else _("A point is one seed, a line joins the means. Without a validation part, nothing is chosen."),
        precise=_(
            "A horizontal line is the mean of a method without this number or with one value of it; the band is the"
            " range of the seeds of what the others are compared with. The axis is logarithmic where the largest value"
            " is at least ten times the smallest. Networks that have diverged have no point. Scores are those after"
            " epoch {epoch}."
        ).format(epoch=test.epoch),
    )


def _panel(spec: TrainingSpec, scores: "Scores", quantity: str, chosen: set[str]) -> ScorePanel:
    """The scores on one part: lines along the number, and across it the methods that have no place along it."""
    found = [(sweep, key, line) for sweep in sweeps(spec) for key, line in sweep.lines(quantity).items()]
    values = [value for *_place, line in found for value, _label in line]
    lines: dict[str, ScoreLine] = {}
    along: set[str] = set()
    for sweep, key, line in found:
        drawn = {value: label for value, label in line if is_drawn(value, values)}
        along |= set(drawn.values())
        lines[_line_name(sweep, key)] = ScoreLine(
            {value: scores.values[label] for value, label in drawn.items()},
            next((value for value, label in drawn.items() if label in chosen), None),
        )
    across = [method.label for method in spec.methods if method.label not in along]
    reference = next((label for label in references(spec).values() if label in across), "")
    return ScorePanel(lines, {method_name(label): scores.values[label] for label in across}, method_name(reference))


def _line_name(sweep: "Sweep", key: "LineKey") -> str:
    """The methods of a line, and what they have in common of the numbers that the others differ by."""
    name, others = key
    said = [f"{_number_name(sweep, other)} = {written(value)}" for other, value in others]
    if len({quantity_of(name)} | {quantity_of(other) for other, _value in others}) < 1 + len(others):
        said.insert(0, _number_name(sweep, name))
    return method_name(sweep.name) + (f" ({', '.join(said)})" if said else "")


def _number_name(sweep: "Sweep", name: str) -> str:
    """A number in words, with its method where another of the sweep is called the same."""
    alike = [other for other in sweep.varied if quantity_of(other) == quantity_of(name)]
    key = name.rpartition(".")[0]
    return f"{method_title(key)} {number_title(name)}" if key and len(alike) > 1 else number_title(name)


def _show_outcomes(spec: TrainingSpec, test: "Scores", validation: "Scores | None", found: "Sequence[Outcome]") -> None:
    """Every method at the value that validation chooses, and its difference on the test data."""
    if validation is None and any(len(one.sweep.members) > 1 for one in found):
        st.warning(
            _(
                "No value is chosen: the data have no validation part, and the test score must not choose. It would be"
                " optimistic, as it flatters the value that was lucky. Hold out a share for validation in the form."
            )
        )
    is_swept = any(one.sweep.varied for one in found)
    st.dataframe(
        pd.DataFrame([_row(one, test, validation, is_swept=is_swept) for one in found]),
        hide_index=True,
        key="train_sweep_table",
        alt=_("Each method at its chosen value, with its test score and the difference to the reference"),
    )
    if to := {one.difference.reference for one in found if one.difference is not None}:
        alone = _(" One seed has no interval: repeat with more.") if spec.seeds == 1 else ""
        show_caption(about_differences(to, is_text=spec.data.is_text) + alone, precise_differences())


def _row(outcome: "Outcome", test: "Scores", validation: "Scores | None", *, is_swept: bool) -> Mapping[str, str]:
    """A method with its scores, and with what was tried where any method of the comparison has several values."""
    sweep, label = outcome.sweep, outcome.label
    numbers = {} if label is None else sweep.members[label]
    said = [f"{_number_name(sweep, name)} = {written(value)}" for name, value in numbers.items()]
    tried = [str(len({own[name] for own in sweep.members.values()})) for name in sweep.varied]
    row = {_("Method"): method_name(sweep.name)}
    if is_swept:
        row[_("Values tried")] = " × ".join(tried) or NONE
        row[_("Chosen on validation")] = ", ".join(said) or (_("none") if tried else NONE)
    if validation is not None:
        row[_head(validation)] = NONE if label is None else score_text(validation.mean(label), validation.measure)
    row[_head(test)] = NONE if label is None else score_text(test.mean(label), test.measure)
    row[_("Difference on test (95 %)")] = (
        NONE if outcome.difference is None or label is None else difference_text(outcome.difference, test, label)
    )
    if lost := sum(len(test.diverged[own]) for own in sweep.members):
        row[_("Diverged")] = str(lost)
    return row


def _head(scores: "Scores") -> str:
    """What scores are of, as the head of a column: a higher accuracy is better, and a lower perplexity."""
    title = translated(_PARTS[scores.part, scores.measure])
    return title[:1].upper() + title[1:]

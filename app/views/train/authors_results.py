"""What the authors of the paper report, marked as theirs, and beside it what a comparison of the same model gives."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from analysis.plain_text import written
from analysis.runs.spec import ModelName, TrainingSpec
from app.text.caption import show_caption
from app.text.language import _, translated
from app.views.train.differences import NONE
from app.views.train.titles import activation_title, data_title, method_title, model_title
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.survey.paired import Outcome, Scores

_RE, _RE_VD = N_("LSTM, reused embedding"), N_("variational-dropout LSTM, reused embedding")
_RECURRENT = {"BN": "RBN"}  # what a method is called in a table of recurrent networks


@dataclass(frozen=True, slots=True)
class AuthorsTable:
    """One table of the paper.

    Attributes:
        title: with what its figures are.
        model: of which it is.
        form: of its figures.
        weights: the values of λ that the authors try; which of them a figure is of, they do not say.
        rows: the columns of each, in English; a text of `Data`, `Network` or `Non-linearity` says what it is of.
    """

    title: str
    model: ModelName
    form: str
    weights: tuple[float, ...]
    rows: tuple[Mapping[str, str | float], ...]


TABLES = (
    AuthorsTable(
        N_("Table 1: CIFAR-10, test error in %"),
        "resnet",
        ".2f",
        (3e-4, 1e-4, 3e-5, 1e-5),
        (
            {"Data": "CIFAR-10", "Network": "ResNet-56", "Vanilla": 7.21, "BN": 6.95, "PER": 6.72},
            {"Data": "CIFAR-10", "Network": "ResNet-110", "Vanilla": 6.90, "BN": 6.62, "PER": 6.19},
        ),
    ),
    AuthorsTable(
        N_("Table 2: the 11-layer network, test error in %"),
        "cnn11",
        ".2f",
        (3e-4, 1e-4, 3e-5, 1e-5),
        tuple(
            {"Data": data, "Non-linearity": activation, "Vanilla": vanilla, "BN": bn, "VCL": vcl, "PER": per}
            for data, activation, vanilla, bn, vcl, per in (
                ("CIFAR-10", "ReLU", 8.43, 7.53, 7.80, 7.21),
                ("CIFAR-10", "Leaky ReLU", 6.73, 6.38, 6.45, 6.29),
                ("CIFAR-10", "ELU", 6.74, 6.69, 6.26, 6.42),
                ("CIFAR-100", "ReLU", 29.45, 29.13, 30.30, 29.29),
                ("CIFAR-100", "Leaky ReLU", 26.50, 26.83, 26.30, 25.50),
                ("CIFAR-100", "ELU", 27.53, 26.60, 25.86, 25.73),
            )
        ),
    ),
    AuthorsTable(
        N_("Table 3: language models, test perplexity"),
        "lstm",
        ".1f",
        (3e-4, 1e-4, 3e-5),
        tuple(
            {"Data": data, "Network": network, "Vanilla": vanilla, "L2": l2, "RBN": rbn, "PER": per}
            for data, network, vanilla, l2, rbn, per in (
                ("PTB", _RE, 112.2, 108.2, 110.4, 108.5),
                ("WikiText2", _RE, 123.2, 123.3, 131.6, 117.4),
                ("PTB", _RE_VD, 75.7, 75.8, 80.5, 74.9),
                ("WikiText2", _RE_VD, 86.4, 86.1, 90.5, 85.9),
            )
        ),
    ),
)


def show_authors_results() -> None:
    """The tables of the paper."""
    st.caption(
        _(
            "As reported by Joo, Kang and Kim, ICLR 2020, tables 1 to 3, single runs without standard deviations. This "
            "dashboard computed none of it."
        )
    )
    for table in TABLES:
        st.markdown(f"**{translated(table.title)}**")
        shown = pd.DataFrame([_in_words(table, row) for row in table.rows])
        st.dataframe(shown, hide_index=True, alt=translated(table.title))


def show_beside_authors(spec: TrainingSpec, test: "Scores", found: "Sequence[Outcome]") -> None:
    """The outcomes of a comparison below what the authors report of its model; nothing if they report nothing."""
    table = next((table for table in TABLES if table.model == spec.model.name), None)
    here = {} if table is None else _outcomes_by_column(table, test, found)
    alike = [] if table is None else [row for row in table.rows if _is_alike(row, spec)]
    if table is None or not here or not alike:
        return
    st.markdown(_("**Beside the authors: {table}**").format(table=translated(table.title)))
    of = _("Reported")
    theirs = [{of: _("by the authors")} | _in_words(table, row) for row in alike]
    ours = {of: _("here, small-scale")} | _in_words(table, _place(table, spec)) | here
    st.dataframe(
        pd.DataFrame([*theirs, ours]).fillna(NONE),
        hide_index=True,
        key="train_beside_authors",
        alt=_("What the authors report of this model, and the outcomes of this comparison"),
    )
    members = [numbers for one in found for numbers in one.sweep.members.values()]
    tried = {value for numbers in members for name, value in numbers.items() if name.endswith(".weight")}
    precise = _("The authors try λ = {values}, and do not say which of them a number is of.").format(
        values=_listed(table.weights)
    )
    if tried:
        precise += _(" Here λ = {values} are tried, and validation chooses.").format(values=_listed(tried))
    about = _(
        "The authors report single numbers of full-size networks and data; ours are small-scale, after epoch {epoch}:"
        " mean and range over the seeds."
    ).format(epoch=test.epoch)
    if spec.data.is_text:
        about += _(" Perplexities of different texts cannot be compared, only the order of the methods.")
    show_caption(about, precise)


def _outcomes_by_column(table: AuthorsTable, test: "Scores", found: "Sequence[Outcome]") -> dict[str, str]:
    """The scores of a comparison in the columns of a table: errors in %, or perplexities, with their range."""
    columns = {key for row in table.rows for key in row}
    by_column: dict[str, str] = {}
    for one in found:
        column = method_title(one.sweep.combination)
        column = _RECURRENT.get(column, column) if table.model == "lstm" else column
        if column in columns and one.label is not None and test.values[one.label]:
            by_column.setdefault(column, _mean_and_range(table, test, one.label))
    return by_column


def _mean_and_range(table: AuthorsTable, test: "Scores", label: str) -> str:
    """Of the errors in % where the score is an accuracy."""
    share = test.measure == "accuracy"
    mean, *ends = (100 * (1 - one) if share else one for one in (test.mean(label), *test.values[label].values()))
    low, high = format(min(ends), table.form), format(max(ends), table.form)
    return format(mean, table.form) + (f" ({low} … {high})" if len(ends) > 1 else "")


def _is_alike(row: Mapping[str, str | float], spec: TrainingSpec) -> bool:
    """Whether a row is of the same non-linearity, or of an LSTM with the same embedding and kind of dropout."""
    if spec.model.name == "lstm":
        return spec.model.tied and row["Network"] == _lstm(spec)
    return row.get("Non-linearity", activation_title(spec)) == activation_title(spec)


def _place(table: AuthorsTable, spec: TrainingSpec) -> dict[str, str | float]:
    """What a comparison is of, in the columns of a table that say it."""
    said = {"Data": data_title(spec), "Network": model_title(spec), "Non-linearity": activation_title(spec)}
    if spec.model.name == "lstm":
        said["Network"] = _lstm(spec)
    return {name: said[name] for name in table.rows[0] if name in said}


def _lstm(spec: TrainingSpec) -> str:
    return _RE_VD if spec.model.variational else _RE


def _in_words(table: AuthorsTable, row: Mapping[str, str | float]) -> dict[str, str]:
    """A row in the visitor's language, with figures as the paper has them."""
    return {
        translated(name): translated(cell) if isinstance(cell, str) else format(cell, table.form)
        for name, cell in row.items()
    }


def _listed(values: Iterable[float]) -> str:
    return ", ".join(map(written, sorted(values, reverse=True)))

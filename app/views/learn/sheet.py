"""The lesson on paper: a sheet for students with room to write, one for the teacher with the answers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.text.language import _, language, ngettext, translated
from app.views.learn.step import Options, Place, Step

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, auto_reload=False
)
_MARKS = re.compile(r"\*\*|`|\\(?=[^\w\s])")  # of Markdown, which the page's texts hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A step as a sheet says it, at the settings that it opens with; texts are plain, in the visitor's language.

    Attributes:
        options: what is to be ticked; empty where a number is asked for.
        between: where that number lies; empty where there are options.
        right, because: the computed answer, and the numbers it comes from.
    """

    title: str
    invitation: str
    question: str
    options: tuple[str, ...]
    between: str
    right: str
    because: str
    explanation: str
    misconception: str
    time: str


def write_sheet(steps: Sequence[Step[Any]], *, for_teacher: bool) -> str:
    """A sheet as one HTML file, in the visitor's language; the answers are computed as the page computes them."""
    minutes = sum(step.minutes for step in steps)
    title = _("Learn: the teacher's sheet") if for_teacher else _("Learn: the student's sheet")
    lead = (
        _("{minutes} minutes with the plays. Answers are for the settings that each step opens with.")
        if for_teacher
        else _("Play first, tick your prediction, then look at the answer and write down why.")
    )
    return _TEMPLATES.get_template("sheet.html.jinja").render(
        _=_,
        language=language(),
        title=title,
        lead=lead.format(minutes=minutes),
        entries=[entry_of(step) for step in steps],
        for_teacher=for_teacher,
    )


def entry_of(step: Step[Any]) -> Entry:
    """What a sheet says of a step."""
    question = step.ask(step.see({field.path: field.default for field in step.fields()}))
    options: tuple[str, ...] = ()
    between = ""
    match question:
        case Options(options=texts):
            options = tuple(map(_plain, texts.values()))
        case Place(low=low, high=high, form=form):
            between = _("A number between {low} and {high}:").format(low=form.format(low), high=form.format(high))
    return Entry(
        title=translated(step.title),
        invitation=_plain(translated(step.invitation)),
        question=_plain(question.text),
        options=options,
        between=between,
        right=_plain(question.right_in_words),
        because=_plain(question.because),
        explanation=_plain(translated(step.explanation)),
        misconception=_plain(translated(step.misconception)),
        time=ngettext("{n} minute", "{n} minutes", step.minutes).format(n=step.minutes),
    )


def _plain(markdown: str) -> str:
    return _MARKS.sub("", markdown)

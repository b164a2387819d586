"""The templates of what is said about layers in HTML, and what they call to say it in a language."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from gettext import NullTranslations
from pathlib import Path

from analysis.survey.cell import Epoch
from analysis.survey.sentences import kind_sentence, warning_sentence, warning_title
from per_core.templates import templates_in
from per_core.text import say

TEMPLATES = templates_in(Path(__file__).parent)


def wording(texts: NullTranslations) -> dict[str, Callable[..., str]]:
    """What the template calls to write in a language."""
    _ = texts.gettext

    def epoch_name(epoch: Epoch) -> str:
        return _("no epoch") if epoch is None else _("epoch {epoch}").format(epoch=epoch)

    return {
        "_": texts.gettext,
        "translated": texts.gettext,
        "said": partial(say, translate=texts.gettext),
        "epoch_name": epoch_name,
        "kind_sentence": partial(kind_sentence, texts=texts),
        "warning_title": partial(warning_title, texts=texts),
        "warning_sentence": partial(warning_sentence, texts=texts),
    }

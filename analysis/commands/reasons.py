"""Reasons in a terminal: each once, for how many arrays, and the lines of Python that convert the first of them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable

from analysis.dumps.reasons import SharedReason, group_reasons

COLUMNS = 100


def reasons_in_words(told: Iterable[tuple[str, str]], title: Callable[[SharedReason], str]) -> list[str]:
    """What to print, a line each, an empty one before every reason. Lines to paste begin at the left, unbroken.

    Args:
        told: (name, reason) of each array, as they are shown.
        title: what to say of all that share a reason.
    """
    lines = []
    for shared in group_reasons(told):
        sentence = textwrap.wrap(shared.sentence, COLUMNS, break_long_words=False, break_on_hyphens=False)
        lines += ["", title(shared), *sentence, *shared.lines]
        if shared.lines and len(shared.names) > 1:
            lines.append(f"# The lines are for {shared.names[0]}; put in the names of the others.")
    return lines

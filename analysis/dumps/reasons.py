"""Reasons why members are refused, each said once for all that share it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from per_core.text import Translate, say

CONVERSION = re.compile(r":\s+(import \S.*)", re.DOTALL)  # lines to paste, see `analysis.dumps.files.conversion`
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
OWN_NAME, ANY_NUMBER = "\0", "0"


@dataclass(frozen=True, slots=True)
class SharedReason:
    """One reason, and what it holds for.

    Attributes:
        names: of the members that share it, in the order of the dump; at least one.
        sentence: what is wrong with the first of them and what to do, fit to be shown.
        lines: of Python that convert the first of them, one statement each, to be pasted; none if there is no such way.
    """

    names: tuple[str, ...]
    sentence: str
    lines: tuple[str, ...] = ()


def group_reasons(refused: Iterable[tuple[str, str]], translate: Translate = str) -> tuple[SharedReason, ...]:
    """Reasons by what they say, the most frequent first, ties in the order of the dump.

    Two reasons say the same if they differ in nothing but numbers and in the names of the members that they are about:
    "a.npy has 12 bytes" and "b.npy has 34 bytes".

    Args:
        refused: (name, reason) of each member, as they are shown.
        translate: gives the sentences in another language than English.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, reason in refused:
        groups.setdefault(_pattern(name, reason), []).append((name, reason))
    return tuple(
        SharedReason(tuple(name for name, _ in group), *_with_lines(say(group[0][1], translate)))
        for group in sorted(groups.values(), key=len, reverse=True)
    )


def _pattern(name: str, reason: str) -> str:
    """The reason without what is the member's own: its path, its name, with another suffix too, and numbers.

    A name without a suffix may be an ordinary word, and counts between quotation marks only.
    """
    last = PurePosixPath(name).name
    for own in (name, last):
        reason = reason.replace(own if "." in own else f"'{own}'", OWN_NAME) if own else reason
    stem = last.split(".")[0]
    return NUMBER.sub(ANY_NUMBER, reason.replace(f"'{stem}.", f"'{OWN_NAME}."))


def _with_lines(reason: str) -> tuple[str, tuple[str, ...]]:
    """The sentence, and the statements that it ends with."""
    found = CONVERSION.search(reason)
    if found is None:
        return reason, ()
    return f"{reason[: found.start()]}:", tuple(re.split(r";\s+", found[1].strip()))

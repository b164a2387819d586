"""Natural order: names as a person sorts them, step-20 before step-100."""

from __future__ import annotations

import re

NUMBER = re.compile("[0-9]+")
LAST = "\U0010ffff"  # a number comes after any sign at its place


def by_numbers(name: str) -> str:
    """The key by which to sort a name: numbers in it count as such, by how many digits they have and then by these."""
    return NUMBER.sub(_sortable, name)


def _sortable(number: re.Match[str]) -> str:
    digits = number[0].lstrip("0")
    return f"{LAST}{chr(len(digits))}{digits}"

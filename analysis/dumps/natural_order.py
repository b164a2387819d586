"""Natural order: names as a person sorts them, step-20 before step-100."""

from __future__ import annotations


def by_numbers(name: str) -> list[tuple[int, str]]:
    """The key by which to sort a name: numbers in it count as such."""
    parts: list[tuple[int, str]] = []
    digits = ""
    for sign in name + " ":
        if sign in "0123456789":
            digits += sign
        else:
            if digits:
                parts.append((len(digits.lstrip("0")), digits.lstrip("0")))
                digits = ""
            parts.append((-1, sign))
    return parts

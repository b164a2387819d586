"""Epochs with decimals in names: whether "epoch_10_50" is epoch 10.5, or epoch 10 and another number.

One name cannot tell. All names of a dump together can: layers are numbered one after the other, and are the same at
every epoch; fractions of an epoch divide it into equal parts, or are not the same at every epoch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

DigitPair = tuple[str, str]  # the digits before and after a point or an underscore
MOST_DECIMALS = 6


def are_decimals(pairs: Collection[DigitPair], mark: str, *, of_steps: bool) -> bool:
    """Whether the second numbers of pairs are decimals of the first.

    Args:
        pairs: from all names.
        mark: "." or "_", between the two.
        of_steps: whether the word before them is one of steps, which have no fractions behind an underscore.
    """
    found = set(pairs)
    if mark == ".":
        return all(len(second) <= MOST_DECIMALS for _, second in found) and not (_follow(found) and _is_grid(found))
    if of_steps or any(len(second) != 2 for _, second in found):
        return False
    if all(len(first) > 1 for first, _ in found) and not (_follow(found) or _is_grid(found)):
        return True
    return _are_even(found)


def _are_even(pairs: set[DigitPair]) -> bool:
    """Whether the second numbers, as decimals, divide an epoch into equal parts."""
    seconds = {second for _, second in pairs}
    parts = sorted({float(f"0.{second}") for second in seconds})
    gaps = [right - left for left, right in zip(parts, [*parts[1:], parts[0] + 1], strict=True)] if parts else []
    return len(parts) > 1 and max(gaps) - min(gaps) <= 1.01 * 10.0 ** -max(map(len, seconds))


def _follow(pairs: set[DigitPair]) -> bool:
    """Whether the second numbers follow one another, as indices do, and do not divide an epoch."""
    seconds = sorted({int(second) for _, second in pairs})
    return len(seconds) > 1 and seconds[-1] - seconds[0] == len(seconds) - 1 and not _are_even(pairs)


def _is_grid(pairs: set[DigitPair]) -> bool:
    """Whether every first number has the same second numbers, more than one, which do not divide an epoch."""
    by_first = defaultdict(set)
    for first, second in pairs:
        by_first[first].add(second)
    seconds = {second for _, second in pairs}
    same = len(by_first) > 1 and all(own == seconds for own in by_first.values())
    return same and len(seconds) > 1 and not _are_even(pairs)

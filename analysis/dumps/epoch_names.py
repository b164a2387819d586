"""Epochs in names: whole, or with decimals behind a point or an underscore.

Whether the 50 of `epoch_10_50` is a decimal or a layer one name cannot tell. All names of a dump together can: layers
are numbered one after the other, and are the same at every epoch; fractions of an epoch divide it into equal parts, or
are not the same at every epoch.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from per_core.recording.epoch import parse_epoch

SEPARATORS = r"\s/_.,=-"
START, END = rf"(?:^|(?<=[{SEPARATORS}]))", rf"(?=$|[{SEPARATORS}])"
FRACTIONAL = "epochs?|ep"
MOMENTS = f"{FRACTIONAL}|global_?steps?|steps?|iter(?:ation)?s?|checkpoint|ckpt"
BETWEEN = r"[\s_=.-]*"
POINT = r"\.\d{1,6}(?!\.?\d)"  # epoch_0.25, but not 1.2.3
UNDERSCORE = r"_\d\d(?![._-]?\d)"  # epoch_00_25: the decimal point as an underscore, two decimals
PADDED = rf"(?<=\d\d){UNDERSCORE}"  # of numbers that are padded with a zero, epoch_05_21
BARE = r"e(?=\d{1,15}(?:\.\d{1,6})?(?:$|/))"  # e10 at the end of a name or a folder
PAIR = re.compile(rf"{START}({MOMENTS}){BETWEEN}(\d{{1,14}})([._])(\d{{1,6}})(?![._-]?\d){END}", re.IGNORECASE)
MOMENT = re.compile(rf"{START}(?:{MOMENTS}){BETWEEN}\d", re.IGNORECASE)
BARE_EPOCH = re.compile(rf"{START}{BARE}", re.IGNORECASE)
NUMBER = re.compile(r"[0-9]{1,15}|[0-9]{1,14}[._][0-9]{1,6}")

DigitPair = tuple[str, str]  # the digits before and after a point or an underscore


def expression(*decimals: str, bare: bool = False) -> str:
    """Finds an epoch: a word and a number, with decimals of these forms if there are any; `bare`, e10 as well."""
    words = rf"(?:{MOMENTS}){BETWEEN}" + (f"|{BARE}" if bare else "")
    fraction = f"(?:{'|'.join(decimals)})?" if decimals else ""
    return rf"{START}(?:{words})(\d{{1,15}}{fraction})(?:-\d+)?{END}"


EPOCH = expression(POINT, PADDED)
OWN_EXPRESSIONS = frozenset(
    expression(*points, *underscores, bare=bare)
    for points in ((), (POINT,))
    for underscores in ((), (PADDED,), (UNDERSCORE,))
    for bare in (False, True)
)
"""What `fitting_expression` chooses from; all of them come to an end on any name."""


def fitting_expression(texts: Sequence[str]) -> str:
    """The expression that fits all names of a dump together, `EPOCH` unless they speak against it."""
    found = {pair for text in texts for pair in _pairs(text)}
    points = {(first, second) for _, first, mark, second in found if mark == "."}
    underscores = {(first, second) for _, first, mark, second in found if mark == "_"}
    of_steps = any(mark == "_" and not re.fullmatch(FRACTIONAL, word) for word, _, mark, _ in found)
    decimals = [] if _follow(points) and _is_grid(points) else [POINT]
    decimals += [PADDED] if not underscores else [] if of_steps else _underscore(underscores)
    return expression(*decimals, bare=_are_bare(texts))


def read_epoch(number: str | None) -> float | None:
    """The number of an epoch, whose decimals follow a point or an underscore; None if it is no such number."""
    return parse_epoch(number.replace("_", ".")) if number and NUMBER.fullmatch(number) else None


def note_on(text: str, number: str | None, epoch: float | None) -> str:
    """How the epoch was read, where the name alone leaves it open; empty where it does not."""
    if epoch is None:
        return ""
    if "_" in (number or ""):
        return f"{number} in its name is epoch {epoch}"
    if not MOMENT.search(text) and BARE_EPOCH.search(text):
        return f"e{number} in its name is epoch {epoch}"
    for _, first, mark, second in reversed(_pairs(text)):
        both = f"{first}{mark}{second}"
        if first == number:
            return (
                f"{both} in its name is taken for epoch {epoch} and another number; if it is epoch {read_epoch(both)},"
                rf" write epoch_(\d+{re.escape(mark)}\d+) as the rule for epochs"
            )
    return ""


@lru_cache(maxsize=2**15)
def _pairs(text: str) -> tuple[tuple[str, str, str, str], ...]:
    """Word, first number, mark and second number, of every place that can be a fraction."""
    return tuple((word.lower(), first, mark, second) for word, first, mark, second in PAIR.findall(text))


def _underscore(pairs: set[DigitPair]) -> list[str]:
    """The form of decimals behind an underscore, if that is what they are."""
    two_decimals = all(len(second) == 2 for _, second in pairs)
    if two_decimals and all(len(first) > 1 for first, _ in pairs) and not (_follow(pairs) or _is_grid(pairs)):
        return [PADDED]
    return [UNDERSCORE] if two_decimals and _are_even(pairs) else []


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


def _are_bare(texts: Sequence[str]) -> bool:
    """Whether all names with a number have one of the form e10, and none a word for an epoch."""
    numbered = [text for text in texts if re.search(r"\d", text)]
    return bool(numbered) and all(BARE_EPOCH.search(text) and not MOMENT.search(text) for text in numbered)

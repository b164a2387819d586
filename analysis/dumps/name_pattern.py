"""The rule by which names of members tell layer and epoch: regular expressions that a person can see and edit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache, lru_cache

from analysis.dumps.epoch_names import END, EPOCH, OWN_EXPRESSIONS, START, fitting_expression, note_on, read_epoch
from analysis.dumps.limits import DEFAULT_LIMITS, ReadingLimits
from analysis.dumps.reader_process import READER
from per_core.errors import BudgetError, InvalidInputError

LONGEST_NAME = 1000
LONGEST_EXPRESSION = 1000
PATTERN_SECONDS = 5.0
SPLIT = r"(?:^|(?<=/))(train|training|val|valid|validation|test|eval)(?=$|/)"
SHARDS = r"rows?[\s_=-]*\d+[\s_-]+\d+|(?:shard|part)[\s_=-]*\d+(?:[\s_-]+of[\s_-]+\d+)?"
DROP = rf"{START}(?:activations|acts|{SHARDS}){END}"
LAYER_WORDS = (
    "layers?|blocks?|features?|stages?|conv|fc|linear|dense|encoder|decoder|h|resid|mlp|attn|attention|heads?|bn|norm"
    "|relu|elu|gelu|act|hidden|hidden_states|units?|groups?|resnet|transformer|modules?|net"
)
LAYER = rf"(?:^|(?<=/))([^/]*?(?<![A-Za-z])(?:{LAYER_WORDS})[._/-]?\d.*)"


@dataclass(frozen=True, slots=True)
class ParsedName:
    """What a name tells; None or empty where it tells nothing.

    Attributes:
        layer, epoch, split: see `NamePattern`.
        note: how the epoch was read, where that is not plain.
        rest: context and name without epoch, split and what is dropped, which tells apart what `layer` does not.
    """

    layer: str | None
    epoch: float | None
    split: str
    rest: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class NamePattern:
    """Which part of a member's name is the epoch, which the split of the data, and which the layer.

    A name is looked at together with its context, the folders and files that it is in without their suffixes.
    Epoch and split are taken from the name, or else from the context, the last match counts; these and what is
    dropped are cut out. The layer is what `layer` finds in the rest of the name, or else in context and name
    together; if it finds nothing, all that is left of the name, or else of the context.

    Attributes:
        epoch: its first group is the number, of an epoch or a step; a fraction stands behind a point or an underscore.
        split: its first group is "train", "val", ...
        drop: says nothing of the layer: "activations", ranges of rows, numbers of shards, samples.
        layer: its first group is the layer's name.

    Raises:
        InvalidInputError: If one is no regular expression, is longer than 1000 characters, or lacks the group.
    """

    epoch: str = EPOCH
    split: str = SPLIT
    drop: str = DROP
    layer: str = LAYER

    def __post_init__(self) -> None:
        for field in fields(self):
            expression = getattr(self, field.name)
            if not isinstance(expression, str) or len(expression) > LONGEST_EXPRESSION:
                raise InvalidInputError(
                    f"{field.name} must be a regular expression of up to {LONGEST_EXPRESSION} characters; received"
                    f" {expression!r:.80}. Shorten it."
                )
            try:
                groups = re.compile(expression).groups
            except (re.error, RecursionError, OverflowError) as error:
                raise InvalidInputError(
                    f"{field.name} must be a regular expression; {expression!r:.80} is none: {error}. Escape what is"
                    r" special, features\.6 for example."
                ) from error
            if groups < 1 and field.name != "drop":
                raise InvalidInputError(
                    f"{field.name} must have a group, in parentheses, around what is looked for; {expression!r:.80} has"
                    r" none. Write epoch_(\d+), for example."
                )

    def parse(self, name: str, context: str = "") -> ParsedName:
        """What a name tells, in the context of the folders and files that it is in."""
        name, context = name[:LONGEST_NAME], context[-LONGEST_NAME:]
        number = _last(self.epoch, name) or _last(self.epoch, context)
        split = _last(self.split, name) or _last(self.split, context) or ""
        own, around = self._rest(name), self._rest(context)
        rest = f"{around}/{own}".strip("/")
        layer = _last(self.layer, own) or _last(self.layer, rest) or own or around or None
        epoch = read_epoch(number)
        return ParsedName(layer, epoch, split, rest, note_on(f"{context}/{name}", number, epoch))

    def _rest(self, text: str) -> str:
        """The text without epoch, split and what is dropped."""
        for expression in (self.epoch, self.split, self.drop):
            text = _compiled(expression).sub("", text)
        parts = (re.sub(r"([\s_.,=-])[\s_.,=-]+", r"\1", part).strip(" _.,=-") for part in text.split("/"))
        return "/".join(filter(None, parts))


DEFAULT_PATTERN = NamePattern()


def fitting_pattern(names: Sequence[tuple[str, str]]) -> NamePattern:
    """The rule that fits names, each with its context: the default one, unless together they speak against it."""
    return NamePattern(epoch=fitting_expression([f"{context}/{name}" for name, context in names]))


def parse_names(
    names: Sequence[tuple[str, str]], pattern: NamePattern | None = None, limits: ReadingLimits = DEFAULT_LIMITS
) -> list[ParsedName]:
    """Parse many names, each with its context; also the preview of a rule that somebody edits.

    Without a pattern the one that fits them all together is taken. Expressions other than our own are tried in the
    reading process: some never come to an end.

    Raises:
        InvalidInputError: If the pattern takes longer than five seconds.
    """
    pattern = pattern or fitting_pattern(names)
    if pattern.epoch in OWN_EXPRESSIONS and pattern == NamePattern(epoch=pattern.epoch):
        return [_parsed(name, context, pattern) for name, context in names]
    bounded = ReadingLimits(process_bytes=limits.process_bytes, seconds=min(limits.seconds, PATTERN_SECONDS))
    try:
        found = READER.parse_names(asdict(pattern), list(names), bounded)
    except BudgetError as error:
        raise InvalidInputError(
            f"A pattern must find its match within {bounded.seconds:g} s; this one does not. Use fewer nested"
            " repetitions."
        ) from error
    return [ParsedName(*parsed) for parsed in found]


@lru_cache(maxsize=2**15)
def _parsed(name: str, context: str, pattern: NamePattern) -> ParsedName:
    return pattern.parse(name, context)


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


def _last(expression: str, text: str) -> str | None:
    """The first group of the last match."""
    found = None
    for match in _compiled(expression).finditer(text):
        found = match.group(1) or found
    return found

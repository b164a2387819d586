"""Remarks: why a run is in its state, as a kind and figures. The sentence is made where it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

from per_core.text import N_, Translate, as_json, from_json, phrase_of, say

RemarkKind = Literal[
    "told",
    "asked",
    "signal",
    "time limit",
    "unwatched",
    "left the queue",
    "by force",
    "parent gone",
    "never begun",
    "without a word",
    "server ended",
    "server ended before",
    "not started",
    "out of memory",
    "died",
    "died speaking",
]
SENTENCES: Mapping[RemarkKind, str] = {
    "told": "{text}",  # what an error said
    "asked": N_("stopped on request"),
    "signal": N_("stopped by {signal}"),
    "time limit": N_("stopped at the limit of {seconds:g} seconds"),
    "unwatched": N_("stopped after {seconds:g} seconds without anybody watching"),
    "left the queue": N_("stopped while it waited in the queue"),
    "by force": N_("it did not stop in time and was ended by force"),
    "parent gone": N_("the process that started it has gone"),
    "never begun": N_("it waited, and the process that was to train it has ended"),
    "without a word": N_("the process that trained it has ended without a word"),
    "server ended": N_("the server ended"),
    "server ended before": N_("the server ended while it waited in the queue"),
    "not started": N_("The worker could not be started: {error}"),
    "out of memory": N_(
        "Out of memory: the system killed the worker. Use a smaller batch_size or model.width, or fewer methods and"
        " seeds; it goes on from its last checkpoint where there is more memory."
    ),
    "died": N_("The worker {exit}."),
    "died speaking": N_("The worker {exit}. Its last words: {words}"),
}
INTERRUPTED = N_("interrupted at epoch {epoch} of {epochs}")
INTERRUPTED_BY = N_("interrupted at epoch {epoch} of {epochs}: {reason}")
INTERRUPTED_AFTER = N_("interrupted after epoch {epoch}: {reason}")  # of how many nobody said


@dataclass(frozen=True, slots=True)
class Remark:
    """What there is to say of a run's state.

    Attributes:
        kind: what happened.
        figures: what the sentence of that kind names.
    """

    kind: RemarkKind
    figures: Mapping[str, str | float] = field(default_factory=dict)

    @classmethod
    def told(cls, text: object) -> Self:
        """What an error said, or another text."""
        return cls("told", {"text": phrase_of(text) or str(text)})

    def sentence(self, translate: Translate = str) -> str:
        """The remark in words, in English or as `translate` has it."""
        said = {name: say(figure, translate) if phrase_of(figure) else figure for name, figure in self.figures.items()}
        return translate(SENTENCES[self.kind]).format(**said)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, see `read_remark`."""
        return {"kind": self.kind, "figures": {name: as_json(figure) for name, figure in self.figures.items()}}


def read_remark(values: Any, message: str) -> Remark | None:
    """What `Remark.as_dict` gave; of a file that an earlier PERscope wrote, its message; None if there is neither."""
    try:
        figures = {
            name: figure if isinstance(figure, int | float) else from_json(figure)
            for name, figure in values["figures"].items()
        }
        remark = Remark(values["kind"], figures)
        remark.sentence()
    except (
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
    ):  # no remark, or of a kind that is not known here
        return Remark.told(message) if message else None
    return remark


class Explained(Protocol):
    """What has a state and a remark on it."""

    @property
    def state(self) -> str:
        """See `RunStatus`."""

    @property
    def epoch(self) -> float:
        """See `RunStatus`."""

    @property
    def epochs(self) -> int | None:
        """See `RunStatus`."""

    @property
    def remark(self) -> Remark | None:
        """See `RunStatus`."""


def explain(one: Explained, translate: Translate = str) -> str:
    """Why something is in its state, in a sentence; empty if there is nothing to say."""
    reason = "" if one.remark is None else one.remark.sentence(translate)
    if one.state != "interrupted":
        return reason
    text = INTERRUPTED_AFTER if one.epochs is None else INTERRUPTED_BY if reason else INTERRUPTED
    return translate(text).format(epoch=one.epoch, epochs=one.epochs, reason=reason)

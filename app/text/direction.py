"""What directions are called."""

from app.text.language import translated
from per_core.text import N_

KINDS = {
    "random": N_("random"),
    "angle": N_("angle"),
    "unit": N_("unit"),
    "principal": N_("principal"),
    "maximised": N_("maximised"),
}


def direction_name(name: str) -> str:
    """A direction of a `DirectionStudy`, "unit 3", in the visitor's language."""
    kind, _, which = name.partition(" ")
    return f"{translated(KINDS[kind])} {which}".rstrip()

"""Names one after another, as a sentence lists them."""

from collections.abc import Sequence

from app.text.language import _


def enumerated(names: Sequence[str]) -> str:
    """As in "BN", "BN and DBN", "BN, DBN and PER"."""
    if len(names) < 2:
        return "".join(names)
    return _("{names} and {last}").format(names=", ".join(names[:-1]), last=names[-1])

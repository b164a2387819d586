"""The exceptions of PERscope: one tree, so that a caller can catch everything with one name.

Every message states three things: the rule, what was received, and what to do. It is made of a marked template and its
values, so that it can be said in another language:

    raise InvalidInputError(
        N_("kind must be one of {kinds}; received {received!r}. Choose one of these."), kinds=KINDS, received=kind
    )
"""

from per_core.text import Phrase, Translate


class PerError(Exception):
    """Root of every exception that PERscope raises on purpose.

    Args:
        text: what to say, in English: a template marked by `N_`, or a whole text if there are no values.
        values: of the placeholders of the template, see `per_core.text.Phrase`.
    """

    def __init__(self, text: str = "", /, **values: object) -> None:
        super().__init__(text if isinstance(text, Phrase) else Phrase(text, **values))

    @property
    def phrase(self) -> Phrase:
        """What the error says, to be kept."""
        phrase: Phrase = self.args[0]
        return phrase

    def sentence(self, translate: Translate) -> str:
        """What the error says, as `translate` has it."""
        return self.phrase.sentence(translate)


class InvalidInputError(PerError, ValueError):
    """An argument breaks a rule that its function states: shape, range, finiteness or type."""


class DerivativeError(PerError, RuntimeError):
    """A derivative was asked for that does not exist or is not known here."""


class BudgetError(PerError):
    """The work asked for would need more memory or time than the budget allows."""


class StorageError(PerError, OSError):
    """A file or a folder cannot be written or read: there is no room, no permission, or it has gone."""

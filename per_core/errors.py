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

    Example:
        >>> try:
        ...     find_method("dropout")
        ... except PerError as error:
        ...     print(error)
        key must be one of bn, layer_norm, ...; received 'dropout'. Choose one of these.
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
    """An argument breaks a rule that its function states: shape, range, finiteness or type. It is a ValueError too.

    Example:
        >>> per_loss(torch.zeros(3))
        Traceback (most recent call last):
        ...
        per_core.errors.InvalidInputError: activations must have shape (n, d); received shape (3,). ...
    """


class DerivativeError(PerError, RuntimeError):
    """A derivative was asked for that does not exist or is not known here.

    Example:
        >>> h = torch.ones(4, 2, requires_grad=True)
        >>> (gradient,) = torch.autograd.grad(sliced_w1(h).value, h, create_graph=True)
        >>> gradient.sum().backward()
        Traceback (most recent call last):
        ...
        per_core.errors.DerivativeError: sliced_w1 can be differentiated once, ...
    """


class BudgetError(PerError):
    """The work asked for would need more memory or time than the budget allows.

    Example:
        >>> Recorder(nn.ReLU(), "runs/small", budget=1_000)
        Traceback (most recent call last):
        ...
        per_core.errors.BudgetError: ...
    """


class StorageError(PerError, OSError):
    """A file or a folder cannot be written or read: there is no room, no permission, or it has gone.

    Example:
        >>> from pathlib import Path
        >>> Path("notes").touch()  # a file, no folder
        >>> Recorder(nn.ReLU(), "notes/run")
        Traceback (most recent call last):
        ...
        per_core.errors.StorageError: ...
    """

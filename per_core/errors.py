"""The exceptions of PERscope: one tree, so that a caller can catch everything with one name.

Every message states three things: the rule, what was received, and what to do.
"""


class PerError(Exception):
    """Root of every exception that PERscope raises on purpose."""


class InvalidInputError(PerError, ValueError):
    """An argument breaks a rule that its function states: shape, range, finiteness or type."""


class DerivativeError(PerError, RuntimeError):
    """A derivative was asked for that does not exist or is not known here."""


class BudgetError(PerError):
    """The work asked for would need more memory or time than the budget allows."""


class StorageError(PerError, OSError):
    """A file or a folder cannot be written or read: there is no room, no permission, or it has gone."""

"""Packages that only some need: imported where they are used, with word of what to install where they are not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from per_core.errors import PerError
from per_core.text import N_


class MissingPackageError(PerError, ImportError):
    """A package that is needed for what was asked, and for nothing else, is not installed."""


@contextmanager
def needed(package: str, what: str) -> Iterator[None]:
    """A block of imports; an `ImportError` in it becomes a `MissingPackageError` that says what to install.

    Args:
        package: as pip names it.
        what: needs it, a phrase that begins a sentence.

    Example:
        >>> with needed("no-such-package", "An example"):
        ...     import no_such_package
        Traceback (most recent call last):
        per_core.extra_package.MissingPackageError: An example needs the package no-such-package, which cannot be ...
    """
    try:
        yield
    except ImportError as error:
        raise MissingPackageError(
            N_(
                "{what} needs the package {package}, which cannot be imported here: {error}. Install it: python -m pip"
                " install {package}"
            ),
            what=what,
            package=package,
            error=error,
        ) from error

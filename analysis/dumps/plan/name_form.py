"""Forms of names: a name with its telling parts in braces, "train/layer_{layer}_{part}.pt"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import re2

from per_core.errors import InvalidInputError
from per_core.text import N_

NameRole = Literal["layer", "epoch", "split", "part", "sample", "method", "seed", "ignored"]
NAME_ROLES: tuple[NameRole, ...] = get_args(NameRole)
JOINED: tuple[NameRole, ...] = ("part", "sample")
"""Roles along which arrays are one."""

LONGEST_FORM = 4_096
MOST_FIELDS = 64
FEW_FIELDS = 2
FIELD = re.compile(r"\\(.)|\{([a-z]+)(?::((?:[^{}\\]|\\.)*))?\}|(\*)|([{}\\])", re.DOTALL)
ANY = r"[^\x2f]"  # but "/", which so marks the borders of parts in an expression
NUMBER = r"\d{1,15}(?:[._]\d{1,6})?"
SPECIAL = re.compile(r"[\\{}*]")


@dataclass(frozen=True, slots=True)
class NameForm:
    r"""The form of a name.

    A name is the way to an array, its folders, files and keys joined by "/". Braces hold roles: "{layer}" stands for
    any text within one part of the way, "{epoch}" for a number, whole or with decimals behind a point or an
    underscore. "{layer:conv*}" says what the text looks like, "*" being any signs but "/"; it may stand outside of
    braces too and is then of no meaning. "\" takes the meaning from the sign behind it.

    Attributes:
        text: the form as it is written.
        roles: of the fields, in their order.
    """

    text: str
    roles: tuple[NameRole, ...]
    _expression: Any  # of re or of re2

    @staticmethod
    def of(text: str) -> NameForm:
        """The form that a text describes.

        Raises:
            InvalidInputError: If it is no form: too long, an unknown role, a brace that is not closed.
        """
        return _form(text)

    def read(self, name: str) -> tuple[str, ...] | None:
        """What stands in the fields of a name, in their order; None if it has another form."""
        found = self._expression.fullmatch(name)
        return None if found is None else tuple(found.groups())

    def spans(self, name: str) -> tuple[tuple[int, int], ...] | None:
        """Where the fields of a name begin and end, in their order; None if it has another form."""
        found = self._expression.fullmatch(name)
        return None if found is None else tuple(found.span(number) for number in range(1, len(self.roles) + 1))

    def joined(self, name: str) -> str:
        """The name of the whole that arrays are parts of: "*" stands for part and sample."""
        for role, (begin, end) in reversed(list(zip(self.roles, self.spans(name) or (), strict=False))):
            if role in JOINED:
                name = f"{name[:begin]}*{name[end:]}"
        return name


@lru_cache(maxsize=4096)
def _form(text: str) -> NameForm:
    if len(text) > LONGEST_FORM:
        raise InvalidInputError(
            N_("The form of a name has at most {longest_form} signs; received {received}."),
            longest_form=LONGEST_FORM,
            received=len(text),
        )
    parts, roles, position = [], [], 0
    for found in FIELD.finditer(text):
        parts.append(re.escape(text[position : found.start()]))
        position = found.end()
        escaped, role, glob, star, stray = found.groups()
        if escaped is not None:
            parts.append(re.escape(escaped))
        elif star:
            parts.append(f"{ANY}*?")
        elif stray or role not in NAME_ROLES:
            raise InvalidInputError(
                N_(
                    "Fields of a name are {roles}; received {field!r} in {text!r:.200}. A brace that is part of the"
                    " name is written \\{{."
                ),
                roles=", ".join(f"{{{one}}}" for one in NAME_ROLES),
                field=text[found.start() : found.start() + 40],
                text=text,
            )
        else:
            roles.append(role)
            parts.append(f"({_expression(role, glob)})")
    if len(roles) > MOST_FIELDS:
        raise InvalidInputError(
            N_("The form of a name has at most {most_fields} fields; {text!r:.200} has {fields}."),
            most_fields=MOST_FIELDS,
            text=text,
            fields=len(roles),
        )
    parts.append(re.escape(text[position:]))
    # Python's expressions are the faster ones, and take time without end where a part of the way has many fields.
    is_simple = all(part.count(ANY) + part.count(NUMBER) <= FEW_FIELDS for part in "".join(parts).split("/"))
    return NameForm(text, tuple(roles), (re if is_simple else re2).compile(f"(?s){''.join(parts)}"))


def _expression(role: str, glob: str | None) -> str:
    if glob is None:
        return NUMBER if role == "epoch" else f"{ANY}+?"
    pieces = re.split(r"\\(.)|(\*)", glob, flags=re.DOTALL)
    expression = ""
    for plain, escaped, star in zip(pieces[::3], [*pieces[1::3], None], [*pieces[2::3], None], strict=True):
        expression += re.escape(plain) + (f"{ANY}*?" if star else re.escape(escaped) if escaped is not None else "")
    return expression


def literal(text: str) -> str:
    """A piece of a name as it is written in a form."""
    return SPECIAL.sub(r"\\\g<0>", text)

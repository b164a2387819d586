r"""Tokens of a name: its words, numbers and signs, each with a role; what a form says of a name, piece by piece.

A form is edited by giving a token of an example another role.

>>> tokens = tokens_of("{layer:layer_*}_{part}.pt", "layer_3_25.pt")
>>> [(token.text, token.role) for token in tokens]
[('layer', 'layer'), ('_', 'layer'), ('3', 'layer'), ('_', ''), ('25', 'part'), ('.pt', '')]
>>> form_of(with_role(tokens, 4, "epoch"))
'{layer:layer_*}_{epoch}.pt'
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any, Literal

import re2

from analysis.dumps.file_kind import SUFFIXES
from analysis.dumps.plan.name_form import ANY, FIELD, NUMBER, NameForm, NameRole, literal

TokenRole = NameRole | Literal[""]
"""A role of a piece of a name; "" of text that all names of the form share."""

ENDS = "|".join(re.escape(suffix) for suffix in sorted(SUFFIXES, key=len, reverse=True))
PIECE = re.compile(rf"(?i:{ENDS})(?=/|$)|[^\W\d_]+|[0-9]+|.", re.DOTALL)
GLOB = re.compile(r"\\(.)|(\*)", re.DOTALL)
DECIMAL = re.compile(NUMBER)
UNJOINED: frozenset[TokenRole] = frozenset({"", "ignored"})


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a name.

    Attributes:
        text: as it stands in the name.
        role: what it is; neighbours of one role are one field of the form.
        is_open: whether other names of the form may have another text here.
    """

    text: str
    role: TokenRole = ""
    is_open: bool = False

    @property
    def is_word(self) -> bool:
        """Whether it is a word or a number, which can have a role of its own; other signs go with them."""
        return self.text[:1].isalnum()

    @property
    def is_number(self) -> bool:
        """Whether it is a number."""
        return self.text.isdecimal()


def tokens_of(form: str, name: str) -> tuple[Token, ...] | None:
    """What a form says of a name; the texts of all tokens are the name. None if the name has another form.

    Raises:
        InvalidInputError: If the form is none.
    """
    NameForm.of(form)
    found = _expression(form).fullmatch(name)
    if found is None:
        return None
    values = iter(found.groups())
    tokens: list[Token] = []
    for text, role, is_open in _pieces(form):
        value = next(values) if is_open else text
        tokens += [Token(piece, role, is_open) for piece in PIECE.findall(value)] or [Token(value, role, is_open)]
    return tuple(tokens)


def form_of(tokens: Sequence[Token]) -> str:
    """The form that says of a name what its tokens say."""
    return "".join(_field(role, list(run)) for role, run in groupby(tokens, key=lambda token: token.role))


def with_role(tokens: Sequence[Token], index: int, role: TokenRole) -> tuple[Token, ...]:
    """The tokens with another role of one of them.

    A number that gets a role may be another one in other names; a word stays as it is, unless it is ignored. Signs
    between two words of one role belong to both.
    """
    changed = list(tokens)
    old = tokens[index]
    changed[index] = Token(old.text, role, role == "ignored" or (role != "" and (old.is_open or old.is_number)))
    for step in (-1, 1):
        _join(changed, index, step)
    return tuple(changed)


def _join(tokens: list[Token], index: int, step: int) -> None:
    """Give the signs from one word to the next the role of both, or none."""
    other = index + step
    while 0 <= other < len(tokens) and not tokens[other].is_word:
        if tokens[other].text == "/" or len(tokens[other].text) > 1:
            return
        other += step
    if not 0 <= other < len(tokens):
        return
    begin, end = min(index, other), max(index, other)
    role = tokens[index].role
    is_one = tokens[other].role == role and role not in UNJOINED
    if role == "epoch":
        is_one = is_one and DECIMAL.fullmatch("".join(token.text for token in tokens[begin : end + 1])) is not None
    for between in range(begin + 1, end):
        tokens[between] = Token(tokens[between].text, role if is_one else "", False)


def _field(role: TokenRole, run: Sequence[Token]) -> str:
    text = "".join(token.text for token in run)
    if not role:
        return literal(text)
    glob = "".join(
        "*" if is_open else literal("".join(token.text for token in some))
        for is_open, some in groupby(run, key=lambda token: token.is_open)
    )
    if role == "epoch" and "*" in glob and DECIMAL.fullmatch(text):
        return "{epoch}"
    if glob != "*" or role == "epoch" or not text:  # a bare field stands for one sign at least
        return f"{{{role}:{glob}}}"
    return "*" if role == "ignored" else f"{{{role}}}"


def _pieces(form: str) -> Iterator[tuple[str, TokenRole, bool]]:
    """Texts of a form with their roles, and what is open in it; the text of what is open is its expression."""
    position = 0
    for found in FIELD.finditer(form):
        if found.start() > position:
            yield form[position : found.start()], "", False
        position = found.end()
        groups: tuple[Any, ...] = found.groups()  # the form is one: its roles are roles
        escaped, role, glob, star, _ = groups
        if escaped is not None:
            yield escaped, "", False
        elif star:
            yield f"{ANY}*?", "ignored", True
        elif glob is None:
            yield NUMBER if role == "epoch" else f"{ANY}+?", role, True
        else:
            yield from _of_glob(role, glob)
    if position < len(form):
        yield form[position:], "", False


def _of_glob(role: TokenRole, glob: str) -> Iterator[tuple[str, TokenRole, bool]]:
    position = 0
    for found in GLOB.finditer(glob):
        if found.start() > position:
            yield glob[position : found.start()], role, False
        position = found.end()
        escaped, star = found.groups()
        yield (f"{ANY}*?", role, True) if star else (escaped, role, False)
    if position < len(glob):
        yield glob[position:], role, False


@lru_cache(maxsize=1024)
def _expression(form: str) -> Any:
    """An expression with a group for everything that is open."""
    pieces = "".join(f"({text})" if is_open else re.escape(text) for text, _, is_open in _pieces(form))
    return re2.compile(f"(?s){pieces}")

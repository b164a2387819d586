"""Strangers' text, made fit to be shown: titles, names of files, layers and keys, and messages that contain them.

Whatever a file, a link or a visitor calls something goes through `plain` before anybody sees it. What reads tags or
Markdown escapes the result once more: `per_core.templates`, `app.text.plain`.
"""

from __future__ import annotations

LONGEST_NAME = 200
# Printable by their class, and seen by nobody: fillers, joiners and variation selectors.
_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a formula of a spreadsheet begins with
_BYTES = range(0xDC80, 0xDD00)  # how Python holds the bytes of a file's name that are not UTF-8


def plain(text: object, longest: int = LONGEST_NAME) -> str:
    r"""The text in one line that can be encoded, of signs that can be seen and steer nothing.

    Controls, line ends, changes of direction, signs without width, lone surrogates and bytes that are no UTF-8 are
    spelt out as Python does: \n, \x1b, \u202e, \xe9. What is too long loses its middle.

    Args:
        text: of which `str` is taken.
        longest: characters of the result, ≥ 1.
    """
    text = str(text)
    if text.isascii() and text.isprintable() and len(text) <= longest:  # so are nearly all, and it takes no time
        return text
    spelt = "".join(map(_spelt, _shortened(text, longest)))
    return _shortened(spelt, longest)


def no_formula(cell: object) -> object:
    """The cell of a table as a spreadsheet shows it and never computes it: with an apostrophe, as OWASP recommends.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{cell}" if isinstance(cell, str) and len(cell) > 1 and cell.startswith(_FORMULA) else cell


def _spelt(sign: str) -> str:
    if sign.isprintable() and sign not in _UNSEEN:
        return sign
    if ord(sign) in _BYTES:
        return f"\\x{ord(sign) - 0xDC00:02x}"
    return sign.encode("unicode_escape", "surrogatepass").decode("ascii")


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    front = longest // 2
    return f"{text[:front]}…{text[len(text) - (longest - front - 1) :]}"

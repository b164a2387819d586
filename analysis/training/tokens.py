"""Words as the Penn Treebank of language models has them: lower case, without punctuation, and N for every number.

A text is made plain ASCII first, accents dropped. A word is a run of letters, digits and underscores, with the full
stops, apostrophes and hyphens inside it: "e.g", "can't", "two-sided", "scipy.stats". Every number becomes N, and so
does a capital N alone, so that what was split once is split in the same way again. "<eos>" ends each sentence.

Reference: Mikolov, Karafiát, Burget, Černocký and Khudanpur, "Recurrent neural network based language model" (2010),
for that form of the Penn Treebank; there "it's" is two words.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

UNKNOWN, END = "<unk>", "<eos>"
NUMBER, FORMULA = "N", "<math>"

_MARKS = re.compile("[\u0300-\u036f]")
_NUMBER = re.compile(r"\d+(?:[._]?\d+)*(?:e-?\d+)?j?", re.ASCII)
_WORD = re.compile(rf"{UNKNOWN}|{FORMULA}|_*[a-z0-9]\w*(?:[.'-]+\w+)*", re.ASCII | re.IGNORECASE)
# not after "e.g." or the initial of a name
_ENDS = re.compile(rf"(?<=[.?!])(?<![.\s][A-Za-z]\.)\s+(?=[A-Z0-9\"'`(*<])|{END}")


class Parts(NamedTuple):
    """The words of a text, in order.

    Attributes:
        training, validation, test: words, with "<eos>" after each line or sentence.
    """

    training: list[str]
    validation: list[str]
    test: list[str]


def tokenise(text: str) -> list[str]:
    """The words of a text, with "<eos>" after each sentence that has any.

    Example:
        >>> tokenise("Solve A x = b in 2.5 steps. It's fast.")
        ['solve', 'a', 'x', 'b', 'in', 'N', 'steps', '<eos>', "it's", 'fast', '<eos>']
    """
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    sentences = (_WORD.findall(sentence) for sentence in _ENDS.split(plain))
    return [word for sentence in sentences if sentence for word in (*map(_written, sentence), END)]


def _written(word: str) -> str:
    lower = word.lower()
    return NUMBER if word == NUMBER or _NUMBER.fullmatch(lower) else lower

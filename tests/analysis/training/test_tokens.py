"""Words of a text."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, strategies

from analysis.training.tokens import END, FORMULA, NUMBER, UNKNOWN, tokenise


def texts():
    """Any text, and texts of what the rules are about."""
    pieces = strategies.sampled_from(
        [*"aN0.?!:;'\"-_(<> \n", "1e-5", "2.5", "e.g. ", "A. Author", "Björck", "İ", "ß", "ﬁ", UNKNOWN, END, FORMULA]
    )
    return strategies.text() | strategies.lists(pieces).map("".join)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        (" ...\n--- ", ""),
        ("Return the value.", "return the value <eos>"),
        ("One, two.  Three? `Four` (5)!", "one two <eos> three <eos> four N <eos>"),
        ("1 2.5 1e-05 1_000 3.14j 0.19.0", "N N N N N N <eos>"),
        ("x0 2-D float64 0x1f 3rd", "x0 2-d float64 0x1f 3rd <eos>"),
        ("shape (N, M)", "shape N m <eos>"),
        (
            "scipy.stats.norm two-sided user's __init__ alpha_",
            "scipy.stats.norm two-sided user's __init__ alpha_ <eos>",
        ),
        ("e.g. Newton's method by A. Author", "e.g newton's method by a author <eos>"),
        ("as in Smith et al. and fig. two", "as in smith et al and fig two <eos>"),
        ("_ 'ba' -x- a--b", "ba x a--b <eos>"),
        ("Björck – ﬁrst", "bjorck first <eos>"),
        ("with <math> and <unk> <b>", "with <math> and <unk> b <eos>"),
        ("one <eos> <eos> two", "one <eos> two <eos>"),
    ],
)
def test_words(text, words):
    assert " ".join(tokenise(text)) == words


@given(texts())
def test_what_was_split_is_split_in_the_same_way_again(text):
    words = tokenise(text)
    assert tokenise(" ".join(words)) == words


@given(texts())
def test_words_are_lower_case_without_punctuation_and_sentences_end(text):
    words = tokenise(text)
    for word in words:
        assert word in (NUMBER, END, UNKNOWN, FORMULA) or re.fullmatch(r"[a-z0-9_][a-z0-9_.'-]*", word)
        assert not re.fullmatch(r"[0-9]+([.][0-9]+)?", word)
    assert not words or words[-1] == END
    assert (END, END) not in pairwise(words)
    assert words[:1] != [END]

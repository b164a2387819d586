"""Strangers' text: whatever it is, what is shown of it can be encoded, seen, and steers nothing."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.plain_text import LONGEST_MESSAGE, file_stem, message, plain, plain_names

ANYTHING = st.text(st.characters(exclude_categories=[]), max_size=60)  # lone surrogates included


@given(ANYTHING, st.integers(1, 50))
def test_whatever_it_is_it_can_be_encoded_and_every_sign_seen(text: str, longest: int) -> None:
    shown = plain(text, longest)
    shown.encode("utf-8")
    assert len(shown) <= longest
    assert not {unicodedata.category(sign) for sign in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert plain(shown, longest) == shown


@given(st.lists(ANYTHING, max_size=8), st.integers(1, 8))
def test_names_that_differ_are_shown_differently(names: list[str], longest: int) -> None:
    shown = plain_names(names, longest)
    assert list(shown) == list(dict.fromkeys(names))
    assert len(set(shown.values())) == len(shown)


@given(ANYTHING)
def test_a_file_stem_is_letters_digits_and_few_signs(text: str) -> None:
    stem = file_stem(text)
    assert 0 < len(stem) <= 60
    assert stem.isascii()
    assert not set(stem) & set('/\\"\r\n;:*?<>|%$` ')
    assert stem[0] not in ".-"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("layer_3/step-300", "layer_3/step-300"),
        ("정규화 λ=1e-3 שלום", "정규화 λ=1e-3 שלום"),
        ("caf\udce9.npy", r"caf\xe9.npy"),
        ("a\ud800b", r"a\ud800b"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("a\u202egnp.exe", r"a\u202egnp.exe"),
        ("pass\u200bword\ufeff", r"pass\u200bword\ufeff"),
        ("\u3164", r"\u3164"),
        ("two\nlines\tof", r"two\nlines\tof"),
    ],
)
def test_what_cannot_be_seen_is_spelt_out(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_long_text_loses_its_middle() -> None:
    shown = plain("a" * 300_000 + "z" * 300_000, 21)
    assert shown == "aaaaaaaaaa…zzzzzzzzzz"
    assert len(message("word " * 100_000)) == LONGEST_MESSAGE


def test_line_ends_of_a_message_are_spaces() -> None:
    assert message(ValueError("first\n  second\x07")) == r"first second\x07"

"""A phrase is its English text, and says the same in another language from its template and values."""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from per_core.errors import BudgetError, DerivativeError, InvalidInputError, PerError, StorageError
from per_core.text import Phrase, as_json, from_json, say, together

KOREAN = {
    "{name} has {size:,} bytes": "{name}의 크기: {size:,}바이트",
    "{error} Then {advice}.": "{error} 그다음 {advice}.",
    "stop": "멈추십시오",
    "It is {what!r:.5}, {{so}}.": "{{so}}: {what!r:.5}.",
}


def korean(text: str) -> str:
    return KOREAN.get(text, text)


def test_a_phrase_is_formatted_as_an_f_string() -> None:
    name, size = Path("a/b"), np.int64(12345)
    phrase = Phrase("{name} has {size:,} bytes", name=name, size=size)
    assert phrase == f"{name} has {size:,} bytes"
    assert phrase.sentence(korean) == "a/b의 크기: 12,345바이트"
    what = "abcdefgh"
    assert Phrase("It is {what!r:.5}, {{so}}.", what=what) == f"It is {what!r:.5}, {{so}}."
    assert Phrase("It is {what!r:.5}, {{so}}.", what=what).sentence(korean) == "{so}: 'abcd."


def test_without_values_a_text_is_what_it_is() -> None:
    assert Phrase("{not} a placeholder") == "{not} a placeholder"
    assert Phrase("{not} a placeholder").sentence(korean) == "{not} a placeholder"
    assert Phrase("").sentence(lambda _: "the head of a catalogue") == ""


def test_values_are_never_taken_for_templates_or_translated() -> None:
    """They are strangers' names; only what is marked is a text of ours."""
    phrase = Phrase("{name} has {size:,} bytes", name="stop {size}", size=1)
    assert phrase.sentence(korean) == "stop {size}의 크기: 1바이트"
    assert say("stop", korean) == "stop"


def nested() -> StorageError:
    inner = InvalidInputError("{name} has {size:,} bytes", name="a.npy", size=1234)
    return StorageError("{error} Then {advice}.", error=inner, advice=Phrase("stop"))


def test_errors_and_phrases_within_one_another_are_all_translated() -> None:
    assert str(nested()) == "a.npy has 1,234 bytes Then stop."
    assert say(nested(), korean) == nested().sentence(korean) == "a.npy의 크기: 1,234바이트 그다음 멈추십시오."


@pytest.mark.parametrize("again", [pickle.loads, copy.deepcopy], ids=["pickle", "copy"])
def test_an_error_goes_to_another_process_with_all_that_it_says(again) -> None:
    error = nested()
    found = again(pickle.dumps(error)) if again is pickle.loads else again(error)
    assert type(found) is StorageError
    assert (str(found), found.sentence(korean)) == (str(error), error.sentence(korean))


def test_a_phrase_goes_through_json() -> None:
    found = from_json(json.loads(json.dumps(as_json(nested().phrase))))
    assert found == nested().phrase
    assert say(found, korean) == nested().sentence(korean)
    assert from_json(as_json("a text")) == "a text"
    assert json.loads(json.dumps(nested().phrase)) == str(nested()), (
        "whoever does not ask for more has the English text"
    )


@pytest.mark.parametrize("found", [{"template": "{a}", "values": {"b": "c"}}, {"values": {}}, [], 3, None])
def test_what_is_no_phrase_in_json_is_refused(found) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_json(found)


@pytest.mark.parametrize("kind", [PerError, InvalidInputError, DerivativeError, BudgetError, StorageError])
def test_every_error_takes_a_plain_text_as_before(kind: type[PerError]) -> None:
    error = kind("a {plain} text")
    assert str(error) == error.sentence(korean) == "a {plain} text"
    assert error.args == ("a {plain} text",)


def test_a_template_without_a_value_is_found_where_it_is_raised() -> None:
    with pytest.raises(KeyError, match="size"):
        InvalidInputError("{name} has {size:,} bytes", name="a.npy")


def test_texts_stand_together_and_are_translated_each_for_itself() -> None:
    assert together("", "a {name}", "", Phrase("stop")) == "a {name}; stop"
    assert say(together("a {name}", Phrase("stop"), by=", "), korean) == "a {name}, 멈추십시오"
    assert together("", "") == ""

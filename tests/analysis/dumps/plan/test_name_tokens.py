"""Tokens of a form and back: nothing is lost, and a changed role changes what the form reads."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.dumps.plan import name_tokens
from analysis.dumps.plan.name_form import NAME_ROLES, NameForm, literal
from analysis.dumps.plan.name_tokens import Token, TokenRole, form_of, tokens_of, with_role

WORDS = st.text("abXY", min_size=1, max_size=3)
NUMBERS = st.integers(0, 999).map(str)
SIGNS = st.sampled_from(list("_-.{}*\\ ="))


@st.composite
def forms_with_names(draw: st.DrawFn) -> tuple[str, str]:
    """A form made of texts and fields with a sign between, and a name of this form."""
    forms, names = [], []
    for _ in range(draw(st.integers(1, 3))):
        form, name = [], []
        for _ in range(draw(st.integers(1, 3))):
            text, role = draw(st.one_of(WORDS, NUMBERS)), draw(st.sampled_from(["", "*", "glob", *NAME_ROLES]))
            if role == "":
                field = literal(text)
            elif role == "*":
                field = "*"
            elif role == "glob":
                field = f"{{layer:{literal(text[:1])}*}}"
            else:
                text = draw(NUMBERS) if role == "epoch" else text
                field = f"{{{role}}}"
            form.append(field)
            name.append(text)
        signs = [draw(SIGNS) for _ in form[1:]]
        forms.append("".join(f"{one}{literal(sign)}" for one, sign in zip(form, [*signs, ""], strict=True)))
        names.append("".join(f"{one}{sign}" for one, sign in zip(name, [*signs, ""], strict=True)))
    return "/".join(forms), "/".join(names)


def told(form: str, name: str) -> dict[str, str]:
    """Role -> all that a form reads as this role, but for what is ignored."""
    values = NameForm.of(form).read(name)
    assert values is not None
    found: dict[str, str] = {}
    for role, value in zip(NameForm.of(form).roles, values, strict=True):
        if role != "ignored":
            found[role] = found.get(role, "") + value
    return found


def test_the_example_in_the_description() -> None:
    assert doctest.testmod(name_tokens).failed == 0


@given(forms_with_names())
def test_a_form_comes_back_from_its_tokens(made: tuple[str, str]) -> None:
    form, name = made
    tokens = tokens_of(form, name)
    assert tokens is not None
    assert "".join(token.text for token in tokens) == name
    again = form_of(tokens)
    assert told(again, name) == told(form, name)
    second = tokens_of(again, name)
    assert second is not None
    assert form_of(second) == again


@given(forms_with_names(), st.data())
def test_a_token_has_the_role_that_it_is_given(made: tuple[str, str], data: st.DataObject) -> None:
    form, name = made
    tokens = tokens_of(form, name)
    assert tokens is not None
    words = [number for number, token in enumerate(tokens) if token.is_word]
    index = data.draw(st.sampled_from(words))
    role: TokenRole = data.draw(st.sampled_from(["", *NAME_ROLES]))
    changed = with_role(tokens, index, role)
    assert changed[index].role == role
    assert [token.text for token in changed] == [token.text for token in tokens]
    other_words = [number for number in words if number != index]
    assert [changed[number] for number in other_words] == [tokens[number] for number in other_words]
    assert NameForm.of(form_of(changed)).read(name) is not None
    back = with_role(changed, index, tokens[index].role)
    assert back[index].role == tokens[index].role


@pytest.mark.parametrize(
    ("form", "name", "word", "role", "expected"),
    [
        ("acts/{layer:layer_*}_{part}.pt", "acts/layer_3_25.pt", "25", "epoch", "acts/{layer:layer_*}_{epoch}.pt"),
        ("acts/{layer:layer_*}_{part}.pt", "acts/layer_3_25.pt", "3", "epoch", "acts/{layer:layer}_{epoch}_{part}.pt"),
        ("run_7/{layer}.npy", "run_7/conv.npy", "7", "seed", "run_{seed}/{layer}.npy"),
        ("{layer}.npy", "hook_q.npy", "q", "", "{layer}_q.npy"),
        ("train/{layer}.npy", "train/a.npy", "train", "split", "{split:train}/{layer}.npy"),
        ("{layer}_{part}.npy", "a_3.npy", "3", "layer", "{layer:*_*}.npy"),
        ("e*_{epoch}/x.npy", "e00_25/x.npy", "00", "epoch", "e{epoch}/x.npy"),
        ("x_{epoch}.npy", "x_00_25.npy", "25", "part", "x_{epoch}_{part}.npy"),
        ("{epoch}/{layer}", "3/a", "3", "layer", "{layer}/{layer}"),
    ],
)
def test_changes_by_hand(form: str, name: str, word: str, role: TokenRole, expected: str) -> None:
    tokens = tokens_of(form, name)
    assert tokens is not None
    index = next(number for number, token in enumerate(tokens) if token.text == word)
    assert form_of(with_role(tokens, index, role)) == expected


def test_suffixes_are_no_words() -> None:
    tokens = tokens_of("{layer}.h5/act", "a.h5/act")
    assert tokens is not None
    assert Token(".h5") in tokens
    assert [token.text for token in tokens if token.is_word] == ["a", "act"]


def test_a_name_of_another_form_has_no_tokens() -> None:
    assert tokens_of("{layer}.npy", "a/b.npy") is None

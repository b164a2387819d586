"""A plan in the address: whole or refused with a message; the same arrays are read by the same plan once."""

import base64
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.dumps import ArrayRule, ReadingPlan, list_arrays
from app.session import caches
from app.session.dump_plan import MOST_BYTES, packed_plan, plan_in_python, unpacked_plan
from per_core.errors import InvalidInputError

RULES = st.builds(
    ArrayRule,
    st.sampled_from(["{layer}_{part}.pt", "á{epoch}", "*"]),
    st.lists(st.sampled_from(["sample", "position", "unit"]), min_size=1, max_size=4).map(tuple),
)


@given(st.lists(RULES, max_size=8))
def test_a_plan_comes_back_from_the_address(rules: list[ArrayRule]) -> None:
    plan = ReadingPlan(tuple(rules))
    packed = packed_plan(plan)
    assert set(packed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert unpacked_plan(packed) == plan


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(content)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "%%%",
        "é",
        "9" * 5000,
        encoded(b"{}"),
        encoded(b"[" * 5000),
        encoded(b"\xff"),
        encoded(b" " * (MOST_BYTES + 9)),
        packed_plan(ReadingPlan((ArrayRule("*", ("unit",)),)))[:-8],
    ],
)
def test_what_is_no_plan_is_said(text: str) -> None:
    with pytest.raises(InvalidInputError, match="The dump is read without it"):
        unpacked_plan(text)


@given(st.text())
def test_any_text_is_a_plan_or_a_message(text: str) -> None:
    with pytest.raises(InvalidInputError):
        unpacked_plan(text)


def test_the_same_arrays_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "layer_1.npy", np.zeros((5, 3), np.float32))
    first = caches.dump_reading(list_arrays(tmp_path))
    monkeypatch.setattr("analysis.dumps.inspection.propose_plan", None)
    assert caches.dump_reading(list_arrays(tmp_path)).members is first.members
    np.save(tmp_path / "layer_2.npy", np.zeros((5, 3), np.float32))
    monkeypatch.undo()
    assert len(caches.dump_reading(list_arrays(tmp_path)).members) == 2


def test_python_is_told_what_inspect_would_not_find_itself(tmp_path: Path) -> None:
    np.save(tmp_path / "tokens.npy", np.zeros((5, 3, 2), np.float32))
    dump = list_arrays(tmp_path, allowed=[tmp_path])
    proposed = caches.dump_reading(dump)
    assert plan_in_python(proposed) == ((), "")
    (question,) = proposed.questions
    answers = {question.id: "sample,channel,position"}
    assert plan_in_python(caches.dump_reading(dump, answers=answers)) == ((), f", answers={answers!r}")
    edited = caches.dump_reading(dump, plan=ReadingPlan((ArrayRule("{layer}.npy", ("position", "unit", "unit")),)))
    names, options = plan_in_python(edited)
    assert names == ("ReadingPlan",)
    assert eval(options.removeprefix(", plan="), {"ReadingPlan": ReadingPlan}) == edited.plan

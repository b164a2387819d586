"""Reasons are said once for all members that share them, whatever their own names and numbers are."""

import pickle
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis.dumps.reasons import group_reasons
from analysis.survey.sentences import reason_title
from tests import processes

PICKLE = (
    "This file is a pickle, which can run code when opened, and is never read. If you trust it, save what is in it, in"
    " its folder: import pickle, numpy as np; data = pickle.load(open('{stem}.pkl', 'rb'));"
    " np.savez('{stem}.npz', **{{str(k): np.asarray(v) for k, v in data.items()}})"
)


def test_a_reason_that_differs_in_names_and_numbers_is_said_once() -> None:
    refused = [
        ("run/b.npy", "A file holds what its header says; run/b.npy has 12 bytes of 1,024. Write b.npy again."),
        ("run/a.csv", "A table has numbers; this one has text."),
        ("run/a.npy", "A file holds what its header says; run/a.npy has 7 bytes of 96. Write a.npy again."),
    ]
    bytes_missing, text = group_reasons(refused)
    assert bytes_missing.names == ("run/b.npy", "run/a.npy")
    assert bytes_missing.sentence == refused[0][1]
    assert bytes_missing.lines == ()
    assert (text.names, text.sentence) == (("run/a.csv",), refused[1][1])


def test_what_differs_in_words_stays_apart_and_ties_keep_their_order() -> None:
    groups = group_reasons([("a", "Too large."), ("b", "Too small."), ("c", "Too large."), ("d", "Empty.")])
    assert [one.names for one in groups] == [("a", "c"), ("b",), ("d",)]


def test_a_short_name_does_not_make_different_reasons_alike() -> None:
    assert len(group_reasons([("a", "This is a list."), ("i", "This is no list.")])) == 2


def test_the_lines_convert_the_first_of_them_when_they_are_pasted(tmp_path: Path) -> None:
    for stem in ("batch_7", "batch_8"):
        (tmp_path / f"{stem}.pkl").write_bytes(pickle.dumps({"h": np.arange(6.0).reshape(2, 3)}))
    (shared,) = group_reasons([(f"dump/{stem}.pkl", PICKLE.format(stem=stem)) for stem in ("batch_7", "batch_8")])
    assert shared.sentence.endswith("in its folder:")
    assert "import" not in shared.sentence
    assert len(shared.lines) == 3
    processes.run([sys.executable, "-c", "\n".join(shared.lines)], cwd=tmp_path, check=True)
    with np.load(tmp_path / "batch_7.npz") as saved:
        np.testing.assert_array_equal(saved["h"], [[0, 1, 2], [3, 4, 5]])


def test_the_title_counts_all_and_names_the_first() -> None:
    reasons = [(f"{name}.pkl", "A pickle.") for name in "abcdefghijkl"]
    assert reason_title(group_reasons(reasons)[0]) == "12 members cannot be read: a.pkl, b.pkl, c.pkl and 9 more"
    assert reason_title(group_reasons(reasons[:3])[0]) == "3 members cannot be read: a.pkl, b.pkl, c.pkl"
    assert reason_title(group_reasons(reasons[:1])[0]) == "1 member cannot be read: a.pkl"


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=30)), max_size=12))
def test_every_member_is_in_one_group(refused: list[tuple[str, str]]) -> None:
    groups = group_reasons(refused)
    assert Counter(name for one in groups for name in one.names) == Counter(name for name, _ in refused)
    assert [len(one.names) for one in groups] == sorted((len(one.names) for one in groups), reverse=True)

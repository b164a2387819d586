"""Sets of very many names: few rules, nothing lost."""

import random

from analysis.dumps.entry import Entry
from analysis.dumps.plan.plan import MOST_RULES, ArrayRule
from analysis.dumps.proposal import propose_plan
from analysis.dumps.proposal.family import Named
from analysis.dumps.proposal.grouping import MOST_FAMILIES, families_of
from analysis.dumps.proposal.rules import within_limit
from tests.analysis.dumps.proposal.named_sets import cells, named, read

COUNT = 3000


def words(count: int) -> list[str]:
    """Captions, all different."""
    chooser = random.Random(0)
    some = ("a", "cat", "on", "the", "mat", "dog", "runs", "sleeps", "blue", "tall", "old", "box")
    found = {"_".join(chooser.choice(some) for _ in range(7)) for _ in range(2 * count)}
    return sorted(found)[:count]


def test_names_without_a_system_are_one_family_of_samples():
    arrays = named((f"{name}.npy" for name in words(COUNT)), (64,))
    assert len(families_of(arrays)) == 1
    assert [parts for *_, parts in cells(arrays)] == [COUNT]
    assert len(propose_plan(arrays).plan.rules) == 1


def test_texts_left_out_are_few_rules():
    names = words(COUNT)
    arrays = named((f"{name}.pt/feat" for name in names), (64,)) + [
        Named(f"{name}.pt/caption", Entry("caption", (), "text"), 1) for name in names
    ]
    members, left_out, proposal = read(arrays)
    assert [len(member.parts) for member in members] == [COUNT]
    assert len(left_out) == COUNT
    assert len(proposal.plan.rules) == 2


def test_numbers_with_words_are_kept_where_names_are_many():
    arrays = named(
        f"{name}_layer_{layer}_epoch_{epoch}.npy" for name in words(600) for layer in (0, 1) for epoch in (1, 2)
    )
    assert len(families_of(arrays)) == 600 > MOST_FAMILIES
    found = cells(arrays)
    assert len(found) == len(arrays)
    assert {epoch for _, epoch, _ in found} == {1, 2}


def test_more_rules_than_a_plan_may_have_join_and_lose_nothing():
    arrays = named(f"{name}_layer_{layer}.npy" for name in words(MOST_RULES + 100) for layer in (0, 1))
    members, left_out, proposal = read(arrays)
    assert len(proposal.plan.rules) <= MOST_RULES
    assert not left_out
    assert [len(member.parts) for member in members] == [1] * len(arrays)
    assert len({member.layer for member in members}) == len(arrays)


def test_rules_beyond_the_limit_become_one_for_each_depth():
    rules = [ArrayRule(f"{number}/{{layer:fc*}}.npy", ("sample", "unit")) for number in range(MOST_RULES + 1)]
    kept = within_limit(rules)
    assert len(kept) <= MOST_RULES
    assert kept[-1] == ArrayRule("{layer}/{layer}", ("sample", "unit"))
    assert within_limit(rules[:MOST_RULES]) == tuple(rules[:MOST_RULES])

"""A plan is found again from the names and shapes that it made; no array is lost or counted twice on the way."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.dumps.plan.plan import ReadingPlan
from tests.analysis.dumps.found_again import difference, names, place, pooled, proposed, read
from tests.analysis.dumps.random_dumps import random_dump, summary

pytestmark = pytest.mark.long

DUMPS = 500
FEWEST_FOUND = 0.95


def test_unambiguous_plans_are_found_without_a_question():
    dumps = {seed: random_dump(Random(seed)) for seed in range(DUMPS)}
    missed = [f"{seed}: {told} [{summary(dump)}]" for seed, dump in dumps.items() if (told := difference(dump))]
    assert 1 - len(missed) / DUMPS >= FEWEST_FOUND, "\n".join(missed)


def test_what_is_apart_is_never_joined():
    assert {seed: found for seed in range(DUMPS) if (found := pooled(random_dump(Random(seed))))} == {}


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False))
def test_every_array_is_in_one_cell_or_left_out(random):
    dump = random_dump(random)
    members, left_out = read(dump.arrays, proposed(dump.arrays).plan)
    found = Counter(name for member in members for name in names(member))
    assert found + Counter(one.location[0] for one in left_out) == Counter(array.name for array in dump.arrays)
    for member in members:
        assert member.rows == sum(part.rows for part in member.parts)


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False))
def test_a_plan_does_not_depend_on_the_order_of_files(random):
    dump = random_dump(random)
    shuffled = random.sample(dump.arrays, len(dump.arrays))
    first, again = (
        {(place(member), names(member)) for member in read(arrays, proposed(arrays).plan)[0]}
        for arrays in (dump.arrays, shuffled)
    )
    assert first == again


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False))
def test_a_plan_that_was_written_down_reads_the_same(random):
    dump = random_dump(random)
    plan = proposed(dump.arrays).plan
    assert ReadingPlan.from_dict(plan.to_dict()) == plan
    assert ReadingPlan.from_json(plan.to_json()) == plan
    assert ReadingPlan.from_toml(plan.to_toml()) == plan
    assert read(dump.arrays, ReadingPlan.from_toml(plan.to_toml())) == read(dump.arrays, plan)

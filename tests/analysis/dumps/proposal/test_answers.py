"""Questions of a proposal and what answers do to it."""

import pytest

from analysis.dumps.proposal import propose_plan
from per_core.errors import InvalidInputError
from tests.analysis.dumps.proposal.named_sets import cells, named, read

HIDDEN = [f"hidden_{number}.npy" for number in range(6)]


def test_a_question_is_the_same_when_it_is_answered():
    arrays = named(HIDDEN)
    (question,) = propose_plan(arrays).questions
    for answer in question.options:
        (again,) = propose_plan(arrays, {question.id: answer}).questions
        assert (again.id, again.chosen) == (question.id, answer)
        assert again.reason


def test_a_role_is_given_by_the_text_before_a_number():
    assert [parts for *_, parts in cells(named(HIDDEN), {"part": "hidden_#"})] == [6]
    assert [epoch for _, epoch, _ in cells(named(HIDDEN), {"epoch": "hidden_#"})] == list(range(6))


def test_a_role_can_be_given_within_what_would_be_a_whole():
    arrays = named(f"bs{size}/{layer}.npy" for size in (16, 32) for layer in ("fc1", "fc2"))
    assert {epoch for _, epoch, _ in cells(arrays, {"epoch": "bs#"})} == {16, 32}


def test_answers_to_no_question_are_refused():
    with pytest.raises(InvalidInputError, match="names/hidden_#"):
        propose_plan(named(HIDDEN), {"names/other_#": "part"})
    with pytest.raises(InvalidInputError, match="block_#"):
        propose_plan(named(HIDDEN), {"part": "hidden"})
    with pytest.raises(InvalidInputError, match="is one of layer"):
        propose_plan(named(HIDDEN), {"names/hidden_#": "units"})


def test_names_with_the_signs_of_forms_are_read():
    arrays = named(
        [*(f"track#{number}.npy" for number in range(3)), *(f"a*{{b}}\\{number}.npy" for number in range(3))]
    )
    members, left_out, _ = read(arrays)
    assert len(members) == 6
    assert not left_out


def test_hostile_signs_in_names_lose_nothing_in_silence():
    arrays = named(["a\x00b_1.npy", "a\x01b_2.npy", "a\x02b.npy", "fc1.npy"])
    members, left_out, _ = read(arrays)
    assert len(members) + len(left_out) == 4


def test_the_order_of_rules_keeps_a_split_out_of_other_names():
    members, _, _ = read(named(["train_features.npy", "test_features.npy", "clip_features.npy"]))
    assert {(member.layer, member.split) for member in members} == {
        ("features", "train"), ("features", "test"), ("clip_features", ""),
    }  # fmt: skip


def test_words_that_say_nothing_are_cut_unless_they_tell_names_apart():
    assert {layer for layer, *_ in cells(named(["fc1_act.npy", "fc2_act.npy"]))} == {"fc1", "fc2"}
    told = {layer for layer, *_ in cells(named(["fc1_act.npy", "fc1_data.npy"]))}
    assert len(told) == 2


def test_a_stray_file_does_not_change_the_names_of_layers():
    names = [f"after_epoch_{epoch}.pt/{layer}" for epoch in (1, 2) for layer in ("layer1", "layer2")]
    alone = {layer for layer, *_ in cells(named(names))}
    assert {layer for layer, *_ in cells(named([*names, "extra/thing.npy"]))} == {*alone, "thing"}


def test_the_file_is_no_part_of_the_layer_where_keys_tell_all_apart():
    names = [f"step-{step}/acts.safetensors/layer_{layer}" for step in (1, 30) for layer in (1, 2)]
    members, _, _ = read(named([*names, "step-30/more.safetensors/layer_9"]))
    assert {(member.layer, member.method) for member in members} == {(f"layer_{n}", "") for n in (1, 2, 9)}
    members, _, _ = read(named([*names, "step-30/more.safetensors/layer_2"]))
    assert len({(member.layer, member.method, member.epoch) for member in members}) == 5

"""Roles of axes, and which questions are asked about them."""

import pytest

from analysis.dumps.entry import Entry
from analysis.dumps.proposal import propose_plan
from analysis.dumps.proposal.family import Named
from per_core.errors import InvalidInputError


def proposed(name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """The axes of an array alone in a set."""
    (rule,) = propose_plan([Named(name, Entry("", shape, "float32"))]).plan.rules
    return rule.axes


@pytest.mark.parametrize(
    ("name", "shape", "axes"),
    [
        ("x.npy", (20, 16), "sample unit"),
        ("hidden.npy", (6, 11, 16), "sample position unit"),
        ("all_layers.npy", (13, 50, 32), "layer sample unit"),
        ("all_layers.npy", (50, 13, 32), "sample layer unit"),
        ("hidden_states.npy", (50, 13, 768), "sample layer unit"),
        ("acts_last_token.npy", (50, 6, 32), "sample layer unit"),
        ("x.npy", (64, 8, 8, 4), "sample height width channel"),
        ("x.npy", (64, 4, 8, 8), "sample channel height width"),
        ("x.pt", (64, 8, 8, 8), "sample channel height width"),
        ("x.npy", (64, 8, 8, 8), "sample height width channel"),
        ("hook_q.npy", (6, 12, 4, 8), "sample position head unit"),
    ],
)
def test_the_likeliest_axes(name, shape, axes):
    assert proposed(name, shape) == tuple(axes.split())


def test_heads_are_told_by_the_width_of_others():
    plan = propose_plan(
        [
            Named("c.pt/resid", Entry("resid", (6, 12, 32), "float32"), 1),
            Named("c.pt/mixed", Entry("mixed", (6, 4, 12, 8), "float32"), 1),
        ]
    ).plan
    assert ("sample", "head", "position", "unit") in [rule.axes for rule in plan.rules]


def test_arrays_that_need_the_same_answer_are_one_question():
    arrays = [
        Named(f"epoch_{epoch}.npz/arr_{index}", Entry(f"arr_{index}", shape, "float32"), 1)
        for epoch in range(3)
        for index, shape in enumerate(((64, 8, 8, 4), (64, 4, 4, 8), (64, 32)))
    ]
    (question,) = propose_plan(arrays).questions
    assert (question.id, question.arrays) == ("axes/arr_#", 6)
    answered = propose_plan(arrays, {question.id: "sample,channel,height,width"})
    assert ("sample", "channel", "height", "width") in [rule.axes for rule in answered.plan.rules]
    assert propose_plan(arrays, {question.id: "left out"}).plan.rules[0].left_out == "other"


def test_an_answer_with_other_axes_is_refused():
    with pytest.raises(InvalidInputError, match="Give a role to each"):
        propose_plan([Named("x.npy", Entry("", (6, 11, 16), "float32"))], {"axes/x": "sample,unit"})


def test_a_first_axis_of_one_is_the_sample_and_no_layer():
    arrays = [Named(f"utt{i}.pt", Entry("", (1, 30 + i, 16), "float32")) for i in range(6)]
    proposal = propose_plan(arrays)
    assert [rule.axes for rule in proposal.plan.rules] == [("sample", "position", "unit")]
    assert proposal.questions == ()


def test_nobody_is_asked_what_a_number_of_attention_patterns_counts():
    arrays = [Named(f"out.pt/attentions/{i}", Entry(f"attentions/{i}", (2, 4, 9, 9), "float32"), 2) for i in range(3)]
    (question,) = propose_plan(arrays).questions
    assert (question.id, question.chosen) == ("axes/attentions/#", "left out")
    taken = propose_plan(arrays, {question.id: "sample,head,position,unit"})
    assert [rule.axes for rule in taken.plan.rules] == [("sample", "head", "position", "unit")]

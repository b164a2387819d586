"""Names that differ in digits alone are matched once: what is found is what each rule in turn finds of each name."""

from hypothesis import given
from hypothesis import strategies as st

from analysis.dumps.plan.name_form import NameForm
from analysis.dumps.plan.name_reader import NameReader
from analysis.dumps.plan.plan import ArrayRule, ReadingPlan

NAMES = st.text("0127a_./٣é", min_size=1, max_size=8)
PIECES = st.sampled_from(
    ["0", "1", "12", "7", "a", "_", ".", "/", "٣", "*", r"\*", r"\1", "{layer}", "{part}", "{epoch}", "{layer:a*}",
     "{layer:1*}", "{part:*2}", "{split:a}", "{ignored:*}"]
)  # fmt: skip
FORMS = st.lists(PIECES, min_size=1, max_size=5).map("".join)
RULES = st.builds(
    ArrayRule, FORMS, st.sampled_from([("sample", "unit"), ("unit",), ("sample", "position", "unit")])
) | st.builds(ArrayRule, FORMS, left_out=st.just("labels"))


@given(st.lists(RULES, max_size=6), st.lists(st.tuples(NAMES, st.integers(1, 3)), max_size=12))
def test_the_first_rule_that_fits_decides(rules, arrays):
    reader = NameReader(ReadingPlan(tuple(rules)))
    for name, axes in arrays:
        assert reader.read(name, axes) == first_that_fits(rules, name, axes)


@given(RULES, NAMES)
def test_fields_lie_where_they_are_read(rule, name):
    form = NameForm.of(rule.name)
    spans, values = form.spans(name), form.read(name)
    assert (None if spans is None else tuple(name[begin:end] for begin, end in spans)) == values


def test_a_rule_for_one_number_comes_before_the_one_for_all():
    rules = (ArrayRule("layer_7.npy", left_out="labels"), ArrayRule("layer_{layer}.npy", ("sample", "unit")))
    reader = NameReader(ReadingPlan(rules))
    found = {name: reader.read(name, 2) for name in ("layer_3.npy", "layer_7.npy", "layer_8.npy", "layer_10.npy")}
    assert [name for name, one in found.items() if one.rule is rules[0]] == ["layer_7.npy"]
    assert found["layer_10.npy"].values == ("10",)


def test_more_outlines_than_are_remembered_are_read_alike():
    reader = NameReader(ReadingPlan((ArrayRule("{layer}_x", ("unit",)),)))
    names = [f"{'abcdefgh'[n % 8]}{'ijklmnop'[n // 8 % 8]}{'a' * (n // 64)}_x" for n in range(5_000)]
    assert [reader.read(name, 1).values for name in names] == [(name[:-2],) for name in names]


def first_that_fits(rules, name, axes):
    for rule in rules:
        form = NameForm.of(rule.name)
        values = form.read(name) if rule.fits(axes) else None
        if values is not None:
            return rule, form, values
    return None

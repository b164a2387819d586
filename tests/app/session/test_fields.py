"""Tables of fields: a spec goes through values, widgets, the address and JSON, and comes back as it was."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields as attributes
from dataclasses import replace
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
import streamlit
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from analysis.fields import Range
from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from analysis.samples import SampleSpec
from app.session.batch_fields import drawn_fields, recorded_fields, sample_fields, source_field
from app.session.fields import Field, OneOf, Several, Slider, Whole, draw_fields, held_values
from app.views.train.form_values import spec_of, values_of
from app.views.train.training_fields import settings_of, training_fields
from per_core.errors import InvalidInputError
from per_core.methods import find_method, list_methods
from tests.waiting import LIMIT

pytestmark = pytest.mark.long
PRINTABLE = st.text(st.characters(codec="utf-8").filter(str.isprintable), max_size=130)


def numbers(limits: Range, *, whole: bool) -> st.SearchStrategy[Any]:
    if whole:
        return st.integers(int(limits.low), int(limits.high))
    return st.floats(limits.low, limits.high, exclude_min=limits.above)


def of_type(hint: Any) -> st.SearchStrategy[Any]:
    """Everything that a field of a spec may hold, by its type."""
    if get_origin(hint) is Annotated:
        kind, limits = get_args(hint)
        return numbers(limits, whole=kind is int)
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    return {bool: st.booleans(), str: PRINTABLE}[hint]


def any_record(record: type[Any], **own: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(record, include_extras=True)
    names = [one.name for one in attributes(record) if one.name not in own]
    return st.builds(record, **{name: of_type(hints[name]) for name in names}, **own)


@st.composite
def any_method(draw: st.DrawFn) -> MethodSpec:
    keys = draw(st.lists(st.sampled_from([method.key for method in list_methods()]), max_size=3, unique=True))
    values = {}
    for key in keys:
        for parameter in settings_of(find_method(key)):
            if draw(st.booleans()):
                limits = Range(0, 1e6) if parameter.name == "weight" else Range(parameter.low, parameter.high)
                values[f"{key}.{parameter.name}"] = draw(numbers(limits, whole=parameter.integer))
    combination = "+".join(keys) or "vanilla"
    reduction = draw(st.sampled_from(["mean", "sum"]))
    return MethodSpec(combination, values, reduction, name=draw(st.sampled_from(["", combination + "-2"])))


SPECS = any_record(
    TrainingSpec,
    data=any_record(DataSpec, samples=st.integers(10, 10_000), folder=PRINTABLE.filter(bool)),
    model=any_record(ModelSpec),
    methods=st.lists(any_method(), min_size=1, max_size=3, unique_by=lambda method: method.label).map(tuple),
    layers=st.lists(st.integers(1, 10).map("layer {}".format), max_size=3).map(tuple),
)
SAMPLES = st.builds(
    SampleSpec,
    **{
        field.path: st.sampled_from(field.options)
        if isinstance(field, OneOf)
        else numbers(field.range, whole=True)
        if isinstance(field, Whole)
        else numbers(field.range, whole=False).map(lambda value: round(value, 2))
        for field in sample_fields().all()
    },
)


def without_defaults(spec: TrainingSpec) -> dict[str, Any]:
    """A spec as plain values; what a method leaves to the registry, and what it sets to the same, are the same."""
    values = spec.as_dict()
    for method, plain in zip(spec.methods, values["methods"], strict=True):
        plain["settings"] = {
            f"{one.key}.{name}": v for one in method.methods for name, v in method.parameters(one).items()
        }
    return values


def draw_training() -> None:
    """What a test of the training form runs as an app."""
    import streamlit

    from app.session.fields import draw_fields
    from app.views.train.training_fields import training_fields

    streamlit.session_state["said"] = draw_fields(training_fields().all())


def draw_sample() -> None:
    """What a test of the sidebar runs as an app."""
    import streamlit

    from app.session.batch_fields import sample_fields
    from app.session.fields import draw_fields

    streamlit.session_state["said"] = draw_fields(sample_fields().all())


def said_by_widgets(app: Any, table: list[Field[Any]], values: dict[str, Any]) -> dict[str, Any]:
    page = AppTest.from_function(app, default_timeout=LIMIT)
    for key, value in held_values(table, values).items():
        page.session_state[key] = value
    return said(page)


def said_by_address(app: Any, table: list[Field[Any]], values: dict[str, Any]) -> dict[str, Any]:
    page = AppTest.from_function(app, default_timeout=LIMIT)
    for field in table:
        if field.path in values and values[field.path] != field.default:
            page.query_params[field.key] = field.linked(values[field.path])
    return said(page)


def said(page: AppTest) -> dict[str, Any]:
    page.run()
    assert [error.message for error in page.exception] == []
    return page.session_state["said"]


@given(SPECS)
def test_values_of_a_training_are_the_training(spec: TrainingSpec) -> None:
    values = values_of(spec)
    assert without_defaults(spec_of(values)) == without_defaults(spec)
    again = TrainingSpec.from_dict(json.loads(json.dumps(spec_of(values).as_dict())))
    assert values_of(again) == values


@st.composite
def any_grid(draw: st.DrawFn) -> TrainingSpec:
    """Methods of which numbers, and the learning rate, have up to three values; at most 36 methods."""
    keys = draw(st.lists(st.sampled_from(["per", "l2", "vcl", "bn", "dbn+per"]), min_size=1, max_size=2, unique=True))
    values = st.lists(st.floats(0, 1e6), min_size=1, max_size=3, unique=True)
    subsets = st.lists(st.integers(2, 64), min_size=1, max_size=2, unique=True)
    lists = {name: draw(values) for name in ("per.weight", "l2.weight", "vcl.weight")} | {"vcl.subset": draw(subsets)}
    methods = [
        {"combination": key, "settings": {n: v for n, v in lists.items() if n.split(".")[0] in key.split("+")}}
        for key in keys
    ]
    rates = draw(st.lists(st.floats(1e-6, 100), min_size=1, max_size=2, unique=True))
    return TrainingSpec.from_dict({"methods": ["vanilla", *methods], "learning_rate": rates})


@given(any_grid())
def test_a_grid_comes_back_as_the_values_of_the_fields(spec: TrainingSpec) -> None:
    values = values_of(spec)
    assert values["more"] == {}
    assert without_defaults(spec_of(values)) == without_defaults(spec)


@given(any_grid(), st.data())
def test_a_part_of_a_grid_comes_back_as_it_is(spec: TrainingSpec, data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.sampled_from(spec.methods), min_size=1, unique_by=lambda method: method.label))
    part = replace(spec, methods=tuple(kept))
    assert without_defaults(spec_of(values_of(part))) == without_defaults(part)


def test_more_values_than_one_grid_may_have_come_back_as_json() -> None:
    diagonal = [
        {"combination": "per+l2", "settings": {"per.weight": i, "l2.weight": i}, "name": f"m{i}"} for i in range(9)
    ]
    spec = TrainingSpec.from_dict({"methods": diagonal})
    values = values_of(spec)
    assert len(values["more"]["methods"]) == 9
    assert spec_of(values) == spec


@settings(max_examples=15, deadline=None)
@given(any_grid())
def test_widgets_and_address_say_a_grid(spec: TrainingSpec) -> None:
    values, table = values_of(spec), list(training_fields().all())
    assert said_by_widgets(draw_training, table, values) == values
    assert said_by_address(draw_training, table, values) == values


@pytest.mark.parametrize(
    ("text", "said"),
    [("3e-4 1e-4", (3e-4, 1e-4)), (" 0.5,  1; 0.5 ", (0.5, 1.0)), ("", (0.25,)), ("1", (1.0,)), ("2e0 3", (2.0, 3.0))],
)
def test_a_line_of_numbers_is_read(text: str, said: tuple[float, ...]) -> None:
    assert said_by_text(text) == said


@pytest.mark.parametrize("text", ["0,001", "a", "nan", "1e999", "-1", "1 / 3"])
def test_what_is_no_line_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"Rate must be one or several numbers above 0 to 5, .*received"):
        said_by_text(text)


def test_a_line_of_whole_numbers_takes_no_other() -> None:
    field = Several(path="n", key="a", label="Rows", default=(2,), range=Range(1, 9), whole=True)
    with streamlit_says("3.0 4"):
        assert field.draw() == (3, 4)
        assert all(isinstance(value, int) for value in field.draw())
    with streamlit_says("2.5"), pytest.raises(InvalidInputError, match="Rows must be one or several whole numbers"):
        field.draw()
    assert field.offers((1, 9))
    assert not any(map(field.offers, ((0,), (), [1], (1.5,))))


def said_by_text(text: str) -> tuple[float, ...]:
    field = Several(path="rate", key="a", label="Rate", default=(0.25,), range=Range(0, 5, above=True))
    with streamlit_says(text):
        return field.draw()


@contextmanager
def streamlit_says(text: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streamlit, "text_input", lambda *_args, **_more: text)
        yield


@settings(max_examples=15, deadline=None)
@given(SPECS)
def test_widgets_and_address_say_a_training(spec: TrainingSpec) -> None:
    values, table = values_of(spec), list(training_fields().all())
    assert said_by_widgets(draw_training, table, values) == values
    assert said_by_address(draw_training, table, values) == values


@settings(max_examples=15, deadline=None)
@given(SAMPLES)
def test_widgets_and_address_say_a_sample(spec: SampleSpec) -> None:
    table = list(sample_fields().all())
    applying = {field.path for field in table if field.applies(spec.as_dict())}
    values = {name: value for name, value in spec.as_dict().items() if name in applying}
    assert said_by_widgets(draw_sample, table, values) == values
    assert said_by_address(draw_sample, table, values) == values
    assert SampleSpec.from_dict(json.loads(json.dumps(values))).as_dict() | {"fill": spec.fill} == spec.as_dict()


def test_every_field_of_a_sample_is_in_the_table_and_all_of_its_slider_is_valid() -> None:
    table = {field.path: field for field in sample_fields().all()}
    assert set(table) == {one.name for one in attributes(SampleSpec)}
    for name, field in table.items():
        if isinstance(field, Slider):
            assert SampleSpec(**{name: field.range.low}).as_dict()[name] == field.range.low
            assert SampleSpec(**{name: field.range.high}).as_dict()[name] == field.range.high


def test_a_key_is_of_one_field_and_says_its_page() -> None:
    training = [field.key for field in training_fields().all()]
    size = sample_fields().size  # of a drawing as well
    drawn = [field for field in drawn_fields() if field.key not in {one.key for one in size}]
    tables = (source_field(), *drawn, *sample_fields().all(), *recorded_fields(["layer 1"], [0.0]))
    sidebar = [field.key for field in tables]
    assert len({*training, *sidebar}) == len(training) + len(sidebar)
    assert all(key.startswith("train_") for key in training)
    assert all(key.startswith("data_") for key in sidebar)


def test_a_field_that_does_not_apply_is_not_drawn() -> None:
    fields = [
        Whole(path="first", key="a", label="First", default=1, range=Range(0, 9)),
        Whole(path="second", key="b", label="Second", default=2, range=Range(0, 9), applies=lambda v: v["first"] == 5),
    ]
    assert draw_fields(fields) == {"first": 1}
    assert draw_fields(fields[1:], {"first": 5}) == {"second": 2}

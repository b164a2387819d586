"""A canvas is a field like any other; what a browser sends of it is a drawing or refused."""

import json

import pytest

from analysis.drawing import Kind, empty, shaped
from app.session.canvas import canvas_field, received
from per_core.errors import InvalidInputError

KINDS: list[Kind] = ["cloud", "density"]


@pytest.mark.parametrize("kind", KINDS)
def test_its_value_is_a_text_that_the_address_the_session_and_json_hold(kind: Kind) -> None:
    field = canvas_field(kind, "normal", path="drawing", key="data_drawing")
    value = shaped(kind, "bimodal").address
    assert field.default == shaped(kind, "normal").address
    assert field.held(value) == field.linked(value) == json.loads(json.dumps(value)) == value
    assert canvas_field(kind, path="drawing", key="data_drawing").default == empty(kind).address


@pytest.mark.parametrize("kind", KINDS)
def test_it_offers_drawings_of_its_kind_only(kind: Kind) -> None:
    field = canvas_field(kind, path="drawing", key="data_drawing")
    assert field.offers(shaped(kind, "skewed").address)
    assert field.offers(empty(kind).address)
    others = [shaped(other, "skewed").address for other in KINDS if other != kind]
    assert [value for value in (*others, "", "nonsense", None, 3, 0.5, [], {}) if field.offers(value)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_browser_sends_is_a_drawing_or_refused(kind: Kind) -> None:
    drawing = shaped(kind, "normal")
    levels = list(drawing.levels)
    assert received(kind, {"number": 3, "levels": levels}) == drawing
    for nonsense in (
        *(None, "x", 10**12, [], {}, {"levels": 5}, {"levels": None}, {"levels": "x" * len(levels)}),
        *({"levels": [*levels[1:], other]} for other in (-1, 256, 1.0, None, "1", 10**400)),
    ):
        with pytest.raises(InvalidInputError, match="levels of a drawing must be"):
            received(kind, nonsense)

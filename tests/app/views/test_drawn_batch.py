"""A batch that a visitor drew, on every page that looks at one; addresses without a drawing."""

import json
import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from analysis.drawing import Drawing, empty, shaped
from tests.app.conftest import OpenPage
from tests.app.views.test_pages import all_text, sent_charts, small_and_described
from tests.browser.pages import all_charts, asked

pytestmark = pytest.mark.long

PAGES = ["distributions", "bound", "methods"]
RING, MODES = shaped("cloud", "ring"), shaped("density", "bimodal")
DRAWN = {"data_source": "Drawn", "data_n": "128"}
DENSITY = DRAWN | {"data_drawn": "One unit", "data_density": shaped("density", "skewed").address}
CLOUD = DRAWN | {"data_cloud": shaped("cloud", "bimodal").address}


def canvas(page: AppTest) -> dict[str, Any]:
    """What the canvas of a page was given."""
    sent = [json.loads(one.proto.json) for one in page.get("bidi_component") if one.proto.WhichOneof("data") == "json"]
    (found,) = (one for one in sent if "levels" in one)
    return dict(found)


def on_canvas(page: AppTest) -> Drawing:
    given = canvas(page)
    return Drawing(given["kind"], bytes(given["levels"]))


@pytest.mark.parametrize("query", [CLOUD, DENSITY], ids=["cloud", "density"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_takes_what_is_drawn(open_page: OpenPage, name: str, query: dict[str, str]) -> None:
    page = open_page(name, **query, **asked(name))
    small_and_described(page, all_charts(name))
    kind = "cloud" if query is CLOUD else "density"
    assert f"Drawn {kind}, n = 128, d = 2" in all_text(page)
    assert "trained network" not in all_text(page)
    assert on_canvas(page).address == query[f"data_{kind}"]


def test_the_source_opens_on_a_drawing_that_batch_normalisation_leaves_as_it_is(open_page: OpenPage) -> None:
    page = open_page("distributions", data_source="Drawn", dist_statistics="true")
    assert on_canvas(page) == RING
    assert page.title[0].value == "Your drawing beside N(0, I)"
    table = page.dataframe[0].value.set_index("Statistic")["the drawing"]
    assert not table[["Mean", "Variance", "Correlation"]].str.contains("≠").any()
    assert "≠" in table["SW1, exact"]
    assert not {"data_cloud", "data_density"} & set(page.query_params)
    page.segmented_control(key="data_drawn").select("density").run()
    assert on_canvas(page) == MODES
    assert sent_charts(page)["dist_joint"].data["alt"].startswith("Joint density with marginals of Drawn density")


def test_a_drawing_is_kept_from_page_to_page_and_leaves_the_address_with_its_source(open_page: OpenPage) -> None:
    page = open_page("distributions", **DENSITY)
    page.switch_page("views/train/train.py").run()
    page.switch_page("views/bound/bound.py").run()
    assert on_canvas(page).address == DENSITY["data_density"]
    assert page.query_params["data_density"] in (DENSITY["data_density"], [DENSITY["data_density"]])
    assert "Drawn density, n = 128" in all_text(page)
    page.segmented_control(key="data_source").select("Figure 1").run()
    assert "data_density" not in page.query_params
    page.segmented_control(key="data_source").select("Drawn").run()
    assert on_canvas(page).address == DENSITY["data_density"]
    page.segmented_control(key="data_drawn").select("cloud").run()
    assert "data_density" not in page.query_params
    assert on_canvas(page) == RING
    next(button for button in page.button if button.label == "Reset").click().run()
    page.segmented_control(key="data_source").select("Drawn").run()
    page.segmented_control(key="data_drawn").select("density").run()
    assert on_canvas(page) == MODES


@pytest.mark.parametrize("name", PAGES)
def test_an_address_without_a_drawing_is_refused_and_says_what_to_do(open_page: OpenPage, name: str) -> None:
    page = open_page(name, **DRAWN, data_cloud="nonsense")
    assert [*page.exception] == []
    (error,) = (one.value for one in page.sidebar.error)
    assert re.search(r"Expected a drawn cloud.*received.*nonsense.*draw anew", error)
    assert [one.value for one in page.main.info] == [
        "Nothing is drawn yet. Draw on the canvas in the sidebar, or begin with a shape there."
    ]
    assert sent_charts(page) == {}
    assert on_canvas(page).is_empty


def test_an_empty_canvas_is_no_error(open_page: OpenPage) -> None:
    page = open_page("bound", **DRAWN, data_cloud=empty("cloud").address)
    assert [*page.exception, *page.error] == []
    assert len(page.main.info) == 1
    assert [button.label for button in page.sidebar.button if button.label == "Reset"] == ["Reset"]


def test_a_batch_of_a_drawing_is_not_larger_than_others(open_page: OpenPage) -> None:
    page = open_page("bound", data_source="Drawn", data_n="16384", data_dim="128")
    assert "A batch may hold at most 1,048,576 values" in page.main.error[0].value  # a sidebar may be folded away


def test_two_batches_on_one_axis_have_no_epochs_of_a_drawing(open_page: OpenPage) -> None:
    page = open_page("methods", **CLOUD, methods_compare="true")
    assert [*page.exception, *page.error] == []
    assert list(page.selectbox(key="methods_first").options) == [
        "before",
        "after BN",
        "after DBN",
        "after VCL",
        "after PER",
    ]


def test_a_drawing_is_kept_over_pages_without_a_batch(open_page: OpenPage) -> None:
    page = open_page("bound", **CLOUD)
    before = page.session_state["choice"].batch().fingerprint
    for name in ("train", "dumps", "bound"):
        page.switch_page(f"views/{name}/{name}.py").run()
        assert [*page.exception, *page.error] == []
    assert page.session_state["choice"].batch().fingerprint == before

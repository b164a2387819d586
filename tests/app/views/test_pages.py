"""The pages in process: what they say, how big their charts are, and that nothing in the address breaks them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from streamlit.runtime.state.common import user_key_from_element_id
from streamlit.testing.v1 import AppTest

from app.charts.chart import MAX_ANIMATED_BYTES, MAX_STATIC_BYTES
from app.session.keys import LANGUAGE_CHOSEN
from tests.app.conftest import OpenPage
from tests.browser.pages import CHARTS, ON_REQUEST, all_charts, asked

pytestmark = pytest.mark.long

PAGES = ["distributions", "bound", "methods"]
SOURCES: list[dict[str, str]] = [
    {},
    {"data_dim": "16", "data_fill": "pairs", "data_n": "256"},
    {"data_source": "Recording", "data_layer": "layer 2", "data_epoch": "5"},
    {"data_scale": "0.0", "data_n": "64"},
]


@dataclass(frozen=True)
class SentChart:
    """What one chart sends to the browser."""

    data: dict[str, Any]
    size: int

    @property
    def figure(self) -> dict[str, Any]:
        figure: dict[str, Any] = self.data["figure"]
        return figure


def sent_charts(page: AppTest) -> dict[str, SentChart]:
    found = {}
    for component in page.get("bidi_component"):
        if component.proto.WhichOneof("data") != "bytes":
            continue  # not a chart
        data = json.loads(component.proto.bytes)
        found[data["name"]] = SentChart(data, len(component.proto.bytes))
    return found


def all_text(page: AppTest) -> str:
    return "\n".join([e.value for e in [*page.title, *page.markdown, *page.caption, *page.header]])


def small_and_described(page: AppTest, keys: Iterable[str]) -> dict[str, SentChart]:
    """The charts of a page without errors: those of these keys, small, with something in them and described."""
    assert [*page.exception, *page.error] == []
    charts = sent_charts(page)
    assert set(charts) == set(keys)
    for key, chart in charts.items():
        assert chart.size < (MAX_ANIMATED_BYTES if "frames" in chart.figure else MAX_STATIC_BYTES), key
        assert len(chart.data["alt"]) > 30, key
        assert chart.figure["data"], key
    return charts


@pytest.mark.parametrize("query", SOURCES, ids=["figure1", "pairs", "recording", "collapsed"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_draws_all_its_charts_small_and_described(open_page: OpenPage, name: str, query: dict[str, str]) -> None:
    page = open_page(name, **query, **asked(name))
    small_and_described(page, all_charts(name))


@pytest.mark.parametrize("name", ON_REQUEST)
def test_what_nobody_asks_for_is_not_computed(open_page: OpenPage, name: str) -> None:
    page = open_page(name, data_n="128")
    assert set(sent_charts(page)) == set(CHARTS[name])
    sections = {user_key_from_element_id(one.proto.id): one for one in page.expander if one.proto.id}
    assert set(sections) >= set(ON_REQUEST[name])
    assert not any(sections[key].children for key in ON_REQUEST[name])


@pytest.mark.parametrize("name", PAGES)
def test_nonsense_in_the_address_falls_back_to_the_defaults(open_page: OpenPage, name: str) -> None:
    nonsense = {
        "data_n": "-5", "data_dim": "9999", "data_seed": "1e400", "data_case": "<script>", "data_source": "'; drop",
        "data_rho": "nan", "data_left_sd": "0", "dist_x": "0", "dist_view": "x", "bound_slices": "17",
        "bound_move": "inf", "bound_sample": "-1", "unknown": "?", "methods_scale": "0",
        "methods_chosen": "nonsense", "methods_strength": "inf", "methods_steps": "7",
        "methods_dbn_group_size": "1e999",
    }  # fmt: skip
    assert [*(page := open_page(name, **nonsense)).exception, *page.error] == []
    plain = sent_charts(open_page(name))
    assert {key: chart.data["alt"] for key, chart in sent_charts(page).items()} == {
        key: chart.data["alt"] for key, chart in plain.items()
    }


def test_the_opening_page_shows_figure_1_and_the_table(open_page: OpenPage) -> None:
    page = open_page("distributions", dist_statistics="true")
    assert "cannot tell apart" in page.title[0].value
    titles = [trace["meta"] for trace in sent_charts(page)["dist_joint"].figure["data"] if trace["type"] == "contour"]
    assert titles == ["(a) isotropic", "(b) correlated", "(c) skewed", "(d) bimodal"]
    table = page.dataframe[0].value
    by_statistic = table.set_index("Statistic")
    assert list(by_statistic["Seen by"][["Mean", "Variance", "Correlation"]]) == ["BN", "BN", "DBN"]
    assert "≠" in by_statistic.loc["Correlation", "(b) correlated"]
    for case in ("(b) correlated", "(c) skewed", "(d) bimodal"):
        assert "≠" in by_statistic.loc["SW1, exact", case]
    assert not by_statistic["(a) isotropic"].str.contains("≠").any()
    assert "Correlation of (b) correlated" in all_text(page)


def test_pot_is_asked_and_agrees_with_the_exact_distance(open_page: OpenPage) -> None:
    page = open_page("distributions", dist_statistics="true", data_n="512", dist_pot="true")
    assert "POT agrees with the exact value of every batch" in all_text(page)
    table = page.dataframe[1].value.set_index("Batch")
    exact, by_pot = (table[f"SW1, {how}"].astype(float) for how in ("exact", "by POT"))
    assert list(table.index) == ["(a) isotropic", "(b) correlated", "(c) skewed", "(d) bimodal"]
    assert (exact - by_pot).abs().max() < 6e-4 < 0.05 < exact["(c) skewed"]
    names = {button.label for button in page.get("download_button")}
    assert names >= {"Numbers as CSV", "Check as CSV"}


def test_few_samples_are_shown_honestly_as_too_few(open_page: OpenPage) -> None:
    table = open_page("distributions", dist_statistics="true", data_n="32").dataframe[0].value.set_index("Statistic")
    assert "≠" not in table.loc["Modes", "(d) bimodal"]
    assert "≠" not in table.loc["SW1, exact", "(d) bimodal"]


def test_the_recording_stands_beside_a_gaussian_batch(open_page: OpenPage) -> None:
    page = open_page(
        "distributions", dist_statistics="true", data_source="Recording", data_layer="layer 9", data_epoch="10"
    )
    table = page.dataframe[0].value
    assert {"layer 9, epoch 10", "N(0, I), same n and d"} <= set(table.columns)
    assert not table["N(0, I), same n and d"].str.contains("≠").any()
    assert table["layer 9, epoch 10"].str.contains("≠").sum() >= 5
    page.segmented_control(key="dist_view").select("principal").run()
    axis = sent_charts(page)["dist_joint"].figure["layout"]["xaxis"]["title"]["text"]
    assert axis == "principal direction 1"


def test_the_batch_is_kept_between_pages(open_page: OpenPage) -> None:
    page = open_page("distributions")
    page.segmented_control(key="data_case").select("d").run()
    page.number_input(key="data_seed").set_value(11).run()
    page.switch_page("views/bound/bound.py").run()
    assert "(d) bimodal" in all_text(page)
    assert page.number_input(key="data_seed").value == 11


@pytest.mark.parametrize("name", ["train", "dumps"])
def test_pages_without_a_batch_do_not_ask_for_one_and_keep_it(open_page: OpenPage, name: str) -> None:
    page = open_page("bound", data_n="128")
    page.segmented_control(key="data_case").select("d").run()
    assert page.sidebar.segmented_control(key="data_source").value == "Figure 1"
    page.switch_page(f"views/{name}/{name}.py").run()
    assert [*page.exception, *page.error] == []
    assert [one.key for one in page.sidebar.segmented_control if one.key == "data_source"] == []
    page.switch_page("views/methods/methods.py").run()
    assert page.segmented_control(key="data_case").value == "d"
    assert "(d) bimodal, n = 128" in all_text(page)


def test_the_bound_page_shows_value_uncertainty_and_band(open_page: OpenPage) -> None:
    page = open_page("bound", data_case="b")
    metrics = {metric.label: metric for metric in page.metric}
    sw1, per, gap = (float(metrics[label].value) for label in ("SW1, exact", "PER, exact", "Gap, PER − W1"))
    assert gap == pytest.approx(per - sw1, abs=2e-3)
    assert all("±" in metrics[label].delta for label in ("SW1, exact", "PER, exact", "Gap, PER − W1"))
    low, high = (float(part) for part in metrics["SW1, sampling range"].value.split(" … "))
    assert 0 < low < high < sw1
    assert "the batch differs from N(0, I)" in all_text(page)


def test_bimodal_units_are_found_by_looking_at_the_units(open_page: OpenPage) -> None:
    page = open_page("bound", bound_worst="true", data_case="d", data_dim="32", data_fill="pairs", data_n="1024")
    assert "cannot be told from N(0, I)" in all_text(page)
    table = page.dataframe[0].value
    units = table[table["Direction"].str.startswith("unit")]
    assert len(units) >= 3
    assert units["W1"].str.contains("≠").all()
    assert "Worse than in Gaussian batches: unit" in all_text(page)


def test_a_moved_batch_is_not_introduced_as_standardised(open_page: OpenPage) -> None:
    page = open_page("distributions", data_shift="3.0", data_n="256")
    assert "shifted by 3 and scaled by 1" in all_text(page)
    assert "Mean and variance do not see" not in all_text(page)


def test_collapse_is_called_by_its_name(open_page: OpenPage) -> None:
    page = open_page("bound", data_scale="0.0")
    values = {metric.label: metric.value for metric in page.metric}
    assert values["PER, exact"] == "0.7979"
    assert values["SW1, exact"] == "0.7979"
    assert "as large: all rows are one point" in all_text(page)


def test_two_units_are_drawn_as_a_polar_plot_and_more_as_a_sorted_list(open_page: OpenPage) -> None:
    polar = sent_charts(open_page("bound", bound_worst="true", data_n="256"))["bound_directions"].figure
    assert {trace["type"] for trace in polar["data"]} == {"scatterpolar"}
    ranked = sent_charts(open_page("bound", bound_worst="true", data_n="256", data_dim="8"))["bound_directions"].figure
    names = {trace["name"] for trace in ranked["data"]}
    assert {"W1, unit", "W1, principal", "W1, random", "W1, maximised"} <= names


def test_moving_a_sample_changes_sw1s_gradients_and_never_pers(open_page: OpenPage) -> None:
    page = open_page("bound", data_n="256", bound_gradients="true")
    assert "and 0 of PER's" in all_text(page)
    page.slider(key="bound_move").set_value(0.0).run()
    assert "0 of 255 SW1 gradients changed" in all_text(page)


def test_a_batch_too_large_for_the_budget_says_what_fits(open_page: OpenPage) -> None:
    page = open_page("distributions", data_n="16384", data_dim="128")
    assert "at most 1,048,576 values" in page.error[0].value
    assert "n = 8,192 or fewer" in page.error[0].value


def test_every_input_is_bound_to_the_address(open_page: OpenPage) -> None:
    for name, query in (
        ("distributions", {"data_dim": "8"}),
        ("bound", {"data_source": "Recording", "bound_gradients": "true"}),
        ("methods", {"data_n": "64"}),
    ):
        page = open_page(name, **query)
        widgets = [
            *page.slider, *page.select_slider, *page.number_input,
            *page.radio, *page.selectbox, *page.segmented_control, *page.multiselect,
        ]  # fmt: skip
        assert len(widgets) >= 4
        for widget in widgets:
            if widget.key == LANGUAGE_CHOSEN:  # stands there as ?lang=
                continue
            assert widget.proto.query_param_key == widget.key, widget.key
            assert widget.key.split("_")[0] in {"data", "dist", "bound", "methods", "train"}


def test_reset_clears_the_choice(open_page: OpenPage) -> None:
    page = open_page("distributions", data_n="512", data_case="d")
    next(button for button in page.button if button.label == "Reset").click().run()
    assert page.select_slider(key="data_n").value == 4096
    assert page.segmented_control(key="data_case").value == "a"

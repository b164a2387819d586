"""The Methods page in process: what each method removes, and that every method of the registry can be chosen."""

import base64
import json
import re
from typing import Any

import numpy as np
import pytest
import streamlit as st
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from analysis.distances import distinction, permutation
from analysis.distances.decomposition import PARTS
from analysis.methods import collapse, flow, normalisation
from app.views.methods.method_choice import MOST_METHODS
from per_core import list_methods
from tests.app.conftest import OpenPage
from tests.app.views.test_pages import all_text, sent_charts

pytestmark = pytest.mark.long

METHODS = list_methods()
GROUPS = [METHODS[i : i + MOST_METHODS] for i in range(0, len(METHODS), MOST_METHODS)]


def removed(page: AppTest) -> dict[str, dict[str, float]]:
    """What the bars of what each method removes say, by name and part."""
    traces = sent_charts(page)["methods_parts"].figure["data"]
    return {trace["name"].removeprefix("removed by "): dict(zip(PARTS, trace["y"], strict=True)) for trace in traces}


def values(sent: Any) -> NDArray[np.float64]:
    """The numbers of an array as it is sent to the browser."""
    if isinstance(sent, dict):
        return np.frombuffer(base64.b64decode(sent["bdata"]), sent["dtype"]).astype(np.float64)
    return np.array(sent, dtype=np.float64)


def sampling_range(page: AppTest, reading: str) -> tuple[float, float]:
    """That of a reading at N(0, I), from the table of a flow."""
    row = next(line for line in all_text(page).splitlines() if line.startswith(f"| {reading} |"))
    low, high = row.split("|")[-2].split("…")
    return float(low), float(high)


def opened(*sections: str) -> dict[str, str]:
    """The parameters that open sections of the page."""
    return dict.fromkeys([f"methods_{section}" for section in sections], "true")


def choose(page: AppTest, *shorts: str) -> AppTest:
    keys = [method.key for method in METHODS if method.short in shorts]
    return page.multiselect(key="methods_chosen").set_value(keys).run()


def test_what_is_heavy_is_computed_when_somebody_asks(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    """On opening one chart, and headings of the rest; a section that is opened draws its chart and no other."""
    for module, heavy in (
        (flow, "watch_flow"),
        (normalisation, "normalise_held_out"),
        (permutation, "permutation_band"),
        (distinction, "compare"),
        (collapse, "pull_near_collapse"),
    ):
        monkeypatch.delattr(module, heavy)
    page = open_page("methods", data_n="64", data_seed="77")
    assert [*page.exception, *page.error] == []
    assert set(sent_charts(page)) == {"methods_joint"}
    labels = [section.label for section in page.main.expander]
    assert labels == [
        "Scale and shift of the batch, and how regularisers are followed",
        "How much of the distance to N(0, I) each method removes, part by part",
        "Every statistic before and after each method",
        "Where VCL leads: alone and with the task, step by step",
        "Where PER leads: alone and with the task, step by step",
        "The small-batch effect",
        "Near collapse: which regularisers lead out of it",
        "Two batches on one axis",
    ]
    monkeypatch.undo()
    page = open_page("methods", data_n="64", data_seed="77", **opened("compare"))
    assert set(sent_charts(page)) == {"methods_joint", "methods_overlay"}


def test_slow_regularisers_join_what_can_be_read_already(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run draws the page without them and follows them; the next one has them, and follows nothing."""
    chosen = {"data_n": "64", "data_seed": "78", "methods_steps": "60", **opened("removed")}
    with monkeypatch.context() as first:
        first.setattr(st, "rerun", lambda: None)
        page = open_page("methods", **chosen, methods_chosen=["BN", "PER", "Energy", "L1"])
        assert set(removed(page)) >= {"BN", "PER", "L1"}
        assert "Energy" not in removed(page)
        assert "Energy joins the charts when its flow has ended." in all_text(page)
    page.run()
    assert set(removed(page)) >= {"BN", "PER", "Energy", "L1"}
    assert "joins the charts" not in all_text(page)
    alone = open_page("methods", **chosen, methods_chosen="Energy")
    assert [*alone.exception, *alone.error] == []
    assert "Energy" in removed(alone)


@pytest.mark.parametrize("case", ["a", "b", "c", "d"])
def test_bn_removes_location_and_scale_dbn_correlation_too_neither_the_shape(open_page: OpenPage, case: str) -> None:
    bars = removed(open_page("methods", data_case=case, methods_chosen=["BN", "DBN"], **opened("removed")))
    there = bars["in the batch"]
    for name in ("BN", "DBN"):
        for part in ("location", "scale"):
            assert bars[name][part] == pytest.approx(there[part], abs=0.02)
        assert abs(bars[name]["shape"]) < 0.01
        assert bars[name]["floor"] == 0
    assert abs(bars["BN"]["correlation"]) < 0.005
    assert bars["DBN"]["correlation"] == pytest.approx(there["correlation"], abs=0.005)
    assert sum(there.values()) == pytest.approx(sum(there[part] for part in PARTS))
    assert (there["correlation"] > 0.1) == (case == "b")
    assert (there["shape"] > 0.02) == (case in "cd")


OFFERED = ("setting", "group", "slices")  # momentum and noise are of training


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: "-".join(method.key for method in group))
def test_every_method_of_the_registry_can_be_chosen_with_its_settings(open_page: OpenPage, group: list[Any]) -> None:
    shorts = [method.short for method in group]
    sections = opened("changes", *(f"follow_{method.key}" for method in group))
    page = open_page("methods", data_n="64", data_dim="4", methods_steps="60", methods_chosen=shorts, **sections)
    assert [*page.exception, *page.error] == []
    charts = sent_charts(page)
    table = page.dataframe[0].value
    for method in group:
        assert method.short in table.columns
        assert (f"methods_flow_{method.key}" in charts) == (method.kind == "regulariser")
        shown = {widget.key for widget in page.number_input}
        wanted = {f"methods_{method.key}_{p.name}" for p in method.parameters if p.role in OFFERED}
        assert wanted <= shown
        assert method.reference in all_text(page)


def test_a_flow_is_sent_with_every_third_step_and_ends_where_the_table_says(open_page: OpenPage) -> None:
    sections = opened("changes", "follow_per")
    page = open_page("methods", data_n="256", methods_left="alone", methods_chosen="PER", **sections)
    figure = sent_charts(page)["methods_flow_per"].figure
    assert [frame["name"] for frame in figure["frames"]] == [f"step {step} of 120" for step in range(0, 121, 3)]
    curves = {(t["meta"], t["name"]): t for t in figure["data"] if "meta" in t}
    steps = curves["SW1", "alone"]["x"]
    assert steps is not None
    last = figure["frames"][-1]["data"]
    table = page.dataframe[0].value.set_index("Statistic")
    sw1 = float(table.loc["SW1, exact", "PER"].split(" ")[0])
    end = values(last[4]["y"])[0]
    assert sw1 == pytest.approx(end, abs=1e-3)
    assert "Alone, PER takes every row to 0, where it has its minimum" in all_text(page)
    assert f"Alone, SW1 goes from {values(curves['SW1', 'alone']['y'])[0]:.3f} to {end:.3f}" in all_text(page)


def test_a_regularisers_column_shows_its_gradient_field(open_page: OpenPage) -> None:
    """That of PER points to 0, in its own panel, from rows of the batch before."""
    page = open_page("methods", data_n="128", methods_steps="60", methods_chosen=["BN", "PER"])
    traces = sent_charts(page)["methods_joint"].figure["data"]
    (field,) = [trace for trace in traces if trace["name"] == "pull on a row"]
    after = next(t for t in traces if t["type"] == "contour" and t["meta"] == "PER")
    assert (field["xaxis"], field["yaxis"]) == (after["xaxis"], after["yaxis"])
    points = np.stack([values(field["x"]), values(field["y"])], axis=1).reshape(-1, 3, 2)
    start, tip = points[:, 0], points[:, 1]
    assert start.mean(axis=0) == pytest.approx([1, 1], abs=0.6)
    cosines = ((tip - start) * -start).sum(axis=1) / np.linalg.norm(tip - start, axis=1) / np.linalg.norm(start, axis=1)
    assert cosines == pytest.approx(np.ones(len(start)), abs=1e-3)
    assert "Arrows show where a regulariser pulls single rows" in all_text(page)


def test_vcl_is_judged_by_its_own_aim_beside_sw1(open_page: OpenPage) -> None:
    chosen = {"methods_steps": "60", "methods_chosen": "VCL"} | opened("follow_vcl")
    page = open_page("methods", data_case="d", data_n="512", **chosen)
    text = all_text(page)
    assert re.search(r"Alone, the excess kurtosis goes from \S+ to \S+, and SW1 from \S+ to \S+, ", text)
    for reading in ("Excess kurtosis", "Modes", "Variance of batch variances", "SW1"):
        assert f"| {reading}" in text
    titles = {trace.get("meta") for trace in sent_charts(page)["methods_flow_vcl"].figure["data"]}
    assert {"excess kurtosis", "modes", "batch variances", "SW1"} <= titles


def test_a_mean_over_units_is_judged_by_that_mean_on_gaussian_batches(open_page: OpenPage) -> None:
    """16 units of 500 rows: the mean excess kurtosis of N(0, I) has a standard error of √(24/8000) = 0.055."""
    chosen = {"methods_chosen": "VCL"} | opened("follow_vcl")
    page = open_page("methods", data_source="Recording", data_layer="layer 6", **chosen)
    low, high = sampling_range(page, "Excess kurtosis, mean over the units")
    assert -0.3 < low < -0.05
    assert 0.05 < high < 0.3
    low, high = sampling_range(page, "Variance of batch variances, relative to the squared variance")
    assert 0.3 < low < 0.5 < high < 0.7


def test_a_collapsed_batch_is_called_still_and_nothing_is_nan(open_page: OpenPage) -> None:
    """All rows at 1: unit directions pull nothing apart, VCL's gradient is 0 everywhere."""
    sections = opened("changes", "follow_vcl", "follow_sw1", "follow_l1")
    page = open_page("methods", data_scale="0.0", data_n="256", methods_chosen=["BN", "VCL", "SW1", "L1"], **sections)
    text = all_text(page)
    assert "The gradient of VCL is 0 at each of the 256 rows, so nothing moves." in text
    assert "follow the gradient of VCL" not in text
    assert "follow the gradient of L1" in text
    assert "nan" not in re.sub(r"[a-z]+nan|nan[a-z]+", "", text)
    assert "undefined" in text
    assert not re.search(r"e\+[23]\d", text)


def test_what_is_said_of_a_flow_is_what_it_did(open_page: OpenPage) -> None:
    """SW1 with four directions in 128 dimensions does not bring the batch to N(0, I), and is not said to."""
    chosen = {"methods_left": "alone", "methods_chosen": "SW1"} | opened("follow_sw1")
    page = open_page("methods", data_n="256", data_dim="128", **chosen)
    page.number_input(key="methods_sw1_slices").set_value(1.0).run()
    curves = {(t.get("meta"), t["name"]): t for t in sent_charts(page)["methods_flow_sw1"].figure["data"]}
    for name, said in (("alone", "Alone"), ("with the task", "With the task")):
        curve = values(curves["SW1", name]["y"])
        band = values(curves["SW1", "N(0, I) of this size"]["y"])
        end = "above" if curve[-1] > band.max() else "within"
        assert curve[-1] > band.min()
        ends = f"{said}, SW1 goes from {curve[0]:.3f} to {curve[-1]:.3f}, {end} the sampling range."
        assert ends in all_text(page)


def test_whitening_warns_by_the_units_that_it_whitens_together(open_page: OpenPage) -> None:
    """DBN whitens groups of 16, or all units where there are fewer."""
    few = open_page("methods", data_n="64", data_dim="32", methods_chosen="DBN")
    assert "DBN whitens groups of 16 of the 32 units by statistics of 64 rows: 4.0 rows a unit" in few.warning[0].value
    few.number_input(key="methods_dbn_group_size").set_value(1.0).run()
    assert [warning.value for warning in few.warning] == []
    chosen = {"methods_rows": "128", "methods_chosen": "DBN"} | opened("small")
    enough = open_page("methods", data_n="256", data_dim="64", **chosen)
    assert [*enough.warning] == []
    enough.select_slider(key="methods_rows").set_value(32).run()
    assert "groups of 16 of the 64 units by statistics of 32 rows: 2.0 rows a unit" in enough.warning[0].value


def test_small_batches_are_compared_with_as_many_held_out_rows(open_page: OpenPage) -> None:
    chosen = opened("small") | {"methods_rows": "16"}
    page = open_page("methods", data_n="1024", data_dim="16", methods_chosen=["BN", "DBN"], **chosen)
    traces = {trace["name"]: trace for trace in sent_charts(page)["methods_trap"].figure["data"]}
    assert set(traces) >= {"DBN, held-out rows", "DBN, the rows themselves", "BN, held-out rows"}
    said = re.search(r"SW1 at b = 16, .*: BN (\S+) and (\S+), DBN (\S+) and (\S+)\. ", all_text(page))
    assert said is not None
    assert float(said[3]) < float(said[1]) < float(said[2]) < float(said[4])
    assert "BN and DBN take the former closer to N(0, I) than any Gaussian batch of 16 rows." in all_text(page)


def test_what_has_no_batch_statistics_shows_no_small_batch_effect(open_page: OpenPage) -> None:
    chosen = ["BN", "LayerNorm", "RMSNorm"]
    page = open_page("methods", data_n="256", data_case="b", methods_chosen=chosen, **opened("small"))
    names = {trace["name"] for trace in sent_charts(page)["methods_trap"].figure["data"]}
    assert not any("LayerNorm" in name or "RMSNorm" in name for name in names)
    assert "LayerNorm and RMSNorm map each row by its own statistics" in page.info[0].value
    page = choose(page, "LayerNorm")
    assert "methods_trap" not in sent_charts(page)


def test_the_yardstick_of_small_batches_is_gaussian_batches_of_as_many_rows(open_page: OpenPage) -> None:
    """1.26/√n in the limit, whatever the batch; so N(0, I) seen through BN lies near it at every b."""
    page = open_page("methods", data_case="a", data_n="4096", methods_chosen="BN", **opened("small"))
    traces = {trace["name"]: trace for trace in sent_charts(page)["methods_trap"].figure["data"]}
    b = np.array(traces["sampling range of N(0, I)"]["x"])
    low, high = (values(traces[name]["y"]) for name in ("lower end of the sampling range", "sampling range of N(0, I)"))
    assert (low * np.sqrt(b) < 1.26).all()
    assert (high * np.sqrt(b) > 1.26).all()
    held_out = values(traces["BN, held-out rows"]["y"])
    assert (held_out[b >= 64] < 1.15 * high[b >= 64]).all()
    assert (held_out[b >= 64] > low[b >= 64]).all()


def test_a_refused_setting_is_explained_and_the_other_methods_stay(open_page: OpenPage) -> None:
    page = open_page("methods", data_n="32", methods_steps="60", **opened("changes"))
    page.number_input(key="methods_vcl_subset").set_value(20.0).run()
    assert "Variance constancy loss: activations must have at least 40 rows" in page.error[0].value
    assert page.exception == []
    assert {"BN", "DBN", "PER"} <= set(page.dataframe[0].value.columns)
    assert "VCL" not in page.dataframe[0].value.columns


def test_without_a_method_the_page_says_what_to_do(open_page: OpenPage) -> None:
    page = choose(open_page("methods", data_n="64", methods_chosen="BN", **opened("small")))
    assert "Choose at least one method" in page.info[0].value
    page = choose(page, "PER")
    assert "only normalisers take statistics from the batch" in page.info[0].value


def test_two_epochs_of_the_recording_stand_on_one_axis(open_page: OpenPage) -> None:
    page = open_page(
        "methods",
        data_source="Recording",
        methods_chosen="BN",
        methods_first="layer 6, epoch 0",
        methods_second="layer 6, epoch 100",
        methods_compare="true",
    )
    names = [trace["name"] for trace in sent_charts(page)["methods_overlay"].figure["data"]]
    assert names == ["layer 6, epoch 0", "layer 6, epoch 100", "N(0, 1)"]
    assert "SW1 is by POT, ±" in all_text(page)
    assert "on the 500 rows that belong together" in all_text(page)
    assert "“layer 6, epoch 0” and “layer 6, epoch 100” are" in all_text(page)
    assert "they differ (p = 0.01)" in all_text(page)
    assert "about once in 100 times" in all_text(page)


def test_cases_and_epochs_are_moved_like_the_batch_before(open_page: OpenPage) -> None:
    """So the batch itself, found again as a case or an epoch, is the same one."""
    compared = {"methods_chosen": "BN"} | opened("compare")
    case = open_page("methods", data_n="256", methods_second="case (a) isotropic", **compared)
    text = all_text(case)
    assert "are the same batch, so SW1 between them is 0" in text
    assert "Cases and epochs are multiplied by 1.5 and shifted by 1 as well" in text
    assert "never 0 apart" not in text
    again = compared | {"methods_second": "layer 6, epoch 100"}
    epoch = open_page("methods", data_source="Recording", methods_scale="2.0", **again)
    assert "are the same batch" in all_text(epoch)


def test_the_overlay_says_what_two_samples_of_one_law_give(open_page: OpenPage) -> None:
    """Case (d) differs from (a) in x alone: the second unit can be chosen, and there the two are alike."""
    compared = {"methods_second": "case (a) isotropic", "methods_chosen": "BN"} | opened("compare")
    page = open_page("methods", data_case="d", **compared)
    assert "pooled and dealt out anew 99 times" in all_text(page)
    low, high = re.search(r"apart in SW1, more than permuted rows are \((\S+) … (\S+)\)", all_text(page)).groups()  # type: ignore[union-attr]
    for end in (float(low), float(high)):  # 1.26 √2 σ/√n on average between two samples
        assert end == pytest.approx(1.26 * np.sqrt(2 / 4096) * 1.5, rel=0.9)
    along_x = values(sent_charts(page)["methods_overlay"].figure["data"][0]["y"])
    page.button_group(key="methods_along").set_value("y").run()
    figure = sent_charts(page)["methods_overlay"].figure
    assert figure["layout"]["xaxis"]["title"]["text"] == "y"
    first, second = (values(trace["y"]) for trace in figure["data"][:2])
    assert np.abs(first - along_x).max() > 0.03
    assert np.abs(first - second).max() < 0.03


def test_rows_of_one_input_are_compared_in_pairs_and_the_visitor_may_say_otherwise(open_page: OpenPage) -> None:
    """Scaled by 1.05 the batch is told from itself by pairs; other cases of Figure 1 are drawn by themselves."""
    chosen = opened("compare") | {
        "data_n": "256", "methods_chosen": "BN", "methods_scale": "1.1", "methods_shift": "0.0"
    }  # fmt: skip
    page = open_page("methods", methods_first="before", methods_second="after BN", **chosen)
    assert page.button_group(key="methods_pairing").options[0] == "as known: in pairs"
    assert "on the 256 rows that belong together" in all_text(page)
    assert "they differ (p" in all_text(page)
    page.button_group(key="methods_pairing").set_value("independent").run()
    assert "pooled and dealt out anew" in all_text(page)
    assert "they cannot be told apart" in all_text(page)
    other = open_page("methods", methods_second="case (b) correlated", **chosen)
    assert other.button_group(key="methods_pairing").options[0] == "as known: independent"


def test_a_regulariser_is_judged_by_as_many_rows_as_it_moved(open_page: OpenPage) -> None:
    chosen = {"methods_steps": "60", "methods_left": "alone"} | opened("changes", "removed")
    page = open_page("methods", data_case="b", methods_chosen=["BN", "L2"], **chosen)
    table = page.dataframe[0].value.set_index("Statistic")
    assert list(table.columns) == ["Batch", "BN", "L2", "N(0, I), n = 4,096", "First 1,024 rows", "N(0, I), n = 1,024"]

    def number(row: str, column: str) -> float:
        return float(table.loc[row, column].split(" ")[0])

    for row in ("Mean", "Variance", "PER", "SW1, exact"):
        value, change = table.loc[row, "L2"].removesuffix(" ≠").split(" ")
        assert float(value) - float(change.strip("()").replace("−", "-")) == pytest.approx(
            number(row, "First 1,024 rows"), abs=2e-3
        )
    widths = [float(table.loc["Mean", c].split(" … ")[1]) for c in ("N(0, I), n = 4,096", "N(0, I), n = 1,024")]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.5)
    assert "The bars of L2 are of the first 1,024 rows, in which SW1 is" in all_text(page)
    assert "First 1,024 rows" not in choose(page, "BN").dataframe[0].value.columns


def test_only_figure_1_is_moved_on_opening(open_page: OpenPage) -> None:
    page = open_page("methods", data_n="256", methods_chosen="BN")
    assert [page.slider(key=f"methods_{name}").value for name in ("scale", "shift")] == [1.5, 1.0]
    assert "multiplied by 1.5 and shifted by 1." in all_text(page)
    assert "A normaliser maps the batch in one step." in all_text(page)
    assert "A regulariser moves" not in all_text(page)
    page.button_group(key="data_source").set_value("Recording").run()
    assert [page.slider(key=f"methods_{name}").value for name in ("scale", "shift")] == [1.0, 0.0]
    assert "multiplied by" not in all_text(page)
    page.slider(key="methods_scale").set_value(3.0).run()
    page.button_group(key="data_source").set_value("Figure 1").run()
    assert [page.slider(key=f"methods_{name}").value for name in ("scale", "shift")] == [3.0, 1.0]


def test_shift_and_scale_are_applied_whatever_the_source(open_page: OpenPage) -> None:
    still = {"methods_shift": "0.0", "methods_scale": "1.0", "data_source": "Recording", "methods_chosen": "BN"}
    still |= opened("changes")
    plain, moved = open_page("methods", **still), open_page("methods", **{**still, "methods_shift": "2.0"})
    means = [
        float(p.dataframe[0].value.set_index("Statistic").loc["Mean", "Batch"].split(" ")[0]) for p in (plain, moved)
    ]
    assert means[1] == pytest.approx(means[0] + 2, abs=2e-3)
    assert json.loads(plain.get("bidi_component")[0].proto.bytes)["name"] == "methods_joint"


def test_who_leads_out_of_a_collapse(open_page: OpenPage) -> None:
    page = open_page("methods", data_n="64", **opened("near_collapse"))
    chart = sent_charts(page)["methods_collapse"]
    traces = {trace["name"]: trace for trace in chart.figure["data"]}
    assert set(traces) == {method.short for method in list_methods("regulariser")}
    said = next(caption.value for caption in page.caption if "still pull outward" in caption.value)
    outward = said.partition("still pull outward")[0]
    for name, trace in traces.items():
        first = values(trace["y"])[0]
        assert (name in outward) == (first > 0.1), name

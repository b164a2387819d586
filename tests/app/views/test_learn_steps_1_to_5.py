"""Learn, steps 1 to 5: what is asked, what is revealed, and where it leads on."""

import json
import math
import re
from typing import Any

import numpy as np
import pytest
from scipy import integrate
from scipy.special import ndtr
from scipy.stats import norm

from analysis.drawing import Drawing, Shape, shaped
from analysis.samples import figure1
from analysis.statistics.moments import batch_variance_spread
from app.views.learn.steps import clouds, fourth_moment, slices, transport, whitening
from per_core import sliced_w1
from tests.app.conftest import OpenPage
from tests.app.views.lesson import BY_KEY, Settings, answered, asked, figure, is_right, opened, spec_of

CLOUDS = [
    ({"rho": 0.7, "scale": 1.0}, "none"),
    ({"rho": -0.9, "scale": 1.5}, "all"),
    ({"rho": 0.0, "scale": 0.75}, "all"),
]


@pytest.mark.parametrize(("settings", "right"), CLOUDS)
def test_clouds_are_changed_if_their_scale_is(open_page: OpenPage, settings: Settings, right: str) -> None:
    """In population batch normalisation divides by the scale, whatever the correlation."""
    assert right == ("none" if settings["scale"] == 1 else "all")
    assert is_right(answered(open_page, "clouds", right, settings))
    assert not is_right(answered(open_page, "clouds", "one", settings))


def test_clouds_show_mean_and_variance_only_once_it_is_answered(open_page: OpenPage) -> None:
    settings = CLOUDS[0][0]
    before = figure(asked(open_page, "clouds", settings), "learn_clouds")
    after = figure(answered(open_page, "clouds", "none", settings), "learn_clouds")
    assert before["layout"]["shapes"] == []
    assert "variance" not in json.dumps(before["layout"])
    rows = figure1("b", 2048, seed=5, rho=0.7).values
    assert "variances {:.2f}, {:.2f}".format(*rows.var(axis=0)) in json.dumps(after["layout"])
    circle = after["layout"]["shapes"][1]
    assert circle["x1"] - circle["x0"] == pytest.approx(4 * rows[:, 0].std(), rel=1e-5)
    assert circle["y1"] + circle["y0"] == pytest.approx(2 * rows[:, 1].mean(), abs=1e-5)


def test_no_mean_is_minus_nought(open_page: OpenPage) -> None:
    shown = json.dumps(figure(answered(open_page, "clouds", "all", {"rho": 0.7, "scale": 0.5}), "learn_clouds"))
    assert "means 0.00, -0.01" in shown
    assert "-0.00" not in shown


@pytest.mark.parametrize("settings", [settings for settings, _ in CLOUDS])
def test_clouds_lead_to_the_same_batch(open_page: OpenPage, settings: Settings) -> None:
    page = opened(open_page, BY_KEY["clouds"].onward(settings))
    assert spec_of(page) == clouds.spec_of(settings)


WHITENING = [
    ({"cloud": "b", "rho": 0.7}, "both"),
    ({"cloud": "b", "rho": -0.9}, "both"),
    ({"cloud": "c"}, "independent"),
    ({"cloud": "d"}, "independent"),
    ({"cloud": "ring"}, "neither"),
]


@pytest.mark.parametrize(("settings", "right"), WHITENING)
def test_whitening_leaves_what_the_distribution_says(open_page: OpenPage, settings: Settings, right: str) -> None:
    """In population: a Gaussian cloud becomes N(0, I); independent units stay independent; a ring is neither."""
    assert is_right(answered(open_page, "whitening", right, settings))
    wrong = "independent" if right != "independent" else "both"
    assert not is_right(answered(open_page, "whitening", wrong, settings))


def test_whitening_opens_with_a_cloud_that_its_misconception_gets_wrong(open_page: OpenPage) -> None:
    """Who takes uncorrelated for independent, or whitened for Gaussian, must not be told that this is right."""
    opening = {field.path: field.default for field in BY_KEY["whitening"].fields()}
    page = answered(open_page, "whitening", "both", {"cloud": opening["cloud"]})
    assert not is_right(page)
    assert is_right(answered(open_page, "whitening", "neither", {"cloud": opening["cloud"]}))


def test_whitening_hides_the_densities_of_y(open_page: OpenPage) -> None:
    before, after = (
        figure(page, "learn_whitening")["data"]
        for page in (
            asked(open_page, "whitening", {"cloud": "c"}),
            answered(open_page, "whitening", "both", {"cloud": "c"}),
        )
    )
    assert [trace["type"] for trace in before] == ["contour", "contour", "scatter"]
    assert [trace["type"] for trace in after] == ["contour", "contour", *["scatter"] * 4]


@pytest.mark.parametrize("settings", [settings for settings, _ in WHITENING])
def test_whitening_leads_to_the_same_cloud(open_page: OpenPage, settings: Settings) -> None:
    page = opened(open_page, BY_KEY["whitening"].onward(settings))
    assert spec_of(page) == whitening.spec_of(settings)
    assert page.multiselect(key="methods_chosen").value == ["dbn"]
    assert [page.slider(key=key).value for key in ("methods_scale", "methods_shift")] == [1, 0]


VCL = [
    ({"distance": 0.0, "share": 0.5}, "same"),
    ({"distance": 2.0, "share": 0.5}, "less"),
    ({"distance": 3.0, "share": 0.1}, "more"),
]


@pytest.mark.parametrize(("settings", "right"), VCL)
def test_batch_variances_differ_as_the_fourth_moment_says(open_page: OpenPage, settings: Settings, right: str) -> None:
    """Excess kurtosis of two points of weights p and q is 1/pq − 6: −2 for equal ones, 5.1 for one in ten."""
    page = answered(open_page, "vcl", right, settings)
    assert is_right(page)
    assert not is_right(answered(open_page, "vcl", "same" if right != "same" else "more", settings))
    unit = figure1("d", 4096, seed=5, **two_modes(settings)).values[:, :1]
    assert f"is {batch_variance_spread(unit, seed=0)[0]:.2f}; under" in " ".join(one.value for one in page.markdown)


def two_modes(settings: Settings) -> dict[str, float]:
    """Parameters of the mixture."""
    half = settings["distance"] / 2
    return {"left_mean": -half, "right_mean": half, "left_sd": 0.4, "right_sd": 0.4, "left_weight": settings["share"]}


def test_batch_variances_are_hidden(open_page: OpenPage) -> None:
    settings = VCL[1][0]
    before = figure(asked(open_page, "vcl", settings), "learn_vcl")
    after = figure(answered(open_page, "vcl", "more", settings), "learn_vcl")
    assert [trace["type"] for trace in before["data"]] == ["scatter"] * 3
    assert "kurtosis" not in json.dumps(before["layout"])
    assert after["data"][-1]["type"] == "bar"
    assert "kurtosis -1.5" in json.dumps(after["layout"])


@pytest.mark.parametrize("settings", [settings for settings, _ in VCL])
def test_batch_variances_lead_to_the_same_unit(open_page: OpenPage, settings: Settings) -> None:
    page = opened(open_page, BY_KEY["vcl"].onward(settings))
    assert spec_of(page) == fourth_moment.spec_of(settings)
    assert page.multiselect(key="methods_chosen").value == ["vcl"]


SLICES = [({"case": case, "degrees": 20.0}, {"a": "close", "d": "near"}.get(case, "far")) for case in "abcd"]


@pytest.mark.parametrize(("settings", "right"), SLICES)
def test_six_random_slices_are_as_far_off_as_they_are_drawn(
    open_page: OpenPage, settings: Settings, right: str
) -> None:
    page = answered(open_page, "slices", right, settings)
    assert is_right(page)
    assert not is_right(answered(open_page, "slices", "near" if right != "near" else "close", settings))
    rows = figure1(settings["case"], 4096, **shape_of(settings)).values
    sw1 = sliced_w1(rows, slices=4000).value.item()
    angles = np.random.default_rng(0).uniform(0, np.pi, 1200)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    means = sliced_w1(rows.astype(float), directions=directions).per_direction.reshape(200, 6).mean(dim=1)
    off = math.sqrt(((means - sw1) ** 2).mean().item())
    assert {"close": off < 0.01, "near": 0.01 < off < 0.025, "far": off > 0.025}[right]
    said = float(re.findall(r"SW1 is (\d\.\d+)\.", " ".join(one.value for one in page.markdown))[0])
    assert said == pytest.approx(sw1, abs=0.003)


def shape_of(settings: Settings) -> dict[str, Any]:
    """The parameters of the dashboard's own batches."""
    spec = slices.spec_of(settings).as_dict()
    return {name: spec[name] for name in spec if name not in ("case", "n")}


def test_w1_of_other_directions_is_hidden(open_page: OpenPage) -> None:
    settings = SLICES[1][0]
    before, after = (
        [trace for trace in figure(page, "learn_slices")["data"] if trace.get("xaxis") == "x3"]
        for page in (asked(open_page, "slices", settings), answered(open_page, "slices", "far", settings))
    )
    assert [trace["mode"] for trace in before] == ["markers"]
    assert [trace["mode"] for trace in after] == ["lines", "lines", "markers"]


@pytest.mark.parametrize("settings", [settings for settings, _ in SLICES])
def test_slices_lead_to_the_same_cloud(open_page: OpenPage, settings: Settings) -> None:
    assert spec_of(opened(open_page, BY_KEY["slices"].onward(settings))) == slices.spec_of(settings)


def drawn(shape: Shape, moved: int = 0) -> dict[str, str]:
    """A shape on the canvas, some nodes to the right."""
    levels = shaped("density", shape).levels
    return {"drawing": Drawing("density", bytes(moved) + levels[: len(levels) - moved]).address}


TRANSPORT = [drawn("normal"), drawn("bimodal"), drawn("skewed", 16), drawn("spike"), drawn("spike", 40)]


def exact_w1(settings: Settings) -> float:
    """Of the density itself: ∫ |F − Φ| over a grid, F the integral of what is linear between the nodes."""
    drawing = Drawing.from_address("density", settings["drawing"])
    ends = np.array([-4 - drawing.grid.spacing / 2, 4 + drawing.grid.spacing / 2])
    nodes = np.array([ends[0], *drawing.grid.positions, ends[1]])
    x = np.linspace(-9, 9, 36_001)
    density = np.interp(x, nodes, np.array([0, *drawing.shares / drawing.grid.spacing, 0]))
    share = integrate.cumulative_trapezoid(density, x, initial=0)
    return float(np.trapezoid(np.abs(share / share[-1] - ndtr(x)), x))


@pytest.mark.parametrize("settings", TRANSPORT)
def test_a_drawn_density_is_moved_as_far_as_its_distribution_function_says(
    open_page: OpenPage, settings: Settings
) -> None:
    exact = exact_w1(settings)
    assert is_right(answered(open_page, "transport", round(exact, 2), settings))
    assert not is_right(answered(open_page, "transport", round(exact, 2) + 0.2, settings))


def test_the_farthest_that_can_be_drawn_can_be_placed_on_the_line(open_page: OpenPage) -> None:
    settings = drawn("spike", 62)
    exact = exact_w1(settings)
    assert exact > 3.8
    assert is_right(answered(open_page, "transport", round(exact, 2), settings))
    assert asked(open_page, "transport", settings).slider(key="learn_transport_answer").max >= exact


def test_a_spike_is_moved_by_the_mean_distance_of_a_normal_from_it() -> None:
    assert exact_w1(drawn("spike")) == pytest.approx(math.sqrt(2 / math.pi), abs=0.04)
    assert exact_w1(drawn("spike", 32)) == pytest.approx(
        integrate.quad(lambda z: abs(2 - z) * norm.pdf(z), -9, 9)[0], abs=0.01
    )
    assert exact_w1(drawn("normal")) == pytest.approx(0, abs=0.01)


def test_where_the_mass_goes_is_hidden(open_page: OpenPage) -> None:
    settings = TRANSPORT[2]
    before = figure(asked(open_page, "transport", settings), "learn_transport")
    after = figure(answered(open_page, "transport", 0.0, settings), "learn_transport")
    assert len(after["data"]) == len(before["data"]) + 4
    assert not re.search(r"\d\.\d\d", json.dumps([one["text"] for one in before["layout"]["annotations"]]))
    (w1,) = re.findall(r"W1 = (\d\.\d\d)", json.dumps(after["layout"]))
    assert float(w1) == pytest.approx(exact_w1(settings), abs=0.05)


def test_an_empty_canvas_is_no_failure(open_page: OpenPage) -> None:
    page = asked(open_page, "transport", {"drawing": Drawing("density", bytes(128)).address})
    assert any("Nothing is drawn" in one.value for one in page.caption)


@pytest.mark.parametrize("settings", TRANSPORT)
def test_a_drawn_density_leads_to_the_same_batch(open_page: OpenPage, settings: Settings) -> None:
    assert spec_of(opened(open_page, BY_KEY["transport"].onward(settings))) == transport.spec_of(settings)

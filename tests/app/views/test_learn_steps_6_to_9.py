"""Learn, steps 6 to 9: what is asked, what is revealed, and where it leads on."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file
from streamlit.testing.v1 import AppTest

from analysis.lesson.ranks import see_moved
from analysis.samples import draw
from analysis.training.presets import PRESETS
from app.charts.pairs import pairs
from app.session import services
from app.session.batch_fields import DEFAULT
from app.session.fields import held_values
from app.session.keys import TRAIN_NEW
from app.views.learn.steps import STEPS
from app.views.learn.steps.ranks import SPEC
from app.views.train.form_values import values_of
from app.views.train.training_fields import training_fields
from tests.app.conftest import OpenPage
from tests.app.views.lesson import BY_KEY, Settings, answered, asked, figure, is_right, opened, spec_of


def texts(page: AppTest) -> str:
    """What stands on the page as Markdown."""
    return " ".join(one.value for one in page.markdown)


def traces(page: AppTest, name: str) -> set[str]:
    """Names of what a chart draws."""
    return {str(trace.get("name")) for trace in figure(page, name)["data"]}


@pytest.mark.parametrize("by", [1.0, -1.5, 2.0, 0.0])
def test_ranks_counts_the_samples_that_are_passed(open_page: OpenPage, by: float) -> None:
    values = draw(replace(DEFAULT, n=32)).values[:, 0].astype(float)
    low, high = sorted((values[0], values[0] + by))
    passed = int(((values[1:] > low) & (values[1:] < high)).sum())
    page = asked(open_page, "ranks", {"by": by})
    assert "another partner" not in traces(page, "learn_ranks"), "the answer is not drawn before it is asked for"
    assert is_right(answered(open_page, "ranks", passed, {"by": by}))
    page = answered(open_page, "ranks", (passed + 10) % 32, {"by": by})
    assert not is_right(page)
    assert f"{passed} other sample" in texts(page)
    assert "the PER gradients of 0" in texts(page)
    assert ("another partner" in traces(page, "learn_ranks")) == (passed > 0)


def test_ranks_says_below_where_the_pairs_above_have_the_red_sample() -> None:
    data = pairs(see_moved(SPEC, 1.0), revealed=False)["data"]
    (ring,) = (trace for trace in data if trace.get("marker", {}).get("symbol") == "circle-open")
    (red,) = (trace for trace in data if trace.get("name") == "the red sample")
    assert ring["x"].tolist() == pytest.approx(red["x"][:1], abs=1e-6)


def test_ranks_leads_on_to_the_gradients_of_the_same_batch(open_page: OpenPage) -> None:
    page = opened(open_page, BY_KEY["ranks"].onward({"by": -1.5}))
    assert spec_of(page) == replace(DEFAULT, n=32)
    assert page.slider(key="bound_move").value == -1.5
    sentence = next(one.value for one in page.caption if "SW1 gradients changed" in one.value)
    shown = answered(open_page, "ranks", 0, {"by": -1.5})
    count = sentence.split()[0]
    assert f"the SW1 gradients of {count} others" in texts(shown)


@pytest.mark.parametrize(
    "settings", [{"case": "a", "scale": 1.0}, {"case": "c", "scale": 0.0}, {"case": "d", "scale": 2.0}]
)
def test_collapse_has_the_least_per(open_page: OpenPage, settings: Settings) -> None:
    """PER of c·h is the mean of a function that grows with the norms: at c = 0 they are least."""
    page = asked(open_page, "collapse", settings)
    assert not {"PER", "SW1"} & traces(page, "learn_collapse")
    assert is_right(answered(open_page, "collapse", 0.0, settings))
    page = answered(open_page, "collapse", 1.0, settings)
    assert not is_right(page)
    assert "PER is 0.798 at c = 0," in texts(page)
    assert {"PER", "SW1"} <= traces(page, "learn_collapse")


@pytest.mark.parametrize("settings", [{"case": "b", "scale": 0.5}, {"case": "d", "scale": 2.0}])
def test_collapse_leads_on_to_the_same_cloud_at_its_scale(open_page: OpenPage, settings: Settings) -> None:
    page = opened(open_page, BY_KEY["collapse"].onward(settings))
    assert spec_of(page) == replace(DEFAULT, n=512, **settings)


def accuracies(seed: int) -> dict[str, float]:
    """Test accuracy of each method of the shipped comparison after the last epoch, as its files say."""
    runs = services.EXAMPLE_RUN / "runs"
    return {
        title: json.loads((runs / f"{name}-s{seed}" / "records.jsonl").read_text().splitlines()[-1])["scalars"][
            "test_accuracy"
        ]
        for name, title in (("per", "PER"), ("vanilla", "Vanilla"), ("bn", "BN"))
    }


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_seeds_counts_how_often_the_best_of_one_is_the_best(open_page: OpenPage, seed: int) -> None:
    best = [max(accuracies(other).items(), key=lambda item: item[1])[0] for other in range(3)]
    right = ("one", "two", "three")[best.count(best[seed]) - 1]
    settings = {"layer": "layer 6", "seed": seed}
    page = asked(open_page, "seeds", settings)
    hidden = {f"{method}, seed {other}" for method in accuracies(0) for other in range(3) if other != seed}
    assert not hidden & traces(page, "learn_seeds")
    assert f"With seed {seed}, {best[seed]} has" in page.radio[0].label
    assert is_right(answered(open_page, "seeds", right, settings))
    page = answered(open_page, "seeds", "three", settings)
    assert not is_right(page)
    assert hidden <= traces(page, "learn_seeds")


def test_seeds_leads_on_to_the_preset(open_page: OpenPage) -> None:
    page = opened(open_page, BY_KEY["seeds"].onward({"layer": "layer 9", "seed": 0}))
    assert page.session_state[TRAIN_NEW], "the form that the preset fills is open"
    held = held_values(training_fields().all(), values_of(PRESETS["figure2"].spec))
    on_page = {key: page.session_state[key] for key in held if key in page.session_state}
    assert on_page == {key: held[key] for key in on_page}
    assert {"train_title", "train_rate", "train_schedule", "train_per_weight", "train_methods"} <= on_page.keys()


PROBES = [
    {"epoch": 2, "images": 4},
    {"epoch": 0, "images": 2},
    {"epoch": 3, "images": 32},
    {"epoch": 5, "images": 8},
]


def dead(epoch: int, images: int) -> dict[str, int]:
    """Units of each layer of the example that have one value over the first images, as its files say."""
    stored = load_file(services.EXAMPLE_DUMP / "arrays" / f"{epoch:06d}.safetensors")
    layers = [f"layer {number}" for number in range(1, 6)]
    return {layer: sum(len(np.unique(unit[:images])) == 1 for unit in stored[f"{layer}/rows"].T) for layer in layers}


@pytest.mark.parametrize("settings", PROBES)
def test_probe_counts_the_units_that_are_dead_over_all_images(open_page: OpenPage, settings: Settings) -> None:
    few, every = dead(settings["epoch"], settings["images"]), dead(settings["epoch"], 100)
    suspect = max(few, key=few.__getitem__)
    page = asked(open_page, "probe", settings)
    assert "100 images" not in traces(page, "learn_probe")
    assert f"{few[suspect]} of its 24 units" in page.slider(key="learn_probe_answer").label
    assert is_right(answered(open_page, "probe", every[suspect], settings))
    page = answered(open_page, "probe", (every[suspect] + 12) % 25, settings)
    assert not is_right(page)
    drawn = {trace["name"]: trace["x"] for trace in figure(page, "learn_probe")["data"]}
    assert drawn["100 images"][::-1] == list(every.values())


def test_probe_shows_how_a_network_is_recorded(open_page: OpenPage) -> None:
    page = asked(open_page, "probe", {})
    code = page.get("code")[0].value
    assert len(code.splitlines()) == 3
    compile(code, "lines", "exec")


def test_probe_leads_on_to_the_same_layer_at_the_same_epoch(open_page: OpenPage) -> None:
    page = opened(open_page, BY_KEY["probe"].onward({"epoch": 3, "images": 4}))
    assert page.selectbox(key="dumps_layer").value == "layer 1"
    assert page.selectbox(key="dumps_epoch").value == "3"
    assert page.selectbox(key="dumps_quantity").value == "dead"


def test_the_steps_from_the_bound_to_the_network_stand_in_their_order() -> None:
    assert [step.key for step in STEPS][-4:] == ["ranks", "collapse", "seeds", "probe"]

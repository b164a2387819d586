"""What each page says and shows at first sight: one statement computed from its batch, one picture, closed sections."""

import re
from pathlib import Path

import numpy as np
import ot
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from streamlit.testing.v1 import AppTest

from analysis.distances.decomposition import PARTS, DistanceParts
from analysis.distances.directions import shared_directions
from analysis.runs.comparison import open_comparison
from analysis.samples import CASES
from analysis.statistics.null_band import NullBand
from app.session import services
from app.session.batch_choice import Choice
from app.views.methods.statement import methods_statement
from per_core.errors import InvalidInputError
from per_core.recording.run_directory import Run, open_run
from tests.app.conftest import OpenPage, shown
from tests.app.views.test_pages import sent_charts
from tests.browser.pages import CHARTS, ON_REQUEST

pytestmark = pytest.mark.long

NUMBER = r"(\d+\.\d+)"


def statement(page: AppTest, having: str = "") -> str:
    """The first text under the title that has some words in it."""
    assert [*page.exception, *page.error] == []
    return next(str(one.value) for one in page.main.markdown if having in one.value)


def numbers(pattern: str, text: str) -> tuple[float, ...]:
    """The numbers that stand where the pattern has #."""
    found = re.search(re.escape(pattern).replace(r"\#", NUMBER), text)
    assert found is not None, text
    return tuple(map(float, found.groups()))


def sliced_by_sorting(values: NDArray[np.floating]) -> float:
    """SW1 to N(0, I) on 64 slices by POT, against 20,000 quantiles of N(0, 1): another way than the page takes."""
    directions = shared_directions(values.shape[1], 64).numpy().astype(float)
    quantiles = ndtri((np.arange(20_000) + 0.5) / 20_000)
    along = values.astype(float) @ directions.T
    return float(np.mean([ot.wasserstein_1d(column, quantiles) for column in along.T]))


@pytest.mark.parametrize("name", ON_REQUEST)
def test_a_page_opens_with_one_picture_and_closed_sections(open_page: OpenPage, name: str) -> None:
    page = open_page(name, data_n="128")
    assert statement(page, "furthest" if name in ("train", "dumps") else "").count("**") == 2
    assert list(sent_charts(page)) == CHARTS[name]
    assert not any(section.proto.expanded for section in page.main.expander)


def looked_at(page: AppTest) -> Choice:
    choice: Choice = page.session_state["choice"]
    return choice


def test_sections_are_as_they_were_left_after_other_pages(open_page: OpenPage) -> None:
    page = open_page("bound", data_n="128", bound_sum="true")
    for name in ("train", "methods", "bound"):
        page.switch_page(f"views/{name}/{name}.py").run()
    assert list(sent_charts(page)) == ["bound_scale", "bound_parts"]
    assert [section.label for section in page.main.expander if section.proto.expanded] == [
        "What PER is made of: distance and spread"
    ]


@pytest.mark.parametrize(("n", "seed"), [("64", "5"), ("1024", "5"), ("4096", "11")])
def test_distributions_tells_the_cases_that_differ(open_page: OpenPage, n: str, seed: str) -> None:
    page = open_page("distributions", data_n=n, data_seed=seed, dist_statistics="true")
    table = page.dataframe[0].value.set_index("Statistic")
    titles = dict(zip(CASES, [column for column in table.columns if column.startswith("(")], strict=True))

    def marked(*rows: str) -> list[str]:
        return [title for title in titles.values() if any("≠" in table.loc[row, title] for row in rows)]

    moments, distance, _ = statement(page).split("**")
    assert [title for title in titles.values() if title in moments] == marked("Mean", "Variance")
    assert [title for title in titles.values() if title in distance] == marked("SW1, exact")
    values = [float(one) for one in re.findall(NUMBER, distance)][:-2]  # without the range
    told = [case for case, title in titles.items() if title in distance]
    assert values == pytest.approx(
        [sliced_by_sorting(looked_at(page).with_case(case).batch().values) for case in told], abs=2e-3
    )


def test_distributions_says_how_far_a_layer_is_from_gaussian_batches(open_page: OpenPage) -> None:
    page = open_page("distributions", data_source="Recording", data_layer="layer 9", dist_statistics="true")
    sw1, times = numbers("SW1 of layer 9, epoch 100 to N(0, I) is #, # times the largest", statement(page))
    table = page.dataframe[0].value.set_index("Statistic")
    high = float(table.loc["SW1, exact", "N(0, I), sampling range"].split(" … ")[1])
    assert sw1 == pytest.approx(sliced_by_sorting(looked_at(page).batch().values), rel=0.08)  # without control variates
    assert times == pytest.approx(sw1 / high, rel=0.02)


@pytest.mark.parametrize(
    ("query", "verdict", "bound"),
    [
        ({"data_case": "a"}, "cannot be told from N(0, I)", "in its range, which does not make the batch Gaussian"),
        ({"data_case": "c"}, "differs from N(0, I)", "below its range"),
        ({"data_scale": "2.0"}, "differs from N(0, I)", "above its range: larger norms"),
    ],
)
def test_bound_says_sw1_per_and_the_gap_beside_gaussian_batches(
    open_page: OpenPage, query: dict[str, str], verdict: str, bound: str
) -> None:
    page = open_page("bound", **query)
    said, metrics = statement(page), {metric.label: metric.value for metric in page.metric}
    assert verdict in said
    assert bound in said
    (sw1,), (gap,) = numbers("SW1 is #", said), numbers("PER, the bound, is # higher", said)
    assert sw1 == pytest.approx(sliced_by_sorting(looked_at(page).batch().values), abs=2e-3)
    rows = np.linalg.norm(looked_at(page).batch().values.astype(float), axis=1)
    angles = np.linspace(0, np.pi, 181)[:-1]
    along = rows[:, None] * np.cos(angles)
    per = np.mean(along * (2 * ndtr(along) - 1) + 2 * np.exp(-(along**2) / 2) / np.sqrt(2 * np.pi))
    assert sw1 + gap == pytest.approx(per, abs=3e-3)
    if "times the largest" in said:
        high = float(metrics["SW1, sampling range"].split(" … ")[1])
        assert numbers("SW1 is #, # times the largest", said)[1] == pytest.approx(sw1 / high, rel=0.05)


@pytest.mark.parametrize("shift", ["0.0", "4.0"])
def test_bound_says_that_it_is_as_large_as_the_distance_of_a_point(open_page: OpenPage, shift: str) -> None:
    said = statement(open_page("bound", data_scale="0.0", data_shift=shift))
    assert "PER, the bound, is as large: all rows are one point." in said
    assert "higher" not in said
    z = np.linspace(-9, 9, 20_001)
    along = float(shift) * shared_directions(2, 64).numpy().sum(axis=1)[:, None]
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    expected = np.trapezoid(np.abs(along - z) * density, z).mean()  # W1 of a point is E|a - Z|
    assert numbers("SW1 is #", said)[0] == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("case", ["b", "c", "d"])
def test_methods_says_which_removes_most_and_what_of_it(open_page: OpenPage, case: str) -> None:
    page = open_page("methods", data_case=case, methods_chosen=["BN", "DBN"])
    said = statement(page)
    before = 1.5 * looked_at(page).batch().values.astype(float) + 1.0
    standardised = (before - before.mean(axis=0)) / before.std(axis=0)
    variances, axes = np.linalg.eigh(np.cov(before.T, ddof=0))
    whitened = (before - before.mean(axis=0)) @ (axes / np.sqrt(variances)) @ axes.T
    distances = {"": before, "BN": standardised, "DBN": whitened}
    sw1 = {name: sliced_by_sorting(values) for name, values in distances.items()}
    best = "DBN" if case == "b" else "BN and DBN"
    amount, of = numbers("the most, # of the distance of # to N(0, I)", said)
    assert said.startswith(f"**{best} remove")
    assert of == pytest.approx(sw1[""], abs=2e-3)
    assert amount == pytest.approx(sw1[""] - sw1[best.split()[0]], abs=2e-3)
    if case == "b":
        assert "all of the location, scale and correlation" in said
        assert "What is left cannot be told from N(0, I)" in said
        assert numbers("BN removes #.", said)[0] == pytest.approx(sw1[""] - sw1["BN"], abs=2e-3)
    else:
        assert "all of the location and scale, none of the shape" in said
        assert numbers("What is left, #, is", said)[0] == pytest.approx(sw1["BN"], abs=2e-3)


def test_methods_says_where_there_is_nothing_to_remove_and_who_adds(open_page: OpenPage) -> None:
    still = {"methods_scale": "1.0", "methods_shift": "0.0"}
    said = statement(open_page("methods", data_case="a", methods_chosen=["BN", "VCL"], **still))
    assert "within the sampling range" in said
    assert "there is nothing to remove" in said
    assert "VCL adds" in said
    assert "BN" not in said
    only = statement(open_page("methods", data_case="d", methods_chosen="L1", methods_left="alone", **still))
    assert "No method removes more than 1% of the distance" in only
    assert numbers("L1 adds #", only)[0] > 0.2


def test_methods_ranks_no_method_before_one_has_been_applied() -> None:
    zero, band = dict.fromkeys(PARTS, 0.0), NullBand(0.0, 0.1, 0.2, 99, 0.1)
    said = methods_statement(DistanceParts(0.5, zero, dict.fromkeys(PARTS, band)), {})
    assert said == "**SW1 to N(0, I) is 0.500, 2.5 times the largest of Gaussian batches.**"


def furthest_by_hand(run: Run) -> tuple[str, float, float]:
    """The layer of the last record that is furthest over 1.28 / √n, about the mean of Gaussian batches."""
    layers = run.records[-1].layers
    times = {name: one.sw1 * np.sqrt(one.sw1_rows) / 1.28 for name, one in layers.items()}
    worst = max(times, key=lambda name: times[name])
    return worst, layers[worst].sw1, times[worst]


def test_train_opens_on_the_example_and_says_which_layer_is_furthest(open_page: OpenPage) -> None:
    page = open_page("train")
    assert "Example: Figure 2 on digits, a small network" in [one.value for one in page.header]
    runs = open_comparison(services.EXAMPLE_RUN).runs
    found = {
        title: furthest_by_hand(runs[key, 0]) for title, key in (("PER", "per"), ("Vanilla", "vanilla"), ("BN", "bn"))
    }
    worst = max(found, key=lambda title: found[title][2])
    said = statement(page, "furthest")
    assert f"{found[worst][0]} of {worst} is furthest from N(0, I)" in said
    sw1, times = re.findall(r"SW1 is (\d+\.\d+), (\d+) times", said)[0]
    assert float(sw1) == pytest.approx(found[worst][1], abs=6e-4)
    assert float(times) == pytest.approx(found[worst][2], rel=0.05, abs=0.6)
    for title, (layer, distance, _) in found.items():
        assert title == worst or f"{layer} of {title} ({distance:.3f})" in said


def test_the_example_is_nobodys_run_and_your_own_takes_its_place(open_page: OpenPage, finished_run: str) -> None:
    page = open_page("train")
    listed = next(frame.value for frame in page.dataframe if "Asked for" in frame.value.columns)
    assert "Figure 2 on digits, a small network" not in list(listed["Title"])
    assert page.session_state["watched_runs"] == ()
    for do in (services.delete, services.stop, services.resume):
        with pytest.raises(InvalidInputError, match="There is no run"):
            do(services.EXAMPLE_RUN.name)
    own = open_page("train", run=finished_run)
    assert [one.value for one in own.header] == ["Tiny", "Runs"]
    layer, sw1, _ = max(
        (
            furthest_by_hand(run)
            for (_, seed), run in open_comparison(services.run_library().path(finished_run)).runs.items()
            if seed == 0
        ),
        key=lambda found: found[2],
    )
    assert f"{layer} of" in statement(own, "furthest")
    assert f"SW1 is {sw1:.3f}" in statement(own, "furthest")


def test_dumps_says_which_layer_is_furthest_and_which_warning_comes_first(open_page: OpenPage) -> None:
    page = open_page("dumps")
    said = statement(page, "furthest")
    run = open_run(services.EXAMPLE_DUMP)
    times: dict[tuple[str, float], tuple[float, float]] = {}
    for record in run.records:
        for layer, arrays in run.arrays(record.index).items():
            sw1 = sliced_by_sorting(arrays.rows)
            times[layer, record.epoch] = sw1 * np.sqrt(len(arrays.rows)), sw1
    layer, epoch = max(times, key=lambda key: times[key])
    assert f"{layer} is furthest from N(0, I) at epoch {epoch}: SW1 is" in said
    assert float(re.findall(r"SW1 is ([\d.]+),", said)[0]) == pytest.approx(times[layer, epoch][1], rel=0.1)
    first = page.table[0].value.iloc[0]
    kind, severity = shown(first.iloc[1]).split(", ")
    assert f"first {first.iloc[0]}: {kind}, {severity}, from epoch {first.iloc[2].split(' ')[0]} on" in said
    assert f"{len(set(page.table[0].value.iloc[:, 0]))} of 5 layers have warnings" in said


def test_a_dump_without_rows_or_warnings_says_so(open_page: OpenPage, runs_folder: Path) -> None:
    folder = runs_folder / "sights_of_a_test"
    folder.mkdir()
    try:
        np.save(folder / "layer_1.npy", np.random.default_rng(0).standard_normal((200, 6)))
        well = statement(open_page("dumps", dumps_path=str(folder)), "furthest")
        np.save(folder / "layer_1.npy", np.full((200, 6), np.nan))
        lost = statement(open_page("dumps", dumps_path=str(folder)), "finite values")
    finally:
        (folder / "layer_1.npy").unlink()
        folder.rmdir()
    assert "There is no warning about any layer." in well
    assert "1 of 1 layer has warnings, first layer" in lost


def test_a_layer_without_an_epoch_is_said_without_one(open_page: OpenPage, runs_folder: Path) -> None:
    folder = runs_folder / "epochless_of_a_test"
    folder.mkdir()
    try:
        np.save(folder / "conv.npy", np.random.default_rng(0).standard_normal((200, 6)) + 3)
        page = open_page("dumps", dumps_path=str(folder), dumps_layer="conv")
        page = page.switch_page("views/distributions/distributions.py").run()
        said = statement(page)
    finally:
        (folder / "conv.npy").unlink()
        folder.rmdir()
    assert said.startswith("**SW1 of conv to N(0, I) is ")
    assert "epoch" not in said

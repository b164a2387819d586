"""The coordinate check: slopes against scipy, sizes that are known, and what is flat."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.dumps import inspect
from analysis.survey.layer_reading import LayerReading
from analysis.survey.overview import Overview, overview
from analysis.survey.width import FLAT, WidthLine, shared_epochs, width_lines
from per_core.errors import InvalidInputError

WIDTHS = [32, 64, 128, 256]


def write_network(folder: Path, width: int, epoch: int = 3) -> Overview:
    """A hidden layer that keeps its size, one that grows with √width, and outputs that shrink with 1/width."""
    rng = np.random.default_rng(width)
    place = folder / f"width_{width}" / f"epoch_{epoch}"
    place.mkdir(parents=True)
    for name, units, size in (("hidden", width, 2.0), ("wide", width, width**0.5), ("logits", 10, 8 / width)):
        values = rng.standard_normal((400, units))
        np.savez(place / f"{name}.npz", **{name: size * values / np.sqrt((values**2).mean())})
    return overview(inspect(place.parent))


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[Overview]:
    return [write_network(tmp_path_factory.mktemp("width"), width) for width in (64, 32, 256, 128)]


def of_size(width: int, size: float) -> Overview:
    """A network of one layer of this root mean square."""
    reading = LayerReading(n=40, finite_rows=40, total=40, d=width, n_nan=0, n_inf=0, root_mean_square=size)
    return Overview("made", ("hidden",), (None,), {("hidden", None): reading}, {}, {}, {})


def layer_of(lines: tuple[WidthLine, ...], name: str) -> WidthLine:
    return next(line for line in lines if name in line.layer)


def test_sizes_and_slopes_are_those_of_the_layers(networks: list[Overview]) -> None:
    lines = width_lines(networks, 3)
    assert len(lines) == 3
    assert all(line.widths == tuple(WIDTHS) for line in lines)
    for name, sizes, slope, verdict in (
        ("hidden", [2.0] * 4, 0, "flat"),
        ("wide", [width**0.5 for width in WIDTHS], 0.5, "grows"),
        ("logits", [8 / width for width in WIDTHS], -1, "shrinks"),
    ):
        line = layer_of(lines, name)
        assert line.sizes == pytest.approx(sizes, rel=1e-5)
        assert line.slope == pytest.approx(slope, abs=1e-5)
        assert line.verdict == verdict


def test_the_margin_is_that_of_a_regression() -> None:
    sizes = np.exp(np.random.default_rng(5).normal(size=4)).tolist()
    (line,) = width_lines([of_size(width, size) for width, size in zip(WIDTHS, sizes, strict=True)], None)
    found = stats.linregress(np.log(WIDTHS), np.log(sizes))
    assert line.slope == pytest.approx(found.slope)
    assert line.margin == pytest.approx(stats.t.ppf(0.975, 2) * found.stderr)


@pytest.mark.parametrize(
    ("slope", "margin", "verdict"),
    [
        (0.05, 0.04, "flat"), (0.05, 0.06, "unclear"), (0.3, 0.1, "grows"), (0.3, 0.3, "unclear"),
        (-0.3, 0.1, "shrinks"), (0.09, math.nan, "flat"), (0.2, math.nan, "grows"), (math.nan, math.nan, "unclear"),
    ],
)  # fmt: skip
def test_a_verdict_needs_the_whole_interval(slope: float, margin: float, verdict: str) -> None:
    assert FLAT == 0.1
    assert WidthLine("x", (1, 2), (1, 1), slope, margin).verdict == verdict


def test_two_widths_have_a_slope_and_no_margin(networks: list[Overview]) -> None:
    line = layer_of(width_lines(networks[:2], 3), "wide")
    assert (line.widths, line.verdict) == ((32, 64), "grows")
    assert line.slope == pytest.approx(0.5, abs=1e-5)
    assert math.isnan(line.margin)


def test_a_layer_of_zeros_has_no_slope() -> None:
    (line,) = width_lines([of_size(8, 0), of_size(16, 1)], None)
    assert math.isnan(line.slope)
    assert line.verdict == "unclear"


def test_dumps_of_one_width_are_refused_with_what_to_do(networks: list[Overview]) -> None:
    with pytest.raises(InvalidInputError, match="Give the path of a wider or a narrower model's dump"):
        width_lines([networks[0], networks[0]], 3)
    with pytest.raises(InvalidInputError, match=r"these have 64, 32, 64 units\. Leave out all but one"):
        width_lines([networks[0], networks[1], networks[0]], 3)


def test_epochs_are_those_of_all(networks: list[Overview], tmp_path) -> None:
    assert shared_epochs(networks) == (3,)
    assert shared_epochs([networks[0], write_network(tmp_path, 16, epoch=4)]) == ()

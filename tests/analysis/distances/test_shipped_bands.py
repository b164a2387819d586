"""The shipped bands: of every size that is promised, equal to fresh computation, written anew by the command."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.distances.batch_statistics import BatchStatistics
from analysis.distances.bound import Distances, WorstDistances
from analysis.distances.decomposition import PARTS, PartDistances
from analysis.distances.shipped_bands import (
    DRAWS,
    LARGEST,
    OPENING,
    PATH,
    RECORDED,
    STUDIES,
    Study,
    _read,
    gaussian_ratios,
    shipped_bands,
    write_bands,
)
from analysis.samples import SampleSpec
from analysis.statistics.null_band import expected_gaussian_w1, null_draws
from per_core import gaussian_w1
from per_core.errors import InvalidInputError
from per_core.recording.run_directory import open_run

pytestmark = pytest.mark.long


def test_every_promised_study_is_in_the_file_and_no_other() -> None:
    assert set(json.loads(PATH.read_text())) == {study.key for study in STUDIES}
    for study in STUDIES:
        bands = shipped_bands(*study)
        assert bands is not None
        for band in bands.values():
            assert band.low <= band.median <= band.high
            assert band.low <= band.mean <= band.high or not study.means(band)
            assert band.draws == DRAWS
            assert band.level < 0.01


def test_the_opening_view_and_the_recording_need_no_draws() -> None:
    spec = SampleSpec()
    run = open_run(PATH.with_name("runs") / "digits_elu")
    assert OPENING[:2] == (spec.n, spec.dim)
    assert {arrays.rows.shape for arrays in run.arrays(run.records[0].index).values()} == {RECORDED}
    assert shipped_bands(WorstDistances(OPENING[2]), *OPENING[:2]) is not None
    assert shipped_bands(BatchStatistics(), *RECORDED) is not None
    assert shipped_bands(Distances(), 77, 2) is None
    assert shipped_bands(BatchStatistics(shift=1.0), *RECORDED) is None
    for size in (OPENING[:2], RECORDED, LARGEST):
        assert shipped_bands(PartDistances(), *size) is not None


@pytest.mark.parametrize(
    "study", [Study(BatchStatistics(), 32, 2), Study(BatchStatistics(), 32, 8), Study(Distances(), 1000, 1)]
)
def test_what_is_shipped_is_what_the_draws_give(study: Study, tmp_path: Path) -> None:
    """To single precision: another processor adds in another order."""
    write_bands(tmp_path / "bands.json", [study])
    written = json.loads((tmp_path / "bands.json").read_text())[study.key]
    shipped = json.loads(PATH.read_text())[study.key]
    assert written.keys() == shipped.keys()
    for name, edges in written.items():
        np.testing.assert_allclose(edges, shipped[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "study",
    [
        Study(BatchStatistics(), 4096, 2),
        Study(Distances(OPENING[2]), *OPENING[:2]),
        Study(WorstDistances(OPENING[2]), *OPENING[:2]),
        Study(PartDistances(), *OPENING[:2]),
    ],
)
def test_single_draws_of_the_opening_lie_in_the_shipped_bands(study: Study) -> None:
    bands = shipped_bands(*study)
    assert bands is not None
    for name, values in null_draws(*study, 500, 3).items():
        assert (values >= bands[name].low - 1e-6).all()
        assert (values <= bands[name].high + 1e-6).all()


@pytest.mark.parametrize(("n", "d"), [(1024, 2), (1024, 64), (4096, 2)])
def test_the_parts_of_a_gaussian_distance_are_those_of_one_direction_but_for_the_scale(n: int, d: int) -> None:
    """Projections of a whitened Gaussian batch are a standardised Gaussian sample, whatever the number of units."""
    bands = shipped_bands(PartDistances(), n, d)
    assert bands is not None
    assert bands["floor"].mean == pytest.approx(expected_gaussian_w1(n), rel=0.03)
    x = np.random.default_rng(3).standard_normal((n, 400))
    centred = x - x.mean(axis=0)
    means = [gaussian_w1(torch.from_numpy(each)).mean().item() for each in (x, centred, centred / centred.std(axis=0))]
    assert bands["location"].mean == pytest.approx(means[0] - means[1], abs=0.04 * means[0])
    assert bands["shape"].mean == pytest.approx(means[2], rel=0.05)
    assert sum(bands[part].mean for part in PARTS[:4]) == pytest.approx(bands["floor"].mean, rel=1e-5)


@pytest.mark.parametrize("d", [1, 2, 3, 64, 5000])
def test_the_ratio_of_gaussian_batches_holds_other_sizes(d: int) -> None:
    """SW1 over its mean at 300 rows, 200 batches: inside, and not far inside."""
    low, high = gaussian_ratios(d)
    if d <= 64:
        ratios = null_draws(Distances(), 300, d, 2000, 200)["sw1"] / expected_gaussian_w1(300)
        assert low - 0.03 < ratios.min() < 1 < ratios.max() < high + 0.1
    assert gaussian_ratios(1)[0] <= low < 0.92
    assert 1.08 < high <= gaussian_ratios(1)[1]


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="make bands"):
        _read(tmp_path / "none.json")

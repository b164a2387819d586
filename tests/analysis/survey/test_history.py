"""What a run says over the epochs, from a real recorder on a small network whose activations are known."""

import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from analysis.batch import ActivationBatch
from analysis.dumps import inspect
from analysis.statistics.null_band import null_draws
from analysis.survey.history import (
    LayerHistory,
    RecordedDistances,
    UnitHistory,
    conditioning_history,
    layer_history,
    not_finite_since,
    over_seeds,
    read_history,
    recorded_moments,
    scalar_history,
    unit_history,
    unit_values,
)
from analysis.survey.overview import overview
from per_core import PER, Recorder, gaussian_w1
from per_core.errors import InvalidInputError
from per_core.recording.run_directory import Run, open_run

EPOCHS = 5


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A layer that multiplies Gaussian inputs by 1, 1/2, 1/4, ..."""
    path: Path = tmp_path_factory.mktemp("run") / "halving"
    model = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Identity())
    probe = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
    with Recorder(model, path, layers=["0"]) as recorder:
        for epoch in range(EPOCHS):
            with torch.no_grad():
                model[0].weight.copy_(torch.eye(6) / 2**epoch)
            recorder.record(epoch, inputs=probe, **({"loss": 1 / (epoch + 1)} if epoch else {}))
    return open_run(path)


def test_a_shrinking_layer_has_the_known_variances_and_is_called_collapsing(run: Run) -> None:
    history = layer_history(run, "0")
    assert history.epochs.tolist() == [0, 1, 2, 3, 4]
    assert history.variance == pytest.approx(history.variance[0] / 4.0 ** np.arange(EPOCHS), rel=1e-5)
    assert (np.diff(history.per) < 0).all()
    assert history.collapses
    assert (history.n, history.d, history.slices) == (400, 6, 64)


def test_the_second_moments_of_a_layer_that_is_multiplied_are_multiplied_by_the_square(run: Run) -> None:
    history = conditioning_history({one.epoch: recorded_moments(run, one.index, "0") for one in run.records})
    assert history.epochs.tolist() == [0, 1, 2, 3, 4]
    assert (history.n, history.d) == (400, 6)
    first = run.arrays(0)["0"].rows.astype(float)
    eigenvalues = np.linalg.eigvalsh(first.T @ first / 400)
    expected = [np.sqrt(np.mean((eigenvalues / 4**epoch - 1) ** 2)) for epoch in range(EPOCHS)]
    assert history.distance == pytest.approx(expected, rel=1e-5)
    assert history.condition == pytest.approx(eigenvalues[-1] / eigenvalues[0], rel=1e-5)


def test_the_history_of_a_unit_is_that_of_its_values(run: Run) -> None:
    history = unit_history(run, "0", 1)
    values = [unit_values(run, index, "0", 1) for index in range(EPOCHS)]
    for quantile, name in ((0.25, "lower"), (0.5, "median"), (0.75, "upper")):
        expected = [np.quantile(v.astype(np.float64), quantile) for v in values]
        assert getattr(history, name) == pytest.approx(expected, abs=1e-6)
    assert history.variance == pytest.approx([v.var() for v in values], rel=1e-4)
    assert unit_values(run, 0, "0", None).shape == (400 * 6,)


def test_movement_is_the_mean_step_of_the_quartiles() -> None:
    x = np.arange(5.0)
    still = UnitHistory(x, x * 0 - 1, x * 0, x * 0 + 1, x * 0, x * 0 + 1)
    shifting = UnitHistory(x, x - 1, x, x + 1, x, x * 0 + 1)
    widening = UnitHistory(x, -x, x * 0, x, x * 0, x)
    assert still.movement == 0
    assert shifting.movement == pytest.approx(1)
    assert widening.movement == pytest.approx(2 / 3)
    assert np.isnan(UnitHistory(*(x[:1] for _ in range(6))).movement)


def test_only_a_layer_that_shrinks_away_from_the_gaussian_is_called_collapsing() -> None:
    x = np.arange(6.0)

    def collapses(per: np.ndarray, square: np.ndarray, sw1: np.ndarray = x, mean: float = 0.0) -> bool:
        return LayerHistory(x, sw1, x, per, x, square - mean**2, x, square, 10, 2, 8, True).collapses

    assert not collapses(1.128 + x, 1 + x)
    assert not collapses(1.2 - 0.01 * x, 1 + 0 * x)
    assert not collapses(1.128 + 0 * x, 1 / (1 + x))
    assert collapses(1.1 - 0.05 * x, 1 / (1 + x))
    # From variance 4 towards N(0, I), PER falls with the variance and SW1 with both: that is what PER is for.
    scale = 2 - x / 5
    assert not collapses(1.128 + (scale - 1) / 3, scale**2, sw1=0.8 * (scale - 1))
    # A little below N(0, I), as batch normalisation before an ELU leaves it.
    assert not collapses(1.06 - 0.01 * x, 0.6 - 0.02 * x, sw1=0.4 - 0.01 * x)
    # Near 0 and no longer moving.
    assert collapses(0.82 + 0 * x, np.where(x == 0, 0.6, 0.05), sw1=0.7 + 0 * x)
    assert not collapses(0.82 + 0 * x, 0.05 + 0 * x, sw1=0.7 + 0 * x)  # made so, and not by training


def test_a_unit_that_settles_away_from_0_has_not_collapsed(tmp_path: Path) -> None:
    """ELU units do this: the variance falls from 1 to 0.05 around a mean of −0.85, PER and mean square stay."""
    model = nn.Sequential(nn.Linear(6, 6), nn.ELU())
    probe = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
    with Recorder(model, tmp_path / "run", layers=["1"]) as recorder:
        for epoch, (scale, shift) in enumerate([(1.5, 0), (1, -1), (0.6, -2), (0.5, -2), (0.5, -2)]):
            with torch.no_grad():
                model[0].weight.copy_(scale * torch.eye(6))
                model[0].bias.fill_(shift)
            recorder.record(epoch, inputs=probe)
    history = layer_history(open_run(tmp_path / "run"), "1")
    assert history.variance[-1] < 0.1 * history.variance[0]
    assert history.mean[-1] == pytest.approx(-0.8, abs=0.05)
    assert not history.collapses
    for _, summary in zip(history.epochs, open_run(tmp_path / "run").records, strict=True):
        one = summary.layers["1"]
        assert one.variance + one.mean**2 <= one.mean_square * (1 + 1e-6)


def test_records_from_before_the_mean_square_was_kept_are_read(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "older"
    shutil.copytree(run.path, copy)
    (copy / "records.jsonl").write_text(
        re.sub(r'"mean_square": ?[^,}]+, ?', "", (run.path / "records.jsonl").read_text(encoding="utf-8")),
        encoding="utf-8",
    )
    older, newer = layer_history(open_run(copy), "0"), layer_history(run, "0")
    assert math.isnan(open_run(copy).records[0].layers["0"].mean_square)
    assert older.mean_square == pytest.approx(older.variance + older.mean**2)
    assert (older.mean_square <= newer.mean_square * (1 + 1e-6)).all()
    assert older.collapses


def test_a_default_training_collapses_nowhere_and_a_strong_per_does(tmp_path: Path) -> None:
    """PER with λ a hundred times too large, on Gaussian inputs through a layer that learns nothing else."""
    torch.manual_seed(0)
    probe = torch.randn(300, 16)
    for weight, expected in ((0.0, False), (30.0, True)):
        model = nn.Sequential(nn.Linear(16, 16), PER(weight))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        with Recorder(model, tmp_path / str(weight), layers=["0"]) as recorder:
            recorder.record(0, inputs=probe)
            for epoch in range(1, 9):
                for _ in range(10):
                    optimizer.zero_grad()
                    model(probe).mul(0).sum().backward()
                    optimizer.step()
                recorder.record(epoch, inputs=probe)
        assert layer_history(open_run(tmp_path / str(weight)), "0").collapses is expected


def test_several_seeds_give_median_and_range_at_their_own_epochs() -> None:
    found = over_seeds(
        [
            (np.array([0.0, 1, 2]), np.array([1.0, 2, np.nan])),
            (np.array([0.0, 1]), np.array([3.0, np.inf])),
            (np.array([0.0, 4]), np.array([8.0, 9])),
        ]
    )
    assert found.epochs.tolist() == [0, 1, 2, 4]
    assert found.median.tolist()[:2] == [3, 2]
    assert (found.low[0], found.high[0], found.median[3]) == (1, 8, 9)
    assert np.isnan([found.median[2], found.low[2], found.high[2]]).all()
    assert over_seeds([]).epochs.size == 0


def test_where_and_when_a_run_stops_being_finite(run: Run, tmp_path: Path) -> None:
    assert not_finite_since(run) is None
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    with Recorder(model, tmp_path / "nan") as recorder:
        recorder.record(0, inputs=torch.randn(8, 3), loss=1.0)
        with torch.no_grad():
            model[0].bias[1] = torch.nan
        recorder.record(2, inputs=torch.randn(8, 3), loss=1.0)
    assert not_finite_since(open_run(tmp_path / "nan")) == (2, "0")


def test_scalars_are_those_of_the_records_that_have_them(run: Run) -> None:
    epochs, loss = scalar_history(run, "loss")
    assert epochs.tolist() == [1, 2, 3, 4]
    assert loss == pytest.approx([1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert scalar_history(run, "nothing")[0].size == 0


def test_the_first_record_of_gaussian_activations_lies_in_the_gaussian_range(run: Run) -> None:
    history = layer_history(run, "0")
    draws = null_draws(RecordedDistances(history.slices, run.allowance.seed), history.n, history.d, 1, 39)
    assert draws["sw1"].min() <= history.sw1[0] <= draws["sw1"].max()
    assert draws["per"].min() <= history.per[0] <= draws["per"].max()
    assert history.sw1[-1] > draws["sw1"].max()


def test_the_gaussian_range_is_of_the_mean_that_a_run_has_recorded(run: Run, tmp_path: Path) -> None:
    """Records that do not say which mean they hold are of before control variates, and hold the plain one."""
    lines = (run.path / "records.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    projections = torch.from_numpy(run.arrays(0)["0"].projections)
    batch = ActivationBatch(torch.randn(400, 6, generator=torch.Generator().manual_seed(0)).numpy(), "the probe")
    values = {}
    for name, kept in (("older", lines), ("resumed", lines[:1])):
        shutil.copytree(run.path, tmp_path / name)
        older = "".join(re.sub(r'"sw1_controlled": ?true, ?', "", line) for line in kept)
        (tmp_path / name / "records.jsonl").write_text(older + "".join(lines[len(kept) :]), encoding="utf-8")
        history = layer_history(open_run(tmp_path / name), "0")
        distances = RecordedDistances(history.slices, run.allowance.seed, history.controlled)
        values[name] = distances.measure(batch)["sw1"]
    assert values["older"] == pytest.approx(gaussian_w1(projections).mean().item(), rel=1e-5)
    assert values["resumed"] == pytest.approx(layer_history(run, "0").sw1[0], rel=1e-5)  # as its last record
    assert abs(values["older"] / values["resumed"] - 1) > 1e-3


def test_what_is_not_in_the_run_is_refused(run: Run) -> None:
    with pytest.raises(InvalidInputError, match="holds the layers 0; received 'x'"):
        layer_history(run, "x")
    with pytest.raises(InvalidInputError, match="4 tracked units; received position 4"):
        unit_history(run, "0", 4)


def test_a_dump_has_the_same_history_as_the_readings_of_its_overview(tmp_path) -> None:
    rng = np.random.default_rng(4)
    for epoch in (1, 3):
        np.savez(tmp_path / f"epoch_{epoch}.npz", layer_1=epoch * rng.normal(size=(50, 4)))
    np.save(tmp_path / "layer_2.npy", rng.normal(size=(50, 4)))
    found = overview(inspect(tmp_path))
    history = read_history(found, "layer_1")
    assert history.epochs.tolist() == [1, 3]
    assert history.sw1.tolist() == [reading.sw1 for _, reading in found.history("layer_1")]
    assert history.variance[1] == pytest.approx(9, rel=0.3)
    assert (history.n, history.d) == (50, 4)
    with pytest.raises(InvalidInputError, match="needs an epoch that could be read; layer_2"):
        read_history(found, "layer_2")

"""What a run says over the epochs, from a real recorder on a small network whose activations are known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from analysis.dumps import inspect
from analysis.history import (
    LayerHistory,
    UnitHistory,
    gaussian_layer_draws,
    layer_history,
    read_history,
    scalar_history,
    unit_history,
    unit_values,
)
from analysis.overview import overview
from per_core import Recorder
from per_core.errors import InvalidInputError
from per_core.run_directory import Run, open_run

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


def test_growing_or_only_reshaped_layers_are_not_called_collapsing() -> None:
    x = np.arange(6.0)

    def history(per: np.ndarray, variance: np.ndarray) -> LayerHistory:
        return LayerHistory(x, x, x, per, x, variance, x, 10, 2, 8)

    assert not history(1.128 + x, 1 + x).collapses
    assert not history(1.2 - 0.01 * x, 1 + 0 * x).collapses
    assert not history(1.128 + 0 * x, 1 / (1 + x)).collapses
    assert history(1.128 - 0.05 * x, 1 / (1 + x)).collapses


def test_scalars_are_those_of_the_records_that_have_them(run: Run) -> None:
    epochs, loss = scalar_history(run, "loss")
    assert epochs.tolist() == [1, 2, 3, 4]
    assert loss == pytest.approx([1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert scalar_history(run, "nothing")[0].size == 0


def test_the_first_record_of_gaussian_activations_lies_in_the_gaussian_range(run: Run) -> None:
    history = layer_history(run, "0")
    draws = gaussian_layer_draws(history.n, history.d, history.slices, run.allowance.seed, 1, 39)
    assert draws["sw1"].min() <= history.sw1[0] <= draws["sw1"].max()
    assert draws["per"].min() <= history.per[0] <= draws["per"].max()
    assert history.sw1[-1] > draws["sw1"].max()


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

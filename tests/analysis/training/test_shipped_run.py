import sys
from pathlib import Path

import numpy as np
import pytest

from analysis.training.shipped_run import EPOCHS, LAYERS
from per_core.recording.run_directory import open_run
from tests import processes

pytestmark = pytest.mark.long

SHIPPED = Path(__file__).parents[3] / "assets" / "runs" / "digits_elu"


@pytest.fixture(scope="module")
def shipped():
    return open_run(SHIPPED)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The run, made anew by the command of `make recording`."""
    out = tmp_path_factory.mktemp("made") / "run"
    processes.run([sys.executable, "-m", "analysis.training.shipped_run", str(out)], check=True)
    return open_run(out)


def values_of(run, layer, epoch):
    index = next(record.index for record in run.records if record.epoch == epoch)
    return run.arrays(index, [layer])[layer].rows


def test_it_has_every_unit_of_three_layers_of_a_network_that_learns(shipped):
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()) <= 2_000_000
    assert shipped.title == "Digits ELU network"
    assert tuple(shipped.layers) == LAYERS
    assert tuple(record.epoch for record in shipped.records) == EPOCHS
    accuracy = {record.epoch: record.scalars["test_accuracy"] for record in shipped.records}
    assert accuracy[0] < 0.3
    assert accuracy[100] >= 0.95
    for layer in LAYERS:
        for epoch in EPOCHS:
            values = values_of(shipped, layer, epoch)
            assert values.shape == (500, 32)
            assert np.isfinite(values).all()
            assert values.min() >= -1  # ELU


def test_it_shows_what_training_does(shipped):
    before, after = shipped.records[0].layers["layer 9"], shipped.records[-1].layers["layer 9"]
    assert after.variance > 4 * before.variance
    assert after.mean > 2 * before.mean


def test_the_command_makes_the_shipped_run(shipped, made):
    assert (made.title, made.layout, made.allowance) == (shipped.title, shipped.layout, shipped.allowance)
    assert {**made.description, "torch": ""} == {**shipped.description, "torch": ""}
    assert made.layers == shipped.layers
    for mine, its in zip(made.records, shipped.records, strict=True):
        assert mine.epoch == its.epoch
        assert mine.scalars["test_accuracy"] == pytest.approx(its.scalars["test_accuracy"], abs=0.004)
        for layer in LAYERS:
            found, expected = values_of(made, layer, mine.epoch), values_of(shipped, layer, its.epoch)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 if mine.epoch == 0 else 0.05)

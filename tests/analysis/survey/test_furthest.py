"""The layer that is furthest from N(0, I), among layers of different sizes and ones that are not finite."""

from pathlib import Path

import numpy as np
import torch

from analysis.survey.furthest import furthest_layer
from per_core import Recorder, open_run


class Scaled(torch.nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale


def test_the_furthest_is_found_by_the_last_record_over_what_gaussian_batches_have(tmp_path: Path) -> None:
    model = torch.nn.Sequential(Scaled(3.0), Scaled(0.5), Scaled(float("inf")))
    probe = torch.from_numpy(np.random.default_rng(0).standard_normal((400, 6))).float()
    with Recorder(model, tmp_path / "run", layers=["0", "1", "2"]) as recorder:
        recorder.record(0, inputs=10 * probe)
        recorder.record(1, inputs=probe)
    found = furthest_layer(open_run(tmp_path / "run"))
    assert found is not None
    assert (found.layer, found.epoch) == ("0", 1)
    assert abs(found.sw1 - 2 * np.sqrt(2 / np.pi)) < 0.1  # a Gaussian scaled by 3: E|3Z - Z| along every direction
    assert abs(found.times - found.sw1 * np.sqrt(400) / 1.2797) < 0.02 * found.times


def test_nothing_is_furthest_without_a_finite_layer(tmp_path: Path) -> None:
    with Recorder(torch.nn.Sequential(Scaled(float("nan"))), tmp_path / "run", layers=["0"]) as recorder:
        assert furthest_layer(open_run(tmp_path / "run")) is None
        recorder.record(0, inputs=torch.ones(4, 2))
    assert furthest_layer(open_run(tmp_path / "run")) is None

"""The pull near collapse: against closed forms, and what each kind of loss does there."""

import math

import numpy as np
import pytest
import torch

from analysis.methods.collapse import ROWS, SCALES, UNITS, pull_near_collapse
from analysis.methods.flow import FlowSpec
from per_core import list_methods
from per_core.radial import radial_slope


def batch() -> torch.Tensor:
    return torch.randn(ROWS, UNITS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_l2_by_hand():
    """n times its gradient is 2 h, so that the pull is −2 times the mean norm."""
    found = pull_near_collapse(FlowSpec("l2"))
    np.testing.assert_allclose(found.outward, -2 * SCALES * batch().norm(dim=1).mean().item())
    assert found.way == "in"


def test_per_is_its_radial_slope():
    found = pull_near_collapse(FlowSpec("per"), (0.01, 0.5, 2.0))
    for scale, pull in zip(found.scales, found.outward, strict=True):
        norms = scale * batch().norm(dim=1)
        assert pull == pytest.approx(-(norms * radial_slope(norms, UNITS)).mean().item())
    assert found.way == "in"


def test_sw1_pulls_as_hard_at_every_small_scale():
    """Near 0 every projection is led to a quantile far from it: E|θ₁| a direction, at every scale."""
    found = pull_near_collapse(FlowSpec("sw1"), (1e-4, 1e-3, 1e-2))
    np.testing.assert_allclose(found.outward, found.outward[0], rtol=0.02)
    assert found.outward[0] > 0.5 * math.sqrt(2 / math.pi / UNITS)
    assert pull_near_collapse(FlowSpec("sw1")).way == "out"


@pytest.mark.parametrize(
    ("key", "way"),
    [("sw1", "out"), ("energy", "out"), ("sigreg", "fades"), ("weak_sigreg", "fades"), ("vcl", "fades"),
     ("per", "in"), ("l1", "in"), ("l2", "in"), ("visreg", "in")],
)  # fmt: skip
def test_who_gets_out(key, way):
    assert pull_near_collapse(FlowSpec(key)).way == way


@pytest.mark.parametrize("method", list_methods("regulariser"), ids=lambda method: method.key)
def test_shares_lie_between_minus_one_and_one(method):
    found = pull_near_collapse(FlowSpec(method.key), (1e-3, 0.1, 1.0))
    assert np.abs(found.share).max() == pytest.approx(1)
    assert found.outward.shape == (3,)

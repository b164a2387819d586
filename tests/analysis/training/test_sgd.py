import subprocess
import sys

import pytest
import torch
from torch import nn

from analysis.training.sgd import SGD
from tests.analysis.training.workers import TINY, write

TRAINS = """
import sys
from analysis.__main__ import main
assert main(["train", *sys.argv[1:]]) == 0
print("torch._dynamo" in sys.modules)
"""


def two_layers(kind, **settings):
    """A network, always the same, and an optimiser of it, each layer with a learning rate of its own."""
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(4, 8), nn.ELU(), nn.Linear(8, 2))
    optimiser = kind([{"params": network[0].parameters(), "lr": 0.05}], lr=0.1, **settings)
    optimiser.add_param_group({"params": network[2].parameters()})
    return network, optimiser


@pytest.mark.parametrize(
    "settings", [{}, {"momentum": 0.9, "weight_decay": 0.01}, {"momentum": 0.8, "nesterov": True}], ids=str
)
def test_every_step_is_torchs_to_the_bit(settings):
    torch.manual_seed(0)
    rows = torch.randn(5, 16, 4)
    reached = []
    for kind in (torch.optim.SGD, SGD):
        network, optimiser = two_layers(kind, **settings)
        for batch in rows:
            optimiser.zero_grad()
            assert all(weight.grad is None for weight in network.parameters())
            network(batch).square().mean().backward()
            optimiser.step()
        reached.append((nn.utils.parameters_to_vector(network.parameters()), optimiser.state_dict()))
    (weights, state), (ours, our_state) = reached
    assert torch.equal(ours, weights)
    assert our_state["param_groups"] == state["param_groups"]
    torch.testing.assert_close(our_state["state"], state["state"], rtol=0, atol=0)
    _, again = two_layers(SGD)
    again.load_state_dict(state)
    assert again.state_dict()["param_groups"] == state["param_groups"]
    torch.testing.assert_close(again.state_dict()["state"], state["state"], rtol=0, atol=0)


def test_no_training_loads_the_compiler(tmp_path):
    command = [sys.executable, "-c", TRAINS, str(write(TINY, tmp_path / "run")), "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"

"""What a method costs: one training step on the digits CNN with it, over a step without."""

from collections.abc import Callable
from dataclasses import replace

import torch

from analysis.runs.spec import VANILLA, MethodSpec
from analysis.training.data_source import load_samples
from analysis.training.learner import Learner
from analysis.training.presets import PRESETS
from per_core import list_methods
from tests.benchmarks.timing import Seconds, interleave


def step_workloads(device: str) -> dict[str, Callable[[], object]]:
    """A step of SGD on one batch, forward, backward and update, for every method of the registry."""
    spec = replace(PRESETS["default"].spec, device=device)
    data = load_samples(spec.data).to(torch.device(device))

    def step_of(key: str) -> Callable[[], object]:
        learner = Learner(spec, MethodSpec(key), spec.seed, data)
        learner.network.train()
        inputs, labels = next(learner.batches(epoch=1))
        return lambda: learner.step(inputs, labels)

    keys = (VANILLA, *(method.key for method in list_methods()))
    return {key: step_of(key) for key in keys}


def step_times(device: str, *, quick: bool) -> Seconds:
    """Seconds of a step by method, measured in turns."""
    return interleave(step_workloads(device), rounds=9 if quick else 41, turn=0.05, device=device)

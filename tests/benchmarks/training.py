"""What a method costs: one training step with it, over a step without, for every model."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch

from analysis.runs.spec import VANILLA, DataSpec, MethodSpec, ModelName, ModelSpec
from analysis.training.data_source import load
from analysis.training.learner import Learner
from analysis.training.presets import PRESETS
from tests.benchmarks.timing import Seconds, interleave

DATA = {"lstm": DataSpec("documentation")}  # of models that do not take digits
STILL = 1e-12  # a learning rate: no step is unlike the one before, and nothing becomes so small that it takes longer


def step_workloads(model: ModelName, keys: Iterable[str], device: str) -> dict[str, Callable[[], object]]:
    """A step of SGD on one batch, forward, backward and update, without a method and with each of these."""
    default = PRESETS["default"].spec
    data_spec = DATA.get(model, default.data)
    spec = replace(default, device=device, model=ModelSpec(model), data=data_spec, learning_rate=STILL)
    data = load(spec.data).to(torch.device(device))

    def step_of(key: str) -> Callable[[], object]:
        learner = Learner(spec, MethodSpec(key), spec.seed, data)
        learner.network.train()
        inputs, labels = next(learner.batches(epoch=1))
        return lambda: learner.step(inputs, labels)

    return {key: step_of(key) for key in (VANILLA, *keys)}


def step_times(model: ModelName, keys: Iterable[str], device: str, *, quick: bool) -> Seconds:
    """Seconds of a step without a method and with each of these, of a processor on a CPU, measured in turns."""
    functions = step_workloads(model, keys, device)
    return interleave(functions, rounds=9 if quick else 41, turn=0.05, device=device, clock=time.process_time)

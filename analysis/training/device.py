"""The device that networks are trained on."""

from __future__ import annotations

import torch

from analysis.runs.spec import TrainingSpec
from per_core.errors import InvalidInputError
from per_core.text import N_


def find_device(spec: TrainingSpec) -> torch.device:
    """The device of a spec; a GPU is chosen where there is one.

    Raises:
        InvalidInputError: If the spec asks for a GPU that is not there, or for what only a GPU does.
    """
    there = torch.cuda.is_available()
    name = ("cuda" if there else "cpu") if spec.device == "auto" else spec.device
    if name == "cuda" and not there:
        raise InvalidInputError(
            N_('device "cuda" needs a GPU that torch can use; there is none. Choose "auto" or "cpu".')
        )
    if name == "cpu" and (spec.mixed_precision != "float32" or spec.compile):
        asked = "compile" if spec.compile else f"mixed_precision {spec.mixed_precision!r}"
        raise InvalidInputError(
            N_('{asked} needs a GPU; this is trained on the CPU. Choose mixed_precision "float32" and compile false.'),
            asked=asked,
        )
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """What a person calls the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on a GPU or in main memory."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)

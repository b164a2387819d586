"""The numbers of a record beside its layers: what frameworks call them, and what the dashboard does."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor

PARTS = {
    "train": "",
    "training": "",
    "val": "validation_",
    "valid": "validation_",
    "validation": "validation_",
    "eval": "validation_",
    "test": "test_",
}
ARGUMENTS = ("self", "epoch", "inputs")  # of `Recorder.record`, which are no scalars


def scalar_name(name: str) -> str:
    """What a logged number is called in a record: that of the training data without their name, accuracy in full.

    Example:
        >>> [scalar_name(name) for name in ("train_loss", "val/acc", "eval_f1", "lr")]
        ['loss', 'validation_accuracy', 'validation_f1', 'lr']
    """
    part, _, rest = name.replace("/", "_").partition("_")
    if rest and part in PARTS:
        name = PARTS[part] + rest
    return re.sub(r"(?<![a-zA-Z])acc(?![a-zA-Z])", "accuracy", name)


def recorded_scalars(logged: Mapping[str, object]) -> dict[str, float | Tensor]:
    """Every single number of what was logged, under its name in a record; of two of one name the first."""
    found: dict[str, Any] = {}
    for name, value in logged.items():
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if is_number or (isinstance(value, Tensor | np.ndarray) and math.prod(value.shape) == 1):
            found.setdefault(scalar_name(name), value)
    return {name: value for name, value in found.items() if name not in ARGUMENTS}

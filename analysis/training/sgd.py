"""Stochastic gradient descent by torch, without its compiler: loading that takes a second of every training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def _plain(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of torch's optimiser as it is written, without the wrapper that hides it from the compiler."""
    written: Callable[..., Any] = method.__wrapped__  # type: ignore[attr-defined]
    return written


class SGD(torch.optim.SGD):
    """`torch.optim.SGD`, to the bit, of steps that nothing compiles.

    The first optimiser of a process loads the compiler, only for telling it to leave the optimiser alone. What a
    network does forward may be compiled all the same.
    """

    add_param_group = _plain(torch.optim.SGD.add_param_group)
    zero_grad = _plain(torch.optim.SGD.zero_grad)
    state_dict = _plain(torch.optim.SGD.state_dict)
    load_state_dict = _plain(torch.optim.SGD.load_state_dict)
    step = torch.no_grad()(_plain(torch.optim.SGD.step))

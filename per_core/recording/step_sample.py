"""Activations taken from training steps, spread evenly over them, in bounded memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from per_core.recording.layer_selection import call_name

MOST_STEPS = 32  # held at once; beyond, every second one is let go
ROWS_OF_STEP = 64
VALUES_OF_STEP = 2**19  # of one layer, so that a very wide one holds fewer rows


class StepSample:
    """Hooks on a model that copy some rows of its layers in every `every`-th forward pass in training mode.

    Where an epoch has many steps the interval doubles, again and again, so that what is held is spread evenly over it.

    Args:
        model: called by the training once a step.
        layers: name -> module.
        every: steps from one that is looked at to the next, at first.
        to_rows: layer name and output -> rows (n, d), or None.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Mapping[str, nn.Module],
        every: int,
        to_rows: Callable[[str, object], Tensor | None],
    ) -> None:
        self._every = every
        self._to_rows = to_rows
        self._paused = False
        self._restart()
        self._handles = [model.register_forward_pre_hook(self._begin)]
        self._handles += [module.register_forward_hook(self._hook_of(name)) for name, module in layers.items()]

    def take(self) -> dict[str, Tensor]:
        """Layer -> rows (n, d) of all steps held; then start anew."""
        rows = {name: torch.cat([part for _, part in parts]) for name, parts in self._held.items()}
        self._restart()
        return rows

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Passes within are none of the training."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def close(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()

    def _restart(self) -> None:
        self._held: defaultdict[str, list[tuple[int, Tensor]]] = defaultdict(list)
        self._calls: Counter[str] = Counter()
        self._interval = self._every
        self._step = -1
        self._looking = False

    def _begin(self, model: nn.Module, _inputs: object) -> None:
        self._calls.clear()
        self._looking = False
        if self._paused or not model.training:
            return
        self._step += 1
        if self._step == self._interval * MOST_STEPS:
            self._interval *= 2
            for name, parts in self._held.items():
                self._held[name] = [(step, rows) for step, rows in parts if step % self._interval == 0]
        self._looking = self._step % self._interval == 0

    def _hook_of(self, name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            if not self._looking:
                return
            self._calls[name] += 1
            self._hold(call_name(name, self._calls[name]), output)

        return hook

    @torch.no_grad()
    def _hold(self, name: str | None, output: object) -> None:
        rows = None if name is None else self._to_rows(name, output)
        if name is None or rows is None:
            return
        n, d = rows.shape
        held = self._held[name]
        if held and held[0][1].shape[1] != d:  # sequences of another length: other units
            return
        most = min(ROWS_OF_STEP, max(1, VALUES_OF_STEP // d))
        held.append((self._step, rows[:: -(-n // most)].clone()))

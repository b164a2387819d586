"""Activations taken from training steps, spread evenly over them, in bounded memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from per_core.recording.layer_reader import LayerReader, LayerRows
from per_core.recording.layer_record import fixed_rows
from per_core.recording.rows import Rows

MOST_STEPS = 32  # held at once; beyond, every second one is let go
ROWS_OF_STEP = 64  # a fixed random subset of the layer's, so that no time step or location is met more often
VALUES_OF_STEP = 2**19  # of one layer, so that a very wide one holds fewer rows


class StepSample:
    """Hooks on a model that copy some rows of its layers in every `every`-th forward pass in training mode.

    Where an epoch has many steps the interval doubles, again and again, so that what is held is spread evenly over it.

    Args:
        model: called by the training once a step.
        layers: name -> module.
        every: steps from one that is looked at to the next, at first.
        reader: turns what they return into rows.

    Attributes:
        called: the layers whose modules were called in steps that were looked at.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Mapping[str, nn.Module],
        every: int,
        reader: LayerReader,
    ) -> None:
        self._every = every
        self._reader = reader
        self._paused = False
        self._restart()
        self._handles = [model.register_forward_pre_hook(self._begin)]
        self._handles += [module.register_forward_hook(self._hook_of(name)) for name, module in layers.items()]
        self._handles.append(model.register_forward_hook(self._finish))

    def take(self) -> list[LayerRows]:
        """Layers with the rows (n, d) of all steps held; then start anew."""
        taken = [
            LayerRows(name, torch.cat([part for _, part in parts]), self._rows[name])
            for name, parts in self._held.items()
        ]
        self._restart()
        return taken

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
        self._rows: dict[str, Rows | None] = {}
        self.called: set[str] = set()
        self._interval = self._every
        self._step = -1
        self._looking = False

    def _begin(self, model: nn.Module, _inputs: object) -> None:
        self._reader.begin()
        self._looking = False
        if self._paused or not model.training:
            return
        self._step += 1
        if self._step == self._interval * MOST_STEPS:
            self._interval *= 2
            for name, parts in list(self._held.items()):
                kept = [(step, rows) for step, rows in parts if step % self._interval == 0]
                if kept:
                    self._held[name] = kept
                else:  # of a layer that not every step calls
                    del self._held[name]
        self._looking = self._step % self._interval == 0

    def _hook_of(self, name: str) -> Callable[[nn.Module, Any, object], None]:
        def hook(module: nn.Module, inputs: Any, output: object) -> None:
            if self._looking:
                self.called.add(name)
                self._hold(self._reader.read(name, module, inputs, {}, output))

        return hook

    def _finish(self, _model: nn.Module, _inputs: object, _output: object) -> None:
        if self._looking:
            self._hold(self._reader.finish())

    @torch.no_grad()
    def _hold(self, layers: Iterable[LayerRows]) -> None:
        for layer in layers:
            n, d = layer.values.shape
            held = self._held[layer.name]
            if held and held[0][1].shape[1] != d:  # samples of another length: other units
                continue
            most = min(ROWS_OF_STEP, max(1, VALUES_OF_STEP // d))
            some = fixed_rows(n, min(n, most), 0).to(layer.values.device)
            held.append((self._step, layer.values.index_select(0, some)))
            self._rows.setdefault(layer.name, layer.rows)

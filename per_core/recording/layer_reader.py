"""Reads the layers of one forward pass after another: what modules return becomes named rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from per_core.errors import InvalidInputError
from per_core.per import RowLayout
from per_core.recording.gates import gate_modules, gates_of, gates_of_call, has_gates
from per_core.recording.layer_selection import (
    MOST_CALLS,
    as_rows,
    call_name,
    first_activations,
    some_of,
    time_first_layers,
)
from per_core.recording.recurrent import (
    Sequences,
    is_cell,
    looped_layers,
    sequence_layers,
)
from per_core.recording.rows import Rows
from per_core.text import N_

Warn = Callable[[str, str], None]  # topic and message, see `Recorder`


class LayerRows(NamedTuple):
    """A layer of one pass.

    Attributes:
        name: of the layer.
        values: (n, d), without gradients; a view of what the module returned, if it need not be more.
        rows: what they are; None if that cannot be known.
    """

    name: str
    values: Tensor
    rows: Rows | None


class LayerReader:
    """Turns what the modules of one forward pass return into rows, one pass after another.

    Args:
        model: that passes.
        layers: name -> module.
        layout: what is a row of layers that are no sequences, see `as_rows`.
        steps: time steps, each a layer of its own; None for all of them in one.
        gates: whether the gates of torch's recurrent modules are layers too.
        warn: told what cannot be read.

    Attributes:
        calls: of each layer's module in this pass.

    Raises:
        InvalidInputError: steps that are no whole numbers or without a recurrent module; gates without one of torch's.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Mapping[str, nn.Module],
        layout: RowLayout,
        *,
        steps: Sequence[int] | None,
        gates: bool,
        warn: Warn,
    ) -> None:
        self._layout = layout
        self._steps = None if steps is None else _as_steps(steps)
        self._gates = gates
        self._warn = warn
        self._sequences = sequence_layers(model, layers)
        self._looped = looped_layers(model, layers)
        self._time_first = time_first_layers(model, layers)
        self.calls: Counter[str] = Counter()
        self._loops: dict[str, list[Tensor]] = {}
        self._cells: set[str] = set()
        _require_recurrent(layers, self._sequences, steps, gates=gates)

    @property
    def sequences(self) -> Collection[str]:
        """Layers of which a row is a time step where they return (n, t, d)."""
        return self._sequences

    def begin(self) -> None:
        """A new pass."""
        self.calls.clear()
        self._loops.clear()
        self._cells.clear()

    def read(
        self, name: str, module: nn.Module, inputs: Sequence[Any], keywords: Mapping[str, Any], output: object
    ) -> Iterator[LayerRows]:
        """What a call of a layer's module gives at once; of a cell in a loop that is nothing before `finish`."""
        self.calls[name] += 1
        activations = _of_unbatched_cell(output) if is_cell(module) else None
        activations = first_activations(output) if activations is None else activations
        if activations is None:
            self._warn(
                f"output of {name}",
                f"Layer {name!r} returned no floating tensor of at least two dimensions that holds values;"
                " it is not recorded.",
            )
        elif name in self._looped and activations.ndim == 2 and not isinstance(module, nn.RNNBase):
            self._keep_step(name, module, inputs, keywords, activations.detach())
        elif (call := call_name(name, self.calls[name])) is not None:
            yield from self._of_call(call, name, module, inputs, keywords, output, activations.detach())

    def finish(self) -> Iterator[LayerRows]:
        """At the end of the pass: layers that were called step by step."""
        for name, count in self.calls.items():
            if count > MOST_CALLS and name not in self._loops:
                self._warn(
                    f"calls of {name}", f"Layer {name!r} is called {count} times; the first {MOST_CALLS} are recorded."
                )
        for name, outputs in self._loops.items():
            if len(outputs) == 1 and name not in self._cells:
                yield LayerRows(name, outputs[0], None)
            else:
                yield from self._of_sequences(name, Sequences.of_calls(outputs))
        self._loops.clear()

    def _of_call(
        self,
        call: str,
        name: str,
        module: nn.Module,
        inputs: Sequence[Any],
        keywords: Mapping[str, Any],
        output: object,
        activations: Tensor,
    ) -> Iterator[LayerRows]:
        packed = _packed(output)
        is_stack = isinstance(module, nn.RNNBase)
        if name in self._sequences and (activations.ndim == 3 or packed is not None or is_stack):
            time_first = self._sequences[name]
            returned = activations if packed is None else packed
            yield from self._of_sequences(call, Sequences.of(returned, time_first=time_first))
            if self._gates and isinstance(module, nn.RNNBase):
                for part, values in gates_of(module, inputs, keywords).items():
                    yield from self._of_sequences(f"{call} {part}", Sequences.of(values, time_first=time_first))
            return
        if activations.ndim == 3 and self._layout == "sample" and name in self._time_first:
            self._warn(
                "time first",
                f"Layer {name!r} has batch_first=False, so its outputs are (tokens, samples, units): with layout"
                f' "sample" time would become the rows, {len(activations)} here. Pass layout="position", which makes'
                " every token of every sample a row, or build the model with batch_first=True.",
            )
        values = as_rows(activations, self._layout)
        yield LayerRows(call, values, self._rows_of(activations, len(values)))

    def _rows_of(self, activations: Tensor, n: int) -> Rows | None:
        """What rows are that are no time steps; of a recurrent model those of (m, d) may be, and nothing is said."""
        if activations.ndim == 2 and self._sequences:
            return None
        each = n // len(activations)
        return Rows("samples") if self._layout == "sample" or activations.ndim == 2 else Rows("locations", each)

    def _of_sequences(self, name: str, sequences: Sequences) -> Iterator[LayerRows]:
        if self._steps is None:
            rows = Rows("time steps", sequences.longest, sequences.alike)
            yield LayerRows(name, sequences.rows, rows)
            return
        for step in self._steps:
            values = sequences.at(step)
            if len(values):
                yield LayerRows(f"{name} (step {step})", values, Rows("time steps", step=step))
            else:
                self._warn(
                    f"step {step}",
                    f"No sequence of layer {name!r} has a time step {step}: the longest has {sequences.longest},"
                    f" 0 to {sequences.longest - 1}. It is not recorded there.",
                )

    def _keep_step(
        self, name: str, module: nn.Module, inputs: Sequence[Any], keywords: Mapping[str, Any], activations: Tensor
    ) -> None:
        """Hold what one call of a loop returned, until the pass ends."""
        parts = {name: activations.clone()}  # before a later operation can overwrite it
        if is_cell(module):
            self._cells.add(name)
        if self._gates and isinstance(module, nn.RNNCellBase) and has_gates(module):
            gates = gates_of_call(module, inputs, keywords)
            parts |= {f"{name} {part}": values for part, values in gates.items()}
            self._cells |= parts.keys()
        for part, values in parts.items():
            held = self._loops.setdefault(part, [])
            if held and held[0].shape[1] != values.shape[1]:
                self._warn(
                    f"widths of {name}",
                    f"Layer {name!r} is called with different widths in one pass, {held[0].shape[1]} and"
                    f" {values.shape[1]}; the calls of the first width are recorded.",
                )
            else:
                held.append(values)


def _packed(output: object) -> PackedSequence | None:
    if isinstance(output, PackedSequence):
        return output
    first = output[0] if isinstance(output, tuple) and output else None
    return first if isinstance(first, PackedSequence) else None


def _of_unbatched_cell(output: object) -> Tensor | None:
    """The hidden state (1, d) of a cell that was given one sample without a batch; None of any other."""
    hidden = output[0] if isinstance(output, tuple) and output else output
    return hidden[None] if isinstance(hidden, Tensor) and hidden.ndim == 1 else None


def _as_steps(steps: Sequence[int]) -> tuple[int, ...]:
    is_listed = isinstance(steps, Sequence) and not isinstance(steps, str)
    chosen = tuple(steps) if is_listed else ()
    whole = all(isinstance(step, int) and not isinstance(step, bool) for step in chosen)
    if not chosen or not whole or len(set(chosen)) < len(chosen):
        raise InvalidInputError(
            N_(
                "steps must be different whole numbers, from 0 or from the end if negative; received {steps!r:.80}."
                " Pass steps=(0, -1) for the first and the last step, or None for all."
            ),
            steps=steps,
        )
    return chosen


def _require_recurrent(
    layers: Mapping[str, nn.Module], sequences: Collection[str], steps: Sequence[int] | None, *, gates: bool
) -> None:
    """Refuse what has nothing to act on."""
    if steps is not None and not sequences:
        raise InvalidInputError(
            N_(
                "steps needs layers that are sequences, of a model with recurrent modules; received {layers}. Leave"
                " steps out, or name the recurrent layers."
            ),
            layers=some_of(layers),
        )
    if gates and not any(has_gates(module) for module in layers.values()) and not gate_modules(layers):
        raise InvalidInputError(
            N_(
                "gates needs nn.LSTM, nn.GRU, nn.RNN, one of their cells, or a recurrent module with submodules such"
                ' as "forget gate" among the layers; received {layers}. Name the recurrent module, or leave gates'
                " out."
            ),
            layers=some_of(layers),
        )

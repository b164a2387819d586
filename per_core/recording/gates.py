"""The gates of torch's recurrent modules and cells, computed from their weights and from what they were given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from per_core.recording.recurrent import is_recurrent

HIDDEN, CELL = "hidden state", "cell state"
NAMES = (HIDDEN, CELL, "input gate", "forget gate", "candidate", "output gate", "reset gate", "update gate")
Parts = dict[str, Tensor]


def has_gates(module: nn.Module) -> bool:
    """Whether hidden states, cell states and gates follow from its weights: one of torch's recurrent modules."""
    return isinstance(module, nn.RNNBase | nn.LSTMCell | nn.GRUCell | nn.RNNCell)


def gate_modules(layers: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """Modules that stand for the gates of recurrent ones of other classes, named as those of torch's are."""
    return {
        f"{name} {part}": inner
        for name, module in layers.items()
        if is_recurrent(module) and not has_gates(module)
        for part, inner in module.named_children()
        if part in NAMES
    }


@torch.no_grad()
def gates_of(module: nn.RNNBase, inputs: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Hidden state, cell state and gates of every stacked layer and direction, from the module's own weights.

    The gates are after their non-linearity. The hidden state that the module itself returns, of the last layer in a
    single direction, is left out. Dropout between the layers is not applied.

    Args:
        module: nn.LSTM, nn.GRU or nn.RNN.
        inputs: positional arguments of its forward pass.
        keywords: arguments by keyword.

    Returns:
        "layer 1 backward forget gate" -> activations in the form of the module's output, (n, t, d), (t, n, d), (t, d)
        or packed. The layer is named if there are several, the direction if there are two.
    """
    sequences, state = _given(*inputs, **keywords)
    packed = sequences if isinstance(sequences, PackedSequence) else None
    data, sizes, restore = _by_step(sequences, batch_first=module.batch_first)
    data = data.to(next(module.parameters()).dtype)
    directions = ("forward", "backward") if module.bidirectional else ("",)
    found: dict[str, Any] = {}
    with torch.autocast(data.device.type, enabled=False):
        for layer in range(module.num_layers):
            hidden = []
            for number, direction in enumerate(directions):
                start = _start(module, state, layer * len(directions) + number, sizes[0], data, packed)
                suffix = f"_l{layer}" + "_reverse" * number
                parts = _run(module, suffix, data, sizes, start, is_backward=number == 1)
                place = f"layer {layer + 1}" if module.num_layers > 1 else ""
                is_output = layer == module.num_layers - 1 and not module.bidirectional
                for name, values in parts.items():
                    if not (is_output and name == HIDDEN):
                        found[" ".join(filter(None, (place, direction, name)))] = restore(values)
                hidden.append(parts[HIDDEN])
            data = torch.cat(hidden, dim=1)
    return found


@torch.no_grad()
def gates_of_call(cell: nn.RNNCellBase, inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Parts:
    """Cell state and gates (n, d) of one call of torch's cells; its hidden state is what it returns."""
    given, state = _given(*inputs, **keywords)
    with torch.autocast(cell.weight_ih.device.type, enabled=False):
        data = given.to(cell.weight_ih.dtype).reshape(-1, cell.input_size)
        states = state if isinstance(state, tuple) else (state, state)
        zeros = data.new_zeros(len(data), cell.hidden_size)
        h, c = (zeros if one is None else one.to(data.dtype).reshape(len(data), -1) for one in states)
        kind = "LSTM" if isinstance(cell, nn.LSTMCell) else "GRU" if isinstance(cell, nn.GRUCell) else "RNN"
        parts = _FORMULAS[kind](
            nn.functional.linear(data, cell.weight_ih, cell.bias_ih),
            nn.functional.linear(h, cell.weight_hh, cell.bias_hh),
            h,
            c,
            getattr(cell, "nonlinearity", ""),
        )
    del parts[HIDDEN]
    return parts


def _lstm(from_input: Tensor, from_hidden: Tensor, _h: Tensor, c: Tensor, _non_linearity: str) -> Parts:
    i, f, g, o = (from_input + from_hidden).chunk(4, dim=1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    cell = f * c + i * g
    gates = {"input gate": i, "forget gate": f, "candidate": g, "output gate": o}
    return {HIDDEN: o * cell.tanh(), CELL: cell, **gates}


def _gru(from_input: Tensor, from_hidden: Tensor, h: Tensor, _c: Tensor, _non_linearity: str) -> Parts:
    """The reset gate acts on W h + b, as in torch, not on h."""
    reset, update = (from_input + from_hidden).sigmoid().chunk(3, dim=1)[:2]
    candidate = (from_input.chunk(3, dim=1)[2] + reset * from_hidden.chunk(3, dim=1)[2]).tanh()
    hidden = (1 - update) * candidate + update * h
    return {HIDDEN: hidden, "reset gate": reset, "update gate": update, "candidate": candidate}


def _rnn(from_input: Tensor, from_hidden: Tensor, _h: Tensor, _c: Tensor, non_linearity: str) -> Parts:
    total = from_input + from_hidden
    return {HIDDEN: total.relu() if non_linearity == "relu" else total.tanh()}


_FORMULAS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor, str], Parts]] = {
    "LSTM": _lstm,
    "GRU": _gru,
    "RNN": _rnn,
}


def _run(
    module: nn.RNNBase, suffix: str, data: Tensor, sizes: list[int], start: tuple[Tensor, Tensor], *, is_backward: bool
) -> Parts:
    """One layer in one direction over the rows (m, d) of all steps, of which there are `sizes` at each."""
    weight = {name: getattr(module, f"{name}{suffix}", None) for name in ("weight_hh", "bias_hh", "weight_hr")}
    from_input = torch.split(
        nn.functional.linear(data, getattr(module, f"weight_ih{suffix}"), getattr(module, f"bias_ih{suffix}", None)),
        sizes,
    )
    mode = module.mode.partition("_")[0]
    non_linearity = getattr(module, "nonlinearity", "")
    h, c = (one.clone() for one in start)  # of sequences that have ended, or going back not begun, as they are
    steps: list[Parts] = [{}] * len(sizes)
    for t in reversed(range(len(sizes))) if is_backward else range(len(sizes)):
        n = sizes[t]
        from_hidden = nn.functional.linear(h[:n], weight["weight_hh"], weight["bias_hh"])  # type: ignore[arg-type]
        parts = _FORMULAS[mode](from_input[t], from_hidden, h[:n], c[:n], non_linearity)
        if weight["weight_hr"] is not None:
            parts[HIDDEN] = nn.functional.linear(parts[HIDDEN], weight["weight_hr"])
        h[:n] = parts[HIDDEN]
        c[:n] = parts.get(CELL, c[:n])
        steps[t] = parts
    return {name: torch.cat([parts[name] for parts in steps]) for name in steps[0]}


def _by_step(
    sequences: Tensor | PackedSequence, *, batch_first: bool
) -> tuple[Tensor, list[int], Callable[[Tensor], Any]]:
    """Rows (m, d) step by step, how many there are at each, and a function back to the form that was given."""
    if isinstance(sequences, PackedSequence):
        given = sequences
        return given.data, given.batch_sizes.tolist(), lambda rows: PackedSequence(rows, *given[1:])
    if sequences.ndim == 2:
        return sequences, [1] * len(sequences), lambda rows: rows
    by_time = sequences.transpose(0, 1) if batch_first else sequences
    t, n = by_time.shape[:2]

    def restore(rows: Tensor) -> Tensor:
        values = rows.view(t, n, -1)
        return values.transpose(0, 1) if batch_first else values

    return by_time.flatten(0, 1), [n] * t, restore


def _start(
    module: nn.RNNBase, state: Any, place: int, n: int, data: Tensor, packed: PackedSequence | None
) -> tuple[Tensor, Tensor]:
    """The states (n, d) that one layer in one direction begins with, hidden and cell; zeros if none was given."""
    states = state if isinstance(state, tuple) else (state, state)

    def of(one: Tensor | None, width: int) -> Tensor:
        if one is None:
            return data.new_zeros(n, width)
        own = one[place].to(data.dtype).reshape(n, -1)
        return own if packed is None or packed.sorted_indices is None else own[packed.sorted_indices]

    return of(states[0], module.proj_size or module.hidden_size), of(states[1], module.hidden_size)


def _given(input: Any, hx: Any = None) -> tuple[Any, Any]:
    """What was given to a recurrent module: the sequences, and the states that it begins with or None."""
    return input, hx

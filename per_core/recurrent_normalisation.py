"""Normalisation inside an LSTM: of what the input and the state before give, and of the cell, at every time step.

With N the normaliser, which has a scale γ of its own in each of its three places and, in the last, a shift β,

    i, f, g, o = N(W_h h; γ_h) + N(W_x x; γ_x) + b
    c' = σ(f) c + σ(i) tanh(g)
    h' = σ(o) tanh(N(c'; γ_c, β_c))

Recurrent batch normalisation takes the statistics of a minibatch separately at every time step, as those of the first
steps differ from those of the later ones; γ and β are the same at all. γ is 0.1 at first, so that gates begin where
their derivatives are largest. Layer and RMS normalisation take theirs over the units of a row, all four gates together.

References: Cooijmans, Ballas, Laurent, Gülçehre and Courville, "Recurrent batch normalization", ICLR 2017, arXiv
1603.09025, section 3; Ba, Kiros and Hinton, "Layer normalization" (2016), arXiv 1607.06450, whose LSTM has these
three places as well. RMS normalisation in the same places, and no shift in the first two, are our choices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Protocol

import torch
from torch import Tensor, nn

from per_core.arguments import FLOATS, require_count, require_eps, require_momentum, require_statistics
from per_core.errors import InvalidInputError
from per_core.text import N_

GATES = ("input gate", "forget gate", "candidate", "output gate")  # i, f, g, o, in the order of torch.nn.LSTM
CELL = "cell state"
State = tuple[Tensor, Tensor]  # h and c, (1, n, d) each


class Normaliser(Protocol):
    """Makes what normalises units inside an LSTM."""

    def __call__(self, num_features: int, *, shift: bool) -> nn.Module:
        """A module that is called with (..., num_features) and the number of the first time step; shift is β."""


class RecurrentBatchNorm(nn.Module):
    """Batch normalisation with statistics of every time step; one scale and one shift for all.

    Args:
        num_features: number of units d.
        steps: T_max, the longest sequence in training; evaluation uses the population statistics of the last of these
            time steps for later ones.
        scale: γ at first, the same for all units.
        momentum: share of the newest batch in the population statistics, in [0, 1].
        eps: added to the variance of every unit, greater than 0.
        shift: whether there is a β, 0 at first.

    Raises:
        InvalidInputError: an argument out of range; in forward, not a floating tensor of these shapes, fewer than 2
            rows to take statistics from, in training a time step after the last.

    Example:
        >>> h = torch.tensor([[[1.0], [10.0]], [[3.0], [50.0]]])  # 2 sequences of 2 time steps, one unit
        >>> RecurrentBatchNorm(1, steps=2)(h).squeeze(2).detach()  # every time step by itself, times γ = 0.1
        tensor([[-0.1000, -0.1000],
                [ 0.1000,  0.1000]])
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        num_features: int,
        steps: int,
        *,
        scale: float = 0.1,
        momentum: float = 0.1,
        eps: float = 1e-5,
        shift: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = require_count(num_features, "num_features")
        self.steps = require_count(steps, "steps")
        if require_momentum(momentum) is None:
            raise InvalidInputError(N_("momentum must be a number in [0, 1]; received None. The usual value is 0.1."))
        self.momentum = float(momentum)
        self.eps = require_eps(eps)
        self.weight = nn.Parameter(torch.full((num_features,), float(scale)))
        self.bias = nn.Parameter(torch.zeros(num_features)) if shift else None
        self.register_buffer("running_mean", torch.zeros(steps, num_features))
        self.register_buffer("running_var", torch.ones(steps, num_features))

    def forward(self, activations: Tensor, step: int = 0) -> Tensor:
        """Normalise the activations of a time step, (n, d), or of those that begin with it, (n, t, d), counted from 0.

        Every unit of every time step is, to torch, a unit of its own.
        """
        steps = self._require(activations, step)
        mean, variance = (_from(values, step, steps).flatten() for values in (self.running_mean, self.running_var))
        scale, shift = (
            values if values is None or steps == 1 else values.repeat(steps) for values in (self.weight, self.bias)
        )
        normalised = nn.functional.batch_norm(
            activations.flatten(1), mean, variance, scale, shift, self.training, self.momentum, self.eps
        )
        return normalised.view_as(activations)

    def _require(self, activations: Tensor, step: int) -> int:
        """How many time steps these are."""
        if (
            activations.ndim not in (2, 3)
            or activations.dtype not in FLOATS
            or activations.shape[-1] != self.num_features
        ):
            raise InvalidInputError(
                N_(
                    "activations must be a floating tensor of shape (n, {num_features}) or (n, t, {num_features});"
                    " received {dtype} of shape {shape}. Reshape it, or set num_features to its last dimension."
                ),
                num_features=self.num_features,
                dtype=activations.dtype,
                shape=tuple(activations.shape),
            )
        steps = activations.shape[1] if activations.ndim == 3 else 1
        if self.training:
            require_statistics(activations.shape[0], N_(", or eval() for the population statistics"))
            if step + steps > self.steps:
                raise InvalidInputError(
                    N_(
                        "A sequence in training may have {steps} time steps; received {received}. Shorten it, or set"
                        " steps to the longest."
                    ),
                    steps=self.steps,
                    received=step + steps,
                )
        return steps

    def extra_repr(self) -> str:
        """The arguments, for print."""
        return f"{self.num_features}, {self.steps}, momentum={self.momentum}, eps={self.eps}"


def _from(values: Tensor, step: int, steps: int) -> Tensor:
    """Rows step, step + 1, ... of (T, d), the last one repeated after it; a view where there are enough."""
    last = len(values) - 1
    known = values[min(step, last) : step + steps]
    return known if len(known) == steps else torch.cat([known, values[-1:].expand(steps - len(known), -1)])


class RecurrentLayerNorm(nn.LayerNorm):
    """Layer normalisation of (..., num_features), at every time step the same; arguments as of torch.nn.LayerNorm."""

    def __init__(self, num_features: int, *, eps: float = 1e-5, shift: bool = True) -> None:
        super().__init__(require_count(num_features, "num_features"), require_eps(eps), bias=shift)

    def forward(self, activations: Tensor, step: int = 0) -> Tensor:
        """Normalise the rows, of whatever time step."""
        del step
        return super().forward(activations)


class RecurrentRMSNorm(nn.RMSNorm):
    """RMS normalisation of (..., num_features), at every time step the same; it has no shift anywhere.

    A row of zeros, of a word that is dropped before the state has begun, multiplies its gradient by 1/√eps, and so does
    every time step of them: eps is that of layer normalisation, with the usual 1e-8 the gradient overflows.
    """

    def __init__(self, num_features: int, *, eps: float = 1e-5, shift: bool = False) -> None:
        del shift
        super().__init__(require_count(num_features, "num_features"), require_eps(eps))

    def forward(self, activations: Tensor, step: int = 0) -> Tensor:
        """Normalise the rows, of whatever time step."""
        del step
        return super().forward(activations)


class NormalisedLSTM(nn.Module):
    """An LSTM of one layer that is normalised inside; without a normaliser it computes what torch.nn.LSTM does.

    It is called as torch.nn.LSTM with `batch_first`, and its weights have the same names; of torch's two biases, whose
    sum alone counts, it has the first. In evaluation mode gates and cell state pass through submodules of these names,
    for hooks that look at them: (n, t, d) each, gates after their non-linearity, c as it is carried on.

    Args:
        inputs: units of the input.
        units: d, of the state.
        normalisers: make what normalises; of several, those named before act first.

    Raises:
        InvalidInputError: inputs or units below 1; in forward, not a floating tensor (n, t, inputs) of a time step at
            least.

    Example:
        >>> from functools import partial
        >>> lstm = NormalisedLSTM(8, 16, partial(RecurrentBatchNorm, steps=35))
        >>> outputs, (h, c) = lstm(torch.randn(20, 35, 8))
        >>> outputs.shape, h.shape
        (torch.Size([20, 35, 16]), torch.Size([1, 20, 16]))
    """

    batch_first = True

    def __init__(self, inputs: int, units: int, *normalisers: Normaliser) -> None:
        super().__init__()
        self.input_size = require_count(inputs, "inputs")
        self.hidden_size = require_count(units, "units")
        self.weight_ih_l0 = nn.Parameter(torch.empty(4 * units, inputs))
        self.weight_hh_l0 = nn.Parameter(torch.empty(4 * units, units))
        self.bias_ih_l0 = nn.Parameter(torch.empty(4 * units))
        self.norm_input = nn.ModuleList(make(4 * units, shift=False) for make in normalisers)
        self.norm_hidden = nn.ModuleList(make(4 * units, shift=False) for make in normalisers)
        self.norm_cell = nn.ModuleList(make(units, shift=True) for make in normalisers)
        for name in (*GATES, CELL):
            self.add_module(name, nn.Identity())
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the weights as torch.nn.LSTM does, uniform within ±1/√d; the bias is 0, of the forget gate 1."""
        for weight in (self.weight_ih_l0, self.weight_hh_l0):
            nn.init.uniform_(weight, -1 / math.sqrt(self.hidden_size), 1 / math.sqrt(self.hidden_size))
        begin_bias(self.bias_ih_l0)

    def forward(
        self,
        inputs: Tensor,
        state: State | None = None,
        *,
        mask: Tensor | None = None,
        ahead: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, State]:
        """Outputs h of every time step, (n, t, d), and the last h and c, (1, n, d) each.

        Args:
            inputs: (n, t, inputs).
            state: h and c before the first time step, (1, n, d) each; zeros if None.
            mask: (n, d), what h is multiplied by on its way into the next time step, the same at each.
            ahead: what acts on W_x x of all time steps, (n, t, 4d), before it is normalised.
        """
        if inputs.ndim != 3 or inputs.shape[1] == 0 or inputs.shape[2] != self.input_size:
            raise InvalidInputError(
                N_(
                    "inputs must have shape (n, t, {input_size}) with at least one time step; received {shape}. Put"
                    " the samples first and the units last."
                ),
                input_size=self.input_size,
                shape=tuple(inputs.shape),
            )
        mapped = nn.functional.linear(inputs, self.weight_ih_l0)
        if ahead is not None:
            mapped = ahead(mapped)
        if state is None:
            h = c = mapped.new_zeros(len(mapped), self.hidden_size)
        else:
            h, c = (part.squeeze(0) for part in state)
        from_inputs = (_normalised(mapped, self.norm_input, 0) + self.bias_ih_l0).transpose(0, 1).contiguous()
        weight = self.weight_hh_l0.t()
        hidden: list[Tensor] = []
        inside: list[tuple[Tensor, ...]] = []
        for step, from_input in enumerate(from_inputs):
            before = h if mask is None else h * mask
            if len(self.norm_hidden):
                gates = from_input + _normalised(before @ weight, self.norm_hidden, step)
            else:
                gates = torch.addmm(from_input, before, weight)
            i, f, g, o = gates.chunk(4, dim=1)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            c = f * c + i * g
            h = o * _normalised(c, self.norm_cell, step).tanh()
            hidden.append(h)
            if not self.training:
                inside.append((i, f, g, o, c))
        for name, values in zip((*GATES, CELL), zip(*inside, strict=True), strict=False):
            self.get_submodule(name)(torch.stack(values, dim=1))
        return torch.stack(hidden, dim=1), (h.unsqueeze(0), c.unsqueeze(0))

    def extra_repr(self) -> str:
        """The arguments, for print."""
        return f"{self.input_size}, {self.hidden_size}"


@torch.no_grad()
def begin_bias(bias: Tensor) -> None:
    """Set the bias of an LSTM, (4d,), to 0, and to 1 for the forget gate, so that it keeps the cell at first."""
    bias.zero_()
    bias.chunk(4)[GATES.index("forget gate")].fill_(1)


def _normalised(values: Tensor, normalisers: Iterable[nn.Module], step: int) -> Tensor:
    for normaliser in normalisers:
        values = normaliser(values, step)
    return values

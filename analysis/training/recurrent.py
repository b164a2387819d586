"""Language models: an embedding, layers of LSTM, and an output that predicts the word after every word.

Dropout, at the rate r of the spec, is one of two:

    plain         each element of what goes into a layer or into the output is dropped by itself       Zaremba et al.
    variational   one mask a sequence, the same at every time step, of what goes into a layer or into the output; at
                  0.6 r one of the state h on its way into the next step, and of whole words, which are dropped
                  wherever they stand in the sequence                                                Gal, Ghahramani

0.6 is the ratio of the published 0.3 to 0.5. The four gates share a mask, and a sequence is a window of the text.

Weights begin as those of Merity et al., uniform: the embedding and the output within ±0.1, an LSTM of d units within
±1/√d. That biases are 0, of the forget gates 1, and that there is only one (torch's second one stays 0), are our
choices: so every method begins with the same network, whatever computes its cell.

Methods that act on the output of a layer act on its hidden states h, before dropout. Batch, layer and RMS normalisation
are put inside the cell; whatever else acts before the non-linearity acts on W_x x, 4d units, before it goes into the
cell, as batch normalisation does in Laurent et al. Where any of these is, or variational dropout, the cell is computed
one time step after the other instead of by torch's own LSTM. For methods a row is one time step of one sequence. All
this the authors of the paper do not say: it is our choice.

References: Joo, Kang and Kim (ICLR 2020), section 4.3; Zaremba, Sutskever and Vinyals, "Recurrent neural network
regularization" (2014); Gal and Ghahramani, "A theoretically grounded application of dropout in recurrent neural
networks", NeurIPS 2016, and the code published with it; Merity, Keskar and Socher, "Regularizing and optimizing LSTM
language models", ICLR 2018; Laurent, Pereyra, Brakel, Zhang and Bengio, "Batch normalized recurrent neural networks",
ICASSP 2016; Inan, Khosravi and Socher, "Tying word vectors and word classifiers", ICLR 2017, for the tied output.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn

from analysis.training.hidden_layer import HiddenLayer
from per_core.recurrent_normalisation import NormalisedLSTM, Normaliser, begin_bias

WITHIN = 0.6  # of the rate of dropout: on the state and on whole words
INPUT_WEIGHT, STATE_WEIGHT, BIAS, SECOND_BIAS = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"  # of torch
EMBEDDING = 0.1  # the weights of embedding and output begin within ±


class RecurrentLayer(HiddenLayer):
    """An LSTM, whose places are W_x x, (n·t, 4d), and its hidden states h, (n·t, d).

    Args:
        inputs: units of the input.
        units: d.
        dropout: rate of the mask of h on its way into the next time step.

    Attributes:
        cell: torch's LSTM, or one that is computed step by step where something acts inside.
        state: h and c after the last time step of the last call, (2, 1, n, d), without their history; None at first.
    """

    state: Tensor | None

    def __init__(self, inputs: int, units: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.cell: nn.LSTM | NormalisedLSTM = nn.LSTM(inputs, units, batch_first=True)
        self.cell.get_parameter(SECOND_BIAS).requires_grad_(False)
        self.pre_activation = nn.Sequential()
        self.output = nn.Sequential()
        self.dropout = dropout
        self.register_buffer("state", None, persistent=False)
        if dropout > 0:
            self.unroll()

    def unroll(self, *normalisers: Normaliser) -> None:
        """Compute the cell step by step from now on, normalised by these, with the weights that it has."""
        kept = self.cell
        self.cell = NormalisedLSTM(kept.input_size, kept.hidden_size, *normalisers)
        for name in (INPUT_WEIGHT, STATE_WEIGHT, BIAS):
            setattr(self.cell, name, kept.get_parameter(name))

    def forward(self, inputs: Tensor) -> Tensor:
        """Hidden states (n, t, d) of inputs (n, t, k), from where the call before ended if it had as many sequences."""
        state = None
        if self.state is not None and self.state.shape[2] == len(inputs):
            h, c = self.state.to(inputs.dtype)  # autocast may have been on in the call before
            state = h, c
        if isinstance(self.cell, nn.LSTM):
            hidden, state = self.cell(inputs, state)
        else:
            ahead = partial(_on_rows, self.pre_activation)
            hidden, state = self.cell(inputs, state, mask=self._mask(inputs), ahead=ahead)
        self.state = torch.stack(state).detach()
        return _on_rows(self.output, hidden)

    def _mask(self, like: Tensor) -> Tensor | None:
        if not self.training or self.dropout == 0:
            return None
        return nn.functional.dropout(like.new_ones(len(like), self.cell.hidden_size), self.dropout)

    @torch.no_grad()
    def begin(self, generator: torch.Generator) -> None:
        """Draw the weights; torch's second bias is 0, and is not learnt."""
        bound = 1 / math.sqrt(self.cell.hidden_size)
        for name in (INPUT_WEIGHT, STATE_WEIGHT):
            nn.init.uniform_(self.cell.get_parameter(name), -bound, bound, generator=generator)
        begin_bias(self.cell.get_parameter(BIAS))
        if isinstance(self.cell, nn.LSTM):
            nn.init.zeros_(self.cell.get_parameter(SECOND_BIAS))


def _on_rows(place: nn.Module, values: Tensor) -> Tensor:
    """What methods make of sequences (n, t, d), given every time step of every sequence as a row."""
    rows: Tensor = place(values.flatten(0, 1))
    return rows.reshape(*values.shape[:2], rows.shape[1])


class WordEmbedding(nn.Embedding):
    """A vector for every word; in training, words of a sequence are dropped at a rate, wherever they stand in it."""

    def __init__(self, vocabulary: int, units: int, *, dropout: float) -> None:
        super().__init__(vocabulary, units)
        self.dropout = dropout

    def forward(self, words: Tensor) -> Tensor:
        """Vectors (n, t, units) of words (n, t)."""
        vectors = super().forward(words)
        if not self.training or self.dropout == 0:
            return vectors
        kept = nn.functional.dropout(vectors.new_ones(len(words), self.num_embeddings), self.dropout)
        return vectors * kept.gather(1, words).unsqueeze(-1)


class SequenceDropout(nn.Dropout1d):
    """Dropout of units (n, t, d) with one mask a sequence."""

    def forward(self, values: Tensor) -> Tensor:
        """Drop the same units at every time step."""
        return super().forward(values.transpose(1, 2)).transpose(1, 2)


class TiedOutput(nn.Module):
    """The linear map to the words whose weights are those of the embedding; its own are the biases."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, values: Tensor, weight: Tensor) -> Tensor:
        """Logits (..., vocabulary) of values (..., d), weight (vocabulary, d)."""
        return nn.functional.linear(values, weight, self.bias)


class LanguageModel(nn.Module):
    """A language model of `RecurrentLayer`s, called "layer 1", "layer 2", ...

    The state of the layers goes from one call to the next, without its history, so that windows of a text are read one
    after the other: truncated back-propagation. A call with another number of sequences begins with zeros.

    Args:
        vocabulary: number of words.
        units: of the embedding and of every layer.
        layers: their number.
        dropout: its rate.
        tied: whether the output has the weights of the embedding.
        variational: whether dropout is.
    """

    def __init__(
        self, vocabulary: int, units: int, layers: int, *, dropout: float, tied: bool, variational: bool
    ) -> None:
        super().__init__()
        within = WITHIN * dropout if variational else 0.0
        drop = SequenceDropout if variational else nn.Dropout
        self.embedding = WordEmbedding(vocabulary, units, dropout=within)
        for number in range(1, layers + 1):
            self.add_module(f"dropout {number}", drop(dropout))
            self.add_module(f"layer {number}", RecurrentLayer(units, units, dropout=within))
        self.add_module(f"dropout {layers + 1}", drop(dropout))
        self.output = TiedOutput(vocabulary) if tied else nn.Linear(units, vocabulary)

    @property
    def layers(self) -> tuple[RecurrentLayer, ...]:
        """The recurrent layers, from input to output."""
        return tuple(module for module in self.children() if isinstance(module, RecurrentLayer))

    @property
    def state(self) -> tuple[Tensor | None, ...]:
        """Of every layer h and c after the last time step of the last call, (2, 1, n, d); None after `restart`."""
        return tuple(layer.state for layer in self.layers)

    def restart(self) -> None:
        """Forget the state: the next call begins with zeros."""
        for layer in self.layers:
            layer.state = None

    @torch.no_grad()
    def begin(self, generator: torch.Generator) -> None:
        """Draw the weights, in the order of the layers."""
        nn.init.uniform_(self.embedding.weight, -EMBEDDING, EMBEDDING, generator=generator)
        for layer in self.layers:
            layer.begin(generator)
        if isinstance(self.output, nn.Linear):
            nn.init.uniform_(self.output.weight, -EMBEDDING, EMBEDDING, generator=generator)
        self.output.bias.zero_()

    def forward(self, words: Tensor) -> Tensor:
        """Logits (n·t, vocabulary) of the words that follow words (n, t), whole numbers of any dtype."""
        values = self.embedding(words.long())
        for module in self.children():
            if isinstance(module, RecurrentLayer | nn.Dropout | SequenceDropout):
                values = module(values)
        logits: Tensor = (
            self.output(values, self.embedding.weight) if isinstance(self.output, TiedOutput) else self.output(values)
        )
        return logits.flatten(0, 1)

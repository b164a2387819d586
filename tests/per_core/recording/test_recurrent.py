"""What is recorded of recurrent layers: a row is a time step; chosen steps; the gates, against a formula in numpy."""

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from per_core import InvalidInputError, Recorder, open_run
from per_core.recording.gates import gates_of
from per_core.recording.layer_selection import select_layers
from per_core.recording.recurrent import Sequences
from per_core.recording.rows import Rows
from per_core.recording.run_directory import Run
from per_core.recurrent_normalisation import NormalisedLSTM
from tests.per_core.recording.recorded import draw

Array = NDArray[np.float64]
N, T, D, H = 6, 5, 3, 4
PER_STEP = Rows("time steps", T)
GATES = {
    "LSTM": ["cell state", "input gate", "forget gate", "candidate", "output gate"],
    "GRU": ["reset gate", "update gate", "candidate"],
    "RNN": [],
}


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Weights are drawn alike; what warns fails, but where a test expects it."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="PERscope")
        yield


def recorded(folder: Path, model: nn.Module, inputs: object, **options: object) -> Run:
    """The run of one record."""
    with Recorder(model, folder / "run", units=64, **options) as recorder:
        recorder.record(0, inputs=inputs)
    return open_run(folder / "run")


class Holds(nn.Module):
    """A model of one module, called "lstm"."""

    def __init__(self, lstm: nn.Module) -> None:
        super().__init__()
        self.lstm = lstm

    def forward(self, x: Tensor, hx: object = None) -> object:
        return self.lstm(x) if hx is None else self.lstm(x, hx=hx)


def rows_of(run: Run, layer: str) -> Tensor:
    return torch.from_numpy(run.arrays(0)[layer].rows)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def step(kind: str, x: Array, h: Array, c: Array, weights: list[Array], relu: bool) -> dict[str, Array]:
    """One time step of one sequence as the documentation of torch writes it, gate by gate."""
    w_ih, w_hh, b_ih, b_hh = weights
    size = len(c)

    def gate(place: int, reset: Array | float = 1.0) -> Array:
        own = slice(place * size, (place + 1) * size)
        return w_ih[own] @ x + b_ih[own] + reset * (w_hh[own] @ h + b_hh[own])

    if kind == "RNN":
        return {"hidden state": np.maximum(gate(0), 0) if relu else np.tanh(gate(0))}
    if kind == "GRU":
        r, z = sigmoid(gate(0)), sigmoid(gate(1))
        n = np.tanh(gate(2, reset=r))
        return {"hidden state": (1 - z) * n + z * h, "reset gate": r, "update gate": z, "candidate": n}
    i, f, g, o = sigmoid(gate(0)), sigmoid(gate(1)), np.tanh(gate(2)), sigmoid(gate(3))
    c = f * c + i * g
    gates = {"input gate": i, "forget gate": f, "candidate": g, "output gate": o}
    return {"hidden state": o * np.tanh(c), "cell state": c, **gates}


def expected(module: nn.RNNBase, sequence: Array, hidden: Array, cell: Array) -> dict[str, Array]:
    """Every part of every layer and direction of one sequence (t, d), from the states that it begins with."""
    kind, relu = type(module).__name__, module.mode == "RNN_RELU"
    found: dict[str, Array] = {}
    directions = 2 if module.bidirectional else 1
    for layer in range(module.num_layers):
        outputs = []
        for number in range(directions):
            suffix = f"_l{layer}" + "_reverse" * number
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            weights = [getattr(module, name + suffix).detach().double().numpy() for name in names]
            h, c = hidden[layer * directions + number], cell[layer * directions + number]
            steps = []
            for x in sequence[:: -1 if number else 1]:
                steps.append(step(kind, x, h, c, weights, relu))
                h, c = steps[-1]["hidden state"], steps[-1].get("cell state", c)
            parts = {name: np.stack([one[name] for one in steps[:: -1 if number else 1]]) for name in steps[0]}
            layer_name = f"layer {layer + 1} " if module.num_layers > 1 else ""
            direction = ("forward ", "backward ")[number] if directions == 2 else ""
            found |= {f"{layer_name}{direction}{name}": values for name, values in parts.items()}
            outputs.append(parts["hidden state"])
        sequence = np.concatenate(outputs, axis=1)
    return found | {"": sequence}


MODULES: dict[str, Callable[..., nn.RNNBase]] = {
    "LSTM": nn.LSTM,
    "GRU": nn.GRU,
    "RNN": nn.RNN,
    "RNN of ReLU": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
}


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, False), (2, True)])
@pytest.mark.parametrize("batch_first", [True, False])
def test_gates_are_those_of_a_formula_step_by_step(
    tmp_path: Path, kind: str, layers: int, bidirectional: bool, batch_first: bool
) -> None:
    module = MODULES[kind](D, H, layers, bidirectional=bidirectional, batch_first=batch_first)
    x, hidden, cell = draw(N, T, D), draw(layers * (1 + bidirectional), N, H, seed=1), draw(4, N, H, seed=2)
    cell = cell[: len(hidden)]
    state = (hidden, cell) if kind == "LSTM" else hidden
    inputs = x if batch_first else x.transpose(0, 1)
    run = recorded(tmp_path, Holds(module), (inputs, state), gates=True)
    alone = [
        expected(module, x[i].double().numpy(), hidden[:, i].double().numpy(), cell[:, i].double().numpy())
        for i in range(N)
    ]
    last = {"hidden state", "layer 2 hidden state"} if layers == 2 else {"hidden state"}
    names = [f"lstm {name}".rstrip() for name in alone[0] if bidirectional or name not in last]
    assert set(run.layers) == set(names)
    for name in names:
        values = np.stack([one[name.removeprefix("lstm").lstrip()] for one in alone])  # (n, t, d)
        rows = np.concatenate(values if batch_first else values.swapaxes(0, 1))
        np.testing.assert_allclose(rows_of(run, name), rows, atol=2e-6)
        assert run.records[0].rows[name] == PER_STEP


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=6),
    kind=st.sampled_from(["LSTM", "GRU", "RNN"]),
    bidirectional=st.booleans(),
    is_sorted=st.booleans(),
)
def test_packed_sequences_have_the_gates_of_each_alone(
    lengths: list[int], kind: str, bidirectional: bool, is_sorted: bool
) -> None:
    torch.manual_seed(0)
    module = MODULES[kind](D, H, 2, bidirectional=bidirectional)
    lengths = sorted(lengths, reverse=True) if is_sorted else lengths
    x, hidden, cell = draw(len(lengths), 7, D), draw(4, len(lengths), H, seed=1), draw(4, len(lengths), H, seed=2)
    states = [one[: 2 * (1 + bidirectional)] for one in (hidden, cell)]
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=is_sorted)
    found = gates_of(module, (packed, tuple(states) if kind == "LSTM" else states[0]), {})
    alone = [
        expected(module, x[i, : lengths[i]].double().numpy(), *(one[:, i].double().numpy() for one in states))
        for i in range(len(lengths))
    ]
    for name, values in found.items():
        assert isinstance(values, PackedSequence)
        sequences = Sequences.of(values, time_first=False)
        for t in (0, 1, -1):
            own = [one[name][t] for one in alone if len(one[name]) > t]
            np.testing.assert_allclose(sequences.at(t), np.stack(own) if own else np.empty((0, H)), atol=2e-6)
        assert sequences.longest == max(lengths)
        assert sequences.alike == (len(set(lengths)) == 1)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_a_projected_lstm_has_gates_of_its_cell_and_hidden_states_of_the_projection(tmp_path: Path) -> None:
    module, x = nn.LSTM(D, H, 2, proj_size=2, batch_first=True), draw(N, T, D)
    run = recorded(tmp_path, module, x, gates=True)
    assert run.layers["LSTM"] == run.layers["LSTM layer 1 hidden state"] == 2
    assert run.layers["LSTM layer 2 output gate"] == H
    c, o = rows_of(run, "LSTM layer 2 cell state"), rows_of(run, "LSTM layer 2 output gate")
    projected = (o * c.tanh()) @ module.weight_hr_l1.T
    torch.testing.assert_close(rows_of(run, "LSTM"), projected.detach())


# What a row is


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("layout", ["sample", "position"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_a_row_is_a_time_step_whatever_the_layout(tmp_path: Path, kind: str, layout: str, batch_first: bool) -> None:
    module = MODULES[kind](D, H, 2, bidirectional=True, batch_first=batch_first)
    x = draw(N, T, D) if batch_first else draw(T, N, D)
    run = recorded(tmp_path, module, x, layout=layout)
    assert list(run.layers) == [kind]
    assert (run.records[0].layers[kind].n, run.layers[kind]) == (N * T, 2 * H)
    torch.testing.assert_close(rows_of(run, kind), module(x)[0].detach().flatten(0, 1))
    assert run.records[0].rows == {kind: PER_STEP}


def test_a_sequence_without_a_batch_is_one_sequence(tmp_path: Path) -> None:
    module, x = nn.GRU(D, H, 2), draw(T, D)
    run = recorded(tmp_path, module, x, steps=(0, -1), gates=True)
    output = module(x)[0].detach()
    torch.testing.assert_close(rows_of(run, "GRU (step 0)"), output[:1])
    torch.testing.assert_close(rows_of(run, "GRU (step -1)"), output[-1:])
    assert run.layers["GRU layer 1 hidden state (step 0)"] == H


@pytest.mark.parametrize("is_sorted", [True, False])
def test_packed_sequences_have_no_padding_among_their_rows(tmp_path: Path, is_sorted: bool) -> None:
    lengths = torch.tensor([5, 4, 2, 1] if is_sorted else [2, 5, 1, 4])
    packed = pack_padded_sequence(draw(4, 5, D), lengths, batch_first=True, enforce_sorted=is_sorted)
    module = nn.LSTM(D, H)
    model = nn.Sequential(module)
    run = recorded(tmp_path, model, (packed,))
    torch.testing.assert_close(rows_of(run, "0"), module(packed)[0].data.detach())
    assert run.records[0].rows == {"0": Rows("time steps", 5, alike=False)}
    last = recorded(tmp_path / "last", model, (packed,), steps=(-1, 4))
    state = module(packed)[1][0][0].detach()  # the last hidden state of each sequence, in the order of the batch
    torch.testing.assert_close(rows_of(last, "0 (step -1)"), state)
    assert last.records[0].layers["0 (step 4)"].n == 1  # one sequence alone is as long


@pytest.mark.parametrize("batch_first", [True, False])
def test_every_chosen_step_is_a_layer_whose_rows_are_the_sequences(tmp_path: Path, batch_first: bool) -> None:
    module = nn.LSTM(D, H, batch_first=batch_first)
    x = draw(N, T, D)
    run = recorded(tmp_path, module, x if batch_first else x.transpose(0, 1), steps=[0, 3, -1], gates=True)
    own = ["LSTM (step 0)", "LSTM (step 3)", "LSTM (step -1)"]
    assert list(run.layers)[:3] == own
    assert len(run.layers) == 3 * 6
    output = module(x if batch_first else x.transpose(0, 1))[0].detach()
    output = output if batch_first else output.transpose(0, 1)
    for name, t in zip(own, (0, 3, -1), strict=True):
        torch.testing.assert_close(rows_of(run, name), output[:, t])
        assert run.records[0].rows[name] == Rows("time steps", step=t)


def test_a_step_that_no_sequence_has_is_told(tmp_path: Path) -> None:
    model = nn.GRU(D, H, batch_first=True)
    with Recorder(model, tmp_path / "run", steps=(0, 9)) as recorder:
        with pytest.warns(RuntimeWarning, match=r"No sequence of layer 'GRU' has a time step 9: the longest has 5"):
            recorder.record(0, inputs=draw(N, T, D))
        recorder.record(1, inputs=draw(N, T, D))
    assert list(open_run(tmp_path / "run").layers) == ["GRU (step 0)"]


# Cells that are called in a loop


class Looped(nn.Module):
    """Two stacked cells, called once a time step each, and scores from the last hidden state."""

    def __init__(self, kind: Callable[[int, int], nn.RNNCellBase]) -> None:
        super().__init__()
        self.first, self.second, self.head = kind(D, H), kind(H, H), nn.Linear(H, 2)

    def forward(self, x: Tensor) -> Tensor:
        below = above = None
        for t in range(x.shape[1]):
            below = self.first(x[:, t], below)
            above = self.second(below[0] if isinstance(below, tuple) else below, above)
        return self.head(above[0] if isinstance(above, tuple) else above)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_cells_in_a_loop_are_the_stacked_module(tmp_path: Path, kind: str) -> None:
    stack = MODULES[kind](D, H, 2)
    model, x = Looped(getattr(nn, f"{kind}Cell")), draw(N, 20, D)  # more steps than calls of another module
    for layer, cell in enumerate((model.first, model.second)):
        for name, parameter in cell.named_parameters():
            parameter.data.copy_(getattr(stack, f"{name}_l{layer}"))
    run = recorded(tmp_path, model, x, gates=True)
    whole = recorded(tmp_path / "whole", stack, x.transpose(0, 1), gates=True)
    parts = ["", *(f" {gate}" for gate in GATES[kind])]
    assert set(run.layers) == {*(f"{cell}{part}" for cell in ("first", "second") for part in parts), "head"}
    for layer, cell in enumerate(("first", "second"), start=1):
        for part in parts:
            stacked = part and f" layer {layer}{part}"
            name = f"{kind}{stacked}" if part or layer == 2 else f"{kind} layer 1 hidden state"
            torch.testing.assert_close(rows_of(run, f"{cell}{part}"), rows_of(whole, name))
            assert run.records[0].rows[f"{cell}{part}"] == Rows("time steps", 20)
    steps = recorded(tmp_path / "steps", model, x, steps=(2, -1))
    torch.testing.assert_close(rows_of(steps, "second (step -1)"), rows_of(run, "second")[-N:])
    torch.testing.assert_close(rows_of(steps, "first (step 2)"), rows_of(run, "first")[2 * N : 3 * N])


def test_a_cell_without_a_batch(tmp_path: Path) -> None:
    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.LSTMCell(D, H)

        def forward(self, x: Tensor) -> Tensor:
            state = None
            for step in x:
                state = self.cell(step, state)
            return state[0]

    model, x = One(), draw(T, D)
    run = recorded(tmp_path, model, x, layers=["cell"], gates=True)
    torch.testing.assert_close(rows_of(run, "cell")[-1], model(x).detach())
    assert run.records[0].layers["cell forget gate"].n == T


class OwnLSTM(nn.Module):
    """A class of somebody's own, with a module called once a step, and one for the gates of all steps."""

    def __init__(self) -> None:
        super().__init__()
        self.affine, self.forget = nn.Linear(D + H, H), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h, found = x.new_zeros(len(x), H), []
        for t in range(x.shape[1]):
            h = self.affine(torch.cat([x[:, t], h], dim=1)).tanh()
            found.append(h)
        return self.forget(torch.stack(found, dim=1))


def test_a_recurrent_class_of_ones_own_and_what_is_in_it(tmp_path: Path) -> None:
    model = Holds(OwnLSTM())
    assert list(select_layers(model, None)) == ["lstm", "lstm.affine"]
    x = draw(N, 20, D)
    run = recorded(tmp_path, model, x, layers=r"lstm.*")
    output = model.lstm(x).detach()
    for name in ("lstm", "lstm.forget"):
        torch.testing.assert_close(rows_of(run, name), output.flatten(0, 1))
    torch.testing.assert_close(rows_of(run, "lstm.affine").tanh(), output.transpose(0, 1).flatten(0, 1))
    assert run.records[0].rows == dict.fromkeys(("lstm", "lstm.affine", "lstm.forget"), Rows("time steps", 20))


def test_gates_of_a_class_that_has_modules_for_them_are_named_alike(tmp_path: Path) -> None:
    own, lstm, x = NormalisedLSTM(D, H), nn.LSTM(D, H, batch_first=True), draw(N, T, D)
    for name, parameter in lstm.named_parameters():
        parameter.data.copy_(getattr(own, name, torch.zeros(4 * H)))
    runs = [
        recorded(tmp_path / str(i), Holds(one), x, gates=True, layers=["lstm"]) for i, one in enumerate((own, lstm))
    ]
    assert sorted(runs[0].layers) == sorted(runs[1].layers)
    assert len(runs[0].layers) == 6
    for name in runs[1].layers:
        torch.testing.assert_close(*(rows_of(run, name) for run in runs))
        assert runs[0].records[0].rows[name] == PER_STEP


# A language model


class TiedScores(nn.Module):
    """A decoder with the weights of the embedding, and biases of its own."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(words))


class LanguageModel(nn.Module):
    def __init__(self, words: int = 1000, *, flat: bool = True) -> None:
        super().__init__()
        self.embedding, self.drop = nn.Embedding(words, D), nn.Dropout(0.5)
        self.lstms = nn.ModuleList([nn.LSTM(D, H), nn.LSTM(H, D)])
        self.decoder = nn.Linear(D, words)
        self.decoder.weight = self.embedding.weight
        self.flat = flat

    def forward(self, words: Tensor) -> Tensor:
        x = self.drop(self.embedding(words))
        for lstm in self.lstms:
            x = self.drop(lstm(x)[0])
        return self.decoder(x.flatten(0, 1) if self.flat else x)


def test_of_a_language_model_the_decoder_is_recorded_by_name_only(tmp_path: Path) -> None:
    model, words = LanguageModel(), torch.randint(50, (T, N))
    run = recorded(tmp_path, model, words)
    assert {name: (one.n, one.d) for name, one in run.records[0].layers.items()} == {
        "embedding": (N * T, D), "lstms.0": (N * T, H), "lstms.1": (N * T, D),
    }  # fmt: skip
    assert set(run.records[0].rows.values()) == {PER_STEP}
    named = recorded(tmp_path / "named", model, words, layers=["decoder"])
    assert named.layers == {"decoder": 1000}
    assert named.records[0].rows == {}  # samples times steps, or samples: the output does not tell
    steps = recorded(tmp_path / "steps", LanguageModel(flat=False), words, layers=["decoder", "embedding"], steps=[1])
    assert {name: (one.n, one.d) for name, one in steps.records[0].layers.items()} == {
        "embedding (step 1)": (N, D), "decoder (step 1)": (N, 1000),
    }  # fmt: skip
    expected = model.embedding(words[1]).detach()
    torch.manual_seed(0)
    again = recorded(tmp_path / "again", model, words, layers=["embedding"], steps=[1])
    torch.testing.assert_close(rows_of(again, "embedding (step 1)"), expected)


@pytest.mark.parametrize(("words", "is_recorded"), [(1000, False), (999, True)])
def test_a_small_vocabulary_and_tied_scores(words: int, is_recorded: bool) -> None:
    model = LanguageModel(words)
    model.scores = TiedScores(words)
    selected = select_layers(model, None)
    assert ("decoder" in selected, "scores" in selected) == (is_recorded, is_recorded)
    assert {"embedding", "lstms.0", "lstms.1"} <= set(selected)


class Reader(nn.Module):
    """Convolutions, whose outputs have channels in the middle, and an LSTM on what they find."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lstm, self.head = nn.Conv1d(D, 6, 1), nn.LSTM(6, H), nn.Linear(H, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(self.conv(x).permute(2, 0, 1))[0][-1])


def test_where_a_model_convolves_the_recurrent_layers_alone_are_sequences(tmp_path: Path) -> None:
    run = recorded(tmp_path, Reader(), draw(N, D, T))
    assert {name: (one.n, one.d) for name, one in run.records[0].layers.items()} == {
        "conv": (N, 6 * T), "lstm": (N * T, H), "head": (N, 2),
    }  # fmt: skip
    assert run.records[0].rows == {"conv": Rows("samples"), "lstm": PER_STEP}


def test_what_the_rows_of_other_layers_are(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(32, 3))
    for layout, of_images in (("sample", Rows("samples")), ("position", Rows("locations", 16))):
        run = recorded(tmp_path / layout, model, draw(N, 1, 4, 4), layout=layout)
        assert run.records[0].rows == {"0": of_images, "2": Rows("samples")}


# Values, budgets and training steps


def test_nan_and_the_budget_hold_of_time_steps(tmp_path: Path) -> None:
    module, x = nn.LSTM(8, 32, batch_first=True), draw(100, 35, 8)
    x[3, 4] = float("nan")
    run = recorded(tmp_path, module, x, gates=True, budget=200_000, compact=True)
    assert (tmp_path / "run/arrays/000000.safetensors").stat().st_size <= 6 * 200_000
    for name, summary in run.records[0].layers.items():
        assert summary.n == 3500
        assert summary.n_finite == 3500 - 31, name  # from step 4 of 35 on
        assert summary.kept_rows < 3500


def test_empty_sequences_are_told(tmp_path: Path) -> None:
    class Empties(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(D, H, batch_first=True)

        def forward(self, x: Tensor) -> object:
            return self.lstm(x[:0])

    recorder = Recorder(Empties(), tmp_path / "run", layers=["lstm"], gates=True)
    with pytest.warns(RuntimeWarning, match="'lstm' returned no floating tensor"):
        recorder.record(0, inputs=draw(N, T, D))
    assert open_run(tmp_path / "run").layers == {}


def test_training_steps_are_read_alike_and_have_no_gates(tmp_path: Path) -> None:
    model = Looped(nn.GRUCell)
    with Recorder(model, tmp_path / "run", sample_every=1, gates=True) as recorder:
        for _ in range(3):
            model(draw(N, T, D)).sum().backward()
        recorder.record(1)
        recorder.record(2, inputs=draw(N, T, D))
    trained, probed = open_run(tmp_path / "run").records
    assert {name: one.n for name, one in trained.layers.items()} == {"head": 18, "first": 3 * 30, "second": 3 * 30}
    assert trained.rows == {"first": PER_STEP, "second": PER_STEP}
    assert "second reset gate" in probed.layers


def test_modules_for_gates_are_not_looked_for_in_training_steps(tmp_path: Path) -> None:
    model = Holds(NormalisedLSTM(D, H))  # which calls them in evaluation only
    with Recorder(model, tmp_path / "run", layers=["lstm"], sample_every=1, gates=True) as recorder:
        model(draw(N, T, D))[0].sum().backward()
        recorder.record(1)
    assert list(open_run(tmp_path / "run").layers) == ["lstm"]
    with Recorder(model, tmp_path / "training", layers=["lstm"], training=True, gates=True) as recorder:
        with pytest.warns(RuntimeWarning, match="probe does not call lstm input gate, lstm forget gate"):
            recorder.record(0, inputs=draw(N, T, D))
        recorder.record(1, inputs=draw(N, T, D))


def test_every_time_step_is_met_in_training_steps(tmp_path: Path) -> None:
    class Counts(nn.Module):
        """The hidden state of a cell that adds one a step."""

        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.RNN(1, 1, bias=False, nonlinearity="relu", batch_first=True)
            for parameter in self.rnn.parameters():
                nn.init.ones_(parameter)

        def forward(self, x: Tensor) -> Tensor:
            return self.rnn(x)[0]

    model = Counts()
    with Recorder(model, tmp_path / "run", sample_every=1, layers=["rnn"]) as recorder:
        model(torch.ones(64, 8, 1)).sum().backward()
        recorder.record(1)
    values, counts = np.unique(open_run(tmp_path / "run").arrays(0)["rnn"].rows, return_counts=True)
    np.testing.assert_array_equal(values, range(1, 9))
    assert counts.sum() == 64


def test_gates_leave_no_trace_in_the_training(tmp_path: Path) -> None:
    weights = []
    for record in (False, True):
        torch.manual_seed(1)
        model = nn.LSTM(D, H, 2, dropout=0.5, batch_first=True)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        recorder = Recorder(model, tmp_path / "run", gates=True, training=True) if record else None
        for epoch in range(3):
            if recorder is not None:
                recorder.record(epoch, inputs=draw(N, T, D))
            model(draw(N, T, D, seed=epoch))[0].square().mean().backward()
            optimizer.step()
        weights.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    assert torch.equal(*weights)


# What is refused, and runs of before


def test_steps_and_gates_without_a_recurrent_layer_are_refused(tmp_path: Path) -> None:
    plain, lstm = nn.Sequential(nn.Linear(2, 2)), nn.LSTM(2, 2)
    with pytest.raises(InvalidInputError, match=r"steps needs layers that are sequences.*received 0\. Leave steps out"):
        Recorder(plain, tmp_path / "run", steps=(0,))
    with pytest.raises(InvalidInputError, match=r"gates needs nn\.LSTM.*received 0\. Name the recurrent module"):
        Recorder(plain, tmp_path / "run", gates=True)
    for steps in (3, "3", (), (0.5,), (True,), (1, 1)):
        with pytest.raises(InvalidInputError, match=r"steps must be different whole numbers.*steps=\(0, -1\)"):
            Recorder(lstm, tmp_path / "run", steps=steps)
    assert not (tmp_path / "run").exists()


def test_a_run_of_before_is_read_and_not_gone_on_with(tmp_path: Path) -> None:
    model, x = nn.LSTM(D, H, batch_first=True), draw(N, T, D)
    run = recorded(tmp_path, model, x)
    records = run.path / "records.jsonl"
    line = records.read_text()
    before = line[: line.index(', "rows": {')] + "}\n"
    assert before != line
    records.write_text(before)
    assert open_run(run.path).records[0].rows == {}
    assert open_run(run.path).layers == {"LSTM": H}
    with pytest.raises(InvalidInputError, match=r"A run goes on as it began; .* a row of LSTM is all time steps"):
        Recorder(model, run.path, units=64, resume=True)
    records.write_text(line)
    with Recorder(model, run.path, units=64, resume=True) as recorder:
        recorder.record(1, inputs=x)
    assert [record.rows for record in open_run(run.path).records] == [{"LSTM": PER_STEP}] * 2


@pytest.mark.parametrize(
    "what", [{"kind": "rows"}, {"each": "5"}, {"each": True}, {"alike": 1}, {"step": 0.5}, {"kind": ["samples"]}]
)
def test_rows_that_are_none_are_a_damaged_record(tmp_path: Path, what: dict[str, object]) -> None:
    run = recorded(tmp_path, nn.GRU(D, H, batch_first=True), draw(N, T, D))
    records = run.path / "records.jsonl"
    entry = json.loads(records.read_text())
    entry["rows"]["GRU"] |= what
    records.write_text(json.dumps(entry) + "\n")
    with pytest.raises(InvalidInputError, match="line 1 is damaged"):
        open_run(run.path)


@pytest.mark.gpu
@pytest.mark.parametrize("steps", [None, (0, -1)])
def test_packed_sequences_and_gates_on_a_gpu_as_on_the_cpu(tmp_path: Path, steps: tuple[int, ...] | None) -> None:
    model = Holds(nn.LSTM(D, H, 2, bidirectional=True))
    packed = pack_padded_sequence(draw(4, 5, D), torch.tensor([2, 5, 1, 4]), batch_first=True, enforce_sorted=False)
    runs = [
        recorded(tmp_path / device, model.to(device), (packed.to(device),), steps=steps, gates=True)
        for device in ("cpu", "cuda")
    ]
    assert runs[0].layers == runs[1].layers
    for name in runs[0].layers:
        torch.testing.assert_close(rows_of(runs[1], name), rows_of(runs[0], name), atol=1e-5, rtol=1e-4)

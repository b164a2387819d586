"""The normalised LSTM against its formula written sample by sample, and the statistics of every time step."""

from functools import partial

import pytest
import torch
from torch import nn

from per_core import InvalidInputError, NormalisedLSTM, RecurrentBatchNorm
from per_core.recurrent_normalisation import CELL, GATES, RecurrentLayerNorm, RecurrentRMSNorm

N, T, K, D = 6, 4, 3, 5
BATCH, LAYER, RMS = partial(RecurrentBatchNorm, steps=T), RecurrentLayerNorm, RecurrentRMSNorm
EPS = {BATCH: 1e-5, LAYER: 1e-5, RMS: 1e-5}


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def lstm_with(*normalisers) -> NormalisedLSTM:
    """In float64, with weights large enough that every term counts."""
    lstm = NormalisedLSTM(K, D, *normalisers).double()
    for seed, parameter in enumerate(lstm.parameters()):
        parameter.data = normal(*parameter.shape, seed=seed)
    return lstm


def standardised(values: list[torch.Tensor], which) -> list[torch.Tensor]:
    """Rows standardised over the batch or over their units, in sums rather than torch's operators."""
    if which is BATCH:
        mean = sum(values) / len(values)
        variance = sum((row - mean) ** 2 for row in values) / len(values)
        return [(row - mean) / (variance + EPS[which]) ** 0.5 for row in values]
    if which is LAYER:
        return [
            (row - row.sum() / len(row)) / (((row - row.sum() / len(row)) ** 2).sum() / len(row) + EPS[which]) ** 0.5
            for row in values
        ]
    return [row / ((row**2).sum() / len(row) + EPS[which]) ** 0.5 for row in values]


def by_formula(lstm: NormalisedLSTM, which, inputs: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """The equations of Cooijmans et al., one sample after the other, one gate after the other; (n, t, d)."""
    part = dict(lstm.named_parameters())
    hidden, cell = list(h), list(c)
    rows: list[list[torch.Tensor]] = []
    for t in range(inputs.shape[1]):
        from_state = standardised([part["weight_hh_l0"] @ row for row in hidden], which)
        from_input = standardised([part["weight_ih_l0"] @ row for row in inputs[:, t]], which)
        for n in range(len(inputs)):
            total = (
                part["norm_hidden.0.weight"] * from_state[n]
                + part["norm_input.0.weight"] * from_input[n]
                + part["bias_ih_l0"]
            )
            i, f, g, o = (total[gate * D : (gate + 1) * D] for gate in range(4))
            cell[n] = cell[n] / (1 + torch.exp(-f)) + torch.tanh(g) / (1 + torch.exp(-i))
            hidden[n] = 1 / (1 + torch.exp(-o))
        shift = part.get("norm_cell.0.bias", 0.0)
        for n, row in enumerate(standardised(cell, which)):
            hidden[n] = hidden[n] * torch.tanh(part["norm_cell.0.weight"] * row + shift)
        rows.append(list(hidden))
    return torch.stack([torch.stack(step) for step in rows], dim=1)


@pytest.mark.parametrize("which", [BATCH, LAYER, RMS])
def test_the_cell_is_its_formula_with_gradients(which):
    lstm = lstm_with(which)
    leaves = [normal(N, T, K, seed=20), normal(N, D, seed=21), normal(N, D, seed=22)]
    results = []
    for compute in (
        lambda x, h, c: lstm(x, (h[None], c[None]))[0],
        lambda x, h, c: by_formula(lstm, which, x, h, c),
    ):
        x, h, c = (leaf.clone().requires_grad_() for leaf in leaves)
        outputs = compute(x, h, c)
        gradients = torch.autograd.grad((outputs * normal(N, T, D, seed=23)).sum(), [x, h, c, *lstm.parameters()])
        results.append([outputs, *gradients])
    torch.testing.assert_close(results[0], results[1])


@pytest.mark.parametrize("which", [BATCH, LAYER, RMS])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_differences(which, training):
    lstm = lstm_with(which).train(training)
    leaves = [normal(3, 2, K, seed=20), normal(1, 3, D, seed=21), normal(1, 3, D, seed=22)]
    mask = normal(3, D, seed=24)

    def outputs(x, h, c, *_parameters):
        return lstm(x, (h, c), mask=mask)[0]

    parameters = tuple(lstm.parameters())
    assert torch.autograd.gradcheck(outputs, (*(leaf.requires_grad_() for leaf in leaves), *parameters))


def test_without_normaliser_it_is_torchs():
    lstm, torchs = NormalisedLSTM(K, D).double(), nn.LSTM(K, D, batch_first=True).double()
    missing = torchs.load_state_dict(lstm_with().state_dict(), strict=False)
    assert (missing.missing_keys, missing.unexpected_keys) == (["bias_hh_l0"], [])
    nn.init.zeros_(torchs.bias_hh_l0)
    lstm.load_state_dict(lstm_with().state_dict())
    state = normal(1, N, D, seed=2), normal(1, N, D, seed=3)
    for given in (None, state):
        torch.testing.assert_close(lstm(normal(N, T, K), given), torchs(normal(N, T, K), given))
    assert lstm(normal(0, T, K))[0].shape == (0, T, D)


def test_it_begins_within_the_bounds_of_torch_and_keeps_the_cell():
    lstm = NormalisedLSTM(K, 16, BATCH)
    assert max(lstm.weight_ih_l0.abs().max(), lstm.weight_hh_l0.abs().max()) <= 0.25
    assert lstm.bias_ih_l0.tolist() == [0.0] * 16 + [1.0] * 16 + [0.0] * 32
    scales = {name: tuple(p.unique().tolist()) for name, p in lstm.named_parameters() if name.startswith("norm")}
    assert scales == {
        "norm_input.0.weight": (pytest.approx(0.1),),
        "norm_hidden.0.weight": (pytest.approx(0.1),),
        "norm_cell.0.weight": (pytest.approx(0.1),),
        "norm_cell.0.bias": (0.0,),
    }, "the shift of the first two is the one bias"


@pytest.mark.parametrize("shift", [True, False])
def test_statistics_are_those_of_every_time_step(shift):
    norm = RecurrentBatchNorm(D, T, momentum=1.0, scale=0.7, shift=shift).double()
    batch = normal(N, T, D) * torch.arange(1.0, T + 1)[:, None] + torch.arange(T)[:, None]
    outputs = norm(batch)
    centred = batch - batch.mean(dim=0)
    torch.testing.assert_close(outputs, 0.7 * centred / (batch.var(dim=0, correction=0) + 1e-5).sqrt())
    torch.testing.assert_close(norm.running_mean, batch.mean(dim=0))
    torch.testing.assert_close(norm.running_var, batch.var(dim=0))
    assert (norm.bias is None) != shift


def test_the_share_of_the_newest_batch():
    norm = RecurrentBatchNorm(D, T, momentum=0.3).double()
    norm(normal(N, T, D))
    torch.testing.assert_close(norm.running_mean, 0.3 * normal(N, T, D).mean(dim=0))
    torch.testing.assert_close(norm.running_var, 0.7 + 0.3 * normal(N, T, D).var(dim=0))


def test_a_step_or_all_at_once_and_a_shorter_sequence_leaves_the_later_steps_alone():
    at_once, by_steps = (RecurrentBatchNorm(D, T).double() for _ in range(2))
    batch = normal(N, T - 1, D)
    outputs = torch.stack([by_steps(batch[:, t], t) for t in range(T - 1)], dim=1)
    torch.testing.assert_close(at_once(batch), outputs)
    torch.testing.assert_close(at_once.state_dict(), by_steps.state_dict())
    assert at_once.running_var[-1].tolist() == [1.0] * D
    assert at_once.running_mean[-1].tolist() == [0.0] * D


def test_evaluation_uses_the_population_of_the_step_and_then_of_the_last():
    norm = RecurrentBatchNorm(D, T).double()
    norm.running_mean.copy_(normal(T, D, seed=1))
    norm.running_var.copy_(normal(T, D, seed=2).square())
    norm.eval()
    batch = normal(1, T + 3, D)
    steps = [min(t, T - 1) for t in range(T + 3)]
    expected = 0.1 * (batch - norm.running_mean[steps]) / (norm.running_var[steps] + 1e-5).sqrt()
    torch.testing.assert_close(norm(batch), expected)
    for t in range(T + 3):
        torch.testing.assert_close(norm(batch[:, t], t), expected[:, t])
    torch.testing.assert_close(norm(batch[:, T + 1 :], T + 1), expected[:, T + 1 :])


def test_population_in_the_cell_is_by_time_step_too():
    """In evaluation a sample does not depend on the others, and a batch of training is what momentum 1 remembers."""
    lstm = lstm_with(partial(RecurrentBatchNorm, steps=T, momentum=1.0))
    inputs = normal(N, T, K, seed=20)
    lstm(inputs)
    state_input = lstm.norm_input[0].running_mean
    torch.testing.assert_close(state_input, (inputs @ lstm.weight_ih_l0.T).mean(dim=0))
    assert lstm.norm_hidden[0].running_mean[0].tolist() == [0.0] * 4 * D, "h is 0 before the first step"
    assert lstm.norm_hidden[0].running_mean[1:].abs().min() > 0
    lstm.eval()
    torch.testing.assert_close(lstm(inputs)[0][:1], lstm(inputs[:1])[0])
    longer, _ = lstm(normal(2, 3 * T, K))
    assert longer.isfinite().all()


def test_the_first_step_without_spread_gives_no_nan():
    lstm = lstm_with(BATCH).float()
    inputs = torch.zeros(N, T, K, requires_grad=True)  # all alike: no variance at any step
    outputs, (h, c) = lstm(inputs)
    outputs.sum().backward()
    assert all(values.isfinite().all() for values in (outputs, h, c, inputs.grad))
    assert all(parameter.grad.isfinite().all() for parameter in lstm.parameters())
    norm = RecurrentBatchNorm(D, T)
    assert norm(torch.full((N, D), 3.0)).abs().max() < 1e-4, "but for how the mean is rounded"


def test_a_mask_drops_the_state_on_its_way_alone():
    lstm = lstm_with()
    masked, _ = lstm(normal(N, T, K), mask=torch.zeros(N, D, dtype=torch.float64))
    with torch.no_grad():
        lstm.weight_hh_l0.zero_()
    torch.testing.assert_close(masked, lstm(normal(N, T, K))[0])


def test_gates_and_cell_are_shown_in_evaluation():
    lstm = lstm_with(LAYER)
    seen: dict[str, torch.Tensor] = {}
    for name in (*GATES, CELL):
        lstm.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
    lstm(normal(N, T, K))
    assert seen == {}
    outputs, (h, c) = lstm.eval()(normal(N, T, K))
    assert list(seen) == ["input gate", "forget gate", "candidate", "output gate", "cell state"]
    assert {tuple(values.shape) for values in seen.values()} == {(N, T, D)}
    i, f, g, o, cell = (seen[name] for name in (*GATES, CELL))
    torch.testing.assert_close(cell[:, 1:], f[:, 1:] * cell[:, :-1] + (i * g)[:, 1:])
    torch.testing.assert_close(outputs, o * lstm.norm_cell[0](cell).tanh())
    torch.testing.assert_close((h[0], c[0]), (outputs[:, -1], cell[:, -1]))


def test_normalisers_act_one_after_the_other_and_after_what_acts_ahead():
    lstm = lstm_with(BATCH, LAYER)
    expected, _ = lstm(normal(N, T, K), ahead=torch.sin)
    first, second = lstm.norm_input
    lstm.norm_input = nn.ModuleList()
    outputs, _ = lstm(normal(N, T, K), ahead=lambda mapped: second(first(mapped.sin())))
    torch.testing.assert_close(outputs, expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RecurrentBatchNorm(0, 3), "num_features must be an integer of at least 1; received 0"),
        (lambda: RecurrentBatchNorm(3, 0), "steps must be an integer of at least 1; received 0"),
        (lambda: RecurrentBatchNorm(3, 3, momentum=None), r"momentum must be a number in \[0, 1\]; received None"),
        (lambda: RecurrentBatchNorm(3, 3, eps=0), "eps must be a finite number greater than 0"),
        (lambda: RecurrentBatchNorm(3, 2)(torch.zeros(4, 3, 3)), "may have 2 time steps; received 3. Shorten"),
        (lambda: RecurrentBatchNorm(3, 2)(torch.zeros(4, 3), 2), "may have 2 time steps; received 3"),
        (lambda: RecurrentBatchNorm(3, 2)(torch.zeros(1, 3)), "at least 2 rows .*; received 1"),
        (lambda: RecurrentBatchNorm(3, 2)(torch.zeros(4, 2)), r"shape \(n, 3\) or \(n, t, 3\); received"),
        (lambda: NormalisedLSTM(0, 3), "inputs must be an integer of at least 1"),
        (lambda: NormalisedLSTM(3, 3)(torch.zeros(4, 0, 3)), r"\(n, t, 3\) with at least one time step; received"),
        (lambda: NormalisedLSTM(3, 3)(torch.zeros(4, 3)), r"\(n, t, 3\) with at least one time step; received \(4, 3"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_words_that_are_dropped_do_not_let_a_gradient_overflow():
    """Time steps of zeros through two layers, as dropout of whole words makes them."""
    torch.manual_seed(0)
    below, above = NormalisedLSTM(8, 8, RecurrentRMSNorm), NormalisedLSTM(8, 8, RecurrentRMSNorm)
    inputs = torch.zeros(3, 5, 8, requires_grad=True)
    outputs, _ = above(below(inputs)[0])
    outputs.sum().backward()
    assert inputs.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in (*below.parameters(), *above.parameters()))

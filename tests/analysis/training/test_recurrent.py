"""Language models: shapes, where they begin, the state from call to call, dropout, and what methods act on."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from analysis.runs.spec import MethodSpec, ModelSpec, TrainingSpec
from analysis.training.footprint import footprint
from analysis.training.layer_methods import Penalty, penalties, penalty, put_in
from analysis.training.models import LSTM_UNITS, build_network, hidden_layers, outline, pass_nothing
from analysis.training.recurrent import LanguageModel, RecurrentLayer, SequenceDropout, TiedOutput, WordEmbedding
from per_core import PER, InvalidInputError, NormalisedLSTM, list_methods, per_gradient
from per_core.recurrent_normalisation import RecurrentBatchNorm, RecurrentLayerNorm
from per_core.whitening import DecorrelatedBatchNorm

LSTM = ModelSpec("lstm", dropout=0.0)
N, T, WORDS, UNITS = 8, 5, 30, 16


def words(n: int = N, t: int = T, seed: int = 0) -> torch.Tensor:
    return torch.randint(WORDS, (n, t), generator=torch.Generator().manual_seed(seed))


def model(spec: ModelSpec = LSTM, method: str | MethodSpec = "vanilla", seed: int = 1) -> LanguageModel:
    network = build_network(spec, (T,), WORDS, width=UNITS / LSTM_UNITS, seed=seed)
    put_in(network, MethodSpec(method) if isinstance(method, str) else method, layers=(), shape=(T,))
    assert isinstance(network, LanguageModel)
    return network


@pytest.mark.parametrize("variational", [False, True])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
def test_shapes(layers, tied, variational):
    network = model(replace(LSTM, recurrent_layers=layers, tied=tied, variational=variational, dropout=0.5))
    assert list(hidden_layers(network)) == [f"layer {number}" for number in range(1, layers + 1)]
    outputs: dict[str, torch.Size] = {}
    for name, layer in hidden_layers(network).items():
        layer.register_forward_hook(lambda _m, _i, out, name=name: outputs.update({name: out.shape}))
    assert network(words()).shape == (N * T, WORDS)
    assert set(outputs.values()) == {(N, T, UNITS)}
    assert {state.shape for state in network.state} == {(2, 1, N, UNITS)}
    weights = 0 if tied else WORDS * UNITS
    learnt = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    assert learnt == WORDS * UNITS + weights + WORDS + layers * (8 * UNITS**2 + 4 * UNITS)


def test_the_size_of_the_paper():
    network = outline(LSTM, (35,), 10_000, width=1.0)
    assert [layer.cell.hidden_size for layer in network.layers] == [650, 650]


def test_rows_of_logits_follow_the_words_of_a_sequence():
    """Logits of a word depend on the words before it and on itself, and on no other sequence."""
    network = model().eval()
    changed = words()
    changed[2, 3] = (changed[2, 3] + 1) % WORDS
    before = network(words()).unflatten(0, (N, T))
    network.restart()
    after = network(changed).unflatten(0, (N, T))
    differs = (before != after).any(dim=2)
    assert differs.nonzero().tolist() == [[2, 3], [2, 4]]


def test_an_outline_and_no_samples():
    for spec in (LSTM, replace(LSTM, variational=True, dropout=0.5, tied=False)):
        network = outline(spec, (T,), WORDS, width=0.1)
        assert all(parameter.is_meta for parameter in network.parameters())
        pass_nothing(network, (T,))


def test_the_state_goes_from_window_to_window():
    network = model().eval()
    whole = network(words(t=2 * T)).unflatten(0, (N, 2 * T))
    network.restart()
    assert network.state == (None, None)
    parts = [network(part).unflatten(0, (N, T)) for part in words(t=2 * T).split(T, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)


@pytest.mark.parametrize("method", ["vanilla", "bn"])
def test_another_number_of_sequences_begins_with_zeros(method):
    network = model(method=method).eval()
    fresh = network(words(3))
    network(words(N, seed=1))
    torch.testing.assert_close(network(words(3)), fresh)
    assert not torch.equal(network(words(3)), fresh), "the same number goes on"
    network.restart()
    torch.testing.assert_close(network(words(3)), fresh)


def test_the_state_goes_on_in_another_precision():
    network = model(replace(LSTM, variational=True, dropout=0.5), "bn+per")
    with torch.autocast("cpu", torch.bfloat16):
        network(words()).float().logsumexp(dim=1).mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
    assert network.eval()(words()).isfinite().all()


def test_no_gradient_goes_back_into_the_window_before():
    network = model()
    network(words())
    assert all(not state.requires_grad for state in network.state)
    network(words(seed=1)).logsumexp(dim=1).mean().backward()
    network(words(seed=2)).logsumexp(dim=1).mean().backward()


def test_the_output_is_the_embedding_where_it_is_tied():
    network = model()
    assert isinstance(network.output, TiedOutput)
    hidden: list[torch.Tensor] = []
    network.layers[-1].register_forward_hook(lambda _m, _i, out: hidden.append(out))
    with torch.no_grad():
        network.output.bias.copy_(torch.arange(WORDS))
    logits = network(words())
    torch.testing.assert_close(logits, hidden[0].flatten(0, 1) @ network.embedding.weight.T + torch.arange(WORDS))
    assert "output.weight" not in dict(network.named_parameters())
    assert "output.weight" in dict(model(replace(LSTM, tied=False)).named_parameters())


def test_where_weights_begin():
    network = build_network(replace(LSTM, tied=False), (T,), 500, width=100 / LSTM_UNITS, seed=0)
    for layer in network.layers:
        for name in ("weight_ih_l0", "weight_hh_l0"):
            weight = layer.cell.get_parameter(name)
            assert weight.abs().max() <= 0.1
            assert weight.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.02)
        forget = torch.zeros(400)
        forget[100:200] = 1
        assert torch.equal(layer.cell.bias_ih_l0, forget)
        assert layer.cell.bias_hh_l0.count_nonzero() == 0
        assert not layer.cell.bias_hh_l0.requires_grad
    for weight in (network.embedding.weight, network.output.weight):
        assert weight.abs().max() <= 0.1
        assert weight.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.02)
    assert network.output.bias.count_nonzero() == 0


def test_building_leaves_the_random_state_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    build_network(replace(LSTM, variational=True, dropout=0.5), (T,), WORDS, width=0.1, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("method", ["vanilla", "bn", "layer_norm", "dbn", "per", "vcl", "bn+per"])
@pytest.mark.parametrize("variational", [False, True])
def test_every_method_begins_with_the_same_weights(method, variational):
    begins, other = (dict(model(seed=seed).named_parameters()) for seed in (3, 4))
    found = dict(model(replace(LSTM, variational=variational, dropout=0.5), method, 3).named_parameters())
    learnt = [name for name, parameter in begins.items() if parameter.requires_grad]
    assert all(torch.equal(found[name], begins[name]) for name in learnt)
    assert not any(torch.equal(other[name], begins[name]) for name in learnt if "weight" in name)


@pytest.mark.parametrize("method", ["vanilla", "per", "l2"])
def test_step_by_step_or_by_torch_it_is_the_same_network(method):
    fused, stepped = model(method=method), model(method=method)
    for layer in stepped.layers:
        layer.unroll()
    results = []
    for network in (fused, stepped):
        for seed in (0, 1):  # from zeros, and from a state
            network.zero_grad()
            loss = network(words(seed=seed)).logsumexp(dim=1).mean() + penalty(penalties(network))
            loss.backward()
        results.append([loss, *(p.grad for name, p in network.named_parameters() if p.requires_grad)])
    torch.testing.assert_close(results[0], results[1])


def test_plain_dropout_is_of_every_element():
    network = model(replace(LSTM, dropout=0.5))
    rates = [module.p for module in network.modules() if isinstance(module, nn.Dropout)]
    assert rates == [0.5, 0.5, 0.5]
    assert all(isinstance(layer.cell, nn.LSTM) for layer in network.layers)
    dropped: list[torch.Tensor] = []
    network.get_submodule("dropout 2").register_forward_hook(lambda _m, _i, out: dropped.append(out == 0))
    network(words())
    assert dropped[0].float().mean().item() == pytest.approx(0.5, abs=0.06)
    assert not (dropped[0] == dropped[0][:, :1]).all()


def test_variational_dropout_has_one_mask_a_sequence():
    network = model(replace(LSTM, dropout=0.5, variational=True))
    assert [module.p for module in network.modules() if isinstance(module, SequenceDropout)] == [0.5, 0.5, 0.5]
    assert [network.embedding.dropout, *(layer.dropout for layer in network.layers)] == [0.3, 0.3, 0.3]
    ones = torch.ones(200, T, UNITS)
    torch.manual_seed(0)
    first, second = (network.get_submodule("dropout 2")(ones) for _ in range(2))
    assert set(first.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(first, first[:, :1].expand_as(first)), "the same units at every time step"
    assert first[:, 0].mean().item() == pytest.approx(1, abs=0.06)
    assert (first[0] != first[1]).any(), "others in every sequence"
    assert (first != second).any(), "others in every window"
    network.eval()
    network.restart()
    first = network(words())
    network.restart()
    assert torch.equal(network(words()), first)


def test_whole_words_are_dropped_wherever_they_stand():
    embedding = WordEmbedding(WORDS, UNITS, dropout=0.3)
    with torch.no_grad():
        embedding.weight.fill_(1)
    text = words(400, 60)
    torch.manual_seed(0)
    vectors = embedding(text)
    assert vectors.unique().tolist() == [0.0, pytest.approx(1 / 0.7)]
    kept = vectors[..., 0] > 0
    assert torch.equal(vectors > 0, kept.unsqueeze(-1).expand_as(vectors))
    for word in range(WORDS):
        of_sequence = [kept[n][text[n] == word] for n in range(400) if (text[n] == word).any()]
        assert all(one.all() or not one.any() for one in of_sequence)
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.02)
    assert embedding.eval()(text).unique().tolist() == [1.0]


def test_the_state_is_masked_the_same_at_every_step():
    layer = RecurrentLayer(1, 64, dropout=0.5)
    masks: list[torch.Tensor | None] = []
    layer.cell.register_forward_pre_hook(lambda _m, _i, given: masks.append(given["mask"]), with_kwargs=True)
    torch.manual_seed(0)
    layer(torch.zeros(200, 3, 1))
    layer.eval()(torch.zeros(200, 3, 1))
    mask, in_evaluation = masks
    assert mask.shape == (200, 64)
    assert mask.unique().tolist() == [0.0, 2.0]
    assert mask.mean().item() == pytest.approx(1.0, abs=0.02)
    assert in_evaluation is None


def test_methods_stand_where_this_project_puts_them():
    layer = model(method="bn+dbn+vcl+per+l1").layers[0]
    assert isinstance(layer.cell, NormalisedLSTM)
    assert [type(norm) for norm in layer.cell.norm_input] == [RecurrentBatchNorm]
    assert layer.cell.norm_cell[0].steps == T
    whitening, vcl = layer.pre_activation
    assert isinstance(whitening, DecorrelatedBatchNorm)
    assert whitening.num_features == vcl.loss.beta.numel() == 4 * UNITS
    per, l1 = layer.output
    assert isinstance(per, PER)
    assert isinstance(l1, Penalty)
    both = model(method="bn+layer_norm").layers[1].cell
    assert [type(norm) for norm in both.norm_cell] == [RecurrentBatchNorm, RecurrentLayerNorm]
    settings = MethodSpec("bn", {"bn.eps": 1e-3, "bn.momentum": 0.4})
    norm = model(method=settings).layers[0].cell.norm_hidden[0]
    assert (norm.eps, norm.momentum) == (1e-3, 0.4)


def test_methods_in_chosen_layers_leave_the_others_to_torch():
    network = build_network(LSTM, (T,), WORDS, width=0.1, seed=0)
    put_in(network, MethodSpec("bn+per"), layers=("layer 2",), shape=(T,))
    first, second = network.layers
    assert isinstance(first.cell, nn.LSTM)
    assert len(first.output) == 0
    assert isinstance(second.cell, NormalisedLSTM)
    assert len(second.output) == 1


@pytest.mark.parametrize("layout", ["sample", "position"])
def test_a_row_is_one_time_step_of_one_sequence(layout):
    network = model(method=MethodSpec("l2", {"l2.weight": 0.3}, layout=layout))
    hidden: list[torch.Tensor] = []
    for layer in network.layers:
        layer.register_forward_hook(lambda _m, _i, out: hidden.append(out))
    network(words())
    expected = sum(0.3 * h.square().sum(dim=2).mean() for h in hidden)
    torch.testing.assert_close(penalty(penalties(network)), expected)


def test_per_pulls_on_the_hidden_states():
    plain, pulled = RecurrentLayer(3, UNITS), RecurrentLayer(3, UNITS)
    pulled.load_state_dict(plain.state_dict())
    pulled.output.append(PER(0.7))
    inputs = torch.randn(N, T, 3, generator=torch.Generator().manual_seed(0))
    gradients, outputs = [], []
    for layer in (plain, pulled):
        layer.cell.register_full_backward_hook(lambda _m, _in, out: gradients.append(out[0]))
        outputs.append(layer(inputs.requires_grad_()))
        outputs[-1].sin().sum().backward()
    expected = 0.7 / (N * T) * per_gradient(outputs[1].detach().flatten(0, 1))
    torch.testing.assert_close((gradients[1] - gradients[0]).flatten(0, 1), expected)


@pytest.mark.parametrize("variational", [False, True])
@pytest.mark.parametrize("key", ["vanilla", *(method.key for method in list_methods()), "bn+per"])
def test_every_method_learns_two_steps(key, variational):
    network = model(replace(LSTM, dropout=0.2, variational=variational), key)
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    torch.manual_seed(0)
    for seed in (0, 1):
        text = words(16, T + 1, seed)
        loss = nn.functional.cross_entropy(network(text[:, :-1]), text[:, 1:].flatten()) + penalty(penalties(network))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert loss.isfinite()
    for name, parameter in network.named_parameters():
        assert parameter.isfinite().all()
        if parameter.requires_grad and not name.endswith("loss.beta"):  # VCL's move by less than float32 shows
            assert not torch.equal(parameter, before[name]), name
    assert network.eval()(words()).isfinite().all()


def test_the_footprint_counts_logits_of_every_word():
    spec = TrainingSpec(model=LSTM, methods=(MethodSpec(),))
    found = footprint(spec, (T,), WORDS, UNITS / LSTM_UNITS)
    values = T * (UNITS + 5 * UNITS + WORDS)  # embedding; three of dropout and two layers; logits
    assert found.sample == 4 * 2 * values
    assert found.networks == 4 * 5 * (WORDS * UNITS + WORDS + 2 * (8 * UNITS**2 + 8 * UNITS))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
def test_only_sequences_of_words(shape):
    with pytest.raises(InvalidInputError, match=r"takes sequences of words, .*; received samples of shape"):
        build_network(LSTM, shape, 10, width=1, seed=0)

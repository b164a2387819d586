import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from analysis.training.data_source import load
from analysis.training.device import is_out_of_memory
from analysis.training.footprint import advice, footprint
from analysis.training.learner import METHODS, Learner, epoch_seed, learning_rate
from analysis.training.models import build_network
from per_core import list_methods

pytestmark = pytest.mark.long

SPEC = TrainingSpec(
    data=DataSpec("mixture", samples=70, dim=8),
    model=ModelSpec("mlp", width=0.1, depth=2, dropout=0.0),
    methods=(MethodSpec(),),
    batch_size=20,
    epochs=5,
    learning_rate=0.1,
)


@pytest.fixture(scope="module")
def data():
    return load(SPEC.data)


def test_a_step_is_that_of_sgd_with_momentum_and_weight_decay(data):
    spec = replace(SPEC, weight_decay=0.01, momentum=0.8, schedule="constant")
    learner = Learner(spec, MethodSpec(), 3, data)
    learner.learn(1)
    network = build_network(spec.model, data.shape, data.classes, width=0.1, seed=3)
    velocity = [torch.zeros_like(p) for p in network.parameters()]
    for inputs, labels in learner.batches(1):
        gradients = torch.autograd.grad(
            nn.functional.cross_entropy(network(inputs), labels), list(network.parameters())
        )
        with torch.no_grad():
            for p, g, v in zip(network.parameters(), gradients, velocity, strict=True):
                v.mul_(0.8).add_(g + 0.01 * p)
                p -= 0.1 * v
    for found, expected in zip(learner.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(found, expected)


def test_numbers_of_sgd_that_a_method_sets_are_those_of_its_network_alone(data):
    own = {"learning_rate": 0.02, "momentum": 0.3, "weight_decay": 0.001}
    alone = Learner(replace(SPEC, **own), MethodSpec(), 3, data)
    beside, plain = (Learner(SPEC, method, 3, data) for method in (MethodSpec(settings=own, name="own"), MethodSpec()))
    for learner in (alone, beside, plain):
        for epoch in (1, 2):
            learner.learn(epoch)
    weights = [nn.utils.parameters_to_vector(one.network.parameters()) for one in (alone, beside, plain)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.allclose(weights[0], weights[2])


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    "method", [MethodSpec("per", {"per.weight": 0.5}, "sum"), MethodSpec("l2", {"l2.weight": 0.1})]
)
def test_mixed_precision_takes_the_same_first_step(data, method, precision):
    def first_step(precision, method):
        learner = Learner(replace(SPEC, mixed_precision=precision), method, 0, data)
        batch = next(learner.batches(1))
        before = nn.utils.parameters_to_vector(learner.network.parameters()).detach()
        learner.network.train()
        change = torch.zeros_like(before)
        while not change.any():  # steps that overflow float16 are skipped until the loss scale has fallen
            learner.step(*batch)
            change = nn.utils.parameters_to_vector(learner.network.parameters()).detach() - before
        return change

    expected, without = first_step("float32", method), first_step("float32", MethodSpec())
    assert (expected - without).norm() > 0.2 * expected.norm()  # which the loss scale must not make vanish
    assert (first_step(precision, method) - expected).norm() < 0.05 * expected.norm()


def test_batches_are_whole_and_every_epoch_has_its_order(data):
    learner = Learner(SPEC, MethodSpec("bn"), 0, data)
    first, again, second = (torch.cat([x for x, _ in learner.batches(epoch)]) for epoch in (1, 1, 2))
    assert len(first) == 60
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert len({tuple(row.tolist()) for row in first}) == 60
    other_method = torch.cat([x for x, _ in Learner(SPEC, MethodSpec(), 0, data).batches(1)])
    assert torch.equal(first, other_method)


def test_the_gradient_is_scaled_down_to_the_largest_norm(data):
    """What is above it is scaled to it, what is below is as without."""

    def first_change(clip):
        learner = Learner(replace(SPEC, momentum=0.0, clip=clip), MethodSpec(), 0, data)
        before = nn.utils.parameters_to_vector(learner.network.parameters()).detach()
        learner.step(*next(learner.batches(1)))
        return (nn.utils.parameters_to_vector(learner.network.parameters()).detach() - before) / SPEC.learning_rate

    whole = first_change(0.0)
    assert torch.equal(first_change(2 * whole.norm().item()), whole)
    clipped = first_change(0.01)
    assert clipped.norm().item() == pytest.approx(0.01, rel=1e-3)
    torch.testing.assert_close(clipped / clipped.norm(), whole / whole.norm(), atol=1e-4, rtol=0)


def test_seeds_of_epochs():
    keys = [(), METHODS]
    assert (
        len({epoch_seed(seed, epoch, spawn_key=key) for seed in range(30) for epoch in range(30) for key in keys})
        == 1800
    )


def dropout_masks(data, key, epochs):
    """Where dropout put a 0 in every step of the epochs."""
    model = ModelSpec("mlp", width=0.1, depth=2, dropout=0.5)
    spec = replace(SPEC, model=model, layers=("layer 1",), learning_rate=0.001)
    learner = Learner(spec, MethodSpec(key), 0, data)
    masks = []
    for module in learner.network.modules():
        if isinstance(module, nn.Dropout):
            module.register_forward_hook(lambda m, _i, out: masks.append(out == 0) if m.training else None)
    for epoch in range(1, epochs + 1):
        learner.learn(epoch)
    return torch.stack([mask.flatten() for mask in masks])


@pytest.mark.parametrize("key", [method.key for method in list_methods()])
def test_dropout_masks_are_the_same_whatever_the_method(data, key):
    expected = dropout_masks(data, "vanilla", 2)
    assert 0.1 < expected.double().mean() < 0.9
    assert torch.equal(dropout_masks(data, key, 2), expected)


@pytest.mark.parametrize("key", ["per_sampled", "vcl", "sw1", "sigreg"])
def test_what_methods_draw_follows_from_seed_and_epoch(data, key):
    """Nothing of the global state plays a part, and epoch 2 is the same from a checkpoint as at one go."""
    spec = replace(SPEC, layers=("layer 1",))
    whole, begun, resumed = (Learner(spec, MethodSpec(key, {f"{key}.weight": 1.0}), 0, data) for _ in range(3))
    whole.learn(1)
    whole.learn(2)
    begun.learn(1)
    resumed.load_state_dict(begun.state_dict())
    torch.manual_seed(99)
    resumed.learn(2)
    for one, other in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_cosine_falls_from_the_learning_rate_to_near_zero():
    rates = [learning_rate(replace(SPEC, epochs=60), epoch) for epoch in range(1, 61)]
    assert rates[0] == 0.1
    assert rates[30] == pytest.approx(0.05)
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < 1e-4
    assert learning_rate(replace(SPEC, schedule="constant"), 5) == 0.1


def test_scores_by_hand(data):
    learner = Learner(SPEC, MethodSpec(), 0, data)
    logits = learner.network(data.scaled(data.test_inputs))
    score = learner.score("test")
    probability = logits.softmax(1)[torch.arange(len(logits)), data.test_labels]
    assert score.loss == pytest.approx(-probability.log().mean().item(), rel=1e-5)
    assert score.accuracy == pytest.approx((logits.argmax(1) == data.test_labels).float().mean().item())


def test_a_loss_that_is_not_finite_is_divergence(data):
    learner = Learner(replace(SPEC, learning_rate=100.0, epochs=2), MethodSpec(), 0, data)
    score = learner.learn(1)
    while learner.diverged is None:
        score = learner.learn(2)
    assert not math.isfinite(score.loss)
    assert "not finite" in learner.reason


def test_the_footprint_counts_weights_and_activations():
    spec = TrainingSpec(model=ModelSpec("mlp", depth=1, dropout=0.0), methods=(MethodSpec(), MethodSpec("bn")), seeds=3)
    found = footprint(spec, (10,), 4, 1.0)
    weights = 10 * 256 + 256 + 256 * 4 + 4
    assert found.networks == 6 * 5 * 4 * weights
    assert found.sample == 2 * 4 * (256 + 256 + 4)
    assert found.total(10) == found.networks + 10 * found.sample


def test_advice_fits():
    spec = TrainingSpec(batch_size=4096, methods=(MethodSpec(),))
    shape, classes, width = (3, 32, 32), 10, 1.0
    available = 2_000_000_000
    text = advice(spec, shape, classes, width, available)
    batch = int(text.partition("batch_size ")[2].partition("What")[2].partition("batch_size ")[2].split()[0])
    narrower = float(text.rpartition("model.width ")[2].rstrip("."))
    whole = footprint(spec, shape, classes, width)
    assert whole.total(batch) <= available < whole.total(2 * batch)
    assert 0.9 * available < footprint(spec, shape, classes, narrower).total(4096) <= available
    assert "fewer methods and seeds" in advice(spec, shape, classes, width, 0)


def test_what_counts_as_out_of_memory():
    with pytest.raises(RuntimeError) as allocation:
        torch.empty(10**15)
    for error in (allocation.value, MemoryError(), torch.OutOfMemoryError("CUDA out of memory")):
        assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("shape mismatch"))

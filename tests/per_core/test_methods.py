"""The registry: every method builds, over its whole range, and adding one takes one entry."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from per_core import PER, InvalidInputError, Method, Parameter, find_method, list_methods, register_method
from per_core.methods import unregister_method

N, D = 160, 6
NORMALISERS = [method.key for method in list_methods("normaliser")]
REGULARISERS = [method.key for method in list_methods("regulariser")]
KEYS = NORMALISERS + REGULARISERS
WEIGHT = Parameter("weight", "Weight", 0.1, 0, 1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    h = torch.randn(N, D, generator=seeded(), dtype=torch.float64)
    return (h @ torch.randn(D, D, generator=seeded(1), dtype=torch.float64) + 1).to(dtype)


def images(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The same rows as the positions of convolutions, (n, c, h, w)."""
    return batch(dtype).view(N // 8, 2, 4, D).permute(0, 3, 1, 2)


def pull(function: Callable[[torch.Tensor], torch.Tensor], h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The output of a function and the gradient of a weighted sum of it."""
    leaf = h.clone().requires_grad_()
    out = function(leaf)
    weights = torch.randn(out.shape, generator=seeded(2), dtype=torch.float64).to(h)
    (gradient,) = torch.autograd.grad((out * weights).sum(), leaf)
    return out.detach(), gradient


def run(method: Method, h: torch.Tensor, **parameters: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The output of a method, with its gradient."""
    if method.kind == "normaliser":
        result = pull(method.build(h.shape[1], **parameters).to(h), h)
        assert result[0].shape == h.shape
    else:
        loss = method.build(**parameters)
        result = pull(lambda leaf: loss(leaf, generator=seeded()), h)
        assert result[0].shape == ()
    return result


def assert_sound(result: tuple[torch.Tensor, torch.Tensor], dtype: torch.dtype) -> None:
    for values in result:
        assert values.isfinite().all()
        assert values.dtype == dtype
    assert result[1].abs().max() > 0


def settings(method: Method) -> list[dict[str, float]]:
    """The defaults, then each parameter at either end of its range."""
    ends = [(parameter.name, value) for parameter in method.parameters for value in (parameter.low, parameter.high)]
    return [method.defaults, *(method.defaults | {name: value} for name, value in ends)]


@pytest.mark.parametrize("key", KEYS)
def test_every_method_builds_over_its_whole_range(key):
    method = find_method(key)
    for parameters in settings(method):
        for dtype in (torch.float32, torch.float64):
            assert_sound(run(method, batch(dtype), **parameters), dtype)


@pytest.mark.parametrize("key", [key for key in REGULARISERS if find_method(key).mean_gradient is not None])
def test_a_mean_gradient_is_the_mean_of_what_the_loss_gives(key):
    """Exactly, or up to the noise of the draws of the loss; with a setting of the method as without."""
    method, h, generator = find_method(key), batch(torch.float64)[:20], seeded(1)
    for parameters in (method.defaults, settings(method)[-1]):
        found = method.mean_gradient(**parameters)(h, draws=32, generator=generator)
        leaf, loss = h.clone().requires_grad_(), method.build(**parameters)
        count = 600 if method.parameters else 1  # of what has none, nothing is drawn
        for _ in range(count):
            loss(leaf, generator=generator).backward()
        assert leaf.grad is not None
        drawn = leaf.grad * (len(h) / count)
        assert torch.nn.functional.cosine_similarity(found.ravel(), drawn.ravel(), dim=0) > 0.9
        assert found.norm() == pytest.approx(drawn.norm().item(), rel=0.2)


@pytest.mark.parametrize("key", NORMALISERS)
def test_every_normaliser_takes_batches_and_convolutions(key):
    """One module, in training and then in evaluation; a convolution comes out as the batch of its positions."""
    method = find_method(key)
    for parameters in settings(method):
        layer = method.build(D, **parameters)
        for training in (True, False):
            layer.train(training)
            twins = copy.deepcopy(layer), copy.deepcopy(layer)
            outputs = []
            for twin, h in zip(twins, (batch(), images()), strict=True):
                torch.manual_seed(0)  # of what a layer adds in training
                outputs.append(pull(twin, h)[0])
            flat, spatial = outputs
            torch.testing.assert_close(spatial.permute(0, 2, 3, 1).reshape(N, D), flat, atol=1e-3, rtol=1e-3)
            torch.testing.assert_close(*(dict(twin.state_dict()) for twin in twins), atol=1e-3, rtol=1e-3)
            for h in (batch(), images()):
                assert_sound(pull(layer, h), torch.float32)


@pytest.mark.parametrize("key", NORMALISERS)
def test_evaluation_uses_what_training_left(key):
    """A layer that keeps running statistics maps a row alone as among others; one that keeps none always does."""
    layer = find_method(key).build(D)
    for _ in range(3):
        layer(batch())
    layer.eval()
    torch.testing.assert_close(layer(batch()[:1]), layer(batch())[:1])
    torch.testing.assert_close(layer(images()[:1, :, :1, :1]), layer(images())[:1, :, :1, :1])


@pytest.mark.parametrize("key", KEYS)
def test_the_defaults_are_those_of_the_function(key):
    method = find_method(key)
    torch.testing.assert_close(run(method, batch()), run(method, batch(), **method.defaults), rtol=0, atol=0)


@pytest.mark.parametrize("key", KEYS)
def test_every_parameter_matters(key):
    method = find_method(key)
    plain = run(method, batch())[0]
    for parameter in method.parameters:
        changed = parameter.low if parameter.default != parameter.low else parameter.high
        if parameter.name == "momentum":  # of the running statistics alone
            assert method.build(D, momentum=changed).momentum == changed
        else:
            assert not torch.equal(run(method, batch(), **{parameter.name: changed})[0], plain)


@pytest.mark.parametrize("key", KEYS)
def test_every_method_is_described(key):
    method = find_method(key)
    assert method.key == key
    assert method.title
    assert method.reference[-4:].isdigit()
    assert all(parameter.title for parameter in method.parameters)
    assert key in repr(method)
    assert (method.weight is None) == (method.kind == "normaliser")


@pytest.mark.parametrize("key", KEYS)
def test_the_scope_says_whether_other_rows_matter(key):
    """Move all rows but the first: its image, or n times its gradient, stays where only the row itself counts."""
    method = find_method(key)
    h = batch(torch.float64)
    moved = torch.cat([h[:1], 1.5 * h[1:] + 1])

    def first_row(rows: torch.Tensor) -> torch.Tensor:
        if method.kind == "normaliser":
            return method.build(D).double()(rows)[0]
        leaf = rows.clone().requires_grad_()
        losses = [method.build()(leaf, generator=seeded(i)) for i in range(40)]  # some draw a few rows only
        (gradient,) = torch.autograd.grad(torch.stack(losses).sum(), leaf)
        return N * gradient[0]

    stays = torch.allclose(first_row(moved), first_row(h), rtol=1e-9, atol=1e-12)
    assert stays == (method.scope == "row")


def test_published_weights():
    weights = {method.key: method.weight for method in list_methods("regulariser")}
    assert {weight.name for weight in weights.values()} == {"weight"}
    defaults = {key: weight.default for key, weight in weights.items()}
    assert defaults["per"] == defaults["per_sampled"] == 1e-4
    assert (defaults["vcl"], defaults["sigreg"], defaults["l1"]) == (0.01, 0.05, 0.001)
    assert defaults["l2"] == 2 / 400
    for published in (3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7):
        assert weights["per"].low <= published <= 512 * published <= weights["per"].high  # also for Algorithm 1


@pytest.mark.parametrize(("reduction", "factor"), [("mean", 1), ("sum", N)])
def test_a_weight_of_algorithm_1_is_n_times_as_large_here(reduction, factor):
    per = find_method("per")
    weight = per.weight.default
    leaf = batch(torch.float64).requires_grad_()
    (by_layer,) = torch.autograd.grad(PER(weight, reduction=reduction)(leaf).sum(), leaf)
    (by_loss,) = torch.autograd.grad(factor * weight * per.build()(leaf), leaf)
    torch.testing.assert_close(by_layer - 1, by_loss, atol=1e-15, rtol=1e-9)


@pytest.mark.parametrize(("key", "bound"), [("per", 1), ("per_sampled", 1), ("sw1", 1), ("energy", 2)])
def test_what_shares_the_weight_of_per_pulls_on_a_row_as_much(key, bound):
    loss = find_method(key).build()
    for scale in (0.01, 1, 100):
        leaf = (scale * batch(torch.float64)).requires_grad_()
        (gradient,) = torch.autograd.grad(loss(leaf, generator=seeded()), leaf)
        assert (N * gradient.norm(dim=1)).max() <= bound


@pytest.mark.parametrize("key", [key for key in REGULARISERS if key != "visreg"])
def test_gradients_of_regularisers(key):
    """With float64 and a generator of its own in every call; VISReg's is not that of its value, see its own test."""
    loss = find_method(key).build()
    h = torch.randn(12, 3, generator=seeded(), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda h: loss(h, generator=seeded()), h)


@pytest.mark.parametrize("key", NORMALISERS)
def test_gradients_of_normalisers(key):
    layer = find_method(key).build(3).double()
    assert torch.autograd.gradcheck(layer, torch.randn(6, 3, generator=seeded(), dtype=torch.float64).requires_grad_())


def test_the_generator_is_the_only_randomness():
    for method in list_methods("regulariser"):
        loss = method.build()
        torch.manual_seed(0)
        first = loss(batch(), generator=seeded())
        torch.manual_seed(1)
        assert torch.equal(first, loss(batch(), generator=seeded()))


def test_lists():
    assert {"bn", "layer_norm", "rms_norm", "dbn", "dbn_pca", "iter_norm"} <= set(NORMALISERS)
    assert {"per", "per_sampled", "vcl", "energy", "sw1", "sigreg", "l1", "l2"} <= set(REGULARISERS)
    assert {method.kind for method in list_methods("normaliser")} == {"normaliser"}
    assert len(NORMALISERS) + len(REGULARISERS) == len(list_methods())


class Halve(nn.Module):
    def __init__(self, num_features: int, *, factor: float = 0.5) -> None:
        super().__init__()
        self.num_features, self.factor = num_features, factor

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        return self.factor * activations


def toy(**changes: object) -> Method:
    entry = {
        "key": "toy",
        "title": "Toy",
        "short": "Toy",
        "kind": "normaliser",
        "acts_on": "output",
        "reference": "Nobody, Nothing, 2000",
        "build": Halve,
        "parameters": (Parameter("factor", "Factor", 0.5, 0, 1),),
    }
    return Method(**{**entry, **changes})


@pytest.fixture
def registry():
    """The registry as it is, and as it will be again."""
    before = list_methods()
    yield
    for method in set(list_methods()) - set(before):
        unregister_method(method.key)
    assert list_methods() == before


@pytest.mark.usefixtures("registry")
def test_a_method_is_added_with_one_entry():
    register_method(toy())
    assert find_method("toy") is list_methods()[-1] is list_methods("normaliser")[-1]
    assert torch.equal(run(find_method("toy"), batch(), factor=0.25)[0], batch() / 4)
    with pytest.raises(InvalidInputError, match="key must be unique among methods; received 'toy', which is 'Toy'"):
        register_method(toy())
    with pytest.raises(InvalidInputError, match="short must be unique among methods; received 'BN', which is 'Batch"):
        register_method(toy(key="other", short="BN"))


def test_an_unknown_key():
    with pytest.raises(InvalidInputError, match=r"key must be one of bn, layer_norm, .*; received 'toy'"):
        find_method("toy")


def test_a_method_that_is_taken_off_can_be_registered_anew():
    register_method(toy())
    unregister_method("toy")
    with pytest.raises(InvalidInputError, match="key must be one of"):
        unregister_method("toy")
    register_method(toy())
    unregister_method("toy")


@pytest.mark.usefixtures("registry")
def test_a_regulariser_is_added_with_one_entry():
    def build(*, factor: float = 0.5) -> Callable[..., torch.Tensor]:
        def loss(activations: torch.Tensor, **_: object) -> torch.Tensor:
            return factor * activations.square().mean()

        return loss

    register_method(toy(kind="regulariser", build=build, weight=WEIGHT))
    assert find_method("toy") is list_methods("regulariser")[-1]
    torch.testing.assert_close(run(find_method("toy"), batch())[0], batch().square().mean() / 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "layer"}, "kind must be one of .*; received 'layer'"),
        ({"acts_on": "input"}, "acts_on must be one of .*; received 'input'"),
        ({"scope": "unit"}, "scope must be one of .*; received 'unit'"),
        ({"parameters": (Parameter("a", "A", 0, 0, 1), Parameter("a", "B", 0, 0, 1))}, "different names; received"),
        ({"weight": WEIGHT}, "weight must be .* None for a normaliser; received .* for a normaliser. Leave it out."),
        ({"kind": "regulariser"}, "weight must be .* received None for a regulariser. Give the factor of its loss."),
    ],
)
def test_refused_methods(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        toy(**changes)


@pytest.mark.parametrize(("default", "integer"), [(2, False), (-1, True), (0.5, True), (float("nan"), False)])
def test_refused_parameters(default, integer):
    with pytest.raises(InvalidInputError, match=r"the default of 'a' must be a .*number from 0 to 1; received"):
        Parameter("a", "A", default, 0, 1, integer=integer)


@pytest.mark.gpu
@pytest.mark.parametrize("key", KEYS)
def test_cuda_parity(key):
    method = find_method(key)
    h = batch(torch.float64)
    out, gradient = run(method, h)
    on_device, gradient_on_device = run(method, h.cuda())
    torch.testing.assert_close(on_device.cpu().abs(), out.abs(), atol=1e-8, rtol=1e-8)  # PCA's signs are free
    if key != "dbn_pca":
        torch.testing.assert_close(gradient_on_device.cpu(), gradient, atol=1e-8, rtol=1e-8)

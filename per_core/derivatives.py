"""Values that torch's derivatives and transforms (torch.func) reach, though they are not made of torch's own operators.

What looks at values, to refuse NaN or to sort with NumPy, cannot be traced by `torch.func`. As a
`torch.autograd.Function` with a rule for `vmap` it is handed the numbers themselves, whatever transforms surround it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import BoundArguments, Signature
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.autograd import forward_ad

from per_core.errors import DerivativeError


class Evaluation(NamedTuple):
    """What `differentiable_once` makes of an argument.

    Attributes:
        value: scalar, or (k,) of an argument (n, k).
        detail: whatever is found on the way; not differentiable.
        gradient: of the value, the shape of the argument, a column for each value; None if it was not asked for.
    """

    value: Tensor
    detail: Tensor
    gradient: Tensor | None


Evaluate = Callable[[Tensor, Tensor, bool], Evaluation]
AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


class _Given(BoundArguments):
    """All the arguments of a call, in their order."""

    def __init__(self, args: tuple[Any, ...]) -> None:
        self._args = args

    @property
    def args(self) -> tuple[Any, ...]:
        return self._args

    @property
    def kwargs(self) -> dict[str, Any]:
        return {}

    def apply_defaults(self) -> None:
        """There are none."""


class _Positional(Signature):
    """A signature that leaves arguments given by position as they are."""

    def bind(self, *args: Any, **kwargs: Any) -> BoundArguments:
        return super().bind(*args, **kwargs) if kwargs else _Given(args)


def positional(function: AnyFunction) -> AnyFunction:
    """The forward pass of a torch.autograd.Function that is given all its arguments by position.

    Torch looks for its signature and binds the arguments to it in every call, which takes half of the call.
    """
    function.__signature__ = _Positional.from_callable(function)  # type: ignore[attr-defined]
    return function


def in_transform() -> bool:
    """Whether a transform of `torch.func` or forward mode surrounds the call; False while torch.compile traces it."""
    if torch.compiler.is_compiling():
        return False
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


def shared_draw(draw: Callable[[], Tensor]) -> Tensor:
    """What is drawn, once for all instances of `torch.func.vmap` and all columns of a Jacobian."""
    if torch.compiler.is_compiling():
        return draw()
    return _Draw.apply(draw)  # type: ignore[no-untyped-call, no-any-return]


def inspect(values: Tensor, rule: Callable[[Tensor], None]) -> None:
    """Hand the numbers of `values` to a rule, which raises what it has against them."""
    _Inspect.apply(values, rule)  # type: ignore[no-untyped-call]


def differentiable_once(argument: Tensor, parameter: Tensor, evaluate: Evaluate, refusal: str) -> tuple[Tensor, Tensor]:
    """A value whose gradient is found along with it, in one pass over the argument.

    Args:
        argument: what the value is a function of.
        parameter: what it depends on besides and is not differentiated by.
        evaluate: from argument, parameter and whether a gradient is wanted.
        refusal: why there is no second derivative, and what to do.

    Returns:
        Value and detail of the evaluation. Differentiating twice with respect to the argument raises a
        DerivativeError with the refusal.
    """
    wanted = argument.requires_grad and torch.is_grad_enabled()
    value, detail, _ = _Once.apply(argument, parameter, evaluate, wanted, refusal)  # type: ignore[no-untyped-call]
    return value, detail


def refuse_derivative(value: Tensor, argument: Tensor, refusal: str, *, forward_mode: bool = False) -> Tensor:
    """`value`, whose derivative with respect to `argument` is a DerivativeError with the refusal, not 0.

    With `forward_mode` the error is that of backward passes alone.
    """
    return _Refuse.apply(value, argument, refusal, forward_mode)  # type: ignore[no-untyped-call, no-any-return]


def forward_rule(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The jvp of a function from (ctx, saved tensors, *tangents), so that it can be differentiated in its turn.

    Torch turns forward mode off within a jvp: in forward mode within forward mode (jacfwd of jacfwd) the inner
    derivative would be taken for a constant, without a word.
    """

    @wraps(rule)
    def jvp(ctx: Any, *tangents: Tensor | None) -> Any:
        with forward_ad._set_fwd_grad_enabled(True):
            saved = [forward_ad.unpack_dual(tensor).primal for tensor in ctx.saved_tensors]  # type: ignore[no-untyped-call]
            return rule(ctx, saved, *tangents)

    return jvp


def batch_first(in_dims: tuple[int | None, ...], *arguments: Any) -> list[Any]:
    """The arguments of a rule for vmap with the batch in front, where it has length 1 if there was none."""
    return [
        argument
        if not isinstance(argument, Tensor)
        else argument.unsqueeze(0)
        if dim is None
        else argument.movedim(dim, 0)
        for argument, dim in zip(arguments, in_dims, strict=True)
    ]


class _Draw(torch.autograd.Function):
    """A function without tensors among its arguments, which no transform therefore divides into instances."""

    @staticmethod
    @positional
    def forward(draw: Callable[[], Tensor]) -> Tensor:
        return draw()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep nothing: there is no derivative to be computed."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[None], draw: Callable[[], Tensor]) -> tuple[Tensor, None]:
        del info, in_dims
        return shared_draw(draw), None


class _Inspect(torch.autograd.Function):
    """Nothing, of values that a rule has nothing against."""

    @staticmethod
    @positional
    def forward(values: Tensor, rule: Callable[[Tensor], None]) -> Tensor:
        rule(values)
        return values.new_empty(0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del inputs
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, *_grads: Tensor) -> tuple[None, None]:
        del ctx
        return None, None

    @staticmethod
    def jvp(ctx: Any, *_tangents: Tensor) -> None:
        del ctx

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], values: Tensor, rule: Callable[[Tensor], None]) -> Any:
        del info, in_dims
        return _Inspect.apply(values, rule), None  # type: ignore[no-untyped-call]


class _Once(torch.autograd.Function):
    """Value, detail and gradient of an Evaluation; an empty gradient where it was not asked for."""

    @staticmethod
    @positional
    def forward(
        argument: Tensor, parameter: Tensor, evaluate: Evaluate, wanted: bool, refusal: str
    ) -> tuple[Tensor, Tensor, Tensor]:
        del refusal
        value, detail, gradient = evaluate(argument.detach(), parameter.detach(), wanted)
        return value, detail, value.new_empty(0) if gradient is None else gradient

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
        argument, parameter, ctx.evaluate, _, ctx.refusal = inputs
        value, detail, gradient = output
        ctx.scalar = value.ndim == 0
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(detail, gradient)
        ctx.save_for_backward(argument, parameter, gradient)
        ctx.save_for_forward(argument, parameter, gradient)

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, *_grads: Tensor | None) -> tuple[Tensor | None, ...]:
        if grad is None:
            return None, None, None, None, None
        return (grad * _gradient(ctx, *ctx.saved_tensors)).to(ctx.saved_tensors[0].dtype), None, None, None, None

    @staticmethod
    @forward_rule
    def jvp(
        ctx: Any, saved: list[Tensor], tangent: Tensor | None, *_tangents: Tensor | None
    ) -> tuple[Tensor | None, None, None]:
        if tangent is None:
            return None, None, None
        along = _gradient(ctx, *saved) * tangent
        return along.sum() if ctx.scalar else along.sum(dim=0), None, None

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        argument: Tensor,
        parameter: Tensor,
        evaluate: Evaluate,
        wanted: bool,
        refusal: str,
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        """One after the other: an evaluation chooses its own blocks."""
        arguments, parameters = (
            [values] * info.batch_size if dim is None else values.unbind(dim)
            for values, dim in zip((argument, parameter), in_dims, strict=False)
        )
        found = [
            _Once.apply(one, other, evaluate, wanted, refusal)  # type: ignore[no-untyped-call]
            for one, other in zip(arguments, parameters, strict=True)
        ]
        return tuple(torch.stack(each) for each in zip(*found, strict=True)), (0, 0, 0)


def _gradient(ctx: Any, argument: Tensor, parameter: Tensor, gradient: Tensor) -> Tensor:
    if gradient.numel() == 0:  # forward mode, or a transform that did not show: it is found now
        gradient = _Once.apply(argument, parameter, ctx.evaluate, True, ctx.refusal)[2]  # type: ignore[no-untyped-call]
    return refuse_derivative(gradient, argument, ctx.refusal)


class _Refuse(torch.autograd.Function):
    """The identity of its first argument; an error where the second is differentiated by."""

    @staticmethod
    @positional
    def forward(value: Tensor, argument: Tensor, refusal: str, forward_mode: bool) -> Tensor:
        del argument, refusal, forward_mode
        return value.view_as(value)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del output
        ctx.set_materialize_grads(False)
        *_, ctx.refusal, ctx.forward_mode = inputs

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        if ctx.needs_input_grad[1]:
            raise DerivativeError(ctx.refusal)
        return grad, None, None, None

    @staticmethod
    @forward_rule
    def jvp(
        ctx: Any, _saved: list[Tensor], tangent: Tensor | None, along: Tensor | None, *_others: None
    ) -> Tensor | None:
        if along is not None and not ctx.forward_mode:
            raise DerivativeError(ctx.refusal)
        return None if tangent is None else tangent.view_as(tangent)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], value: Tensor, argument: Tensor, refusal: str, forward_mode: bool
    ) -> tuple[Tensor, int]:
        del info
        value, argument = batch_first(in_dims[:2], value, argument)
        return refuse_derivative(value, argument, refusal, forward_mode=forward_mode), 0

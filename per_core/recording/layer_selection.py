"""Which modules of a model are recorded, and what of their output."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass

import torch
from torch import Tensor, nn

from per_core.errors import InvalidInputError
from per_core.per import PER, RowLayout
from per_core.recording.recurrent import decoders, is_recurrent
from per_core.text import N_, Phrase

PASSING_ON = (nn.Identity, nn.Flatten, nn.Unflatten, nn.modules.dropout._DropoutNd, PER)  # outputs what came in
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)  # which hand on what their last member returns
PARAMETRIZATIONS = "parametrizations"  # torch's submodule that computes a weight, not an activation
MOST_CALLS = 16  # of one module in one pass that is no time step, see `recurrent`


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside torch.compile, DataParallel and DistributedDataParallel, which shares its parameters."""
    while True:
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        elif "_orig_mod" in model._modules:
            model = model.get_submodule("_orig_mod")
        else:
            return model


def is_compiled(module: nn.Module) -> bool:
    """Whether torch.compile or Module.compile was applied to the module itself."""
    return "_orig_mod" in module._modules or module._compiled_call_impl is not None


def select_layers(model: nn.Module, layers: str | Sequence[str] | None) -> dict[str, nn.Module]:
    """Name -> module, in the model's order. The whole model goes by the name of its class.

    Args:
        model: as `unwrapped` gives it.
        layers: a regular expression that matches whole names, or names; if None,
            every module without submodules but for those that hand on what they were given (dropout, flatten, identity
            and PER), those that nobody calls (inside nn.MultiheadAttention; what parametrizes a weight) and the decoder
            of a recurrent language model of 1,000 words or more, a score for each at every time step: name it to record
            it;
            every recurrent module, which is one of torch's, or of a class whose name ends in LSTM, GRU, RNN or Cell
            after them;
            every attention module, which is an nn.MultiheadAttention, or of a class with "attention" or "attn" in its
            name, or one with parts q_proj, k_proj and v_proj or query, key and value;
            every block, whose output is the residual stream: a module with submodules, no container itself, that is a
            member of an nn.ModuleList or nn.Sequential or has siblings of its class (block1, block2).

    Raises:
        InvalidInputError: nothing is selected, a name or expression is wrong, or a selected module is
            scripted, and calls no hooks.
    """
    named = _named(model)
    if layers is None:
        whole = {block for module in model.modules() for block in _blocks(module)}
        whole |= {module for module in model.modules() if _is_attention(module, is_model=module is model)}
        whole |= {module for module in model.modules() if is_recurrent(module) and module is not model}
        fused = [module for module in model.modules() if isinstance(module, nn.MultiheadAttention)]
        uncalled = {inner for module in fused for inner in module.modules()} - set(fused)
        scores = decoders(model)
        chosen = {
            name: module
            for name, module in named.items()
            if ((_is_leaf(module) and not isinstance(module, PASSING_ON)) or module in whole)
            and module not in uncalled
            and module not in scores
            and PARAMETRIZATIONS not in name.split(".")
        }
    elif isinstance(layers, str):
        chosen = {name: module for name, module in named.items() if _pattern(layers).fullmatch(name)}
    else:
        chosen = {name: _find(name, named) for name in layers}
    if not chosen:
        raise InvalidInputError(
            N_(
                "layers must name at least one module; {layers!r} matches none of {known}. A regular expression has"
                " to match the whole name, r'.*\\.relu' for example."
            ),
            layers=layers,
            known=some_of(named),
        )
    _require_hooks(chosen)
    return chosen


def time_first_layers(model: nn.Module, layers: Mapping[str, nn.Module]) -> frozenset[str]:
    """Layers with outputs (tokens, samples, units): those of torch with batch_first=False, and what is in them."""
    first = {
        inner
        for module in model.modules()
        if getattr(module, "batch_first", True) is False or _holds_time_first(module)
        for inner in module.modules()
    }
    return frozenset(name for name, module in layers.items() if module in first)


def callable_around(model: nn.Module, name: str) -> str:
    """The name of the nearest module around another that can be called, which lists and dicts of modules cannot."""
    named = _named(model)
    while name := name.rpartition(".")[0]:
        if not isinstance(named[name], nn.ModuleList | nn.ModuleDict):
            return name
    return type(model).__name__


def call_name(layer: str, call: int) -> str | None:
    """What the output of the call-th call of a module in one pass is named, from 1; None if it is not recorded."""
    if call > MOST_CALLS:
        return None
    return layer if call == 1 else f"{layer} (call {call})"


def first_activations(output: object) -> Tensor | None:
    """The first floating tensor of at least two dimensions in an output, or None.

    Tuples, lists, mappings and dataclasses are searched in their order, depth first.
    """
    if isinstance(output, Tensor):
        usable = output.is_floating_point() and output.ndim >= 2 and output.layout == torch.strided
        return output if usable and not output.is_nested and output.numel() else None
    return next((found for part in _parts(output) if (found := first_activations(part)) is not None), None)


def as_rows(activations: Tensor, layout: RowLayout) -> Tensor:
    """Activations of any rank from 2 as rows, (n, d).

    Layout "sample": everything of one sample is one row. Layout "position": every location is a row of channels;
    (n, t, d) has n·t rows, (n, c, h, w) has n·h·w with d = c.
    """
    if layout == "sample" or activations.ndim == 2:
        return activations.flatten(1)
    if activations.ndim == 3:
        return activations.flatten(0, 1)
    return activations.movedim(1, -1).flatten(0, -2)


def _parts(output: object) -> Iterator[object]:
    if isinstance(output, Mapping):
        yield from output.values()
    elif isinstance(output, (tuple, list)):
        yield from output
    elif is_dataclass(output):
        yield from (getattr(output, field.name) for field in fields(output))


def _is_leaf(module: nn.Module) -> bool:
    return all(name == PARAMETRIZATIONS for name, _ in module.named_children())


def _holds_time_first(module: nn.Module) -> bool:
    kinds = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer, nn.TransformerEncoder, nn.TransformerDecoder)
    return isinstance(module, kinds) and any(getattr(part, "batch_first", True) is False for part in module.modules())


def _is_attention(module: nn.Module, *, is_model: bool) -> bool:
    parts = {name for name, _ in module.named_children()}
    projects = any(set(names) <= parts for names in (("q_proj", "k_proj", "v_proj"), ("query", "key", "value")))
    is_named = any(word in type(module).__name__.lower() for word in ("attention", "attn")) and not is_model
    return projects or isinstance(module, nn.MultiheadAttention) or (is_named and not isinstance(module, CONTAINERS))


def _blocks(module: nn.Module) -> list[nn.Module]:
    """The blocks among the parts of a module."""
    parts = [part for part in module.children() if not _is_leaf(part) and not isinstance(part, CONTAINERS)]
    if isinstance(module, CONTAINERS):
        return parts
    classes = Counter(map(type, parts))
    return [part for part in parts if classes[type(part)] > 1]


def _named(model: nn.Module) -> dict[str, nn.Module]:
    """Every module of the model by its name; the model by that of its class."""
    return {_display_name(name) or type(model).__name__: module for name, module in model.named_modules()}


def _display_name(name: str) -> str:
    return ".".join(part for part in name.split(".") if part != "_orig_mod")


def _pattern(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise InvalidInputError(
            N_(
                "layers must be a regular expression or a list of names; {expression!r} is no expression: {error}."
                " Escape what is special, r'features\\.6' for example."
            ),
            expression=expression,
            error=error,
        ) from error


def _find(name: str, named: Mapping[str, nn.Module]) -> nn.Module:
    if name not in named:
        close = difflib.get_close_matches(str(name), named) or list(named)
        raise InvalidInputError(
            N_("layers must be names from model.named_modules(); {name!r} is none. Did you mean {close}?"),
            name=name,
            close=some_of(close),
        )
    return named[name]


def some_of(names: Mapping[str, object] | Sequence[str], most: int = 12) -> str:
    """At most so many names, and how many more there are."""
    names = list(names)
    some = ", ".join(names[:most])
    return Phrase(N_("{some} and {more} more"), some=some, more=len(names) - most) if len(names) > most else some


def _require_hooks(chosen: Mapping[str, nn.Module]) -> None:
    """Scripted modules and their parts take no hooks."""
    silent = [name for name, module in chosen.items() if isinstance(module, torch.jit.ScriptModule)]
    if silent:
        raise InvalidInputError(
            N_(
                "Layers must be modules that call hooks, which scripted modules never do; received {silent}. Record"
                " the original module, as it was before torch.jit.script or torch.jit.trace, or name other layers."
            ),
            silent=some_of(silent),
        )

"""What there is to know of a method: the record that an entry of the registry is, and what it builds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

MethodKind = Literal["normaliser", "regulariser"]
Place = Literal["output", "pre-activation"]
Scope = Literal["batch", "row"]
Role = Literal["setting", "momentum", "group", "slices", "noise"]
Aim = Literal["kurtosis", "modes", "batch_variances"]
Seen = Literal["mean", "variance", "correlation", "per", "skewness"] | Aim
KINDS: tuple[MethodKind, ...] = get_args(MethodKind)
PLACES: tuple[Place, ...] = get_args(Place)
SCOPES: tuple[Scope, ...] = get_args(Scope)


class Loss(Protocol):
    """A regulariser whose parameters are set: activations (n, d) to a scalar, the generator its only randomness."""

    def __call__(self, activations: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """The loss of `activations`; torch's global generator if None."""


class MeanGradient(Protocol):
    """n times the gradient of a regulariser's mean over what it draws: activations (n, d) to (n, d)."""

    def __call__(self, activations: Tensor, *, draws: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """The gradient at `activations`; where it is not known in closed form, a mean over so many draws."""


class GradientLayer(Protocol):
    """A layer that leaves activations as they are and adds λ times a gradient of its own to the one that arrives.

    Attributes:
        weight: λ, which a loss scale has to multiply: it does not reach what the layer adds.
    """

    weight: float


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a method can be built with.

    Attributes:
        name: its keyword.
        title: what a person reads.
        default: the published value where there is one (see `per_core.methods`); what the method uses when it is not
            given.
        low: the smallest value on offer.
        high: the largest value on offer.
        integer: whether only whole numbers make sense.
        role: what else depends on it: "momentum", the share of the newest batch in running statistics, plays no part
            where a batch is mapped by its own; "group" is how many units are whitened together, whose covariance the
            rows have to determine; "slices" is the number of random directions, of which one dimension has one; "noise"
            is what a normaliser adds in training, drawn from the `generator` that its module has as an attribute. Any
            other is a "setting".

    Raises:
        InvalidInputError: a default outside the range, or not whole where it has to be.

    Example:
        >>> slices = Parameter("slices", "Random directions", 256, 1, 1024, integer=True, role="slices")
        >>> slices.default, slices.high
        (256, 1024)
    """

    name: str
    title: str
    default: float
    low: float
    high: float
    integer: bool = False
    role: Role = "setting"

    def __post_init__(self) -> None:
        if not self.low <= self.default <= self.high or (self.integer and not isinstance(self.default, int)):
            raise InvalidInputError(
                N_(
                    "the default of {name!r} must be {kind} from {low:g} to {high:g}; received {default!r}. Widen the"
                    " range or change the default."
                ),
                name=self.name,
                kind=Phrase(N_("a whole number") if self.integer else N_("a number")),
                low=self.low,
                high=self.high,
                default=self.default,
            )


@dataclass(frozen=True, slots=True)
class Method:
    """One method.

    Attributes:
        key: unique, lower case; it stands in links and files.
        title: what a person reads. Titles, summary, lesson and detail are in English, marked for translation.
        short: what stands at the head of a column: the field's abbreviation.
        kind: "normaliser", a layer that maps a batch, or "regulariser", a loss that pulls on it.
        acts_on: where it is put by its authors, on the "output" of a non-linearity or on its "pre-activation".
        reference: authors, title and year.
        build: of a normaliser, (num_features, **parameters) to an nn.Module for batches (n, num_features) and
            (n, num_features, h, w); of a regulariser, (**parameters) to a `Loss`.
        parameters: what `build` can be given.
        weight: of a regulariser, the factor λ of its loss in training (`per_core.methods` says where defaults come
            from); None of a normaliser.
        scope: on what it depends where a row is mapped to, or n times the gradient that pulls on it: on the whole
            "batch", or on this "row" alone.
        mean_gradient: of a regulariser whose gradient there is a better way to than to differentiate its loss, builds
            a `MeanGradient`: a closed form, or a mean over many draws at once with less noise, as a gradient field
            needs; None where `build` serves.
        layer: of a regulariser that needs no loss in training, (weight, *, reduction, layout, generator, **parameters)
            to a `GradientLayer`, arguments as of `PER`; None where λ times the loss is added to that of the task.
        learnt: of a regulariser that learns numbers of its own along with the network, (units, **parameters) to an
            nn.Module that is called as a `Loss`; None where `build` serves.
        recurrent: of a normaliser that has a place inside an LSTM, (units, *, steps, shift, **parameters) to an
            nn.Module as in `per_core.recurrent_normalisation`, steps the length of a sequence; None where it acts ahead
            of the cell.
        period: of a regulariser to which projections this far apart are the same, (**parameters) to that distance.
        summary: what it does, in a sentence.
        lesson: where its gradient leads a batch, in a sentence or two.
        detail: what else there is to know of that, for those who ask.
        sees: statistics that it is the simplest method to act on, by the keys that `analysis` has for them.
        judged_by: of a regulariser whose aim is not N(0, I), statistics that its flow is judged by beside the distance.
        rank: its place among those that a first look compares; None if it is not among them.
        colour: its place among the six colours for categories, as in the figures of the paper; None if it takes one
            that is free.

    Raises:
        InvalidInputError: an unknown kind, place or scope, parameters of one name, a regulariser without a weight or a
            normaliser with one.

    Example:
        >>> find_method("dbn").build(64, group_size=8)(torch.randn(32, 64)).shape
        torch.Size([32, 64])
        >>> find_method("vcl").weight.default
        0.01
    """

    key: str
    title: str
    short: str
    kind: MethodKind
    acts_on: Place
    reference: str
    build: Callable[..., Any] = field(repr=False)
    parameters: tuple[Parameter, ...] = ()
    weight: Parameter | None = None
    scope: Scope = "batch"
    mean_gradient: Callable[..., MeanGradient] | None = field(default=None, repr=False)
    layer: Callable[..., Any] | None = field(default=None, repr=False)
    learnt: Callable[..., nn.Module] | None = field(default=None, repr=False)
    recurrent: Callable[..., nn.Module] | None = field(default=None, repr=False)
    period: Callable[..., float] | None = field(default=None, repr=False)
    summary: str = field(default="", repr=False)
    lesson: str = field(default="", repr=False)
    detail: str = field(default="", repr=False)
    sees: tuple[Seen, ...] = ()
    judged_by: tuple[Aim, ...] = ()
    rank: int | None = None
    colour: int | None = None

    def __post_init__(self) -> None:
        """Check kind, place, scope, names and weight."""
        if self.kind not in KINDS:
            raise InvalidInputError(
                N_("kind must be one of {kinds}; received {kind!r}. Choose one of the two."),
                kinds=KINDS,
                kind=self.kind,
            )
        if self.acts_on not in PLACES:
            raise InvalidInputError(
                N_("acts_on must be one of {places}; received {acts_on!r}. Choose one of the two."),
                places=PLACES,
                acts_on=self.acts_on,
            )
        if self.scope not in SCOPES:
            raise InvalidInputError(
                N_("scope must be one of {scopes}; received {scope!r}. Choose one of the two."),
                scopes=SCOPES,
                scope=self.scope,
            )
        names = [parameter.name for parameter in self.parameters]
        if len(set(names)) < len(names):
            raise InvalidInputError(
                N_("parameters must have different names; received {names}. Rename one."), names=names
            )
        if (self.weight is not None) != (self.kind == "regulariser"):
            raise InvalidInputError(
                N_(
                    "weight must be a Parameter for a regulariser and None for a normaliser; received {weight} for a"
                    " {kind}. {advice}."
                ),
                weight=self.weight,
                kind=self.kind,
                advice=Phrase(N_("Leave it out") if self.weight else N_("Give the factor of its loss")),
            )

    @property
    def defaults(self) -> dict[str, float]:
        """The default of every parameter, by name."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def in_role(self, role: Role) -> Parameter | None:
        """The parameter that has a role; None if there is none."""
        return next((parameter for parameter in self.parameters if parameter.role == role), None)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a network without any method is called and drawn like; attributes as of a `Method`."""

    key: str
    short: str
    colour: int

"""What to train: plain scalars that make a trip through JSON, each checked when the spec is made."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from analysis.fields import Range, check_fields, check_number, check_text, check_whole, range_of, require, shown
from analysis.plain_text import plain
from analysis.runs.grid import MOST_METHODS, OPTIMISER, expanded, shared_values
from per_core.errors import InvalidInputError
from per_core.method import Method, Parameter
from per_core.methods import BASELINE, find_method
from per_core.per import Reduction, RowLayout
from per_core.text import N_, Phrase

DataName = Literal[
    "digits",
    "spirals",
    "mixture",
    "cifar10",
    "cifar100",
    "mnist",
    "fashion_mnist",
    "documentation",
    "ptb",
    "wikitext2",
]
ModelName = Literal["mlp", "cnn11", "resnet", "lstm"]
Activation = Literal["elu", "relu", "leaky_relu"]
DeviceName = Literal["auto", "cpu", "cuda"]
Schedule = Literal["constant", "cosine"]
Precision = Literal["float32", "bfloat16", "float16"]
Part = Literal["validation", "test"]  # of the data, beside the one that is learnt

TEXTS: tuple[DataName, ...] = ("documentation", "ptb", "wikitext2")
PUBLISHED: tuple[DataName, ...] = ("cifar10", "cifar100", "mnist", "fashion_mnist", "ptb", "wikitext2")
VANILLA = BASELINE.key
DIGITS_SIDE = 8  # pixels, as they are published
LARGEST_SEED = 2**31  # room for the seeds that follow it
MOST_SYNTHETIC = 50_000_000  # values of a synthetic training set: 0.6 GB while it is drawn
MOST_LAYERS = 100
BLOCK_PLACES = ("first", "second")  # non-linearities of a residual block
LONGEST_JSON, DEEPEST_JSON = 100_000, 8
NAME = re.compile(r"[A-Za-z0-9_+.=-]{1,80}")


@dataclass(frozen=True, slots=True)
class DataSpec:
    """Which data to learn.

    Args:
        name: "digits" (scikit-learn's, 8 x 8), "spirals" or "mixture" (synthetic), "documentation" (a text, SciPy's),
            or published files: "cifar10", "cifar100", "mnist", "fashion_mnist", and the texts "ptb" and "wikitext2".
        samples: training samples of a synthetic set, 10 to 1 000 000; half as many more for testing. Together they may
            have 50 000 000 values at most: samples times dim.
        classes: of a synthetic set, 2 to 100.
        dim: units of an input of "mixture", 2 to 4096; spirals are always in the plane.
        noise: standard deviation around the spirals' arms (which end at radius 1) or the mixture's means (which are
            N(0, I)), 0 to 10.
        folder: where published files are; a folder that is made if they are to be downloaded.
        download: whether they may be fetched into `folder` when they are not there.
        limit: use only so many training samples, or so many words of each part of a text; all if 0.
        words: of a text's vocabulary, "<unk>" and "<eos>" among them, 0 to 50 000; all words if 0.
        length: words of a sequence of a text, 2 to 400.
        enlarge: factor of the digits' sides, 1 to 4: images of 8, 16, 24 or 32 pixels a side.
        validation: share of the training samples that is held out to choose settings by, 0 to 0.5.
    """

    name: DataName = "digits"
    samples: Annotated[int, Range(10, 1_000_000)] = 2000
    classes: Annotated[int, Range(2, 100)] = 3
    dim: Annotated[int, Range(2, 4096)] = 16
    noise: Annotated[float, Range(0, 10)] = 0.05
    folder: str = ""
    download: bool = False
    limit: Annotated[int, Range(0, 1_000_000)] = 0
    words: Annotated[int, Range(0, 50_000)] = 4000
    length: Annotated[int, Range(2, 400)] = 35
    enlarge: Annotated[int, Range(1, 4)] = 1
    validation: Annotated[float, Range(0, 0.5)] = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be learnt."""
        check_fields(self, "data.")
        if self.name == "mixture" and self.samples * self.dim > MOST_SYNTHETIC:
            raise InvalidInputError(
                N_(
                    "data.samples times data.dim must be at most {most_synthetic}; received {samples} times {dim}. At"
                    " that dim, {fits} samples fit."
                ),
                most_synthetic=MOST_SYNTHETIC,
                samples=self.samples,
                dim=self.dim,
                fits=MOST_SYNTHETIC // self.dim,
            )
        if self.is_published and not self.folder:
            raise InvalidInputError(
                N_(
                    "data.folder must name the folder of {name}'s files; received ''. Give one, and set data.download"
                    " to fetch them into it."
                ),
                name=self.name,
            )

    @property
    def is_published(self) -> bool:
        """Whether the data are files that somebody published, in `folder`."""
        return self.name in PUBLISHED

    @property
    def is_text(self) -> bool:
        """Whether the data are a text, whose next word is to be told."""
        return self.name in TEXTS

    @property
    def digits_side(self) -> int:
        """Pixels of a side of the digits, as often as they are enlarged."""
        return self.enlarge * DIGITS_SIDE


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which network to train.

    Args:
        name: "mlp", "cnn11", the 11-layer convolutional network of the paper, "resnet", its residual network, or
            "lstm", its language model.
        activation: "elu", "relu" or "leaky_relu".
        width: factor of the numbers of units, above 0 and at most 4; if 0, 1/8 on a CPU and 1 on a GPU.
        depth: hidden layers of the MLP, 1 to 100; the convolutional network always has ten.
        dropout: rate at the deepest layer, 0 to below 1, growing with depth; 0.5 in the paper. A residual network has
            none; an LSTM has this rate before every layer and before the output.
        blocks: of each of the three stages of the residual network, 1 to 18; 3, 9 and 18 are ResNet-20, -56 and -110.
        recurrent_layers: of the LSTM, 1 to 4; two in the paper.
        tied: whether the output of the LSTM reuses the weights of the embedding.
        variational: whether the LSTM draws one dropout mask a sequence, on the hidden state and on whole words as well.
    """

    name: ModelName = "cnn11"
    activation: Activation = "elu"
    width: Annotated[float, Range(0, 4)] = 0.0
    depth: Annotated[int, Range(1, 100)] = 10
    dropout: Annotated[float, Range(0, 0.95)] = 0.5
    blocks: Annotated[int, Range(1, 18)] = 3
    recurrent_layers: Annotated[int, Range(1, 4)] = 2
    tied: bool = True
    variational: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        check_fields(self, "model.")


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """One method of the comparison, or several put into one network.

    Args:
        combination: "vanilla", or keys of `per_core.methods` joined by "+", put in in that order: "bn+per".
        settings: what differs from the registry's defaults, "key.parameter" -> number: {"per.weight": 1e-3}. The weight
            of a regulariser is λ, the factor of its loss. "learning_rate", "momentum" and "weight_decay" are those of
            SGD for this method, if not the comparison's.
        reduction: of PER, "mean" (equation 6) or "sum" (Algorithm 1 as printed).
        layout: how regularisers see a convolution, as PER's: "sample" or "position".
        name: in legends, and of its folder; unique in a comparison. The combination if empty.
    """

    combination: str = VANILLA
    settings: Mapping[str, float] = field(default_factory=dict, hash=False)
    reduction: Reduction = "mean"
    layout: RowLayout = "sample"
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse unknown methods, and settings that they do not have."""
        check_fields(self, "method.")
        if not NAME.fullmatch(self.name or self.combination):
            raise InvalidInputError(
                N_(
                    "method.name must be 1 to 80 letters, digits or any of _ + . = -, as it names a folder; received"
                    " {name!r}. Shorten it or drop other characters."
                ),
                name=self.name,
            )
        if len(set(self.keys)) < len(self.keys):
            raise InvalidInputError(
                N_("A method can be put in once; received {combination!r}. Name it once."), combination=self.combination
            )
        if not isinstance(self.settings, Mapping):
            raise InvalidInputError(
                N_(
                    'method.settings must be an object, {{"per.weight": 0.001}}, say; received {settings}. Leave it'
                    " out for the published values."
                ),
                settings=shown(self.settings),
            )
        known = {f"{m.key}.{p.name}": p for m in self.methods for p in _parameters(m)}
        for name, value in self.settings.items():
            if name in OPTIMISER:
                check_number(f"{self.label}'s {name}", value, range_of(TrainingSpec, name))
            elif name in known:
                _set(name, value, known[name])
            else:
                raise InvalidInputError(
                    N_("The settings of {combination!r} are {known}; received {name!r}. Remove or rename it."),
                    combination=self.combination,
                    known=", ".join((*known, *OPTIMISER)),
                    name=name,
                )

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the methods; none for vanilla."""
        return () if self.combination == VANILLA else tuple(self.combination.split("+"))

    @property
    def methods(self) -> tuple[Method, ...]:
        """The methods, in the order in which they are put in."""
        return tuple(find_method(key) for key in self.keys)

    @property
    def label(self) -> str:
        """Its name, or the combination."""
        return self.name or self.combination

    def parameters(self, method: Method) -> dict[str, float]:
        """What to build one of the methods with, by name; λ is "weight"."""
        values = {p.name: self.settings.get(f"{method.key}.{p.name}", p.default) for p in _parameters(method)}
        whole = {p.name for p in method.parameters if p.integer}
        return {name: int(value) if name in whole else value for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """A comparison: methods that learn the same data in the same order from the same initial weights.

    Args:
        data, model: what learns what.
        methods: 1 to 50, with different labels.
        layers: up to 100 hidden layers where methods act, "layer 1", ...; all if empty. In a residual network, "first"
            and "second" are the layers that end with the first or the second non-linearity of each block.
        epochs: passes over the training data, 0 to 10 000.
        batch_size: 2 to 65 536; an epoch leaves out the last batch if it is smaller.
        learning_rate: of SGD, above 0 and at most 100.
        schedule: the learning rate stays "constant", or falls to 0 along a "cosine" over the epochs.
        momentum, weight_decay: of SGD, 0 to below 1, and 0 to 1.
        clip: the largest norm that the gradient of all weights together may have, above which it is scaled down to it,
            0 to 1000; none if 0.
        seed: of the initial weights, the order of the data and what methods draw, 0 to below 2^31.
        seeds: how many seeds every method is repeated with, 1 to 100: seed, seed + 1, ...
        device: "auto" is "cuda" where there is one.
        mixed_precision: "float32" is none; "bfloat16" and "float16" (with a loss scale) need a GPU.
        compile: whether torch.compile makes the training step; needs a GPU.
        tracked_units: units of every layer that are recorded in full, 1 to 64.
        probe_size: training samples that are recorded, 2 to 10 000 (all, if there are fewer).
        title: what a person calls it.

    Raises:
        InvalidInputError: If a value is outside its range or not of its type.
    """

    data: DataSpec = field(default_factory=DataSpec)
    model: ModelSpec = field(default_factory=ModelSpec)
    methods: tuple[MethodSpec, ...] = field(
        default_factory=lambda: (MethodSpec("per", reduction="sum"), MethodSpec(VANILLA), MethodSpec("bn"))
    )
    layers: tuple[str, ...] = ()
    epochs: Annotated[int, Range(0, 10_000)] = 60
    batch_size: Annotated[int, Range(2, 65_536)] = 64
    learning_rate: Annotated[float, Range(0, 100, above=True)] = 0.005
    schedule: Schedule = "cosine"
    momentum: Annotated[float, Range(0, 0.9999)] = 0.9
    weight_decay: Annotated[float, Range(0, 1)] = 0.0
    clip: Annotated[float, Range(0, 1000)] = 0.0
    seed: Annotated[int, Range(0, LARGEST_SEED - 1)] = 0
    seeds: Annotated[int, Range(1, 100)] = 1
    device: DeviceName = "auto"
    mixed_precision: Precision = "float32"
    compile: bool = False
    tracked_units: Annotated[int, Range(1, 64)] = 4
    probe_size: Annotated[int, Range(2, 10_000)] = 500
    title: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        check_fields(self)
        require(
            len(self.layers) <= MOST_LAYERS, "layers", Phrase(N_("at most {most} names"), most=MOST_LAYERS), self.layers
        )
        require(
            len(self.methods) <= MOST_METHODS,
            "methods",
            Phrase(N_("at most {most}"), most=MOST_METHODS),
            len(self.methods),
        )
        for layer in self.layers:
            check_text("layers", layer)
        labels = [method.label for method in self.methods]
        if not labels or len(set(labels)) < len(labels):
            raise InvalidInputError(
                N_(
                    "methods must be at least one, of different names; received {labels}. Add one, or give each a name."
                ),
                labels=", ".join(labels) or Phrase(N_("none")),
            )

    def of_method(self, method: MethodSpec) -> Self:
        """The same with the numbers of SGD that a method has for itself."""
        own: dict[str, Any] = {name: method.settings[name] for name in OPTIMISER if name in method.settings}
        return replace(self, **own)

    def as_dict(self) -> dict[str, Any]:
        """Plain scalars, lists and objects; `TrainingSpec.from_dict` takes them back."""
        return {
            **{f.name: getattr(self, f.name) for f in fields(self)},
            "data": asdict(self.data),
            "model": asdict(self.model),
            "methods": [{**asdict(method), "settings": dict(method.settings)} for method in self.methods],
            "layers": list(self.layers),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build a spec from `as_dict`'s output, or part of it; a method may be its combination alone.

        A setting of a method may be a list of values, and so may the learning rate, the momentum and the weight decay
        of all: each is then a method of its own, see `analysis.runs.grid`.
        """
        known = dict(_fields(Phrase(N_("A training spec")), cls, values))
        shared = shared_values(known)
        if shared:
            known |= {"methods": cls().as_dict()["methods"]} | known | {name: own[0] for name, own in shared.items()}
        if "data" in known:
            known["data"] = DataSpec(**_fields("data", DataSpec, known["data"]))
        if "model" in known:
            known["model"] = ModelSpec(**_fields("model", ModelSpec, known["model"]))
        if "methods" in known:
            known["methods"] = tuple(
                MethodSpec(value)
                if isinstance(value, str)
                else MethodSpec(**_fields(Phrase(N_("A method")), MethodSpec, value))
                for value in expanded(_listed("methods", known["methods"]), shared)
            )
        if "layers" in known:
            known["layers"] = tuple(_listed("layers", known["layers"]))
        return cls(**known)


def read_spec(path: str | Path) -> TrainingSpec:
    """Read a spec from a JSON file.

    Raises:
        InvalidInputError: If it cannot be read, or is not a spec.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            N_("{path} is not a readable JSON file: {error}. Name a training spec."), path=path, error=error
        ) from error
    return TrainingSpec.from_dict(read_object(text, str(path)))


def read_object(text: str, what: str) -> dict[str, Any]:
    """The object that a text is in JSON, of numbers that are finite and names that are there once.

    Args:
        text: at most 100 000 characters, nested at most 8 deep.
        what: the subject of the message where it is not.

    Raises:
        InvalidInputError: If it is no such text.
    """
    if len(text) > LONGEST_JSON:
        raise InvalidInputError(
            N_("{what} must have at most {longest_json} characters; it has {received}. Shorten it."),
            what=what,
            longest_json=LONGEST_JSON,
            received=len(text),
        )
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
        _require_flat(value, DEEPEST_JSON)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(
            N_('{what} must be JSON, {{"momentum": 0.8}} say: {error}. Correct it.'), what=what, error=error
        ) from error
    if not isinstance(value, dict):
        raise InvalidInputError(
            N_('{what} must be a JSON object, {{"momentum": 0.8}} say; received {text}. Put it in braces.'),
            what=what,
            text=plain(text),
        )
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise ValueError(Phrase(N_("{name} is there twice"), name=plain(twice)))
    return dict(pairs)


def _no_number(name: str) -> None:
    raise ValueError(Phrase(N_("{name} is no finite number"), name=name))


def _require_flat(value: Any, deepest: int) -> None:
    if isinstance(value, dict | list):
        if deepest == 0:
            raise ValueError(Phrase(N_("it is nested more than {deepest} deep"), deepest=DEEPEST_JSON))
        for one in value.values() if isinstance(value, dict) else value:
            _require_flat(one, deepest - 1)


def _parameters(method: Method) -> tuple[Parameter, ...]:
    return method.parameters if method.weight is None else (method.weight, *method.parameters)


def _set(name: str, value: object, parameter: Parameter) -> None:
    if parameter.name == "weight":  # λ depends on the reduction and the number of rows: any size makes sense
        check_number(name, value, Range(0, math.inf))
    elif parameter.integer:
        check_whole(name, value, Range(int(parameter.low), int(parameter.high)))
    else:
        check_number(name, value, Range(parameter.low, parameter.high))


def _fields(what: str, cls: type[Any], values: object) -> Mapping[str, Any]:
    known = [f.name for f in fields(cls)]
    if not isinstance(values, Mapping):
        raise InvalidInputError(
            N_("{what} must be an object with fields out of {known}; received {received}. Give it as {{...}}."),
            what=what,
            known=", ".join(known),
            received=shown(values),
        )
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InvalidInputError(
            N_("{what} has the fields {known}; received {unknown}. Remove or rename them."),
            what=what,
            known=", ".join(known),
            unknown=plain(", ".join(unknown)),
        )
    return values


def _listed(name: str, values: object) -> list[Any] | tuple[Any, ...]:
    if not isinstance(values, list | tuple):
        raise InvalidInputError(
            N_("{name} must be a list; received {received}. Write it in square brackets."),
            name=name,
            received=shown(values),
        )
    return values

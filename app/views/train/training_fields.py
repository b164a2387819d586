"""The table of the training form: every field, what it offers, and what a summary says of it."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from analysis.fields import Range, choices_of, range_of
from analysis.plain_text import plain, written
from analysis.runs.grid import read_name
from analysis.runs.spec import (
    BLOCK_PLACES,
    PUBLISHED,
    TEXTS,
    VANILLA,
    DataSpec,
    ModelSpec,
    TrainingSpec,
    read_object,
)
from analysis.training.models import MODELS
from app.session import services
from app.session.fields import Field, Flag, Number, OneOf, Several, SomeOf, Text, Values, Whole
from app.text.language import _, translated
from app.text.plain import escaped
from app.views.train.titles import (
    ACTIVATIONS,
    activation_title,
    combination_of,
    data_title,
    method_title,
    model_title,
)
from per_core.errors import PerError
from per_core.method import Method, Parameter
from per_core.methods import list_methods
from per_core.text import N_

DEFAULT = TrainingSpec()
_SYNTHETIC = ("spirals", "mixture")
_DATA = {
    "digits": N_("Digits (8 × 8, real, ships with scikit-learn)"),
    "spirals": N_("Spirals (synthetic)"),
    "mixture": N_("Gaussian mixture (synthetic)"),
    "cifar10": N_("CIFAR-10 (binary files)"),
    "cifar100": N_("CIFAR-100 (binary files)"),
    "mnist": N_("MNIST (IDX files)"),
    "fashion_mnist": N_("Fashion-MNIST (IDX files)"),
    "documentation": N_("Documentation of SciPy (text, ships with it)"),
    "ptb": N_("Penn Treebank (text files)"),
    "wikitext2": N_("WikiText-2 (text files)"),
}
_REDUCTIONS = {"sum": N_("the sum"), "mean": N_("the mean")}
PAPERS_WEIGHTS = "3e-4 1e-4 3e-5 1e-5"  # that the authors try for images
_PLACES = {
    "first": N_("after the first non-linearity of each block"),
    "second": N_("after the second non-linearity of each block"),
}


class TrainingFields(NamedTuple):
    """The table, in the groups that the form draws; those that come first decide which of the others apply."""

    more: tuple[Field[Any], ...]
    data: tuple[Field[Any], ...]
    model: tuple[Field[Any], ...]
    size: tuple[Field[Any], ...]
    methods: tuple[Field[Any], ...]
    settings: tuple[Field[Any], ...]
    training: tuple[Field[Any], ...]
    optimiser: tuple[Field[Any], ...]

    def all(self) -> Iterator[Field[Any]]:
        """Every field, in that order."""
        return (field for group in self for field in group)


def training_fields() -> TrainingFields:
    """The table: methods are those of the registry, labels are in the visitor's language."""
    return TrainingFields(
        _more(), _data(), _model(), _size(), (_methods(), _reduction()), _settings(), _training(), _optimiser()
    )


def _more() -> tuple[Field[Any], ...]:
    return (
        Text(
            path="more",
            key="train_more",
            label=_("More settings, as JSON"),
            default={},
            hint=_(
                "Settings without a field, by their names in a spec: momentum, weight_decay, probe_size, tracked_units,"
                " data.limit, data.dim, or methods with names and settings of their own. They win over the fields."
            ),
            placeholder=json.dumps({"momentum": 0.8}),
            read=lambda text: read_object(text or "{}", _("More settings")),
            write=lambda more: json.dumps(more) if more else "",
        ),
    )


def _data() -> tuple[Field[Any], ...]:
    folders = services.dump_folders()
    return (
        OneOf(
            path="data.name",
            key="train_data",
            label=_("Data"),
            default=DEFAULT.data.name,
            options=choices_of(DataSpec, "name"),
            show=lambda name: translated(_DATA[name]),
            brief=data_title,
        ),
        _whole(
            "data.enlarge",
            "train_enlarge",
            _("Enlargement factor"),
            hint=_("The side of an image: 8, 16, 24 or 32 pixels. Grey levels between pixels are interpolated."),
            applies=lambda values: values["data.name"] == "digits",
            brief=_brief_side,
        ),
        _whole("data.samples", "train_samples", _("Training samples"), applies=_is_synthetic),
        _whole("data.classes", "train_classes", _("Classes"), applies=_is_synthetic),
        _number("data.noise", "train_noise", _("Noise"), 0.01, applies=_is_synthetic),
        Text(
            path="data.folder",
            key="train_folder",
            label=_("Folder of the files"),
            default=DEFAULT.data.folder,
            hint=_(
                "A folder on the server, inside {folders}, with the files as they are published: data_batch_1.bin,"
                " train.bin, train-images-idx3-ubyte.gz and so on. In the folder of the runs its name begins with a"
                " dot, so that it is not taken for a run."
            ).format(folders=", ".join(map(escaped, folders))),
            applies=_is_published,
            placeholder=plain(folders[0] / ".images"),
            read=str,
            write=str,
        ),
        Flag(
            path="data.download",
            key="train_download",
            label=_("Download into it"),
            default=DEFAULT.data.download,
            hint=_("Resumes after an interruption, and verifies the checksum."),
            applies=_is_published,
        ),
        _number(
            "data.validation",
            "train_validation",
            _("Share held out for validation"),
            0.05,
            hint=_("Of the training samples, which are then not learnt: λ can be chosen by them, and not by the test."),
            applies=lambda values: not _is_text(values),
        ),
        _whole(
            "data.words",
            "train_words",
            _("Words of the vocabulary"),
            hint=_(
                "The commonest ones, beside an end of a line and one unknown word for all others. 0 takes all; 2 leaves"
                " no word to learn."
            ),
            applies=_is_text,
        ),
        _whole(
            "data.length",
            "train_length",
            _("Words of a sequence"),
            hint=_("So far back a gradient goes. What the network remembers goes on from one sequence to the next."),
            applies=_is_text,
        ),
        _whole(
            "data.limit",
            "train_limit",
            _("Words that are learnt"),
            hint=_("From the beginning, and at most as many for validation and for testing; 0 takes all."),
            applies=_is_text,
        ),
    )


def _model() -> tuple[Field[Any], ...]:
    return (
        OneOf(
            path="model.name",
            key="train_model",
            label=_("Model"),
            default=DEFAULT.model.name,
            options=list(MODELS),
            show=lambda key: translated(MODELS[key].title),
            brief=model_title,
        ),
        OneOf(
            path="model.activation",
            key="train_activation",
            label=_("Non-linearity"),
            default=DEFAULT.model.activation,
            options=choices_of(ModelSpec, "activation"),
            show=ACTIVATIONS.__getitem__,
            applies=lambda values: values["model.name"] != "lstm",
            brief=activation_title,
        ),
    )


def _size() -> tuple[Field[Any], ...]:
    return (
        _number(
            "model.width",
            "train_width",
            _("Width factor"),
            0.125,
            hint=_("Multiplies the numbers of units. 0 is automatic: 1/8 on a CPU, 1 on a GPU."),
        ),
        _whole("model.depth", "train_depth", _("Hidden layers"), applies=lambda values: values["model.name"] == "mlp"),
        _whole(
            "model.blocks",
            "train_blocks",
            _("Blocks a stage"),
            hint=_(
                "3, 9 and 18 make ResNet-20, ResNet-56 and ResNet-110. A network without a normaliser is built by"
                " Fixup."
            ),
            applies=lambda values: values["model.name"] == "resnet",
        ),
        _number(
            "model.dropout",
            "train_dropout",
            _("Dropout"),
            0.05,
            hint=_(
                "The rate before the output. It grows with depth, but in the LSTM, where it is the same before every"
                " layer."
            ),
            applies=lambda values: values["model.name"] != "resnet",
        ),
        _whole("model.recurrent_layers", "train_recurrent", _("Layers of LSTM"), applies=_is_lstm),
        Flag(
            path="model.variational",
            key="train_variational",
            label=_("Variational dropout (VD)"),
            default=DEFAULT.model.variational,
            hint=_("One mask a sequence instead of one a word; words and what the network remembers are dropped too."),
            applies=_is_lstm,
        ),
        Flag(
            path="model.tied",
            key="train_tied",
            label=_("The output reuses the embedding (RE)"),
            default=DEFAULT.model.tied,
            applies=_is_lstm,
        ),
    )


def _methods() -> Field[tuple[str, ...]]:
    return SomeOf(
        path="methods",
        key="train_methods",
        label=_("Methods"),
        default=tuple(method.combination for method in DEFAULT.methods),
        hint=_("A plus puts methods into one network: type bn+per, for example."),
        applies=_has_methods,
        options=_offered(),
        show=method_title,
        read=combination_of,
        brief=_brief_weights,
    )


def _offered() -> list[str]:
    """No method, each of the registry, and those of the default spec in one network."""
    keys = [method.key for method in list_methods()]
    together = {key for method in DEFAULT.methods for key in method.keys}
    return [VANILLA, *keys, "+".join(key for key in keys if key in together)]


def reducing_methods() -> dict[str, str]:
    """What those methods are called, by key, that take their gradient as a mean or as a sum over the rows."""
    return {method.key: method.short for method in list_methods() if method.layer is not None}


def _reduction() -> Field[str]:
    return OneOf(
        path="reduction",
        key="train_reduction",
        label=_("λ multiplies"),
        default=DEFAULT.methods[0].reduction,
        hint=_(
            "Of {names}. The mean over the batch is equation 6, the sum Algorithm 1 as printed, where the same λ pulls "
            "n times as hard. The paper does not say to which of them its λ belongs."
        ).format(names=", ".join(reducing_methods().values())),
        applies=lambda values: bool(reducing_methods().keys() & chosen_keys(values)),
        options=["sum", "mean"],
        show=lambda reduction: translated(_REDUCTIONS[reduction]),
        look="buttons",
    )


def _settings() -> tuple[Field[Any], ...]:
    """λ and the parameters of every method, and the layers where methods act."""
    parameters = (_parameter(method, parameter) for method in list_methods() for parameter in settings_of(method))
    layers = Text(
        path="layers",
        key="train_layers",
        label=_("Only in layers"),
        default=DEFAULT.layers,
        hint=_(
            "Numbers of hidden layers where the methods act, 2 6 9 for example; all if empty. In a residual network,"
            " first or second is that non-linearity of every block."
        ),
        placeholder=_("all"),
        read=lambda text: tuple(map(_layer_name, text.lower().replace(",", " ").split())),
        write=lambda layers: " ".join(layer.removeprefix("layer ") for layer in layers),
        brief=lambda spec: " ".join(translated(_PLACES.get(layer, layer)) for layer in spec.layers),
    )
    return (*parameters, layers)


def _layer_name(part: str) -> str:
    """A hidden layer as a spec names it, from its number or its place in a block."""
    return part if part in BLOCK_PLACES else f"layer {part}"


def _parameter(method: Method, parameter: Parameter) -> Several:
    """The values of a number that a method can be set by; of λ, any size makes sense."""
    is_weight = parameter is method.weight
    return Several(
        path=f"{method.key}.{parameter.name}",
        key=f"train_{method.key}_{parameter.name}",
        label=f"{method.short}: {'λ' if is_weight else translated(parameter.title)}",
        default=(int(parameter.default) if parameter.integer else parameter.default,),
        hint=_("One value or several, with spaces between them: each is trained. The paper tries λ = {values}.").format(
            values=PAPERS_WEIGHTS
        )
        if is_weight
        else _("One value or several, with spaces between them: each is trained."),
        range=Range(0.0, math.inf) if is_weight else Range(parameter.low, parameter.high),
        whole=parameter.integer,
        applies=lambda values: method.key in chosen_keys(values),
    )


def _training() -> tuple[Field[Any], ...]:
    return (
        Text(
            path="title",
            key="train_title",
            label=_("Title"),
            default=DEFAULT.title,
            placeholder=_("the names of the methods"),
            longest=120,
            read=str.strip,
            write=str,
        ),
        _whole(
            "epochs", "train_epochs", _("Epochs"), brief=lambda spec: _("{epochs} epochs").format(epochs=spec.epochs)
        ),
        _whole(
            "seeds",
            "train_seeds",
            _("Seeds, each method repeated"),
            hint=_("One seed can mislead. Of more, the table shows median and range."),
            brief=_brief_seeds,
        ),
        _whole("seed", "train_seed", _("First seed")),
    )


def _optimiser() -> tuple[Field[Any], ...]:
    return (
        _whole("batch_size", "train_batch", _("Batch size")),
        Several(
            path="learning_rate",
            key="train_rate",
            label=_("Learning rate of SGD"),
            default=(DEFAULT.learning_rate,),
            hint=_(
                "One value or several, with spaces between them: every method is trained with each. The LSTM needs a"
                " large one: 20, with the norm of the gradient at most 0.25 and 20 sequences a batch, for example."
            ),
            range=range_of(TrainingSpec, "learning_rate"),
            brief=lambda spec: _("rate {rate} {schedule}").format(
                rate=", ".join(map(written, rates_of(spec))), schedule=spec.schedule
            ),
        ),
        _option("schedule", "train_schedule", _("Schedule")),
        _number(
            "clip",
            "train_clip",
            _("Largest norm of the gradient"),
            0.25,
            hint=_("A longer gradient of all weights together is scaled down to it. 0 leaves it as it is."),
        ),
        _option("device", "train_device", _("Device"), hint=_("auto takes a GPU where there is one.")),
        _option("mixed_precision", "train_precision", _("Precision"), hint=_("bfloat16 and float16 need a GPU.")),
        Flag(path="compile", key="train_compile", label=_("torch.compile (GPU)"), default=DEFAULT.compile),
    )


def rates_of(spec: TrainingSpec) -> tuple[float, ...]:
    """The learning rates of a comparison: that of all, and those of single methods."""
    own = (spec.of_method(method).learning_rate for method in spec.methods)
    return tuple(dict.fromkeys((spec.learning_rate, *own)))


def _whole(name: str, key: str, label: str, **more: Any) -> Whole:
    part, own = _place(name)
    return Whole(path=name, key=key, label=label, default=getattr(part, own), range=range_of(type(part), own), **more)


def _number(name: str, key: str, label: str, step: float, **more: Any) -> Number:
    part, own = _place(name)
    limits = range_of(type(part), own)
    return Number(path=name, key=key, label=label, default=getattr(part, own), range=limits, step=step, **more)


def _option(name: str, key: str, label: str, **more: Any) -> OneOf[str]:
    part, own = _place(name)
    options = choices_of(type(part), own)
    return OneOf(path=name, key=key, label=label, default=getattr(part, own), options=options, **more)


def _place(name: str) -> tuple[Any, str]:
    """The part of the default spec that a field is in, and its name there."""
    part, _, own = name.rpartition(".")
    return (getattr(DEFAULT, part) if part else DEFAULT), own


def _is_synthetic(values: Values) -> bool:
    return values["data.name"] in _SYNTHETIC


def _is_published(values: Values) -> bool:
    return values["data.name"] in PUBLISHED


def _is_text(values: Values) -> bool:
    return values["data.name"] in TEXTS


def _is_lstm(values: Values) -> bool:
    return bool(values["model.name"] == "lstm")


def _has_methods(values: Values) -> bool:
    """Whether the form has the methods: they can be among what is said as JSON."""
    return "methods" not in values["more"]


def chosen_keys(values: Values) -> set[str]:
    """Keys of the methods that are chosen."""
    return {key for one in values.get("methods", ()) for key in one.split("+")} - {VANILLA}


def summary(spec: Mapping[str, Any]) -> str:
    """A spec of a run in a line; nothing of a run that a script recorded."""
    if not spec:
        return ""
    try:
        asked = TrainingSpec.from_dict(spec)
    except PerError:
        return _("cannot be read")
    briefs = (field.brief(asked) for field in training_fields().all() if field.brief is not None)
    return ", ".join(filter(None, briefs))


def _brief_side(spec: TrainingSpec) -> str:
    """Of digits that are enlarged, the pixels of an image."""
    if spec.data.name != "digits" or spec.data.enlarge == 1:
        return ""
    side = spec.data.digits_side
    return f"{side} × {side}"


def _brief_weights(spec: TrainingSpec) -> str:
    """Every λ of the methods that do not have the registry's."""
    weights: dict[str, list[str]] = {}
    for method in spec.methods:
        for name, value in method.settings.items():
            if name.endswith(".weight"):
                weights.setdefault(method_title(read_name(method.label)[0]), []).append(written(value))
    return ", ".join(
        (_("λ {value} of {method}") if len(spec.methods) > 1 else "λ {value}").format(
            value=", ".join(dict.fromkeys(values)), method=stem
        )
        for stem, values in weights.items()
    )


def _brief_seeds(spec: TrainingSpec) -> str:
    seeds = _("seed {first}") if spec.seeds == 1 else _("seeds {first} to {last}")
    return seeds.format(first=spec.seed, last=spec.seed + spec.seeds - 1)


def settings_of(method: Method) -> tuple[Parameter, ...]:
    """λ, if the method has one, and its parameters."""
    return method.parameters if method.weight is None else (method.weight, *method.parameters)

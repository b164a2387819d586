"""What data, models, methods and their numbers are called on Train."""

from analysis.runs.grid import read_name
from analysis.runs.spec import (
    TrainingSpec,
)
from app.text.language import _, translated
from per_core.methods import BASELINE, list_methods
from per_core.text import N_

SHORT_DATA = {
    "digits": N_("digits"),
    "spirals": N_("spirals"),
    "mixture": N_("mixture"),
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "documentation": N_("documentation"),
    "ptb": "PTB",
    "wikitext2": "WikiText-2",
}
ACTIVATIONS = {"elu": "ELU", "relu": "ReLU", "leaky_relu": "Leaky ReLU"}
NUMBERS = {
    "weight": "λ",
    "learning_rate": N_("learning rate"),
    "momentum": N_("momentum"),
    "weight_decay": N_("weight decay"),
}


def data_title(spec: TrainingSpec) -> str:
    """What is learnt, in a word."""
    return translated(SHORT_DATA[spec.data.name])


def activation_title(spec: TrainingSpec) -> str:
    """The non-linearity by its usual name; that of an LSTM is always the same, and not named."""
    return "" if spec.model.name == "lstm" else ACTIVATIONS[spec.model.activation]


def model_title(spec: TrainingSpec) -> str:
    """The network, in a word or two."""
    if spec.model.name == "mlp":
        return _("MLP of {depth}").format(depth=spec.model.depth)
    if spec.model.name == "resnet":
        return f"ResNet-{6 * spec.model.blocks + 2}"
    if spec.model.name == "lstm":
        return "VD-LSTM" if spec.model.variational else "LSTM"
    return _("11-layer CNN")


def method_title(label: str) -> str:
    """A method by the name that it has in a comparison, in the field's abbreviations: "BN + PER (λ = 0.0003)"."""
    combination, numbers = read_name(label)
    known = {BASELINE.key: BASELINE.short, **{method.key: method.short for method in list_methods()}}
    title = " + ".join(known.get(key, key) for key in combination.split("+"))
    said = [f"{number_title(name)} = {value}" for name, value in numbers.items()]
    return f"{title} ({', '.join(said)})" if said else title


def number_title(name: str) -> str:
    """A number of a method or of SGD in words, as short as there are: "λ" of "per.weight"."""
    own = name.rpartition(".")[2]
    return translated(NUMBERS.get(own, own))


def combination_of(text: str) -> str:
    """A combination as its keys, from keys or abbreviations, as somebody types them or a link holds them."""
    keys = {method.short.lower(): method.key for method in list_methods()}
    parts = (part.strip().lower() for part in text.split("+"))
    return "+".join(keys.get(part, part) for part in parts)

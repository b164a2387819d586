"""The form of a new comparison: widgets that make a training spec, and a spec that fills the widgets.

Widget keys start with `train_` and are in the address: a spec is a link.
"""

from dataclasses import replace
from typing import Any, get_args

import streamlit as st

from analysis.training.models import MODELS
from analysis.training.presets import PRESETS
from analysis.training.spec import (
    VANILLA,
    Activation,
    DataName,
    DataSpec,
    DeviceName,
    MethodSpec,
    ModelSpec,
    Precision,
    Schedule,
    TrainingSpec,
)
from app import training_words as words
from app.controls import whole_number
from per_core.errors import PerError
from per_core.methods import find_method, list_methods

_DEFAULT = TrainingSpec()
_IMAGES = ("cifar10", "cifar100")
_SYNTHETIC = ("spirals", "mixture")
COMBINATIONS = [VANILLA, *(method.key for method in list_methods()), "bn+per"]
REDUCTIONS = ["sum", "mean"]


def choose_spec() -> TrainingSpec | None:
    """Draw the form and return the spec that it says; None, with the reason on the page, if it cannot be trained."""
    buttons = st.columns(6)
    for place, preset in zip(buttons, PRESETS.values(), strict=False):
        place.button(
            preset.title,
            on_click=fill_form,
            args=(preset.spec,),
            help=preset.description,
            key=f"train_preset_{preset.key}",
            width="stretch",
        )
    try:
        left, middle, right = st.columns(3, gap="large")
        with left:
            data = _choose_data()
            model = _choose_model()
        with middle:
            methods = _choose_methods()
        with right:
            return _choose_training(data, model, methods)
    except PerError as error:
        st.error(str(error))
        return None


def fill_form(spec: TrainingSpec) -> None:
    """Put a spec into the widgets; what the form does not ask for keeps its default."""
    st.session_state.update(_widget_values(spec))


def _widget_values(spec: TrainingSpec) -> dict[str, Any]:
    values: dict[str, Any] = {
        "train_data": spec.data.name,
        "train_samples": float(spec.data.samples),
        "train_classes": float(spec.data.classes),
        "train_noise": float(spec.data.noise),
        "train_folder": spec.data.folder,
        "train_download": spec.data.download,
        "train_model": spec.model.name,
        "train_activation": spec.model.activation,
        "train_width": float(spec.model.width),
        "train_depth": float(spec.model.depth),
        "train_dropout": float(spec.model.dropout),
        "train_methods": [method.combination for method in spec.methods],
        "train_layers": " ".join(layer.removeprefix("layer ") for layer in spec.layers),
        "train_epochs": float(spec.epochs),
        "train_batch": float(spec.batch_size),
        "train_rate": float(spec.learning_rate),
        "train_schedule": spec.schedule,
        "train_seed": float(spec.seed),
        "train_seeds": float(spec.seeds),
        "train_device": spec.device,
        "train_precision": spec.mixed_precision,
        "train_compile": spec.compile,
    }
    for method in spec.methods:
        values |= {f"train_{name.replace('.', '_')}": float(value) for name, value in method.settings.items()}
        if "per" in method.keys or "per_sampled" in method.keys:
            values["train_reduction"] = method.reduction
    return values


def _choose_data() -> DataSpec:
    data = _DEFAULT.data
    name: DataName = st.selectbox(
        "Data", get_args(DataName), format_func=words.DATA.__getitem__, key="train_data", bind="query-params"
    )
    if name in _SYNTHETIC:
        samples = whole_number("Training samples", 10, 100_000, data.samples, key="train_samples")
        classes = whole_number("Classes", 2, 100, data.classes, key="train_classes")
        noise = st.number_input("Noise", 0.0, 10.0, data.noise, 0.01, key="train_noise", bind="query-params")
        return replace(data, name=name, samples=samples, classes=classes, noise=noise)
    if name in _IMAGES:
        folder = st.text_input(
            "Folder of the binary files", key="train_folder", bind="query-params", help=words.HELP_FOLDER
        )
        download = st.checkbox("Download into it", key="train_download", bind="query-params", help=words.HELP_DOWNLOAD)
        if not folder:
            st.info(words.NO_FOLDER)
        return replace(data, name=name, folder=folder, download=download)
    return replace(data, name=name)


def _choose_model() -> ModelSpec:
    model = _DEFAULT.model
    names = list(MODELS)
    name = st.selectbox(
        "Model",
        names,
        index=names.index(model.name),
        format_func=lambda key: MODELS[key].title,
        key="train_model",
        bind="query-params",
    )
    activation: Activation = st.selectbox(
        "Non-linearity",
        get_args(Activation),
        format_func=words.ACTIVATIONS.__getitem__,
        key="train_activation",
        bind="query-params",
    )
    with st.expander("Size of the model"):
        width = st.number_input(
            "Width factor", 0.0, 4.0, model.width, 0.125, key="train_width", bind="query-params", help=words.HELP_WIDTH
        )
        depth = model.depth
        if name == "mlp":
            depth = whole_number("Hidden layers", 1, 100, model.depth, key="train_depth")
        dropout = st.number_input(
            "Dropout of the deepest layer", 0.0, 0.95, model.dropout, 0.05, key="train_dropout", bind="query-params"
        )
    return ModelSpec(name, activation, width, depth, dropout)


def _choose_methods() -> tuple[MethodSpec, ...]:
    defaults = [method.combination for method in _DEFAULT.methods]
    combinations = st.multiselect(
        "Methods",
        COMBINATIONS,
        default=defaults,
        accept_new_options=True,
        format_func=method_title,
        key="train_methods",
        bind="query-params",
        help=words.HELP_COMBINATIONS,
    )
    keys = list(dict.fromkeys(key for one in combinations for key in one.split("+") if key != VANILLA))
    reduction = _DEFAULT.methods[0].reduction
    if {"per", "per_sampled"} & set(keys):
        reduction = st.segmented_control(
            "λ of PER belongs to",
            REDUCTIONS,
            default=reduction,
            required=True,
            format_func=words.REDUCTIONS.__getitem__,
            key="train_reduction",
            bind="query-params",
            help=words.HELP_REDUCTION,
        )
    settings: dict[str, float] = {}
    with st.expander("Settings of the methods", expanded=False):
        for key in keys:
            settings |= _choose_settings(key)
        layers_help = words.HELP_LAYERS
        st.text_input("Only in layers", key="train_layers", bind="query-params", help=layers_help, placeholder="all")
    return tuple(
        MethodSpec(
            one,
            {name: value for name, value in settings.items() if name.split(".")[0] in one.split("+")},
            reduction=reduction,
        )
        for one in combinations
    )


def _choose_settings(key: str) -> dict[str, float]:
    """λ and the parameters of one method that differ from its defaults."""
    method = find_method(key)
    settings = {}
    for parameter in (*((method.weight,) if method.weight is not None else ()), *method.parameters):
        label = f"{method.short}: {'λ' if parameter is method.weight else parameter.title}"
        name = f"train_{key}_{parameter.name}"
        if parameter.integer:
            value: float = whole_number(
                label, int(parameter.low), int(parameter.high), int(parameter.default), key=name
            )
        else:
            high = max(parameter.high, 10.0) if parameter is method.weight else parameter.high
            low = 0.0 if parameter is method.weight else parameter.low
            value = st.number_input(
                label, low, high, parameter.default, parameter.default / 2, "%.3g", key=name, bind="query-params"
            )
        if value != parameter.default:
            settings[f"{key}.{parameter.name}"] = value
    return settings


def _choose_training(data: DataSpec, model: ModelSpec, methods: tuple[MethodSpec, ...]) -> TrainingSpec:
    spec = _DEFAULT
    epochs = whole_number("Epochs", 1, 10_000, spec.epochs, key="train_epochs")
    seeds = whole_number("Seeds, each method repeated", 1, 20, spec.seeds, key="train_seeds", hint=words.HELP_SEEDS)
    seed = whole_number("First seed", 0, 999_999, spec.seed, key="train_seed")
    with st.expander("Optimiser and device"):
        batch = whole_number("Batch size", 2, 65_536, spec.batch_size, key="train_batch")
        rate = st.number_input(
            "Learning rate of SGD",
            1e-6,
            100.0,
            spec.learning_rate,
            0.001,
            "%.4g",
            key="train_rate",
            bind="query-params",
        )
        schedule: Schedule = st.selectbox(
            "Schedule",
            get_args(Schedule),
            index=get_args(Schedule).index(spec.schedule),
            key="train_schedule",
            bind="query-params",
        )
        device: DeviceName = st.selectbox(
            "Device", get_args(DeviceName), key="train_device", bind="query-params", help=words.HELP_DEVICE
        )
        precision: Precision = st.selectbox(
            "Precision", get_args(Precision), key="train_precision", bind="query-params", help=words.HELP_PRECISION
        )
        compiled = st.checkbox("torch.compile (GPU)", key="train_compile", bind="query-params")
    layers = tuple(f"layer {part}" for part in st.session_state.get("train_layers", "").replace(",", " ").split())
    return replace(
        spec,
        data=data,
        model=model,
        methods=methods,
        layers=layers,
        epochs=epochs,
        seeds=seeds,
        seed=seed,
        batch_size=batch,
        learning_rate=rate,
        schedule=schedule,
        device=device,
        mixed_precision=precision,
        compile=compiled,
    )


def method_title(combination: str) -> str:
    """A combination in the field's abbreviations: "BN + PER"."""
    known = {method.key: method.short for method in list_methods()}
    return " + ".join("Vanilla" if key == VANILLA else known.get(key, key) for key in combination.split("+"))

"""The form of a new comparison: widgets that make a training spec, and a spec that fills the widgets.

Widget keys start with `train_` and are in the address: a spec is a link. What the form has no field for, a momentum or
two PERs with different λ, is in one field as JSON, so that whatever can be trained can be asked for here, and "Again"
asks for the same.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any, get_args

import streamlit as st
from streamlit.errors import StreamlitAPIException

from analysis.plain_text import plain
from analysis.runs.spec import (
    LARGEST_SEED,
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
    read_object,
)
from analysis.training.models import MODELS
from analysis.training.presets import MEASURED_ON, PRESETS
from app.session import services
from app.session.controls import one_of, whole_number
from app.text import training_words as words
from app.text.plain import escaped
from per_core.errors import PerError
from per_core.methods import BASELINE, Parameter, find_method, list_methods

_DEFAULT = TrainingSpec()
_IMAGES = ("cifar10", "cifar100")
_SYNTHETIC = ("spirals", "mixture")
_REDUCTION = _DEFAULT.methods[0].reduction
_PARTS = ("data", "model")  # of a spec, with fields of their own
REDUCTIONS = ["sum", "mean"]
FILLED, FILLED_AGAIN = "train_filled", "train_filled_again"


def choose_spec() -> TrainingSpec | None:
    """Draw the form and return the spec that it says; None, with the reason on the page, if it cannot be trained."""
    st.session_state.update(st.session_state.pop(FILLED_AGAIN, {}))
    _offer_presets()
    try:
        spec = _draw_form()
    except PerError as error:
        st.error(escaped(error))
        spec = None
    if FILLED in st.session_state:
        # A widget that appears only now takes what the address said when the page was opened: fill it once more.
        st.session_state[FILLED_AGAIN] = st.session_state.pop(FILLED)
        st.rerun()
    return spec


def fill_form(spec: TrainingSpec) -> None:
    """Put a spec into the widgets, all of it, and into the address."""
    values = widget_values(spec)
    st.session_state.update(values)
    st.session_state[FILLED] = values
    # Streamlit puts a widget's new value into the address, but not that of a widget that appears only now.
    for key, value in _address(spec, values).items():
        with suppress(StreamlitAPIException):  # the widget is on the page, and sees to it itself
            st.query_params[key] = value


def _address(spec: TrainingSpec, values: Mapping[str, Any]) -> dict[str, str]:
    """What the address says of the widgets that are on the page for some specs only, where it is not the default."""
    combinations = dict.fromkeys(method.combination for method in spec.methods)
    defaults = widget_values(replace(_DEFAULT, methods=tuple(map(MethodSpec, combinations))))
    drawn = [f"train_{key}_{parameter.name}" for key in _keys(spec) for parameter in _parameters(key)]
    drawn += ["train_samples", "train_classes", "train_noise"] if spec.data.name in _SYNTHETIC else []
    drawn += ["train_folder", "train_download"] if spec.data.name in _IMAGES else []
    drawn += ["train_depth"] if spec.model.name == "mlp" else []
    said = {key: str(values[key]) for key in drawn if values[key] != defaults[key]}
    if values.get("train_reduction", _REDUCTION) != _REDUCTION:
        said["train_reduction"] = words.REDUCTIONS[values["train_reduction"]]
    return said


def _offer_presets() -> None:
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
    with st.expander(words.MEASURED_TITLE):
        for preset in PRESETS.values():
            st.markdown(f"**{preset.title}**: {preset.description} {preset.measured}")
        st.caption(MEASURED_ON)


def _draw_form() -> TrainingSpec:
    from analysis.training.plan import plan

    left, middle, right = st.columns(3, gap="large")
    training, rest = right.container(), right.container()
    with rest:
        more = _choose_more()
    with left:
        data = _choose_data()
        model = _choose_model()
    with middle:
        methods = _choose_methods(more.get("methods"))
    with training:
        spec = _choose_training(data, model, methods)
    spec = TrainingSpec.from_dict(_merged(spec.as_dict(), more))
    planned = plan(spec)
    st.caption(words.planned(planned, len(spec.methods) * spec.seeds))
    return spec


def widget_values(spec: TrainingSpec) -> dict[str, Any]:
    """What the widgets hold when the form says this spec."""
    spec = replace(spec, methods=tuple(map(_without_defaults, spec.methods)))
    values: dict[str, Any] = {
        "train_title": spec.title,
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
        "train_methods": list(dict.fromkeys(method.combination for method in spec.methods)),
        "train_layers": _layers_text(spec.layers),
        "train_epochs": float(spec.epochs),
        "train_batch": float(spec.batch_size),
        "train_rate": float(spec.learning_rate),
        "train_schedule": spec.schedule,
        "train_seed": float(spec.seed),
        "train_seeds": float(spec.seeds),
        "train_device": spec.device,
        "train_precision": spec.mixed_precision,
        "train_compile": spec.compile,
        "train_more": _more_text(spec),
    }
    for key in _keys(spec):
        values |= {f"train_{key}_{parameter.name}": float(parameter.default) for parameter in _parameters(key)}
    for method_spec in spec.methods:
        values |= {f"train_{name.replace('.', '_')}": float(value) for name, value in method_spec.settings.items()}
        if _reducing(method_spec.keys):
            values["train_reduction"] = method_spec.reduction
    return values


def _keys(spec: TrainingSpec) -> list[str]:
    """Keys of all methods, each once."""
    return list(dict.fromkeys(key for method in spec.methods for key in method.keys))


def _parameters(key: str) -> list[Parameter]:
    """λ, if the method has one, and its parameters."""
    method = find_method(key)
    return [*([] if method.weight is None else [method.weight]), *method.parameters]


def _without_defaults(method: MethodSpec) -> MethodSpec:
    """The same method, without settings that are the registry's."""
    plain = replace(method, settings={})
    known = {f"{one.key}.{name}": value for one in plain.methods for name, value in plain.parameters(one).items()}
    return replace(method, settings={name: value for name, value in method.settings.items() if value != known[name]})


def _layers_text(layers: tuple[str, ...]) -> str:
    return " ".join(layer.removeprefix("layer ") for layer in layers)


def _layers_of(text: str) -> tuple[str, ...]:
    return tuple(f"layer {part}" for part in text.replace(",", " ").split())


def _more_text(spec: TrainingSpec) -> str:
    """What of a spec the form has no field for, as JSON; empty if that is nothing."""
    asked, shown = spec.as_dict(), _shown(spec).as_dict()
    more: dict[str, Any] = {name: value for name, value in asked.items() if value != shown[name] and name not in _PARTS}
    for part in _PARTS:
        if differs := {name: value for name, value in asked[part].items() if value != shown[part][name]}:
            more[part] = differs
    return json.dumps(more) if more else ""


def _shown(spec: TrainingSpec) -> TrainingSpec:
    """The spec that the form gives with the values of this one: what it has no field for is as it is by default."""
    data, model = spec.data, spec.model
    own = {"name": data.name}
    if data.name in _SYNTHETIC:
        own |= {name: getattr(data, name) for name in ("samples", "classes", "noise")}
    if data.name in _IMAGES:
        own |= {name: getattr(data, name) for name in ("folder", "download")}
    depth = model.depth if model.name == "mlp" else _DEFAULT.model.depth
    settings = {name: value for method in spec.methods for name, value in method.settings.items()}
    reductions = [method.reduction for method in spec.methods if _reducing(method.keys)]
    combinations = tuple(dict.fromkeys(method.combination for method in spec.methods))
    kept = {field.name: getattr(_DEFAULT, field.name) for field in fields(spec) if field.name in _WITHOUT_FIELD}
    return replace(
        spec,
        data=DataSpec(**own),
        model=replace(model, depth=depth),
        methods=_methods(combinations, settings, reductions[-1] if reductions else "mean"),
        layers=_layers_of(_layers_text(spec.layers)),
        **kept,
    )


_WITHOUT_FIELD = ("momentum", "weight_decay", "tracked_units", "probe_size")


def _methods(combinations: tuple[str, ...], settings: Mapping[str, float], reduction: Any) -> tuple[MethodSpec, ...]:
    """Methods with their own settings among all; the reduction is said of those that have one."""
    methods = []
    for one in combinations:
        keys = one.split("+")
        own = {name: value for name, value in settings.items() if name.split(".")[0] in keys}
        methods.append(MethodSpec(one, own, reduction=reduction if _reducing(keys) else "mean"))
    return tuple(methods)


def _reducing(keys: Iterable[str]) -> list[str]:
    """What those of the methods are called that take their gradient as a mean or as a sum over the rows."""
    known = {method.key: method.short for method in list_methods() if method.layer is not None}
    return [known[key] for key in keys if key in known]


def _choose_more() -> dict[str, Any]:
    """What the form has no field for."""
    text = st.text_input(
        "More settings, as JSON",
        key="train_more",
        bind="query-params",
        help=words.HELP_MORE,
        placeholder=words.MORE_PLACEHOLDER,
    )
    more = read_object(text or "{}", "More settings")
    if more:
        st.caption(words.MORE_DECIDES.format(names=escaped(", ".join(more))))
    return more


def _merged(values: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """A spec as plain values, with more of them over it."""
    parts = {part: values[part] | more[part] for part in _PARTS if isinstance(more.get(part), dict)}
    return values | dict(more) | parts


def _choose_data() -> DataSpec:
    data = _DEFAULT.data
    name: DataName = st.selectbox(
        "Data", get_args(DataName), format_func=words.DATA.__getitem__, key="train_data", bind="query-params"
    )
    if name in _SYNTHETIC:
        samples = whole_number("Training samples", 10, 1_000_000, data.samples, key="train_samples")
        classes = whole_number("Classes", 2, 100, data.classes, key="train_classes")
        noise = st.number_input("Noise", 0.0, 10.0, data.noise, 0.01, key="train_noise", bind="query-params")
        return replace(data, name=name, samples=samples, classes=classes, noise=noise)
    if name in _IMAGES:
        folders = services.dump_folders()
        folder = st.text_input(
            "Folder of the binary files",
            key="train_folder",
            bind="query-params",
            placeholder=plain(folders[0] / ".cifar"),
            help=words.HELP_FOLDER.format(folders=", ".join(map(escaped, folders))),
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


def _choose_methods(given: object) -> tuple[MethodSpec, ...]:
    """The methods and their settings; nothing to choose where "More settings" gives them."""
    if given is not None:
        st.caption(words.METHODS_GIVEN)
        _choose_layers()
        return _DEFAULT.methods
    chosen = st.multiselect(
        "Methods",
        _offered(),
        default=[method.combination for method in _DEFAULT.methods],
        accept_new_options=True,
        format_func=method_title,
        key="train_methods",
        bind="query-params",
        help=words.HELP_COMBINATIONS,
    )
    combinations = tuple(dict.fromkeys(map(combination_of, chosen)))
    keys = list(dict.fromkeys(key for one in combinations for key in one.split("+") if key != VANILLA))
    reduction = _REDUCTION
    if reducing := _reducing(keys):
        reduction = one_of(
            f"λ of {' and '.join(reducing)} belongs to",
            REDUCTIONS,
            reduction,
            show=words.REDUCTIONS.__getitem__,
            key="train_reduction",
            hint=words.HELP_REDUCTION,
        )
    settings: dict[str, float] = {}
    with st.expander("Settings of the methods", expanded=False):
        for key in keys:
            settings |= _choose_settings(key)
        _choose_layers()
    return _methods(combinations, settings, reduction)


def _offered() -> list[str]:
    """No method, each of the registry, and those of the default spec in one network."""
    keys = [method.key for method in list_methods()]
    together = {key for method in _DEFAULT.methods for key in method.keys}
    return [VANILLA, *keys, "+".join(key for key in keys if key in together)]


def _choose_layers() -> None:
    st.text_input("Only in layers", key="train_layers", bind="query-params", help=words.HELP_LAYERS, placeholder="all")


def _choose_settings(key: str) -> dict[str, float]:
    """λ and the parameters of one method that differ from its defaults."""
    method = find_method(key)
    settings = {}
    for parameter in _parameters(key):
        label = f"{method.short}: {'λ' if parameter is method.weight else parameter.title}"
        name = f"train_{key}_{parameter.name}"
        if parameter.integer:
            value: float = whole_number(
                label, int(parameter.low), int(parameter.high), int(parameter.default), key=name
            )
        else:
            high = None if parameter is method.weight else parameter.high  # λ: any size makes sense
            low = 0.0 if parameter is method.weight else parameter.low
            value = st.number_input(
                label, low, high, parameter.default, parameter.default / 2, "%.3g", key=name, bind="query-params"
            )
        if value != parameter.default:
            settings[f"{key}.{parameter.name}"] = value
    return settings


def _choose_training(data: DataSpec, model: ModelSpec, methods: tuple[MethodSpec, ...]) -> TrainingSpec:
    spec = _DEFAULT
    title = st.text_input(
        "Title", key="train_title", bind="query-params", max_chars=120, placeholder=words.TITLE_PLACEHOLDER
    )
    epochs = whole_number("Epochs", 0, 10_000, spec.epochs, key="train_epochs")
    seeds = whole_number("Seeds, each method repeated", 1, 100, spec.seeds, key="train_seeds", hint=words.HELP_SEEDS)
    seed = whole_number("First seed", 0, LARGEST_SEED - 1, spec.seed, key="train_seed")
    with st.expander("Optimiser and device"):
        batch = whole_number("Batch size", 2, 65_536, spec.batch_size, key="train_batch")
        rate = st.number_input(
            "Learning rate of SGD",
            0.0,
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
    return replace(
        spec,
        data=data,
        model=model,
        methods=methods,
        layers=_layers_of(st.session_state.get("train_layers", "")),
        epochs=epochs,
        seeds=seeds,
        seed=seed,
        batch_size=batch,
        learning_rate=rate,
        schedule=schedule,
        device=device,
        mixed_precision=precision,
        compile=compiled,
        title=title.strip(),
    )


def method_title(combination: str) -> str:
    """A combination in the field's abbreviations: "BN + PER"."""
    known = {method.key: method.short for method in (BASELINE, *list_methods())}
    return " + ".join(known.get(key, key) for key in combination.split("+"))


def combination_of(text: str) -> str:
    """A combination as its keys, from keys or abbreviations, as somebody types them or a link holds them."""
    keys = {method.short.lower(): method.key for method in list_methods()}
    parts = (part.strip().lower() for part in text.split("+"))
    return "+".join(keys.get(part, part) for part in parts)

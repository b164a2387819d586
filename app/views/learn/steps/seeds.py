"""Step 8: three networks learn digits, with PER, without a method and with BN; Figure 2, and what one run says."""

from functools import partial

from analysis.lesson.seeds import Training, see_training
from analysis.training.presets import PRESETS
from app.charts.chart import show_chart
from app.charts.seeds import figure2_of_one_seed
from app.session import caches
from app.session.fields import Field, OneOf, Values, linked_fields
from app.session.keys import TRAIN_NEW
from app.session.services import EXAMPLE_RUN
from app.text.language import _
from app.views.learn.step import Onward, Options, Step
from app.views.train.form_values import values_of
from app.views.train.titles import method_title
from app.views.train.training_fields import training_fields
from per_core.text import N_

LAYERS, SEEDS = ("layer 2", "layer 6", "layer 9"), (0, 1, 2)


def _fields() -> tuple[Field[str], Field[int]]:
    return (
        OneOf(
            path="layer",
            key="learn_seeds_layer",
            label=_("Layer of ten"),
            default=LAYERS[-1],
            options=LAYERS,
            show=lambda layer: layer.removeprefix("layer "),
            look="buttons",
        ),
        OneOf(path="seed", key="learn_seeds_seed", label=_("Seed"), default=0, options=SEEDS, look="buttons"),
    )


def _see(values: Values) -> Training:
    return caches.shared(see_training, EXAMPLE_RUN, values["layer"], values["seed"])


def _ask(seen: Training) -> Options:
    best = seen.best(seen.seed)
    said = [
        _("seed {seed}, {method} {accuracy:.1%}").format(
            seed=seed, method=method_title(seen.best(seed)), accuracy=seen.accuracy[seen.best(seed)][seed]
        )
        for seed in seen.seeds
    ]
    return Options(
        text=_(
            "With seed {seed}, {method} has the best test accuracy, {accuracy:.1%}. With how many of the three seeds is"
            " {method} the best?"
        ).format(seed=seen.seed, method=method_title(best), accuracy=seen.accuracy[best][seen.seed]),
        options={
            "one": _("with this one only"),
            "two": _("with two of them"),
            "three": _("with all three"),
        },
        right=("one", "two", "three")[seen.also_best - 1],
        because=_("Best are: {best}.").format(best="; ".join(said)) + " " + _how_it_moves(seen),
    )


def _how_it_moves(seen: Training) -> str:
    """What the bands show, in numbers: a unit can have a narrow middle half and a large variance."""
    return _("Mean step of the quartiles per epoch: {moves}. Variance after the last: {variances}.").format(
        moves=", ".join(f"{method_title(method)} {unit.movement:.2f}" for method, unit in seen.units.items()),
        variances=", ".join(f"{method_title(method)} {unit.variance[-1]:.2f}" for method, unit in seen.units.items()),
    )


def _show(seen: Training, revealed: bool) -> None:
    titles = {method: method_title(method) for method in seen.units}
    show_chart(
        partial(figure2_of_one_seed, seen, titles, revealed=revealed),
        key="learn_seeds",
        height=440,
        alt=_("Quartiles of a unit of {layer} over the epochs, and test accuracies: {accuracies}.").format(
            layer=seen.layer,
            accuracies=", ".join(f"{titles[m]} {by_seed[seen.seed]:.1%}" for m, by_seed in seen.accuracy.items()),
        ),
    )


def _onward(_values: Values) -> Onward:
    return Onward(
        "train",
        _("Train it yourself: the preset “Figure 2”, filled in"),
        {TRAIN_NEW: "true", **linked_fields(training_fields().all(), values_of(PRESETS["figure2"].spec))},
    )


SEEDS_OF_METHODS: Step[Training] = Step(
    key="seeds",
    title=N_("Training, and what one run says"),
    invitation=N_(
        "One unit of three networks over 20 epochs: its median and middle half. Change layer and seed; see which moves"
        " least."
    ),
    explanation=N_(
        "Without a method (Vanilla) the variance of the unit ends largest. PER holds it back, and BN moves least, as in"
        " Figure 2 of the paper. Which method is best changes with the seed, so compare over several."
    ),
    misconception=N_("One run shows which method is better."),
    minutes=6,
    fields=_fields,
    see=_see,
    ask=_ask,
    show=_show,
    onward=_onward,
)

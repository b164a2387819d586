"""Step 9: your own network. Three lines record it; how many images it is seen with decides what is found."""

from functools import partial

import streamlit as st

from analysis.lesson.probe import DeadUnits, see_dead
from analysis.survey.quantity import quantity_named
from app.charts.chart import show_chart
from app.charts.dead_units import dead_units
from app.session import caches
from app.session.fields import Field, OneOf, Values
from app.session.keys import DUMPS_EPOCH, DUMPS_LAYER, DUMPS_LOOK, DUMPS_QUANTITY
from app.session.services import EXAMPLE, EXAMPLE_DUMP
from app.text.language import _, ngettext, translated
from app.views.learn.step import Onward, Place, Step
from per_core.text import N_

EPOCHS, IMAGES = (0, 1, 2, 3, 4, 5, 6), (2, 4, 8, 16, 32)


def _fields() -> tuple[Field[int], Field[int]]:
    return (
        OneOf(path="epoch", key="learn_probe_epoch", label=_("Epoch"), default=2, options=EPOCHS, look="steps"),
        OneOf(
            path="images",
            key="learn_probe_images",
            label=_("Images in the probe"),
            default=4,
            options=IMAGES,
            look="steps",
        ),
    )


def _see(values: Values) -> DeadUnits:
    return caches.shared(see_dead, EXAMPLE_DUMP, values["epoch"], values["images"])


def _ask(seen: DeadUnits) -> Place:
    layer = seen.suspect
    right, units = seen.over_all[layer], seen.units[layer]
    woken = ngettext(
        "{count} unit of {layer} changes as soon as the other images come.",
        "{count} units of {layer} change as soon as the other images come.",
        seen.over_few[layer] - right,
    ).format(count=seen.over_few[layer] - right, layer=layer)
    return Place(
        text=_(
            "{layer} looks worst: {count} of its {units} units do not change over {few} images. How many do not change"
            " over all {all}?"
        ).format(layer=layer.capitalize(), count=seen.over_few[layer], units=units, few=seen.few, all=seen.all),
        low=0,
        high=units,
        step=1,
        right=right,
        tolerance=1,
        form="{:.0f}",
        because=woken
        + " "
        + _("With all images, {layer} has the most dead units, {count} of {units}.").format(
            layer=seen.worst, count=seen.over_all[seen.worst], units=seen.units[seen.worst]
        ),
    )


def _show(seen: DeadUnits, revealed: bool) -> None:
    st.code(
        'from per_core import Recorder\nrecorder = Recorder(model, "runs/mine")\nrecorder.record(epoch, inputs=probe)',
        language="python",
    )
    counts = seen.over_all if revealed else seen.over_few
    show_chart(
        partial(dead_units, seen, revealed=revealed),
        key="learn_probe",
        height=340,
        alt=_("Units that do not change over {images} images: {counts}.").format(
            images=seen.all if revealed else seen.few,
            counts=", ".join(f"{layer} {count}" for layer, count in counts.items()),
        ),
    )


def _onward(values: Values) -> Onward:
    seen = _see(values)
    return Onward(
        "dumps",
        _("All warnings of this recording"),
        {
            "dumps_path": EXAMPLE,
            DUMPS_LOOK: "true",
            DUMPS_QUANTITY: translated(quantity_named("dead").title),
            DUMPS_LAYER: seen.suspect,
            DUMPS_EPOCH: str(values["epoch"]),
        },
    )


PROBE: Step[DeadUnits] = Step(
    key="probe",
    title=N_("Your own network"),
    invitation=N_(
        "Three lines record any network, the last one after every epoch. In this one, units die: go through its epochs,"
        " with more and fewer images."
    ),
    explanation=N_(
        "A ReLU unit that is 0 for every image is dead: no gradient passes through it. With a few images, many units"
        " look dead that are not. In the same way, a mean of a few samples is far from that of all. Record with some"
        " hundred images."
    ),
    misconception=N_("Batch statistics are those of the population."),
    minutes=5,
    fields=_fields,
    see=_see,
    ask=_ask,
    show=_show,
    onward=_onward,
)

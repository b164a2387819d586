"""Step 6: from SW1 to PER. A sample that moves changes the partners of others in W1, and nothing of others in PER."""

from dataclasses import replace
from functools import partial

from analysis.fields import Range
from analysis.lesson.ranks import SAMPLE, SLICES, MovedSample, see_moved
from app.charts.chart import show_chart
from app.charts.pairs import pairs
from app.session import caches
from app.session.batch_fields import DEFAULT, sample_query
from app.session.fields import Field, Slider, Values
from app.text.language import _, ngettext
from app.views.learn.step import Onward, Place, Step
from per_core.text import N_

SPEC = replace(DEFAULT, n=32)


def _fields() -> tuple[Field[float], ...]:
    return (
        Slider(
            path="by",
            key="learn_ranks_by",
            label=_("Move the red sample by"),
            default=1.0,
            range=Range(-2.0, 2.0),
            step=0.1,
        ),
    )


def _see(values: Values) -> MovedSample:
    return caches.shared(see_moved, SPEC, values["by"])


def _ask(seen: MovedSample) -> Place:
    effect = seen.influence
    partners = ngettext(
        "{count} other sample has another partner.", "{count} other samples have another partner.", seen.others_changed
    ).format(count=seen.others_changed)
    gradients = _(
        "In the whole batch, on {slices} slices, the move changes the SW1 gradients of {sw1} others, and the PER"
        " gradients of {per}."
    ).format(slices=SLICES, sw1=effect.sw1_changed, per=effect.per_changed)
    return Place(
        text=_(
            "The red sample moves as the arrow says. How many of the other {others} samples get another partner in W1?"
        ).format(others=effect.others),
        low=0,
        high=effect.others,
        step=1,
        right=seen.others_changed,
        tolerance=3,
        form="{:.0f}",
        because=f"{partners} {gradients}",
    )


def _show(seen: MovedSample, revealed: bool) -> None:
    show_chart(
        partial(pairs, seen, revealed=revealed),
        key="learn_ranks",
        height=420,
        alt=_(
            "{count} other samples have another partner in N(0, 1) after the move; PER's distances stay as they are."
        ).format(count=seen.others_changed)
        if revealed
        else _("Samples of a slice, each with its partner in N(0, 1), and the distances that PER is a mean of."),
    )


def _onward(values: Values) -> Onward:
    return Onward(
        "bound",
        _("The gradients of the whole batch"),
        {
            **sample_query(SPEC),
            "bound_gradients": "true",
            "bound_sample": str(SAMPLE + 1),
            "bound_move": f"{values['by']:g}",
        },
    )


RANKS: Step[MovedSample] = Step(
    key="ranks",
    title=N_("From SW1 to PER: no sorting needed"),
    invitation=N_("Move the red sample past others, and follow the lines to N(0, 1)."),
    explanation=N_(
        "W1 sorts: each sample has one partner in N(0, 1), so moving one sample changes the gradients of others. PER"
        " takes each sample alone, with its mean distance to all of N(0, 1). That cannot be less than the distance to"
        " the best partner: PER bounds SW1 from above. And a batch may be split."
    ),
    misconception=N_("PER has to sort the batch, as SW1 does."),
    minutes=5,
    fields=_fields,
    see=_see,
    ask=_ask,
    show=_show,
    onward=_onward,
)

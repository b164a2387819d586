"""The nine steps of the lesson, one file each, in their order."""

from typing import Any

from app.views.learn.step import Step
from app.views.learn.steps.clouds import CLOUDS
from app.views.learn.steps.collapse import COLLAPSE
from app.views.learn.steps.fourth_moment import FOURTH_MOMENT
from app.views.learn.steps.probe import PROBE
from app.views.learn.steps.ranks import RANKS
from app.views.learn.steps.seeds import SEEDS_OF_METHODS
from app.views.learn.steps.slices import SLICES
from app.views.learn.steps.transport import TRANSPORT
from app.views.learn.steps.whitening import WHITENING

STEPS: tuple[Step[Any], ...] = (
    CLOUDS,
    WHITENING,
    FOURTH_MOMENT,
    TRANSPORT,
    SLICES,
    RANKS,
    COLLAPSE,
    SEEDS_OF_METHODS,
    PROBE,
)

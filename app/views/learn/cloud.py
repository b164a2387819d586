"""The density of a cloud as the lesson draws it: of two units, on axes that all steps share."""

from analysis.batch import ActivationBatch
from analysis.statistics.density import JointDensity, pair_density
from app.session import caches

LIMITS = (-4.0, 4.0)


def cloud_density(batch: ActivationBatch) -> JointDensity:
    """The joint density of the first two units."""
    return caches.shared(pair_density, batch, ("units", 0, 1), LIMITS)

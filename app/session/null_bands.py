"""What fresh batches of a null distribution give: as shipped where that was computed beforehand, else drawn in chunks.

Draws are kept by statistic and size, so every page and visitor shares them.
"""

import numpy as np

from analysis.statistics.null_band import Name, NullBand, Statistic, bands_of, null_draws
from app.session import caches
from app.session.progress import in_chunks
from app.text.language import _

STEPS = 10  # of the progress, at least, where there are as many draws and they take time
LEAST_VALUES = 2**23  # drawn and projected in a step: fewer take a moment


def null_bands(
    statistic: Statistic[Name],
    n: int,
    d: int,
    *,
    draws: int | None = None,
    null: str = "N(0, I)",
) -> dict[Name, NullBand]:
    """The band of every value of a statistic at (n, d).

    Args:
        draws: how many; None for the shipped band, or where none is shipped for as many draws as fit.
        null: the null distribution's name in words.
    """
    from analysis.distances.shipped_bands import shipped_bands

    shipped = shipped_bands(statistic, n, d) if draws is None else None
    if shipped:
        return shipped
    total = draws or statistic.draws_that_fit(n, d)
    chunks = in_chunks(
        total,
        max(1, total // STEPS, LEAST_VALUES // (n * max(d, statistic.slices))),
        lambda first, count: caches.computed(null_draws, statistic, n, d, first, count),
        _("Drawing batches of {null} for the sampling range").format(null=null),
    )
    return bands_of({name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]})

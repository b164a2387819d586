"""One pass over data of any size: partial results that merge, and an interval that holds the exact sliced W1.

>>> np.save("fc1.npy", np.zeros((1000, 8), dtype=np.float32))
>>> distance = run_pass("fc1.npy").statistics.distance()
>>> distance.lower < 0.797885 < distance.upper  # collapse: √(2/π)
True
"""

from analysis.one_pass.certified_distance import CertifiedDistance, certified_distance
from analysis.one_pass.grid import Grid
from analysis.one_pass.partial_statistics import (
    PartialStatistics,
    PassSpec,
    merge_in_order,
    take_batches,
    take_statistics,
)
from analysis.one_pass.scheduling import PassResult, run_pass

__all__ = [
    "CertifiedDistance",
    "Grid",
    "PartialStatistics",
    "PassResult",
    "PassSpec",
    "certified_distance",
    "merge_in_order",
    "run_pass",
    "take_batches",
    "take_statistics",
]

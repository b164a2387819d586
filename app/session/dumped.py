"""Batches of a dump as the pages take them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from app.session import caches
from app.text.plain import harmless
from per_core.errors import InvalidInputError, PerError
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.dumps import Inspection
    from analysis.statistics.binned_histogram import BinnedHistogram
    from analysis.statistics.conditioning import SecondMoments

MOST_VALUES, MOST_UNITS = 2**20, 2048
CONDITIONED_UNITS = 64  # whose second moments are looked at, as many as a Recorder keeps where it is not told otherwise


@dataclass(frozen=True, slots=True, eq=False)
class DumpMember:
    """A member of a dump; what was read of it holds for the file as it is and the layout that was said."""

    inspection: "Inspection"
    name: str

    @property
    def key(self) -> str:
        """What stands for the member in a cache."""
        one = self.inspection.member(self.name)
        path = str(self.inspection.path)
        return f"{path!a}|{self.name!a}|{hash(self.inspection.plan)}|{self.inspection.version(one)}"

    def batch(self) -> ActivationBatch:
        """Whole rows, evenly spread, of about a million values at most."""
        units = self.inspection.member(self.name).units or 1
        return caches.shared(dumped_rows, self, max(2, MOST_VALUES // units))

    def view(self) -> ActivationBatch:
        """What the other pages take: finite rows, 2,048 units at most, and a name that fits anywhere."""
        return caches.shared(dumped_view, self)

    def bins(self) -> "BinnedHistogram":
        """Its bins, of a member that is binned; a `PerError` if they cannot be read."""
        return caches.shared(dumped_bins, self)

    def second_moments(self) -> "SecondMoments | None":
        """Those of at most 64 of its units, see `dumped_moments`; None if it cannot be read."""
        return caches.result(dumped_moments, self)

    def values(self, count: int) -> NDArray[Any]:
        """At most so many values, at random from its rows; empty if it cannot be read."""
        return caches.result(dumped_values, self, count)


def dumped_rows(member: DumpMember, rows: int) -> ActivationBatch:
    """At most so many rows, evenly spread."""
    from analysis.survey.member_rows import read_member

    return read_member(member.inspection, member.inspection.member(member.name), most_rows=rows)


def dumped_view(member: DumpMember) -> ActivationBatch:
    """`DumpMember.view`, made anew."""
    batch = member.batch()
    values = batch.values if batch.is_finite else batch.values[np.isfinite(batch.values).all(axis=1)]
    units = np.linspace(0, batch.d - 1, min(batch.d, MOST_UNITS)).astype(int)
    if len(values) < 1:
        raise InvalidInputError(
            N_(
                "The other pages need rows of finite values within float32; {name} has none among its {n:,}"
                " ({not_finite}). Choose an earlier epoch."
            ),
            name=member.name,
            n=batch.n,
            not_finite=batch.not_finite,
        )
    return ActivationBatch(values[:, units] if batch.d > MOST_UNITS else values, harmless(batch.name))


def dumped_bins(member: DumpMember) -> "BinnedHistogram":
    """`DumpMember.bins`, read anew."""
    from analysis.statistics.binned_histogram import BinnedHistogram

    return BinnedHistogram.of(member.inspection.load_bins(member.name))


def dumped_moments(member: DumpMember) -> "SecondMoments | None":
    """Second moments of units that are spread evenly from the first to the last, over the rows that a survey reads."""
    from analysis.statistics.conditioning import second_moments
    from analysis.survey.member_rows import read_member

    try:
        values: NDArray[Any] = read_member(member.inspection, member.inspection.member(member.name)).precise
    except PerError:
        return None
    d = values.shape[1]
    return second_moments(values[:, np.linspace(0, d - 1, min(d, CONDITIONED_UNITS)).astype(int)])


def dumped_values(member: DumpMember, count: int) -> NDArray[Any]:
    """`DumpMember.values`, read anew."""
    from analysis.statistics.histogram import thinned
    from analysis.survey.member_rows import read_member

    try:
        values: NDArray[Any] = read_member(member.inspection, member.inspection.member(member.name)).precise
    except PerError:
        return np.empty(0, np.float32)
    return thinned(values, count)

"""Rows of a member that are looked at: all of them, or blocks spread evenly from its first to its last."""

from __future__ import annotations

import math

import numpy as np

from analysis.batch import ActivationBatch
from analysis.dumps import Inspection, Member
from analysis.statistics.outliers import IndexArray
from analysis.survey.layer_reading import MOST_ROWS, MOST_VALUES

BLOCKS = 4  # a longer member is read in this many pieces
FEWEST_SAMPLES = 8  # whose positions are read, however many positions each has


def read_member(inspection: Inspection, member: Member, *, most_rows: int = MOST_ROWS) -> ActivationBatch:
    """Rows of a member, about `most_rows` at most, in blocks that are spread evenly from its first to its last.

    Raises:
        PerError: If it cannot be read or holds no finite value.
    """
    rows = _blocks(member, most_rows)
    if len(rows) == 1:
        return inspection.load(member.name, rows=rows[0])
    blocks = [inspection.load(member.name, rows=block, require_finite=False) for block in rows]
    joined = np.concatenate([block.precise for block in blocks])
    if not np.isfinite(joined).any():
        return inspection.load(member.name, rows=rows[0])  # which says what is wrong with it
    return ActivationBatch(joined, member.name, layer=member.layer, epoch=member.epoch, source=inspection.title)


def rows_read(member: Member, *, most_rows: int = MOST_ROWS) -> IndexArray:
    """Which rows of a member `read_member` reads, (n,): the number of each row of its batch."""
    return np.concatenate(
        [np.arange(member.first_row(one.start), member.first_row(one.stop)) for one in _blocks(member, most_rows)]
    )


def _blocks(member: Member, most_rows: int) -> list[range]:
    """Which samples are read: all of them, or evenly spread blocks."""
    assert member.rows is not None
    assert member.units is not None
    samples = member.items
    positions = max(1, member.rows // samples)
    wanted = max(math.ceil(most_rows / positions), FEWEST_SAMPLES)
    read = max(1, min(wanted, MOST_VALUES // (positions * member.units)))
    if read >= samples:
        return [range(samples)]
    count = min(BLOCKS, read)
    length = read // count
    return [range(start, start + length) for start in np.linspace(0, samples - length, count).astype(int).tolist()]

"""Sets of names and shapes, and what a proposed plan reads from them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from analysis.dumps.cells import DumpArray, read_by_plan
from analysis.dumps.entry import Entry
from analysis.dumps.limits import DEFAULT_LIMITS
from analysis.dumps.member import LeftOut, Member
from analysis.dumps.proposal import Proposal, propose_plan
from analysis.dumps.proposal.family import Named

WITHIN = re.compile(r"\.(?:npz|h5|hdf5|pt|safetensors|mat|csv|parquet)/(.*)$")
Shape = tuple[int, ...]


def named(names: Iterable[str], shape: Shape = (20, 16), dtype: str = "float32") -> list[Named]:
    """Arrays of one shape; what is behind the name of a file are its keys."""
    return [Named(name, Entry(_key(name), shape, dtype), _inner(name)) for name in names]


def _key(name: str) -> str:
    found = WITHIN.search(name)
    return found[1] if found else ""


def _inner(name: str) -> int:
    return _key(name).count("/") + 1 if _key(name) else 0


def read(
    arrays: Iterable[Named], answers: dict[str, str] | None = None
) -> tuple[list[Member], list[LeftOut], Proposal]:
    """Members, what is left out, and the proposal by which that was read."""
    arrays = list(arrays)
    proposal = propose_plan(arrays, answers)
    dump = [DumpArray((one.name,), one.entry, one.name, one.name, one.inner) for one in arrays]
    members, left_out = read_by_plan(dump, proposal.plan, DEFAULT_LIMITS)
    return list(members), list(left_out), proposal


def cells(arrays: Iterable[Named], answers: dict[str, str] | None = None) -> list[tuple[str | None, float | None, int]]:
    """Layer, epoch and number of parts of every member."""
    members, _, _ = read(arrays, answers)
    return [(member.layer, member.epoch, len(member.parts)) for member in members]


def asked(arrays: Iterable[Named]) -> list[str]:
    """Ids of the questions."""
    return [question.id for question in propose_plan(list(arrays)).questions]

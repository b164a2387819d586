"""Dumps: activation files of any kind. `inspect` says what is in one and how it is read, `load` reads a member.

>>> inspection = inspect("dump.npz")  # doctest: +SKIP
>>> [(member.layer, member.epoch, member.rows, member.units) for member in inspection.members]  # doctest: +SKIP
>>> batch = inspection.load("features.6")  # doctest: +SKIP
"""

from analysis.dumps.inspection import FileVersion, Inspection, LeftOut, Member, Verdict, inspect, list_arrays, load
from analysis.dumps.limits import DEFAULT_LIMITS, ReadingLimits
from analysis.dumps.plan import ArrayRule, ReadingPlan
from analysis.dumps.proposal import Proposal, Question, propose_plan
from analysis.dumps.source import Upload

__all__ = [
    "DEFAULT_LIMITS",
    "ArrayRule",
    "FileVersion",
    "Inspection",
    "LeftOut",
    "Member",
    "Proposal",
    "Question",
    "ReadingLimits",
    "ReadingPlan",
    "Upload",
    "Verdict",
    "inspect",
    "list_arrays",
    "load",
    "propose_plan",
]

"""Dumps: activation files of any kind. `inspect` says what is in one and how it is read, `load` reads a member.

>>> np.savez("epoch_1.npz", fc1=np.zeros((100, 8)))
>>> inspection = inspect("epoch_1.npz")
>>> [(member.layer, member.epoch, member.rows, member.units) for member in inspection.members]
[('fc1', 1, 100, 8)]
>>> inspection.load("fc1").values.shape
(100, 8)
"""

from typing import TYPE_CHECKING

from per_core.first_use import on_first_use

if TYPE_CHECKING:
    from analysis.dumps.files.source import Upload
    from analysis.dumps.inspection import FileVersion, Inspection, LeftOut, Member, Verdict, inspect, list_arrays, load
    from analysis.dumps.limits import DEFAULT_LIMITS, ReadingLimits
    from analysis.dumps.plan.plan import ArrayRule, ReadingPlan
    from analysis.dumps.plan.plan_file import read_plan
    from analysis.dumps.proposal import Proposal, Question, propose_plan

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
    "read_plan",
]

_MODULES = {
    ".inspection": "FileVersion Inspection LeftOut Member Verdict inspect list_arrays load",
    ".limits": "DEFAULT_LIMITS ReadingLimits",
    ".plan.plan": "ArrayRule ReadingPlan",
    ".plan.plan_file": "read_plan",
    ".proposal": "Proposal Question propose_plan",
    ".files.source": "Upload",
}
__getattr__, __dir__ = on_first_use(__name__, _MODULES)

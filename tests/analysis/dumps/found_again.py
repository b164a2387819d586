"""What a proposed plan finds of a dump of which it is known how it was made."""

from collections.abc import Sequence

from analysis.dumps.cells import DumpArray, read_by_plan
from analysis.dumps.entry import Entry
from analysis.dumps.limits import DEFAULT_LIMITS
from analysis.dumps.member import LeftOut, Member
from analysis.dumps.plan.plan import ReadingPlan
from analysis.dumps.proposal import Proposal, propose_plan
from analysis.dumps.proposal.family import Named
from tests.analysis.dumps.random_dumps import Array, RandomDump


def difference(dump: RandomDump, *, may_ask: bool = False) -> str:
    """What is found otherwise than it was made, or asked about unless that may be; empty if nothing is."""
    proposal = proposed(dump.arrays)
    members, left_out = read(dump.arrays, proposal.plan)
    found = {names(member): member for member in members}
    layers: dict[str, str] = {}
    for cell in dump.cells:
        member = found.get(cell.names)
        if member is None:
            return f"{cell.names[0]} and {len(cell.names) - 1} others are not joined; {_where(cell.names[0], members)}"
        if member.epoch != cell.epoch:
            return f"{member.name} has epoch {member.epoch}, not {cell.epoch}"
        if member.split != cell.split:
            return f"{member.name} has split {member.split!r}, not {cell.split!r}"
        if layers.setdefault(cell.layer, str(member.layer)) != str(member.layer):
            return f"{cell.layer} is layer {layers[cell.layer]!r}, and {member.layer!r} in {member.name}"
    if len(set(layers.values())) < len(layers):
        return f"two layers have one name: {layers}"
    if {one.location[0] for one in left_out} != dump.left_out:
        return f"left out: {[one.name for one in left_out][:3]}"
    asked = () if may_ask else proposal.questions
    return f"asked: {asked[0].id}, {asked[0].reason}" if asked else ""


def pooled(dump: RandomDump) -> list[str]:
    """Members that join arrays of several cells: the worst that a plan can do."""
    home = {name: number for number, cell in enumerate(dump.cells) for name in cell.names}
    members, _ = read(dump.arrays, proposed(dump.arrays).plan)
    return [member.name for member in members if len({home.get(name) for name in names(member)}) > 1]


def place(member: Member) -> tuple[str | None, float | None, str]:
    """The cell of a member."""
    return member.layer, member.epoch, member.group


def names(member: Member) -> tuple[str, ...]:
    """What it joins, in its order."""
    return tuple(part.location[0] for part in member.parts)


def proposed(arrays: Sequence[Array]) -> Proposal:
    """The plan for arrays, and questions."""
    return propose_plan([Named(array.name, _entry(array), array.inner) for array in arrays])


def read(arrays: Sequence[Array], plan: ReadingPlan) -> tuple[tuple[Member, ...], tuple[LeftOut, ...]]:
    """Members, and what is left out."""
    found = [DumpArray((array.name,), _entry(array), array.name, array.name, array.inner) for array in arrays]
    return read_by_plan(found, plan, DEFAULT_LIMITS)


def _where(name: str, members: Sequence[Member]) -> str:
    member = next((member for member in members if name in names(member)), None)
    return "it is left out" if member is None else f"{place(member)} has {len(member.parts)} parts"


def _entry(array: Array) -> Entry:
    key = "/".join(array.name.split("/")[-array.inner :]) if array.inner else ""
    return Entry(key, array.shape, array.dtype)

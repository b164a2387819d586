"""How a visitor reads a dump: what they answered and edited, step by step, kept in the session and in the address.

`?dumps_set=axes/conv=sample,unit` holds an answer, as `--set` of the commands does; `?dumps_plan=` an edited plan.
"""

import base64
import binascii
import contextlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import streamlit as st

from analysis.dumps import Inspection, ReadingPlan
from analysis.dumps.plan.plan_file import kept_plan
from app.session import caches
from app.session.keys import DUMP_SAID
from per_core.errors import InvalidInputError, PerError
from per_core.text import N_

MOST_STEPS = 50  # that can be undone
MOST_IN_ADDRESS = 2_000  # characters
MOST_IN_CODE = 4_000  # characters of a plan
MOST_BYTES = 2**20  # of a plan from an address, unpacked


@dataclass(frozen=True, slots=True)
class Said:
    """What a visitor said of one dump.

    Attributes:
        answers: to questions about the plan that is proposed: (id, answer).
        plan: edited by hand; it holds instead of everything else.
        anew: whether a plan beside the dump is left aside.
    """

    answers: tuple[tuple[str, str], ...] = ()
    plan: ReadingPlan | None = None
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A dump as it is read.

    Attributes:
        inspection: by the plan that holds.
        said: by the visitor.
        default: the plan by which the dump is read if nobody says anything: the one beside it, or the proposal.
        kept: the plan beside the dump; None if there is none.
        problems: what the address or the file beside the dump says that does not hold.
    """

    inspection: Inspection
    said: Said
    default: ReadingPlan
    kept: ReadingPlan | None = None
    problems: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether it is read by the plan beside the dump."""
        return self.kept is not None and self.inspection.plan == self.kept and not self.inspection.answers


class PlanSteps:
    """What a visitor said of the dump in a slot, the newest last."""

    def __init__(self, slot: str, dump: Inspection) -> None:
        self._slot = slot
        known: dict[tuple[str, str], list[Said]] = st.session_state.setdefault(DUMP_SAID, {})
        key = slot, str(dump.path)
        self.problems: tuple[str, ...] = ()
        if key not in known:
            is_first = not any(other == slot for other, _ in known)  # of a later dump the address says nothing
            said, self.problems = _from_address(slot) if is_first else (Said(), ())
            known[key] = [said]
        self._steps = known[key]

    @property
    def last(self) -> Said:
        """What holds."""
        return self._steps[-1]

    @property
    def can_undo(self) -> bool:
        """Whether there is a step before."""
        return len(self._steps) > 1

    def say(self, said: Said) -> None:
        """One more step."""
        if said != self.last:
            self._steps.append(said)
            del self._steps[:-MOST_STEPS]

    def answer(self, question: str, answer: str) -> None:
        """Answer a question."""
        self.say(replace(self.last, answers=tuple(sorted((dict(self.last.answers) | {question: answer}).items()))))

    def edit(self, plan: ReadingPlan) -> None:
        """Read by an edited plan."""
        self.say(replace(self.last, plan=plan))

    def undo(self) -> None:
        """Take the last step back."""
        if self.can_undo:
            self._steps.pop()

    def forget(self) -> None:
        """Begin as if nothing was said."""
        self._steps[:] = [Said()]


def read_dump(dump: Inspection, steps: PlanSteps, *, has_place: bool) -> Reading:
    """A dump whose arrays are listed, read as the visitor says.

    Args:
        dump: of `list_arrays`.
        steps: what the visitor said.
        has_place: whether a plan may be kept beside it; an upload has none.
    """
    said, problems = steps.last, list(steps.problems)
    kept = None
    try:
        kept = kept_plan(dump.path) if has_place else None
    except PerError as error:
        problems.append(error.phrase)
    default = caches.dump_reading(dump) if kept is None else caches.dump_reading(dump, plan=kept)
    inspection = default
    if said.plan is not None:
        inspection = caches.dump_reading(dump, plan=said.plan)
    elif said.answers or said.anew:
        try:
            inspection = caches.dump_reading(dump, answers=dict(said.answers))
        except PerError as error:
            problems.append(error.phrase)
            inspection = caches.dump_reading(dump)
    return Reading(inspection, said, default.plan, kept, tuple(problems))


def plan_in_python(inspection: Inspection) -> tuple[tuple[str, ...], str]:
    """What Python imports from `analysis.dumps` beside `inspect`, and what it tells it, to read by the same plan."""
    if inspection.answers:
        return (), f", answers={dict(inspection.answers)!r}"
    kept = None
    if inspection.allowed is not None:
        with contextlib.suppress(PerError):
            kept = kept_plan(inspection.path)
    default = caches.dump_reading(inspection).plan if kept is None else kept
    if inspection.plan == default:
        return (), ""
    text = inspection.plan.to_json()
    if len(text) > MOST_IN_CODE:
        return ("read_plan",), ', plan=read_plan("plan.toml")'
    return ("ReadingPlan",), f", plan=ReadingPlan.from_json({text!r})"


def write_address(slot: str, reading: Reading) -> bool:
    """Put what was said into the address; False if the plan is too long for it."""
    said, fits = reading.said, True
    wanted = {f"{slot}_set": [f"{question}={answer}" for question, answer in said.answers], f"{slot}_plan": []}
    if said.plan is not None and said.plan != reading.default:
        packed = packed_plan(said.plan)
        fits = len(packed) <= MOST_IN_ADDRESS
        wanted[f"{slot}_plan"] = [packed] if fits else []
    for name, values in wanted.items():
        if values and st.query_params.get_all(name) != values:
            st.query_params[name] = values
        elif not values and name in st.query_params:
            del st.query_params[name]
    return fits


def _from_address(slot: str) -> tuple[Said, tuple[str, ...]]:
    """What a link says of the dump that it opens, and what is wrong with it."""
    problems: list[str] = []
    answers: Mapping[str, str] = {
        question: answer
        for question, sign, answer in (text.rpartition("=") for text in st.query_params.get_all(f"{slot}_set"))
        if sign and question
    }
    plan = None
    packed = st.query_params.get(f"{slot}_plan", "")
    if packed:
        try:
            plan = unpacked_plan(packed)
        except PerError as error:
            problems.append(error.phrase)
    return Said(tuple(sorted(answers.items())), plan), tuple(problems)


def packed_plan(plan: ReadingPlan) -> str:
    """A plan as it stands in an address: JSON, zlib, base64 for addresses."""
    return base64.urlsafe_b64encode(zlib.compress(plan.to_json().encode(), 9)).decode().rstrip("=")


def unpacked_plan(text: str) -> ReadingPlan:
    """The plan of `packed_plan`.

    Raises:
        InvalidInputError: If it is none, or larger than 1 MB.
    """
    try:
        packed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        unpacking = zlib.decompressobj()
        found = unpacking.decompress(packed, MOST_BYTES)
        if unpacking.unconsumed_tail or not unpacking.eof:
            raise InvalidInputError(N_("it is cut, or larger than 1 MB"))
        return ReadingPlan.from_json(found.decode())
    except (InvalidInputError, binascii.Error, zlib.error, UnicodeError) as error:
        raise InvalidInputError(
            N_(
                "A link may hold a plan as this page writes it; the one in this link cannot be read ({error!s:.200})."
                " The dump is read without it: copy the link anew, or edit the plan below."
            ),
            error=error,
        ) from error

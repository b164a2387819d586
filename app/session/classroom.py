"""The class a visitor is in: as the address says it, `?class=BCDF&seat=...`, or `&teacher=...` for who teaches it."""

from dataclasses import dataclass, replace

from app.session import permissions, services
from app.session.address import keep_in_address, say_in_address
from app.session.class_store import Answer, ClassState, Reveal, Tally, code_of

CLASS, SEAT, TEACHER = "class", "seat", "teacher"  # in the address


@dataclass(frozen=True, slots=True)
class Classroom:
    """A class, and where the visitor is in it.

    Attributes:
        state: what everybody there may know of it.
        seat: token of a student's seat; empty for the teacher.
        teacher: token of its teacher; empty for a student.
        is_new: whether the seat was taken just now.
    """

    state: ClassState
    seat: str
    teacher: str
    is_new: bool = False

    @property
    def code(self) -> str:
        """Four letters."""
        return self.state.code

    def is_shown(self, step: str) -> bool:
        """Whether the answer of a step is shown: to the teacher, or to a student who has predicted."""
        return step in self.state.revealed or not (self.teacher or self.state.reveal == "teacher")

    def now(self) -> "Classroom":
        """The same after a while; a `NoClassError` if it has been closed."""
        return replace(self, state=services.classes().find(self.code))

    def answer(self, step: str, answer: Answer) -> None:
        """Keep a student's prediction; after the teacher has shown the answer it is none."""
        if self.seat and step not in self.state.revealed:
            services.classes().answer(self.code, self.seat, step, answer)

    def answers(self) -> dict[str, Answer]:
        """What this student has predicted, by step."""
        return services.classes().answers(self.code, self.seat) if self.seat else {}

    def tally(self) -> Tally:
        """What the class has answered."""
        return services.classes().tally(self.code)

    def teach(self, step: str) -> None:
        """Say that the teacher is at a step."""
        if self.teacher and self.state.step != step:
            services.classes().show_step(self.code, self.teacher, step)

    def reveal(self, step: str) -> None:
        """Show the answer of a step to all."""
        services.classes().reveal(self.code, self.teacher, step)

    def choose_reveal(self, reveal: Reveal) -> None:
        """Change who shows the answers."""
        services.classes().choose_reveal(self.code, self.teacher, reveal)

    def close(self) -> None:
        """Delete the class with all its answers, and leave it."""
        services.classes().close_class(self.code, self.teacher)
        leave()


def keep_place() -> dict[str, str]:
    """What the address says of a class, or said before; it stays there on every page."""
    return keep_in_address(CLASS, SEAT, TEACHER)


def enter() -> Classroom | None:
    """The class that the address names, None if it names none; a student without a seat there gets one.

    Raises:
        NoClassError: If there is no class of this code.
        BudgetError: If all its seats are taken.
    """
    said = keep_place()
    if CLASS not in said:
        return None
    store, code = services.classes(), code_of(said[CLASS])
    state = store.find(code)
    if store.is_teacher(code, said.get(TEACHER, "")):
        return Classroom(state, "", said[TEACHER])
    if store.has_seat(code, said.get(SEAT, "")):
        return Classroom(state, said[SEAT], "")
    seat = store.join(code)
    say_in_address(CLASS, {CLASS: code, SEAT: seat})
    return Classroom(state, seat, "", is_new=True)


def open_class(reveal: Reveal) -> None:
    """Open a class as its teacher.

    Raises:
        NotAllowedError: If this needs the teacher's key.
        BudgetError: If there are too many classes.
    """
    permissions.require("open_class")
    code, teacher = services.classes().open_class(reveal)
    say_in_address(CLASS, {CLASS: code, TEACHER: teacher})


def join(text: str) -> None:
    """Go into the class of a code that somebody typed.

    Raises:
        NoClassError: If there is none.
    """
    code = code_of(text)
    services.classes().find(code)
    say_in_address(CLASS, {CLASS: code})


def leave() -> None:
    """Go on alone; what was answered stays with the class."""
    say_in_address(CLASS, {})

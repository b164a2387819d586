"""Classes and their answers on disk: one file of SQLite, which several threads and servers may share.

A class is known by a code of four letters, its teacher and its seats by tokens that only they have; the file holds
hashes of these. It holds no name, no address and nothing else of a person. Whatever was acknowledged is there after a
crash of the server or of the machine. https://www.sqlite.org/wal.html
"""

import hmac
import json
import re
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any, Literal, get_args

from per_core.errors import BudgetError, InvalidInputError, StorageError
from per_core.text import N_

Reveal = Literal["teacher", "student"]  # who shows the answer of a step
LETTERS = "BCDFGHJKMNPRSTVXYZ"  # no vowels, so no words; none that is read as another or as a digit
CODE_LENGTH = 4
MOST_CLASSES, MOST_SEATS, MOST_STEPS = 200, 200, 40  # at a time, of a class, of a seat
LONGEST_ANSWER, LONGEST_SETTINGS = 40, 2_000  # signs as JSON
HOUR_SECONDS = 3600.0
BUSY_SECONDS = 10.0  # to wait for another server that writes
VERSION = 1

_CODE = re.compile(rf"[{LETTERS}]{{{CODE_LENGTH}}}")
_STEP = re.compile(r"[a-z][a-z0-9_]{0,39}")


class NoClassError(InvalidInputError):
    """There is no class of this code, or not any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a student predicted at a step.

    Attributes:
        value: the key of an option, or a number.
        correct: whether it was right at the settings on screen.
        settings: these, by name; texts and numbers.
    """

    value: str | float
    correct: bool
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClassState:
    """What everybody in a class may know of it.

    Attributes:
        code: four letters.
        reveal: who shows the answers.
        step: where the teacher is; empty if nobody said.
        revealed: steps whose answers the teacher has shown.
    """

    code: str
    reveal: Reveal
    step: str
    revealed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tally:
    """What a teacher sees.

    Attributes:
        joined: seats.
        answers: by step, how many seats gave an answer; the right ones of them are in `correct`.
        correct: by step, how many seats were right.
    """

    joined: int
    answers: Mapping[str, Mapping[str | float, int]]
    correct: Mapping[str, int]

    def answered(self, step: str) -> int:
        """How many seats have answered at a step."""
        return sum(self.answers.get(step, {}).values())


class ClassStore:
    """The classes in a file. Threads may share a store, and servers the file.

    Args:
        path: of the file, made where it is not there; `-wal` and `-shm` stand beside it while it is open.
        hours: a class is deleted so long after its last use, > 0: after somebody joined, answered or taught.
        clock: seconds since 1970.

    Raises:
        StorageError: Also of every method, if the file cannot be read or written, or is no file of classes.
    """

    def __init__(self, path: Path, hours: float = 24.0, clock: Callable[[], float] = time.time) -> None:
        self._path, self._kept, self._clock = path, hours * HOUR_SECONDS, clock
        self._lock = Lock()
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("PRAGMA foreign_keys = ON")
            self._database.execute("PRAGMA secure_delete = ON")
            self._require_version()
            _make_tables(self._database)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def open_class(self, reveal: Reveal) -> tuple[str, str]:
        """A new class: its code, and the token of its teacher.

        Raises:
            InvalidInputError: If nobody is said to reveal.
            BudgetError: If there are too many classes.
        """
        if reveal not in get_args(Reveal):
            raise InvalidInputError(
                N_("Answers are revealed by {choices}; received {reveal!r}. Name one of these."),
                choices=" or ".join(get_args(Reveal)),
                reveal=reveal,
            )
        token = secrets.token_urlsafe(16)
        with self._writing() as database:
            taken = {code for (code,) in database.execute("SELECT code FROM classes")}
            if len(taken) >= MOST_CLASSES:
                raise BudgetError(
                    N_(
                        "At most {most_classes} classes may be open, and {open} are. Close one, or wait: each is"
                        " deleted {hours:g} hours after its last use."
                    ),
                    most_classes=MOST_CLASSES,
                    open=len(taken),
                    hours=self._kept / HOUR_SECONDS,
                )
            code = next(code for code in iter(_new_code, "") if code not in taken)
            database.execute(
                "INSERT INTO classes (code, teacher, used, reveal) VALUES (?, ?, ?, ?)",
                (code, _hash(token), self._clock(), reveal),
            )
        return code, token

    def find(self, code: str) -> ClassState:
        """A class as it is now.

        Raises:
            NoClassError: If there is none of this code.
        """
        with self._reading() as database:
            return self._state(database, code)

    def join(self, code: str) -> str:
        """A new seat in a class: its token.

        Raises:
            NoClassError: If there is none of this code.
            BudgetError: If all seats are taken.
        """
        seat = secrets.token_urlsafe(9)
        with self._writing() as database:
            self._use(database, code)
            (taken,) = database.execute("SELECT count(*) FROM seats WHERE code = ?", (code,)).fetchone()
            if taken >= MOST_SEATS:
                raise BudgetError(
                    N_(
                        "A class has {most_seats} seats, and {code} has none left. Ask the teacher to open another one."
                    ),
                    most_seats=MOST_SEATS,
                    code=code,
                )
            database.execute("INSERT INTO seats VALUES (?, ?)", (code, _hash(seat)))
        return seat

    def has_seat(self, code: str, seat: str) -> bool:
        """Whether the class has this seat."""
        with self._reading() as database:
            return self._holds_seat(database, code, seat)

    def answer(self, code: str, seat: str, step: str, answer: Answer) -> None:
        """Keep what a seat predicted at a step, in place of what it said there before.

        Raises:
            NoClassError: If there is no class of this code.
            InvalidInputError: If the class has no such seat, or the step or the answer breaks its rule.
            BudgetError: If the seat has answered at too many steps.
        """
        _require_step(step)
        value, settings = _checked(answer)
        with self._writing() as database:
            self._use(database, code)
            if not self._holds_seat(database, code, seat):
                raise InvalidInputError(
                    N_("The class {code} has no such seat. Join it again with its code."), code=code
                )
            steps = {one for (one,) in database.execute(
                "SELECT step FROM answers WHERE code = ? AND seat = ?", (code, _hash(seat))
            )}  # fmt: skip
            if len(steps | {step}) > MOST_STEPS:
                raise BudgetError(
                    N_("A seat answers at {most_steps} steps at most, and this one has. Leave it at that."),
                    most_steps=MOST_STEPS,
                )
            database.execute(
                "REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
                (code, _hash(seat), step, value, answer.correct, settings, self._clock()),
            )

    def answers(self, code: str, seat: str) -> dict[str, Answer]:
        """What a seat has predicted, by step; nothing if there is no such seat.

        Raises:
            NoClassError: If there is no class of this code.
        """
        with self._reading() as database:
            self._state(database, code)
            rows = database.execute(
                "SELECT step, answer, correct, settings FROM answers WHERE code = ? AND seat = ? ORDER BY at",
                (code, _hash(seat)),
            ).fetchall()
        return {
            step: Answer(json.loads(value), bool(correct), json.loads(settings))
            for step, value, correct, settings in rows
        }

    def is_teacher(self, code: str, token: str) -> bool:
        """Whether a token is that of the teacher of a class."""
        with self._reading() as database:
            return self._teaches(database, code, token)

    def tally(self, code: str) -> Tally:
        """How many have joined and what they have answered, without whose answer is which.

        Raises:
            NoClassError: If there is no class of this code.
        """
        with self._reading() as database:
            self._state(database, code)
            (joined,) = database.execute("SELECT count(*) FROM seats WHERE code = ?", (code,)).fetchone()
            rows = database.execute(
                "SELECT step, answer, count(*), sum(correct) FROM answers WHERE code = ? GROUP BY step, answer", (code,)
            ).fetchall()
        answers: dict[str, Counter[str | float]] = {}
        correct: Counter[str] = Counter()
        for step, value, count, right in rows:
            answers.setdefault(step, Counter())[json.loads(value)] += count
            correct[step] += right
        return Tally(joined, answers, correct)

    def show_step(self, code: str, token: str, step: str) -> None:
        """Say where the teacher is.

        Raises:
            NoClassError: If there is no class of this code.
            InvalidInputError: If the token is not its teacher's, or the step breaks its rule.
        """
        _require_step(step)
        with self._teaching(code, token) as database:
            database.execute("UPDATE classes SET step = ? WHERE code = ?", (step, code))

    def reveal(self, code: str, token: str, step: str) -> None:
        """Show the answer of a step to all.

        Raises:
            NoClassError: If there is no class of this code.
            InvalidInputError: If the token is not its teacher's, or the step breaks its rule.
            BudgetError: If too many steps are shown.
        """
        _require_step(step)
        with self._teaching(code, token) as database:
            if len(self._state(database, code).revealed | {step}) > MOST_STEPS:
                raise BudgetError(
                    N_("A class has {most_steps} steps at most. Open another one for more."), most_steps=MOST_STEPS
                )
            database.execute("INSERT OR IGNORE INTO revealed VALUES (?, ?)", (code, step))

    def choose_reveal(self, code: str, token: str, reveal: Reveal) -> None:
        """Change who shows the answers.

        Raises:
            NoClassError: If there is no class of this code.
            InvalidInputError: If the token is not its teacher's.
        """
        with self._teaching(code, token) as database:
            database.execute("UPDATE classes SET reveal = ? WHERE code = ?", (reveal, code))

    def close_class(self, code: str, token: str) -> None:
        """Delete a class with all that it holds.

        Raises:
            NoClassError: If there is no class of this code.
            InvalidInputError: If the token is not its teacher's.
        """
        with self._teaching(code, token) as database:
            database.execute("DELETE FROM classes WHERE code = ?", (code,))
        with self._told(), self._lock:
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._told(), self._lock:
            yield self._database

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; what nobody has used for long goes first."""
        with self._told(), self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.execute("DELETE FROM classes WHERE used < ?", (self._clock() - self._kept,))
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _teaching(self, code: str, token: str) -> Iterator[sqlite3.Connection]:
        with self._writing() as database:
            self._use(database, code)
            if not self._teaches(database, code, token):
                raise InvalidInputError(
                    N_(
                        "Only the teacher of {code} can do this, by the address that the class was opened with. Open"
                        " that address."
                    ),
                    code=code,
                )
            yield database

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, StorageError):
                raise
            raise StorageError(
                N_(
                    "The file of the classes, {path}, cannot be used: {error}. Free its disk or move the file away,"
                    " or name another one in PERSCOPE_CLASSES."
                ),
                path=self._path,
                error=error,
            ) from error

    def _require_version(self) -> None:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            raise StorageError(
                N_(
                    "{path} must be a file of classes of version {known}; it is of {version}. Move it away, or name"
                    " another one in PERSCOPE_CLASSES."
                ),
                path=self._path,
                known=VERSION,
                version=version,
            )
        self._database.execute(f"PRAGMA user_version = {VERSION}")

    def _state(self, database: sqlite3.Connection, code: str) -> ClassState:
        row = self._row(database, code)
        if row is None:
            raise NoClassError(
                N_(
                    "A code is four letters of a class that is open; there is no class {code!r}. Check it, or ask the"
                    " teacher for a new one."
                ),
                code=code[:20],
            )
        revealed = database.execute("SELECT step FROM revealed WHERE code = ?", (code,))
        return ClassState(code, row[0], row[1], frozenset(step for (step,) in revealed))

    def _row(self, database: sqlite3.Connection, code: str) -> "tuple[Reveal, str, bytes] | None":
        """Who reveals, the step and the teacher of a class; None if there is none of this code."""
        if not _CODE.fullmatch(code):
            return None
        found: tuple[Reveal, str, bytes] | None = database.execute(
            "SELECT reveal, step, teacher FROM classes WHERE code = ? AND used >= ?",
            (code, self._clock() - self._kept),
        ).fetchone()
        return found

    def _use(self, database: sqlite3.Connection, code: str) -> None:
        self._state(database, code)
        database.execute("UPDATE classes SET used = ? WHERE code = ?", (self._clock(), code))

    def _teaches(self, database: sqlite3.Connection, code: str, token: str) -> bool:
        row = self._row(database, code)
        return row is not None and hmac.compare_digest(row[2], _hash(token))

    def _holds_seat(self, database: sqlite3.Connection, code: str, seat: str) -> bool:
        row = self._row(database, code)
        return row is not None and (
            database.execute("SELECT 1 FROM seats WHERE code = ? AND seat = ?", (code, _hash(seat))).fetchone()
            is not None
        )


def code_of(text: str) -> str:
    """A code as somebody typed it: without spaces and hyphens, in capitals."""
    return re.sub(r"[\s-]", "", text[:20]).upper()


def tally_table(tally: Tally, steps: Sequence[str]) -> list[dict[str, Any]]:
    """The counts, a row for each answer that was given, in the order of the steps."""
    return [
        {"step": step, "answer": value, "count": count, "answered": tally.answered(step), "right": tally.correct[step]}
        for step in steps
        for value, count in sorted(tally.answers.get(step, {}).items(), key=lambda one: str(one[0]))
    ]


def _make_tables(database: sqlite3.Connection) -> None:
    database.executescript(
        """
        CREATE TABLE IF NOT EXISTS classes (
            code TEXT PRIMARY KEY, teacher BLOB NOT NULL, used REAL NOT NULL, reveal TEXT NOT NULL,
            step TEXT NOT NULL DEFAULT ''
        );
        CREATE TABLE IF NOT EXISTS revealed (
            code TEXT NOT NULL REFERENCES classes ON DELETE CASCADE, step TEXT NOT NULL, PRIMARY KEY (code, step)
        );
        CREATE TABLE IF NOT EXISTS seats (
            code TEXT NOT NULL REFERENCES classes ON DELETE CASCADE, seat BLOB NOT NULL, PRIMARY KEY (code, seat)
        );
        CREATE TABLE IF NOT EXISTS answers (
            code TEXT NOT NULL, seat BLOB NOT NULL, step TEXT NOT NULL, answer TEXT NOT NULL, correct INTEGER NOT NULL,
            settings TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (code, seat, step),
            FOREIGN KEY (code, seat) REFERENCES seats ON DELETE CASCADE
        );
        """
    )


def _new_code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))


def _hash(token: str) -> bytes:
    return blake2b(token.encode(errors="surrogatepass"), digest_size=16).digest()


def _require_step(step: str) -> None:
    if not _STEP.fullmatch(step):
        raise InvalidInputError(
            N_("A step is named by at most 40 small letters, digits and _; received {step!r}. Name one of the lesson."),
            step=step[:60],
        )


def _checked(answer: Answer) -> tuple[str, str]:
    """An answer and its settings as JSON, of a bounded size."""
    try:
        value = json.dumps(answer.value, allow_nan=False)
        settings = json.dumps(dict(answer.settings), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            N_("An answer and its settings are texts and finite numbers; received {answer!r:.200}. Give these."),
            answer=answer,
        ) from error
    if isinstance(answer.value, bool) or not isinstance(answer.value, str | int | float) or len(value) > LONGEST_ANSWER:
        raise InvalidInputError(
            N_(
                "An answer is a number or the key of an option, of {longest_answer} signs at most; received"
                " {value!r:.80}. Give one of the options."
            ),
            longest_answer=LONGEST_ANSWER,
            value=answer.value,
        )
    if len(settings) > LONGEST_SETTINGS:
        raise InvalidInputError(
            N_("Settings of an answer have {longest_settings} signs at most; these have {received}. Leave some out."),
            longest_settings=LONGEST_SETTINGS,
            received=len(settings),
        )
    return value, settings

"""Classes on disk: no answer is lost, counts are those of an independent count, and strangers' input is refused."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.session import class_store
from app.session.class_store import (
    LETTERS,
    MOST_STEPS,
    Answer,
    ClassStore,
    NoClassError,
    code_of,
    tally_table,
)
from per_core.errors import BudgetError, InvalidInputError, StorageError
from tests import processes

HOSTILE = ["", "ABCD", "bcdf", "BCD", "BCDFG", "BC'F", "'; --", "ＢＣＤＦ", "BCD\n", "\ud800BCD", "x" * 10_000]
WRITER = """
import sys
from pathlib import Path
from app.session.class_store import Answer, ClassStore

path, code = Path(sys.argv[1]), sys.argv[2]
store = ClassStore(path)
seat = store.join(code)
print(seat, flush=True)
for n in range(10**9):
    store.answer(code, seat, f"step_{n % 7}", Answer(n, n % 2 == 0))
    print(n, flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ClassStore]:
    store = ClassStore(tmp_path / "classes.sqlite3")
    yield store
    store.close()


def test_an_answer_replaces_the_one_before_and_comes_back(store: ClassStore) -> None:
    code, _token = store.open_class("teacher")
    seat = store.join(code)
    said = Answer("three", False, {"case": "c", "n": 400, "rho": 0.25})
    store.answer(code, seat, "clouds", Answer("two", True))
    store.answer(code, seat, "clouds", said)
    store.answer(code, seat, "sand", Answer(0.798, True))
    assert store.answers(code, seat) == {"clouds": said, "sand": Answer(0.798, True)}
    assert store.tally(code).answers == {"clouds": {"three": 1}, "sand": {0.798: 1}}
    assert store.answers(code, "another-seat") == {}


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["clouds", "sand"]), st.sampled_from(["a", "b", 1.5])), max_size=40
    )
)
def test_counts_are_those_of_what_each_seat_said_last(said: list[tuple[int, str, str | float]]) -> None:
    store = ClassStore(Path(":memory:"))
    code, _token = store.open_class("student")
    seats = [store.join(code) for _ in range(6)]
    for seat, step, value in said:
        store.answer(code, seats[seat], step, Answer(value, value == "a"))
    last = {(seat, step): value for seat, step, value in said}
    tally = store.tally(code)
    assert tally.joined == 6
    for step in ("clouds", "sand"):
        counted = Counter(value for (_, of), value in last.items() if of == step)
        assert tally.answers.get(step, {}) == counted
        assert tally.answered(step) == counted.total()
        assert tally.correct.get(step, 0) == counted["a"]
    assert sum(row["count"] for row in tally_table(tally, ["clouds", "sand"])) == len(last)
    store.close()


def test_no_answer_of_many_threads_is_lost(store: ClassStore) -> None:
    codes = [store.open_class("teacher")[0] for _ in range(2)]

    def student(number: int) -> tuple[str, str, dict[str, str | float]]:
        code, rng = codes[number % 2], random.Random(number)
        seat, last = store.join(code), {}
        for turn in range(12):
            step, value = f"step_{turn % 5}", rng.choice(["a", "b", "c"])
            store.answer(code, seat, step, Answer(value, value == "b"))
            last[step] = value
            store.tally(code)
        return code, seat, last

    with ThreadPoolExecutor(16) as pool:
        students = list(pool.map(student, range(24)))
    for code in codes:
        own = [(seat, last) for of, seat, last in students if of == code]
        assert store.tally(code).joined == len(own) == 12
        assert {step: dict(counts) for step, counts in store.tally(code).answers.items()} == {
            f"step_{i}": dict(Counter(last[f"step_{i}"] for _, last in own)) for i in range(5)
        }
        for seat, last in own:
            assert {step: answer.value for step, answer in store.answers(code, seat).items()} == last


def test_what_was_acknowledged_is_there_after_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "classes.sqlite3"
    store = ClassStore(path)
    code, token = store.open_class("teacher")
    store.reveal(code, token, "clouds")
    command = [sys.executable, "-c", WRITER, str(path), code]
    with processes.running(command, stdout=subprocess.PIPE, text=True) as writer:
        seat = writer.stdout.readline().strip()
        told = [int(writer.stdout.readline()) for _ in range(40)]
        os.kill(writer.pid, signal.SIGKILL)
        told += [int(line) for line in writer.stdout if line.endswith("\n")]
    store.close()
    store = ClassStore(path)
    kept = store.answers(code, seat)
    for step in range(7):
        assert kept[f"step_{step}"].value >= max(n for n in told if n % 7 == step)
    assert store.find(code).revealed == {"clouds"}
    assert store.is_teacher(code, token)
    assert store.tally(code).joined == 1
    store.close()


def test_servers_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "classes.sqlite3"
    code, _token = ClassStore(path).open_class("student")
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(ClassStore, [path] * 4))
        list(
            pool.map(lambda n: stores[n % 4].answer(code, stores[n % 4].join(code), "sand", Answer(n, True)), range(40))
        )
    assert stores[0].tally(code).answered("sand") == 40


def test_a_class_is_deleted_a_day_after_its_last_use(tmp_path: Path) -> None:
    now = [0.0]
    store = ClassStore(tmp_path / "classes.sqlite3", hours=24, clock=lambda: now[0])
    first, token = store.open_class("teacher")
    seat = store.join(first)
    now[0] += 20 * 3600
    store.answer(first, seat, "clouds", Answer("a", True))
    now[0] += 23 * 3600
    store.tally(first)  # who only looks on keeps nothing
    assert store.find(first).code == first
    now[0] += 2 * 3600
    for use in (store.find, store.join, store.tally, lambda code: store.answers(code, seat)):
        with pytest.raises(NoClassError, match="there is no class"):
            use(first)
    assert not store.is_teacher(first, token)
    assert not store.has_seat(first, seat)
    store.open_class("teacher")
    rows = sqlite3.connect(tmp_path / "classes.sqlite3")
    for table, left in (("classes", 1), ("seats", 0), ("answers", 0), ("revealed", 0)):
        assert rows.execute(f"SELECT count(*) FROM {table}").fetchone() == (left,)
    rows.close()
    store.close()


def test_a_closed_class_leaves_nothing_on_disk(store: ClassStore, tmp_path: Path) -> None:
    code, token = store.open_class("teacher")
    seat = store.join(code)
    store.answer(code, seat, "clouds", Answer("unmistakable", True))
    assert _is_on_disk(tmp_path, b"unmistakable")
    store.close_class(code, token)
    assert not _is_on_disk(tmp_path, b"unmistakable")
    with pytest.raises(NoClassError):
        store.find(code)


def test_tokens_are_on_disk_as_hashes_only(store: ClassStore, tmp_path: Path) -> None:
    code, token = store.open_class("teacher")
    seat = store.join(code)
    assert _is_on_disk(tmp_path, code.encode())
    assert not _is_on_disk(tmp_path, token.encode())
    assert not _is_on_disk(tmp_path, seat.encode())


def _is_on_disk(folder: Path, text: bytes) -> bool:
    return any(text in file.read_bytes() for file in folder.iterdir())


def test_only_its_teacher_leads_a_class(store: ClassStore) -> None:
    code, token = store.open_class("teacher")
    _other, others = store.open_class("teacher")
    seat = store.join(code)
    for wrong in (others, seat, "", "\ud800", token + "x"):
        assert not store.is_teacher(code, wrong)
        for act in (store.reveal, store.show_step):
            with pytest.raises(InvalidInputError, match="Only the teacher"):
                act(code, wrong, "clouds")
        with pytest.raises(InvalidInputError, match="Only the teacher"):
            store.close_class(code, wrong)
    store.show_step(code, token, "clouds")
    store.reveal(code, token, "clouds")
    store.choose_reveal(code, token, "student")
    found = store.find(code)
    assert (found.step, found.revealed, found.reveal) == ("clouds", {"clouds"}, "student")


@pytest.mark.parametrize("code", HOSTILE)
def test_a_hostile_code_is_no_class(store: ClassStore, code: str) -> None:
    store.open_class("teacher")
    with pytest.raises(NoClassError, match="Check it, or ask"):
        store.join(code)
    with pytest.raises(NoClassError):
        store.reveal(code, "x", "clouds")
    assert not store.has_seat(code, "x")
    assert not store.is_teacher(code, "x")


@pytest.mark.parametrize("seat", HOSTILE)
def test_a_hostile_seat_answers_nothing(store: ClassStore, seat: str) -> None:
    code, _token = store.open_class("teacher")
    assert not store.has_seat(code, seat)
    assert store.answers(code, seat) == {}
    with pytest.raises(InvalidInputError, match=r"no such seat\. Join it again"):
        store.answer(code, seat, "clouds", Answer("a", True))
    assert store.tally(code).joined == 0


@pytest.mark.parametrize(
    ("step", "answer", "rule"),
    [
        ("Clouds", Answer("a", True), "A step is named by"),
        ("", Answer("a", True), "A step is named by"),
        ("x" * 41, Answer("a", True), "A step is named by"),
        ("clouds", Answer("a" * 60, True), "An answer is a number or the key"),
        ("clouds", Answer(float("nan"), True), "finite numbers"),
        ("clouds", Answer(True, True), "An answer is a number or the key"),
        ("clouds", Answer(b"a", True), "texts and finite numbers"),
        ("clouds", Answer(["a"], True), "An answer is a number or the key"),
        ("clouds", Answer("a", True, {"n": object()}), "texts and finite numbers"),
        ("clouds", Answer("a", True, {"n": "x" * 3000}), "Settings of an answer have"),
    ],
)
def test_an_answer_is_small_and_of_a_step(store: ClassStore, step: str, answer: Answer, rule: str) -> None:
    code, _token = store.open_class("teacher")
    seat = store.join(code)
    with pytest.raises(InvalidInputError, match=rule):
        store.answer(code, seat, step, answer)
    assert store.answers(code, seat) == {}


def test_classes_seats_and_steps_are_bounded(store: ClassStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_store, "MOST_CLASSES", 2)
    monkeypatch.setattr(class_store, "MOST_SEATS", 3)
    (code, token), _second = store.open_class("teacher"), store.open_class("teacher")
    with pytest.raises(BudgetError, match="At most 2 classes may be open"):
        store.open_class("teacher")
    seat, *_others = [store.join(code) for _ in range(3)]
    with pytest.raises(BudgetError, match="A class has 3 seats"):
        store.join(code)
    for step in range(MOST_STEPS):
        store.answer(code, seat, f"step_{step}", Answer("a", True))
        store.reveal(code, token, f"step_{step}")
    with pytest.raises(BudgetError, match="answers at 40 steps"):
        store.answer(code, seat, "one_more", Answer("a", True))
    with pytest.raises(BudgetError, match="40 steps at most"):
        store.reveal(code, token, "one_more")
    store.answer(code, seat, "step_0", Answer("b", True))
    assert store.answers(code, seat)["step_0"].value == "b"


def test_codes_are_easy_to_read_and_to_type(store: ClassStore) -> None:
    codes = {store.open_class("student")[0] for _ in range(50)}
    assert len(codes) == 50
    assert all(len(code) == 4 and set(code) <= set(LETTERS) for code in codes)
    assert not set(LETTERS) & set("AEIOULQW0158")
    assert code_of(" bc-df\n") == "BCDF"


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but long enough to be taken for one" * 40)
    with pytest.raises(StorageError, match=r"text, cannot be used: .*PERSCOPE_CLASSES"):
        ClassStore(tmp_path / "text")
    with pytest.raises(StorageError, match="PERSCOPE_CLASSES"):
        ClassStore(tmp_path / "text" / "below")
    newer = sqlite3.connect(tmp_path / "newer")
    newer.execute("PRAGMA user_version = 7")
    newer.commit()
    newer.close()
    with pytest.raises(StorageError, match="must be a file of classes of version 1; it is of 7"):
        ClassStore(tmp_path / "newer")
    with pytest.raises(InvalidInputError, match="revealed by teacher or student; received 'nobody'"):
        ClassStore(tmp_path / "good").open_class("nobody")

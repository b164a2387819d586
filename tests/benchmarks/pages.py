"""How fast the pages answer one visitor, and a class of them: python -m tests.benchmarks.pages [--sessions N].

The dashboard runs as a process of its own; visitors speak Streamlit's protocol with it, on this machine only. A new
seed is one that nobody has asked for yet. Processor time is that of the server and all its processes, and depends
little on what else the machine does; seconds of the clock depend on it.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np
from websockets.exceptions import ConnectionClosed

from app.session.class_store import ClassStore
from app.session.services import CLASSES_FILE
from app.views.learn.steps import STEPS
from tests.benchmarks.dashboard import Dashboard, Memory, serving
from tests.benchmarks.uploads import UPLOAD_BYTES, uploads_and_leaving
from tests.benchmarks.visitor import Drawn, PageError, Visitor, visiting

SEED = "data_seed"  # the sidebar's
MOST_SESSIONS, MOST_SECONDS = 100, 600
CLASS, PERIOD = 30, 8.0  # visitors that the aims speak of, and seconds between two moves of one
NEW_SEED = {"distributions": 0.3, "bound": 0.6, "methods": 1.0}  # aims, processor seconds of a page
UNCHANGED, COLD, HEAVY, BESIDE = 0.05, 4.0, 5.0, 1.5
KEPT_MB = 300  # of uploads whose visitors have left
FIRST_CHART, WHOLE, SAME = 3.0, 5.0, 1.0
LARGEST = {"data_n": "16384", "data_dim": "64"}  # what one batch may hold
MB = 1e6

Seeds = Callable[[int], int]  # of a visitor's moves, from 0


def main() -> None:
    options = _options()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before; {options.sessions} visitors")
    row("", "measured", "aim", "")
    try:
        asyncio.run(_within(options))
    except TimeoutError:
        sys.exit(f"Stopped after {options.limit:g} seconds, before the end. Give it more with --limit, or less to do.")
    except (PageError, RuntimeError, ConnectionClosed) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.pages", description="Speed of the pages.")
    parser.add_argument("--sessions", type=_up_to(MOST_SESSIONS), default=CLASS, metavar="N", help="visitors at a time")
    parser.add_argument("--seconds", type=_up_to(MOST_SECONDS), default=80, metavar="N", help="each play lasts so long")
    parser.add_argument("--pages", nargs="+", choices=NEW_SEED, default=list(NEW_SEED), help="that one visitor opens")
    parser.add_argument("--rounds", type=_up_to(100), default=5, metavar="N", help="moves of one visitor on each page")
    parser.add_argument("--heavy", action="store_true", help="also play beside a visitor with the largest batch")
    parser.add_argument(
        "--uploads", type=_up_to(MOST_SESSIONS), default=CLASS, metavar="N", help="visitors with a file"
    )
    parser.add_argument("--left", type=_up_to(60), default=4, metavar="N", help="minutes after they have left")
    parser.add_argument("--only-uploads", action="store_true", help="nothing but these")
    parser.add_argument(
        "--class", action="store_true", dest="lesson", help="nothing but the visitors as a class, through the lesson"
    )
    parser.add_argument("--limit", type=_up_to(3600), default=1800, metavar="N", help="seconds after which it ends")
    return parser.parse_args()


def _up_to(most: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {most}; received {text!r}")
        return int(text)

    return whole


async def _within(options: argparse.Namespace) -> None:
    async with asyncio.timeout(options.limit):
        with serving() as dashboard:
            await measure(dashboard, options)


async def measure(dashboard: Dashboard, options: argparse.Namespace) -> None:
    """Everything in turn: a cold start, one visitor, the class; a row is printed as soon as it is known."""
    seeds = itertools.count(1000)
    await cold_start(dashboard)
    if options.lesson:
        await one_class(dashboard, options.sessions)
        return
    if options.only_uploads:
        await those_who_upload(dashboard, options.uploads, options.left)
        return
    for page in options.pages:
        await one_visitor(dashboard, page, options.rounds, seeds)
    await dashboard.rest()
    before = dashboard.memory()
    held: list[Memory] = []
    judged = options.sessions >= CLASS
    watch = asyncio.create_task(dashboard.watch(held))
    async with class_of(options.sessions, dashboard.port) as visitors:
        await dashboard.rest()
        alone = await play(visitors, options.seconds, lambda _: next(seeds))
        moves = f"{options.sessions} visitors, a move every {PERIOD:g} s"
        spread(f"{moves}: first chart", [drawn.first_chart for drawn in alone], FIRST_CHART, judged=judged)
        spread(f"{moves}: whole page", [drawn.whole for drawn in alone], WHOLE, judged=judged)
        first = next(seeds) + 100_000
        same = await play(visitors, options.seconds, lambda move: first + move)
        spread("the same seeds for all: whole page", [drawn.whole for drawn in same], SAME, judged=judged)
        if options.heavy:
            await beside_a_heavy_visitor(dashboard, visitors, options.seconds, alone, seeds)
    watch.cancel()
    await dashboard.rest()
    row("memory before the visitors: server + its processes", str(before))
    row("  at most, while they are there", str(max(held, key=sum)))
    row("  when they have left", str(dashboard.memory()))
    await those_who_upload(dashboard, options.uploads, options.left)


async def one_class(dashboard: Dashboard, sessions: int) -> None:
    """Students of one class go through the lesson and answer at every step, while their teacher looks on."""
    classes = ClassStore(dashboard.runs / CLASSES_FILE)
    code, token = classes.open_class("student")
    async with AsyncExitStack() as stack:
        teacher, *students = [await stack.enter_async_context(visiting(dashboard.port)) for _ in range(sessions + 1)]
        looking_on = asyncio.create_task(teacher.open("learn", {"class": code, "teacher": token}))
        await asyncio.gather(*(student.open("learn", {"class": code}) for student in students))
        begin = time.monotonic()
        turns = (begin + PERIOD * number / sessions for number in range(sessions))
        found = await asyncio.gather(*(go_through(*one) for one in zip(students, turns, strict=True)))
        looking_on.cancel()
    counted = classes.tally(code)
    classes.close()
    if counted.joined != sessions or any(counted.answered(step.key) != sessions for step in STEPS):
        raise PageError(f"Answers were lost: {counted}.")
    judged = sessions >= CLASS
    moves = f"{sessions} students, a move every {PERIOD:g} s"
    for name, drawn in (
        ("answer", [one for own, _ in found for one in own]),
        ("next", [one for _, own in found for one in own]),
    ):
        spread(f"{moves}: {name} to the picture", [one.first_chart for one in drawn], FIRST_CHART, judged=judged)
        spread("  to the whole page", [one.whole for one in drawn], WHOLE, judged=judged)


async def go_through(student: Visitor, turn: float) -> tuple[list[Drawn], list[Drawn]]:
    """Answer at every step and go on, from a moment on; what each answer and each step led to."""
    answered: list[Drawn] = []
    turned: list[Drawn] = []
    for place, step in enumerate(STEPS):
        if place:
            turned.append(await student.press("learn_next"))
            turn = max(turn + PERIOD, time.monotonic())
        await asyncio.sleep(turn - time.monotonic())
        question = f"learn_{step.key}_answer"
        if question in student.radios:
            await student.choose(question, place % len(student.radios[question].options))
        answered.append(await student.press("learn_check"))
        turn = max(turn + PERIOD, time.monotonic())
        await asyncio.sleep(turn - time.monotonic())
    return answered, turned


async def those_who_upload(dashboard: Dashboard, uploads: int, minutes: int) -> None:
    """Visitors who bring a file each, look at it and leave; what the server then still holds."""
    held = await uploads_and_leaving(dashboard, uploads, 60.0 * minutes)
    kept = held.later.server - held.before.server
    row(f"memory before {uploads} uploads of {UPLOAD_BYTES / MB:.0f} MB", str(held.before))
    row("  at most, while their visitors are there", str(held.most))
    row("  when these have left", str(held.left))
    verdict = _verdict(kept / MB, KEPT_MB)
    row(f"  {minutes} min later", str(held.later))
    row("  the server, more than before", f"{kept / MB:.0f} MB", f"{KEPT_MB:g} MB", verdict)


async def cold_start(dashboard: Dashboard) -> None:
    """From the start of the process to the first chart of the opening page."""
    begin = time.monotonic()
    while not dashboard.is_listening():
        await asyncio.sleep(0.02)
    waited = time.monotonic() - begin
    async with visiting(dashboard.port) as visitor:
        drawn = await visitor.open()
    taken = dashboard.processor_seconds()
    seconds("cold start to the first chart", waited + drawn.first_chart, COLD)
    seconds("  processor, to the whole page", taken)


async def one_visitor(dashboard: Dashboard, page: str, rounds: int, seeds: Iterator[int]) -> None:
    """Medians of a move and of a run in which nothing changed."""
    async with visiting(dashboard.port) as visitor:
        await visitor.open("" if page == "distributions" else page)
        await visitor.enter(SEED, next(seeds))  # warm: imports, caches that no seed changes
        await repeated(dashboard, f"{page}: new seed", lambda: visitor.enter(SEED, next(seeds)), rounds, NEW_SEED[page])
        await repeated(dashboard, f"{page}: nothing changed", visitor.again, rounds, UNCHANGED)


async def repeated(
    dashboard: Dashboard, what: str, move: Callable[[], Awaitable[Drawn]], rounds: int, aim: float
) -> None:
    """Make a move several times, each on a server that rests."""
    taken, drawn = [], []
    for _ in range(rounds):
        await dashboard.rest()
        before = dashboard.processor_seconds()
        drawn.append(await move())
        taken.append(dashboard.processor_seconds() - before)
    seconds(f"{what}, processor", statistics.median(taken), aim)
    seconds("  to the first chart", statistics.median(one.first_chart for one in drawn))
    seconds("  to the whole page", statistics.median(one.whole for one in drawn))


@asynccontextmanager
async def class_of(sessions: int, port: int) -> AsyncIterator[list[Visitor]]:
    """Visitors who have opened Distributions."""
    async with AsyncExitStack() as stack:
        visitors = [await stack.enter_async_context(visiting(port)) for _ in range(sessions)]
        await asyncio.gather(*(visitor.open() for visitor in visitors))
        yield visitors


async def play(visitors: Sequence[Visitor], length: float, seed: Seeds) -> list[Drawn]:
    """Every visitor moves every PERIOD seconds, one after the other; whoever still waits for a page moves after it."""
    begin = time.monotonic()

    async def moves(visitor: Visitor, turn: float) -> list[Drawn]:
        drawn: list[Drawn] = []
        while turn < length:
            await asyncio.sleep(begin + turn - time.monotonic())
            drawn.append(await visitor.enter(SEED, seed(len(drawn))))
            turn = max(turn + PERIOD, time.monotonic() - begin)
        return drawn

    turns = (PERIOD * number / len(visitors) for number in range(len(visitors)))
    found = await asyncio.gather(*(moves(*one) for one in zip(visitors, turns, strict=True)))
    return list(itertools.chain(*found))


async def beside_a_heavy_visitor(
    dashboard: Dashboard, visitors: Sequence[Visitor], length: float, alone: Sequence[Drawn], seeds: Iterator[int]
) -> None:
    """The same play while somebody opens Methods with the largest batch."""
    async with visiting(dashboard.port) as heavy:
        playing = play(visitors, length, lambda _: next(seeds))
        own, beside = await asyncio.gather(heavy.open("methods", LARGEST), playing)
    ratio = _p95([drawn.whole for drawn in beside]) / _p95([drawn.whole for drawn in alone])
    row("p95 of the whole page beside one at the limit", f"{ratio:.2f} x", f"{BESIDE:g} x", _verdict(ratio, BESIDE))
    seconds("his own first chart", own.first_chart, HEAVY)


def seconds(what: str, measured: float, aim: float | None = None) -> None:
    verdict = "" if aim is None else _verdict(measured, aim)
    row(what, f"{measured:.2f} s", "" if aim is None else f"{aim:g} s", verdict)


def spread(what: str, measured: Sequence[float], aim: float, *, judged: bool) -> None:
    """A median, and a 95th percentile beside its aim; the aim is one for a whole class."""
    p95 = _p95(measured)
    verdict = _verdict(p95, aim) if judged else f"for {CLASS} visitors"
    row(what, f"p50 {np.median(measured):.2f}, p95 {p95:.2f} s", f"{aim:g} s", f"{verdict}; {len(measured)} moves")


def row(what: str, measured: str, aim: str = "", verdict: str = "") -> None:
    print(f"  {what:<48} {measured:>24} {aim:>8}   {verdict}".rstrip(), flush=True)


def _p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95))


def _verdict(measured: float, aim: float) -> str:
    return "met" if measured <= aim else "not met"


if __name__ == "__main__":
    main()

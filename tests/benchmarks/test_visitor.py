"""The load client of `make bench-pages` sees of a page what a browser would."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import TypeVar

import pytest

from tests import event_loop, processes
from tests.benchmarks.dashboard import Dashboard, serving
from tests.benchmarks.visitor import Drawn, PageError, Visitor, visiting
from tests.waiting import LIMIT, wait_for

pytestmark = pytest.mark.long

SCRIPT = """
import plotly.graph_objects as go
import streamlit as st

def chart(key, heights):
    st.plotly_chart(go.Figure(go.Bar(y=heights)), key=key)

def count():
    st.session_state.ticks = st.session_state.get("ticks", 0) + 1
    if st.session_state.ticks == 3:
        st.rerun()

@st.fragment
def other():
    chart("bins_chart", [st.number_input("Bins", key="bins")])

def page():
    if st.query_params.get("fail"):
        st.error("n must be at least 1.")
    chart("bars", [st.number_input("Seed", 0.0, 99.0, 5.0, key="seed", bind="query-params")])
    chart("large", list(range(20_000)))  # the second time its hash is sent alone
    other()
    file = st.file_uploader("File", key="file")
    if file:
        chart("file_chart", list(file.getvalue()))
    colour = st.radio("Colour", ["red", "green"], key="colour")
    if st.button("Paint", key="paint"):
        st.query_params["painted"] = colour
    if st.query_params.get("painted"):
        chart(st.query_params["painted"], [1])
    if st.query_params.get("wait") and st.session_state.get("ticks", 0) < 3:
        st.fragment(count, run_every=0.05)()
    elif st.query_params.get("wait"):
        chart("late", [1])

st.navigation([st.Page(page)]).run()
"""
CHARTS = ["bars", "large", "bins_chart"]
T = TypeVar("T")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    script = tmp_path_factory.mktemp("visited") / "visited.py"
    script.write_text(SCRIPT)
    options = ["--server.headless=true", "--server.address=127.0.0.1", "--browser.gatherUsageStats=false"]
    with serving([sys.executable, "-m", "streamlit", "run", script, *options, "--server.port"]) as running:
        wait_for(running.is_listening)
        yield running


def visit(server: Dashboard, *looks: Callable[[Visitor], Awaitable[T]]) -> list[T]:
    """What visitors find who come at the same time."""

    async def come(look: Callable[[Visitor], Awaitable[T]]) -> T:
        async with visiting(server.port) as visitor:
            return await look(visitor)

    async def together() -> list[T]:
        return await asyncio.wait_for(asyncio.gather(*map(come, looks)), LIMIT)

    return event_loop.run(together())


def heights(drawn: Drawn, chart: str) -> list[float]:
    return json.loads(drawn.charts[chart].plotly_chart.spec)["data"][0]["y"]


def entering(seed: float) -> Callable[[Visitor], Awaitable[tuple[Drawn, Drawn]]]:
    async def look(visitor: Visitor) -> tuple[Drawn, Drawn]:
        return await visitor.open(), await visitor.enter("seed", seed)

    return look


def test_two_visitors_each_see_their_own_chart_change(server: Dashboard) -> None:
    for seed, (opened, moved) in zip((7, 8), visit(server, entering(7), entering(8)), strict=True):
        assert heights(opened, "bars") == [5]
        assert heights(moved, "bars") == [seed]
        assert heights(moved, "large") == heights(opened, "large")
        assert list(opened.charts) == list(moved.charts) == CHARTS
        assert 0 < moved.first_chart <= moved.whole


def test_an_address_brings_its_numbers_and_they_stay(server: Dashboard) -> None:
    async def look(visitor: Visitor) -> list[Drawn]:
        return [await visitor.open(query={"seed": "11"}), await visitor.again()]

    for drawn in visit(server, look)[0]:
        assert heights(drawn, "bars") == [11]


def test_an_input_of_a_fragment_runs_the_fragment_alone(server: Dashboard) -> None:
    async def look(visitor: Visitor) -> tuple[Drawn, Drawn]:
        await visitor.open()
        return await visitor.enter("bins", 3), await visitor.again()

    moved, again = visit(server, look)[0]
    assert list(moved.charts) == ["bins_chart"]
    assert heights(again, "bins_chart") == [3]
    assert list(again.charts) == CHARTS


def test_a_file_is_uploaded_and_seen(server: Dashboard) -> None:
    async def look(visitor: Visitor) -> list[Drawn]:
        await visitor.open()
        first = await visitor.upload("file", "first.bin", b"\x01\r\n--\x02")
        return [first, await visitor.upload("file", "other.bin", b"\x07" * 300_000), await visitor.again()]

    first, other, again = visit(server, look)[0]
    assert heights(first, "file_chart") == [1, 13, 10, 45, 45, 2]
    assert heights(other, "file_chart") == heights(again, "file_chart") == [7] * 300_000
    with pytest.raises(PageError, match="no place for files 'n'; it has file"):
        visit(server, _upload_nowhere)


async def _upload_nowhere(visitor: Visitor) -> Drawn:
    await visitor.open()
    return await visitor.upload("n", "first.bin", b"")


def test_an_option_is_chosen_a_button_pressed_once_and_the_address_kept(server: Dashboard) -> None:
    async def look(visitor: Visitor) -> list[Drawn]:
        opened = await visitor.open()
        await visitor.choose("colour", 1)
        pressed = await visitor.press("paint")
        await visitor.choose("colour", 0)
        return [opened, pressed, await visitor.again()]

    opened, pressed, again = visit(server, look)[0]
    assert list(opened.charts) == CHARTS
    assert list(pressed.charts) == list(again.charts) == [*CHARTS, "green"]


def test_memory_is_that_of_the_server_and_of_its_processes(server: Dashboard) -> None:
    held = server.memory()
    assert held.server > 10**7
    assert str(held) == f"{held.server / 1e6:.0f} + {held.others / 1e6:.0f} MB"


def test_a_page_is_whole_when_its_timers_have_ended(server: Dashboard) -> None:
    drawn = visit(server, lambda visitor: visitor.open(query={"wait": "1"}))[0]
    assert list(drawn.charts) == [*CHARTS, "late"]


@pytest.mark.parametrize(
    ("look", "said"),
    [
        (lambda visitor: visitor.open(query={"fail": "1"}), r"The page shows an error: n must be at least 1\."),
        (lambda visitor: visitor.open("absent"), "The server has no page 'absent'"),
        (lambda visitor: visitor.enter("n", 3), "The page has no number input 'n'; it has none"),
        (lambda visitor: visitor.press("n"), "The page has no button 'n'; it has none"),
        (lambda visitor: visitor.choose("n", 0), "The page has no options 'n'; it has none"),
    ],
)
def test_what_cannot_be_measured_is_an_error(
    server: Dashboard, look: Callable[[Visitor], Awaitable[Drawn]], said: str
) -> None:
    with pytest.raises(PageError, match=said):
        visit(server, look)


def test_the_server_ends_with_the_block() -> None:
    child = "import subprocess, sys, time; subprocess.Popen(['sleep', '1e6']); time.sleep(1e6)"
    with suppress(KeyboardInterrupt), serving([sys.executable, "-c", child]) as running:
        wait_for(lambda: processes.children(running.pid))
        started = [running.pid, *processes.children(running.pid)]
        raise KeyboardInterrupt
    assert not any(processes.is_alive(pid) for pid in started)

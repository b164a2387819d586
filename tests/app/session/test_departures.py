"""Sessions of visitors who have left are let go without another visitor."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.session import caches, departures
from app.session.departures import LetGo
from tests import event_loop

SCOPE: dict[str, Any] = {
    "type": "websocket",
    "path": "/_stcore/stream",
    "headers": [(b"host", b"localhost"), (b"cookie", b"a=b"), (b"sec-websocket-protocol", b"streamlit, x, session")],
    "subprotocols": ["streamlit", "x", "session"],
}


class Server:
    """What stands behind: it notes who comes, and how each leaves."""

    def __init__(self) -> None:
        self.seen: list[tuple[Scope, list[str]]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[str] = []
        self.seen.append((scope, messages))
        await send({"type": "websocket.accept"})
        while not messages or messages[-1] != "websocket.disconnect":
            messages.append((await receive())["type"])


@pytest.fixture(autouse=True)
def released(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    done: list[str] = []
    monkeypatch.setattr(departures, "GRID_SECONDS", 0.05)
    monkeypatch.setattr(departures, "STAY_SECONDS", 0.01)
    monkeypatch.setattr(departures, "MARGIN_SECONDS", 0.01)
    monkeypatch.setattr("streamlit.get_option", lambda _: 0)
    monkeypatch.setattr(caches, "let_go", lambda: done.append("results"))
    monkeypatch.setattr(departures, "return_memory", lambda: done.append("memory"))
    return done


async def visit(app: LetGo, stays: asyncio.Event) -> None:
    connects = iter(["websocket.connect"])

    async def receive() -> Message:
        for kind in connects:
            return {"type": kind}
        await stays.wait()
        return {"type": "websocket.disconnect", "code": 1001}

    async def send(message: Message) -> None:
        assert message["type"] == "websocket.accept"

    await app(dict(SCOPE), receive, send)


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def test_somebody_comes_and_leaves_when_a_session_has_expired(released: list[str]) -> None:
    async def scenario() -> None:
        server, gone = Server(), asyncio.Event()
        gone.set()
        app = LetGo(server)
        await visit(app, gone)
        await until(lambda: "memory" in released)
        (_, first), (scope, second) = server.seen
        assert first == second == ["websocket.connect", "websocket.disconnect"]
        assert scope["path"] == SCOPE["path"]
        assert scope["headers"] == [(b"host", b"localhost")]  # nothing by which a session could be resumed
        assert scope["subprotocols"] == []
        assert released == ["results", "memory"]
        await asyncio.sleep(0.3)
        assert len(server.seen) == 2  # who comes so is not followed by another

    event_loop.run(scenario())


def test_results_stay_while_somebody_is_here(released: list[str]) -> None:
    async def scenario() -> None:
        app, gone, leaves = LetGo(Server()), asyncio.Event(), asyncio.Event()
        gone.set()
        stays = asyncio.create_task(visit(app, leaves))
        await asyncio.sleep(0)
        await visit(app, gone)
        await until(lambda: "memory" in released)
        assert released == ["memory"]
        leaves.set()
        await stays
        await until(lambda: "results" in released)

    event_loop.run(scenario())


def test_results_and_memory_are_let_go_where_nobody_can_come(
    released: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    unhandled: list[dict[str, Any]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
        gone, server = asyncio.Event(), Server()
        gone.set()

        async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
            if server.seen:
                raise RuntimeError("no sessions any more")
            await server(scope, receive, send)

        await visit(LetGo(refuses), gone)
        await until(lambda: "memory" in released)
        gc.collect()
        await asyncio.sleep(0)

    event_loop.run(scenario())
    gc.collect()
    assert released == ["results", "memory"]
    assert "no sessions any more" in caplog.text
    assert unhandled == []


def test_who_comes_and_leaves_is_held_until_it_is_done(released: list[str]) -> None:
    async def scenario() -> None:
        gone, server = asyncio.Event(), Server()
        gone.set()
        waits: list[weakref.ref[asyncio.Future[None]]] = []

        async def waits_for_what_nobody_holds(scope: Scope, receive: Receive, send: Send) -> None:
            if server.seen:
                future = asyncio.get_running_loop().create_future()
                waits.append(weakref.ref(future))
                await future
            await server(scope, receive, send)

        app = LetGo(waits_for_what_nobody_holds)
        await visit(app, gone)
        await until(lambda: waits)
        gc.collect()
        future = waits[0]()
        assert future is not None
        future.set_result(None)
        await until(lambda: "memory" in released)

    event_loop.run(scenario())


def test_many_who_leave_together_are_let_go_together(released: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departures, "GRID_SECONDS", 1e6)
    monkeypatch.setattr(departures, "MARGIN_SECONDS", 0.0)

    async def scenario() -> None:
        app, gone = LetGo(Server()), asyncio.Event()
        gone.set()
        await asyncio.gather(*(visit(app, gone) for _ in range(30)))
        assert len(app.due) == 1

    event_loop.run(scenario())
    assert released == []

"""What visitors who have left are held for, and when it is let go."""

import asyncio
import logging
import math
from collections.abc import Iterator

import streamlit as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.session import caches
from app.session.heap import return_memory

GRID_SECONDS = 10.0  # the sessions that expire within this time are let go together
MARGIN_SECONDS = 1.0
STAY_SECONDS = 1.0
NEEDED_HEADERS = (b"host", b"origin")
_LOG = logging.getLogger(__name__)


class LetGo:
    """ASGI middleware that lets go of the sessions of visitors who do not come back.

    Streamlit keeps a session whose connection has ended for `server.disconnectedSessionTTL` seconds, and then until the
    next one ends: its state and all that was uploaded. Here somebody comes and leaves when that time is over, so that
    the last visitor's files do not stay until another one has been. If nobody is here then, charts, readings of dumps
    and most of the large results that all share go too, see `caches.let_go`; what takes long to compute stays, up to
    256 MB. What is free goes back to the system.

    Attributes:
        due: when sessions are let go, by the clock of the running loop.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an app."""
        self._app = app
        self.due: set[float] = set()
        self._here = 0
        self._running: set[asyncio.Task[None]] = set()  # a loop itself does not hold its tasks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; see who leaves."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        self._here += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._here -= 1
            self._note_departure(scope)

    def _note_departure(self, scope: Scope) -> None:
        loop = asyncio.get_running_loop()
        expires = loop.time() + float(st.get_option("server.disconnectedSessionTTL"))
        due = math.ceil(expires / GRID_SECONDS) * GRID_SECONDS + MARGIN_SECONDS
        if due not in self.due:
            self.due.add(due)
            loop.call_at(due, self._start, due, scope)

    def _start(self, due: float, scope: Scope) -> None:
        task = asyncio.get_running_loop().create_task(self._let_go(due, scope))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _let_go(self, due: float, scope: Scope) -> None:
        self.due.discard(due)
        try:
            await self._app(_without_session(scope), _come_and_leave(), _ignore)
        except Exception:
            _LOG.exception("Sessions that expired could not be let go now; they go when the next visitor leaves.")
        finally:
            if not self._here:
                caches.let_go()
            await asyncio.to_thread(return_memory)


def _without_session(scope: Scope) -> Scope:
    """The same way to the server, for somebody who is not known to it."""
    headers = [(name, value) for name, value in scope["headers"] if name in NEEDED_HEADERS]
    return {**scope, "headers": headers, "subprotocols": [], "state": dict(scope.get("state", {}))}


def _come_and_leave() -> Receive:
    """What a visitor says who stays until the server has looked who is there: it holds the one whom it saw last."""
    messages: Iterator[Message] = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}])

    async def receive() -> Message:
        message = next(messages)
        if message["type"] == "websocket.disconnect":
            await asyncio.sleep(STAY_SECONDS)
        return message

    return receive


async def _ignore(message: Message) -> None:
    """What the server says to somebody who has left."""

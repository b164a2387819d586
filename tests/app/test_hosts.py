"""Which names the server answers to, and that one visitor cannot clear what all share."""

import socket

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from app.hosts import LOOPBACK, allowed_hosts
from app.session.shared_caches import KeepCaches
from per_core.errors import InvalidInputError
from tests import event_loop


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_on_loopback_only_loopback_names_are_answered(address: str) -> None:
    assert allowed_hosts(address) == list(LOOPBACK)


def test_on_all_interfaces_the_machines_own_name_and_addresses_are_answered() -> None:
    found = allowed_hosts("0.0.0.0")
    assert {*LOOPBACK, socket.gethostname().lower()} <= set(found)
    assert "0.0.0.0" not in found
    assert "*" not in found
    assert allowed_hosts("192.0.2.7") == [*LOOPBACK, socket.gethostname().lower(), "192.0.2.7"]
    assert "[2001:db8::1]" in allowed_hosts("2001:db8::1")


def test_a_proxys_names_are_the_operators_to_give() -> None:
    assert allowed_hosts("127.0.0.1", " Perscope.example.org , *.example.com,")[3:] == [
        "perscope.example.org",
        "*.example.com",
    ]
    assert "*" in allowed_hosts("127.0.0.1", "*")


@pytest.mark.parametrize("named", ["http://a.example", "a.example:8501", "a*b", "*.*", "a b"])
def test_what_is_no_name_is_refused(named: str) -> None:
    with pytest.raises(InvalidInputError, match="without a port"):
        allowed_hosts("127.0.0.1", named)


def test_clearing_the_caches_goes_unheard_and_all_else_is_passed_on() -> None:
    sent = [
        BackMsg(clear_cache=True),
        BackMsg(app_heartbeat=True),
        BackMsg(clear_cache=False),
    ]
    rerun = BackMsg()
    rerun.rerun_script.query_string = "a=1"
    frames: list[Message] = [{"type": "websocket.connect"}]
    frames += [{"type": "websocket.receive", "bytes": one.SerializeToString()} for one in [*sent, rerun]]
    frames += [
        {"type": "websocket.receive", "bytes": b"\xff\xff"},
        {"type": "websocket.receive", "text": "clear_cache"},
    ]
    frames += [{"type": "websocket.disconnect"}]
    heard: list[Message] = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            heard.append(message)

    async def talk() -> None:
        coming = iter(frames)

        async def receive() -> Message:
            return next(coming)

        async def send(_message: Message) -> None:
            raise AssertionError

        await KeepCaches(app)({"type": "websocket"}, receive, send)

    event_loop.run(talk())
    assert heard == [frames[0], frames[2], *frames[4:7]]

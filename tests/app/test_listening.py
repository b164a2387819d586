"""The port that the server takes, and the browser that opens when it answers."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import listening
from app.listening import choose_port, url
from per_core.errors import InvalidInputError
from tests import processes
from tests.waiting import LIMIT


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_names_the_next_free_one(taken: int) -> None:
    with pytest.raises(InvalidInputError, match=rf"Port {taken} of 127\.0\.0\.1 is taken.* --port \d+\.") as error:
        choose_port("127.0.0.1", taken)
    free = int(str(error.value).rpartition("--port ")[2].rstrip("."))
    assert free > taken
    assert choose_port("127.0.0.1", free) == free


def test_without_a_wish_it_is_the_first_free_one(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "USUAL_PORT", taken)
    assert taken < choose_port("127.0.0.1", None) < taken + listening.PORTS_TRIED


@pytest.mark.parametrize("asked", [-1, 2**16, 70_000])
def test_what_is_no_port_is_refused_with_those_that_are(asked: int) -> None:
    with pytest.raises(InvalidInputError, match=f"from 1 to 65535; received {asked}"):
        choose_port("127.0.0.1", asked)


def test_an_address_of_another_machine_has_no_free_port() -> None:
    with pytest.raises(InvalidInputError, match=r"8501 to 8600 are taken or not allowed on 192\.0\.2\.1"):
        choose_port("192.0.2.1", None)


def test_the_command_says_so_and_ends(taken: int) -> None:
    ended = processes.run([sys.executable, "-m", "app", "--port", str(taken), "--no-browser"])
    assert ended.returncode == 2
    assert f"Port {taken} of 127.0.0.1 is taken" in ended.stderr


@pytest.mark.parametrize(
    ("address", "opened"),
    [
        ("127.0.0.1", "http://127.0.0.1:8501"),
        ("0.0.0.0", "http://127.0.0.1:8501"),
        ("::", "http://[::1]:8501"),
        ("lab-3", "http://lab-3:8501"),
    ],
)
def test_the_browser_is_sent_to_this_machine(address: str, opened: str) -> None:
    assert url(address, 8501) == opened


def test_the_browser_opens_once_the_server_listens(tmp_path: Path) -> None:
    """A browser of our own, as the environment may name one."""
    asked = tmp_path / "asked"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {asked}\n')
    browser.chmod(0o755)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        script = (
            "import sys; from app.listening import open_browser; open_browser('127.0.0.1', int(sys.argv[1])).join()"
        )
        with processes.running(
            [sys.executable, "-c", script, str(port)], env=os.environ | {"BROWSER": str(browser)}
        ) as opener:
            assert not asked.exists()
            server.listen()
            assert opener.wait(LIMIT) == 0
    assert asked.read_text() == f"http://127.0.0.1:{port}\n"

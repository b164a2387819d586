"""Where the server listens: a port that is free, and the browser that opens when it answers."""

import os
import socket
import sys
import threading
import time
import webbrowser

from per_core.errors import InvalidInputError
from per_core.text import N_

USUAL_PORT = 8501
PORTS_TRIED = 100
PORTS = 2**16  # 0 stands for any that is free, which the system chooses
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # the last for who has chosen one
ANSWERS_WITHIN_SECONDS = 120.0  # loading everything takes a second, on a slow disk for the first time many


def choose_port(address: str, asked: int | None) -> int:
    """The port to listen on: the one asked for, or the first free one from `USUAL_PORT` on.

    Raises:
        InvalidInputError: If the one asked for is taken or no port, or nothing is free.
    """
    if asked is not None and not 0 <= asked < PORTS:
        raise InvalidInputError(
            N_("A port is a whole number from 1 to {last}; received {asked}. Leave out --port for the first free one."),
            last=PORTS - 1,
            asked=asked,
        )
    start = USUAL_PORT if asked is None else asked
    free = next((port for port in range(start, min(start + PORTS_TRIED, PORTS)) if _is_free(address, port)), None)
    if free is None:
        raise InvalidInputError(
            N_(
                "The server needs a free port; {first} to {last} are taken or not allowed on {address}. Give"
                " another one by --port."
            ),
            first=start,
            last=min(start + PORTS_TRIED, PORTS) - 1,
            address=address,
        )
    if asked is not None and free != asked:
        raise InvalidInputError(
            N_("Port {asked} of {address} is taken or not allowed. Free is {free}: --port {free}."),
            asked=asked,
            address=address,
            free=free,
        )
    return free


def url(address: str, port: int) -> str:
    """The server's address for a browser on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(address, address)
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"


def open_browser(address: str, port: int) -> threading.Thread:
    """Open the dashboard in a browser as soon as the server listens.

    Nothing happens on Linux without a screen, where Python would open a browser for text in the server's terminal.
    """
    thread = threading.Thread(target=_open, args=(address, port), daemon=True, name="open the browser")
    if sys.platform != "linux" or any(os.environ.get(name) for name in SCREENS):
        thread.start()
    return thread


def _open(address: str, port: int) -> None:
    end = time.monotonic() + ANSWERS_WITHIN_SECONDS
    while time.monotonic() < end:
        try:
            socket.create_connection((address or "127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            webbrowser.open(url(address, port))
            return


def _is_free(address: str, port: int) -> bool:
    """Whether a server could listen there now; raises nothing where the address is not one of this machine's."""
    try:
        found = socket.getaddrinfo(address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, place in found[:1]:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
    except (OSError, OverflowError):
        return False
    return True

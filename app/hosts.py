"""The names by which the server may be called.

A page elsewhere can give its own name the address of this server and read it as its own (DNS rebinding); who calls the
server by a name that is not the server's is therefore refused. https://www.w3.org/TR/post-spectre-webdev
"""

import ipaddress
import re
import socket

import psutil

from per_core.errors import InvalidInputError
from per_core.text import N_

HOSTS_VARIABLE = "PERSCOPE_HOSTS"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
ANY = "*"
_NAME = re.compile(r"\*|(\*\.)?[a-z0-9_.-]+|\[[0-9a-f:.]+\]")


def allowed_hosts(address: str, named: str = "") -> list[str]:
    """The names of a server that listens on an address; on loopback none but those of loopback.

    Args:
        address: "127.0.0.1", "0.0.0.0" for all of this machine, ...
        named: further names, of a proxy say, separated by commas: "perscope.example.org, *.example.com"; "*" for any.

    Raises:
        InvalidInputError: If one of these is no name.
    """
    names = [name.strip().lower() for name in named.split(",") if name.strip()]
    wrong = next((name for name in names if not _NAME.fullmatch(name)), None)
    if wrong is not None:
        raise InvalidInputError(
            N_(
                "Names of hosts are like perscope.example.org, *.example.org or 192.0.2.1, without a port; received"
                " {wrong!r}. Correct it."
            ),
            wrong=wrong,
        )
    return list(dict.fromkeys([*LOOPBACK, *_own(address), *names]))


def _own(address: str) -> list[str]:
    """Name and addresses of this machine, as far as the server listens there."""
    try:
        listens = ipaddress.ip_address(address)
    except ValueError:  # a name
        return [address.lower()]
    if listens.is_loopback:
        return []
    if not listens.is_unspecified:
        return [socket.gethostname().lower(), _bracketed(address)]
    found = [
        one.address.partition("%")[0]
        for interface in psutil.net_if_addrs().values()
        for one in interface
        if one.family in (socket.AF_INET, socket.AF_INET6)
    ]
    return [socket.gethostname().lower(), *map(_bracketed, found)]


def _bracketed(address: str) -> str:
    """An address as it stands in an address line."""
    return f"[{address.lower()}]" if ":" in address else address

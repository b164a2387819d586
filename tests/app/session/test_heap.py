"""The heap is bounded and trimmed where the C library can, and nothing happens elsewhere."""

import ctypes
import platform
import subprocess
import sys

import pytest

from app.session.heap import OPTIONS, bound_heap, return_memory

MAPPED = """
import ctypes, re
import numpy as np
from app.session.heap import bound_heap, return_memory

def is_there(address):
    places = re.findall("^([0-9a-f]+)-([0-9a-f]+) ", open("/proc/self/maps").read(), re.MULTILINE)
    return any(int(begin, 16) <= address < int(end, 16) for begin, end in places)

bound_heap()
for _ in range(3):  # glibc would keep the second one
    array = np.ones(20_000_000, np.uint8)
    address = array.ctypes.data
    assert is_there(address)
    array = None
    return_memory()
    print(is_there(address))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heap of glibc")
def test_a_large_array_goes_back_to_the_system_every_time() -> None:
    done = subprocess.run([sys.executable, "-c", MAPPED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"] * 3


def test_options_are_those_that_the_library_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: dict[int, int] = {}

    class Library:
        mallopt = staticmethod(set_to.__setitem__)

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library)
    bound_heap()
    return_memory()  # which this library cannot trim
    assert set_to == OPTIONS

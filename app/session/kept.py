"""Results that are kept up to a total size, the latest used."""

import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np


class Kept:
    """The latest of what was made, up to a total size, by what it was made of. Sessions share it.

    Args:
        most: their total size; one alone may be larger.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._found: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        self._turns: dict[Any, tuple[Lock, int]] = {}  # of what is being made or looked for, and by how many

    @property
    def size(self) -> int:
        """Of all that is kept."""
        with self._lock:
            return sum(size for _, size in self._found.values())

    def get(self, key: Any, make: Callable[[], Any], size: Callable[[Any], int]) -> Any:
        """What was made for a key, or is made now; who asks for the same meanwhile waits for it."""
        with self._turn(key):
            with self._lock:
                if key in self._found:
                    self._found.move_to_end(key)
                    return self._found[key][0]
            made = make()
            taken = size(made)
            with self._lock:
                self._found[key] = made, taken
                self._drop(self._most, at_least=1)
        return made

    def shrink(self, most: int) -> None:
        """Keep no more than so much of it."""
        with self._lock:
            self._drop(most, at_least=0)

    def _drop(self, most: int, at_least: int) -> None:
        total = sum(size for _, size in self._found.values())
        while total > most and len(self._found) > at_least:
            total -= self._found.popitem(last=False)[1][1]

    @contextmanager
    def _turn(self, key: Any) -> Iterator[None]:
        """One at a time for a key."""
        with self._lock:
            turn, count = self._turns.get(key, (Lock(), 0))
            self._turns[key] = turn, count + 1
        try:
            with turn:
                yield
        finally:
            with self._lock:
                _, count = self._turns.pop(key)
                if count > 1:
                    self._turns[key] = turn, count - 1


def size_in_memory(value: Any) -> int:
    """Bytes of a record and of all arrays in it, each once; nothing of the arrays is copied."""
    buffers: list[pickle.PickleBuffer] = []
    own = len(pickle.dumps(value, pickle.HIGHEST_PROTOCOL, buffer_callback=buffers.append))
    views = [np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers]
    sizes: dict[int, int] = {view.ctypes.data: view.nbytes for view in views}
    return own + sum(sizes.values())

"""How long a test waits for another process: until the state is there. The limit is reached only by what hangs."""

import time
from collections.abc import Callable

LIMIT = 600.0  # seconds


def wait_for(condition: Callable[[], object], *, every: float = 0.02) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"waited {LIMIT:g} seconds in vain"
        time.sleep(every)

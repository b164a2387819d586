"""The heap of the C library: what has been freed goes back to the system, where glibc would keep it for later."""

import ctypes
import gc

MOST_ARENAS = 2  # by default eight a processor: the thread of every visitor would leave holes in one of its own
SMALLEST_MAPPED = 4 * 2**20  # bytes: uploads and large arrays are freed at once, whatever lies behind them
KEPT_ON_TOP = 64 * 2**20
OPTIONS = {-8: MOST_ARENAS, -3: SMALLEST_MAPPED, -1: KEPT_ON_TOP}  # of mallopt: ARENA_MAX, MMAP_ and TRIM_THRESHOLD


def bound_heap() -> None:
    """Keep the heap of this process compact; before threads begin. Does nothing without glibc."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for option, value in OPTIONS.items():
            set_option(option, value)


def return_memory() -> None:
    """Give the system what Python and its libraries have freed and keep for later."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

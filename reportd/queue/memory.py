"""A worker's own memory: how often Python looks for cycles, and what the C library keeps of what was freed."""

from __future__ import annotations

import ctypes
import gc

GIVE_BACK_S = 60.0
"""How often `give_back` is worth its millisecond."""

# glibc's alone; elsewhere the library does as it does.
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


def spare_the_collector() -> None:
    """Look for cycles among the young more seldom, and never again in what was imported.

    A thousand brief jobs in hand are tens of thousands of objects without a cycle: to walk through them at Python's own
    pace was an eighth of what such a job costs here.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


async def give_back() -> None:
    """Return what is free to the system: by itself glibc keeps whatever lies below the topmost block in use, which
    grows with each outage and looks like a leak (bench/QUEUE.md).
    """
    if _trim is not None:
        _trim(0)

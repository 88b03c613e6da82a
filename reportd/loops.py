"""The one shape of a repeated piece of work: a bounded step, then a wait that can be cut short."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from reportd.errors import DatabaseUnavailable

log = structlog.get_logger()

Step = Callable[[], Awaitable[float | None]]


async def pause(limit_s: float, *, wake: asyncio.Event) -> None:
    """Wait for `wake`, `limit_s` seconds at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await wake.wait()


async def every(interval_s: float, step: Step, *, wake: asyncio.Event | None = None) -> None:
    """Run `step` for ever: at once, then after `interval_s` or the shorter wait it returned, or when `wake` is set.

    A database that can't be reached costs this round and nothing else; any other error ends the loop, and with it the
    TaskGroup that owns it.
    """
    wake = wake or asyncio.Event()
    while True:
        wake.clear()  # before the step: a wake-up during it isn't lost
        wait_s: float | None = None
        try:
            wait_s = await step()
        except DatabaseUnavailable as error:
            log.warning("database.unavailable", step=getattr(step, "__qualname__", repr(step)), error=str(error))
        await pause(interval_s if wait_s is None else min(interval_s, max(wait_s, 0.0)), wake=wake)

"""Wake-ups: a connection that LISTENs and sets an event. An accelerator only; polling is what finds every job."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from reportd.errors import DatabaseUnavailable
from reportd.loops import pause

log = structlog.get_logger()

Listen = Callable[[Callable[[str], None], asyncio.Event], Awaitable[None]]


async def notify(listen: Listen, *, heard: Callable[[], None], retry_s: float = 1.0) -> None:
    """Keep `listen` running for ever: it calls back per notification and returns or raises when its connection ends.

    After every (re)connection `heard` is called once, for whatever was inserted while nobody listened.
    """
    never = asyncio.Event()
    connected = asyncio.Event()
    while True:
        connected.clear()
        try:
            async with asyncio.TaskGroup() as group:
                announce = group.create_task(_announce(connected, heard))
                await listen(lambda _payload: heard(), connected)
                announce.cancel()
        except* DatabaseUnavailable as group_error:
            log.warning("notifier.disconnected", error=str(group_error.exceptions[0]))
        await pause(retry_s, wake=never)


async def _announce(connected: asyncio.Event, heard: Callable[[], None]) -> None:
    await connected.wait()
    log.info("notifier.listening")
    heard()

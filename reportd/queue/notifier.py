"""Wake-ups: a connection that LISTENs and sets an event. An accelerator only; polling is what finds every job.

Behind a pooler, or with an address that leads elsewhere, LISTEN is deaf and nobody is told. So it is tested from end to
end: at the start, and whenever nothing was heard for a while. While it is deaf, new jobs are looked for, quickly after
some have come and ever more slowly when none do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import structlog

from reportd.errors import DatabaseUnavailable
from reportd.loops import pause

log = structlog.get_logger()


class Ear(Protocol):
    """An open connection that listens. Every call raises DatabaseUnavailable when the connection has ended."""

    async def hears(self) -> bool:
        """Whether a notification that is sent now arrives."""
        ...

    async def rest(self, seconds: float) -> bool:
        """Let time pass; True: something was heard meanwhile."""
        ...

    async def ordered(self) -> bool:
        """Whether there are jobs that the last call did not see."""
        ...


Listen = Callable[[Callable[[], None]], AbstractAsyncContextManager[Ear]]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds: without a word before one is sent for a test; between two looks while deaf, at first and at most; deaf
    before it is tested again; before a lost connection is made anew.
    """

    silence_s: float = 30.0
    quick_s: float = 0.1
    slow_s: float = 5.0
    deaf_s: float = 30.0
    retry_s: float = 1.0


_GROWTH = 1.5
_RHYTHM = Rhythm()


async def notify(listen: Listen, *, heard: Callable[[], None], rhythm: Rhythm = _RHYTHM) -> None:
    """Keep an ear open for ever; `heard` is called for each notification, and for what came while nobody listened."""
    never = asyncio.Event()
    deaf = False
    while True:
        try:
            async with listen(heard) as ear:
                while await ear.hears():
                    log.info("notifier.listening")
                    deaf = False
                    heard()
                    await _silence(ear, rhythm)
                if not deaf:
                    log.warning(
                        "notifier.deaf", hint="set database.listen_dsn to the server itself; jobs are polled for"
                    )
                deaf = True
                await _look(ear, heard, rhythm)
        except DatabaseUnavailable as error:
            log.warning("notifier.disconnected", error=str(error))
            await pause(rhythm.retry_s, wake=never)


async def _silence(ear: Ear, rhythm: Rhythm) -> None:
    """Until the ear does not hear any more."""
    while await ear.rest(rhythm.silence_s) or await ear.hears():
        pass


async def _look(ear: Ear, heard: Callable[[], None], rhythm: Rhythm) -> None:
    """Look for new jobs for as long as the ear is taken for deaf."""
    wait_s, end = rhythm.quick_s, time.monotonic() + rhythm.deaf_s
    await ear.ordered()
    heard()  # for what came before this first look
    while time.monotonic() < end:
        await ear.rest(wait_s)
        wait_s = min(rhythm.slow_s, wait_s * _GROWTH)
        if await ear.ordered():
            wait_s = rhythm.quick_s
            heard()

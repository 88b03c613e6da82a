"""Whether producers have to wake this worker: not while so many jobs come that it looks for them all the time.

A NOTIFY in each of many small transactions makes their commits queue up, one behind the other. So a worker that is
woken often says in its row that it looks by itself, and takes that back when nothing has come for a while. A
transaction that was open in between may have relied on it: so the worker goes on to look, ever more seldom.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

MANY = 8
WITHIN_S = 0.25
"""So many notifications within so many seconds, and the worker looks by itself."""
LOOK_S = 0.01
QUIET_S = 0.5
_AFTERWARDS_S = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class Looking(Protocol):
    """The producer's side."""

    @property
    def claimed(self) -> int:
        """Jobs claimed so far."""
        ...

    @property
    def full(self) -> bool:
        """Whether there is no room for another job: then its end makes the worker look."""
        ...

    async def step(self) -> float | None:
        """Look, claim; the seconds until the next look, where that is soon."""
        ...


class Attention:
    """The rhythm of one worker's looks. `tell(waiting)` writes into its row whether it is to be woken."""

    def __init__(self, looking: Looking, *, tell: Callable[[bool], Awaitable[None]]) -> None:
        self._looking = looking
        self._tell = tell
        self._heard: deque[float] = deque(maxlen=MANY)
        self._waiting = True
        self._busy_at = 0.0
        self._claimed = 0
        self._afterwards: Iterator[float] = iter(())

    def heard(self) -> None:
        """Somebody sent a notification."""
        self._heard.append(time.monotonic())

    async def step(self) -> float | None:
        """One look; the seconds until the next, where that is soon."""
        wait_s = await self._looking.step()
        now = time.monotonic()
        if self._waiting:
            return await self._waited(now, wait_s)
        if self._looking.claimed != self._claimed or self._looking.full:
            self._claimed, self._busy_at = self._looking.claimed, now
        if now - self._busy_at < QUIET_S:
            return LOOK_S
        await self._tell(True)
        self._waiting = True
        self._heard.clear()
        self._afterwards = iter(_AFTERWARDS_S)
        return next(self._afterwards)

    async def _waited(self, now: float, wait_s: float | None) -> float | None:
        if len(self._heard) == MANY and now - self._heard[0] < WITHIN_S:
            await self._tell(False)
            self._waiting = False
            self._claimed, self._busy_at = self._looking.claimed, now
            return LOOK_S
        soon_s = next(self._afterwards, None)
        return wait_s if soon_s is None else soon_s if wait_s is None else min(wait_s, soon_s)

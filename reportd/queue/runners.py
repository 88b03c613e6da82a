"""Runs what takes no time in as few tasks as it needs: one for all that never wait, one more for each that does."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# After so long without a wait the loop's other work gets its turn.
SLICE_S = 0.005


class Runners(Generic[T]):
    """A line of pieces of work, each begun in its order by `run(piece, task)`, which handles its errors.

    A runner works the line off by itself while no piece waits; one that does wait lets the next runner start, so all
    are under way at once. A task for each piece would cost more than a brief one does.
    """

    def __init__(self, run: Callable[[T, asyncio.Task[Any]], Awaitable[None]]) -> None:
        self._run = run
        self._line: deque[T] = deque()
        self._ready = False

    def put(self, piece: T, *, group: asyncio.TaskGroup) -> None:
        """Add `piece`; its runner is a task of `group`."""
        self._line.append(piece)
        self._stand_by(group)

    def clear(self) -> None:
        """Forget what has not begun."""
        self._line.clear()

    def _stand_by(self, group: asyncio.TaskGroup) -> None:
        """See to it that a runner starts as soon as the loop is free."""
        if self._line and not self._ready:
            self._ready = True
            group.create_task(self._work(group), name="brief")

    async def _work(self, group: asyncio.TaskGroup) -> None:
        self._ready = False
        task = asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"
        until = time.monotonic() + SLICE_S
        while self._line:
            piece = self._line.popleft()
            self._stand_by(group)
            await self._run(piece, task)
            if time.monotonic() > until:
                await asyncio.sleep(0)
                until = time.monotonic() + SLICE_S

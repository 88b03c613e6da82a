"""The lease: a worker's promise, renewed by a thread of its own, that it lives and that its loop still answers.

A busy event loop does not lose the lease; a stuck one does, since the thread watches the loop's pulse and falls silent
when it stops. Then another daemon takes the jobs over, and the fence keeps whatever this one still tries to write out.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

log = structlog.get_logger()


class Renewal(Protocol):
    """The lease's way to the row. Called from the lease's thread alone, always in the same event loop."""

    async def renew(self) -> bool:
        """Move the lease on; False when the worker was declared dead. Raises DatabaseUnavailable."""
        ...

    async def close(self) -> None:
        """Let the connection go."""
        ...


class Lease:
    """Renews every third of `length_s`, from a thread that owns its event loop and so its connection.

    When the worker turns out to have been declared dead, `lost` is called once, on the loop that started the lease.
    Errors of the renewal are outages: logged, and tried again a second later.
    """

    def __init__(self, renewal: Renewal, *, length_s: float, stuck_s: float, lost: Callable[[], None]) -> None:
        self._renewal = renewal
        self._length_s = length_s
        self._stuck_s = stuck_s
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._pulse = time.monotonic()
        self._renewed = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        """Begin to renew; the worker's row has been written a moment ago."""
        self._thread.start()

    async def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join)

    @property
    def held(self) -> bool:
        """Whether the lease can't have run out yet, by the monotonic clock: no side effect begins without it."""
        return time.monotonic() - self._renewed < self._length_s

    async def beat(self) -> None:
        """Show that the event loop answers; the owner runs it every second."""
        self._pulse = time.monotonic()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            while not self._stop.wait(self._wait_s(runner)):
                pass
            runner.run(self._renewal.close())

    def _wait_s(self, runner: asyncio.Runner) -> float:
        """Renew once, and say how long to wait for the next time."""
        if time.monotonic() - self._pulse > self._stuck_s:
            log.error("worker.stuck", silent_s=round(time.monotonic() - self._pulse, 1))
            return 1.0
        # The clock is read before the call: the lease that we believe in must end no later than the row says.
        asked = time.monotonic()
        try:
            ours = runner.run(self._renewal.renew())
        except Exception as error:  # noqa: BLE001  a thread has no TaskGroup to report to; whatever it is, try again
            log.warning("lease.unrenewed", error=str(error) or type(error).__name__)
            return 1.0
        if not ours:
            self._stop.set()
            self._loop.call_soon_threadsafe(self._lost)
            return 0.0
        self._renewed = asked
        return self._length_s / 3

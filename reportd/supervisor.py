"""Tells systemd how the daemon is: READY, STOPPING and WATCHDOG over $NOTIFY_SOCKET. Without one it says nothing.

The watchdog is fed by the event loop alone. A database that is away does not starve it (restarting the daemon would not
bring it back); a loop that hangs does, and systemd starts the daemon anew.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager, suppress

# Of the time that systemd grants, a ping comes after this share.
_PING_SHARE = 0.4
# The kernel queues ten words. A ping may be lost; for READY the loop waits, since nobody would say it again.
_WAIT_S = 1.0


class Supervisor:
    """The process that started this one and waits for its word. `address` None: there is none."""

    def __init__(self, address: str | None = None, *, watchdog_s: float | None = None) -> None:
        # A leading @ means the abstract namespace.
        self._address = f"\0{address[1:]}" if address and address.startswith("@") else address
        self._watchdog_s = watchdog_s if address else None

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> Supervisor:
        """The supervisor that the environment names; its variables are taken out, so that no child speaks for us."""
        address = environment.pop("NOTIFY_SOCKET", None)
        period_us = environment.pop("WATCHDOG_USEC", "")
        pid = environment.pop("WATCHDOG_PID", None)
        mine = pid is None or pid == str(os.getpid())
        return cls(address, watchdog_s=int(period_us) / 1e6 if mine and period_us.isdecimal() else None)

    def ready(self) -> None:
        """Jobs are being claimed."""
        self._say("READY=1")

    def stopping(self) -> None:
        """No more jobs are claimed; those that run are given time to end."""
        self._say("STOPPING=1")

    @asynccontextmanager
    async def watching(self, *, stop: asyncio.Event) -> AsyncIterator[None]:
        """Feed the watchdog while this context lasts, and tell of the end once `stop` is set."""
        crew = [asyncio.create_task(self._tell(stop)), asyncio.create_task(self._feed())]
        try:
            yield
        finally:
            for task in crew:
                task.cancel()
            await asyncio.gather(*crew, return_exceptions=True)

    async def _tell(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.stopping()

    async def _feed(self) -> None:
        if self._watchdog_s is None:
            return
        while True:
            self._say("WATCHDOG=1", wait_s=0.0)
            await asyncio.sleep(self._watchdog_s * _PING_SHARE)

    def _say(self, word: str, *, wait_s: float = _WAIT_S) -> None:
        if self._address is None:
            return
        # A supervisor that does not listen is no reason to end; it will act on its own if it misses the word.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.settimeout(wait_s)
            client.sendto(word.encode(), self._address)

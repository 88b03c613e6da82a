"""LISTEN on a connection of its own, which can tell whether it hears: behind pgbouncer it may not, without an error."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

from reportd.db import server
from reportd.db.pool import Pool, connect
from reportd.db.queries import Connection
from reportd.db.session import OUTAGE, session
from reportd.errors import DatabaseUnavailable

CHANNEL = "reportd_jobs"
ANSWER_S = 3.0
_QUERY_S = 5.0

Say: TypeAlias = Callable[[str], Awaitable[None]]
"""Sends an empty notification to a channel, by another connection than the one that listens."""


class Ear:
    """A connection that listens, to what is said to all and to a channel of its own."""

    def __init__(self, connection: Connection, *, own: str, say: Say, answer_s: float) -> None:
        self._connection = connection
        self._own = own
        self._say = say
        self._answer_s = answer_s
        self._ended = asyncio.Event()
        self._echo = asyncio.Event()
        self._latest: int | None = None

    async def open(self, heard: Callable[[], None], *, channel: str) -> None:
        """Begin to listen; `heard` is called for each notification on `channel`."""

        def on_word(*_: object) -> None:
            self._echo.set()  # whatever comes proves that something does
            heard()

        self._connection.add_termination_listener(lambda *_: self._ended.set())
        await self._connection.add_listener(channel, on_word)
        await self._connection.add_listener(self._own, lambda *_: self._echo.set())

    async def hears(self) -> bool:
        """Whether a notification that is sent now arrives. Raises DatabaseUnavailable where none can be sent."""
        self._echo.clear()
        await self._say(self._own)
        return await self._within(self._answer_s, self._echo)

    async def rest(self, seconds: float) -> bool:
        """Let time pass; True: something was heard meanwhile. Raises DatabaseUnavailable when the connection ends."""
        self._echo.clear()
        await self._within(seconds, self._ended)
        return self._echo.is_set()

    async def ordered(self) -> bool:
        """Whether there are jobs that the last call did not see."""
        with _unavailable():
            latest = await server.latest_job(self._connection, limit_s=_QUERY_S)
        news, self._latest = latest != self._latest, latest
        return news

    async def _within(self, limit_s: float, event: asyncio.Event) -> bool:
        """Whether `event` came in time."""
        waits = [asyncio.ensure_future(each.wait()) for each in {event, self._ended}]
        try:
            await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        if self._ended.is_set():
            raise DatabaseUnavailable("LISTEN lost its connection")
        return event.is_set()


def through(pool: Pool) -> Say:
    """Say it by a connection of `pool`: the way that an application's own orders take."""

    async def say(channel: str) -> None:
        async with session(pool, limit_s=_QUERY_S) as conn:
            await server.notify(conn, channel=channel)

    return say


@asynccontextmanager
async def listen(
    dsn: str,
    heard: Callable[[], None],
    *,
    say: Say,
    channel: str = CHANNEL,
    answer_s: float = ANSWER_S,
) -> AsyncIterator[Ear]:
    """Listen at `dsn` while the block lasts, and call `heard` for each notification on `channel`.

    The ear says its own word by `say`, and waits `answer_s` seconds for it. Raises DatabaseUnavailable.
    """
    with _unavailable():
        connection = await connect(dsn, application_name="reportd listen", statement_cache_size=0)
        try:
            ear = Ear(connection, own=f"{channel}_{secrets.token_hex(6)}", say=say, answer_s=answer_s)
            await ear.open(heard, channel=channel)
            yield ear
        finally:
            connection.terminate()


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except OUTAGE as error:
        raise DatabaseUnavailable(f"LISTEN lost its connection: {str(error) or type(error).__name__}") from error

"""LISTEN on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from reportd.db.pool import connect
from reportd.db.session import OUTAGE
from reportd.errors import DatabaseUnavailable

CHANNEL = "reportd_jobs"


async def listen(
    dsn: str, heard: Callable[[str], None], connected: asyncio.Event, *, channel: str = CHANNEL, probe_s: float = 30.0
) -> None:
    """Call `heard(payload)` for each notification until the connection ends; `connected` is set once it listens.

    A `select 1` every `probe_s` seconds finds a connection that is only half there. Raises DatabaseUnavailable.
    """
    ended = asyncio.Event()
    try:
        connection = await connect(dsn, application_name="reportd listen", statement_cache_size=0)
        try:
            connection.add_termination_listener(lambda _connection: ended.set())
            await connection.add_listener(channel, lambda _c, _pid, _channel, payload: heard(str(payload)))
            connected.set()
            while not ended.is_set():
                try:
                    async with asyncio.timeout(probe_s):
                        await ended.wait()
                except TimeoutError:
                    await connection.execute("select 1", timeout=5.0)
        finally:
            connection.terminate()
    except OUTAGE as error:
        raise DatabaseUnavailable(f"LISTEN lost its connection: {str(error) or type(error).__name__}") from error

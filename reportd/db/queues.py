"""`reportd.queues`: how each queue stands, and its pause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from reportd.db import queries
from reportd.db.queries import Connection
from reportd.errors import Refused

QUERIES = queries.load("queues")


@dataclass(frozen=True, slots=True)
class QueueStats:
    """One queue in numbers.

    `waiting` (due) and `delayed` (later) are counted up to 10,000; `active` runs now; `completed`, `failed` and
    `cancelled` are running totals; `oldest` is the run_at of the longest waiting job.
    """

    queue: str
    waiting: int
    delayed: int
    active: int
    completed: int
    failed: int
    cancelled: int
    oldest: datetime | None
    paused: bool


async def stats(conn: Connection, queue: str | None = None) -> list[QueueStats]:
    """How `queue` stands, or all queues that have a job, a total or a row of their own."""
    return [QueueStats(**row) for row in await QUERIES["stats"].rows(conn, queue=queue)]


async def pause(
    conn: Connection, queue: str | None = None, *, kind: str | None = None, tenant: str | None = None
) -> None:
    """Stop claims from a queue, of a kind, or for a tenant; what runs goes on. Errors: Refused for what is no name."""
    try:
        await QUERIES["pause"].value(conn, queue=queue, kind=kind, tenant=tenant)
    except asyncpg.DataError as error:
        raise Refused(" ".join(filter(None, (error.args[0], error.hint))), hint=error.hint) from error


async def resume(
    conn: Connection, queue: str | None = None, *, kind: str | None = None, tenant: str | None = None
) -> None:
    """Let what was paused run again."""
    await QUERIES["resume"].value(conn, queue=queue, kind=kind, tenant=tenant)


async def fold(conn: Connection, *, over: int = 1000) -> None:
    """Add up the rows of the running totals when there are more than `over`; safe with many daemons at it.

    What queues with limits started goes too, once no rate counts it any more.
    """
    await QUERIES["fold"].rows(conn, over=over)
    await QUERIES["forget_starts"].rows(conn)

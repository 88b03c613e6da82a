"""Looks after the jobs that wait for others: it lets go what waits no longer, and brings bursts to their end."""

from __future__ import annotations

import structlog

from reportd.db import bursts, jobs
from reportd.db.pool import Pool
from reportd.db.session import session

log = structlog.get_logger()

OPEN_S = 1.0


class Gatherer:
    """Finds the ends of jobs that are still waited for, where the statement that wrote the end could not.

    And looks after the parents of bursts: one shows how many of its children have ended, and completes with the last.
    Safe in any number of daemons.
    """

    def __init__(self, *, pool: Pool) -> None:
        self._pool = pool

    async def step(self) -> float | None:
        """One look, and one at every open burst; the seconds until the next look, which is soon where there is one."""
        async with session(self._pool) as conn:
            if not await jobs.unblock(conn):
                return None
            async with conn.transaction():
                await bursts.abandon(conn)
                for done in await bursts.gather(conn):
                    log.info("burst.completed", job=done["id"], **done["result"])
        return OPEN_S

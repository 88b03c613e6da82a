"""Brings bursts to their end: a parent shows how many of its children have ended, and completes with the last."""

from __future__ import annotations

import structlog

from reportd.db import bursts
from reportd.db.pool import Pool
from reportd.db.session import session

log = structlog.get_logger()


class Gatherer:
    """Looks after the parents that wait for children. Safe in any number of daemons."""

    def __init__(self, *, pool: Pool) -> None:
        self._pool = pool

    async def step(self) -> None:
        """One look at every open burst."""
        async with session(self._pool) as conn, conn.transaction():
            await bursts.abandon(conn)
            for done in await bursts.gather(conn):
                log.info("burst.completed", job=done["id"], **done["result"])

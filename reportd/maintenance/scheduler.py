"""Turns schedules into jobs: plans the next slot of each, and fires the slots that are due, each exactly once."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from reportd.db import schedules
from reportd.db.pool import Pool
from reportd.db.schedules import ScheduleRow
from reportd.db.session import session
from reportd.errors import Refused, ReportdError
from reportd.report import cron

log = structlog.get_logger()

# A slot is on time up to this; past it, the misfire policy of its schedule decides.
LATE_S = 60.0
BATCH = 100


class Scheduler:
    """Every daemon runs one: due rows are locked with SKIP LOCKED, and (schedule, slot) is unique.

    Each schedule has a transaction of its own, so that one with bad parameters stops nobody else.
    """

    def __init__(self, *, pool: Pool, interval_s: float) -> None:
        self._pool = pool
        self._interval_s = interval_s

    async def step(self) -> float:
        """Plan and fire what is due; seconds until the next slot, at most the interval."""
        async with session(self._pool) as conn:
            now = await schedules.now(conn)
            for _ in range(BATCH):
                async with conn.transaction():
                    row = await schedules.due(conn)
                    if row is None:
                        break
                    await self._advance(conn, row, now)
            upcoming = await schedules.next_due(conn)
        if upcoming is None:
            return self._interval_s
        return max(0.05, (upcoming - now).total_seconds())

"""Turns schedules into jobs: plans the next slot of each, and fires the slots that are due, each exactly once."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

import structlog

from reportd.db import schedules
from reportd.db.pool import Connection, Pool
from reportd.db.schedules import ScheduleRow
from reportd.db.session import session
from reportd.errors import Refused, ReportdError
from reportd.job import error_row
from reportd.report import cron

log = structlog.get_logger()

# A slot is on time up to this; past it, the misfire policy of its schedule decides.
LATE_S = 60.0
# The most missed slots that are noted one by one; of a longer gap the oldest go unmentioned.
MISSED_MAX = 1000
_SPANS = (timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=366))


class Scheduler:
    """Every daemon may run one: a plan is locked (SKIP LOCKED) while it advances, and (schedule, slot) is unique."""

    def __init__(self, *, pool: Pool, interval_s: float) -> None:
        self._pool = pool
        self._interval_s = interval_s

    async def step(self) -> float:
        """Plan and fire all that is due, each plan in a transaction of its own; seconds until the next slot."""
        async with session(self._pool) as conn:
            advanced = True
            while advanced:
                async with conn.transaction():
                    advanced = await self._advance(conn)
            upcoming = await schedules.next_due(conn)
            now = await schedules.now(conn)
        if upcoming is None:
            return self._interval_s
        return max(0.05, (upcoming - now).total_seconds())

    async def _advance(self, conn: Connection) -> bool:
        """Work out or fire one plan; False when there is none."""
        row = await schedules.due(conn)
        if row is None:
            return False
        now = await schedules.now(conn)
        try:
            cron.check(row.cron, row.timezone)
        except ReportdError as error:
            await schedules.plan(conn, id=row.id, next_run_at=None, error=error_row(error, attempt=0))
            log.error("schedule.broken", schedule=row.name, error=error.message)
            return True
        if row.next_run_at is None:
            await schedules.plan(conn, id=row.id, next_run_at=_following(row, now))
            return True
        await self._fire(conn, row, now)
        return True

    async def _fire(self, conn: Connection, row: ScheduleRow, now: datetime) -> None:
        """Settle every slot up to `now`: the last one runs, or, late and with misfire `skip`, none does."""
        slots = _slots_until(row, now)
        following = _following(row, now)
        last = slots[-1]
        late = (now - last).total_seconds() > LATE_S
        runs = not (late and row.misfire == "skip")
        for slot in slots[:-1]:
            if runs:
                await schedules.miss(conn, id=row.id, slot=slot, outcome="merged", reason=f"into {last.isoformat()}")
            else:
                await schedules.miss(conn, id=row.id, slot=slot, outcome="missed", reason="no daemon ran")
        if not runs:
            await schedules.miss(conn, id=row.id, slot=last, outcome="missed", reason="no daemon ran")
            await schedules.plan(conn, id=row.id, next_run_at=following)
            log.warning("schedule.missed", schedule=row.name, slot=last.isoformat(), slots=len(slots))
            return
        try:
            job = await schedules.fire(conn, id=row.id, slot=last, next_run_at=following)
        except Refused as error:
            await schedules.miss(conn, id=row.id, slot=last, outcome="missed", reason=error.message)
            await schedules.plan(conn, id=row.id, next_run_at=following, error=error_row(error, attempt=0))
            log.error("schedule.refused", schedule=row.name, slot=last.isoformat(), error=error.message)
        else:
            log.info("schedule.fired", schedule=row.name, slot=last.isoformat(), job=job, merged=len(slots) - 1)


def _slots_until(row: ScheduleRow, now: datetime) -> list[datetime]:
    """The due slots, oldest first: `next_run_at` and what follows it up to `now`, the newest MISSED_MAX of them."""
    assert row.next_run_at is not None
    # Backwards in growing steps: after a year of silence a plan for every minute has half a million slots.
    for span in _SPANS:
        if now - span <= row.next_run_at:
            break
        slots = deque(cron.between(row.cron, row.timezone, now - span, now), maxlen=MISSED_MAX)
        if len(slots) == MISSED_MAX:
            return list(slots)
    return [row.next_run_at, *cron.between(row.cron, row.timezone, row.next_run_at, now)][-MISSED_MAX:]


def _following(row: ScheduleRow, now: datetime) -> datetime | None:
    """The first slot after `now` within the plan's span."""
    after = max(now, row.starts_at - timedelta(microseconds=1)) if row.starts_at else now
    following = cron.next_after(row.cron, row.timezone, after)
    return None if row.ends_at and following >= row.ends_at else following

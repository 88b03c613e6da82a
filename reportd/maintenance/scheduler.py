"""Turns schedules into jobs: plans the next slot of each, and settles the slots that are due, each exactly once."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the misfire policy makes of one due slot: it runs (`outcome` None), or goes into the ledger as it is."""

    slot: datetime
    outcome: Literal["merged", "missed"] | None = None
    reason: str = ""


class Scheduler:
    """Every daemon may run one: a plan is locked (SKIP LOCKED) while it advances, and (schedule, slot) is unique.

    `catch_up_max` is how many missed slots of one plan run at most, by misfire `all`.
    """

    def __init__(self, *, pool: Pool, interval_s: float, catch_up_max: int) -> None:
        self._pool = pool
        self._interval_s = interval_s
        self._catch_up_max = catch_up_max

    async def step(self) -> float:
        """Plan and settle all that is due, each plan in a transaction of its own; seconds until the next slot."""
        async with session(self._pool) as conn:
            while (wait_s := await schedules.wait_s(conn)) is not None and wait_s <= 0:
                async with conn.transaction():
                    if not await self._advance(conn):
                        break  # another scheduler is at it
        return self._interval_s if wait_s is None else max(0.05, wait_s)

    async def _advance(self, conn: Connection) -> bool:
        """Work out one plan, or settle what is due of it; False when there is none."""
        row = await schedules.due(conn)
        if row is None:
            return False
        now = await schedules.now(conn)
        if row.planned_at is not None and row.waiting_slot is not None and not row.busy:
            await schedules.wait(conn, id=row.id, slot=None)
            _, error = await _order(conn, row, row.waiting_slot)
            if error is not None:
                await schedules.plan(conn, id=row.id, next_run_at=row.next_run_at, error=error_row(error, attempt=0))
            return True
        try:
            cron.check(row.cron, row.timezone)
        except ReportdError as error:
            await schedules.plan(conn, id=row.id, next_run_at=None, error=error_row(error, attempt=0))
            log.error("schedule.broken", schedule=row.name, error=error.message)
            return True
        if row.next_run_at is None:
            await schedules.plan(conn, id=row.id, next_run_at=_following(row, now))
            return True
        await self._settle(conn, row, now)
        return True

    async def _settle(self, conn: Connection, row: ScheduleRow, now: datetime) -> None:
        """Every slot up to `now` runs, waits, or is noted with the reason why not; then the plan moves on."""
        due = verdicts(_slots_until(row, now), misfire=row.misfire, now=now, catch_up_max=self._catch_up_max)
        former = row.last_job_id if row.busy else None
        waiting, failure = row.waiting_slot, None
        for verdict in due:
            if verdict.outcome is not None:
                await schedules.miss(conn, id=row.id, slot=verdict.slot, outcome=verdict.outcome, reason=verdict.reason)
            elif former is None or row.overlap == "allow":
                job, failure = await _order(conn, row, verdict.slot)
                former = job or former
            elif row.overlap == "queue" and waiting is None:
                await schedules.wait(conn, id=row.id, slot=verdict.slot)
                waiting = verdict.slot
                log.info("schedule.waits", schedule=row.name, slot=verdict.slot.isoformat(), job=former)
            else:
                reason = f"job {former} had not ended" + (f", and {waiting.isoformat()} waited" if waiting else "")
                await schedules.miss(conn, id=row.id, slot=verdict.slot, outcome="skipped", reason=reason)
                log.warning("schedule.skipped", schedule=row.name, slot=verdict.slot.isoformat(), reason=reason)
        await schedules.plan(
            conn,
            id=row.id,
            next_run_at=_following(row, now),
            error=None if failure is None else error_row(failure, attempt=0),
        )
        if unrun := sum(verdict.outcome == "missed" for verdict in due):
            log.warning("schedule.missed", schedule=row.name, slot=due[-1].slot.isoformat(), slots=unrun)


def verdicts(
    slots: Sequence[datetime], *, misfire: Literal["skip", "last", "all"], now: datetime, catch_up_max: int
) -> list[Verdict]:
    """What becomes of the due `slots`, oldest first, at least one: all but a punctual last one have been missed."""
    last = slots[-1]
    match misfire:
        case "last":
            return [*(Verdict(slot, "merged", f"into {last.isoformat()}") for slot in slots[:-1]), Verdict(last)]
        case "all":
            old, kept = slots[:-catch_up_max], slots[-catch_up_max:]
            reason = f"no daemon ran, and more than {catch_up_max} slots were to catch up"
            return [*(Verdict(slot, "missed", reason) for slot in old), *map(Verdict, kept)]
        case "skip":
            missed = [Verdict(slot, "missed", "no daemon ran") for slot in slots]
            late = (now - last).total_seconds() > LATE_S
            return missed if late else [*missed[:-1], Verdict(last)]


async def _order(conn: Connection, row: ScheduleRow, slot: datetime) -> tuple[int | None, Refused | None]:
    """Order the job of `slot`: its id (None: the slot had been settled before), or why it was refused."""
    try:
        job = await schedules.fire(conn, id=row.id, slot=slot)
    except Refused as error:
        await schedules.miss(conn, id=row.id, slot=slot, outcome="missed", reason=error.message)
        log.error("schedule.refused", schedule=row.name, slot=slot.isoformat(), error=error.message)
        return None, error
    if job is not None:
        log.info("schedule.fired", schedule=row.name, slot=slot.isoformat(), job=job)
    return job, None


def _slots_until(row: ScheduleRow, now: datetime) -> list[datetime]:
    """The due slots, oldest first: `next_run_at` and what follows it up to `now`, the newest MISSED_MAX of them."""
    assert row.next_run_at is not None
    until = now if row.ends_at is None else min(now, row.ends_at - timedelta(microseconds=1))
    # Backwards in growing steps: after a year of silence a plan for every minute has half a million slots.
    for span in _SPANS:
        if until - span <= row.next_run_at:
            break
        slots = deque(cron.between(row.cron, row.timezone, until - span, until), maxlen=MISSED_MAX)
        if len(slots) == MISSED_MAX:
            return list(slots)
    return [row.next_run_at, *cron.between(row.cron, row.timezone, row.next_run_at, until)][-MISSED_MAX:]


def _following(row: ScheduleRow, now: datetime) -> datetime | None:
    """The first slot after `now` within the plan's span."""
    after = max(now, row.starts_at - timedelta(microseconds=1)) if row.starts_at else now
    following = cron.next_after(row.cron, row.timezone, after)
    return None if row.ends_at and following >= row.ends_at else following

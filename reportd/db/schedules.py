"""`reportd.schedules` and the ledger of their ticks, `reportd.occurrences`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

import asyncpg

from reportd.db import queries
from reportd.db.queries import Connection
from reportd.errors import Refused, UnknownSchedule
from reportd.report.definition import DeclaredSchedule

QUERIES = queries.load("schedules")


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One plan.

    `planned_at` None: `next_run_at` is still to be worked out; `waiting_slot` is the tick that overlap `queue` holds
    back; `busy`: its last job is unfinished.
    """

    id: int
    name: str
    kind: str | None
    template: str | None
    cron: str
    timezone: str
    params: Mapping[str, Any]
    formats: Sequence[str] | None
    deliver: Sequence[Any]
    misfire: Literal["skip", "last", "all"]
    overlap: Literal["allow", "skip", "queue"]
    is_active: bool
    is_paused: bool
    starts_at: datetime | None
    ends_at: datetime | None
    planned_at: datetime | None
    next_run_at: datetime | None
    waiting_slot: datetime | None
    last_run_at: datetime | None
    last_job_id: int | None
    run_count: int
    error: Mapping[str, Any] | None
    error_count: int
    source: Literal["file", "sql"]
    retired_at: datetime | None
    busy: bool


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One tick."""

    slot: datetime
    outcome: Literal["ran", "skipped", "merged", "missed"]
    reason: str | None
    job_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Declared:
    """What `declare` did, by name; `taken` are names that another has already: those declarations have no effect.

    The other is a row made by SQL, or a report of this very list.
    """

    changed: Sequence[str]
    retired: Sequence[str]
    taken: Sequence[str]


async def now(conn: Connection) -> datetime:
    """The database's clock."""
    return cast(datetime, await QUERIES["now"].value(conn))


async def declare(
    conn: Connection, declared: Mapping[str, Sequence[DeclaredSchedule]], *, worker: int, timezone: str
) -> Declared:
    """Bring the plans of these reports (name → what its front matter declares) to what the files say.

    Plans that such a report no longer declares are retired; other reports' are left alone, and so is a row that a later
    started daemon wrote. `timezone` holds where a declaration names none. An operator's pause stays.
    """
    rows: dict[str, dict[str, Any]] = {}
    twice: list[str] = []
    for kind, schedules in declared.items():
        for schedule in schedules:
            if schedule.name in rows:
                twice.append(schedule.name)
            else:
                rows[schedule.name] = _declaration(kind, schedule, timezone)
    names = list(rows)
    async with conn.transaction():
        changed = await QUERIES["declare"].rows(conn, worker=worker, schedules=list(rows.values()))
        retired = await QUERIES["retire"].rows(conn, worker=worker, kinds=list(declared), names=names)
        taken = await QUERIES["taken"].rows(conn, names=names)
    return Declared(
        changed=[row["name"] for row in changed],
        retired=[row["name"] for row in retired],
        taken=[*twice, *(row["name"] for row in taken)],
    )


async def due(conn: Connection) -> ScheduleRow | None:
    """A plan to work out, or with a due tick, locked until the caller's transaction ends; None: nothing to do."""
    row = await QUERIES["due"].row(conn)
    return None if row is None else ScheduleRow(**row)


async def wait_s(conn: Connection) -> float | None:
    """Seconds until a plan has something to do, 0 or less: it has now; None: no plan ever will as they stand."""
    return cast("float | None", await QUERIES["wait_s"].value(conn))


async def plan(
    conn: Connection, *, id: int, next_run_at: datetime | None, error: Mapping[str, Any] | None = None
) -> None:
    """Write the next tick (None: there is none), or why it can't be worked out; an error is counted, None clears it."""
    await QUERIES["plan"].rows(conn, id=id, next_run_at=next_run_at, error=None if error is None else dict(error))


async def fire(conn: Connection, *, id: int, slot: datetime) -> int | None:
    """Order the job of `slot`; the job's id, or None when the slot was settled before. `plan` moves on from it.

    Errors: Refused when the job is; nothing is written then, and the caller's transaction goes on.
    """
    try:
        async with conn.transaction():
            return cast("int | None", await QUERIES["fire"].value(conn, id=id, slot=slot))
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        message = " ".join(filter(None, (str(error.args[0]), error.hint)))
        raise Refused(message, sqlstate=error.sqlstate, hint=error.hint) from error


async def miss(
    conn: Connection, *, id: int, slot: datetime, outcome: Literal["skipped", "merged", "missed"], reason: str
) -> None:
    """Note a tick that orders nothing. `plan` moves on from it."""
    await QUERIES["miss"].rows(conn, id=id, slot=slot, outcome=outcome, reason=reason)


async def wait(conn: Connection, *, id: int, slot: datetime | None) -> None:
    """Hold one tick back until the former job has ended; None: it is settled. `plan` moves on from it."""
    await QUERIES["wait"].rows(conn, id=id, slot=slot)


async def occurrences(conn: Connection, *, id: int, limit: int) -> list[Occurrence]:
    """The latest ticks of a plan, newest first."""
    return [Occurrence(**row) for row in await QUERIES["occurrences"].rows(conn, id=id, limit_rows=limit)]


async def list_(conn: Connection) -> list[ScheduleRow]:
    """All plans by name."""
    return [ScheduleRow(**row) for row in await QUERIES["list_"].rows(conn)]


async def set_paused(conn: Connection, name: str, *, paused: bool) -> None:
    """Hold a plan, or let it go on from now. Errors: UnknownSchedule."""
    if await QUERIES["set_paused"].value(conn, name=name, paused=paused) is None:
        raise UnknownSchedule(f"there is no schedule {name!r}")


async def run_now(conn: Connection, name: str) -> int:
    """Order a plan's job beside the plan; the job's id. Errors: UnknownSchedule, Refused."""
    try:
        return cast(int, await QUERIES["run_now"].value(conn, name=name))
    except asyncpg.NoDataFoundError as error:
        raise UnknownSchedule(" ".join(filter(None, (str(error.args[0]), error.hint)))) from error
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        raise Refused(" ".join(filter(None, (str(error.args[0]), error.hint))), sqlstate=error.sqlstate) from error


def _declaration(kind: str, schedule: DeclaredSchedule, timezone: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": schedule.name,
        "declared_in": kind,
        "cron": schedule.cron,
        "timezone": schedule.timezone or timezone,
        "params": dict(schedule.params),
        "formats": list(schedule.formats) or None,
        "deliver": list(schedule.deliver),
        "template": schedule.template,
        "misfire": schedule.misfire,
        "overlap": schedule.overlap,
        "starts_at": schedule.starts_at and schedule.starts_at.isoformat(),
        "ends_at": schedule.ends_at and schedule.ends_at.isoformat(),
        "is_active": schedule.is_active,
    }
    digest = hashlib.sha256(json.dumps(row, sort_keys=True).encode())
    return {**row, "declared_hash": digest.hexdigest()}

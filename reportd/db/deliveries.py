"""`reportd.deliveries`: what went where. `jobs.complete` opens the rows, the kind `deliver` fills them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import asyncpg

from reportd.db import queries
from reportd.db.queries import Connection
from reportd.errors import Refused, UnknownDelivery

QUERIES = queries.load("deliveries")


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One (job, channel, target). `idempotency_key` is the same for every try; `digest` is that of the job's data."""

    id: int
    job_id: int
    channel: str
    target: str
    status: Literal["pending", "delivered", "failed"]
    tries: int
    idempotency_key: str
    receipt: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    sent_by: int | None
    digest: str | None
    created_at: datetime
    delivered_at: datetime | None


async def of_job(conn: Connection, job_id: int) -> list[DeliveryRow]:
    """The ledger of one job, in the order of its targets."""
    return [DeliveryRow(**row) for row in await QUERIES["of_job"].rows(conn, job_id=job_id)]


async def try_(conn: Connection, id: int, *, job: int, attempt: int) -> DeliveryRow | None:
    """Count one more try by attempt `attempt` of `job`, and return the row; None: gone, or the job is another's now.

    A row that is `delivered` comes back as it is: an earlier attempt has done it and died before it could say so.
    """
    row = await QUERIES["try_"].row(conn, id=id, job=job, attempt=attempt)
    return None if row is None else DeliveryRow(**row)


async def delivered(conn: Connection, id: int, *, job: int, attempt: int, receipt: Mapping[str, Any]) -> bool:
    """Note the receipt; False: the job is another's now."""
    return await QUERIES["delivered"].value(conn, id=id, job=job, attempt=attempt, receipt=dict(receipt)) is not None


async def refused(conn: Connection, id: int, *, job: int, attempt: int, error: Mapping[str, Any]) -> bool:
    """Note why a try failed; False: the job is another's now."""
    return await QUERIES["refused"].value(conn, id=id, job=job, attempt=attempt, error=dict(error)) is not None


async def close(conn: Connection) -> list[Mapping[str, Any]]:
    """Mark as failed what no job will deliver any more; id, job_id, channel and target of each."""
    return [dict(row) for row in await QUERIES["close"].rows(conn)]


async def last_digest(conn: Connection, *, kind: str, params: Mapping[str, Any], before: int) -> str | None:
    """The digest of the data that was last delivered, or is about to be, for a job of `kind` with the same params."""
    digest: str | None = await QUERIES["last_digest"].value(conn, kind=kind, params=dict(params), before=before)
    return digest


async def resend(conn: Connection, id: int) -> int:
    """Deliver once more, without making the files again; the job that does it. Errors: UnknownDelivery, Refused."""
    try:
        job: int = await QUERIES["resend"].value(conn, id=id)
    except asyncpg.NoDataFoundError as error:
        raise UnknownDelivery(error.args[0], hint=error.hint) from error
    except asyncpg.ObjectNotInPrerequisiteStateError as error:
        raise Refused(error.args[0], hint=error.hint) from error
    return job

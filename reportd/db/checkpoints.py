"""`reportd.checkpoints`: the saved result of a step; a retry resumes there."""

from __future__ import annotations

from typing import Any

from reportd.db import queries
from reportd.db.queries import Connection

QUERIES = queries.load("checkpoints")


async def save(conn: Connection, *, job: int, attempt: int, step: str, value: Any) -> bool:
    """Keep `value` (JSON); False: the job is no longer this attempt's, and nothing was kept."""
    return await QUERIES["save"].value(conn, job=job, attempt=attempt, step=step, value=value) is not None


async def load(conn: Connection, *, job: int, step: str) -> tuple[Any] | None:
    """What was kept last, in a tuple since it may be None itself; None: nothing was."""
    row = await QUERIES["load"].row(conn, job=job, step=step)
    return None if row is None else (row["value"],)


async def forget(conn: Connection, *, job: int) -> None:
    """Remove the checkpoints of a completed job; those of another stay."""
    await QUERIES["forget"].rows(conn, job=job)

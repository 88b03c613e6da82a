"""Parents and children among `reportd.jobs`: one job that became many, and waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from reportd.db import queries
from reportd.db.queries import Connection
from reportd.job import Child

QUERIES = queries.load("bursts")


async def divide(
    conn: Connection,
    *,
    id: int,
    worker: int,
    attempt: int,
    claim: int | None,
    children: Sequence[Child],
    usage: Mapping[str, Any] | None,
) -> bool:
    """Let the job wait, blocked, for `children`, which are ordered unless it has some already; all or nothing.

    False: it is no longer this worker's. Errors: asyncpg's, where the INSERT trigger refuses a child.
    """
    done = await QUERIES["divide"].value(
        conn,
        id=id,
        worker=worker,
        attempt=attempt,
        claim=claim,
        children=[_row(child) for child in children],
        usage=None if usage is None else dict(usage),
    )
    return done is not None


async def abandon(conn: Connection) -> int:
    """Ask the children of cancelled parents to stop; how many there were."""
    return len(await QUERIES["abandon"].rows(conn))


async def gather(conn: Connection) -> list[Mapping[str, Any]]:
    """Write down how far each burst is; `id` and `result` of the parents that are completed now."""
    return [{"id": row["id"], "result": row["result"]} for row in await QUERIES["gather"].rows(conn)]


def _row(child: Child) -> dict[str, Any]:
    row = {name: value for name, value in asdict(child).items() if value not in (None, ())}
    return {**row, "params": dict(child.params), "metadata": dict(child.metadata)}

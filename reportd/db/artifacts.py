"""`reportd.artifacts`: the finished files that a reader may have. `jobs.complete` writes them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from reportd.db import queries
from reportd.db.queries import Connection

QUERIES = queries.load("artifacts")


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """One file, as it was recorded with its job's completion."""

    id: int
    job_id: int
    attempt: int
    format: str
    name: str
    uri: str
    content_type: str
    bytes: int
    sha256: str
    rows: int | None
    pages: int | None
    created_at: datetime
    expires_at: datetime | None


async def of_job(conn: Connection, job_id: int) -> list[ArtifactRow]:
    """A job's files, in the order of its formats; none while it has not completed."""
    return [ArtifactRow(**row) for row in await QUERIES["of_job"].rows(conn, job_id=job_id)]


async def get(conn: Connection, id: int) -> ArtifactRow | None:
    """One file."""
    row = await QUERIES["get"].row(conn, id=id)
    return None if row is None else ArtifactRow(**row)


async def alike(conn: Connection, *, sha256: str) -> list[ArtifactRow]:
    """Files whose bytes have this digest, the latest first."""
    return [ArtifactRow(**row) for row in await QUERIES["alike"].rows(conn, sha256=sha256)]


async def expired(conn: Connection, *, limit: int, age_s: float | None = None) -> list[ArtifactRow]:
    """Files past their `expires_at` or older than `age_s`, the oldest first: delete the file, then the row.

    Files of jobs with a delivery to come are not among them.
    """
    return [ArtifactRow(**row) for row in await QUERIES["expired"].rows(conn, limit_rows=limit, age_s=age_s)]


async def known_uris(conn: Connection, uris: Collection[str]) -> set[str]:
    """Which of `uris` are recorded; the others are orphans, or about to be."""
    return {row["uri"] for row in await QUERIES["known_uris"].rows(conn, uris=list(uris))}


async def delete(conn: Connection, *, ids: Collection[int]) -> None:
    """Forget files that are gone from the store."""
    await QUERIES["delete"].rows(conn, ids=list(ids))

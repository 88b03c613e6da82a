"""`reportd.kinds`: what a job can be, as the daemons declare it and the INSERT trigger checks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from reportd.db import queries
from reportd.db.queries import Connection

QUERIES = queries.load("kinds")


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind. `formats` are those that may be asked for; `error` (code, message, detail) says why it can't run.

    `params_schema` is JSON Schema; None of the limits means: the queue's, else the configured default.
    """

    name: str
    type: Literal["report", "task"]
    title: str
    content_hash: str
    params_schema: Mapping[str, Any] = field(default_factory=dict)
    formats: Sequence[str] = ()
    queue: str | None = None
    priority: int | None = None
    timeout_s: float | None = None
    max_attempts: int | None = None
    brief: bool = False
    error: Mapping[str, Any] | None = None
    retired_at: datetime | None = None


async def upsert(conn: Connection, kinds: Sequence[KindRow], *, worker: int) -> list[str]:
    """Declare what `worker` can run; the names of the rows that changed.

    A row that a later started daemon wrote stays as it is: the newest daemon's version holds, however often the older
    ones declare theirs.
    """
    declared = [{name: value for name, value in asdict(kind).items() if name != "retired_at"} for kind in kinds]
    rows = await QUERIES["upsert"].rows(conn, worker=worker, kinds=declared)
    return [row["name"] for row in rows]


async def retire(conn: Connection, names: Sequence[str], *, worker: int) -> list[str]:
    """Retire kinds that `worker` has dropped, unless another living daemon has them; the names retired."""
    return [row["name"] for row in await QUERIES["retire"].rows(conn, worker=worker, names=list(names))]


async def list_(conn: Connection) -> list[KindRow]:
    """All kinds, retired ones included, by name."""
    return [KindRow(**row) for row in await QUERIES["list_"].rows(conn)]


async def get(conn: Connection, name: str) -> KindRow | None:
    """The kind of this name."""
    row = await QUERIES["get"].row(conn, name=name)
    return None if row is None else KindRow(**row)

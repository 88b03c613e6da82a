"""Kinds as the daemons declare them."""

from __future__ import annotations

import dataclasses

import pytest

from reportd.db import kinds
from reportd.db.kinds import KindRow
from reportd.db.queries import Connection
from tests.integration.db.desk import register

FULL = KindRow(
    "full",
    "report",
    "Everything",
    "abc",
    params_schema={"type": "object", "properties": {}},
    formats=("pdf", "csv"),
    queue="slow",
    priority=4,
    timeout_s=30,
    max_attempts=2,
    brief=True,
    error={"code": "report-broken", "message": "line 3", "detail": {"line": 3}},
)


async def test_what_was_declared_is_what_is_read(conn: Connection, worker: int) -> None:
    assert await kinds.upsert(conn, [FULL], worker=worker) == ["full"]
    assert await kinds.get(conn, "full") == dataclasses.replace(FULL, formats=["pdf", "csv"])
    assert await kinds.get(conn, "empty") is None


async def test_an_unchanged_kind_is_not_written(conn: Connection, worker: int) -> None:
    await kinds.upsert(conn, [FULL], worker=worker)
    written = await conn.fetchval("select xmin::text from reportd.kinds where name = 'full'")
    assert await kinds.upsert(conn, [FULL], worker=worker) == []
    assert await conn.fetchval("select xmin::text from reportd.kinds where name = 'full'") == written


@pytest.mark.parametrize(
    "change",
    [{"title": "New"}, {"params_schema": {}}, {"formats": ()}, {"error": None}, {"queue": None}, {"content_hash": "d"}],
    ids=lambda change: next(iter(change)),
)
async def test_any_change_is_written(conn: Connection, worker: int, change: dict[str, object]) -> None:
    await kinds.upsert(conn, [FULL], worker=worker)
    assert await kinds.upsert(conn, [dataclasses.replace(FULL, **change)], worker=worker) == ["full"]  # type: ignore[arg-type]


async def test_two_versions_of_a_daemon_do_not_flap(conn: Connection, worker: int) -> None:
    newer = await register(conn)
    old, new = (dataclasses.replace(FULL, content_hash=hash) for hash in ("old", "new"))
    await kinds.upsert(conn, [old], worker=worker)
    assert await kinds.upsert(conn, [new], worker=newer) == ["full"]
    for _ in range(2):
        assert await kinds.upsert(conn, [old], worker=worker) == []
        assert await kinds.upsert(conn, [new], worker=newer) == []
    found = await kinds.get(conn, "full")
    assert found is not None
    assert found.content_hash == "new"


async def test_a_roll_back_is_a_later_start_and_wins(conn: Connection, worker: int) -> None:
    await kinds.upsert(conn, [dataclasses.replace(FULL, content_hash="new")], worker=worker)
    rolled_back = await register(conn)
    assert await kinds.upsert(conn, [dataclasses.replace(FULL, content_hash="old")], worker=rolled_back) == ["full"]


async def test_a_dropped_kind_is_retired_and_comes_back_when_declared(conn: Connection, worker: int) -> None:
    await kinds.upsert(conn, [FULL], worker=worker)
    assert await kinds.retire(conn, ["full"], worker=worker) == ["full"]
    found = await kinds.get(conn, "full")
    assert found is not None
    assert found.retired_at is not None
    assert await kinds.upsert(conn, [FULL], worker=worker) == ["full"]
    assert (await kinds.get(conn, "full")) == dataclasses.replace(FULL, formats=["pdf", "csv"])


async def test_a_kind_that_another_daemon_can_run_is_not_retired(conn: Connection, worker: int) -> None:
    await kinds.upsert(conn, [FULL], worker=worker)
    other = await register(conn, kinds=["full"])
    assert await kinds.retire(conn, ["full"], worker=worker) == []
    await conn.execute(
        "update reportd.workers set lease_until = clock_timestamp() - interval '1 s' where id = $1", other
    )
    assert await kinds.retire(conn, ["full"], worker=worker) == ["full"]


async def test_list_is_by_name_and_has_the_built_in_kind(conn: Connection) -> None:
    assert [kind.name for kind in await kinds.list_(conn)] == ["broken", "deliver", "noop", "sales"]

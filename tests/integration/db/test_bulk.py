"""Many jobs at once: ordered, cancelled, retried, removed."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from reportd.db import dead, jobs
from reportd.db.dead import Search
from reportd.db.queries import Connection
from tests.integration.db.desk import ERROR, count, fence, finish, order, take


async def fail(conn: Connection, worker: int, number: int = 1, *, code: str = "query", **values: Any) -> list[int]:
    """Jobs that have failed."""
    ids = await order(conn, number, **values)
    for job in await take(conn, worker, demand=number):
        await jobs.fail(conn, **fence(job, worker), error={**ERROR, "code": code}, crashed=False)
    return ids


async def statuses(conn: Connection, *ids: int) -> list[str]:
    return [(await jobs.get(conn, id))["status"] for id in ids]


class TestEnqueueMany:
    """All or none, in order."""

    async def test_orders_each(self, conn: Connection) -> None:
        (key,) = await order(conn, unique_key="mine")
        wanted = [
            {"kind": "sales", "params": {"period": "today"}, "formats": ["pdf"], "priority": 3, "tenant": "north"},
            {"kind": "noop", "unique_key": "mine"},
            {"kind": "noop", "depends_on": [key], "run_at": "2099-01-01"},
        ]
        first, second, third = await conn.fetchval("select reportd.enqueue_many($1)", wanted)
        row = await jobs.get(conn, first)
        assert (row["kind"], row["params"], row["formats"]) == ("sales", {"period": "today"}, ["pdf"])
        assert (row["priority"], row["tenant"], second) == (3, "north", key)
        assert await statuses(conn, third) == ["blocked"]

    @pytest.mark.parametrize(
        ("wanted", "said"),
        [
            ({"kind": "noop"}, "jobs: is no list"),
            ([{"kind": "noop"}, 3], r"jobs\[1\]: 3 is not an object"),
            ([{"kind": "noop"}, {"kin": "noop"}], r'jobs\[1\]: "kin" is unknown'),
            ([{"kind": "noop"}, {"kind": "nop"}], 'kind: "nop" is unknown'),
        ],
    )
    async def test_refuses_all_for_one(self, conn: Connection, wanted: object, said: str) -> None:
        with pytest.raises(asyncpg.InvalidParameterValueError, match=said):
            await conn.fetchval("select reportd.enqueue_many($1)", wanted)
        assert await count(conn, "jobs") == 0


async def test_cancel_all_ends_what_waits_and_asks_what_runs(conn: Connection, worker: int) -> None:
    running, waiting = await order(conn, 2, tenant="north")
    (other,) = await order(conn, tenant="south")
    await take(conn, worker, demand=1)
    assert await conn.fetchval("select reportd.cancel_all(tenant => 'north')") == 2
    assert await statuses(conn, running, waiting, other) == ["running", "cancelled", "pending"]
    assert (await jobs.get(conn, running))["cancel_requested_at"]


async def test_retry_all_leaves_out_what_another_job_has_replaced(conn: Connection, worker: int) -> None:
    queries = await fail(conn, worker, 2)
    (replaced,) = await fail(conn, worker, unique_key="mine")
    (render,) = await fail(conn, worker, code="render")
    await order(conn, unique_key="mine")
    assert await conn.fetchval("select reportd.retry_all(queue => 'default', code => 'query')") == 2
    assert await statuses(conn, *queries, replaced, render) == ["pending", "pending", "failed", "failed"]


@pytest.mark.parametrize("call", ["cancel_all()", "retry_all()"])
async def test_all_without_a_filter_is_refused(conn: Connection, call: str) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="queue: missing"):
        await conn.fetchval(f"select reportd.{call}")


async def test_clean_removes_what_ended_before_the_grace(conn: Connection, worker: int) -> None:
    old, young, waited_for = await order(conn, 3)
    for job in await take(conn, worker):
        await finish(conn, job, worker)
    (pending,) = await order(conn)
    (waiting,) = await order(conn, depends_on=[waited_for, pending])
    await conn.execute("update reportd.jobs set finished_at = finished_at - interval '2 days' where id <> $1", young)
    assert await conn.fetchval("select reportd.clean('default', '1 day')") == 1
    left = [row["id"] for row in await conn.fetch("select id from reportd.jobs order by id")]
    assert left == [young, waited_for, pending, waiting]
    assert old not in left


@pytest.mark.parametrize("arguments", ["'default', '-1 day'", "'default', null", "null, '1 day'"])
async def test_clean_refuses_what_is_no_age_or_no_queue(conn: Connection, arguments: str) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await conn.fetchval(f"select reportd.clean({arguments})")


class TestDead:
    """Failed jobs by queue, kind, tenant and code."""

    async def test_are_found_by_what_they_have_in_common(self, conn: Connection, worker: int) -> None:
        first = await fail(conn, worker, 3, tenant="north")
        second = await fail(conn, worker, 2, code="render")
        await order(conn)
        assert [row["id"] for row in await dead.list_(conn, Search(), limit=4)] == [*second[::-1], *first[:0:-1]]
        assert [row["id"] for row in await dead.list_(conn, Search(code="render"), limit=9)] == second[::-1]
        page = await dead.list_(conn, Search(tenant="north"), limit=9, before=first[2])
        assert [row["id"] for row in page] == first[1::-1]
        assert [row["id"] async for row in dead.all_(conn, Search(kind="noop"))] == first + second

    async def test_are_discarded_with_their_attempts(self, conn: Connection, worker: int) -> None:
        ids = await fail(conn, worker, 3)
        (pending,) = await order(conn)
        assert await dead.discard(conn, [ids[0], pending], Search()) == 1
        assert await dead.discard(conn, None, Search(queue="default")) == 2
        assert await count(conn, "jobs") == 1
        assert await count(conn, "attempts") == 0

    async def test_are_retried_by_their_code(self, conn: Connection, worker: int) -> None:
        (render,) = await fail(conn, worker, code="render")
        (query,) = await fail(conn, worker)
        assert await dead.retry(conn, Search(code="render")) == 1
        assert await statuses(conn, render, query) == ["pending", "failed"]

"""What INSERT INTO reportd.jobs accepts, fills in, and refuses in which words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from reportd.db import jobs, kinds, workers
from reportd.db.kinds import KindRow
from reportd.db.queries import Connection
from reportd.errors import Refused
from tests.conftest import Eventually
from tests.integration.db.desk import order, register

PERIOD = {"period": "last month"}


async def insert(conn: Connection, **columns: Any) -> int:
    """A plain INSERT, as an application writes it."""
    names = ", ".join(columns)
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    sql = f"insert into reportd.jobs ({names}) values ({places}) returning id"
    return int(await conn.fetchval(sql, *columns.values()))


# columns → column of the error, words in its message, words in its hint
REFUSED: list[tuple[dict[str, Any], str, str, str]] = [
    ({"kind": "salse", "params": PERIOD}, "kind", '"salse" is unknown; kinds: broken, noop, sales', '"sales"'),
    ({"kind": None}, "kind", "missing", "reportd.kinds"),
    ({"kind": "sales"}, "params", "params.period: missing, must be a string", 'Add "period" to params'),
    ({"kind": "sales", "params": {"perod": 1, **PERIOD}}, "params", '"perod" is unknown', '"period"'),
    ({"kind": "sales", "params": {"period": 7}}, "params", "params.period: 7 is a number, must be a string", '"7"'),
    ({"kind": "sales", "params": {"period": None}}, "params", "params.period: null is null", "Leave it out"),
    ({"kind": "sales", "params": {"limit": "10", **PERIOD}}, "params", "must be a whole number", "Write 10, without"),
    ({"kind": "sales", "params": {"limit": 1.5, **PERIOD}}, "params", "params.limit: 1.5 is not whole", "whole"),
    ({"kind": "sales", "params": {"limit": 0, **PERIOD}}, "params", "0 is below the minimum of 1", "Give 1 or more"),
    ({"kind": "sales", "params": {"limit": 1001, **PERIOD}}, "params", "above the maximum of 1000", "1000 or less"),
    ({"kind": "sales", "params": {"share": 1.01, **PERIOD}}, "params", "1.01 is above the maximum of 1", "1 or less"),
    ({"kind": "sales", "params": {"detail": "true", **PERIOD}}, "params", "must be true or false", "Write true"),
    ({"kind": "sales", "params": {"region": "nort", **PERIOD}}, "params", "choices: north, south", '"north"'),
    ({"kind": "sales", "params": {"ids": 5, **PERIOD}}, "params", "params.ids: 5 is a number, must be a list", "[5]"),
    ({"kind": "sales", "params": {"ids": [1, "2"], **PERIOD}}, "params", 'params.ids[1]: "2" is a string', "Write 2"),
    ({"kind": "sales", "params": {"box": {}, **PERIOD}}, "params", "params.box.side: missing", 'Add "side"'),
    ({"kind": "sales", "params": {"note": 1, **PERIOD}}, "params", "must be a string or null", '"1"'),
    ({"kind": "noop", "params": []}, "params", "[] is a list, must be an object", "{"),
    ({"kind": "noop", "params": {"a": "x" * 65536}}, "params", "at most 65536", "a table of your own"),
    ({"kind": "sales", "params": PERIOD, "formats": ["pfd"]}, "formats", '"pfd" is unknown', '"pdf"'),
    ({"kind": "sales", "params": PERIOD, "formats": ["pdf", None]}, "formats", "is unknown", "one of these"),
    ({"kind": "sales", "params": PERIOD, "formats": ["pdf", "pdf"]}, "formats", '"pdf" is there twice', "once"),
    ({"kind": "noop", "formats": ["pdf"]}, "formats", "there are no formats", "Leave it out"),
    ({"kind": "noop", "queue": "Big Queue"}, "queue", '"Big Queue" is not a name', "a-z"),
    ({"kind": "noop", "priority": 10}, "priority", "10 is not between -9 and 9", "Higher goes first"),
    ({"kind": "noop", "max_attempts": 0}, "max_attempts", "0 is not between 1 and 1000", "no retry"),
    ({"kind": "noop", "timeout_s": 0.0}, "timeout_s", "0 is not a time-out", "more than 0"),
    ({"kind": "noop", "timeout_s": float("inf")}, "timeout_s", "Infinity is not a time-out", "seconds"),
    ({"kind": "noop", "unique_key": ""}, "unique_key", "0 bytes", "digest"),
    ({"kind": "noop", "metadata": []}, "metadata", "[] is not an object", "{"),
    ({"kind": "noop", "metadata": {"a": "x" * 65536}}, "metadata", "at most 65536", "a table"),
    ({"kind": "noop", "deliver": {"a": 1}}, "deliver", "is not a list", "["),
    ({"kind": "noop", "template": "monthly"}, "template", '"monthly" is unknown: there are no templates', "Leave"),
    ({"kind": "noop", "depends_on": [-1]}, "depends_on", "there is no job -1", "Order that job first"),
    ({"kind": "noop", "depends_on": [None]}, "depends_on", "has a NULL", "Give ids"),
    ({"kind": "noop", "depends_until": "end"}, "depends_until", '"end" is unknown', 'Did you mean "ended"'),
]


@pytest.mark.parametrize(("columns", "column", "message", "hint"), REFUSED, ids=lambda value: str(value)[:40])
async def test_wrong_input_is_refused_by_name_with_a_remedy(
    conn: Connection, columns: dict[str, Any], column: str, message: str, hint: str
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError) as refusal:
        await insert(conn, **columns)
    error = refusal.value
    assert message in error.args[0]
    assert hint in (error.hint or "")
    assert (error.schema_name, error.table_name, error.column_name) == ("reportd", "jobs", column)


ACCEPTED: list[dict[str, Any]] = [
    {"period": "last 30 days"},
    {"limit": 10.0, **PERIOD},
    {"note": None, **PERIOD},
    {"ids": [], **PERIOD},
    {"ids": [1, 2, 3], **PERIOD},
    {"share": -0.5, **PERIOD},
    {"box": {"side": 1, "colour": "red"}, **PERIOD},
    {"region": "south", "detail": False, "limit": 1000, **PERIOD},
]


@pytest.mark.parametrize("params", ACCEPTED, ids=json.dumps)
async def test_right_params_are_accepted(conn: Connection, params: dict[str, Any]) -> None:
    id = await insert(conn, kind="sales", params=params, formats=["pdf", "json"])
    assert (await jobs.get(conn, id))["params"] == params


async def test_a_secret_is_never_repeated_in_an_error(conn: Connection) -> None:
    for wrong in ("hunter2", 4711):
        with pytest.raises(asyncpg.InvalidParameterValueError) as refusal:
            await insert(conn, kind="sales", params={"pin": wrong, **PERIOD})
        assert str(wrong) not in str(refusal.value)
        assert "sesame" not in str(refusal.value)


@pytest.mark.parametrize(("depth", "refused"), [(32, False), (33, True)])
@pytest.mark.parametrize("bracket", ["[]", "{}"])
async def test_params_may_be_32_levels_deep(conn: Connection, depth: int, refused: bool, bracket: str) -> None:
    opening, closing = ("[", "]") if bracket == "[]" else ('{"a":', "}")
    text = '{"a":' + opening * (depth - 1) + "1" + closing * (depth - 1) + "}"
    statement = "insert into reportd.jobs (kind, params) values ('noop', $1::text::jsonb)"
    if refused:
        with pytest.raises(asyncpg.InvalidParameterValueError, match="nested deeper than 32 levels"):
            await conn.execute(statement, text)
    else:
        await conn.execute(statement, text)


async def test_many_flat_values_are_not_deep(conn: Connection) -> None:
    await insert(conn, kind="noop", params={"a": [[n] for n in range(200)]})


async def test_a_retired_kind_is_refused(conn: Connection) -> None:
    await conn.execute("update reportd.kinds set retired_at = now() where name = 'noop'")
    with pytest.raises(asyncpg.InvalidParameterValueError, match='kind: "noop" was retired'):
        await insert(conn, kind="noop")


async def test_a_broken_kind_is_accepted_whatever_its_params(conn: Connection) -> None:
    id = await insert(conn, kind="broken", params={"whatever": 1}, formats=["pdf"])
    assert (await jobs.get(conn, id))["status"] == "pending"


async def test_defaults_come_from_the_kind(conn: Connection, worker: int) -> None:
    await kinds.upsert(conn, [KindRow("noop", "task", "Nothing", "2", queue="slow", priority=-3)], worker=worker)
    row = await jobs.get(conn, await insert(conn, kind="noop"))
    assert (row["queue"], row["priority"]) == ("slow", -3)
    row = await jobs.get(conn, await insert(conn, kind="noop", queue="fast", priority=0))
    assert (row["queue"], row["priority"]) == ("fast", 0)


async def test_a_new_job_is_pending_in_the_default_queue(conn: Connection) -> None:
    row = await jobs.get(conn, await insert(conn, kind="noop"))
    assert (row["status"], row["queue"], row["priority"], row["ready"]) == ("pending", "default", 0, True)
    assert (row["attempt"], row["params"], row["metadata"], row["deliver"]) == (0, {}, {}, [])


async def test_nulls_count_as_left_out(conn: Connection) -> None:
    row = await jobs.get(conn, await insert(conn, kind="noop", params=None, metadata=None, deliver=None, run_at=None))
    assert (row["params"], row["metadata"], row["deliver"]) == ({}, {}, [])
    assert row["run_at"] is not None


async def test_an_application_cannot_claim_by_insert(conn: Connection) -> None:
    row = await jobs.get(conn, await insert(conn, kind="noop", ready=False))
    assert row["status"] == "pending"
    for forged in ({"worker": 1}, {"outcome": "completed", "finished_at": datetime.now(UTC)}):
        with pytest.raises(asyncpg.CheckViolationError):
            await insert(conn, kind="noop", **forged)


async def test_a_job_exists_only_if_its_transaction_commits(conn: Connection, other: Connection) -> None:
    ordering = conn.transaction()
    await ordering.start()
    await insert(conn, kind="noop")
    assert await jobs.lanes(other) == []
    await ordering.rollback()
    assert await jobs.lanes(other) == []


async def test_insert_notifies_once_per_statement_and_not_when_switched_off(conn: Connection) -> None:
    heard: list[object] = []
    await conn.add_listener("reportd_jobs", lambda *told: heard.append(told[3]))
    await conn.execute("insert into reportd.jobs (kind) select 'noop' from generate_series(1, 5)")
    await conn.fetchval("select 1")
    assert heard == [""]
    await conn.execute("set reportd.notify = off")
    await conn.execute("insert into reportd.jobs (kind) values ('noop')")
    await conn.fetchval("select 1")
    assert heard == [""]


async def test_a_producer_needs_insert_alone(conn: Connection) -> None:
    await conn.execute("""
        create role reportd_test_producer;
        grant usage on schema reportd to reportd_test_producer;
        grant insert (kind, params) on reportd.jobs to reportd_test_producer;
    """)
    try:
        await conn.execute("set role reportd_test_producer")
        await conn.execute("insert into reportd.jobs (kind, params) values ('sales', '{\"period\": \"today\"}')")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("insert into reportd.jobs (kind, ready) values ('noop', true)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.fetchval("select reportd.cancel(1)")
    finally:
        await conn.execute("reset role")
        await conn.execute("drop owned by reportd_test_producer; drop role reportd_test_producer")


async def test_the_trigger_is_deaf_to_the_callers_search_path(conn: Connection) -> None:
    """SECURITY DEFINER: a function of the caller's must not run with the owner's rights."""
    await conn.execute("""
        create schema trap;
        create function trap.jsonb_typeof(jsonb) returns text language plpgsql as $$ begin raise 'caught'; end $$;
        set search_path = trap, pg_catalog;
    """)
    try:
        await insert(conn, kind="sales", params={"box": {"side": 1}, "ids": [1], **PERIOD})
    finally:
        await conn.execute("reset search_path; drop schema trap cascade")


class TestTemplate:
    """A job that names a template."""

    @pytest.fixture(autouse=True)
    async def _monthly(self, conn: Connection) -> None:
        await conn.execute("""
            insert into reportd.templates (name, kind, params, formats, deliver)
            values ('monthly', 'sales', '{"period": "last month", "limit": 5}', '{pdf}', '["file:monthly/"]')
        """)

    async def test_gives_kind_params_formats_and_targets(self, conn: Connection) -> None:
        row = await jobs.get(conn, await insert(conn, template="monthly"))
        assert (row["kind"], row["params"]) == ("sales", {"period": "last month", "limit": 5})
        assert (row["formats"], row["deliver"]) == (["pdf"], ["file:monthly/"])

    async def test_yields_to_what_the_job_says(self, conn: Connection) -> None:
        id = await insert(conn, template="monthly", params={"limit": 9}, formats=["csv"], deliver=["file:x/"])
        row = await jobs.get(conn, id)
        assert row["params"] == {"period": "last month", "limit": 9}
        assert (row["formats"], row["deliver"]) == (["csv"], ["file:x/"])

    async def test_of_another_kind_is_refused(self, conn: Connection) -> None:
        with pytest.raises(asyncpg.InvalidParameterValueError, match="is not the kind of template"):
            await insert(conn, template="monthly", kind="noop")

    async def test_mistyped_is_refused_with_the_nearest(self, conn: Connection) -> None:
        with pytest.raises(asyncpg.InvalidParameterValueError) as refusal:
            await insert(conn, template="montly")
        assert '"monthly"' in (refusal.value.hint or "")


class TestUnique:
    """Jobs with a unique_key."""

    async def test_enqueue_returns_the_unfinished_job(self, conn: Connection) -> None:
        (first,) = await order(conn, unique_key="nightly")
        assert await order(conn, unique_key="nightly") == [first]
        assert await order(conn, unique_key="other") != [first]

    async def test_a_plain_insert_fails_on_the_index(self, conn: Connection) -> None:
        await insert(conn, kind="noop", unique_key="nightly")
        with pytest.raises(asyncpg.UniqueViolationError, match="jobs_active_key"):
            await insert(conn, kind="noop", unique_key="nightly")

    async def test_the_key_is_free_again_when_the_job_has_ended(self, conn: Connection) -> None:
        (first,) = await order(conn, unique_key="nightly")
        await jobs.cancel(conn, first)
        assert await order(conn, unique_key="nightly") != [first]


async def test_enqueue_refuses_in_the_servers_words(conn: Connection) -> None:
    with pytest.raises(Refused, match=r'kind: "sale" is unknown.*Did you mean "sales"\?') as refusal:
        await jobs.enqueue(conn, "sale")
    assert refusal.value.detail["hint"] == 'Did you mean "sales"?'


async def test_nobody_is_notified_while_every_worker_looks_by_itself(
    conn: Connection, other: Connection, worker: int, eventually: Eventually
) -> None:
    heard: list[object] = []
    await other.add_listener("reportd_jobs", lambda *words: heard.append(words[-1]))
    await workers.set_waiting(conn, worker=worker, waiting=False)
    await order(conn)
    rival = await register(conn)
    await order(conn)  # notifications come in their order: this one is the first
    await eventually(lambda: len(heard) == 1)
    await workers.set_waiting(conn, worker=rival, waiting=False)
    await order(conn)
    await workers.set_waiting(conn, worker=worker, waiting=True)
    await order(conn)
    await eventually(lambda: len(heard) == 2)
    await conn.execute("notify reportd_jobs, 'last'")
    await eventually(lambda: "last" in heard)
    assert heard == ["", "", "last"]

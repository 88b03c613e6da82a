"""What `reportd grants` prints is applied, and each role is asked to do what it may and what it may not."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import asyncpg
import pytest

from reportd.cli import server_probes
from tests.integration.cli.commands import reportd

Connection: TypeAlias = "asyncpg.Connection[Any]"
DENIED = (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)


@dataclass
class Roles:
    """The database with the roles; `sql` is what made them."""

    dsn: str
    prefix: str
    sql: str
    connection: Connection

    async def refused(self, role: str, statement: str) -> None:
        with pytest.raises(DENIED):
            await self.does(role, statement)

    async def does(self, role: str, statement: str) -> Any:
        """What `statement` returns when a session of `role` (as if logged in) runs it; it is rolled back."""
        name = f"{self.prefix}_{role}"
        transaction = self.connection.transaction()
        await transaction.start()
        try:
            await self.connection.execute(f'set local session authorization "{name}"')
            return await self.connection.fetchval(statement)
        finally:
            await transaction.rollback()


@pytest.fixture
async def roles(dsn: str, connection: Connection, tmp_path: Path) -> AsyncIterator[Roles]:
    # Roles belong to the server, which other tests use too.
    prefix = f"Grants {secrets.token_hex(4)}"
    await connection.execute("create table public.orders (id int); create schema hr; create table hr.pay (id int)")
    await connection.execute(
        "insert into reportd.kinds (name, type, title, content_hash) values ('small', 'report', 'Small', 'x')"
    )
    said = await reportd("grants", "--prefix", prefix, "--json", home=tmp_path)
    assert said.status == 0, said.err
    script: str = said.json["sql"]
    await connection.execute(script)
    await connection.execute(script)  # any number of times
    yield Roles(dsn, prefix, script, connection)
    names = [f'"{name}"' for name in said.json["roles"].values()]
    await connection.execute(f"reassign owned by {names[0]} to current_user")
    for name in names:
        await connection.execute(f"drop owned by {name} cascade")
        await connection.execute(f"drop role {name}")


async def test_a_producer_orders_follows_and_cancels_and_writes_nothing_else(roles: Roles) -> None:
    order = "insert into reportd.jobs (kind, priority, requested_by) values ('small', 3, 'me') returning id"
    assert await roles.does("producer", order)
    assert await roles.does("producer", "select reportd.enqueue('small')")
    await roles.connection.execute("insert into reportd.jobs (kind) values ('small')")
    id = await roles.connection.fetchval("select max(id) from reportd.jobs")
    assert await roles.does("producer", f"select reportd.cancel({id})") == "cancelled"
    assert json.loads(await roles.does("producer", f"select reportd.why({id})"))["status"] == "pending"
    assert await roles.does("producer", "select count(*) from reportd.artifacts") == 0
    for statement in (
        "insert into reportd.jobs (kind, outcome) values ('small', 'completed')",
        "update reportd.jobs set priority = 9",
        "delete from reportd.jobs",
        "select reportd.pause('default')",
        f"select reportd.release({id})",
        "insert into reportd.kinds (name, type, title, content_hash) values ('x', 'task', 'x', 'x')",
        "select * from public.orders",
    ):
        await roles.refused("producer", statement)


async def test_a_reader_reads_and_nothing_else(roles: Roles) -> None:
    assert await roles.does("reader", "select count(*) from reportd.jobs") == 0
    await roles.does("reader", "select * from reportd.stats()")
    for statement in (
        "insert into reportd.jobs (kind) values ('small')",
        "select reportd.cancel(1)",
        "update reportd.schedules set is_paused = true",
        "select * from public.orders",
    ):
        await roles.refused("reader", statement)


async def test_a_worker_writes_every_table_and_changes_none(roles: Roles) -> None:
    await roles.does("worker", "insert into reportd.jobs (kind) values ('small')")
    await roles.does("worker", "delete from reportd.artifacts")
    await roles.does("worker", "select reportd.pause('default')")
    for statement in (
        "alter table reportd.jobs add column x int",
        "drop table reportd.artifacts",
        "create table reportd.mine (id int)",
        "delete from reportd.migrations",
        "select * from public.orders",
    ):
        await roles.refused("worker", statement)


async def test_the_owner_changes_the_schema_and_no_function_of_ours_runs_as_a_superuser(roles: Roles) -> None:
    await roles.does("owner", "alter table reportd.jobs add column x int")
    owners = await roles.connection.fetch(
        "select distinct rolsuper from pg_proc join pg_roles on pg_roles.oid = proowner"
        " where pronamespace = 'reportd'::regnamespace"
    )
    assert [row["rolsuper"] for row in owners] == [False]
    await roles.refused("owner", "select * from public.orders")


async def test_the_report_role_reads_what_it_was_given_and_nothing_of_ours(roles: Roles) -> None:
    assert await roles.does("report", "select count(*) from public.orders") == 0
    for statement in (
        "insert into public.orders values (1)",
        "create table public.mine (id int)",
        "select * from hr.pay",
        "select * from reportd.jobs",
        "select reportd.cancel(1)",
        f'set role "{roles.prefix}_worker"',
        "select pg_read_file('/etc/passwd')",
    ):
        await roles.refused("report", statement)
    member = "select count(*) from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = $1"
    assert await roles.connection.fetchval(member, f"{roles.prefix}_report") == 0
    settings = await roles.connection.fetchval(
        "select rolconfig from pg_roles where rolname = $1", f"{roles.prefix}_report"
    )
    assert "default_transaction_read_only=on" in settings


async def test_tables_made_later_may_be_read_by_reports(roles: Roles) -> None:
    await roles.connection.execute("create table public.later (id int)")
    assert await roles.does("report", "select count(*) from public.later") == 0


async def test_a_report_role_that_is_a_member_of_another_is_refused(roles: Roles) -> None:
    await roles.connection.execute(f'grant "{roles.prefix}_reader" to "{roles.prefix}_report"')
    with pytest.raises(asyncpg.RaiseError, match="is a member of other roles"):
        await roles.connection.execute(roles.sql)
    await roles.connection.execute("rollback")


async def test_without_the_schema_the_script_says_what_comes_first(empty_dsn: str, tmp_path: Path) -> None:
    said = await reportd("grants", home=tmp_path)
    connection = await asyncpg.connect(empty_dsn)
    with pytest.raises(asyncpg.RaiseError, match="there is no schema reportd yet"):
        await connection.execute(said.out)
    await connection.close()


async def test_doctor_is_content_with_the_report_role_until_it_may_become_another(roles: Roles) -> None:
    dsn = roles.dsn.replace("//postgres@", f"//{quote(roles.prefix)}_report@")
    if dsn == roles.dsn:
        pytest.skip("the test server is not one of ours: nobody can log in without a password")
    limit, finding = [finding async for finding in server_probes.source(dsn, same=False)]
    assert finding.state == "ok", finding
    assert (limit.state, limit.found) == ("ok", f"at most 8GB for each session of {roles.prefix}_report")
    await roles.connection.execute(f'grant "{roles.prefix}_reader" to "{roles.prefix}_report"')
    _, finding = [finding async for finding in server_probes.source(dsn, same=False)]
    assert finding.state == "warning"
    assert f"which may become {roles.prefix}_reader" in finding.found
    assert finding.remedy is not None
    assert "reportd grants" in finding.remedy
    await roles.connection.execute(f'grant insert on public.orders to "{roles.prefix}_report"')
    await roles.connection.execute(f'alter role "{roles.prefix}_report" reset temp_file_limit')
    limit, finding = [finding async for finding in server_probes.source(dsn, same=False)]
    assert "which may change public.orders" in finding.found
    assert limit.state == "warning"
    assert "no temp_file_limit: one sort may fill the server's disk" in limit.found
    assert limit.remedy == f"as a superuser: alter role \"{roles.prefix}_report\" set temp_file_limit = '8GB'"

"""A database with something to steal and to break, and the role that `reportd grants` makes for reports."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

from reportd.cli import grants
from reportd.db.pool import Pool, create_pool
from tests import postgres
from tests.postgres import Databases

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# What is there besides reportd's own tables. Everybody may use the sequence and the functions, so that what stops a
# report there is not a right that happens to lack.
_FURNITURE = """
create table orders as select n as id, 'region ' || n as region, n * 10.5 as amount from generate_series(1, 3) as n;
create table audit (said text);
create schema hr;
create table hr.pay as select 'Ada' as name, 90000 as amount;
create sequence numbers;
grant usage on sequence numbers to public;
grant insert, update, delete, truncate on audit to public;
create function writes(said text) returns text language sql security definer
  as 'insert into audit values (said) returning said';
create function writes_as_caller(said text) returns text language sql
  as 'insert into audit values (said) returning said';
create procedure proceeds() language plpgsql as 'begin insert into audit values (''proceeded''); commit; end';
create table ledger (tenant name, amount numeric);
insert into ledger values ({report}, 1), ('another_tenant', 999);
alter table ledger enable row level security;
create policy own on ledger using (tenant = current_user);
insert into reportd.kinds (name, type, title, content_hash) values ('small', 'report', 'Small', 'x');
insert into reportd.jobs (kind, tenant, params) values ('small', 'another_tenant', '{{"note": "confidential"}}');
do $$ begin
  if exists (select from pg_available_extensions where name = 'dblink') then
    create extension dblink;
  end if;
end $$;
"""

# All that a report could leave behind for others to find, but for files.
_STATE = """
select json_build_object(
  'relations', (select json_agg(oid::regclass::text order by 1) from pg_class where relnamespace::regnamespace::text
                in ('public', 'hr', 'reportd') or relnamespace::regnamespace::text like 'pg\\_temp%'),
  'functions', (select count(*) from pg_proc),
  'orders', (select json_agg(o order by id) from orders as o),
  'audit', (select count(*) from audit),
  'pay', (select json_agg(p) from hr.pay as p),
  'ledger', (select json_agg(l order by amount) from ledger as l),
  'numbers', (select json_build_array(last_value, is_called) from numbers),
  'jobs', (select json_agg(json_build_array(id, status, tenant)) from reportd.jobs),
  'large objects', (select count(*) from pg_largeobject_metadata),
  'rights', (select json_agg(r) from pg_roles as r where rolname = $1),
  'memberships', (select count(*) from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = $1),
  'extensions', (select json_agg(extname order by 1) from pg_extension)
)::text
"""

# What a session can carry from one job to the next.
_SESSION = """
select session_user = $1 and current_user = $1 as is_itself,
  pg_my_temp_schema() as temporary_schema,
  (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory') as locks,
  (select count(*) from pg_prepared_statements where name not like '\\_\\_asyncpg%') as statements,
  (select count(*) from pg_cursors where name <> '') as cursors,
  (select count(*) from pg_listening_channels()) as channels,
  (select json_object_agg(name, setting) from pg_settings where source = 'session')::text as settings
"""


@dataclass(frozen=True)
class Ground:
    """The database: `admin_dsn` is a superuser's, `report_dsn` logs in as `report_role`."""

    admin_dsn: str
    report_dsn: str
    report_role: str

    async def state(self, admin: Connection) -> str:
        """What is in the database, as text to compare."""
        found: str = await admin.fetchval(_STATE, self.report_role)
        return found

    async def session(self, pool: Pool) -> dict[str, Any]:
        """What a session of `pool` carries along, as the next job would find it."""
        async with pool.acquire() as connection:
            assert not connection.is_in_transaction()
            row = await connection.fetchrow(_SESSION, self.report_role)
            assert row is not None
            return dict(row)


@pytest.fixture(scope="session")
def ground(databases: Databases) -> Iterator[Ground]:
    """The database, furnished once for all tests: none of them may change it."""
    prefix = f"probe_{secrets.token_hex(4)}"
    roles = {role: f"{prefix}_{role}" for role in ("owner", "worker", "report", "producer", "reader")}
    password = secrets.token_hex(8)
    dsn = postgres.with_database(databases.dsn, prefix)

    async def furnish() -> None:
        server = await asyncpg.connect(databases.dsn)
        await server.execute(f"create database {prefix} template {databases.template}")
        await server.close()
        admin = await asyncpg.connect(dsn)
        await admin.execute(grants.sql(roles, schemas=("public",)))
        await admin.execute(_FURNITURE.format(report=f"'{roles['report']}'"))
        await admin.execute(grants.sql(roles, schemas=("public",)))
        await admin.execute(f"alter role {roles['report']} password '{password}'")
        await admin.close()

    async def clear() -> None:
        server = await asyncpg.connect(databases.dsn)
        await server.execute(f"drop database {prefix} with (force)")
        for name in roles.values():
            await server.execute(f"drop role {name}")
        await server.close()

    postgres.run(furnish())
    try:
        yield Ground(dsn, _logged_in(dsn, roles["report"], password), roles["report"])
    finally:
        postgres.run(clear())


@pytest.fixture
async def admin(ground: Ground) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(ground.admin_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def pool(ground: Ground) -> AsyncIterator[Pool]:
    """Connections as the daemon's to what reports read; one, so that each job gets what the one before has left."""
    pool = await create_pool(
        ground.report_dsn, min_size=0, max_size=1, application_name="reportd report", statement_cache_size=0
    )
    yield pool
    await pool.close()


def _logged_in(dsn: str, role: str, password: str) -> str:
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{quote(role)}:{password}@{place}{parts.path}{query}"

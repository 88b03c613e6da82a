"""What `reportd doctor` asks the database: version, durability, LISTEN, clock, rights, schema, who holds it back."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from reportd.cli.finding import Finding, fault, ok, warning
from reportd.db import migrate, server
from reportd.db.client import client
from reportd.db.listen import ANSWER_S, listen
from reportd.db.queries import Connection
from reportd.db.server import Facts
from reportd.errors import DatabaseUnavailable, ReportdError, SchemaError

_CLOCK_LIMIT = timedelta(seconds=2)
_SNAPSHOT_LIMIT_S = 600.0


async def queue(dsn: str, *, listen_dsn: str | None) -> AsyncIterator[Finding]:
    """The database that holds the queue; `listen_dsn` None: the configuration does without LISTEN."""
    try:
        async with client(dsn, application_name="reportd doctor") as connection:
            facts = await server.facts(connection)
            yield _version(facts)
            for finding in _durability(facts):
                yield finding
            yield _clock(facts)
            async for finding in _schema(connection):
                yield finding
            yield await _horizon(connection)
            yield await _listen(connection, listen_dsn)
    except ReportdError as error:
        yield fault(
            "postgres", error.message, str(error.detail.get("hint") or "start the server, or correct the address")
        )


async def source(dsn: str, *, same: bool) -> AsyncIterator[Finding]:
    """The database that reports read; `same`: it is reached as the queue's is."""
    try:
        async with client(dsn, application_name="reportd doctor") as connection:
            facts = await server.facts(connection)
            writable = await server.writable_tables(connection, limit_rows=4)
            others = await server.memberships(connection, limit_rows=4)
            limit = await server.temp_file_limit(connection)
    except ReportdError as error:
        yield fault("report source", error.message, str(error.detail.get("hint") or "correct database.report_dsn"))
        return
    yield _spill(facts, limit)
    said = f"{facts.database} as {facts.role}"
    if facts.is_superuser:
        said += ", a superuser"
    elif writable:
        said += f", which may change {_few(writable)}"
    elif others:
        said += f", which may become {_few(others)}"
    else:
        yield ok("report source", f"{said}, which may change no table and become no other role")
        return
    what = "set database.report_dsn to" if same else "use"
    yield warning(
        "report source",
        said,
        f"{what} a login role with nothing but SELECT: reportd grants prints the SQL; queries run read-only either way",
    )


def _spill(facts: Facts, limit: str | None) -> Finding:
    """How much of the server's disk one report's sort may take."""
    if facts.is_superuser:
        return ok("temp files", "a report's session gets the limit of fetch.temp_bytes_max")
    if limit is None:
        said = f"{facts.role} has no temp_file_limit: one sort may fill the server's disk, which stops every database"
        return warning("temp files", said, f"as a superuser: alter role \"{facts.role}\" set temp_file_limit = '8GB'")
    return ok("temp files", f"at most {limit} for each session of {facts.role}")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def _version(facts: Facts) -> Finding:
    said = f"PostgreSQL {facts.version_text}, database {facts.database}, role {facts.role}"
    if facts.version < migrate.SERVER_MIN:
        return fault("postgres", said, f"use PostgreSQL {migrate.SERVER_MIN // 10000} or later")
    if facts.is_standby:
        return fault("postgres", f"{said}, a standby", "the queue needs the primary; reports may read from a standby")
    return ok("postgres", said)


def _durability(facts: Facts) -> list[Finding]:
    off = [name for name in ("fsync", "full_page_writes") if not getattr(facts, name)]
    if off:
        said = f"{' and '.join(off)} off: a crash of the machine can destroy the database"
        return [fault("durability", said, "; ".join(f"alter system set {name} = on" for name in off))]
    if facts.synchronous_commit == "off":
        said = "synchronous_commit off: a crash can lose the last commits, so a job may run twice"
        return [warning("durability", said, "alter system set synchronous_commit = on")]
    return [ok("durability", f"fsync, full_page_writes on, synchronous_commit {facts.synchronous_commit}")]


def _clock(facts: Facts) -> Finding:
    apart = abs(datetime.now(UTC) - facts.now)
    said = f"{apart.total_seconds():.1f} s apart from the server's"
    if apart > _CLOCK_LIMIT:
        return warning("clock", said, "run chrony or systemd-timesyncd on both; due times go by the server's clock")
    return ok("clock", said)


async def _schema(connection: Connection) -> AsyncIterator[Finding]:
    try:
        await migrate.check(connection)
    except SchemaError as error:
        yield fault("schema", error.message, str(error.detail.get("hint") or "reportd migrate"))
        return
    yield ok("schema", f"{migrate.migrations()[-1].name}, this version's")
    missing = await server.missing_rights(connection)
    if missing:
        names = ", ".join(missing[:4]) + (" …" if len(missing) > 4 else "")
        remedy = "grant select, insert, update, delete on all tables in schema reportd to this role"
        yield fault("rights", f"the role may not read and write {names}", remedy)
    else:
        yield ok("rights", "the role may read and write every table of the schema")


async def _horizon(connection: Connection) -> Finding:
    oldest = await server.oldest_snapshot(connection)
    if oldest is None or oldest.seconds < _SNAPSHOT_LIMIT_S:
        return ok("vacuum", "no old snapshot holds it back")
    name = oldest.application_name or "unnamed"
    said = f"pid {oldest.pid} ({name}) has held a snapshot for {oldest.seconds / 60:.0f} min"
    return warning(
        "vacuum", said, f"dead rows pile up meanwhile; if it is idle: select pg_terminate_backend({oldest.pid})"
    )


async def _listen(connection: Connection, dsn: str | None) -> Finding:
    if dsn is None:
        return warning("listen", "switched off", "jobs wait for the next poll; set database.notify = true")
    channel = f"reportd_doctor_{secrets.token_hex(4)}"
    try:
        async with listen(dsn, _nothing, channel=channel, say=partial(_say, connection)) as ear:
            if await ear.hears():
                return ok("listen", "a notification came through")
        said = f"no notification within {ANSWER_S:.0f} s"
    except DatabaseUnavailable as error:
        said = error.message
    remedy = "behind pgbouncer set database.listen_dsn to the server itself; polling works meanwhile"
    return warning("listen", said, remedy)


async def _say(connection: Connection, channel: str) -> None:
    await server.notify(connection, channel=channel)


def _nothing() -> None:
    pass

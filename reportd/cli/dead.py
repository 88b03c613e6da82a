"""`reportd dead`: the jobs that failed for good, to look at, retry, discard or take elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from reportd.cli.asking import asked
from reportd.cli.options import database_options, json_option
from reportd.cli.output import emit_json, emit_table, moment
from reportd.db import dead as db_dead
from reportd.db import jobs as db_jobs
from reportd.db.dead import Search
from reportd.db.jobs import JobRow
from reportd.db.queries import Connection
from reportd.errors import Refused

Command = TypeVar("Command", bound=Callable[..., Any])


def _search_options(command: Command) -> Command:
    """`--queue`, `--kind`, `--tenant`, `--code`: which of the failed jobs."""
    for name, what in (
        ("code", "with this error code, such as timeout"),
        ("tenant", "of this tenant"),
        ("kind", "of this kind"),
        ("queue", "of this queue"),
    ):
        command = click.option(f"--{name}", help=f"Only jobs {what}.")(command)
    return command


@click.group()
def dead() -> None:
    """Failed jobs: list, show, retry, discard, export."""


@dead.command("list")
@_search_options
@click.option("--before", type=int, metavar="ID", help="Only jobs older than this one: the next page.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@json_option
@database_options
def list_(
    *, before: int | None, limit: int, as_json: bool, dsn: str | None, config_path: Path | None, **search: str | None
) -> None:
    """The latest failed jobs, newest first."""
    rows = asked(
        dsn, config_path, lambda connection: db_dead.list_(connection, Search(**search), limit=limit, before=before)
    )
    if as_json:
        emit_json([dict(row) for row in rows])
    elif rows:
        emit_table(
            ("id", "kind", "queue", "tenant", "failed", "tries", "code", "error"),
            [_line(row) for row in rows],
            right=("id", "tries"),
        )
    else:
        click.echo("no failed jobs", err=True)


@dead.command()
@click.argument("id", type=int)
@database_options
def show(*, id: int, dsn: str | None, config_path: Path | None) -> None:
    """One failed job and its tries, all of it, as JSON."""

    async def found(connection: Connection) -> dict[str, Any]:
        row = await db_jobs.get(connection, id)
        if row["status"] != "failed":
            raise Refused(f"job {id} is {row['status']}, not failed", hint=f"reportd jobs show {id}")
        return {**row, "attempts": [dict(attempt) for attempt in await db_jobs.attempts(connection, id)]}

    emit_json(asked(dsn, config_path, found))


@dead.command()
@click.argument("ids", type=int, nargs=-1)
@_search_options
@json_option
@database_options
def retry(
    *, ids: tuple[int, ...], as_json: bool, dsn: str | None, config_path: Path | None, **search: str | None
) -> None:
    """Make failed jobs pending again: those named, or all that the options fit."""

    async def done(connection: Connection) -> int:
        for id in ids:
            await db_jobs.retry(connection, id)
        return len(ids) or await db_dead.retry(connection, Search(**search))

    _one_of(ids, search)
    _tell("retried", asked(dsn, config_path, done), as_json=as_json)


@dead.command()
@click.argument("ids", type=int, nargs=-1)
@_search_options
@json_option
@database_options
def discard(
    *, ids: tuple[int, ...], as_json: bool, dsn: str | None, config_path: Path | None, **search: str | None
) -> None:
    """Remove failed jobs with their tries: those named, or all that the options fit."""

    async def done(connection: Connection) -> int:
        return await db_dead.discard(connection, ids or None, Search(**search))

    _one_of(ids, search)
    _tell("discarded", asked(dsn, config_path, done), as_json=as_json)


@dead.command()
@_search_options
@database_options
def export(*, dsn: str | None, config_path: Path | None, **search: str | None) -> None:
    """Every failed job that the options fit, oldest first, as one line of JSON each."""

    async def written(connection: Connection) -> None:
        async for row in db_dead.all_(connection, Search(**search)):
            click.echo(json.dumps(dict(row), default=str, ensure_ascii=False))

    asked(dsn, config_path, written)


def _one_of(ids: Sequence[int], search: dict[str, str | None]) -> None:
    if bool(ids) == any(search.values()):
        raise click.UsageError("name jobs by their ids, or say which with --queue, --kind, --tenant or --code")


def _tell(what: str, count: int, *, as_json: bool) -> None:
    if as_json:
        emit_json({what: count})
    else:
        click.echo(f"{count} {what}")


def _line(row: JobRow) -> tuple[object, ...]:
    error = row["error"]
    return (
        row["id"],
        row["kind"],
        row["queue"],
        row["tenant"],
        moment(row["finished_at"]),
        row["failures"] + row["crashes"],
        error["code"],
        error["message"].splitlines()[0][:120] if error["message"] else None,
    )

"""`reportd queues`: list, pause, resume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from reportd.cli.asking import asked
from reportd.cli.options import Command, database_options, json_option
from reportd.cli.output import emit_json, emit_table, moment
from reportd.db import queues as db_queues
from reportd.db.queries import Connection
from reportd.db.queues import QueueStats

_NUMBERS = ("waiting", "delayed", "active", "completed", "failed", "cancelled")


@click.group()
def queues() -> None:
    """List, pause and resume queues; pause kinds and tenants."""


@queues.command("list")
@json_option
@database_options
def list_(*, as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """Every queue in numbers: waiting (due) and delayed are counted up to 10,000."""
    rows = asked(dsn, config_path, db_queues.stats)
    if as_json:
        emit_json([asdict(row) for row in rows])
    elif rows:
        emit_table(
            ("queue", *_NUMBERS, "oldest", "state"),
            [
                (
                    row.queue,
                    *(getattr(row, number) for number in _NUMBERS),
                    moment(row.oldest),
                    "paused" if row.paused else "runs",
                )
                for row in rows
            ],
            right=_NUMBERS,
        )
    else:
        click.echo("no queues yet: a first job makes one", err=True)


def _paused(command: Command) -> Command:
    """What a pause is of: queues, a kind, a tenant; one of them at least."""
    names = click.argument("names", metavar="[QUEUE]…", nargs=-1)
    kind = click.option("--kind", "kinds", multiple=True, help="A kind of job, in every queue; may be repeated.")
    tenant = click.option("--tenant", "tenants", multiple=True, help="A tenant's jobs; may be repeated.")
    return names(kind(tenant(json_option(database_options(command)))))


@queues.command()
@_paused
def pause(**given: Any) -> None:
    """Claim nothing more from these queues, of this kind, for this tenant.

    What runs goes on; new jobs are accepted and wait.
    """
    _set(paused=True, **given)


@queues.command()
@_paused
def resume(**given: Any) -> None:
    """Let what was paused run again."""
    _set(paused=False, **given)


def _set(
    *,
    names: Sequence[str],
    kinds: Sequence[str],
    tenants: Sequence[str],
    dsn: str | None,
    config_path: Path | None,
    as_json: bool,
    paused: bool,
) -> None:
    if not (names or kinds or tenants):
        raise click.UsageError("name a QUEUE, --kind or --tenant")
    change = db_queues.pause if paused else db_queues.resume

    async def done(connection: Connection) -> list[QueueStats]:
        found: list[QueueStats] = []
        for kind in kinds:
            await change(connection, kind=kind)
        for tenant in tenants:
            await change(connection, tenant=tenant)
        for name in names:
            await change(connection, name)
            found += await db_queues.stats(connection, name)
        return found

    rows = asked(dsn, config_path, done)
    if as_json:
        others = [{"kind": name, "paused": paused} for name in kinds] + [
            {"tenant": name, "paused": paused} for name in tenants
        ]
        emit_json([*(asdict(row) for row in rows), *others])
        return
    state = "paused" if paused else "runs"
    for name in names:
        row = next((row for row in rows if row.queue == name), None)
        waiting = f", {row.waiting} waiting, {row.active} active" if row else ""
        click.echo(f"{name} {state}{waiting}")
    for word, listed in (("kind", kinds), ("tenant", tenants)):
        for name in listed:
            click.echo(f"{word} {name} {state}")

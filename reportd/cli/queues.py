"""`reportd queues`: list, pause, resume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from reportd.cli.asking import asked
from reportd.cli.options import database_options, json_option
from reportd.cli.output import emit_json, emit_table, moment
from reportd.db import queues as db_queues
from reportd.db.queries import Connection
from reportd.db.queues import QueueStats

_NUMBERS = ("waiting", "delayed", "active", "completed", "failed", "cancelled")


@click.group()
def queues() -> None:
    """List, pause and resume queues."""


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


@queues.command()
@click.argument("names", metavar="QUEUE…", nargs=-1, required=True)
@json_option
@database_options
def pause(*, names: tuple[str, ...], as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """Claim nothing more from these queues. What runs goes on; new jobs are accepted and wait."""
    _set(names, dsn, config_path, as_json=as_json, paused=True)


@queues.command()
@click.argument("names", metavar="QUEUE…", nargs=-1, required=True)
@json_option
@database_options
def resume(*, names: tuple[str, ...], as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """Let paused queues run again."""
    _set(names, dsn, config_path, as_json=as_json, paused=False)


def _set(names: Sequence[str], dsn: str | None, config_path: Path | None, *, as_json: bool, paused: bool) -> None:
    async def done(connection: Connection) -> list[QueueStats]:
        found: list[QueueStats] = []
        for name in names:
            await (db_queues.pause if paused else db_queues.resume)(connection, name)
            found += await db_queues.stats(connection, name)
        return found

    rows = asked(dsn, config_path, done)
    if as_json:
        emit_json([asdict(row) for row in rows])
        return
    for name in names:
        row = next((row for row in rows if row.queue == name), None)
        waiting = f", {row.waiting} waiting, {row.active} active" if row else ""
        click.echo(f"{name} {'paused' if paused else 'runs'}{waiting}")
